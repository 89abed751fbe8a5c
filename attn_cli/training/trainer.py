"""The loop: steps, evaluations and checkpoints, until the budget is spent.

The loop decides when something happens; what happens is elsewhere: the step in
`step.py`, its size in `schedule.py`, the end in `budget.py`. Whoever watches gets
every measurement through an `Observer`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from attn_cli.config.schema import Config
from attn_cli.errors import RunError
from attn_cli.model.transformer import Transformer
from attn_cli.runs.checkpoint import save_checkpoint
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.metrics import StepMetrics, append_metrics
from attn_cli.text.batches import Batches
from attn_cli.text.corpus import Corpus
from attn_cli.training.budget import Budget, StepBudget, TimeBudget
from attn_cli.training.evaluation import evaluate
from attn_cli.training.optimizer import make_optimizers
from attn_cli.training.precision import WorkingModel, choose_precision
from attn_cli.training.schedule import learning_rate
from attn_cli.training.step import train_step


class Observer(Protocol):
    """Whoever watches a run: a progress bar, a logger, a test."""

    def began(self, model: Transformer, precision: str, device: str) -> None:
        """The first step is about to be done."""

    def stepped(self, metrics: StepMetrics, total_steps: float) -> None:
        """A line was added to the metrics; `total_steps` is how many there will be."""

    def evaluated(self, metrics: StepMetrics, model: Transformer) -> None:
        """The validation loss was measured; `model` is in evaluation mode."""


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        steps: Optimizer steps done.
        chars: Characters trained on.
        seconds: Time from the start to the end of the run.
        parameters: Learned numbers.
        val_loss: The lowest exact validation loss, nats per character.
        best_step: The step that had it.
        interrupted: Whether the run was stopped before its budget was spent.
    """

    steps: int
    chars: int
    seconds: float
    parameters: int
    val_loss: float
    best_step: int
    interrupted: bool


