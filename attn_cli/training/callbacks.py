"""Callbacks of the trainer: what is told of a run while it trains, and the files that it leaves.

A trainer always has those of `with_run_files`, so that a run leaves the same whoever starts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from attn_cli.figures.loss import plot_losses
from attn_cli.runs.loggers.collection import LoggerCollection
from attn_cli.runs.metrics import StepMetrics, append_metrics, metrics_line, read_metrics
from attn_cli.text.builtin import loss_floor

if TYPE_CHECKING:  # the trainer imports this file
    from attn_cli.training.trainer import Trainer

Phase = Literal["steps", "compiling", "evaluating"]


class Callback:
    """Is told of every measurement; nothing that it does changes the run.

    An error that it raises ends the run.
    """

    def on_train_start(self, trainer: Trainer) -> None:
        """Training is about to begin, or to be resumed."""

    def on_phase(self, phase: Phase) -> None:
        """Something else than steps has begun, or steps again, which are what it begins with."""

    def on_log(self, metrics: StepMetrics) -> None:
        """A step was logged, with `val_loss` where it was evaluated."""

    def on_sample(self, metrics: StepMetrics, sample: str) -> None:
        """The model wrote a sample after an evaluation; not after each where time is short."""

    def on_message(self, message: str) -> None:
        """Something the user may want to know, in one line."""

    def on_warning(self, message: str) -> None:
        """Something the user should know, in one line."""

    def on_train_end(self) -> None:
        """Training has ended, by an error or not; called where `on_train_start` has returned."""


class CallbackList(Callback):
    """Several callbacks, called in order."""

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = tuple(callbacks)
        self._started: list[Callback] = []

    @contextmanager
    def around(self, trainer: Trainer) -> Iterator[None]:
        """Context manager: starts the callbacks, and ends those that were started.

        What ends training is what is raised, whatever callbacks raise at their end.
        """
        try:
            self.on_train_start(trainer)
            yield
        except BaseException:
            with suppress(Exception):
                self.on_train_end()
            raise
        self.on_train_end()

    def on_train_start(self, trainer: Trainer) -> None:
        for callback in self._callbacks:
            callback.on_train_start(trainer)
            self._started.append(callback)

    def on_phase(self, phase: Phase) -> None:
        for callback in self._callbacks:
            callback.on_phase(phase)

    def on_log(self, metrics: StepMetrics) -> None:
        for callback in self._callbacks:
            callback.on_log(metrics)

    def on_sample(self, metrics: StepMetrics, sample: str) -> None:
        for callback in self._callbacks:
            callback.on_sample(metrics, sample)

    def on_message(self, message: str) -> None:
        for callback in self._callbacks:
            callback.on_message(message)

    def on_warning(self, message: str) -> None:
        for callback in self._callbacks:
            callback.on_warning(message)

    def on_train_end(self) -> None:
        with ExitStack() as ending:  # calls all of them, though one raises
            while self._started:
                ending.callback(self._started.pop().on_train_end)


class MetricsFile(Callback):
    """Writes metrics.jsonl."""

    def on_train_start(self, trainer: Trainer) -> None:
        self._path = trainer.run.metrics

    def on_log(self, metrics: StepMetrics) -> None:
        append_metrics(self._path, metrics_line(metrics))


class SamplesFile(Callback):
    """Writes samples.txt."""

    def on_train_start(self, trainer: Trainer) -> None:
        self._run = trainer.run

    def on_sample(self, metrics: StepMetrics, sample: str) -> None:
        assert metrics.val_loss is not None
        self._run.append_sample(metrics.step, metrics.val_loss, sample)


MAX_REASON = 200  # characters of another library's error that are shown


class LossPlot(Callback):
    """Draws loss.svg, again at each evaluation."""

    def on_train_start(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._told = ""  # why it was not drawn

    def on_sample(self, metrics: StepMetrics, sample: str) -> None:
        run = self._trainer.run
        try:
            floor = loss_floor(self._trainer.config)
            plot_losses(run.loss_plot, list(read_metrics(run.metrics)), run.path.name, floor)
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

    def on_log(self, metrics: StepMetrics) -> None:
        if self._loggers is not None:
            self._loggers.log_metrics(metrics)

    def on_sample(self, metrics: StepMetrics, sample: str) -> None:
        if self._loggers is not None:
            self._loggers.log_text(metrics.step, sample)

    def on_train_end(self) -> None:
        if self._loggers is not None:
            self._loggers.close()


def with_run_files(callbacks: Sequence[Callback]) -> CallbackList:
    """These callbacks, with those that write what every run leaves.

    Files are written before anyone hears of it. The loggers start last, since they have
    something to say then.
    """
    return CallbackList([MetricsFile(), SamplesFile(), LossPlot(), *callbacks, Loggers()])
