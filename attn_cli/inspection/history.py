"""How a model developed: one text, run through each checkpoint that a run kept.

Shapes: T time (characters), H heads, V vocabulary, L layers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from attn_cli.errors import CheckpointError
from attn_cli.inspection.forward_pass import ForwardPass, forward_pass, select_heads
from attn_cli.inspection.hidden_characters import hidden_characters
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.metrics import nats_to_bits, read_metrics
from attn_cli.runs.run_folder import RunFolder

DEFAULT_LENGTH = 16  # characters of the text, where the user names none


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One checkpoint's activations on a text."""

    step: int  # of the checkpoint
    val_loss: float | None  # measured then, in nats per character; None where it was not evaluated
    attention: torch.Tensor  # the attention weights of every head, (L, H, T, T)
    # Of each character of the text but the first, (T - 1,) in nats; of an encoder, of each when it
    # is hidden, and none of a text with blanks.
    losses: torch.Tensor
    # The probability of each next character after the text, (V,), or of an encoder in the first
    # blank; None where there is none.
    next_probs: torch.Tensor | None
    sample: str  # the sample written at its evaluation; empty where there was none


def snapshots(
    folder: RunFolder, ids: Sequence[int], on_skip: Callable[[str], None]
) -> Iterator[Snapshot]:
    """A text of T ids in each checkpoint of a run, the oldest first.

    What is deleted meanwhile or damaged is skipped, with a line to `on_skip`.
    """
    val_losses = {line.step: line.val_loss for line in read_metrics(folder.metrics)}
    for path in reversed(folder.step_folders()):
        try:
            checkpoint = read_checkpoint(path)
            model = checkpoint.load_model()
        except CheckpointError as error:
            on_skip(f"skipped: {error.message}")
            continue
        activations, step = forward_pass(model, ids), checkpoint.metadata.step
        losses, next_probs = _predictions(activations, checkpoint)
        yield Snapshot(
            step,
            val_losses.get(step),
            activations.attention,
            losses,
            next_probs,
            folder.sample(step),
        )


def _predictions(
    activations: ForwardPass, checkpoint: Checkpoint
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The losses of a text, and the probabilities of what is not known of it."""
    mask_id = checkpoint.tokenizer.mask_id
    if mask_id is None:
        return activations.losses, activations["logits"][-1].softmax(-1)
    first = int(checkpoint.config.data.records == "lines")
    hidden = hidden_characters(activations.model, activations.ids, mask_id, first)
    return hidden.losses, None if hidden.known else hidden.log_probs[0].exp()


@dataclass(frozen=True)
class CheckpointSummary:
    """What changed up to one checkpoint, in numbers for people."""

    step: int  # of the checkpoint
    val_loss: float | None  # in nats per character; None where it was not evaluated
    bits_per_char: float | None  # mean surprisal of the text; None where nothing of it is predicted
    # The most probable character after the text, or in the first blank, and its probability; None
    # of an encoder on a text without blanks.
    next: str | None
    next_probability: float | None
    attention_shift: float | None  # of the selected heads since the checkpoint before
    sample: str  # the sample written at its evaluation; empty where there was none


def summarise(
    snapshots: Sequence[Snapshot], symbols: Sequence[str], layers: range, heads: range
) -> list[CheckpointSummary]:
    """A summary of each checkpoint, the oldest first, for the selected layers and heads."""
    summaries = []
    for before, snapshot in zip([None, *snapshots], snapshots, strict=False):
        probs, shift = snapshot.next_probs, None
        if before is not None:
            shift = select_heads(attention_shift(before, snapshot), layers, heads)
        summaries.append(
            CheckpointSummary(
                snapshot.step,
                snapshot.val_loss,
                nats_to_bits(float(snapshot.losses.mean())) if len(snapshot.losses) else None,
                None if probs is None else symbols[int(probs.argmax())],
                None if probs is None else float(probs.max()),
                None if shift is None else float(shift.mean()),
                snapshot.sample,
            )
        )
    return summaries


def attention_shift(before: Snapshot, after: Snapshot) -> torch.Tensor:
    """How far each head's attention shifted between two checkpoints, (L, H), from 0 to 1.

    The total variation distance of two rows of weights, 0 for equal rows and 1 for disjoint
    ones; its mean over the queries that see more than one key.
    """
    distances = (after.attention - before.attention).abs().sum(dim=-1) / 2  # (L, H, T)
    causal = not after.attention[..., 0, 1:].any()  # the first query sees a single key
    T = distances.shape[-1]
    return distances[..., 1:].mean(dim=-1) if causal and T > 1 else distances.mean(dim=-1)


def default_text(loaded: TrainedModel) -> tuple[int, ...]:
    """The first ids of a run's validation split; of a run of lines, those of its first line.

    Raises:
        DatasetError: The text is missing or has changed.
    """
    length = min(DEFAULT_LENGTH, loaded.config.model.block_size)
    return tuple(loaded.corpus().opening(length).tolist())
