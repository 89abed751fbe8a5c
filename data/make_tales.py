#!/usr/bin/env python3
"""The built-in corpus ``tales``: very short animal fables, and a judge for imitations of them.

    python data/make_tales.py write [--out data/tales.txt]    writes tales.txt and tales.json
    python data/make_tales.py check FILE [--json]             judges a text that a model wrote
    attn generate ... | python data/make_tales.py check -     the same, from standard input

A tale is a title, a story in short paragraphs and a moral, then a form feed, which ends the
document: a model that starts from a form feed begins a new tale. The tales come from a small
probabilistic grammar, written below as data. Every choice is uniform and shows in the text, so
each tale has exactly one derivation, and what is usually estimated is known exactly here:

- the entropy of the corpus in bits per character, by recursion over the grammar (`expected`);
- the probability of any tale, by parsing it (`probability`), or of its beginning
  (`prefix_probability`), hence the lowest loss that any model can hope for on the validation
  split (`validation_bits`);
- whether a text is a tale at all, and if not, what is wrong with it (`check`).

The output is the same on every Python version: the one source of chance is
``random.Random(seed).random()``, whose sequence Python promises to keep.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

SEED = 1
TALES = 2020
CORPUS = Path(__file__).with_name("tales.txt")

# ------------------------------------------------------------------------------- 1. the words
#
# Each pool lists the words that a slot may take. Rules that keep the grammar unambiguous and the
# English correct: within a pool no word begins another; a word with a vowel first takes "an".

HE = "Albert Basil Felix Gus Hugo Ned Otto Wilbur"
SHE = "Clara Edith Flora Greta Ida Mabel Nell Poppy"

# animal: where it lives, how it goes
ANIMALS = {
    "bear": ("cave", "ambled"),
    "duck": ("pond", "waddled"),
    "fox": ("den", "trotted"),
    "frog": ("puddle", "hopped"),
    "hedgehog": ("hedge", "shuffled"),
    "mole": ("tunnel", "shuffled"),
    "mouse": ("hole", "scurried"),
    "otter": ("river", "ambled"),
    "owl": ("oak", "fluttered"),
    "pig": ("sty", "trotted"),
    "squirrel": ("tree", "scampered"),
    "toad": ("flowerpot", "crawled"),
}

WORDS = {
    # One {weather} {time}, beside the {look} {landmark}
    "weather": "breezy bright chilly cloudy foggy misty rainy sunny",
    "time": "morning afternoon evening day",
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "month": "April June August October December",
    "number": "three five ten eleven twelve twenty thirty fifty ninety",
    "look": "crooked little lonely mossy old quiet sunny tall",
    "landmark": "barn bridge cottage garden lighthouse orchard school well",
    # {trait.an} {a} named {A}
    "trait": "brave busy careful cheerful curious kind quiet sleepy small young",
    "insect": "ant beetle bumblebee caterpillar ladybird snail",
    "mood": "bored busy lazy nosy solemn worried",
    # what one says before anything else
    "oh": """dear me, fancy that, good grief, goodness me, great acorns, heavens, jumping
        jam, sweet turnips""",
    "grandly": "boldly brightly loudly proudly",
    "gently": "gently kindly quietly softly",
    "crossly": "crossly loudly",
    "sadly": "faintly glumly sadly slowly",
    "colour": "blue green purple red spotted yellow",
    "quality": "big dusty floppy new old rusty small squeaky",
    "ripe": "fresh juicy round sweet",
    "spot": """under the bed, in the teapot, behind the clock, up the chimney, inside the
        piano, in the flour bin""",
    "vessel": "barrel basket box bucket crate pot sack tub",
    "fruit": "acorns apples carrots cherries figs peaches pears plums",
    "flavour": "apple cheese ginger honey lemon plum",
    "bake": "biscuit bun cake muffin pie tart",
    "thing": "bell broom bucket button clock drum feather kettle pillow spoon teapot umbrella",
    "craft": "bench boat bridge cart chair gate ladder raft swing table",
    "tool": "bolt brush hammer ladle rope saw shovel spanner",
    "event": "ball fair feast market parade party picnic play",
    "skill": "bow dance hop juggle leap skip somersault spin",
    "stand": "barrel bench box bucket chair crate log table",
    "mess": "ditch, flower bed, haystack, jam tub, mud bath, pond, puddle, rain barrel",
    "headgear": "bonnet, cap, crown, helmet, hood, nightcap, straw hat, top hat",
    "noise": "bang bump buzz creak rattle squeak thump whistle",
    "room": "attic barn cellar cupboard hall kitchen pantry shed",
    "beast": "dragon ghost giant goblin monster ogre troll wizard",
    "doing": "bouncing dripping giggling humming leaning rolling snoring tapping",
    "crock": "bowl cup dish jug mug plate saucer teapot",
    "warm": "blanket cape cloak coat jacket jumper scarf shawl",
    "light": "candle lamp lantern torch",
    "part": "elbows eyes feet horns knees noses tails teeth",
}

# ------------------------------------------------------------------------------- 2. the plots
#
# [this|that] is a choice, {slot} a word and <name> one of the fragments below. A slot is drawn at
# its first mention in a tale and keeps its value; {A.his} or {b.home} is another form of the same
# value, and a capital in the form capitalises it. A and B are the names of the two characters, a
# and b their animals. {spot2} is a second word from the pool of {spot}, never the same. {_day} is
# drawn afresh wherever it stands, and not kept.
#
# Two rules keep every tale clear, and let `check` judge texts that are no longer quite tales:
# the first mention of a name is "NAME the ANIMAL" or "ANIMAL named (or called) NAME", and outside
# quotations a "he" or "she" stands for the character last mentioned before it.

FRAGMENTS = {
    "when": """[One {_weather} {_time}|Early one {_weather} {_day}|On {_weather.an} {_time} in \
{_month}|Late one {_weather} {_month}]""",
    "place": "[behind|beside|by|near] the {_look} {_landmark}",
    "A": "[{_trait.an} {a} named {A}|{_trait.an} {a} called {A}|{_trait} {A} the {a}]",
    "B": "[{_trait.an} {b} named {B}|{_trait.an} {b} called {B}|{_trait} {B} the {b}]",
    "cap_B": "[{_trait.An} {b} named {B}|{_trait.An} {b} called {B}|{_trait.Word} {B} the {b}]",
    "insect": "{_mood.an} {_insect}",
    "thing": "{_quality.an} {_thing}",
    "treat": "{_flavour.an} {_bake}",
    "oh": "{_oh.Word}",
    "asked": "[asked|wondered]",
    "bragged": "[announced|boasted|sang|said]",
    "cried": "[called|cried|shouted|yelled]",
    "laughed": "[chuckled|giggled|laughed|smiled]",
    "said": "[answered|replied|said|whispered]",
    "sighed": "[groaned|mumbled|sighed|sniffed]",
    "lesson": "[And so|Moral|Remember|The lesson]:",
}

Step = tuple[str, ...]  # ways of writing one sentence


class Plot(NamedTuple):
    """A kind of tale. Its moral follows from what happens in it, so it has its own."""

    name: str
    title: str
    story: tuple[tuple[Step, ...], ...]  # paragraphs of sentences
    moral: Step


PLOTS = (
    Plot(
        name="sharing",
        title="The {a} and the {vessel} of {fruit}",
        story=(
            (
                (
                    "<when>, <A> [found|won|bought|was given] {_quality.an} {vessel} of {_ripe} "
                    "{fruit} <place>.",
                ),
                ('"<oh>, all mine," <bragged> {A} {_grandly}, [hugging|waving] <thing>.',),
            ),
            (
                ('"[May I try|Could you spare|Might I have] one?" <asked> <B> {_gently}.',),
                (
                    '"They [are shy|bite|are asleep|sting|are counted|tickle]," <said> {A} '
                    "{_grandly}, and {a.went} past <insect>.",
                ),
            ),
            (
                (
                    "But {A} [tripped over|bumped into|slipped on|sat on] <thing>, and out "
                    "[rolled|bounced|tumbled|hopped] the {fruit}.",
                ),
                (
                    "{B} [gathered|caught|fetched] {_number}, and {A} <sighed> {_sadly}, "
                    '"[Half are yours|Stay for supper|Bring a spoon|Let us share]."',
                ),
            ),
        ),
        moral=(
            "{fruit} taste [sweeter|better|best] [with a friend|when shared|in company].",
            "a shared {vessel} [is lighter|feeds two hearts|never spills].",
        ),
    ),
    Plot(
        name="help",
        title="The {a} and the {colour} {craft}",
        story=(
            (
                (
                    "<when>, <A> [began|set out|chose] to build {_quality.an} {colour} {craft} "
                    "<place>.",
                ),
                ('"I need nobody, just <thing>," <bragged> {A} {_grandly}.',),
            ),
            (
                ("[Soon|Then] <B> came by with {_quality.an} {tool} and <treat>.",),
                (
                    '"[Not today|No, thank you|Never]," <said> {A}, [glued to|sitting on|painting|'
                    "sawing] <thing>.",
                ),
            ),
            (
                (
                    '"<oh>, it leans like <insect>," <sighed> {A} {_sadly}, "[please help|lend me '
                    'that {tool}|do stay]."',
                ),
                (
                    "So {B} [measured|planed|sawed], {A} [hammered|painted|sanded], and by {_day} "
                    "it held <treat>.",
                ),
            ),
        ),
        moral=(
            "asking for help is [half the work|a skill too|quicker than glue|never silly].",
            "a {tool} and a friend [make short work|build a better {craft}].",
        ),
    ),
    Plot(
        name="hurry",
        title="The {a} who ran to the {event}",
        story=(
            (
                ("<when>, <A> and <B> set out for the {event}.",),
                (
                    '"<oh>, [quick|hurry|run|faster]!" <cried> {A}, and [dashed|raced|rushed|tore] '
                    "past <insect>.",
                ),
            ),
            (
                (
                    "But {A} forgot {A.his} {_quality} {thing}, and [ran|sped|puffed] back "
                    "{_number} miles.",
                ),
                ("Next it was {A.his} {_quality} {_thing}, and {A.he} ran again.",),
                (
                    "{B} [walked|strolled|wandered|ambled] on {_gently}, [greeting|humming to|"
                    "nodding to|chatting with] <insect>.",
                ),
            ),
            (
                ("When {A} arrived at last, {B} was [eating|sharing|slicing|buttering] <treat>.",),
                (
                    '"I saw [dust|my door|one hen|the {thing}], {_number} times," <sighed> {A} '
                    "{_sadly}.",
                ),
            ),
        ),
        moral=(
            "[who hurries most|who will not think first] [runs twice|comes last|misses the view].",
            "the [quickest|shortest] way to the {event} is to [pack first|go only once].",
        ),
    ),
    Plot(
        name="boasting",
        title="The {a} and the {mess}",
        story=(
            (
                (
                    "<when>, <A> [climbed|hopped|stepped|scrambled] onto {_quality.an} {stand} "
                    "<place>.",
                ),
                (
                    '"Nobody can {skill} [like me|as I can|half as well]," <bragged> {A} '
                    "{_grandly}.",
                ),
                ('"<oh>," <said> <B>, [mending|painting|polishing|washing] <thing>.',),
            ),
            (
                ('"Now I {skill} with <thing> on my head!" <cried> {A} {_grandly}.',),
                (
                    "[Bump|Splash|Whoops|Thump], and {A} [went|flew|sailed|rolled] past <insect> "
                    "into the {mess}.",
                ),
            ),
            (
                (
                    '"The [best|boldest|finest|longest] {mess} dive in {_number} years," <laughed> '
                    "{B} {_gently}, [fishing|pulling] {A} out.",
                ),
            ),
        ),
        moral=(
            "the [louder|bigger] the boast, the [deeper|nearer|wetter] the {mess}.",
            "[pride|a boaster] [stands|dances] on a [wobbly|very small|borrowed] {stand}.",
        ),
    ),
    Plot(
        name="blaming",
        title="The {a} who lost a {headgear}",
        story=(
            (
                ("<when>, <A> could not find {A.his} {_quality} {colour} {headgear} <place>.",),
                (
                    "{A} looked {_spot}, and asked <insect>.",
                    "It was not {spot}, and not {spot2}.",
                ),
                (
                    '"[A thief|A robber|Who has it]!" <cried> {A}, and {a.went} {_crossly} to the '
                    "door of <B>.",
                ),
            ),
            (
                ('"Give me my {colour} {headgear}!" <cried> {A} {_crossly}, waving <thing>.',),
                (
                    '"[It is|Look|See what is] on your head," <said> {B} {_gently}, [eating|'
                    "sharing|slicing|buttering] <treat>.",
                ),
            ),
            (('"<oh>, I looked everywhere but up," <sighed> {A} {_sadly}.',),),
        ),
        moral=(
            "look [on your own head|at home|twice|up] before you blame [a friend|others].",
            "[who blames first|a quick finger] [must say sorry|points the wrong way].",
        ),
    ),
    Plot(
        name="fear",
        title="The {a} and the {noise} in the {room}",
        story=(
            (
                (
                    "One {_weather} night in {_month}, <A> heard a {noise} in the {room}.",
                    "Late one {_weather} {_day}, there was a {noise} in the {room} of <A>.",
                ),
                (
                    '"It is {beast.an} with {_number} {_part}," [breathed|squeaked|whispered] {A} '
                    "{_sadly}, hiding {_spot}.",
                ),
            ),
            (
                ("<cap_B> [came|ran|looked] in with {_quality.an} {light} and <treat>.",),
                (
                    '"<oh>, [does it bite|has it a name|is it hungry|does it sing]?" <asked> {B} '
                    "{_gently}.",
                ),
            ),
            (
                (
                    "In the {room} they found no {beast}, only {_quality.an} {thing}, "
                    "{_doing} {_gently} at <insect>.",
                ),
                ('"<oh>," <laughed> {A}, and [bowed|waved|sang] {_gently} to the {thing}.',),
            ),
        ),
        moral=(
            "a {light} and a friend make any {beast} [small|shy|vanish|polite].",
            "[look closely|open the door], and the {beast} [shrinks|goes away|is gone].",
        ),
    ),
    Plot(
        name="honesty",
        title="The {a} and the broken {crock}",
        story=(
            (
                ("<when>, <A> had tea with <B> <place>.",),
                (
                    "While {B} [fetched|sliced|buttered|praised] <treat>, {A} broke the {_quality} "
                    "{colour} {crock}.",
                ),
                ("{A} hid it {_spot}, [bowing|humming|smiling|whistling] {_sadly}.",),
            ),
            (
                ("{A} counted {_number} [stars|clouds|drops|cracks] and <sighed> {_sadly}.",),
                ("On {_day} {A.he} {a.went} back with <treat> and told [all|everything].",),
            ),
            (
                (
                    '"<oh>, it has leaked since {_month}," <laughed> {B} {_gently}.',
                    '"<oh>, I can mend {crock.an}," <laughed> {B} {_gently}, "but not a fib."',
                ),
                ("They glued it with {_flavour} [butter|custard|jam|syrup].",),
            ),
        ),
        moral=(
            "the truth [is lighter|weighs less|sleeps better] than a hidden {crock}.",
            "[a broken {crock}|any mistake] can be mended, once you [own up|tell].",
        ),
    ),
    Plot(
        name="kindness",
        title="The {a} with the {colour} {warm}",
        story=(
            (
                ("<when>, <A> met <B> <place>.",),
                (
                    '"[A-tishoo|Brrr|Atchoo|Hatchoo]," <sighed> {B} {_sadly}, as [blue|cold|damp|'
                    "wet] as <thing>.",
                ),
                ('"<oh>, take my {colour} {warm}," <said> {A} {_gently}.',),
            ),
            (
                ("One {_weather} {_day} in {_month}, {A} got stuck in {_quality.an} {_mess}.",),
                (
                    '"[Help|Hello|Hey]!" <cried> {A} {_sadly}, but only <insect> [answered|bowed|'
                    "heard|waved].",
                ),
                ("Along came {B}, munching <treat>, in {colour.an} {warm}.",),
                (
                    "One end of it, {_number} [pulls|tugs], and out [came|flew|popped|rolled|slid|"
                    "sprang] {A}.",
                ),
            ),
        ),
        moral=(
            "kindness [walks in a circle|finds its way home|comes back in time].",
            "a {warm} [given away|lent out] [warms two|comes back as a rope].",
        ),
    ),
)

# ------------------------------------------------------------------------------ 3. the grammar


@dataclass(frozen=True)
class Slot:
    """A place for a word of `pool`, in one of its forms; an empty `name` is not remembered."""

    name: str
    pool: str
    form: str


@dataclass(frozen=True)
class Choice:
    """Alternatives of equal probability."""

    alternatives: tuple[Nodes, ...]


Node = str | Slot | Choice
Nodes = tuple[Node, ...]
Bound = dict[str, tuple[int, ...]]  # slot name: the entries of its pool that it may still be
Entry = dict[str, str]  # form: text

CHARACTERS = {"A": "name", "B": "name", "a": "animal", "b": "animal"}
VOWELS = tuple("aeiou")


def _article(word: str) -> str:
    return ("an " if word.startswith(VOWELS) else "a ") + word


def _entry(word: str, **forms: str) -> Entry:
    """All forms of one word: as it is, with its article, and each of them capitalised."""
    entry = {"word": word, "an": _article(word), **forms}
    return entry | {form.capitalize(): text[:1].upper() + text[1:] for form, text in entry.items()}


def _pools() -> dict[str, list[Entry]]:
    he = {"he": "he", "him": "him", "his": "his"}
    she = {"he": "she", "him": "her", "his": "her"}
    pools = {
        "name": [_entry(name, **he) for name in HE.split()]
        + [_entry(name, **she) for name in SHE.split()],
        "animal": [
            _entry(animal, home=home, a_home=_article(home), went=went)
            for animal, (home, went) in ANIMALS.items()
        ],
    }
    for pool, words in WORDS.items():
        listed = words.split(",") if "," in words else words.split()
        pools[pool] = [_entry(" ".join(word.split())) for word in listed]
    return pools


POOLS = _pools()
_TOKEN = re.compile(r"\{(\w+)(?:\.(\w+))?\}|([\[|\]])|([^{}<>\[\]|]+)")


def _pool_of(name: str) -> str:
    return CHARACTERS.get(name, name.strip("_0123456789"))


def _slot(name: str, form: str) -> Slot:
    return Slot("" if name.startswith("_") else name, _pool_of(name), form or "word")


def _nodes(template: str) -> Nodes:
    """The template as nodes, its fragments written out."""
    while "<" in template:
        template = re.sub(r"<(\w+)>", lambda match: FRAGMENTS[match[1]], template)
    levels: list[list[list[Node]]] = [[[]]]  # open brackets; their alternatives so far; nodes
    end = 0
    for token in _TOKEN.finditer(template):
        if token.start() != end:
            break
        end = token.end()
        name, form, bracket, literal = token.groups()
        if bracket == "[":
            levels.append([[]])
        elif bracket == "|":
            levels[-1].append([])
        elif bracket == "]":
            choice = Choice(tuple(map(tuple, levels.pop())))
            levels[-1][-1].append(choice)
        else:
            levels[-1][-1].append(_slot(name, form) if name else literal)
    if end != len(template) or len(levels) != 1 or len(levels[0]) != 1:
        raise ValueError(f"template not understood at character {end}: {template!r}")
    return tuple(levels[0][0])


@dataclass(frozen=True)
class Grammar:
    """What the plots say, compiled: a tale, and each of the sentences that may occur in one."""

    tale: Nodes
    sentences: tuple[Nodes, ...]


@cache
def grammar() -> Grammar:
    """The grammar of the plots.

    Raises:
        ValueError: a template has unbalanced brackets or a stray sign.
        KeyError: a template names a fragment that does not exist.
    """
    plots: list[Nodes] = []
    sentences: list[Nodes] = []

    def sentence(step: Step, prefix: str = "") -> Node:
        alternatives = tuple(_nodes(prefix + template) for template in step)
        sentences.extend(alternatives)
        return Choice(alternatives)

    for plot in PLOTS:
        nodes: list[Node] = [sentence((plot.title,))]
        for paragraph in plot.story:
            for number, step in enumerate(paragraph):
                nodes += [" " if number else "\n\n", sentence(step)]
        plots.append((*nodes, "\n\n", sentence(plot.moral, prefix="<lesson> "), "\n\f"))
    return Grammar((Choice(tuple(plots)),), tuple(sentences))


def _candidates(slot: Slot, bound: Bound) -> tuple[int, ...]:
    """The entries that the slot may be: its own, or those that no other slot of the pool has."""
    if slot.name in bound:
        return bound[slot.name]
    entries = range(len(POOLS[slot.pool]))
    if not slot.name:
        return tuple(entries)
    taken = {
        values[0]
        for other, values in bound.items()
        if len(values) == 1 and _pool_of(other) == slot.pool
    }
    return tuple(entry for entry in entries if entry not in taken)


@cache
def _by_text(pool: str, form: str, candidates: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The candidates, grouped by how they read in this form."""
    groups: dict[str, tuple[int, ...]] = {}
    for entry in candidates:
        text = POOLS[pool][entry][form]
        groups[text] = (*groups.get(text, ()), entry)
    return groups


