"""Pairs of a source and a target as lines of a text, and as a user writes and reads them.

A line is the source, a tab and the target. Its symbols of several characters are marked, see
`tokenizer.marked`:

    zorluk␟[N]␟␟[GEN]␟␟[SG]␟⇥zorluğun      features after the source, as N;GEN;SG in a table
    afar⇥␟aː␟var                           a target of words, as aː v a r in a table
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from attn_cli.config.schema import DataConfig
from attn_cli.errors import PromptError
from attn_cli.text.display import counted
from attn_cli.text.tokenizer import MARK, TokenIds, Tokenizer, marked, marked_units

TargetTokens = Literal["auto", "characters", "words"]

TAB = "\t"  # between a source and its target
FEATURE_SEPARATOR = ";"
CONTROLS = re.compile(rf"[{MARK}\t\n\f\r]+")  # in a field they become spaces
_NEXT_COLUMN = marked("[⇥]")  # between the source columns

# Targets that are spelled in words, as phonemes are, have many and short ones.
_MOST = 0.95  # of the targets are single words, or have single blanks between words
_SEVERAL = 0.5  # of the targets have two words or more
_MEAN_LENGTH = 2.5  # characters of a word; on average they are fewer
_LONGEST = 5  # characters of a word, but for a few

_FEATURES = re.compile(r"[^;\s]+(;[^;\s]+)+")


@dataclass(frozen=True)
class PairFormat:
    """How a pair is written."""

    n_columns: int = 1  # of the source, without its features
    has_features: bool = False  # whether sources have features, such as V;PST
    target_words: bool = False  # whether targets are words between blanks, not characters

    @classmethod
    def configured(cls, data: DataConfig) -> PairFormat:
        """The format of a run, which has resolved `data.target_tokens`."""
        return cls(
            n_columns=len(data.column or ["source"]),
            has_features=bool(data.features),
            target_words=data.target_tokens == "words",
        )

    def source(self, columns: Sequence[str], features: str = "") -> str:
        """A source as it stands in a line.

        Args:
            columns: The texts of its columns.
            features: Its features, such as `V;PST`.
        """
        names = (name.strip() for name in cleaned(features).split(FEATURE_SEPARATOR))
        symbols = (marked(f"[{name}]") for name in names if name)
        return "".join((_NEXT_COLUMN.join(map(cleaned, columns)), *symbols))

    def target(self, text: str) -> str:
        """A target as it stands in a line."""
        text = cleaned(text)
        return "".join(map(marked, _words(text))) if self.target_words else text

    def typed_source(self, text: str) -> str:
        """The source of a line, from what a user types: columns and features, with tabs between.

        Raises:
            PromptError: It has too many columns, or too few.
        """
        fields = text.strip("\r\n").split(TAB)
        expected = self.n_columns + self.has_features
        if len(fields) != expected:
            parts = [*["source"] * self.n_columns, *["features"] * self.has_features]
            example = f": {' TAB '.join(parts)}" if expected > 1 else ""
            raise PromptError(
                f"the source has {counted(len(fields) - 1, 'tab')}, "
                f"and needs {expected - 1 or 'none'}{example}",
                "features are written as in N;GEN;SG"
                if self.has_features
                else "this run has no features: leave the tab out",
            )
        return self.source(fields[: self.n_columns], "".join(fields[self.n_columns :]))

    def readable_source(self, source: str) -> str:
        """A source of a line as a user writes it: columns and features, with tabs between."""
        return TAB.join(self.source_fields(source))

    def readable_target(self, target: str) -> str:
        """A target of a line as a user writes it."""
        units = marked_units(target)
        return (" " if self.target_words else "").join(units)

    def source_fields(self, source: str) -> list[str]:
        """The columns of a source of a line as a user writes them, its features the last."""
        for _ in range(self.n_columns - 1):
            source = source.replace(_NEXT_COLUMN, TAB, 1)
        text, _, rest = source.partition(MARK)
        features = FEATURE_SEPARATOR.join(name[1:-1] for name in rest.split(MARK) if name)
        return [*text.split(TAB), *[features] * self.has_features]


def encode_source(text: str, pair_format: PairFormat, tokenizer: Tokenizer) -> TokenIds:
    """The ids of a source that a user typed, without its end, of shape (S,).

    Raises:
        PromptError: It is empty or has another number of columns, or a character or feature of it
            is outside the vocabulary.
    """
    source = pair_format.typed_source(text)
    if not source:
        raise PromptError("the source is empty", "give a text")
    return tokenizer.encode(source)


def encode_target(text: str, pair_format: PairFormat, tokenizer: Tokenizer) -> TokenIds:
    """The ids of a target that a user typed, without its end, of shape (T,).

    Raises:
        PromptError: A character or word of it is outside the vocabulary.
    """
    return tokenizer.encode(pair_format.target(text))


def cleaned(text: str) -> str:
    """A field of a pair: tabs, unit separators and line breaks become spaces, none at its ends."""
    return CONTROLS.sub(" ", text).strip()


def with_tabs_in_targets(text: str, symbols: Collection[str]) -> str:
    """Lines of pairs, with a tab for each symbol of a target that is outside a vocabulary."""
    known = set(symbols)
    lines = []
    for line in text.split("\n"):
        source, tab, target = line.partition(TAB)
        units = (marked(unit) if unit in known else TAB for unit in marked_units(target))
        lines.append("".join((source, tab, *units)))
    return "\n".join(lines)


def are_words(targets: Sequence[str]) -> bool:
    """Whether targets look as if they were spelled in words, as phonemes are: `k ae t`.

    Args:
        targets: Some of a table.
    """
    words = [word for target in targets for word in target.split()]
    if not words:
        return False
    spaced = sum(target == " ".join(target.split()) for target in targets)
    several = sum(" " in target for target in targets)
    long = sum(len(word) > _LONGEST for word in words)
    return (
        spaced >= _MOST * len(targets)
        and several >= _SEVERAL * len(targets)
        and sum(map(len, words)) < _MEAN_LENGTH * len(words)
        and long <= (1 - _MOST) * len(words)
    )


def are_features(fields: Sequence[str]) -> bool:
    """Whether most fields of a column look like features: `N;GEN;SG`."""
    found = sum(_FEATURES.fullmatch(field.strip()) is not None for field in fields)
    return found > 0 and found >= _MOST * len(fields)


def _words(text: str) -> list[str]:
    return [word for word in text.split(" ") if word]
