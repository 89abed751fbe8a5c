"""A lesson in the terminal: paragraphs, formulas and tables within its width, or JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Part, SideBySide, Table

MAX_WIDTH = 88  # columns; longer lines of prose are hard to read
INDENT = "  "
GAP = 2  # columns between two columns of a table
TABLE_GAP = 4  # and between two tables


def show_step(console: Console, step: LessonStep, number: int, count: int) -> None:
    """Prints a step with its heading, and an empty line after each part."""
    width = console.width
    console.print(Text(f"{number}/{count}  {step.title}", style="bold cyan"))
    console.print()
    for part in step.parts:
        if isinstance(part, str):
            lines = [(line.plain, "") for line in Text(part).wrap(console, min(width, MAX_WIDTH))]
        elif isinstance(part, Formula):
            lines = [(2 * INDENT + line, "bold") for line in part.lines]
        else:
            lines = part_lines(part, width)
        for line, style in lines:
            console.print(Text(line.rstrip(), style=style), soft_wrap=True)
        console.print()


def part_lines(part: Table | SideBySide, width: int) -> list[tuple[str, str]]:
    """The lines of one or two tables, each with its style; two go side by side if they fit."""
    if isinstance(part, Table):
        return list(_table_lines(part, width))
    left = list(_table_lines(part.left, width))
    right = list(_table_lines(part.right, width))
    column = max(cell_len(line) for line, _ in left) + TABLE_GAP
    if column + max(cell_len(line) for line, _ in right) > width or len(left) != len(right):
        return [*left, ("", ""), *right]
    return [
        (set_cell_size(one, column) + other, style)
        for (one, style), (other, _) in zip(left, right, strict=True)
    ]


def _table_lines(table: Table, width: int) -> Iterator[tuple[str, str]]:
    """A caption, headings, rows; columns that do not fit go below the others."""
    yield INDENT + table.caption, "italic"
    names = _column(("", *(name for name, _ in table.rows)), right_aligned=False)
    cells = zip(*(cells for _, cells in table.rows), strict=True)
    columns = [
        _column((heading, *column), right_aligned=all(map(_is_number, column)))
        for heading, column in zip(table.columns, cells, strict=True)
    ]
    for group in _groups(columns, width - cell_len(INDENT + names[0])):
        for number, line in enumerate(zip(names, *group, strict=True)):
            yield INDENT + (" " * GAP).join(line), "" if number else "dim"


def _column(cells: Sequence[str], *, right_aligned: bool) -> list[str]:
    """The cells, padded to the same width."""
    width = max(map(cell_len, cells))
    if right_aligned:
        return [" " * (width - cell_len(cell)) + cell for cell in cells]
    return [set_cell_size(cell, width) for cell in cells]


def _groups(columns: Sequence[list[str]], room: int) -> Iterator[list[list[str]]]:
    """The columns in groups that fit beside each other, at least one in each."""
    group: list[list[str]] = []
    used = 0
    for column in columns:
        used += GAP + cell_len(column[0])
        if used > room and group:
            yield group
            group, used = [], GAP + cell_len(column[0])
        group.append(column)
    yield group


def _is_number(cell: str) -> bool:
    return cell.lstrip("-")[:1].isdigit() or cell in {"…", "∞", "-∞"}


def step_record(step: LessonStep) -> dict[str, Any]:
    """A step for JSON."""
    return {
        "title": step.title,
        "stage": step.stage,
        "parts": [_part_record(part) for part in step.parts],
    }


def _part_record(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"kind": "text", "text": part}
    if isinstance(part, Formula):
        return {"kind": "formula"} | asdict(part)
    if isinstance(part, Table):
        return {"kind": "table"} | asdict(part)
    return {"kind": "side by side"} | asdict(part)
