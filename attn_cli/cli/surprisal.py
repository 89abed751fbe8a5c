"""The surprisal of each character in bits: colours for people, a table and lists for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Any

from attn_cli.cli.terminal import console
from attn_cli.text.display import escape_control_characters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from attn_cli.text.tokenizer import TokenIds, Tokenizer

    # As from `PerTokenLosses`: in nats, of all characters that are predicted.
    Losses = Iterable[NDArray[np.float32]]
    # Which these are, (N,).
    Predicted = NDArray[np.bool_]

# From how many bits on, and the background; they stay apart where a terminal has 16 colours only.
LEVELS = (
    (1, "black on color(229)"),
    (2, "black on color(220)"),
    (4, "black on color(208)"),
    (8, "black on color(196)"),
)
CHUNK = 512  # characters that are printed together


def can_colour() -> bool:
    """Whether standard output is a terminal with colours that the user has not turned off."""
    out = console()
    return sys.stdout.isatty() and out.color_system is not None and not out.no_color


def write_coloured(
    tokenizer: Tokenizer, ids: TokenIds, predicted: Predicted, losses: Losses
) -> None:
    """The text, each character on the colour of its surprisal, and a legend."""
    from rich.segment import Segment, Segments

    out = console()
    surprisals = _surprisals(tokenizer, ids, predicted, losses)
    pieces = chain.from_iterable(_styled(character, bits) for character, bits in surprisals)
    last = ""
    while some := list(islice(pieces, CHUNK)):
        segments = [
            Segment("".join(text for text, _ in run), out.get_style(style) if style else None)
            for style, run in groupby(some, key=lambda piece: piece[1])
        ]
        out.print(Segments(segments), soft_wrap=True)
        last = some[-1][0]
    legend = [Segment("\n" if last == "\n" else "\n\n"), Segment("surprisal   below 1 ")]
    for number, (least, style) in enumerate(LEVELS, 1):
        most = f"to {LEVELS[number][0]}" if number < len(LEVELS) else "or more"
        legend += [Segment(f" {least} {most} ", out.get_style(style)), Segment(" ")]
    legend.append(Segment("bits\n"))
    out.print(Segments(legend), soft_wrap=True)


def write_table(tokenizer: Tokenizer, ids: TokenIds, predicted: Predicted, losses: Losses) -> None:
    """A line for each predicted character or byte: its position from 0, itself, its bits."""
    fields = [_field(symbol) for symbol in tokenizer.symbols]
    print(f"position\t{tokenizer.unit}\tbits")
    for position, bits in zip(predicted.nonzero()[0], _bits(losses), strict=True):
        print(f"{position}\t{fields[ids[position]]}\t{bits:.4f}")
    sys.stdout.flush()  # so that what comes on standard error comes after it


def as_lists(
    tokenizer: Tokenizer, ids: TokenIds, predicted: Predicted, losses: Losses
) -> dict[str, list[Any]]:
    """Two lists of the same length, the predicted characters or bytes and their bits."""
    return {
        "characters": [tokenizer.symbols[token] for token in ids[predicted]],
        "surprisal_bits": [round(bits, 4) for bits in _bits(losses)],
    }


def beginning(
    count: int, tokenizer: Tokenizer, ids: TokenIds, predicted: Predicted, losses: Losses
) -> tuple[list[tuple[str, float | None]], int]:
    """The first characters, each with its bits or None, and how many the text has."""
    first: list[tuple[str, float | None]] = []
    total = 0
    for each in _surprisals(tokenizer, ids, predicted, losses):
        total += 1
        if total <= count:
            first.append(each)
    return first, total


def _bits(losses: Losses) -> Iterator[float]:
    for some in losses:
        # The loss of what was certain is -0.0.
        yield from (some / math.log(2) + 0.0).tolist()


def _surprisals(
    tokenizer: Tokenizer, ids: TokenIds, predicted: Predicted, losses: Losses
) -> Iterator[tuple[str, float | None]]:
    """Each character and its bits, those of its bytes together; None where it is not predicted."""
    bits, start = _bits(losses), 0
    for character, size in tokenizer.characters(ids):
        which = predicted[start : start + size]
        start += size
        together = sum(islice(bits, int(which.sum())))
        # Where a byte is not predicted, neither is its character.
        yield character, together if which.all() else None


def _styled(character: str, bits: float | None) -> Iterator[tuple[str, str | None]]:
    """A character as pieces of text, each with its style."""
    shown = escape_control_characters(character)
    style = None
    for least, colours in LEVELS:
        if bits is not None and bits >= least:
            style = colours
    if style and shown in "\n\t":
        # What has no width has no colour: a blank stands before it.
        yield " ", style
        style = None
    yield shown, style


def _field(symbol: str) -> str:
    """A symbol as in a JSON string: no tab, newline or quote, whatever reads the table.

    A byte that is no character by itself stays as it is, "\\xe9".
    """
    safe = symbol not in '"\\\n\t' and symbol == escape_control_characters(symbol)
    if len(symbol) > 1 or safe:
        return symbol
    return json.dumps(symbol)[1:-1]
