"""The figures of `attn evaluate`: a text by surprisal, and a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.cli.figure_options import FigureFiles, write_beside

if TYPE_CHECKING:
    from attn_cli.objectives.evaluation import Evaluation
    from attn_cli.objectives.label_evaluation import LabelEvaluation
    from attn_cli.runs.loaded_model import TrainedModel


def write_surprisal(
    figures: FigureFiles,
    loaded: TrainedModel,
    measured: str,
    text: tuple[Sequence[tuple[str, float | None]], int],
    evaluation: Evaluation,
) -> None:
    """Writes a text shaded by surprisal.

    Args:
        figures: At least one.
        loaded: The run.
        measured: The name of the text.
        text: Its first characters, each with its bits, and how many it has.
        evaluation: Of all of it.
    """
    from attn_cli.inspection.figures.surprisal import draw_surprisal

    title = _published(loaded, measured)
    mean = f"{evaluation.bits_per_char:.4f} bits per {loaded.tokenizer.unit}"
    write_beside(figures, lambda canvas: draw_surprisal(canvas, *text, title, mean))


def write_confusion(
    figures: FigureFiles, loaded: TrainedModel, measured: str, evaluation: LabelEvaluation
) -> None:
    """Writes what a classifier takes for what, where figures were asked for."""
    from attn_cli.inspection.figures.confusion import draw_confusion

    title, confusion = _published(loaded, measured), evaluation.confusion
    write_beside(figures, lambda canvas: draw_confusion(canvas, confusion, loaded.labels, title))


def _published(loaded: TrainedModel, measured: str) -> str:
    """A run and a text as a figure names them, which is shared, and folders are not."""
    return f"{loaded.name}, step {loaded.step:,}, {Path(measured).name}"
