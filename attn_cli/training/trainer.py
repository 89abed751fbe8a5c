"""The loop: steps, evaluations and checkpoints, until the budget is spent.

The loop decides when something happens; what happens is elsewhere: the step in
`learner.py` and `step.py`, its learning rate in `schedule.py`, the end in `budget.py`, the
files that a run leaves in `callbacks.py`.

All that decides what comes next is in a checkpoint. So a run that was stopped, after
whatever step and in whatever way, is resumed bit for bit as if it had not been.

Where several processes train together, each has a trainer, and all do the same in the
same order: whatever hangs on a clock or a signal is agreed on first. One of them writes.
"""

import math
import time
from collections.abc import Callable, Sequence

import torch

from attn_cli.config.schema import Config
from attn_cli.objectives.any_evaluation import AnyEvaluation
from attn_cli.objectives.objective import Objective
from attn_cli.runs.atomic_files import sync_file, sync_folder
from attn_cli.runs.checkpoint import Checkpoint, save_checkpoint
from attn_cli.runs.checkpoint_metadata import TrainerState
from attn_cli.runs.machine import this_machine
from attn_cli.runs.metrics import StepMetrics, metrics_line
from attn_cli.runs.run_folder import RunFolder
from attn_cli.training.best_evaluation import BestEvaluation
from attn_cli.training.budget import make_budget
from attn_cli.training.callbacks import Callback, CallbackList, with_run_files
from attn_cli.training.compile_policy import CompilePolicy
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.error_reporting import TrainingDivergedError
from attn_cli.training.learner import Learner
from attn_cli.training.metrics_accumulator import MetricsAccumulator
from attn_cli.training.result import TrainResult
from attn_cli.training.schedule import learning_rate
from attn_cli.training.stability import StabilityMonitor
from attn_cli.training.threads import ThreadPolicy, choose_threads

# A step that takes this share of the run's time is worth a word.
SLOW_SHARE = 0.1