def derive(chance: random.Random) -> tuple[str, float]:
    """Write one tale.

    Returns:
        The tale, with the form feed that ends it, and its probability.
    """
    pending: list[Node] = list(reversed(grammar().tale))
    text: list[str] = []
    bound: Bound = {}
    probability = 1.0
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            text.append(node)
        elif isinstance(node, Choice):
            count = len(node.alternatives)
            pending += reversed(node.alternatives[int(chance.random() * count)])
            probability /= count
        else:
            candidates = _candidates(node, bound)
            entry = candidates[int(chance.random() * len(candidates))]
            probability /= len(candidates)
            if node.name:
                bound[node.name] = (entry,)
            text.append(POOLS[node.pool][entry][node.form])
    return "".join(text), probability


def _parses(nodes: Nodes, text: str, *, beginning: bool = False) -> Iterator[float]:
    """The probability of each derivation of the text, or of each that begins with the text.

    A slot that is not yet bound is bound to all entries that read like the text, and later
    mentions narrow these down: this is how a sentence is judged without those before it.
    """
    pending: list[tuple[Nodes, int, Bound, float]] = [(nodes, 0, {}, 1.0)]
    while pending:
        nodes, at, bound, probability = pending.pop()
        if at == len(text) and (beginning or not nodes):
            yield probability
        if (at == len(text) and beginning) or not nodes:
            continue
        head, rest = nodes[0], nodes[1:]
        if isinstance(head, Choice):
            share = probability / len(head.alternatives)
            pending += [(option + rest, at, bound, share) for option in head.alternatives]
            continue
        options: list[tuple[str, Bound, float]]
        if isinstance(head, str):
            options = [(head, bound, probability)]
        else:
            candidates = _candidates(head, bound)
            options = [
                (
                    word,
                    {**bound, head.name: group} if head.name else bound,
                    probability * len(group) / len(candidates),
                )
                for word, group in _by_text(head.pool, head.form, candidates).items()
                if text.startswith(word, at) or beginning
            ]
        for word, binding, share in options:
            if text.startswith(word, at):
                pending.append((rest, at + len(word), binding, share))
            elif beginning and word.startswith(text[at:]):
                yield share


