"""Compiling the blocks: faster steps, for a run that is long enough to repay it.

torch.compile turns a block's chains of small operations into single passes over memory.
On a CPU it needs a C++ compiler. One block is compiled and all of a model use it, and
what was compiled before is found in a cache. Figures: benchmarks/LOG.md.
"""

from __future__ import annotations

import copy
import os

import torch

from attn_cli.errors import AttnError
from attn_cli.model.transformer import Transformer
from attn_cli.text.folders import cache_folder
from attn_cli.training.step import mean_loss

# Of steps still to do, from which it pays: compiling takes about 20 s when nothing is cached
# and 4 s when all is, and saves a fifth to a third of the steps of models up to 256 wide.
WORTHWHILE_SECONDS = 120.0


class CompilationError(AttnError):
    """The model could not be compiled here."""


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
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    twin.blocks = torch.nn.ModuleList(copy.copy(block) for block in model.blocks)
    for block in twin.blocks:
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
