"""More to do for a run than it has done, whether it has ended or not."""

import math
import shlex
from collections.abc import Iterator, Sequence

from attn_cli.config.diff import ConfigChange
from attn_cli.config.load import Override, override_config
from attn_cli.config.schema import Config, TrainConfig
from attn_cli.errors import InputError
from attn_cli.runs.checkpoint import Checkpoint
from attn_cli.runs.checkpoint_metadata import TrainerState
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.display import counted
from attn_cli.training.request import RunRequest
from attn_cli.training.schedule import learning_rate

# They would end it before it has done what was asked for, if they have not ended it already.
_EARLY_ENDS = ("train.patience", "train.max_epochs")


def extend(config: Config, request: RunRequest, state: TrainerState) -> Config:
    """The configuration of a run that is to be trained for `request.more` longer.

    Args:
        config: What it would be resumed with.
        request: Where it has nothing more to do, the configuration stays as it is.
        state: What the run has done.

    Raises:
        InputError: More is left to do than what was asked for, or it cannot be so much.
    """
    more = request.more
    if more is None:
        return config
    _check_not_less(more, config.train, state)
    return override_config(config, _overrides(more, request, state))


def _overrides(more: Override, request: RunRequest, state: TrainerState) -> Iterator[Override]:
    done = state.step if more.key == "train.steps" else state.seconds / 60
    yield Override(more.key, done + more.value, more.origin)
    if more.key == "train.steps":
        yield Override("train.minutes", None, more.origin)
    chosen = {override.key for override in request.overrides}
    for key in _EARLY_ENDS:
        if key not in chosen:
            yield Override(key, None, more.origin)


def _check_not_less(more: Override, planned: TrainConfig, state: TrainerState) -> None:
    """Refuses more that is less than a stopped run has left to do anyway."""
    if state.finished or (planned.minutes is None) != (more.key == "train.steps"):
        return
    if planned.minutes is None:
        left = planned.steps - state.step
        enough, shown = more.value >= left, counted(left, "step")
    else:
        minutes = planned.minutes - state.seconds / 60
        enough, shown = more.value >= minutes, f"{minutes:.2g} minutes"
    if not enough:
        raise InputError(
            f"{more.origin}: the run still has {shown} to go", "`resume` alone does them"
        )


def notes_on_end(run: RunFolder, checkpoint: Checkpoint) -> Iterator[str]:
    """Lines for the user: that a run has ended, and how to train it longer."""
    state, minutes = checkpoint.metadata, checkpoint.config.train.minutes
    yield (
        f"{run.path} ended after {counted(state.step, 'step')} and {state.seconds:,.0f} s; "
        f"its samples are in {run.samples}"
    )
    more = f"--more-steps {state.step}" if minutes is None else f"--more-minutes {minutes:.2g}"
    yield f"to train it longer: attn train --resume {shlex.quote(str(run.path))} {more}"


def notes_on_schedule(
    checkpoint: Checkpoint, config: Config, changes: Sequence[ConfigChange]
) -> Iterator[str]:
    """A line for the user: what a changed budget does to the learning rate.

    It is stretched to the new end, so after the end of a run it rises once more. Compared with a
    warm restart and with staying at the minimum in benchmarks/LOG.md.
    """
    keys = {change.key for change in changes}
    if not keys & {"train.steps", "train.minutes", "train.lr_schedule", "train.warmup_steps"}:
        return
    state, train = checkpoint.metadata, config.train
    if train.minutes is None:
        span, total = counted(train.steps, "step"), float(train.steps)
    else:
        span = f"{train.minutes:.3g} minutes"
        total = state.step * 60 * train.minutes / state.seconds if state.seconds else math.inf
    rate = learning_rate(state.step, total, train)
    yield (
        f"  the learning-rate schedule now spans {span}: from {rate:.2g} at step {state.step:,} "
        f"down to {train.min_learning_rate:.2g}"
    )
