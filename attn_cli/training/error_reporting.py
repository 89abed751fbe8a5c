"""What the user is told when a run fails: disk, memory, or divergence."""

import errno
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from attn_cli.config.schema import Config
from attn_cli.errors import OperationError
from attn_cli.model.memory_limits import (
    parameter_bytes,
    requested_memory,
    total_memory,
)
from attn_cli.model.parameter_shapes import NGRAM_TABLE, parameter_count, parameter_shapes
from attn_cli.runs.atomic_files import TMP_SUFFIX, WriteError
from attn_cli.runs.recovery import quarantine_from
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.display import format_bytes
from attn_cli.training.distributed.world import SINGLE_PROCESS, World

# What only writing can meet: a full disk, a limit on file sizes, a read-only disk.
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, errno.EROFS}


class TrainingDivergedError(OperationError):
    """The loss or the gradient is not finite any more.

    Args:
        message: What is wrong, in one line.
        last_applied: The last step that changed the weights, and may have spoiled them.
    """

    def __init__(self, message: str, last_applied: int) -> None:
        super().__init__(message)
        self.last_applied = last_applied


@contextmanager
def translate_errors(
    run: RunFolder, config: Config, world: World = SINGLE_PROCESS
) -> Iterator[None]:
    """Context manager: translates OSError, out-of-memory and divergence into OperationError.

    Args:
        run: Where the run goes.
        config: What it trains.
        world: The processes that train it; the main one quarantines spoiled checkpoints.

    Raises:
        OperationError: In place of the errors of the system and of torch.
    """
    resume = f"attn train --resume {shlex.quote(str(run.path))}"
    try:
        yield
    except TrainingDivergedError as error:
        if world.is_main:
            quarantine_from(run, error.last_applied)
        advice = " ".join(f"--set {each}" for each in lower_learning_rates(config))
        hint = f"train again with a lower learning rate: {advice}"
        if run.step_folders():
            hint = "resume from the last good checkpoint with a lower learning rate: "
            hint += f"{resume} {advice}"
        raise OperationError(error.message, hint) from None
    except BrokenPipeError:
        raise  # Whoever read the output has seen enough.
    except OSError as error:
        raise OperationError(
            _failed_access(error, run),
            f"earlier checkpoints are intact; once fixed, resume with: {resume}",
        ) from error
    except (RuntimeError, MemoryError) as error:
        asked = requested_memory(error)
        if asked is None:
            raise
        raise out_of_memory(config, asked) from error


def _failed_access(error: OSError, run: RunFolder) -> str:
    """Which file could not be written or used: an `OSError` names it, but not what was tried."""
    reason = error.strerror or str(error) or type(error).__name__
    is_temporary = str(error.filename).endswith(TMP_SUFFIX)
    if isinstance(error, WriteError) or is_temporary or error.errno in _NO_SPACE:
        return f"cannot write {error.filename or run.path}: {reason}"
    if error.filename is None:  # a connection to another process, for example
        return f"an operation of the system failed: {reason}"
    return f"cannot access {error.filename}: {reason}"


def check_memory(config: Config, vocab_size: int, micro_batch: int, length: int) -> None:
    """Checks that the model can be trained in this machine's memory.

    A lower bound: a system may promise memory that it does not have, and kill the process
    when it is used.

    Args:
        config: What to train.
        vocab_size: V.
        micro_batch: Sequences per forward and backward pass.
        length: Tokens of the longest sequence.

    Raises:
        OperationError: It needs more than there is.
    """
    # Each parameter has a gradient and an optimizer state of at least as many numbers, but for
    # tables, whose gradient is sparse.
    shapes = parameter_shapes(config.model, vocab_size, task=config.task)
    learned = 8 * parameter_count({n: s for n, s in shapes.items() if n != NGRAM_TABLE})
    learned += parameter_bytes(config.model, vocab_size, config.task)
    # Each layer keeps at least its input for the backward pass, in two bytes or more.
    kept = config.model.n_layer * config.model.n_embd + vocab_size
    kept *= 2 * micro_batch * length
    # The characters of a step and those that follow them, as whole numbers of eight bytes.
    kept += 16 * config.train.batch_size * length
    memory = total_memory()
    if memory is not None and learned + kept > memory:
        raise out_of_memory(
            config, format_bytes(learned + kept), f"; this machine has {format_bytes(memory)}"
        )


def lower_learning_rates(config: Config) -> list[str]:
    """Settings that lower the learning rates to a third, `train.learning_rate=0.003`."""
    keys, settings = ["learning_rate"], config.train
    if settings.optimizer == "muon":
        keys.append("matrix_learning_rate")
    if config.model.ngrams:
        keys.append("table_learning_rate")
    rates = {key: getattr(settings, key) / 3 for key in keys}
    # The final learning rate may not be above the peak.
    if settings.min_learning_rate > rates["learning_rate"]:
        rates["min_learning_rate"] = rates["learning_rate"]
    return [f"train.{key}={rate:.2g}" for key, rate in rates.items()]


def out_of_memory(config: Config, asked: str, more: str = "") -> OperationError:
    """The error that says what was asked for, and what to lower."""
    model, train = config.model, config.train
    micro_batch = str(train.micro_batch_size)
    if micro_batch == "auto":
        micro_batch = f"auto, at most {train.batch_size}"
    tables = ""
    if model.ngrams:
        tables = f"model.ngram_rows ({model.ngram_rows}), model.ngram_embd ({model.ngram_embd}), "
    return OperationError(
        f"out of memory: {asked} asked for{more}",
        f"lower {tables}train.micro_batch_size (now {micro_batch}), train.batch_size "
        f"({train.batch_size}), model.block_size ({model.block_size}), model.n_embd "
        f"({model.n_embd}) or model.n_layer ({model.n_layer})",
    )
