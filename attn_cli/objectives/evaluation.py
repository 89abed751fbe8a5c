"""The exact loss of a text: every character predicted once, none sampled.

Shapes: B batch, T time (characters), V vocabulary.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from attn_cli.errors import DatasetError
from attn_cli.model.stack import Stack
from attn_cli.runs.metrics import nats_to_bits
from attn_cli.text.batches import IGNORE_INDEX, Batch, eval_windows
from attn_cli.text.example_batches import eval_examples
from attn_cli.text.examples import Examples, Split
from attn_cli.text.masking import PASSES, hide_each_once
from attn_cli.text.tokenizer import TokenIds

# Enough to keep the processor busy, small enough to stay in its caches.
TOKENS_PER_BATCH = 8192

# The sum of a tensor over the processes that share an evaluation.
AllReduce = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        loss: Mean cross-entropy, nats per character.
        chars: Characters predicted: all but the first of a text, or all of some lines, with the
            end of each.
        standard_error: Of the loss as an estimate for more such text, nats per character, from
            how the losses of windows or lines differ; None where there are fewer than two.
        accuracy: The fraction of characters to which the model gives the highest probability.
    """

    loss: float
    chars: int
    standard_error: float | None = None
    accuracy: float | None = None

    @property
    def metrics(self) -> dict[str, Any]:
        """What a line of metrics.jsonl says of it."""
        return {"val_loss": self.loss}

    @property
    def bits_per_char(self) -> float:
        return nats_to_bits(self.loss)

    @property
    def perplexity(self) -> float:
        """Among how many equally likely characters the model is in doubt, as it were."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


class TextLosses(ABC):
    """The losses of a text's characters, computed while they are iterated."""

    def __init__(self) -> None:
        self._sums = WindowSums()

    @abstractmethod
    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """The losses in nats, in the order of the text, many at a time."""

    def evaluation(self, all_reduce_sum: AllReduce | None = None) -> Evaluation:
        """Of the characters whose losses were computed.

        Args:
            all_reduce_sum: Where several processes each have a part of the text: gives the sum
                of a tensor over all of them.

        Raises:
            DatasetError: There are none.
        """
        own = torch.tensor(self._sums.sums(), dtype=torch.float64)
        total = own if all_reduce_sum is None else all_reduce_sum(own)
        sums = WindowSums(*total.tolist())
        if not sums.chars:
            raise DatasetError("nothing to predict: a text needs at least 2 characters")
        return sums.evaluation()


class PerTokenLosses(TextLosses):
    """The loss of each character of a text (N,) but the first, and what they come to together.

    The text is cut into consecutive windows of `block_size`; what is left at the end is
    a shorter window of its own. A window's characters are predicted from those before
    them in that window alone, so that the first ones have little to go by. Of lines, each is a
    window, whose end is predicted, too.

    An encoder predicts all characters but the last, or those of some lines without their ends:
    each window is read several times, so that each of its characters is hidden once.

    Iterating computes the losses, in nats, in the order of the text, many at a time:
    arrays that together have the shape (N - 1,). The model's mode and the random state
    are as before afterwards.
    """

    def __init__(self, model: Stack, text: Split, mask_id: int | None = None) -> None:
        super().__init__()
        self._model = model
        self._text = text
        self._mask_id = mask_id
        self._readings = 1 if mask_id is None else PASSES

    @torch.no_grad()
    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        model = self._model
        device = model.token_embedding.weight.device
        was_training = model.training
        model.eval()
        self._sums = WindowSums()
        try:
            for on_cpu in _eval_batches(self._text, model.config.block_size, self._mask_id):
                batch = on_cpu.to(device)
                losses, n_right = losses_of_targets(model, batch)  # (B, T)
                # An encoder's rows are readings of a window, of which one predicts a character.
                T = batch.targets.shape[1]
                is_target = (on_cpu.targets != IGNORE_INDEX).view(-1, self._readings, T)
                predicted = is_target.any(dim=1).numpy()  # (windows, T)
                array: NDArray[np.float32] = losses.cpu().numpy()
                array = array.reshape(-1, self._readings, T).sum(axis=1)  # (windows, T)
                self._sums.add(array, predicted.sum(axis=1), n_right)
                yield array[predicted]
        finally:
            model.train(was_training)


