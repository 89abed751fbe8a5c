"""The dtypes of a model and of its optimizer: bf16 where this machine is faster at it."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch

from attn_cli.model.stack import Stack
from attn_cli.training.muon import newton_schulz
from attn_cli.training.private_torch import copy_all_

Precision = Literal["fp32", "bf16"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

# What is lost in conversions has to be repaid by the products.
WORTHWHILE = 1.5
TRIES = 20
PRODUCT = (1024, 256, 256)  # the product that is timed: (1024, 256) @ (256, 256)
# A dtype that is so many times slower after a few tries need not be tried again: without
# instructions for bf16 a processor takes ten times as long for it.
HOPELESS, FEWEST_TRIES = 4.0, 4


def choose_precision(wanted: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """The model's dtype: as asked for; for `auto`, bf16 where its products are clearly faster."""
    if wanted != "auto":
        return wanted
    x, w = torch.ones(PRODUCT[:2], device=device), torch.ones(PRODUCT[1:], device=device)
    return _faster_dtype(torch.matmul, (x, w))


def choose_muon_precision(
    wanted: Literal["auto", "fp32", "bf16"], device: torch.device
) -> Precision:
    """The dtype of Muon's products: as asked for; for `auto`, what is faster at them here."""
    if wanted != "auto":
        return wanted
    return _faster_dtype(newton_schulz, (torch.ones(2, 128, 384, device=device),))


class MixedPrecisionModel:
    """fp32 master weights, with a bf16 copy for the forward and backward pass where asked for.

    In fp32 both are the same model. In bf16 the copy computes, while the master weights, the
    optimizer state and the sum of gradients stay in fp32, so that small updates are not
    rounded away (Micikevicius et al. 2018, "Mixed precision training", section 3.1).
    Tables of n-grams, of which a step needs few rows, are shared by both models and stay in fp32.

    Attributes:
        master: The model whose weights the optimizers update.
        compute: The model that computes; for evaluation and sampling, too.
        forward_model: What training calls: `compute`, or it compiled, or wrapped in DDP.

    Args:
        master: The model to train, in fp32.
        precision: The dtype to compute in.
    """

    def __init__(self, master: Stack, precision: Precision) -> None:
        self.master = master
        self.compute = master if precision == "fp32" else bf16_copy(master)
        self.forward_model: torch.nn.Module = self.compute
        self._compiled: Stack | None = None
        self._master_params: list[torch.Tensor] = _dense_parameters(master)
        self._compute_params: list[torch.Tensor] = _dense_parameters(self.compute)

    def set_forward_model(self, model: Stack) -> None:
        """Trains with a compiled model that shares all weights of `compute`."""
        self.forward_model = self._compiled = model

    def use_compiled(self, wanted: bool) -> None:
        """Trains with the compiled model, if there is one, or without it."""
        if self._compiled is not None:
            self.forward_model = self._compiled if wanted else self.compute

    @contextmanager
    def micro_batch(self, *, last: bool) -> Iterator[None]:
        """Context manager: around the forward and backward pass of one micro-batch.

        Gradients accumulate in the master's.

        Args:
            last: Whether it is the last of the batch, after which the gradients are complete.
        """
        yield
        self.accumulate_gradients()

    @torch.no_grad()
    def accumulate_gradients(self) -> None:
        """Adds the gradients of the last backward pass to the master's."""
        if self.compute is self.master:
            return
        for master, compute in zip(self._master_params, self._compute_params, strict=True):
            if compute.grad is None:
                continue
            if master.grad is None:
                master.grad = torch.zeros_like(master)
            master.grad.add_(compute.grad)  # one at a time: no second set in fp32
            compute.grad = None

    def clip_grad_norm(self, max_norm: float) -> torch.Tensor:
        """Clips the global gradient norm; returns the norm before, of shape ().

        Tables are neither counted nor clipped: how far their rows move does not depend on the
        size of the gradient.

        Args:
            max_norm: 0 disables clipping.
        """
        return torch.nn.utils.clip_grad_norm_(self._master_params, max_norm or math.inf)

    @torch.no_grad()
    def copy_master_to_compute(self) -> None:
        """Brings the compute copy up to date after an optimizer step."""
        if self.compute is not self.master:
            copy_all_(self._compute_params, self._master_params)


def _dense_parameters(model: Stack) -> list[torch.Tensor]:
    """The parameters of a model but its tables."""
    tables = {id(table) for table in model.tables()}
    return [parameter for parameter in model.parameters() if id(parameter) not in tables]


def bf16_copy(master: Stack) -> Stack:
    """A copy of a model in bf16 that shares its tables."""
    # What is copied as itself would be converted with the rest.
    shared = copy.deepcopy(master).bfloat16()
    for own, copied in zip(master.stacks(), shared.stacks(), strict=True):
        if own.ngrams is not None and copied.ngrams is not None:
            copied.ngrams.table = own.ngrams.table
    return shared


def _faster_dtype(
    operation: Callable[..., torch.Tensor], operands: Sequence[torch.Tensor]
) -> Precision:
    """The dtype in which an operation is faster on the device of its operands, in fp32."""
    if operands[0].device.type == "mps":
        return "fp32"  # not every macOS has bf16 there
    return faster(shortest_seconds(operation, operands))


def faster(seconds: dict[Precision, float]) -> Precision:
    """The dtype to choose, given how long an operation takes in each."""
    return "bf16" if WORTHWHILE * seconds["bf16"] < seconds["fp32"] else "fp32"


def shortest_seconds(
    operation: Callable[..., torch.Tensor], operands: Sequence[torch.Tensor]
) -> dict[Precision, float]:
    """How long an operation takes in each dtype, on one thread: the shortest of many tries.

    Other work on the machine makes a try longer, never shorter, and the choice must not depend
    on it.
    """
    shortest: dict[Precision, float] = {"fp32": math.inf, "bf16": math.inf}
    threads = torch.get_num_threads()
    # Threads that wait for one another on a busy machine would hide the products themselves.
    torch.set_num_threads(1)
    try:
        for tries in range(TRIES):
            for name in shortest:
                arguments = [operand.to(DTYPES[name]) for operand in operands]
                begin = time.perf_counter()
                operation(*arguments).flatten()[0].item()  # waits for a device of its own
                shortest[name] = min(shortest[name], time.perf_counter() - begin)
            if tries >= FEWEST_TRIES and shortest["bf16"] > HOPELESS * shortest["fp32"]:
                break
    finally:
        torch.set_num_threads(threads)
    return shortest