def probability(tale: str) -> float:
    """The probability that the grammar writes exactly this tale; 0.0 if it never does.

    The tale ends with its newline and form feed. Its length in bits is ``-log2(probability)``.
    """
    return sum(_parses(grammar().tale, tale))


def prefix_probability(prefix: str) -> float:
    """The probability that a tale begins with the prefix; 0.0 if none does, 1.0 for ``""``."""
    return sum(_parses(grammar().tale, prefix, beginning=True))


def derivations(tale: str) -> int:
    """In how many ways the grammar writes the tale: 1, or 0 for a text that is no tale."""
    return sum(1 for _ in _parses(grammar().tale, tale))


class Expected(NamedTuple):
    """Exact expectations over all tales of the grammar."""

    bits: float  # entropy of a tale
    chars: float  # length of a tale, its form feed included

    @property
    def bits_per_char(self) -> float:
        """The entropy rate of an endless row of tales."""
        return self.bits / self.chars


def expected() -> Expected:
    """The entropy and the mean length of a tale, by recursion over the grammar.

    All choices are uniform, so a choice of n adds log2(n) bits to the mean over its alternatives,
    and by symmetry each slot, seen alone, is uniform over its pool: the mean length of a mention
    is the mean over the pool, whatever was drawn before.

    Raises:
        ValueError: the number of choices at a slot would depend on the path that leads to it
            (a slot bound on some paths only is used again), or its first mention does not tell
            which entry was drawn.
    """
    bits, chars, _, _ = _expect(grammar().tale, frozenset(), frozenset())
    return Expected(bits, chars)


