"""A text shaded by the surprisal of each character, as a figure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.scales import MOST_BITS, bits_scale
from attn_cli.figures.sheet import Box, Sheet, lines_height
from attn_cli.text.display import counted

MOST_CHARACTERS = 4000  # that any figure has room for
_ADVANCE = 0.602  # width of a character in the size of its type
_LEADING = 1.75  # height of a line in that of its type
_TALL = 1.3  # height of a shade likewise

Surprisal = tuple[str, float | None]  # a character, and its bits; None where it is not predicted


@dataclass(frozen=True)
class _Cell:
    """A character in its place."""

    shown: str
    bits: float | None
    line: int
    column: int
    columns: int


def draw_surprisal(
    canvas: Canvas, text: Sequence[Surprisal], total: int, subtitle: str, mean: str
) -> None:
    """Draws as much of a text as there is room for, from its beginning, and says how much.

    Args:
        canvas: A new one.
        text: The characters; of a long text, the first of them.
        total: How many the whole text has.
        subtitle: The model and the text.
        mean: What was measured over all of it, in a line.
    """
    canvas.hue = "green"
    if text[0] == ("\n", None):  # with which a model of lines begins
        text, total = text[1:], total - 1
    size, width = canvas.size, canvas.inner_width
    room = size.height - 2 * size.margin - (2.6 if size.is_fixed else 1.6)
    points = size.title if size.is_fixed else size.text
    cells = _placed(canvas, text, width, points)
    while points > size.least and _lines(cells) * lines_of(points) > room:
        points -= 0.5
        cells = _placed(canvas, text, width, points)
    most = int(room / lines_of(points))
    shown = [cell for cell in cells if cell.line < most]
    notes = [f"{mean}."]
    if len(shown) < total:
        notes.append(f"Shown: the first {len(shown):,} of {counted(total, 'character')}.")
    sheet = Sheet("Surprisal of each character", subtitle, notes, bits_scale())
    box = sheet.lay_out(canvas, lambda *_: _lines(shown) * lines_of(points))
    _draw(canvas, shown, points, box)


def lines_of(points: float) -> float:
    """The height of a line in inches."""
    return lines_height(1, points) * _LEADING / 1.3


def _lines(cells: Sequence[_Cell]) -> int:
    return cells[-1].line + 1 if cells else 0


def _placed(canvas: Canvas, text: Sequence[Surprisal], width: float, points: float) -> list[_Cell]:
    """Each character with its line and column; lines end between words where they can."""
    across = max(4, int(width * POINTS / (_ADVANCE * points)))
    placed: list[_Cell] = []
    line = column = 0
    for word in _words(text):
        shown = [(_shown(canvas, character), bits, character) for character, bits in word]
        length = sum(_columns(each) for each, _, _ in shown)
        # A blank at the end of a line may stand in its margin.
        if column and column + length - (word[-1][0] == " ") > across:
            line, column = line + 1, 0
        for each, bits, character in shown:
            if column + _columns(each) > across and character != " ":
                line, column = line + 1, 0
            placed.append(_Cell(each, bits, line, column, _columns(each)))
            column += _columns(each)
            if character == "\n":
                line, column = line + 1, 0
    return placed


def _words(text: Sequence[Surprisal]) -> Iterator[list[Surprisal]]:
    """A text in parts that each end with a blank or a newline."""
    word: list[Surprisal] = []
    for character, bits in text:
        word.append((character, bits))
        if character.isspace():
            yield word
            word = []
    if word:
        yield word


def _shown(canvas: Canvas, character: str) -> str:
    return " " if character == " " else canvas.label(character)


def _columns(shown: str) -> int:
    """How many columns a character or its escape takes."""
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in shown)


def _draw(canvas: Canvas, cells: Sequence[_Cell], points: float, box: Box) -> None:
    from matplotlib.collections import PolyCollection

    advance, line = _ADVANCE * points / POINTS, lines_of(points)
    high, gap = _TALL * points / POINTS, 0.02 * points / POINTS
    axes = canvas.axes(box.left, box.top, box.width, box.height)
    axes.set(xlim=(0, box.width), ylim=(box.height, 0))
    axes.axis("off")
    shades, squares, colors = canvas.shades, [], []
    for cell in cells:
        left, middle = cell.column * advance, (cell.line + 0.5) * line
        right = left + cell.columns * advance
        ink = canvas.theme.quiet
        if cell.bits is not None:
            fraction = min(1.0, cell.bits / MOST_BITS)
            top, bottom = middle - high / 2, middle + high / 2
            squares.append(
                [(left + gap, top), (right - gap, top), (right - gap, bottom), (left + gap, bottom)]
            )
            colors.append(shades(fraction))
            ink = canvas.ink_on(fraction)
        if cell.shown != " ":
            canvas.text(
                box.left + (left + right) / 2, box.top + middle, cell.shown, points, ink,
                align="center", vertical="center", mono=True,
            )  # fmt: skip
    axes.add_collection(
        PolyCollection(squares, facecolors=colors, edgecolors="none", clip_on=False)
    )
