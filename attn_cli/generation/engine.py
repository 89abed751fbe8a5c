"""Writes text after a prompt, one character at a time, with a key/value cache.

Attention sees at most `block_size` characters. When these are full, the engine
forgets the older half and reads the newer half again from position 0; so every
kind of position stays right, a character costs one step of the model, and each
half block costs one reading of half a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from attn_cli.generation.sampling import Controls, choose
from attn_cli.model.transformer import Transformer
from attn_cli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Sample:
    """A text that a model wrote.

    Attributes:
        prompt: What it was given.
        text: What it wrote after that.
        seed: What its choices were drawn from.
        finish_reason: `length`: as many characters as asked for; `end`: the document ended.
    """

    prompt: str
    text: str
    seed: int
    finish_reason: Literal["length", "end"]


def window_start(length: int, block_size: int) -> int:
    """Where the window begins that the model sees of a text of `length` characters.

    The window grows to `block_size`; the next character then finds the newer half
    of it, and so on: it depends on the length alone, not on how the text came about.
    """
    if length <= block_size:
        return 0
    # A window that is full moves on by what it forgets.
    forgotten = max(1, block_size // 2)
    return -(-(length - block_size) // forgotten) * forgotten


@torch.inference_mode()
def next_logits(
    model: Transformer, ids: list[int], longest: int | None = None
) -> Iterator[torch.Tensor]:
    """The scores (V,) of the character after `ids`; again and again, as `ids` grows.

    The caller appends one id to the list between two scores.

    Args:
        model: In evaluation mode.
        ids: The text so far; at least one id.
        longest: How long it will get, where that is known.
    """
    device = model.token_embedding.weight.device
    cache = model.new_cache(longest=longest)
    start, read = 0, 0  # the window begins at `start`; the cache holds ids[start:read]
    while True:
        wanted = window_start(len(ids), model.config.block_size)
        if wanted != start:
            cache.clear()
            start = read = wanted
        unread = torch.tensor([ids[read:]], device=device)  # (1, T)
        read = len(ids)
        yield model(unread, cache=cache)[0, -1]


def write(
    model: Transformer,
    prompt: Sequence[int],
    max_new: int,
    controls: Controls,
    seed: int,
    *,
    stop: int | None = None,
) -> Iterator[int]:
    """Ids that continue a prompt, each as soon as it is chosen.

    Args:
        model: In evaluation mode.
        prompt: At least one id, of any length.
        max_new: The most ids to write.
        controls: How freely to choose.
        seed: Same seed, same text.
        stop: An id that ends the text, and is not part of it.
    """
    random = torch.Generator().manual_seed(seed)
    ids = list(prompt)
    scores = next_logits(model, ids, longest=len(ids) + max_new)
    for _, logits in zip(range(max_new), scores, strict=False):
        chosen = choose(logits, controls, random)
        if chosen == stop:
            return
        ids.append(chosen)
        yield chosen


def prompt_ids(tokenizer: Tokenizer, prompt: str, start_id: int) -> list[int]:
    """The ids of a prompt; where it is empty, what a document begins after.

    Raises:
        PromptError: The prompt has characters that the vocabulary does not.
    """
    ids: list[int] = tokenizer.encode(prompt, unknown="error").tolist()
    return ids or [start_id]


def write_document(
    model: Transformer,
    tokenizer: Tokenizer,
    start_id: int,
    controls: Controls,
    seed: int,
    max_new: int,
) -> Sample:
    """One document: from what it begins after to the next separator, or to `max_new`."""
    separator = tokenizer.separator_id
    # A vocabulary without a form feed has no end of documents, only of lines.
    stop = separator if tokenizer.symbols[separator] == "\f" else None
    ids = list(write(model, [start_id], max_new, controls, seed, stop=stop))
    reason: Literal["length", "end"] = "length" if len(ids) == max_new else "end"
    return Sample("", tokenizer.decode(ids), seed, reason)