def _expect(
    nodes: Nodes, bound: frozenset[Slot], loose: frozenset[Slot]
) -> tuple[float, float, frozenset[Slot], frozenset[Slot]]:
    """Bits and characters of the nodes, and the slots bound after them on all, on some paths."""
    bits = chars = 0.0
    for node in nodes:
        if isinstance(node, str):
            chars += len(node)
        elif isinstance(node, Choice):
            count = len(node.alternatives)
            results = [_expect(option, bound, loose) for option in node.alternatives]
            bits += math.log2(count) + sum(result[0] for result in results) / count
            chars += sum(result[1] for result in results) / count
            anywhere = frozenset[Slot]().union(*(result[2] | result[3] for result in results))
            bound = results[0][2].intersection(*(result[2] for result in results))
            loose = anywhere - bound
        else:
            texts = [entry[node.form] for entry in POOLS[node.pool]]
            chars += sum(map(len, texts)) / len(texts)
            identity = Slot(node.name, node.pool, "")
            if identity in bound:
                continue
            if len(set(texts)) < len(texts) or (
                node.name and any(other.pool == node.pool for other in loose)
            ):
                raise ValueError(f"the draw of {node} is not the same on every path")
            siblings = sum(other.pool == node.pool for other in bound) if node.name else 0
            bits += math.log2(len(texts) - siblings)
            if node.name:
                bound |= {identity}
    return bits, chars, bound, loose


