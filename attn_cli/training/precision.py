"""The number format a model computes in: bf16 where this machine is measured to be faster at it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch

from attn_cli.model.transformer import Transformer

Precision = Literal["fp32", "bf16"]

# What is lost in conversions has to be repaid by the products.
WORTHWHILE = 1.5
TRIES = 20


def choose_precision(wanted: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """The format that was asked for; for `auto`, bf16 where its products are clearly faster."""
    if wanted != "auto":
        return wanted
    if device.type == "mps":
        return "fp32"  # not every macOS has bf16 there
    fp32, bf16 = _product_seconds(device, (torch.float32, torch.bfloat16))
    return "bf16" if WORTHWHILE * bf16 < fp32 else "fp32"


class WorkingModel:
    """The model that computes, beside the one that learns.

    In fp32 both are one. In bf16 the working model is a copy in which weights and
    activations are bfloat16, while the weights that learn, the optimizer's memory and
    the sum of gradients stay in fp32, so that small steps are not rounded away.

    Attributes:
        master: The model that learns.
        model: The model that computes.
        trained: The same to train; a twin of it where the blocks are compiled.

    Args:
        master: The model that learns, in fp32.
        precision: The format to compute in.
    """

    def __init__(self, master: Transformer, precision: Precision) -> None:
        self.master = master
        self.model = master if precision == "fp32" else copy.deepcopy(master).bfloat16()
        self.trained: torch.nn.Module = self.model
        self._learned: list[torch.Tensor] = list(master.parameters())
        self._worked: list[torch.Tensor] = list(self.model.parameters())

    def train_with(self, model: Transformer) -> None:
        """Trains with a twin of the model that computes; it shares all its weights."""
        self.trained = model

    @contextmanager
    def piece(self, *, last: bool) -> Iterator[None]:
        """Within it, `trained` computes a piece of a batch, forward and backward.

        The gradients of the pieces add up in the master's.

        Args:
            last: Whether it is the last piece, after which the gradients are whole.
        """
        yield
        self.collect_gradients()

    @torch.no_grad()
    def collect_gradients(self) -> None:
        """Adds the gradients of the last backward pass to the master's."""
        if self.model is self.master:
            return
        for learned, worked in zip(self._learned, self._worked, strict=True):
            if worked.grad is None:
                continue
            if learned.grad is None:
                learned.grad = torch.zeros_like(learned)
            learned.grad.add_(worked.grad)  # one at a time: no second set in fp32
            worked.grad = None

    def clip_gradients(self, longest: float) -> torch.Tensor:
        """Scales the gradient down where it is longer; returns its length before, ().

        Args:
            longest: 0 for no limit.
        """
        parameters = self.master.parameters()
        return torch.nn.utils.clip_grad_norm_(parameters, longest or math.inf)

    @torch.no_grad()
    def refresh(self) -> None:
        """Takes over the master's weights after a step."""
        if self.model is not self.master:
            torch._foreach_copy_(self._worked, self._learned)


def _product_seconds(device: torch.device, dtypes: Sequence[torch.dtype]) -> list[float]:
    """What a product of the size that small models multiply takes in each format.

    The shortest of many tries in turn: other work on the machine makes a try longer,
    never shorter, and the choice must not depend on it.
    """
    operands = [
        (
            torch.ones(1024, 256, dtype=dtype, device=device),
            torch.ones(256, 256, dtype=dtype, device=device),
        )
        for dtype in dtypes
    ]
    shortest = [float("inf")] * len(dtypes)
    threads = torch.get_num_threads()
    # Threads that wait for one another on a busy machine would hide the products themselves.
    torch.set_num_threads(1)
    try:
        for _ in range(TRIES):
            for place, (x, w) in enumerate(operands):
                begin = time.perf_counter()
                (x @ w)[0, 0].item()  # waits for a device that computes on its own
                shortest[place] = min(shortest[place], time.perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    return shortest
