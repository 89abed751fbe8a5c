"""How `attn generate` shows what it wrote: as it comes, explained, or as JSON."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attn_cli.cli.terminal import harmless, notice
from attn_cli.text.display import printable_symbol

if TYPE_CHECKING:
    from attn_cli.generation.copying import Copy
    from attn_cli.generation.writer import Alternative, Sample, Writing

MOST_COPY = 200  # characters of a copy that are shown


class Teller:
    """Writes samples to standard output.

    Args:
        count: How many there are.
        explain: Whether each character gets a line, with what else might have come.
        silent: Whether to write nothing.
    """

    def __init__(self, count: int, *, explain: bool, silent: bool) -> None:
        self.silent = silent
        self._count = count
        self._explain = explain
        self._number = 0
        # Nobody watches a pipe, and each flush is a call of the system.
        self._flush = sys.stdout.isatty()

    def tell(self, writing: Writing, steps: Iterator[None]) -> None:
        """A text with its prompt, while the steps write it."""
        streaming = not self.silent and not self._explain
        if not self.silent:
            self._separate(f"seed {writing.seed}")
        if streaming:
            self._show(writing.prompt)
        while not writing.over:
            next(steps)
            if streaming:
                self._show(writing.news())
        if streaming:
            self._show(writing.news() + "\n")
        elif not self.silent:
            for line in explanation(writing):
                self._show(line + "\n")

    def told(self, samples: Sequence[Sample]) -> None:
        """Texts that beam search found."""
        if not self.silent:
            for sample in samples:
                self._separate("by beam search")
                self._show(f"{sample.prompt}{sample.text}\n")

    def _separate(self, how: str) -> None:
        """A line before each sample, for people; a form feed between two, for programs.

        Where texts hold form feeds of their own, a program wants `--json`.
        """
        self._number += 1
        if self._count > 1:
            if self._number > 1 and not sys.stdout.isatty():
                sys.stdout.write("\f")
            sys.stdout.flush()  # what went before, where both go to one place
            notice(f"--- {self._number} of {self._count} ({how})")

    def _show(self, text: str) -> None:
        if text:
            sys.stdout.write(harmless(text, sys.stdout))
            if self._flush:
                sys.stdout.flush()


def explanation(writing: Writing) -> Iterator[str]:
    """The text, then a line for each character that was written."""
    sample = writing.sample()
    yield sample.prompt + sample.text
    yield ""
    yield "wrote   odds  the likeliest, after the controls"
    for char, odds, alternatives in writing.explained():
        yield f"{printable_symbol(char):5} {odds:6.1%}  " + "  ".join(map(_listed, alternatives))


def sample_record(sample: Sample, copy: Copy | None) -> dict[str, Any]:
    """A sample as JSON has it; what was not asked for is left out."""
    record = dataclasses.asdict(sample)
    if not sample.alternatives:
        del record["odds"], record["alternatives"]
    if copy is not None:
        record["copy"] = dataclasses.asdict(copy)
    return record


def tell_of_copies(copies: Sequence[Copy]) -> None:
    """A line for each sample: the longest run of it that stands in the training text."""
    for number, copy in enumerate(copies, start=1):
        which = f"{number} of {len(copies)}: " if len(copies) > 1 else ""
        if not copy.length:
            notice(f"{which}nothing of it stands in the training text")
            continue
        shown = copy.text if copy.length <= MOST_COPY else copy.text[:MOST_COPY] + "..."
        notice(
            f"{which}longest copy: {copy.length:,} characters, "
            f"in the training text at {copy.source:,}: {shown!r}"
        )


def _listed(alternative: Alternative) -> str:
    return f"{printable_symbol(alternative.char)} {alternative.odds:.1%}"
