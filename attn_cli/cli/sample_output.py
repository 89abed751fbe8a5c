"""How `attn generate` shows its texts: streamed, token by token with alternatives, or as JSON."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attn_cli.cli.terminal import notice, sanitize
from attn_cli.text.display import counted, printable_symbol, quoted

if TYPE_CHECKING:
    from attn_cli.generation.memorization import LongestMatch, Overlap
    from attn_cli.generation.text_stream import GeneratedText, TextStream

MAX_SHOWN_MATCH = 200  # characters


class SamplePrinter:
    """Prints `count` samples to standard output, or nothing where `silent`.

    Where they are `lines`, nothing stands between them.
    """

    def __init__(self, count: int, *, silent: bool, lines: bool) -> None:
        self._silent = silent
        self._separated = count > 1 and not lines
        self._count = count
        self._number = 0
        # Nobody watches a pipe, and each flush is a system call.
        self._flush = sys.stdout.isatty()

    def stream(self, stream: TextStream, *, alternatives: bool) -> None:
        """Prints a text with its prompt while it is generated, or a table of its tokens."""
        if self._silent:
            return
        self._separate(f"seed {stream.seed}")
        if alternatives:
            for line in token_table(stream):
                self._show(line + "\n")
            return
        self._show(stream.prompt)
        for new_text in stream:
            self._show(new_text)
        self._show("\n")

    def print(self, samples: Sequence[GeneratedText]) -> None:
        """Prints texts that beam search found."""
        if not self._silent:
            for sample in samples:
                self._separate("by beam search")
                self._show(f"{sample.prompt}{sample.text}\n")

    def _separate(self, how: str) -> None:
        """Puts a line before each sample, for people; a form feed between two, for programs.

        Where texts contain form feeds of their own, a program needs `--json`.
        """
        self._number += 1
        if self._separated:
            if self._number > 1 and not sys.stdout.isatty():
                sys.stdout.write("\f")
            sys.stdout.flush()  # both streams may go to one place
            notice(f"--- {self._number} of {self._count} ({how})")

    def _show(self, text: str) -> None:
        if text:
            sys.stdout.write(sanitize(text, sys.stdout))
            if self._flush:
                sys.stdout.flush()


def token_table(stream: TextStream) -> Iterator[str]:
    """The text, then a line for each token."""
    from rich.cells import cell_len

    sample = stream.result()
    yield sample.prompt + sample.text
    yield ""
    yield "token   prob  top alternatives, after the sampling filters"
    for symbol, prob, alternatives in stream.token_details():
        listed = "  ".join(
            f"{printable_symbol(each.char)} {each.prob:.1%}" for each in alternatives
        )
        shown = printable_symbol(symbol)
        yield f"{shown}{' ' * (5 - cell_len(shown))} {prob:6.1%}  {listed}"


def sample_record(sample: GeneratedText, match: LongestMatch | None) -> dict[str, Any]:
    """A sample for `--json`, without what was not asked for."""
    record = dataclasses.asdict(sample)
    del record["ids"]
    if not sample.alternatives:
        del record["probs"], record["alternatives"]
    if match is not None:
        record["copy"] = dataclasses.asdict(match)
    return record


def print_overlap(overlap: Overlap) -> None:
    """A line for each sample: its longest substring that is in the training text.

    And a line on what is to be expected by chance.
    """
    matches, held_out = overlap.matches, overlap.held_out
    for number, match in enumerate(matches, start=1):
        which = f"{number} of {len(matches)}: " if len(matches) > 1 else ""
        if not match.length:
            notice(f"{which}no verbatim overlap with the training text")
            continue
        shown = match.text
        if match.length > MAX_SHOWN_MATCH:
            shown = match.text[:MAX_SHOWN_MATCH] + "..."
        notice(
            f"{which}longest copy: {counted(match.length, 'character')}, "
            f"in the training text at {match.source:,}: {quoted(shown)}"
        )
    if held_out:
        each = "line" if held_out.stretch is None else f"stretch of {held_out.stretch:,}"
        notice(
            f"for comparison: a held-out {each} typically shares {held_out.typical:g} characters "
            f"in a row with the training text; the most in {held_out.chars:,} is "
            f"{held_out.longest:,}"
        )
