#!/usr/bin/env python3
"""The built-in labelled text ``languages``: words of animals, and how well they can be told apart.

    python data/make_languages.py write [--out data/languages.tsv]   and languages.json beside it
    python data/make_languages.py judge WORD ...                     who may have said it

The animals of the tales speak, too. Each has a language of its own: a word is a few syllables of
an onset, a nucleus and a coda, and an ending. Every choice is uniform among what is listed below,
where what stands twice is twice as probable. Some of the languages have the same sounds, and
differ in what no few letters in a row can tell:

- toads keep the vowels of a word in harmony, all of them bright or all dark; frogs mix them;
- the last syllable of an otter's word begins as its first does; ducks care for no such thing.

So the probability of a word in each language is known exactly (`probability`), and with it how
probable it is that an animal said it (`posterior`), and the label that is best to guess: no
classifier is right more often on average (`bayes_accuracy`). The file has that label in its third
column. Many words belong to several languages: nobody can be right about all of them.

The output is the same on every Python version: the one source of chance is
``random.Random(seed).random()``, whose sequence Python promises to keep.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 1
CORPUS = Path(__file__).with_name("languages.tsv")
HEADER = "text\tlabel\tbest_guess\n"

Weights = dict[str, float]  # the probability of each choice


@dataclass(frozen=True)
class Language:
    """How the words of an animal are made; "-" is nothing."""

    words: int  # in the file
    syllables: str
    onsets: str
    nuclei: tuple[str, ...]  # of a word all are from one of them
    codas: str
    endings: str
    echo: float = 0.0  # how probable it is that the last onset is the first one again


_POND = {"onsets": "k kr r b br g gr gl", "codas": "- - k g p x", "endings": "- - - - um"}
_RIVER = {"onsets": "qu w d p n b f l", "nuclei": ("a a i o u",), "codas": "- - - k d t"}

LANGUAGES = {
    "bear": Language(
        700, "1 2 2 3", "b br g gr m m h r", ("o o u u a",), "- - r m mb rg", "- - - or um"
    ),
    "duck": Language(1200, "2 2 3 3", endings="- - - er le", **_RIVER),
    "frog": Language(1500, "2 3 3 4", nuclei=("e i ee a o u",), **_POND),
    "mouse": Language(
        1300, "1 2 2 3", "p p s sq t m w -", ("i i ee e y",), "- - - p k n", "- - - kin"
    ),
    "otter": Language(900, "2 2 3 3", endings="- - - - er", echo=0.95, **_RIVER),
    "owl": Language(800, "1 2 2 3", "h h w tw t l -", ("oo oo u o i",), "- - - t l", "- hoo"),
    "squirrel": Language(
        900, "2 2 3", "ch sk sq t tr k r", ("i i a e ee",), "- - k t tch p", "- - - - a"
    ),
    "toad": Language(700, "2 3 3 4", nuclei=("e i ee", "a o u"), **_POND),
}  # fmt: skip


def weights(choices: str) -> Weights:
    """The probability of each choice: its share of those that are listed."""
    listed = ["" if choice == "-" else choice for choice in choices.split()]
    return {choice: number / len(listed) for choice, number in Counter(listed).items()}


def speak(language: Language, chance: random.Random) -> str:
    """A word of a language."""

    def draw(choices: str) -> str:
        listed = choices.split()
        choice = listed[int(chance.random() * len(listed))]
        return "" if choice == "-" else choice

    number = int(draw(language.syllables))
    nuclei = language.nuclei[int(chance.random() * len(language.nuclei))]
    first, word = "", ""
    for place in range(number):
        onset = draw(language.onsets)
        if place == 0:
            first = onset
        elif place == number - 1 and chance.random() < language.echo:
            onset = first
        word += onset + draw(nuclei) + draw(language.codas)
    return word + draw(language.endings)


def probability(word: str, language: Language) -> float:
    """The probability that a word of a language is this one, summed over all ways to make it."""
    onsets, codas = weights(language.onsets), weights(language.codas)
    total = 0.0
    for listed in language.nuclei:
        nuclei = weights(listed)
        for first, of_first in onsets.items():
            again = {
                onset: (1 - language.echo) * share + language.echo * (onset == first)
                for onset, share in onsets.items()
            }
            for number, of_number in weights(language.syllables).items():
                last = int(number) - 1
                ends = _continued({0: of_first * of_number}, {first: 1.0}, word)
                for place in range(last + 1):
                    if place:
                        ends = _continued(ends, again if place == last else onsets, word)
                    ends = _continued(_continued(ends, nuclei, word), codas, word)
                total += _continued(ends, weights(language.endings), word).get(len(word), 0.0)
    return total / len(language.nuclei)


def _continued(ends: dict[int, float], choices: Weights, word: str) -> dict[int, float]:
    """Where in a word one may be after one more choice, each place with its probability."""
    further: dict[int, float] = {}
    for end, so_far in ends.items():
        for choice, share in choices.items():
            if word.startswith(choice, end):
                place = end + len(choice)
                further[place] = further.get(place, 0.0) + so_far * share
    return further


def posterior(word: str) -> Weights:
    """How probable each animal is, once a word is heard; empty where no animal says it."""
    total = sum(language.words for language in LANGUAGES.values())
    joint = {
        name: language.words / total * probability(word, language)
        for name, language in LANGUAGES.items()
    }
    whole = sum(joint.values())
    return {name: share / whole for name, share in joint.items()} if whole else {}


def utterances() -> list[tuple[str, str]]:
    """The words of the file, each with the animal that said it, in a random order."""
    chance = random.Random(SEED)
    said = [
        (speak(language, chance), name)
        for name, language in LANGUAGES.items()
        for _ in range(language.words)
    ]
    return sorted(said, key=lambda _: chance.random())


def write(out: Path) -> dict[str, int | float | str]:
    """Write the words, and facts about them beside it as JSON; return the facts.

    Returns:
        seed, examples, labels, words (distinct); sha256 of the file; bayes_accuracy (the mean
        probability of the best guess: what the best classifier gets on average) and
        best_guess_accuracy (what it gets on the words of this file).
    """
    said = utterances()
    heard = {word: posterior(word) for word in {word for word, _ in said}}
    guesses = {word: max(shares, key=lambda name: shares[name]) for word, shares in heard.items()}
    rows = (f"{word}\t{name}\t{guesses[word]}\n" for word, name in said)
    text = HEADER + "".join(rows)
    right = sum(guesses[word] == name for word, name in said)
    facts: dict[str, int | float | str] = {
        "seed": SEED,
        "examples": len(said),
        "labels": len(LANGUAGES),
        "words": len(heard),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "bayes_accuracy": round(sum(max(heard[word].values()) for word, _ in said) / len(said), 6),
        "best_guess_accuracy": round(right / len(said), 6),
    }
    out.write_text(text, encoding="utf-8", newline="\n")
    facts_text = json.dumps(facts, indent=2) + "\n"
    out.with_suffix(".json").write_text(facts_text, encoding="utf-8", newline="\n")
    return facts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 when done, 2 when the output cannot be written."""
    parser = argparse.ArgumentParser(description="The built-in words of animals' languages.")
    commands = parser.add_subparsers(dest="command", required=True)
    writer = commands.add_parser("write", help="write languages.tsv, and languages.json beside it")
    writer.add_argument("--out", type=Path, default=CORPUS, metavar="FILE")
    judge = commands.add_parser("judge", help="say who may have said a word")
    judge.add_argument("words", nargs="+", metavar="WORD")
    options = parser.parse_args(arguments)
    if options.command == "write":
        try:
            print(json.dumps(write(options.out), indent=2))
        except OSError as error:
            print(f"make_languages: {error}", file=sys.stderr)
            return 2
        return 0
    for word in options.words:
        shares = sorted(posterior(word).items(), key=lambda pair: -pair[1])
        shown = ", ".join(f"{name} {share:.1%}" for name, share in shares if share >= 0.0005)
        print(f"{word}: {shown or 'no animal says that'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
