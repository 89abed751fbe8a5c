"""The number formats of a model and of its optimizer: bf16 where this machine is faster at it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch

from attn_cli.model.transformer import Transformer
from attn_cli.training.muon import newton_schulz

Precision = Literal["fp32", "bf16"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

# What is lost in conversions has to be repaid by the products.
WORTHWHILE = 1.5
TRIES = 20
# A format that is so many times slower after a few tries need not be tried again: without
# instructions for bf16 a processor takes ten times as long for it.
HOPELESS, FEWEST_TRIES = 4.0, 4


def choose_precision(wanted: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """The model's format: as asked for; for `auto`, bf16 where its products are clearly faster."""
    if wanted != "auto":
        return wanted
    x, w = torch.ones(1024, 256, device=device), torch.ones(256, 256, device=device)
    return _faster_format(lambda x, w: x @ w, (x, w))


def choose_muon_precision(
    wanted: Literal["auto", "fp32", "bf16"], device: torch.device
) -> Precision:
    """The format of Muon's products: as asked for; for `auto`, what is faster at them here."""
    if wanted != "auto":
        return wanted
    return _faster_format(newton_schulz, (torch.ones(2, 128, 384, device=device),))


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
        self._twin: Transformer | None = None
        self._learned: list[torch.Tensor] = list(master.parameters())
        self._worked: list[torch.Tensor] = list(self.model.parameters())

    def train_with(self, model: Transformer) -> None:
        """Trains with a twin of the model that computes; it shares all its weights."""
        self.trained = self._twin = model

    def use_twin(self, wanted: bool) -> None:
        """Trains with the twin, if there is one, or without it."""
        if self._twin is not None:
            self.trained = self._twin if wanted else self.model

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


def _faster_format(
    operation: Callable[..., torch.Tensor], operands: Sequence[torch.Tensor]
) -> Precision:
    """The format in which an operation is faster on the device of its operands, in fp32.

    The shortest of many tries in turn: other work on the machine makes a try longer,
    never shorter, and the choice must not depend on it.
    """
    if operands[0].device.type == "mps":
        return "fp32"  # not every macOS has bf16 there
    shortest = dict.fromkeys(DTYPES, math.inf)
    threads = torch.get_num_threads()
    # Threads that wait for one another on a busy machine would hide the products themselves.
    torch.set_num_threads(1)
    try:
        for tries in range(TRIES):
            for name, dtype in DTYPES.items():
                arguments = [operand.to(dtype) for operand in operands]
                begin = time.perf_counter()
                operation(*arguments).flatten()[0].item()  # waits for a device of its own
                shortest[name] = min(shortest[name], time.perf_counter() - begin)
            if tries >= FEWEST_TRIES and shortest["bf16"] > HOPELESS * shortest["fp32"]:
                break
    finally:
        torch.set_num_threads(threads)
    return "bf16" if WORTHWHILE * shortest["bf16"] < shortest["fp32"] else "fp32"
