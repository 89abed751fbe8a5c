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

import torch

from attn_cli.config.schema import Config
from attn_cli.errors import RunError
from attn_cli.model.transformer import Transformer
from attn_cli.runs.checkpoint import DataFacts, Progress, save_checkpoint
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.metrics import StepMetrics, append_metrics
from attn_cli.text.batches import Batches
from attn_cli.text.corpus import Corpus
from attn_cli.training.budget import Budget, StepBudget, TimeBudget
from attn_cli.training.compilation import WORTHWHILE_SECONDS, CompilationError, compiled
from attn_cli.training.evaluation import CHARS_AT_ONCE, evaluate
from attn_cli.training.meter import Meter
from attn_cli.training.micro_batch import choose_micro_batch
from attn_cli.training.observer import Observer
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import WorkingModel, choose_precision
from attn_cli.training.schedule import learning_rate
from attn_cli.training.step import train_step

# The first steps are slower than the rest: caches are cold and kernels are being chosen.
STEPS_TO_JUDGE_SPEED = 20


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
    """A model, its optimizers and its text, and how far they have come.

    Args:
        config: The run's configuration; its text is already in `corpus`.
        corpus: The text, long enough for the config's `block_size`.
        device: Where to compute.
        started: A reading of `time.monotonic()` at the start of the run.
    """

    def __init__(
        self, config: Config, corpus: Corpus, *, device: torch.device, started: float
    ) -> None:
        self.config = config
        self.corpus = corpus
        self.device = device
        self.started = started

        torch.manual_seed(config.train.seed)
        self.model = Transformer(config.model, corpus.tokenizer.vocab_size).to(device)
        self.precision = choose_precision(config.train.precision, device)
        self.working = WorkingModel(self.model, self.precision)
        self.optimizers = make_optimizers(self.model, config.train)
        self.micro_batch = choose_micro_batch(config, device)
        self.batches = Batches(
            corpus.train, config.model.block_size, config.train.batch_size, config.train.seed
        )
        self.budget: Budget = StepBudget(config.train.steps)
        if config.train.minutes is not None:
            self.budget = TimeBudget(60 * config.train.minutes, started)

        self.step = 0
        self.best_step = 0
        self.best_val_loss = math.inf
        self._evaluations_since_best = 0
        self._meter = Meter()
        self._fastest = math.inf  # seconds of the fastest step so far

    def fit(
        self, run: RunFolder, observer: Observer, stop_wanted: Callable[[], bool] = lambda: False
    ) -> TrainResult:
        """Trains until the budget is spent or `stop_wanted()`, and saves either way.

        Args:
            run: A new folder, which all that comes of the run goes into.
            observer: Is told of every measurement.
            stop_wanted: Asked after each step.

        Raises:
            RunError: The loss is no longer a number.
        """
        settings = self.config.train
        observer.began(self.model, self.precision, self.device.type)
        if settings.minutes is not None:
            self.budget.reserve(self._evaluation_guess(60 * settings.minutes))
        while True:
            total_steps = self.budget.total_steps(self.step)
            self._train_step(learning_rate(self.step, total_steps, settings))
            if self.step == self._step_to_compile():
                self._settle_compiling(run, total_steps, observer)
            stopped = stop_wanted()
            last = stopped or self.budget.spent(self.step)

            if stopped:
                # What is there is safe before anything else is tried.
                self._save(run)
            if last or (self.step % settings.eval_every == 0 and self.budget.has_room()):
                begin = time.monotonic()
                metrics = self._evaluate(run)
                self._save(run)
                observer.stepped(metrics, total_steps)
                self._show(observer, metrics)
                # The last evaluation will take as long again.
                self.budget.reserve(time.monotonic() - begin)
                if self._out_of_patience() and not last:
                    observer.noticed(
                        f"no better validation loss in {self._evaluations_since_best} evaluations: "
                        f"ended at step {self.step:,}, the best was at {self.best_step:,}"
                    )
                    return self._result(stopped)
            elif self.step % settings.checkpoint_every == 0:
                observer.stepped(self._log(run), total_steps)
                self._save(run)
            elif self.step % settings.log_every == 0:
                observer.stepped(self._log(run), total_steps)
            if last:
                return self._result(stopped)

    def _train_step(self, rate: float) -> None:
        begin = time.perf_counter()
        settings = self.config.train
        x, y = (self._moved(ids) for ids in self.batches.batch(self.step))  # (B, T)
        loss, norm = train_step(
            self.working,
            self.optimizers,
            x,
            y,
            done=self.step,
            micro_batch=self.micro_batch,
            learning_rate_share=rate / settings.learning_rate,
            grad_clip=settings.grad_clip,
        )
        self.step += 1
        if self.step <= STEPS_TO_JUDGE_SPEED and self.device.type == "cuda":
            torch.cuda.synchronize()  # else only the asking is timed, not the work
        seconds = time.perf_counter() - begin
        self._fastest = min(self._fastest, seconds)
        self._meter.add(loss, norm, rate, seconds)

    def _moved(self, ids: torch.Tensor) -> torch.Tensor:
        if self.device.type != "cuda":
            return ids.to(self.device)
        # From pinned memory the copy goes on beside what the device still computes.
        return ids.pin_memory().to(self.device, non_blocking=True)

    def _step_to_compile(self) -> int:
        """After which step to compile or not: `auto` has to see how fast they are."""
        return STEPS_TO_JUDGE_SPEED if self.config.train.compile == "auto" else 1

    def _settle_compiling(self, run: RunFolder, total_steps: float, observer: Observer) -> None:
        """Compiles where it was asked for or pays; the run's configuration says what came of it."""
        wanted = self.config.train.compile
        if wanted == "auto":
            left = self._fastest * (total_steps - self.step)  # seconds
            wanted = left > WORTHWHILE_SECONDS and self.device.type != "mps"
        if wanted:
            wanted = self._compile(observer)
        train = self.config.train.model_copy(update={"compile": wanted})
        self.config = self.config.model_copy(update={"train": train})
        run.settle(self.config)

    def _compile(self, observer: Observer) -> bool:
        begin = time.monotonic()
        x, y = (ids[: self.micro_batch].to(self.device) for ids in self.batches.batch(0))
        try:
            self.working.trained = compiled(self.working.model, x, y)
        except CompilationError as error:
            observer.noticed(f"not compiled, steps are slower: {error}")
            return False
        observer.noticed(f"compiled in {time.monotonic() - begin:.0f} s")
        return True

    def _evaluation_guess(self, budget: float) -> float:
        """Seconds that an evaluation will take, curves and a sample included, from a part of it.

        Args:
            budget: Seconds of the whole run, of which this takes a small share.
        """
        validation = self.corpus.validation
        for size in (CHARS_AT_ONCE, 4 * CHARS_AT_ONCE):  # the first of a shape is slower
            part = validation[:size]
            begin = time.monotonic()
            evaluate(self.working.model, part)
            seconds = (time.monotonic() - begin) * len(validation) / len(part)
            if time.monotonic() - begin > 0.01 * budget:
                break
        return seconds + 2.0

    def _evaluate(self, run: RunFolder) -> StepMetrics:
        val_loss = evaluate(self.working.model, self.corpus.validation).loss
        metrics = self._log(run, val_loss)
        self._evaluations_since_best += 1
        if val_loss < self.best_val_loss:
            self.best_val_loss, self.best_step = val_loss, self.step
            self._evaluations_since_best = 0
        return metrics

    def _out_of_patience(self) -> bool:
        patience = self.config.train.patience
        return patience is not None and self._evaluations_since_best >= patience

    def _show(self, observer: Observer, metrics: StepMetrics) -> None:
        self.model.eval()
        observer.evaluated(metrics, self.model)
        self.model.train()

    def _log(self, run: RunFolder, val_loss: float | None = None) -> StepMetrics:
        """Adds a line to the metrics, unless something in it is no longer a number."""
        reading = self._meter.read()
        for loss in (reading.loss, val_loss):
            if loss is not None and not math.isfinite(loss):
                raise RunError(
                    f"the loss is {loss} at step {self.step}",
                    f"try a lower train.learning_rate than {self.config.train.learning_rate:g}; "
                    f"what was saved before is in {run.path}",
                )
        metrics = StepMetrics(
            step=self.step,
            chars=self.step * self.batches.chars_per_step,
            seconds=time.monotonic() - self.started,
            train_loss=reading.loss,
            lr=reading.rate,
            grad_norm=reading.norm,
            chars_per_second=reading.steps * self.batches.chars_per_step / reading.seconds,
            val_loss=val_loss,
        )
        append_metrics(run.metrics, metrics)
        return metrics

    def _save(self, run: RunFolder) -> None:
        checkpoint = save_checkpoint(
            run.checkpoints,
            self.model,
            {k: v for optimizer in self.optimizers for k, v in optimizer.state.items()},
            self.config,
            self.corpus.tokenizer,
            Progress(
                step=self.step,
                chars=self.step * self.batches.chars_per_step,
                seconds=time.monotonic() - self.started,
                best_step=self.best_step,
                best_val_loss=self.best_val_loss if self.best_step else None,
                data=DataFacts(
                    name=self.corpus.name,
                    chars=self.corpus.chars,
                    sha256=self.corpus.sha256,
                    start_id=self.corpus.start_id,
                ),
            ),
        )
        run.point("latest", checkpoint)
        if self.step == self.best_step:
            run.point("best", checkpoint)
        run.prune(self.config.train.keep_checkpoints)

    def _result(self, stopped: bool) -> TrainResult:
        return TrainResult(
            steps=self.step,
            chars=self.step * self.batches.chars_per_step,
            seconds=time.monotonic() - self.started,
            parameters=self.model.parameter_count(),
            val_loss=self.best_val_loss,
            best_step=self.best_step,
            interrupted=stopped,
        )
