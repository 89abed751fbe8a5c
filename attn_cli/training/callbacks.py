"""Callbacks of the trainer: what is told of a run while it trains, and the files that it leaves.

A trainer always has those of `run_files`, so that a run leaves the same whoever starts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_cli.runs.loggers.collection import LoggerCollection
from attn_cli.runs.loss_plot import plot_losses
from attn_cli.runs.metrics import StepMetrics, append_metrics, metrics_line, read_metrics

if TYPE_CHECKING:  # the trainer imports this file
    from attn_cli.training.trainer import Trainer


class Callback:
    """Is told of every measurement; nothing that it does changes the run.

    An error that it raises ends the run.
    """

    def on_train_start(self, trainer: Trainer) -> None:
        """Training is about to begin, or to be resumed."""

    def on_log(self, metrics: StepMetrics, total_steps: float) -> None:
        """A step was logged; `total_steps` is how many there will be."""

    def on_evaluate(self, metrics: StepMetrics, sample: str) -> None:
        """The validation loss was measured, and the model wrote a sample."""

    def on_message(self, message: str) -> None:
        """Something the user may want to know, in one line."""

    def on_warning(self, message: str) -> None:
        """Something the user should know, in one line."""

    def on_train_end(self) -> None:
        """Training has ended, by an error or not."""


class CallbackList(Callback):
    """Several callbacks, called in order."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = tuple(callbacks)

    def on_train_start(self, trainer: Trainer) -> None:
        for callback in self._callbacks:
            callback.on_train_start(trainer)

    def on_log(self, metrics: StepMetrics, total_steps: float) -> None:
        for callback in self._callbacks:
            callback.on_log(metrics, total_steps)

    def on_evaluate(self, metrics: StepMetrics, sample: str) -> None:
        for callback in self._callbacks:
            callback.on_evaluate(metrics, sample)

    def on_message(self, message: str) -> None:
        for callback in self._callbacks:
            callback.on_message(message)

    def on_warning(self, message: str) -> None:
        for callback in self._callbacks:
            callback.on_warning(message)

    def on_train_end(self) -> None:
        for callback in self._callbacks:
            callback.on_train_end()


class MetricsFile(Callback):
    """Writes metrics.jsonl."""

    def on_train_start(self, trainer: Trainer) -> None:
        self._path = trainer.run.metrics

    def on_log(self, metrics: StepMetrics, total_steps: float) -> None:
        append_metrics(self._path, metrics_line(metrics))


class SamplesFile(Callback):
    """Writes samples.txt."""

    def on_train_start(self, trainer: Trainer) -> None:
        self._run = trainer.run

    def on_evaluate(self, metrics: StepMetrics, sample: str) -> None:
        assert metrics.val_loss is not None
        self._run.append_sample(metrics.step, metrics.val_loss, sample)


MAX_REASON = 200  # characters of another library's error that are shown


class LossPlot(Callback):
    """Draws loss.svg, again at each evaluation."""

    def on_train_start(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._told = ""  # why it was not drawn

    def on_evaluate(self, metrics: StepMetrics, sample: str) -> None:
        run = self._trainer.run
        try:
            plot_losses(run.loss_plot, list(read_metrics(run.metrics)), run.path.name)
        except OSError:
            raise
        except Exception as error:  # of a library that draws; no reason to end a run
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            if reason != self._told:
                self._trainer.callbacks.on_message(f"loss.svg was not drawn: {reason[:MAX_REASON]}")
            self._told = reason


class Loggers(Callback):
    """Feeds the loggers that `train.loggers` names; one that fails is dropped."""

    def __init__(self) -> None:
        self._loggers: LoggerCollection | None = None

    def on_train_start(self, trainer: Trainer) -> None:
        self._loggers = LoggerCollection(
            trainer.run, trainer.config, trainer.callbacks.on_message, trainer.callbacks.on_warning
        )

    def on_log(self, metrics: StepMetrics, total_steps: float) -> None:
        if self._loggers is not None:
            self._loggers.log_metrics(metrics)

    def on_evaluate(self, metrics: StepMetrics, sample: str) -> None:
        if self._loggers is not None:
            self._loggers.log_text(metrics.step, sample)

    def on_train_end(self) -> None:
        if self._loggers is not None:
            self._loggers.close()


def run_files() -> list[Callback]:
    """The callbacks that write what every run leaves."""
    return [MetricsFile(), SamplesFile(), LossPlot(), Loggers()]
