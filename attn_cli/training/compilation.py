"""Compiling the blocks: faster steps, for a run that is long enough to repay it.

torch.compile turns a block's chains of small operations into single passes over memory.
On a CPU it needs a C++ compiler. One block is compiled and all of a model use it, and
what was compiled before is found in a cache. Figures: benchmarks/LOG.md.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from typing import Literal

import torch

from attn_cli.errors import AttnError
from attn_cli.model.transformer import Transformer
from attn_cli.text.paths import cache_folder
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.precision import WorkingModel
from attn_cli.training.step import mean_loss

# Of steps still to do, from which it pays: compiling takes about 20 s when nothing is cached
# and 4 s when all is, and saves a fifth to a third of the steps of models up to 256 wide.
WORTHWHILE_SECONDS = 120.0


# The first steps are slower than the rest: caches are cold and kernels are being chosen.
STEPS_TO_JUDGE_SPEED = 20


class CompilationError(AttnError):
    """The model could not be compiled here."""


class Compiling:
    """Whether a run's blocks are compiled: decided once, by what there is still to do.

    Args:
        wanted: Of the configuration; `auto` where the run has not decided it yet.
        fastest: Seconds of the fastest step before; None where there was none.
    """

    def __init__(self, wanted: Literal["auto"] | bool, fastest: float | None) -> None:
        self.wanted = wanted
        self.fastest = fastest
        self.settled = wanted is False

    def stepped(self, seconds: float) -> None:
        """Counts a step."""
        self.fastest = seconds if self.fastest is None else min(self.fastest, seconds)

    def due(self, step: int) -> bool:
        """Whether it is to be decided after a step.

        `auto` has to see how fast steps are; and a run that was told to compile does it at
        the same step, so that the configuration that `auto` leaves trains the same again.
        """
        return not self.settled and step >= STEPS_TO_JUDGE_SPEED

    def settle(
        self,
        working: WorkingModel,
        x: torch.Tensor,
        y: torch.Tensor,
        steps_left: float,
        tell: Callable[[str], None],
        stop_wanted: Callable[[], bool],
        world: World = SINGLE_PROCESS,
    ) -> None:
        """Compiles where it was asked for or pays; `wanted` says what came of it.

        Args:
            working: What to compile.
            x: Characters of the shape that training has, (B, T).
            y: Those that follow them.
            steps_left: How many the run will still do.
            tell: Is told in a line what came of it.
            stop_wanted: Whether the run is to be stopped: then nothing is decided.
            world: Its processes all compile, or none does.
        """
        wanted = self.wanted
        if wanted == "auto":
            left = world.broadcast((self.fastest or 0.0) * steps_left)  # seconds
            wanted = left > WORTHWHILE_SECONDS and x.device.type != "mps"
        if wanted:
            begin = time.monotonic()
            twin, why = None, "another process could not"
            try:
                twin = compiled(working.model, x, y)
            except CompilationError as error:
                why = str(error)
            wanted = world.all(twin is not None)
            if twin is not None and wanted:
                working.train_with(twin)
                tell(f"compiled in {time.monotonic() - begin:.0f} s")
            elif world.any(stop_wanted()):
                return  # The interrupt reaches the compiler's own processes, too.
            else:
                tell(f"not compiled, steps are slower: {why}")
        self.wanted, self.settled = wanted, True


def compiled(model: Transformer, x: torch.Tensor, y: torch.Tensor) -> Transformer:
    """The same model with compiled blocks: it shares all weights, the random state is kept.

    The model itself stays as it is, for evaluation and for writing: their shapes differ
    from piece to piece, and each would have to be compiled anew.

    Args:
        model: In training mode.
        x: Characters of the shape that training will have, (B, T).
        y: Those that follow them.

    Raises:
        CompilationError: There is no compiler, or it failed.
    """
    # torch's default is a temporary folder, which a restart empties.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    # A copy of every module and of no tensor.
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, shared)
    for stack in twin.stacks():
        for block in stack.layers():
            block.compile(dynamic=False)
    try:
        with torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
            mean_loss(twin(x), y).backward()  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever a compiler, or its absence, may raise
        raise CompilationError(_first_line(error)) from None
    finally:
        for parameter in model.parameters():
            parameter.grad = None
    return twin


def _first_line(error: Exception) -> str:
    """What went wrong, without torch's advice to its developers."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    about = [line for line in lines if "compiler" in line.lower()] + lines
    return about[0][:120] if about else type(error).__name__