class Trainer:
    """A model, its optimizer and its text, and how far they have come.

    Args:
        config: The run's configuration; its text is already in `corpus`.
        corpus: The text, long enough for the config's `block_size`.
        run: A new folder, which all that comes of the run goes into.
        observer: Is told of every measurement.
        device: Where to compute.
        started: A reading of `time.monotonic()` at the start of the run.
    """

    def __init__(
        self,
        config: Config,
        corpus: Corpus,
        run: RunFolder,
        observer: Observer,
        *,
        device: torch.device,
        started: float,
    ) -> None:
        self.config = config
        self.corpus = corpus
        self.run = run
        self.observer = observer
        self.started = started

        self.device = device
        self.precision = choose_precision(config.train.precision, device)
        torch.manual_seed(config.train.seed)
        self.model = Transformer(config.model, corpus.tokenizer.vocab_size).to(device)
        self.working = WorkingModel(self.model, self.precision)
        self.optimizers = make_optimizers(self.model, config.train)
        self.batches = Batches(
            corpus.train, config.model.block_size, config.train.batch_size, config.train.seed
        )
        self.budget: Budget = StepBudget(config.train.steps)
        if config.train.minutes is not None:
            self.budget = TimeBudget(60 * config.train.minutes, started)

        self.step = 0
        self.best_step = 0
        self.best_val_loss = math.inf
        self._meter = _Meter()

    def fit(self, stop_wanted: Callable[[], bool] = lambda: False) -> TrainResult:
        """Trains until the budget is spent or `stop_wanted()`, and saves either way.

        Raises:
            RunError: The loss is no longer a number.
        """
        settings = self.config.train
        self.observer.began(self.model, self.precision, self.device.type)
        while True:
            total_steps = self.budget.total_steps(self.step)
            self._train_step(learning_rate(self.step, total_steps, settings))
            interrupted = stop_wanted()
            last = interrupted or self.budget.spent(self.step)

            if last or self.step % settings.eval_every == 0:
                begin = time.monotonic()
                self._evaluate(total_steps)
                self._save()
                self.budget.reserve(time.monotonic() - begin)
            else:
                if self.step % settings.log_every == 0:
                    self._log(total_steps)
                if self.step % settings.checkpoint_every == 0:
                    self._save()
            if last:
                return self._result(interrupted)

    def _train_step(self, rate: float) -> None:
        begin = time.monotonic()
        settings = self.config.train
        whole = settings.batch_size
        x, y = self.batches.batch(self.step)  # (B, T)
        loss, norm = train_step(
            self.working,
            self.optimizers,
            x.to(self.device),
            y.to(self.device),
            micro_batch=whole if settings.micro_batch == "auto" else settings.micro_batch,
            learning_rate_share=rate / settings.learning_rate,
            grad_clip=settings.grad_clip,
        )
        self.step += 1
        self._meter.add(loss, norm, rate, time.monotonic() - begin)

    def _evaluate(self, total_steps: float) -> None:
        """Measures the validation loss and tells of it."""
        val_loss = evaluate(self.working.model, self.corpus.validation).loss
        metrics = self._log(total_steps, val_loss)
        if val_loss < self.best_val_loss:
            self.best_val_loss, self.best_step = val_loss, self.step
        self.model.eval()
        self.observer.evaluated(metrics, self.model)
        self.model.train()

    def _log(self, total_steps: float, val_loss: float | None = None) -> StepMetrics:
        loss, norm, rate, seconds, steps = self._meter.read()
        if not math.isfinite(loss):
            raise RunError(
                f"the loss is {loss} at step {self.step}",
                f"try a lower train.learning_rate than {self.config.train.learning_rate:g}; "
                f"what was saved before is in {self.run.path}",
            )
        metrics = StepMetrics(
            step=self.step,
            chars=self.step * self.batches.chars_per_step,
            seconds=time.monotonic() - self.started,
            train_loss=loss,
            lr=rate,
            grad_norm=norm,
            chars_per_second=steps * self.batches.chars_per_step / seconds,
            val_loss=val_loss,
        )
        append_metrics(self.run.metrics, metrics)
        self.observer.stepped(metrics, total_steps)
        return metrics

    def _save(self) -> None:
        checkpoint = save_checkpoint(
            self.run.checkpoints,
            self.model,
            self.optimizers,
            self.config,
            self.corpus.tokenizer,
            {
                "step": self.step,
                "chars": self.step * self.batches.chars_per_step,
                "seconds": time.monotonic() - self.started,
                "best_step": self.best_step,
                "best_val_loss": self.best_val_loss if self.best_step else None,
                "data": {
                    "name": self.corpus.name,
                    "chars": self.corpus.chars,
                    "sha256": self.corpus.sha256,
                },
            },
        )
        self.run.point("latest", checkpoint)
        if self.step == self.best_step:
            self.run.point("best", checkpoint)
        self.run.prune(self.config.train.keep_checkpoints)

    def _result(self, interrupted: bool) -> TrainResult:
        return TrainResult(
            steps=self.step,
            chars=self.step * self.batches.chars_per_step,
            seconds=time.monotonic() - self.started,
            parameters=self.model.parameter_count(),
            val_loss=self.best_val_loss,
            best_step=self.best_step,
            interrupted=interrupted,
        )


class _Meter:
    """Sums over the steps since the last line of the metrics.

    Losses stay on the device until they are read, so that no step waits for them.
    """

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._seconds = 0.0

    def add(self, loss: torch.Tensor, norm: torch.Tensor, rate: float, seconds: float) -> None:
        self._losses.append(loss)
        self._norm, self._rate = norm, rate
        self._seconds += seconds

    def read(self) -> tuple[float, float, float, float, int]:
        """Mean loss, last gradient length, last step size, seconds, steps; and starts anew."""
        loss = float(torch.stack(self._losses).mean())
        reading = (loss, float(self._norm), self._rate, self._seconds, len(self._losses))
        self._losses, self._seconds = [], 0.0
        return reading
