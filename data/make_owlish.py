#!/usr/bin/env python3
"""The built-in table of inflections ``owlish``: words of the owls' language, and their forms.

    python data/make_owlish.py write [--out data/owlish.tsv]
    python data/make_owlish.py inflect hulop "N;ACC;PL"       huhuloba: what to say
    python data/make_owlish.py check FILE                     how many rows of a table are right

A row has a lemma, its features as in UniMorph (Sylak-Glassman 2016), and the form. This is all
of the grammar:

1. A form is the lemma with the suffixes of its features (`SUFFIXES`), one after the other.
2. Vowels live in harmony. A, I and O in a suffix are a, u and oo after a last vowel that is dark
   (a, o, u), and e, i and ee after one that is bright (e, i).
3. T in a suffix is t after k, p, t, s or h, and d elsewhere.
4. k, p and t at the end soften to g, b and d where a suffix begins with a vowel.
5. Where two vowels would meet, owls say h between them.
6. Owls stress by repeating: plural nouns, the future and the superlative say their first vowel,
   with what comes before it, twice. Long vowels, oo and ee, are one vowel.

So a model has to copy the lemma, to look at its beginning, its last vowel and its end, and at the
features: all of it can be seen in its attention. Any word of these letters can be inflected.

The output is the same on every Python version: the one source of chance is
``random.Random(seed).random()``, whose sequence Python promises to keep.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

SEED = 1
ROWS = 10_000
TABLE = Path(__file__).with_name("owlish.tsv")
HEADER = "source\tfeatures\ttarget\n"

# What a lemma is made of: every choice is uniform, and "-" is nothing.
SYLLABLES = "1 2 2 3"
ONSETS = "h h t tw l l k p s m n w r"
NUCLEI = "a a o o oo u e e ee i i"
CODAS = "- - k p t l m n r s"  # of the last syllable; the others have none

# The suffixes of each feature, in the order in which they are attached.
SUFFIXES = {
    "N": {"NOM": "", "ACC": "A", "GEN": "In", "LOC": "TA", "ABL": "TAn"},
    "V": {"PRS": "", "PST": "TI", "FUT": "Ol", "1;SG": "Im", "2;SG": "Is", "3;SG": "",
          "1;PL": "mAk", "2;PL": "sAk", "3;PL": "lA"},
    "ADJ": {"CMPR": "rA", "SPRL": "rA"},
}  # fmt: skip
TWICE = {"N": "PL", "V": "FUT", "ADJ": "SPRL"}  # the feature that is said twice

FEATURES = (
    *(f"N;{case};{number}" for case in SUFFIXES["N"] for number in ("SG", "PL")),
    *(f"V;{tense};{person};{number}" for tense in ("PRS", "PST", "FUT") for person in "123"
      for number in ("SG", "PL")),
    "ADJ;CMPR", "ADJ;SPRL",
)  # fmt: skip


def inflect(lemma: str, features: str) -> str:
    """The form of a word that has these features.

    Raises:
        ValueError: The language has no such features.
    """
    if features not in FEATURES:
        raise ValueError(f"no features of owlish: {features}")
    kind, *rest = features.split(";")
    keys = (rest[0], ";".join(rest[1:])) if kind == "V" else rest[:1]
    form = lemma
    for key in keys:
        form = attach(form, SUFFIXES[kind][key])
    return repeat_beginning(form) if TWICE[kind] in rest else form


def attach(form: str, suffix: str) -> str:
    """A form with one more suffix: rules 2 to 5."""
    vowels = re.findall("[aeiou]", form)
    dark = bool(vowels) and vowels[-1] in "aou"
    voiceless = form.endswith(tuple("kpths"))
    sounds = {
        "A": "a" if dark else "e",
        "I": "u" if dark else "i",
        "O": "oo" if dark else "ee",
        "T": "t" if voiceless else "d",
    }
    if suffix[:1] in ("A", "I", "O"):
        if form.endswith(tuple("aeiou")):
            form += "h"
        elif form.endswith(tuple("kpt")):
            form = form[:-1] + {"k": "g", "p": "b", "t": "d"}[form[-1]]
    return form + "".join(sounds.get(sound, sound) for sound in suffix)


def repeat_beginning(form: str) -> str:
    """A form whose first vowel, and what comes before it, is said twice: rule 6."""
    first = re.match("[^aeiou]*(oo|ee|[aeiou])", form)
    return (first[0] if first else "") + form


def rows() -> list[tuple[str, str, str]]:
    """The rows of the table, each lemma with its features once: about half of them are nouns."""
    chance = random.Random(SEED)

    def draw(choices: Sequence[str]) -> str:
        return choices[int(chance.random() * len(choices))]

    def sound(choices: str) -> str:
        return draw(choices.split()).removeprefix("-")

    nouns, others = FEATURES[:10], FEATURES[10:]
    drawn: dict[tuple[str, str], str] = {}
    lemma = ""
    while len(drawn) < ROWS:
        if not lemma or chance.random() < 0.5:  # a lemma has two forms on average
            lemma = "".join(sound(ONSETS) + sound(NUCLEI) for _ in range(int(sound(SYLLABLES))))
            lemma += sound(CODAS)
        features = draw(nouns if chance.random() < 0.5 else others)
        drawn[lemma, features] = inflect(lemma, features)
    shuffled = sorted(drawn.items(), key=lambda _: chance.random())
    return [(lemma, features, form) for (lemma, features), form in shuffled]


def check(table: str) -> str:
    """How many of a table's rows are right, and the first ones that are wrong, a line each.

    Other columns may follow, as `attn generate --tsv` prints them.
    """
    found = [line.split("\t") for line in table.removeprefix(HEADER).splitlines()]
    wrong = [row for row in found if not _is_right(row)]
    report = [f"{len(found) - len(wrong):,} of {len(found):,} forms are right"]
    return "\n".join([*report, *(f"wrong: {' '.join(row[:3])}" for row in wrong[:10])])


def _is_right(row: Sequence[str]) -> bool:
    return len(row) >= 3 and row[1] in FEATURES and inflect(row[0], row[1]) == row[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 when done, 2 for wrong features or files."""
    parser = argparse.ArgumentParser(description="The built-in words of the owls' language.")
    commands = parser.add_subparsers(dest="command", required=True)
    writer = commands.add_parser("write", help="write owlish.tsv")
    writer.add_argument("--out", type=Path, default=TABLE, metavar="FILE")
    inflecter = commands.add_parser("inflect", help="print a form of a word")
    inflecter.add_argument("lemma", metavar="LEMMA")
    inflecter.add_argument("features", metavar="FEATURES", help="as N;ACC;PL, V;PST;3;SG, ADJ;SPRL")
    checker = commands.add_parser("check", help="say how many rows of a table are right")
    checker.add_argument("table", type=Path, metavar="FILE", help="of lemma, features and form")
    options = parser.parse_args(arguments)
    try:
        if options.command == "write":
            text = HEADER + "".join("\t".join(row) + "\n" for row in rows())
            options.out.write_text(text, encoding="utf-8", newline="\n")
        elif options.command == "check":
            print(check(options.table.read_text(encoding="utf-8")))
        else:
            print(inflect(options.lemma, options.features))
    except (OSError, ValueError) as error:
        print(f"make_owlish: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
