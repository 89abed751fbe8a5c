"""Compiles the blocks: faster steps, for a run that is long enough to repay it.

torch.compile turns a block's chains of small operations into single passes over memory.
On a CPU it needs a C++ compiler. One block is compiled and all of a model use it, and
what was compiled before is found in a cache. Figures: benchmarks/LOG.md.
"""

import copy
import os
import time
from collections.abc import Callable
from typing import Literal

import torch

from attn_cli.errors import AttnError
from attn_cli.model.stack import Stack
from attn_cli.text.batches import Batch
from attn_cli.text.paths import cache_folder
from attn_cli.training.callbacks import Callback
from attn_cli.training.learner import Learner
from attn_cli.training.step import LossFunction

# Of steps still to do, from which it pays: compiling takes about 20 s when nothing is cached
# and 4 s when all is, and saves a fifth to a third of the steps of models up to 256 wide.
WORTHWHILE_SECONDS = 120.0
# The same for batches of many lengths: compiled once for all of them, it takes longer and saves
# a sixth of the steps.
WORTHWHILE_SECONDS_IF_LENGTHS_VARY = 600.0


# The first steps are slower than the rest: caches are cold and kernels are being chosen.
STEPS_TO_JUDGE_SPEED = 20


class CompilationError(AttnError):
    """The model could not be compiled here."""


class CompilePolicy:
    """Whether a run's blocks are compiled: decided once, by how many steps remain.

    Args:
        mode: Of the configuration; `auto` where it is still to be decided.
        fastest_step: Seconds of the fastest step so far; None before the first.
    """

    def __init__(self, mode: Literal["auto"] | bool, fastest_step: float | None) -> None:
        self.mode = mode
        self.fastest_step = fastest_step
        self.resolved = mode is False

    def record_step(self, seconds: float) -> None:
        """Takes note of the duration of a step."""
        self.fastest_step = (
            seconds if self.fastest_step is None else min(self.fastest_step, seconds)
        )

    def is_due(self, step: int) -> bool:
        """Whether it is to be decided after a step.

        `auto` has to see how fast steps are; and a run that was told to compile does it at
        the same step, so that the resolved configuration trains the same again.
        """
        return not self.resolved and step >= STEPS_TO_JUDGE_SPEED

    def resolve(
        self,
        learner: Learner,
        steps_left: float,
        callbacks: Callback,
        stop_requested: Callable[[], bool],
    ) -> None:
        """Compiles where it was asked for or pays; `mode` says what was decided.

        Args:
            learner: Whose model to compile.
            steps_left: How many the run will still do.
            callbacks: Are told while it compiles, and what was decided.
            stop_requested: Whether the run is to be stopped: then nothing is decided.
        """
        wanted, world = self.mode, learner.world
        if wanted == "auto":
            left = world.broadcast((self.fastest_step or 0.0) * steps_left)  # seconds
            vary = learner.batches.lengths_vary
            enough = WORTHWHILE_SECONDS_IF_LENGTHS_VARY if vary else WORTHWHILE_SECONDS
            wanted = left > enough and learner.device.type != "mps"
        if wanted:
            begin = time.monotonic()
            compiled_model, why = None, "another process could not"
            callbacks.on_phase("compiling")
            try:
                compiled_model = compile_blocks(
                    learner.mp_model.compute,
                    learner.micro_batch_example(),
                    learner.objective.loss,
                    lengths_vary=learner.batches.lengths_vary,
                )
            except CompilationError as error:
                why = str(error)
            # All processes compile, or none does.
            wanted = world.all(compiled_model is not None)
            callbacks.on_phase("steps")
            if compiled_model is not None and wanted:
                learner.mp_model.set_forward_model(compiled_model)
                callbacks.on_message(f"compiled in {time.monotonic() - begin:.0f} s")
            elif world.any(stop_requested()):
                return  # The interrupt reaches the compiler's own processes, too.
            else:
                callbacks.on_message(f"not compiled, steps are slower: {why}")
        self.mode, self.resolved = wanted, True


def compile_blocks(
    model: Stack, batch: Batch, loss_function: LossFunction, *, lengths_vary: bool = False
) -> Stack:
    """A copy of the model with compiled blocks that shares all its weights.

    The model itself stays as it is, for evaluation and generation: their shapes vary, and each
    would have to be compiled. The random state is kept.

    Args:
        model: In training mode.
        batch: Of the shape that training will have.
        loss_function: The objective's.
        lengths_vary: Whether batches of other lengths come, too: compiled once for all of them.

    Raises:
        CompilationError: There is no compiler, or it failed.
    """
    # torch's default is a temporary folder, which a restart empties.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    # A copy of every module and of no tensor.
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    compiled_model = copy.deepcopy(model, shared)
    for stack in compiled_model.stacks():
        for block in stack.layers():
            block.compile(dynamic=lengths_vary)
    device = batch.inputs.device
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            loss, _ = loss_function(compiled_model, batch)
            loss.backward()  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever a compiler, or its absence, may raise
        raise CompilationError(_first_line(error)) from None
    finally:
        for parameter in model.parameters():
            parameter.grad = None
    return compiled_model


def _first_line(error: Exception) -> str:
    """What went wrong, without torch's advice to its developers."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    about = [line for line in lines if "compiler" in line.lower()] + lines
    return about[0][:120] if about else type(error).__name__