def ambiguities() -> list[str]:
    """The pairs of alternatives, anywhere in the grammar, that a reader could take for another.

    Two alternatives are clear if no text of one begins a text of the other. If all are, then
    each tale has exactly one derivation. An empty list is the proof.
    """
    found: list[str] = []
    pending: list[Node] = list(grammar().tale)
    seen: set[Node] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, str) or node in seen:
            continue
        seen.add(node)
        if isinstance(node, Choice):
            options = node.alternatives
            pending += [child for option in options for child in option]
        else:
            options = tuple((text,) for text in {e[node.form] for e in POOLS[node.pool]})
        found += [f"{a} and {b}" for a, b in combinations(options, 2) if _collide(a, b, "")]
    return found


@cache
def _collide(left: Nodes, right: Nodes, lead: str) -> bool:
    """Whether a text of one begins a text of the other, when left is `lead` ahead of right."""
    if not lead and left and right and isinstance(left[0], Slot) and isinstance(right[0], Slot):
        a, b = left[0], right[0]
        if a.pool == b.pool and a.form == b.form == "word" and a.name and b.name:
            # one slot reads the same on both sides; two of a pool never do
            return a == b and _collide(left[1:], right[1:], "")
    if not right or not (lead or left):
        return True
    if not lead:
        left, right = right, left
    head, rest = right[0], right[1:]
    if isinstance(head, Choice):
        return any(_collide(left, option + rest, lead) for option in head.alternatives)
    texts = (
        [head]
        if isinstance(head, str)
        else _by_text(head.pool, head.form, tuple(range(len(POOLS[head.pool]))))
    )
    return any(
        _collide(left, rest, lead[len(text) :])
        if lead.startswith(text)
        else text.startswith(lead) and _collide(rest, left, text[len(lead) :])
        for text in texts
    )


