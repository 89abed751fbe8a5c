"""The loop: steps, evaluations and checkpoints, until the budget is spent.

The loop decides when something happens; what happens is elsewhere: the step in
`step.py`, its size in `schedule.py`, the end in `budget.py`. Whoever watches gets
every measurement through a `Callback`.

All that decides what comes next is in a checkpoint. So a run that was stopped, after
whatever step and in whatever way, is resumed bit for bit as if it had not been.

Where several processes train together, each has a trainer, and all do the same in the
same order: whatever hangs on a clock or a signal is agreed on first. One of them writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from attn_cli.config.schema import Config
from attn_cli.model.build import build_model
from attn_cli.objectives.next_char import NextChar
from attn_cli.runs.atomic_files import sync_file, sync_folder
from attn_cli.runs.checkpoint import Checkpoint, save_checkpoint
from attn_cli.runs.checkpoint_metadata import DatasetInfo, TrainerState
from attn_cli.runs.metrics import StepMetrics, append_metrics, metrics_line
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import Corpus
from attn_cli.training.budget import Budget, SharedBudget, StepBudget, TimeBudget
from attn_cli.training.callbacks import Callback
from attn_cli.training.compile_policy import CompilePolicy
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.error_reporting import TrainingDivergedError
from attn_cli.training.evaluation import Evaluation, estimate_evaluation_seconds, evaluate
from attn_cli.training.metrics_accumulator import MetricsAccumulator
from attn_cli.training.micro_batch import choose_micro_batch
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import choose_precision
from attn_cli.training.rng import rng_states, seed_rank, set_rng_states
from attn_cli.training.schedule import learning_rate
from attn_cli.training.stability import StabilityMonitor
from attn_cli.training.step import train_step
from attn_cli.training.threads import ThreadPolicy, choose_threads

# Of the validation split, what is read at an evaluation: enough that its standard error,
# about 0.003 nats, is below what two seeds differ by.
STEERING_CHARS = 500_000
# What a sample and the curves take, before the first ones have been timed.
SHOWING_SECONDS = 2.0
# A step that takes this share of the run's time is worth a word.
SLOW_SHARE = 0.1


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        steps: Optimizer steps done.
        chars: Characters trained on.
        seconds: Time that the run has taken.
        parameters: Learned numbers.
        val_loss: The lowest validation loss, nats per character; None where the run was
            stopped before its first evaluation.
        best_step: The step that had it; 0 where there is none.
        evaluation: The last one, with its standard error; None where there was none.
        val_chars: How many characters it is of: all of the validation split, or its first
            `STEERING_CHARS`.
        interrupted: Whether the run was stopped before its budget was spent.
    """

    steps: int
    chars: int
    seconds: float
    parameters: int
    val_loss: float | None
    best_step: int
    evaluation: Evaluation | None
    val_chars: int
    interrupted: bool