class Trainer:
    """A run: what it trains, how far it has come, and what remains to be done.

    Args:
        config: The run's configuration.
        objective: What the model is trained for, and on.
        run: The folder that all that comes of the run goes into.
        device: Where to compute.
        started: A reading of `time.monotonic()` from which the run's time counts.
        threads: How many torch computes with; by default as the config says.
        init_from: A checkpoint whose weights a new run begins with.
        resume_from: The checkpoint that a run is resumed from.
        world: The processes that train together; each has a trainer of the same config, and
            calls the same of its methods.

    Raises:
        CheckpointError: A checkpoint is damaged, or does not fit the config.
    """

    def __init__(
        self,
        config: Config,
        objective: Objective,
        run: RunFolder,
        *,
        device: torch.device,
        started: float,
        threads: ThreadPolicy | None = None,
        init_from: Checkpoint | None = None,
        resume_from: Checkpoint | None = None,
        world: World = SINGLE_PROCESS,
    ) -> None:
        self.config = config
        self.objective = objective
        self.run = run
        self.world = world
        self.callbacks = CallbackList()
        before = resume_from.metadata if resume_from else TrainerState()
        # As if the process had begun earlier by what the run had already taken.
        self.started = started - before.seconds
        self.learner = Learner(
            config, objective, device, init_from=init_from, resume_from=resume_from, world=world
        )
        self.budget = make_budget(
            config.train,
            steps_per_epoch=self.learner.batches.steps_per_epoch,
            started=self.started,
            trained=before.seconds,
            world=world,
        )
        self._threads = threads or choose_threads(
            config.train.threads, device, world, chosen=before.threads
        )
        changed = resume_from is not None and resume_from.config.train != config.train
        # The device may be another one in one process alone.
        self._restore(before, changed=world.any(changed))

    def _restore(self, before: TrainerState, *, changed: bool) -> None:
        """Takes up the loop's own state, of which `_state` is the counterpart.

        Args:
            before: The state of the checkpoint.
            changed: Whether the run is resumed with other settings than it was saved with.
        """
        settings = self.config.train
        self.step = before.step
        self.chars = before.chars
        self.finished = before.finished
        # Whether what is due after the last step was done.
        self._post_step_done = before.post_step_done
        self.best = BestEvaluation(
            settings.best_by,
            before.best_step,
            before.best_val_loss,
            before.best_metric,
            before.evaluations_since_best,
        )
        self.evaluation: AnyEvaluation | None = None
        self._last_record = before.last_record  # of the metrics
        self._metrics = MetricsAccumulator(before.pending)
        self._stability = StabilityMonitor(
            self.config, before.consecutive_skips, before.lowest_train_loss
        )
        self._compile_policy = CompilePolicy(settings.compile, before.fastest_step)
        self._warned_of_slow_steps = False
        if self.finished and changed:  # It may have been given more to do.
            out_of_patience = self.best.out_of_patience(settings.patience)
            self.finished = self.budget.exhausted(self.step) or out_of_patience
        if self.finished:
            self.started = time.monotonic() - before.seconds  # It takes no more time.

    def fit(
        self,
        callbacks: Sequence[Callback] = (),
        stop_wanted: Callable[[], bool] = lambda: False,
    ) -> TrainResult:
        """Trains until the budget is exhausted, or saves and leaves when `stop_wanted()`.

        Args:
            callbacks: Are told of every measurement, beside those that write the run's files.
            stop_wanted: Asked between two steps, and before what is due after one.

        Raises:
            TrainingDivergedError: Too many steps in a row, or an evaluation, gave no number.
            OSError: Something could not be written.
        """
        if self.world.is_main:
            self.callbacks = with_run_files(callbacks)
        try:
            with self.callbacks.around(self):
                return self._fit(stop_wanted)
        finally:
            self._threads.release()

    def _fit(self, stop_wanted: Callable[[], bool]) -> TrainResult:
        if not self.finished:
            self._expect_evaluation()
        while not self.finished:
            if self.world.any(stop_wanted() or self.world.launcher_died):
                self._save()
                return self._result(interrupted=True)
            if not self._post_step_done:
                self._after_step()
            elif self._threads.at_chosen and self._compile_policy.is_due(self.step):
                self._resolve_compile(stop_wanted)
            else:
                self._train_step()
        return self._result(interrupted=False)

    def _expect_evaluation(self) -> None:
        """Tells the budget how long the last evaluation will take, where time ends the run."""
        minutes = self.config.train.minutes
        if minutes is not None:
            self.budget.expect_evaluation(self.learner.estimate_evaluation_seconds(60 * minutes))

    def _train_step(self) -> None:
        begin, cpu_begin = time.perf_counter(), time.process_time()
        total_steps = self.budget.total_steps(self.step)
        rate = learning_rate(self.step, total_steps, self.config.train)
        result = self.learner.train_step(self.step, rate)
        self.step += 1
        self.chars += result.chars
        self._post_step_done = False
        seconds = time.perf_counter() - begin
        self.budget.record_step(seconds)
        self._warn_of_slow_steps(seconds)
        self._compile_policy.record_step(seconds)
        self._metrics.add(result, rate, seconds)
        self._stability.record_step(result.applied, self.step)
        changed = self._threads.record_step(seconds, time.process_time() - cpu_begin)
        # Blocks are compiled for a number of threads, and would be compiled anew for another one,
        # be it for a trial of three steps.
        self.learner.mp_model.use_compiled(self._threads.at_chosen)
        if changed:
            self._expect_evaluation()
            self.callbacks.on_message(f"{changed}, from step {self.step + 1:,} on")

    def _warn_of_slow_steps(self, step_seconds: float) -> None:
        """Says once that steps are too slow for the time that was given."""
        seconds = 60 * (self.config.train.minutes or math.inf)
        if self._warned_of_slow_steps or step_seconds < SLOW_SHARE * seconds:
            return
        self._warned_of_slow_steps = True
        self.callbacks.on_message(
            f"step {self.step:,} took {step_seconds:.1f} s of {seconds:.0f}: few more fit in, "
            "and the run may end late; a smaller model or batch takes shorter steps"
        )

    def _after_step(self) -> None:
        """Does what is due after a step: a line, an evaluation, a checkpoint."""
        settings, budget = self.config.train, self.budget
        last = budget.exhausted(self.step)
        due = self.step % settings.eval_every == 0
        evaluates = last or (due and budget.allows_evaluation(showing=False))
        due = evaluates or self.step % settings.checkpoint_every == 0
        if evaluates:
            self.callbacks.on_phase("evaluating")
            self._evaluate(shows=last or budget.allows_evaluation(showing=True))
            self.callbacks.on_phase("steps")
            out_of_patience = self.best.out_of_patience(settings.patience)
            self.finished = last or out_of_patience
            if self.finished and not last:
                self.callbacks.on_message(
                    f"no better validation {settings.best_by.replace('_', '-')} in "
                    f"{self.best.evaluations_since} evaluations: "
                    f"ended at step {self.step:,}, the best was at {self.best.step:,}"
                )
        elif due or self.step % settings.log_every == 0:
            self._log()
        self._post_step_done = True
        # Weights with which the loss is no number are not worth a checkpoint.
        sound = not self._stability.consecutive_skips or self.step == self.best.step
        if self.finished or (due and sound):
            self._save()

    def _resolve_compile(self, stop_wanted: Callable[[], bool]) -> None:
        """Compiles where it was asked for or pays; the run's configuration says what came of it."""
        self._compile_policy.resolve(
            self.learner,
            self.budget.total_steps(self.step) - self.step,
            self.callbacks,
            stop_wanted,
        )
        if self._compile_policy.mode != self.config.train.compile:
            train = self.config.train.model_copy(update={"compile": self._compile_policy.mode})
            self.config = self.config.model_copy(update={"train": train})
            if self.world.is_main:
                self.run.write_config(self.config)

    def _evaluate(self, *, shows: bool) -> None:
        """Measures the validation loss, and `shows` what the model writes by then."""
        begin = time.monotonic()
        self.evaluation = self.learner.evaluate()
        val_loss = self.evaluation.loss
        if not math.isfinite(val_loss):
            raise TrainingDivergedError(
                f"training diverged: the validation loss is {val_loss} at step {self.step:,}",
                last_applied=self.step - self._stability.consecutive_skips,
            )
        self.best.record(self.evaluation, self.step)
        metrics = self._log(self.evaluation)
        evaluated = time.monotonic()
        if shows and self.world.is_main:
            # The seed is the run's and the step's, so that a sample can be had again.
            sample = self.learner.sample(self.config.train.seed + self.step)
            self.callbacks.on_sample(metrics, sample)
        showing = time.monotonic() - evaluated if shows else None
        self.budget.record_evaluation(evaluated - begin, showing)

    def _log(self, evaluation: AnyEvaluation | None = None) -> StepMetrics:
        """Logs the steps since the last time, and warns of what is wrong with them."""
        interval = self._metrics.take()
        metrics = StepMetrics(
            step=self.step,
            chars=self.chars,
            seconds=time.monotonic() - self.started,
            train_loss=interval.loss,
            lr=interval.learning_rate,
            grad_norm=interval.grad_norm,
            chars_per_second=interval.chars / max(interval.seconds, 1e-9),
            skipped_steps=interval.skipped,
            threads=self._threads.threads,
            **({} if evaluation is None else evaluation.metrics),
        )
        self._last_record = metrics_line(metrics)
        self.callbacks.on_log(metrics)
        if interval.skipped:
            self.callbacks.on_message(
                f"{interval.skipped} of the {interval.steps} steps up to {self.step:,} were not "
                "applied: their loss or gradient was not a number"
            )
        if interval.loss is not None:
            spike = self._stability.check_loss_spike(interval.loss, self.step)
            if spike:
                self.callbacks.on_message(spike)
        return metrics

    def _save(self) -> None:
        """Writes a checkpoint, and deletes those that are not needed any more."""
        random_states = self.learner.rng_states()
        if not self.world.is_main:
            return
        run = self.run
        # What the checkpoint counts on is on the disk before it.
        sync_file(run.metrics)
        sync_file(run.samples)
        sync_folder(run.path)
        checkpoint = save_checkpoint(
            run.checkpoints,
            self.learner.model,
            self.learner.optimizer_state(),
            random_states,
            self.config,
            self.objective.tokenizer,
            self.objective.dataset,
            self._state(),
            this_machine(self.learner.device),
        )
        run.set_pointer("latest", checkpoint)
        if self.best.step and self.step == self.best.step:
            run.set_pointer("best", checkpoint)
        # While no step can be applied, an older checkpoint may be the last good one.
        if not self._stability.consecutive_skips:
            run.prune(self.config.train.keep_checkpoints)

    def _state(self) -> TrainerState:
        """The loop's own state; `_restore` is its counterpart."""
        samples = self.run.samples
        return TrainerState(
            step=self.step,
            chars=self.chars,
            seconds=time.monotonic() - self.started,
            post_step_done=self._post_step_done,
            finished=self.finished,
            best_step=self.best.step,
            best_val_loss=self.best.loss,
            best_metric=self.best.metric,
            evaluations_since_best=self.best.evaluations_since,
            lowest_train_loss=self._stability.lowest_loss,
            consecutive_skips=self._stability.consecutive_skips,
            fastest_step=self._compile_policy.fastest_step,
            threads=self._threads.chosen,
            pending=self._metrics.pending,
            last_record=self._last_record,
            samples_bytes=samples.stat().st_size if samples.exists() else 0,
        )

    def _result(self, *, interrupted: bool) -> TrainResult:
        return TrainResult(
            steps=self.step,
            chars=self.chars,
            seconds=time.monotonic() - self.started,
            parameters=self.learner.model.parameter_count(),
            val_loss=self.best.loss,
            best_step=self.best.step,
            evaluation=self.evaluation,
            val_chars=self.objective.val_chars,
            interrupted=interrupted,
        )
