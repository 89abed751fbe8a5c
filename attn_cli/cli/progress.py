"""What a user sees while a model trains: a bar, the losses, and what the model writes."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells

from attn_cli.cli.progress_bar import Bar, terminal_columns, train_loss
from attn_cli.cli.terminal import notice
from attn_cli.runs.metrics import validation_text
from attn_cli.text.display import escape_control_characters
from attn_cli.training.callbacks import Callback, Phase

if TYPE_CHECKING:
    from attn_cli.runs.metrics import StepMetrics
    from attn_cli.training.interrupt import StopSignal
    from attn_cli.training.trainer import Trainer

INDENT, MORE = "  │ ", " …"
EXCERPT_LINES = 2
MAX_COLUMNS = 92
MAX_CHARS_PER_CELL = 8  # enough for a letter with its marks


class IgnoreFurtherSignals(Callback):
    """After a stop was asked for, lets nothing interrupt the loggers' end and the report."""

    def __init__(self, stop_signal: StopSignal) -> None:
        self._stop_signal = stop_signal

    def on_train_end(self) -> None:
        if self._stop_signal.requested():
            self._stop_signal.ignore()


class ProgressBar(Callback):
    """Draws on standard error: on a terminal a bar, elsewhere a line at each evaluation.

    Args:
        quiet: Whether to draw nothing, and show warnings alone.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._unit = "chars"
        self._bar: Bar | None = None

    def on_train_start(self, trainer: Trainer) -> None:
        if self.quiet:
            return
        if trainer.objective.tokenizer.unit == "byte":
            self._unit = "bytes"
        learner = trainer.learner
        notice(
            f"{learner.model.parameter_count():,} parameters, {learner.precision} on "
            f"{learner.device.type}; {trainer.run.path}"
        )
        if sys.stderr.isatty():
            self._bar = Bar(trainer, self._unit)

    def on_phase(self, phase: Phase) -> None:
        if self._bar is not None:
            self._bar.begin(phase)
        elif phase == "compiling" and not self.quiet:
            self._say("compiling, which takes up to a minute")

    def on_log(self, metrics: StepMetrics) -> None:
        if self._bar is not None:
            self._bar.show(metrics)

    def on_sample(self, metrics: StepMetrics, sample: str) -> None:
        if self.quiet:
            return
        line = (
            f"step {metrics.step:,} · {metrics.seconds:.0f} s · {train_loss(metrics)}"
            f" · {validation_text(metrics)} · {metrics.chars_per_second:,.0f} {self._unit}/s"
        )
        # A terminal would break it anywhere.
        self._say(line if self._bar is None else textwrap.fill(line, terminal_columns()))
        self._say(excerpt(sample, terminal_columns()))

    def on_message(self, message: str) -> None:
        if not self.quiet:
            self._say(message)

    def on_warning(self, message: str) -> None:
        self._say(message)

    def on_train_end(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _say(self, text: str) -> None:
        """A line above the bar."""
        if self._bar is not None:
            self._bar.write(escape_control_characters(text))
        else:
            notice(text)


def excerpt(sample: str, columns: int) -> str:
    """The beginning of a sample as one indented line or two, each at most `columns` cells wide.

    Lines break between words; within one only where the line would be half empty without it, as
    in scripts that have no blanks.
    """
    rest = " ".join(escape_control_characters(sample).split())
    width = max(2 * cell_len(MORE), min(columns, MAX_COLUMNS) - cell_len(INDENT))
    lines: list[str] = []
    while rest and len(lines) < EXCERPT_LINES:
        line, after = _split_line(rest, width)
        if after and len(lines) == EXCERPT_LINES - 1:
            line, after = _split_line(rest, width - cell_len(MORE))
            line += MORE
        lines.append(INDENT + line)
        rest = after
    return "\n".join(lines)


def _split_line(text: str, width: int) -> tuple[str, str]:
    """What of a text fits into so many cells, and the rest."""
    line = chop_cells(text[: MAX_CHARS_PER_CELL * width], width)[0]
    if len(line) < len(text) and text[len(line)] != " ":
        blank = line.rfind(" ")
        if cell_len(line[: blank + 1]) > width // 2:
            line = line[:blank]
    return line.rstrip(), text[len(line) :].lstrip()
