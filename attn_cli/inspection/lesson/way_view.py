"""The way of a text through a model as a line in the terminal, and the contents of a lesson."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from attn_cli.inspection.lesson.blocks import LessonStep, Stage

ARROW = " > "
INDENT = "  "
GAP = "  "  # between two columns of the contents


def way_lines(way: Sequence[Stage], stage: str, width: int) -> list[Text]:
    """The stages in a line, one of them in brackets, and below it the shape that leaves each.

    What does not fit into the width goes on in another two lines.
    """
    lines: list[Text] = []
    names, shapes = Text(style="dim"), Text(style="dim")
    for each in way:
        here = each.name == stage
        name = f"[{each.name}]" if here else each.name
        size = max(cell_len(name), cell_len(each.shape))
        if names and names.cell_len + len(ARROW) + size > width:
            lines += [names, shapes]
            names, shapes = Text("> ", "dim"), Text("  ", "dim")
        elif names:
            names.append(ARROW)
            shapes.append(" " * len(ARROW))
        style = "not dim bold" if here else ""
        names.append(_centred(name, size), style)
        shapes.append(_centred(each.shape, size), style)
    lines += [names, shapes] if way else []
    for line in lines:
        line.rstrip()
    return lines


def contents_lines(steps: Sequence[LessonStep], width: int) -> Iterator[Text]:
    """The titles of all steps by their stages, in as many columns as fit."""
    numbered = [(step.stage, f"{n:2} {step.title}") for n, step in enumerate(steps, start=1)]
    margin = max(cell_len(stage) for stage, _ in numbered)
    size = max(cell_len(title) for _, title in numbered)
    room = width - len(INDENT) - margin - len(GAP)
    at_once = max(1, (room + len(GAP)) // (size + len(GAP)))
    for stage, group in groupby(numbered, key=lambda each: each[0]):
        titles = [title for _, title in group]
        for first in range(0, len(titles), at_once):
            row = GAP.join(title.ljust(size) for title in titles[first : first + at_once])
            line = Text(INDENT + ("" if first else stage).ljust(margin), "dim")
            yield line.append((GAP + row).rstrip(), "not dim")


def _centred(text: str, size: int) -> str:
    left = (size - cell_len(text)) // 2
    return " " * left + text + " " * (size - cell_len(text) - left)