@dataclass
class WindowSums:
    """Sums over windows, or lines: of losses and characters, their squares and products."""

    loss: float = 0.0
    chars: float = 0.0
    windows: float = 0.0
    loss_squared: float = 0.0
    loss_chars: float = 0.0
    chars_squared: float = 0.0
    right: float = 0.0

    def sums(self) -> tuple[float, ...]:
        """All of them, in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def add(self, losses: NDArray[np.float32], chars: NDArray[np.int64], n_right: int) -> None:
        """Counts windows whose characters have these losses, (B, T), 0 where there is none.

        Args:
            losses: In nats.
            chars: How many characters each window has, (B,).
            n_right: To how many of them all the model gives the highest probability.
        """
        sums = losses.sum(axis=1, dtype=np.float64)  # (B,)
        self.loss += float(sums.sum())
        self.chars += int(chars.sum())
        self.windows += len(chars)
        self.loss_squared += float(sums @ sums)
        self.loss_chars += float(sums @ chars)
        self.chars_squared += int(chars @ chars)
        self.right += n_right

    def evaluation(self) -> Evaluation:
        """The mean, with the standard error of a ratio of sums (Cochran 1977, section 6.4)."""
        mean, error = self.loss / self.chars, None
        if self.windows > 1:
            squares = self.loss_squared - 2 * mean * self.loss_chars + mean**2 * self.chars_squared
            variance = max(0.0, squares) * self.windows / (self.windows - 1)
            error = math.sqrt(variance) / self.chars
        accuracy = self.right / self.chars
        return Evaluation(mean, int(self.chars), standard_error=error, accuracy=accuracy)


def evaluate(
    model: Stack,
    text: Split,
    part: int = 0,
    parts: int = 1,
    all_reduce_sum: AllReduce | None = None,
    mask_id: int | None = None,
) -> Evaluation:
    """Predicts each character of a text (N,) but the first, as `PerTokenLosses` does.

    Where several processes share the work, each takes the same number of windows or lines, or
    one less; every character is predicted once, from the same characters as by one process.

    Args:
        model: In any mode, which it is left in.
        text: As ids, or as lines.
        part: Which part of the windows to take, from 0.
        parts: The number of processes that share them.
        all_reduce_sum: The sum of a tensor over these processes.
        mask_id: Where the model is an encoder, what stands for a hidden character.
    """
    losses = PerTokenLosses(model, _part(text, model.config.block_size, part, parts), mask_id)
    for _ in losses:
        pass
    return losses.evaluation(all_reduce_sum)


def losses_of_targets(model: nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
    """The loss of each target in nats, (B, T), 0 where there is none; and how many are right."""
    logits = model(batch.inputs, mask=batch.mask)  # (B, T, V)
    losses = F.cross_entropy(
        logits.float().flatten(0, 1),  # (B * T, V)
        batch.targets.flatten(),  # (B * T,)
        reduction="none",
        ignore_index=IGNORE_INDEX,
    )
    n_right = int((logits.argmax(dim=-1) == batch.targets).sum())
    return losses.view_as(batch.targets), n_right


def _eval_batches(text: Split, block_size: int, mask_id: int | None) -> Iterator[Batch]:
    tokens = TOKENS_PER_BATCH if mask_id is None else TOKENS_PER_BATCH // PASSES
    if isinstance(text, Examples):
        batches = eval_examples(text.fit(block_size, "cut"), tokens)
    else:
        batches = eval_windows(text, block_size, max(1, tokens // block_size))
    if mask_id is None:
        return batches
    # The newline that begins each line is not hidden.
    return hide_each_once(batches, block_size, mask_id, first=int(isinstance(text, Examples)))


def _part(text: Split, block_size: int, part: int, parts: int) -> Split:
    """A part of a text, cut between two windows; of lines, short and long ones alike."""
    if isinstance(text, Examples):
        return text.by_length()[part::parts]
    ids: TokenIds = text
    windows = -(-(len(ids) - 1) // block_size)
    first = windows * part // parts
    end = windows * (part + 1) // parts
    # The next window's first character is the last one to predict.
    return ids[first * block_size : end * block_size + 1]