# ------------------------------------------------------------------------------ 4. the checker

_WORD = re.compile(r"[A-Za-z]+")
_QUOTED = re.compile(r'"[^"]*"?')
_AFTER_SENTENCE = re.compile(r'\s+["A-Z]|\s*$')
_EXAMPLES = 5


@dataclass(frozen=True)
class Report:
    """What `check` found: how many there are of each thing, and how many are as they should be.

    Only whole words, sentences and tales are counted: not those that the beginning or the end of
    the text cuts off.
    """

    words: int
    valid_words: int  # in the vocabulary of the grammar, names included, capitals as written
    sentences: int
    derived_sentences: int  # that can stand in some tale; titles and morals count as sentences
    tales: int
    consistent_tales: int  # without `inconsistencies`
    derived_tales: int  # that the grammar derives from title to moral
    verbatim_tales: int | None  # that stand in the corpus; None if there is no corpus to look in
    examples: tuple[str, ...]  # the first few things that are wrong

    def shares(self) -> dict[str, float | None]:
        """Each count as a share of its kind, from 0 to 1; None where there is nothing to count."""
        pairs = {
            "valid_words": (self.valid_words, self.words),
            "derived_sentences": (self.derived_sentences, self.sentences),
            "consistent_tales": (self.consistent_tales, self.tales),
            "derived_tales": (self.derived_tales, self.tales),
            "verbatim_tales": (self.verbatim_tales, self.tales),
        }
        return {
            name: part / whole if whole and part is not None else None
            for name, (part, whole) in pairs.items()
        }


@cache
def vocabulary() -> frozenset[str]:
    """Every word that can occur in a tale, names included, with the capitals it can have."""
    words: set[str] = set()
    pending: list[Node] = list(grammar().tale)
    while pending:
        node = pending.pop()
        if isinstance(node, Choice):
            pending += [child for option in node.alternatives for child in option]
        elif isinstance(node, Slot):
            words.update(*(_WORD.findall(entry[node.form]) for entry in POOLS[node.pool]))
        else:
            words.update(_WORD.findall(node))
    return frozenset(words)


@cache
def derives_sentence(sentence: str) -> bool:
    """Whether the sentence (or title, or moral) can stand in some tale of the grammar."""
    return any(True for nodes in grammar().sentences for _ in _parses(nodes, sentence))


