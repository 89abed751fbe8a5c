"""A lesson for the page's script, which says it of any text: what each part shows, as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, SideBySide, Table
from attn_cli.inspection.lesson.declared import OfThisText
from attn_cli.inspection.lesson.said import depends_on_text, pieces
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.display import printable_symbol

# The scripts of a lesson, each after those that it uses.
LESSON = (
    "lesson_rounding",
    "lesson_tensors",
    "lesson_text",
    "lesson_arithmetic",
    "lesson_parts",
    "lesson_picture",
    "lesson_steps",
    "lesson",
)


def lesson_payload(
    steps: Sequence[LessonStep], loaded: LoadedModel, layer: int, head: int
) -> dict[str, Any]:
    """The steps' parts in order; None for one that is the same for every text.

    Args:
        steps: The lesson.
        loaded: The model.
        layer: The layer that is followed, from 0.
        head: The head of that layer, from 0.
    """
    return {
        "layer": layer,
        "head": head,
        "first": len(loaded.line_beginning),
        "symbols": list(map(printable_symbol, loaded.tokenizer.symbols)),
        "way": [_with_places(stage.plan) for stage in steps[0].way],
        "steps": [[_record(part) for part in step.plan] for step in steps],
    }


def _record(part: Any) -> dict[str, Any] | None:
    if isinstance(part, OfThisText):
        return {"kind": "OfThisText"}
    same = isinstance(part, str | Formula | Table | SideBySide) and not _depends_on_text(part)
    return None if same else _with_places(part)


def _depends_on_text(value: Any) -> bool:
    """Whether a text in it has places."""
    if isinstance(value, str):
        return depends_on_text(value)
    if isinstance(value, tuple):
        return any(map(_depends_on_text, value))
    return any(_depends_on_text(getattr(value, field.name)) for field in fields(value))


def _with_places(value: Any) -> Any:
    """A part, or a field of one; texts with places as pieces, all else as it is."""
    if isinstance(value, str):
        return pieces(value) if depends_on_text(value) else value
    if isinstance(value, list | tuple):
        return [_with_places(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _with_places(one) for key, one in value.items()}
    if value is None or isinstance(value, int | float):
        return value
    of_fields = {field.name: _with_places(getattr(value, field.name)) for field in fields(value)}
    return {"kind": type(value).__name__, **of_fields}