class Trainer:
    """A model, its optimizers and its text, and how far they have come.

    Args:
        config: The run's configuration; its text is already in `corpus`.
        corpus: The text, long enough for the config's `block_size`.
        device: Where to compute.
        started: A reading of `time.monotonic()` when this process began.
        threads: How many torch computes with; by default as the config says.
        weights: A checkpoint whose weights a new run begins with.
        resumed: The checkpoint that a run is resumed from.
        world: The processes that train together; each has a trainer of the same config, and
            calls the same of its methods.

    Raises:
        CheckpointError: A checkpoint is damaged, or does not fit the config.
    """

    def __init__(
        self,
        config: Config,
        corpus: Corpus,
        *,
        device: torch.device,
        started: float,
        threads: ThreadPolicy | None = None,
        weights: Checkpoint | None = None,
        resumed: Checkpoint | None = None,
        world: World = SINGLE_PROCESS,
    ) -> None:
        self.config = config
        self.world = world
        self.corpus = corpus
        self.device = device
        # Its beginning is enough to steer by; `attn evaluate` reads all of it.
        self._validation = corpus.validation[: STEERING_CHARS + 1]
        before = resumed.metadata if resumed else TrainerState()
        # As if the process had begun earlier by what the run had already taken.
        self.started = started - before.seconds

        torch.manual_seed(config.train.seed)
        self.model = build_model(config.model, corpus.tokenizer.vocab_size)
        source = resumed or weights
        if source:
            source.load_weights(self.model)
        self.model.to(device)
        self.precision = choose_precision(config.train.precision, device)
        self.mp_model = world.wrap_model(self.model, self.precision)
        self.optimizers = make_optimizers(self.model, config.train, world)
        seed_rank(config.train.seed, before.step, world)
        if resumed:
            memory = resumed.load_optimizer_state(self.model)
            for optimizer in self.optimizers:
                optimizer.load_state(memory)
            set_rng_states(resumed.random_states(), device, world)
        self.micro_batch = choose_micro_batch(config, device, world.world_size)
        self.objective = NextChar(config, corpus)
        self.batches = self.objective.batches(world.rank, world.world_size)
        most_steps = math.inf
        if config.train.max_epochs is not None:
            chars = config.train.max_epochs * len(corpus.train)
            most_steps = max(1, round(chars / self.batches.chars_per_step))
        self.budget: Budget = StepBudget(int(min(config.train.steps, most_steps)))
        if config.train.minutes is not None:
            clock = TimeBudget(60 * config.train.minutes, self.started, before.seconds, most_steps)
            self.budget = SharedBudget(clock, world)
        self._evaluation_seconds = 0.0
        self._showing_seconds = SHOWING_SECONDS
        self._told_pace = False

        self.step = before.step
        self.evaluation: Evaluation | None = None
        self.best_step = before.best_step
        self.best_val_loss = math.inf if before.best_val_loss is None else before.best_val_loss
        self._evaluations_since_best = before.evaluations_since_best
        # Whether what is due after the last step was done.
        self._post_step_done = before.post_step_done
        self._last_record = before.last_record  # of the metrics
        self._metrics = MetricsAccumulator(before.pending)
        self._stability = StabilityMonitor(
            config.train, before.consecutive_skips, before.lowest_train_loss
        )
        self._compile_policy = CompilePolicy(config.train.compile, before.fastest_step)
        self._threads = threads or choose_threads(
            config.train.threads, device, world, chosen=before.threads
        )
        self.finished = before.finished
        if self.finished and resumed and resumed.config.train != config.train:
            # It may have been given more to do.
            self.finished = self.budget.exhausted(self.step) or self._out_of_patience()
        if self.finished:
            self.started = time.monotonic() - before.seconds  # It takes no more time.

    def fit(
        self, run: RunFolder, callback: Callback, stop_wanted: Callable[[], bool] = lambda: False
    ) -> TrainResult:
        """Trains until the budget is exhausted, or saves and leaves when `stop_wanted()`.

        Args:
            run: The folder which all that comes of the run goes into.
            callback: Is told of every measurement.
            stop_wanted: Asked between two steps, and before what is due after one.

        Raises:
            TrainingDivergedError: Too many steps in a row, or an evaluation, gave no number.
            OSError: Something could not be written.
        """
        try:
            return self._fit(run, callback, stop_wanted)
        finally:
            self._threads.release()

    def _fit(
        self, run: RunFolder, callback: Callback, stop_wanted: Callable[[], bool]
    ) -> TrainResult:
        callback.on_train_start(self.model, self.precision, self.device.type)
        if not self.finished:
            self._reserve_evaluation()
        while not self.finished:
            if self.world.any(stop_wanted() or self.world.launcher_died):
                self._save(run)
                return self._result(interrupted=True)
            if not self._post_step_done:
                self._after_step(run, callback)
            elif self._threads.at_chosen and self._compile_policy.is_due(self.step):
                self._resolve_compile(run, callback, stop_wanted)
            else:
                self._train_step(callback)
        return self._result(interrupted=False)

    def _reserve_evaluation(self) -> None:
        """Keeps the time that the last evaluation will take, where time is what ends the run."""
        minutes = self.config.train.minutes
        if minutes is not None:
            model, validation = self.mp_model.compute, self._validation
            seconds = estimate_evaluation_seconds(model, validation, 60 * minutes)
            self._evaluation_seconds = seconds / self.world.world_size
            self.budget.reserve(self._evaluation_seconds + self._showing_seconds)

    def _train_step(self, callback: Callback) -> None:
        begin, cpu_begin = time.perf_counter(), time.process_time()
        settings = self.config.train
        rate = learning_rate(self.step, self.budget.total_steps(self.step), settings)
        batch = self.batches.batch(self.step).to(self.device)  # (B / processes, T)
        result = train_step(
            self.mp_model,
            self.optimizers,
            batch,
            step=self.step,
            micro_batch=self.micro_batch,
            lr_scale=rate / settings.learning_rate,
            grad_clip=settings.grad_clip,
            loss_function=self.objective.loss,
            world=self.world,
        )
        self.step += 1
        self._post_step_done = False
        seconds = time.perf_counter() - begin
        self.budget.record_step(seconds)
        self._check_pace(seconds, callback)
        self._compile_policy.record_step(seconds)
        self._metrics.add(result, rate, seconds)
        self._stability.record_step(result.applied, self.step)
        changed = self._threads.record_step(seconds, time.process_time() - cpu_begin)
        # Blocks are compiled for a number of threads, and would be compiled anew for another one,
        # be it for a trial of three steps.
        self.mp_model.use_compiled(self._threads.at_chosen)
        if changed:
            self._reserve_evaluation()
            callback.on_message(f"{changed}, from step {self.step + 1:,} on")

    def _check_pace(self, step_seconds: float, callback: Callback) -> None:
        """Says once that steps are too slow for the time that was given."""
        minutes = self.config.train.minutes
        if minutes is None or self._told_pace or step_seconds < SLOW_SHARE * 60 * minutes:
            return
        self._told_pace = True
        callback.on_message(
            f"step {self.step:,} took {step_seconds:.1f} s of {60 * minutes:.0f}: few more fit in, "
            "and the run may end late; a smaller model or batch takes shorter steps"
        )

    def _after_step(self, run: RunFolder, callback: Callback) -> None:
        """Does what is due after a step: a line, an evaluation, a checkpoint."""
        settings, budget = self.config.train, self.budget
        last = budget.exhausted(self.step)
        due = self.step % settings.eval_every == 0
        evaluates = last or (due and budget.allows_evaluation(self._evaluation_seconds))
        due = evaluates or self.step % settings.checkpoint_every == 0
        if evaluates:
            both = self._evaluation_seconds + self._showing_seconds
            self._evaluate(run, callback, shows=last or budget.allows_evaluation(both))
            # The last evaluation will take as long again.
            budget.reserve(self._evaluation_seconds + self._showing_seconds)
            self.finished = last or self._out_of_patience()
            if self.finished and not last:
                callback.on_message(
                    f"no better validation loss in {self._evaluations_since_best} evaluations: "
                    f"ended at step {self.step:,}, the best was at {self.best_step:,}"
                )
        elif due or self.step % settings.log_every == 0:
            self._log(run, callback)
        self._post_step_done = True
        # Weights with which the loss is no number are not worth a checkpoint.
        sound = not self._stability.consecutive_skips or self.step == self.best_step
        if self.finished or (due and sound):
            self._save(run)

    def _resolve_compile(
        self, run: RunFolder, callback: Callback, stop_wanted: Callable[[], bool]
    ) -> None:
        """Compiles where it was asked for or pays; the run's configuration says what came of it."""
        batch = self.batches.batch(0)[: self.micro_batch].to(self.device)
        x, y = batch.inputs, batch.targets
        steps_left = self.budget.total_steps(self.step) - self.step
        self._compile_policy.resolve(
            self.mp_model, x, y, steps_left, callback.on_message, stop_wanted, self.world
        )
        if self._compile_policy.mode != self.config.train.compile:
            train = self.config.train.model_copy(update={"compile": self._compile_policy.mode})
            self.config = self.config.model_copy(update={"train": train})
            if self.world.is_main:
                run.write_config(self.config)

    def _evaluate(self, run: RunFolder, callback: Callback, *, shows: bool) -> None:
        """Measures the validation loss, and `shows` what the model writes by then."""
        begin = time.monotonic()
        self.evaluation = evaluate(self.mp_model.compute, self._validation, self.world)
        val_loss = self.evaluation.loss
        if not math.isfinite(val_loss):
            raise TrainingDivergedError(
                f"training diverged: the validation loss is {val_loss} at step {self.step:,}",
                last_applied=self.step - self._stability.consecutive_skips,
            )
        self._evaluations_since_best += 1
        if val_loss < self.best_val_loss:
            self.best_val_loss, self.best_step = val_loss, self.step
            self._evaluations_since_best = 0
        metrics = self._log(run, callback, val_loss)
        shown = time.monotonic()
        self._evaluation_seconds = shown - begin
        if shows:
            callback.on_evaluate(metrics, self.model.eval())
            self.model.train()
            self._showing_seconds = time.monotonic() - shown
        self.budget.record_evaluation(time.monotonic() - begin)

    def _out_of_patience(self) -> bool:
        patience = self.config.train.patience
        return patience is not None and self._evaluations_since_best >= patience

    def _log(
        self, run: RunFolder, callback: Callback, val_loss: float | None = None
    ) -> StepMetrics:
        """Adds a line to the metrics, and tells of what is wrong in it."""
        reading = self._metrics.take()
        chars_a_step = self.batches.chars_per_step
        metrics = StepMetrics(
            step=self.step,
            chars=self.step * chars_a_step,
            seconds=time.monotonic() - self.started,
            train_loss=reading.loss,
            lr=reading.learning_rate,
            grad_norm=reading.grad_norm,
            chars_per_second=reading.steps * chars_a_step / max(reading.seconds, 1e-9),
            skipped_steps=reading.skipped,
            threads=self._threads.threads,
            val_loss=val_loss,
        )
        self._last_record = metrics_line(metrics)
        if self.world.is_main:
            append_metrics(run.metrics, self._last_record)
        callback.on_log(metrics, self.budget.total_steps(self.step))
        if reading.skipped:
            callback.on_message(
                f"{reading.skipped} of the {reading.steps} steps up to {self.step:,} were not "
                "applied: their loss or gradient was not a number"
            )
        if reading.loss is not None:
            exploded = self._stability.check_loss_spike(reading.loss, self.step)
            if exploded:
                callback.on_message(exploded)
        return metrics

    def _save(self, run: RunFolder) -> None:
        states = rng_states(self.device, self.world)
        if not self.world.is_main:
            return
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        remembered = {k: v for optimizer in self.optimizers for k, v in optimizer.state.items()}
        # What the checkpoint counts on is on the disk before it.
        sync_file(run.metrics)
        sync_file(run.samples)
        sync_folder(run.path)
        checkpoint = save_checkpoint(
            run.checkpoints,
            self.model,
            {names[parameter]: memory for parameter, memory in remembered.items()},
            states,
            self.config,
            self.corpus.tokenizer,
            DatasetInfo(
                name=self.corpus.name,
                chars=self.corpus.chars,
                sha256=self.corpus.sha256,
                bos_id=self.corpus.bos_id,
            ),
            self._progress(run),
        )
        run.set_pointer("latest", checkpoint)
        if self.best_step and self.step == self.best_step:
            run.set_pointer("best", checkpoint)
        # While no step can be applied, an older checkpoint may be the last good one.
        if not self._stability.consecutive_skips:
            run.prune(self.config.train.keep_checkpoints)

    def _progress(self, run: RunFolder) -> TrainerState:
        return TrainerState(
            step=self.step,
            chars=self.step * self.batches.chars_per_step,
            seconds=time.monotonic() - self.started,
            post_step_done=self._post_step_done,
            finished=self.finished,
            best_step=self.best_step,
            best_val_loss=self.best_val_loss if self.best_step else None,
            evaluations_since_best=self._evaluations_since_best,
            lowest_train_loss=self._stability.lowest_loss,
            consecutive_skips=self._stability.consecutive_skips,
            fastest_step=self._compile_policy.fastest_step,
            threads=self._threads.chosen,
            pending=self._metrics.pending,
            last_record=self._last_record,
            samples_bytes=run.samples.stat().st_size if run.samples.exists() else 0,
        )

    def _result(self, *, interrupted: bool) -> TrainResult:
        return TrainResult(
            steps=self.step,
            chars=self.step * self.batches.chars_per_step,
            seconds=time.monotonic() - self.started,
            parameters=self.model.parameter_count(),
            val_loss=self.best_val_loss if self.best_step else None,
            best_step=self.best_step,
            evaluation=self.evaluation,
            val_chars=len(self._validation) - 1,
            interrupted=interrupted,
        )
