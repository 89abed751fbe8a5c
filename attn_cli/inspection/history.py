"""How a model came to be what it is: one text, seen by each checkpoint that a run kept.

Shapes: T time (characters), H heads, V vocabulary, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from attn_cli.errors import CheckpointError, DatasetError
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.metrics import read_metrics

FOLLOWED = 16  # characters of a text that is followed, where the user names none


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What one checkpoint made of a text.

    Attributes:
        step: Of the checkpoint.
        val_loss: Measured then, in nats per character; None where it was not evaluated.
        weights: The attention of every head, (L, H, T, T).
        losses: Of each character of the text but the first, (T - 1,) in nats.
        next_odds: The odds of each character to come after the text, (V,).
        sample: What it wrote at its evaluation; empty where it did not.
    """

    step: int
    val_loss: float | None
    weights: torch.Tensor
    losses: torch.Tensor
    next_odds: torch.Tensor
    sample: str


def snapshots(
    folder: RunFolder, ids: Sequence[int], tell: Callable[[str], None]
) -> Iterator[Snapshot]:
    """A text of T ids as each checkpoint of a run sees it, the oldest first.

    Args:
        folder: The run; what it deletes meanwhile is left out, as is what is damaged.
        ids: The text.
        tell: Takes a line on each checkpoint that is left out.
    """
    val_losses = {line.step: line.val_loss for line in read_metrics(folder.metrics)}
    for path in reversed(folder.step_folders()):
        try:
            checkpoint = read_checkpoint(path)
            model = checkpoint.load_model()
        except CheckpointError as error:
            tell(f"left out: {error.message}")
            continue
        seen, step = forward_pass(model, ids), checkpoint.state.step
        yield Snapshot(
            step,
            val_losses.get(step),
            seen.weights,
            seen.losses,
            seen["logits"][-1].softmax(-1),
            folder.sample(step),
        )


def moved(before: Snapshot, after: Snapshot) -> torch.Tensor:
    """What share of each head's attention went elsewhere between two checkpoints, (L, H).

    The total variation distance of two rows of weights, 0 for the same and 1 for none in
    common, as a mean over the queries that have a choice.
    """
    distances = (after.weights - before.weights).abs().sum(dim=-1) / 2  # (L, H, T)
    return distances[..., 1:].mean(dim=-1) if distances.shape[-1] > 1 else distances[..., 0]


def text_to_follow(loaded: TrainedModel) -> tuple[int, ...]:
    """The beginning of a run's validation text.

    Raises:
        DatasetError: The text is not there, or it is not the same any more.
    """
    most = min(FOLLOWED, loaded.model.config.block_size)
    try:
        return tuple(loaded.validation()[:most].tolist())
    except DatasetError as error:
        raise DatasetError(error.message, "name a text to follow: --text TEXT") from None
