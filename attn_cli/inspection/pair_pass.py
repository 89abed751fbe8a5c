"""The forward pass of an encoder-decoder on a source and a target.

Shapes: T target, S source, both with the newline at the end; H heads, L layers, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch.nn import functional as F

from attn_cli.errors import InputError, PromptError
from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import evaluation_mode
from attn_cli.model.trace import TraceRecorder
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.display import quoted
from attn_cli.text.pair_format import TAB
from attn_cli.text.tokenizer import TokenIds


@dataclass(frozen=True, eq=False)
class PairPass(ForwardPass):
    """The activations of an encoder-decoder on a source and a target.

    The decoder reads `ids`, a newline and then the target, and writes `target_ids`, the target
    and then a newline: query t of its attention is that of the step that writes character t of
    `target_ids`.
    """

    source_ids: tuple[int, ...]  # S of them, the last one a newline
    target_ids: tuple[int, ...]  # T of them, the last one a newline where that still fits

    stack: ClassVar[str] = "decoder."

    @cached_property
    def cross_attention(self) -> torch.Tensor:
        """The attention weights of the target on the source, (L, H, T, S): rows sum to 1."""
        return torch.stack(self.of_each_block("cross-attention.softmax weights"))

    @cached_property
    def encoder_attention(self) -> torch.Tensor:
        """The attention weights of the source on itself, (L, H, S, S): rows sum to 1."""
        return torch.stack(self.of_each_block("attention.softmax weights", stack="encoder."))

    @cached_property
    def losses(self) -> torch.Tensor:
        """The cross-entropy of each character of the target, with its end, (T,) in nats."""
        targets = torch.tensor(self.target_ids, device=self["logits"].device)
        return F.cross_entropy(self["logits"].float(), targets, reduction="none")


def pair_pass(loaded: LoadedModel, source: str, target: str | None = None) -> PairPass:
    """Runs a source and a target, as a user types them, through an encoder-decoder.

    Args:
        loaded: The model.
        source: Its columns and features have tabs between them.
        target: None for what the model writes, the most probable character each time.

    Raises:
        InputError: One of the two is longer than the context, has an unknown character, or the
            source is empty or has another number of columns.
    """
    source_ids, target_ids = encode_pair(loaded, source, target)
    model, newline_id = loaded.encoder_decoder, loaded.bos_id
    if target_ids is None:
        target_ids = written_target(model, source_ids, newline_id)
    return run_pair(model, source_ids, target_ids, newline_id)


def encode_pair(
    loaded: LoadedModel, source: str, target: str | None
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """The ids of a source and of a target, without their ends; the arguments are as above."""
    source_ids = _encoded(loaded, "the source", loaded.encode_source, source)
    if target is None:
        return source_ids, None
    return source_ids, _encoded(loaded, "`target`", loaded.encode_target, target)


def _encoded(
    loaded: LoadedModel, what: str, encode: Callable[[str], TokenIds], text: str
) -> tuple[int, ...]:
    try:
        ids = tuple(encode(text).tolist())
    except PromptError as error:
        named = error.message if what in error.message else f"{what}: {error.message}"
        raise PromptError(named, error.hint) from None
    most = loaded.config.model.block_size - 1
    if len(ids) > most:
        unit = loaded.tokenizer.unit
        raise InputError(
            f"{what} has {len(ids):,} {unit}s, and the model sees at most {most:,} and its end",
            f"give at most {most:,} {unit}s",
        )
    return ids


def written_target(
    model: EncoderDecoder, source_ids: Sequence[int], newline_id: int
) -> tuple[int, ...]:
    """The ids of the target that a model writes for a source, both without their ends."""
    device = model.token_embedding.weight.device
    ids = torch.tensor([[*source_ids, newline_id]], device=device)  # (1, S)
    with evaluation_mode(model):
        return tuple(greedy_targets([model], ids, None, newline_id=newline_id)[0])


@torch.no_grad()
def run_pair(
    model: EncoderDecoder, source_ids: Sequence[int], target_ids: Sequence[int], newline_id: int
) -> PairPass:
    """Runs the ids of a source and of a target, both without their ends, through a model."""
    trace, T = TraceRecorder(), model.config.block_size
    source = (*source_ids, newline_id)
    ids, written = (newline_id, *target_ids)[:T], (*target_ids, newline_id)[:T]
    device = model.token_embedding.weight.device
    with evaluation_mode(model):
        model(
            torch.tensor([ids], device=device), torch.tensor([source], device=device), trace=trace
        )
    return PairPass(model, ids, trace.records, source, written)


def own_source(loaded: LoadedModel) -> str:
    """The first source of a model's validation split, as a user types it; or known letters."""
    source = loaded.own_text().strip("\n").partition(TAB)[0]
    return loaded.pair_format.readable_source(source)[: loaded.config.model.block_size - 1]


def describe_pair(loaded: LoadedModel, activations: PairPass) -> str:
    """One line about a model and a pair, `runs/dates, step 9, on '5 May 2026' to '2026-05-05'`."""
    source, target = (
        loaded.tokenizer.decode([id_ for id_ in ids if id_ != loaded.bos_id])
        for ids in (activations.source_ids, activations.target_ids)
    )
    form = loaded.pair_format
    texts = quoted(form.readable_source(source)), quoted(form.readable_target(target))
    return f"{loaded.description}, on {' to '.join(texts)}"
