"""A lesson as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Maps, Part, Table


def lesson_record(
    steps: Sequence[LessonStep], numbers: Iterable[int], *, titles_alone: bool = False
) -> dict[str, Any]:
    """The way through the model, and the steps of these numbers, counted from 1."""
    return {
        "way": [asdict(stage) for stage in steps[0].way],
        "steps": [_step_record(steps[n - 1], n, titles_alone) for n in numbers],
    }


def _step_record(step: LessonStep, number: int, titles_alone: bool) -> dict[str, Any]:
    record: dict[str, Any] = {"number": number, "title": step.title, "stage": step.stage}
    if not titles_alone:
        # A map shows weights that `attn inspect-attention --json` has in full.
        record["parts"] = [_part_record(part) for part in step.parts if not isinstance(part, Maps)]
    return record


def _part_record(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"kind": "text", "text": part}
    if isinstance(part, Formula):
        return {"kind": "formula"} | asdict(part)
    if isinstance(part, Table):
        return {"kind": "table"} | asdict(part)
    return {"kind": "side by side"} | asdict(part)
