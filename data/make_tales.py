#!/usr/bin/env python3
"""The built-in corpus ``tales``: very short animal fables, and a judge for imitations of them.

    python data/make_tales.py write [--out data/tales.txt]    writes tales.txt and tales.json
    python data/make_tales.py check FILE [--json]             judges a text that a model wrote
    attn generate ... | python data/make_tales.py check -     the same, from standard input

A tale is a line: a title, a story of a few sentences and a moral. The tales come from a small
probabilistic grammar, written below as data. Every choice is uniform and shows in the text, so
each tale has exactly one derivation, and what is usually estimated is known exactly here:

- the entropy of the corpus in bits per character, by recursion over the grammar (`expected`):
  the lowest loss that any model can hope for;
- the probability of any tale, by parsing it (`probability`), or of its beginning
  (`prefix_probability`);
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
TALES = 4000
CORPUS = Path(__file__).with_name("tales.txt")

# ------------------------------------------------------------------------------- 1. the words
#
# Each pool lists the words that a slot may take. Rules that keep the grammar unambiguous and the
# English correct: within a pool no word begins another; a word with a vowel first takes "an".
# Names, and the words that a tale mentions again, differ from those of their pool in the first
# letter: there it shows whether a model remembers.

HE = "Albert Felix Gus Hugo Jack Ned Otto Wilbur"
SHE = "Clara Edith Ida Lucy Mabel Poppy Rosie Tilly"

ANIMALS = "bear duck fox frog hedgehog mole mouse otter owl pig squirrel toad"

WORDS = {
    # One {weather} {time}
    "weather": "breezy bright chilly cloudy foggy misty rainy sunny",
    "time": "morning afternoon evening day",
    "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "place": """behind the barn, beside the well, by the lighthouse, in the orchard, near the
        bridge, under the oak""",
    "gently": "gently kindly quietly softly",
    "colour": "blue green purple red spotted yellow",
    "vessel": "barrel basket bucket crate pot sack",
    "fruit": "acorns berries cherries figs lemons nuts plums turnips",
    "bake": "biscuit bun cake muffin pie tart",
    "thing": "broom clock drum feather kettle spoon umbrella wheel",
    "craft": "bench cart gate ladder raft swing table wagon",
    "tool": "brush hammer rope saw shovel spanner",
    "event": "ball dance fair market parade show tournament wedding",
    "skill": "bow dance hop juggle leap skip twirl whistle",
    "stand": "barrel bench bucket chair crate log table",
    "mess": "ditch, flower bed, haystack, jam tub, mud bath, pond, rain barrel, well",
    "headgear": "bonnet, cap, helmet, nightcap, scarf, top hat, veil, wig",
    "noise": "bang bump buzz creak rattle squeak thump whistle",
    "beast": "dragon ghost monster ogre pirate troll witch yeti",
    "crock": "bowl cup dish jug mug plate saucer teapot",
    "spot": "under the bed, behind the clock, up the chimney, inside the piano",
    "warm": "blanket cloak gown jacket muffler pullover shawl vest",
    "light": "candle lamp lantern torch",
}

# ------------------------------------------------------------------------------- 2. the plots
#
# [this|that] is a choice, {slot} a word and <name> one of the fragments below. A slot is drawn at
# its first mention in a tale and keeps its value; {A.his} or {mess.an} is another form of the same
# value, and a capital in the form capitalises it. A and B are the names of the two characters, a
# and b their animals. {_day} is drawn afresh wherever it stands, and not kept.
#
# Two rules keep every tale clear, and let `check` judge texts that are no longer quite tales:
# the first mention of a name in the story is "NAME the ANIMAL", and outside quotations a "he" or
# "she" stands for the character last mentioned before it.

FRAGMENTS = {
    "when": "One {_weather} {_time}",
    "bragged": "[announced|boasted|sang|said]",
    "asked": "[asked|wondered]",
    "cried": "[called|cried|shouted|yelled]",
    "laughed": "[chuckled|giggled|laughed|smiled]",
    "said": "[answered|replied|said|whispered]",
    "sighed": "[groaned|mumbled|sighed|sniffed]",
    # Half of the tales have an opening, so that a model has met other beginnings than "The", and
    # `attn generate "Hello"` finds its way into a tale.
    "the": """[The|[Again, please: the|At last: the|Do sit down: the|Good evening: the|Hello, \
friends: the|Just one more: the|Listen: the|My favourite: the|Once upon a time: the|Tonight: \
the|Welcome: the|You asked for the]]""",
    "lesson": "[And so|Moral|Remember|The lesson]:",
}


class Plot(NamedTuple):
    """A kind of tale. Its moral follows from what happens in it, so it has its own."""

    name: str
    title: str
    story: tuple[str, ...]  # its sentences
    moral: str


PLOTS = (
    Plot(
        name="sharing",
        title="<the> {a} and the {fruit}.",
        story=(
            "<when>, {A} the {a} found {_vessel.an} of {fruit} {_place}.",
            '"All mine," <bragged> {A}.',
            '"May I try one, {A}?" <asked> {B} the {b}.',
            '"Never," <said> {A}, and tripped.',
            '{B} gathered the {fruit}, and {A} <laughed>, "Let us share, {B}."',
        ),
        moral="{fruit} taste [better|sweeter] [with a friend|when shared].",
    ),
    Plot(
        name="help",
        title="<the> {a} and the {craft}.",
        story=(
            "<when>, {A} the {a} built {_colour.an} {craft} {_place}.",
            '"I need nobody," <bragged> {A}.',
            '"{A}, your {craft} leans," <said> {B} the {b}.',
            "Then it fell on {A}, who <sighed>.",
            "{B} fetched {_tool.an}, and by {_day} {A} and {B} had mended the {craft}.",
        ),
        moral="[a friend builds|two friends build] a better {craft}.",
    ),
    Plot(
        name="hurry",
        title="<the> {a} who ran to the {event}.",
        story=(
            "<when>, {A} the {a} and {B} the {b} set out for the {event}.",
            '"Hurry, {B}!" <cried> {A}, and ran.',
            "But {A} forgot {A.his} {thing}, and ran back.",
            "When {A.he} came to the {event} with the {thing}, {B} was there, eating {_bake.an}.",
            '"{B}, you win," <sighed> {A}.',
        ),
        moral="[who hurries|who will not think] [runs twice|comes last].",
    ),
    Plot(
        name="boasting",
        title="<the> {a} and the {mess}.",
        story=(
            "<when>, {A} the {a} climbed onto {_stand.an}.",
            '"Nobody can {skill} like me," <bragged> {A}.',
            '"Show me, {A}," <said> {B} the {b}.',
            "So {A} began to {skill}, and flew into the {mess}.",
            '"What a dive, {A}," <laughed> {B}, and pulled the {a} out.',
        ),
        moral="the [bigger|louder] the boast, the [deeper|nearer] the {mess}.",
    ),
    Plot(
        name="blaming",
        title="<the> {a} who lost a {headgear}.",
        story=(
            "<when>, {A} the {a} could not find {A.his} {headgear} {_place}.",
            '"A thief!" <cried> {A}, and ran to {B} the {b}.',
            '"{B}, give me my {headgear}!"',
            '"But {A}, it is on your head," <said> {B} {_gently}.',
            '{A} <sighed>, "Forgive me, {B}."',
        ),
        moral="look [twice|up] before you blame [a friend|others].",
    ),
    Plot(
        name="fear",
        title="<the> {a} and the {beast}.",
        story=(
            "<when>, {A} the {a} heard {_noise.an} {_place}.",
            '"It is {beast.an}!" <cried> {A}.',
            "{B} the {b} came with {_light.an}, and {A} hid behind {B}.",
            '"{A}, it is no {beast}," <laughed> {B}, "only {thing.an}."',
            "And {A} bowed to the {thing}.",
        ),
        moral="a friend makes any {beast} [polite|small|vanish].",
    ),
    Plot(
        name="honesty",
        title="<the> {a} and the {crock}.",
        story=(
            "<when>, {A} the {a} had tea with {B} the {b}.",
            "{A} broke {_colour.an} {crock}, and hid it {_spot}.",
            '"{A}, where is my {crock}?" <asked> {B} {_gently}.',
            "{A} <sighed>, and told {B} everything.",
            '"I can mend {crock.an}, {A}," <laughed> {B}, "but not a fib."',
        ),
        moral="the truth [is lighter|weighs less] than a {crock}.",
    ),
    Plot(
        name="kindness",
        title="<the> {a} and the {warm}.",
        story=(
            '<when>, {A} the {a} met {B} the {b}, who <sighed>, "Brrr."',
            "{A} gave {B} {_colour.an} {warm}.",
            "On {_day}, {A} fell into {_mess.an}.",
            '"Help!" <cried> {A}.',
            "Along came {B}, and pulled {A} out with the {warm}.",
            '"Thank you, {B}," <said> {A}.',
        ),
        moral="a {warm} [given away|lent out] [comes back|warms two].",
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
        "animal": [_entry(animal) for animal in ANIMALS.split()],
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

    for plot in PLOTS:
        parts = [_nodes(each) for each in (plot.title, *plot.story, f"<lesson> {plot.moral}")]
        sentences += parts
        plots.append((*[node for part in parts for node in (*part, " ")][:-1], "\n"))
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
        The tale, with the newline that ends it, and its probability.
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

    The tale ends with its newline. Its length in bits is ``-log2(probability)``.
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
    chars: float  # length of a tale, its newline included

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
    """The sentences of a text; what a line's end cuts off is one too.

    A sentence ends with one of ``.!?`` outside quotation marks or just before a closing one,
    where a capital, a quotation or the end of the line follows.
    """
    sentences: list[str] = []
    for line in text.split("\n"):
        start, quoted = 0, False
        for at, sign in enumerate(line):
            quoted ^= sign == '"'
            stop = sign in ".!?" or (sign == '"' and line[at - 1 : at] in tuple(".!?"))
            if stop and not quoted and _AFTER_SENTENCE.match(line, at + 1):
                sentences.append(line[start : at + 1].strip())
                start = at + 1
        sentences.append(line[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _alternation(pool: str) -> str:
    return "|".join(entry["word"] for entry in POOLS[pool])


_HE = {entry["word"]: entry["he"] for entry in POOLS["name"]}
_PRONOUNS = {"he": "he", "him": "he", "his": "he", "she": "she", "her": "she"}
_INTRODUCTION = re.compile(
    rf"\b(?P<name>{_alternation('name')}) the (?P<kind>{_alternation('animal')})\b"
)
_MENTION = re.compile(
    rf"\b(?:(?P<name>{_alternation('name')})|[Tt]he (?P<kind>{_alternation('animal')})"
    rf"|(?P<pronoun>{'|'.join(_PRONOUNS)}|{'|'.join(map(str.capitalize, _PRONOUNS))}))\b"
)


def inconsistencies(tale: str) -> list[str]:
    """What a tale gets wrong about its characters, in the order of the text; empty if nothing.

    A character is introduced as "Otto the mole". Wrong are: a name that comes before its
    introduction or without one, a second introduction as another animal, "the mole" where no
    character is one, and outside quotations a "he" or "she" that does not suit the character last
    mentioned. This holds for any text with these characters, whether the grammar derives it or
    not.
    """
    body = tale.partition(". ")[2]  # the title speaks of characters that are still to come
    kinds: dict[str, str] = {}
    names: dict[str, str] = {}
    introduced_at: dict[str, int] = {}
    problems: list[str] = []
    for match in _INTRODUCTION.finditer(body):
        name, kind = match["name"], match["kind"]
        introduced_at.setdefault(name, match.start())
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
    *tales, rest = text.split("\n")
    scraps: list[str] = []
    words = _WORD.findall(text)
    opening = (tales or [rest])[0]
    title, stop, _ = opening.partition(". ")
    begins = not opening or (stop != "" and prefix_probability(title + stop) > 0)
    if not begins:
        words = words[1:] if _WORD.match(text) else words
    if rest and _WORD.fullmatch(rest[-1]):
        words = words[:-1]
    if tales and not begins:
        scraps += split_sentences(tales.pop(0))[1:]
    cut = split_sentences(rest)
    if not begins and "\n" not in text:
        cut = cut[1:]
    scraps += cut[:-1]
    return [tale for tale in tales if tale.strip()], scraps, words


def check(text: str, corpus: Path | None = CORPUS) -> Report:
    """Judge a text that a model wrote.

    The text may begin or end in the middle of a tale, a sentence or a word. It counts as
    beginning with a whole tale if its first sentence can be the title of one, and what stands
    after the last newline never counts as a whole tale.

    Args:
        text: tales, each with a newline after it.
        corpus: the file of tales to look for verbatim copies in; not read if there is none.
    """
    known = None
    if corpus is not None and corpus.is_file():
        known = frozenset(corpus.read_text(encoding="utf-8").split("\n"))
    tales, scraps, words = _pieces(text)
    sentences = derived_sentences = consistent = derived = verbatim = 0
    examples = [f"word: {word}" for word in dict.fromkeys(words) if word not in vocabulary()]
    wrong_sentences: list[str] = []
    problems: list[str] = []
    for tale in tales:
        whole = probability(tale + "\n") > 0
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
    """The corpus: that many tales, a line each."""
    chance = random.Random(seed)
    return "".join(derive(chance)[0] for _ in range(tales))


def facts(text: str) -> dict[str, int | float | str]:
    """What tales.json says of the corpus.

    Returns:
        seed, tales, chars; words (distinct, capitals aside); sha256 of the file;
        entropy_bits_per_char (of the grammar, analytic).
    """
    return {
        "seed": SEED,
        "tales": text.count("\n"),
        "chars": len(text),
        "words": len({word.lower() for word in _WORD.findall(text)}),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "entropy_bits_per_char": round(expected().bits_per_char, 6),
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