def split_sentences(text: str) -> list[str]:
    """The sentences of a text; a paragraph without a full stop, such as a title, is one too.

    A sentence ends with one of ``.!?`` outside quotation marks or just before a closing one,
    where a capital, a quotation or the end of the paragraph follows.
    """
    sentences: list[str] = []
    for paragraph in text.split("\n"):
        start, quoted = 0, False
        for at, sign in enumerate(paragraph):
            quoted ^= sign == '"'
            stop = sign in ".!?" or (sign == '"' and paragraph[at - 1 : at] in tuple(".!?"))
            if stop and not quoted and _AFTER_SENTENCE.match(paragraph, at + 1):
                sentences.append(paragraph[start : at + 1].strip())
                start = at + 1
        sentences.append(paragraph[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _alternation(pool: str) -> str:
    return "|".join(entry["word"] for entry in POOLS[pool])


_HE = {entry["word"]: entry["he"] for entry in POOLS["name"]}
_PRONOUNS = {"he": "he", "him": "he", "his": "he", "she": "she", "her": "she"}
_INTRODUCTION = re.compile(
    rf"\b(?P<name>{_alternation('name')}) the (?P<kind>{_alternation('animal')})\b"
    rf"|\b(?P<kind2>{_alternation('animal')}) (?:named|called) (?P<name2>{_alternation('name')})\b"
)
_MENTION = re.compile(
    rf"\b(?:(?P<name>{_alternation('name')})|[Tt]he (?P<kind>{_alternation('animal')})"
    rf"|(?P<pronoun>{'|'.join(_PRONOUNS)}|{'|'.join(map(str.capitalize, _PRONOUNS))}))\b"
)


def inconsistencies(tale: str) -> list[str]:
    """What a tale gets wrong about its characters, in the order of the text; empty if nothing.

    A character is introduced as "Otto the mole" or "a mole named Otto". Wrong are: a name that
    comes before its introduction or without one, a second introduction as another animal, "the
    mole" where no character is one, and outside quotations a "he" or "she" that does not suit
    the character last mentioned. This holds for any text with these characters, whether the
    grammar derives it or not.
    """
    body = tale.partition("\n")[2]  # the title speaks of characters that are still to come
    kinds: dict[str, str] = {}
    names: dict[str, str] = {}
    introduced_at: dict[str, int] = {}
    problems: list[str] = []
    for match in _INTRODUCTION.finditer(body):
        name = match["name"] or match["name2"]
        kind = match["kind"] or match["kind2"]
        introduced_at.setdefault(name, match.start("name" if match["name"] else "name2"))
        if kinds.setdefault(name, kind) != kind:
            problems.append(f"{name} is {_article(kinds[name])} and {_article(kind)}")
        names[kind] = name
    quotations = [match.span() for match in _QUOTED.finditer(body)]
    last: str | None = None
    for match in _MENTION.finditer(body):
        spoken = any(start <= match.start() < end for start, end in quotations)
        name, kind, pronoun = match["name"], match["kind"], match["pronoun"]
        if name and match.start() < introduced_at.get(name, len(body)):
            problems.append(f"{name} is not introduced")
        elif kind and kind not in names:
            problems.append(f"there is no {kind}")
        elif pronoun and not spoken and (last is None or _HE[last] != _PRONOUNS[pronoun.lower()]):
            problems.append(f'"{pronoun}" stands for {last or "nobody"}')
        if not spoken:
            last = name or names.get(kind or "", last)
    return problems


def _pieces(text: str) -> tuple[list[str], list[str], list[str]]:
    """The whole tales of a text, the whole sentences of those cut off, and all whole words."""
    *tales, rest = text.split("\f")
    scraps: list[str] = []
    words = _WORD.findall(text)
    opening = (tales or [rest])[0]
    line, newline, _ = opening.partition("\n")
    begins = not opening or (newline != "" and prefix_probability(line + newline) > 0)
    if not begins:
        words = words[1:] if _WORD.match(text) else words
    if rest and _WORD.fullmatch(rest[-1]):
        words = words[:-1]
    if tales and not begins:
        scraps += split_sentences(tales.pop(0))[1:]
    cut = split_sentences(rest)
    if not begins and not tales and not text.count("\f"):
        cut = cut[1:]
    if cut and not rest.endswith("\n"):
        cut = cut[:-1]
    scraps += cut
    return [tale for tale in tales if tale.strip()], scraps, words


def check(text: str, corpus: Path | None = CORPUS) -> Report:
    """Judge a text that a model wrote.

    The text may begin or end in the middle of a tale, a sentence or a word. It counts as
    beginning with a whole tale if its first line can be the title of one, and what stands after
    the last form feed never counts as a whole tale.

    Args:
        text: tales, each with a form feed after it.
        corpus: the file of tales to look for verbatim copies in; not read if there is none.
    """
    known = None
    if corpus is not None and corpus.is_file():
        known = frozenset(corpus.read_text(encoding="utf-8").split("\f"))
    tales, scraps, words = _pieces(text)
    sentences = derived_sentences = consistent = derived = verbatim = 0
    examples = [f"word: {word}" for word in dict.fromkeys(words) if word not in vocabulary()]
    wrong_sentences: list[str] = []
    problems: list[str] = []
    for tale in tales:
        whole = probability(tale + "\f") > 0
        found = split_sentences(tale)
        wrong = [] if whole else [each for each in found if not derives_sentence(each)]
        sentences += len(found)
        derived_sentences += len(found) - len(wrong)
        wrong_sentences += wrong
        faults = inconsistencies(tale)
        problems += [f"tale: in {found[0]!r}, {fault}" for fault in faults]
        consistent += not faults
        derived += whole
        verbatim += known is not None and tale in known
    wrong = [each for each in scraps if not derives_sentence(each)]
    examples = examples[:_EXAMPLES]
    examples += [f"sentence: {each}" for each in (wrong_sentences + wrong)[:_EXAMPLES]]
    examples += problems[:_EXAMPLES]
    return Report(
        words=len(words),
        valid_words=sum(word in vocabulary() for word in words),
        sentences=sentences + len(scraps),
        derived_sentences=derived_sentences + len(scraps) - len(wrong),
        tales=len(tales),
        consistent_tales=consistent,
        derived_tales=derived,
        verbatim_tales=None if known is None else verbatim,
        examples=tuple(examples),
    )


# ------------------------------------------------------------------------- 5. the command line


def corpus_text(seed: int = SEED, tales: int = TALES) -> str:
    """The corpus: that many tales, each with its form feed."""
    chance = random.Random(seed)
    return "".join(derive(chance)[0] for _ in range(tales))


def validation_bits(text: str) -> float:
    """The least bits per character that the validation split of the corpus can cost.

    The split is the last tenth, ``text[int(0.9 * len(text)):]``. A predictor that knows the
    grammar and has read all the text before pays -log2 of the probability of each whole tale
    and, for the tale that the cut falls into, of the rest given its beginning.

    Raises:
        ValueError: a tale in the split is none of the grammar.
    """
    cut = int(0.9 * len(text))
    start = text.rfind("\f", 0, cut) + 1
    bits = math.log2(prefix_probability(text[start:cut]) or math.nan)
    for tale in re.findall(r"[^\f]*\f", text[start:]):
        bits -= math.log2(probability(tale) or math.nan)
    if math.isnan(bits):
        raise ValueError("the validation split holds a text that is no tale of the grammar")
    return bits / (len(text) - cut)


def facts(text: str) -> dict[str, int | float | str]:
    """What tales.json says of the corpus.

    Returns:
        seed, tales, chars; words (distinct, capitals aside); sha256 of the file;
        entropy_bits_per_char (of the grammar, analytic); validation_bits_per_char (the floor for
        the last tenth of the characters, see `validation_bits`).
    """
    return {
        "seed": SEED,
        "tales": text.count("\f"),
        "chars": len(text),
        "words": len({word.lower() for word in _WORD.findall(text)}),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "entropy_bits_per_char": round(expected().bits_per_char, 6),
        "validation_bits_per_char": round(validation_bits(text), 6),
    }


def write(out: Path) -> dict[str, int | float | str]:
    """Write the corpus, and its facts beside it as JSON; return the facts."""
    text = corpus_text()
    summary = facts(text)
    out.write_text(text, encoding="utf-8", newline="\n")
    out.with_suffix(".json").write_text(
        json.dumps(summary, indent=2) + "\n", encoding="utf-8", newline="\n"
    )
    return summary


def _print_report(report: Report) -> None:
    shares = report.shares()
    rows = (
        ("valid words", "valid_words", report.valid_words, report.words),
        ("sentences of the grammar", "derived_sentences", report.derived_sentences,
         report.sentences),
        ("consistent tales", "consistent_tales", report.consistent_tales, report.tales),
        ("tales of the grammar", "derived_tales", report.derived_tales, report.tales),
        ("tales copied verbatim", "verbatim_tales", report.verbatim_tales, report.tales),
    )  # fmt: skip
    for label, name, part, whole in rows:
        share = shares[name]
        percent = "   n/a  " if share is None else f"{share:7.1%} "
        counted = f"({part} of {whole})" if part is not None else "(no tales.txt to compare with)"
        print(f"{label:26}{percent} {counted}")
    if report.examples:
        print("\nfor example:")
        for example in report.examples:
            print(f"  {example}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 when done, 2 when the input cannot be read."""
    parser = argparse.ArgumentParser(description="The built-in corpus of very short tales.")
    commands = parser.add_subparsers(dest="command", required=True)
    writer = commands.add_parser("write", help="write tales.txt, and tales.json beside it")
    writer.add_argument("--out", type=Path, default=CORPUS, metavar="FILE")
    checker = commands.add_parser("check", help="judge a text that a model wrote")
    checker.add_argument("file", metavar="FILE", help="the text, or - for standard input")
    checker.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        if options.command == "write":
            print(json.dumps(write(options.out), indent=2))
            return 0
        if options.file == "-":
            text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
        else:
            text = Path(options.file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        print(f"make_tales: {error}", file=sys.stderr)
        return 2
    report = check(text)
    if options.json:
        print(json.dumps(asdict(report) | {"shares": report.shares()}, indent=2))
    else:
        _print_report(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
