"""Dynamic evaluation: the loss of a text by a model that learns the text as it reads it.

A stretch of the text is predicted, then the model takes a step on it, and only then sees the next.
So it expects what the text has had before, however long ago: names, phrases, whole lines.
Compressors learn in the same way, and it is with this loss that they are to be compared.

Source: Krause et al. 2018, "Dynamic Evaluation of Neural Sequence Models".

Shapes: N characters of a text, B batch, T time (characters).
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.config.schema import TrainConfig
from attn_cli.objectives.evaluation import TextLosses, WindowSums, losses_of_targets
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.batches import IGNORE_INDEX, Batch, next_token_batch
from attn_cli.text.example_batches import eval_examples
from attn_cli.text.examples import Examples, Split
from attn_cli.text.token_cache import check_not_truncated
from attn_cli.text.tokenizer import TokenIds
from attn_cli.training.device import choose_device
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import MixedPrecisionModel, choose_precision
from attn_cli.training.step import train_step

# Characters that are predicted before the model learns from them, and how fast it does: chosen on
# parts of the training splits of five texts (benchmarks/LOG.md).
STRETCH = 64
LEARNING_RATE = 7e-5
TABLE_LEARNING_RATE = 0.5  # as a fraction of the run's


class DynamicLosses(TextLosses):
    """The loss of each character of a text (N,) but the first, where a model learns as it reads.

    Each stretch of `STRETCH` characters is predicted from all of `block_size` that fit before its
    end. Lines are read in their order, as many at a time as there are in a stretch.
    Iterating begins anew with the run's weights, which it never changes.

    Args:
        loaded: A decoder.
        text: As ids, or as lines.
    """

    def __init__(self, loaded: TrainedModel, text: Split) -> None:
        super().__init__()
        self._loaded = loaded
        self._text = text

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        config = self._loaded.config
        device = choose_device("auto")
        precision = choose_precision(config.train.precision, device)
        mp_model = MixedPrecisionModel(self._loaded.checkpoint.load_model(device), precision)
        optimizers = make_optimizers(mp_model.master, _slowly(config.train))
        losses, n_right = torch.zeros(0), 0

        def loss(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
            nonlocal losses, n_right
            losses, n_right = losses_of_targets(model, batch)
            return losses.sum(), batch.target_count

        self._sums = WindowSums()
        for step, batch in enumerate(stretches(self._text, config.model.block_size)):
            train_step(
                mp_model,
                optimizers,
                batch.to(device),
                step=step,
                micro_batch=len(batch.inputs),
                lr_scale=1.0,
                grad_clip=config.train.grad_clip,
                loss_function=loss,
            )
            array: NDArray[np.float32] = losses.detach().cpu().numpy()  # (B, T)
            predicted = (batch.targets != IGNORE_INDEX).numpy()  # (B, T)
            self._sums.add(array, predicted.sum(axis=1), n_right)
            yield array[predicted]


def stretches(text: Split, block_size: int) -> Iterator[Batch]:
    """Batches of one sequence each that predict every character of a text (N,) but the first once.

    Or batches of lines. What stands before a stretch in its window has no target.

    Args:
        text: As ids, or as lines.
        block_size: T at most.
    """
    if isinstance(text, Examples):
        yield from eval_examples(text.fit(block_size, "cut"), STRETCH)
        return
    ids: TokenIds = text
    length = min(STRETCH, block_size)
    for begin in range(0, len(ids) - 1, length):
        check_not_truncated(ids)
        end = min(begin + length, len(ids) - 1)
        first = max(0, end - block_size)
        batch = next_token_batch(np.asarray(ids[first : end + 1])[None])  # (1, T)
        batch.targets[:, : begin - first] = IGNORE_INDEX
        yield batch


def _slowly(config: TrainConfig) -> TrainConfig:
    """What moves a trained model: AdamW, which is faster than Muon and no worse at it."""
    return config.model_copy(
        update={
            "optimizer": "adamw",
            "learning_rate": LEARNING_RATE,
            "table_learning_rate": TABLE_LEARNING_RATE * config.table_learning_rate,
            "weight_decay": 0.0,
        }
    )
