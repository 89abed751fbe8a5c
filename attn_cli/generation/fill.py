"""Fills the blanks of a text, by an encoder: the most certain one first.

Shapes: T time (characters), N blanks, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attn_cli.generation.text_stream import Alternative
from attn_cli.model.stack import Stack
from attn_cli.text.tokenizer import Tokenizer

BLANKS_PER_BATCH = 64


@dataclass(frozen=True)
class FilledBlank:
    """What was put into one blank.

    Attributes:
        position: Of the blank in the text, from 0.
        char: What was put into it.
        prob: Its probability, given the text and what had been filled in before.
        alternatives: The most probable characters for it then, with their probabilities.
    """

    position: int
    char: str
    prob: float
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class FilledText:
    """A text whose blanks were filled.

    Attributes:
        ids: Of the whole text, T of them.
        blanks: In the order in which they were filled.
    """

    ids: tuple[int, ...]
    blanks: tuple[FilledBlank, ...]

    @property
    def log_prob(self) -> float:
        """The natural logarithm of the product of the blanks' probabilities."""
        return float(sum(np.log(blank.prob) for blank in self.blanks))


@torch.no_grad()
def fill(
    model: Stack,
    ids: Sequence[int],
    tokenizer: Tokenizer,
    *,
    temperature: float = 0.0,
    seed: int = 0,
    n_alternatives: int = 3,
) -> FilledText:
    """A text with its blanks filled, one after the other, each given those before.

    Args:
        model: An encoder, in evaluation mode.
        ids: The text, T of them; `tokenizer.mask_id` where there is a blank. Where there are
            more than `block_size`, each blank is filled from as many around it.
        tokenizer: The model's vocabulary.
        temperature: 0 takes the most probable character of the most certain blank; above, a
            character is drawn, for the blank of which the model is most certain.
        seed: Of the draws.
        n_alternatives: How many of the most probable characters to keep of each blank.
    """
    assert tokenizer.mask_id is not None
    text = torch.tensor(list(ids), device=model.token_embedding.weight.device)  # (T,)
    random = np.random.default_rng(seed)
    blanks = (text == tokenizer.mask_id).nonzero().flatten()  # (N,)
    logits = torch.zeros(len(blanks), tokenizer.vocab_size, dtype=torch.float64)  # (N, V)
    outdated = torch.ones(len(blanks), dtype=torch.bool)  # (N,)
    filled: list[FilledBlank] = []
    while len(blanks):
        if outdated.any():
            logits[outdated] = _blank_logits(model, text, blanks[outdated])
        logits[:, tokenizer.mask_id] = -torch.inf
        probs = logits.softmax(dim=-1)
        row = int(probs.amax(dim=-1).argmax())
        best = probs[row].topk(min(n_alternatives, tokenizer.vocab_size - 1))
        chosen = int(probs[row].argmax())
        if temperature:
            above = logits[row] - logits[row].max()  # the largest is 0, however low a temperature
            tempered = (above / temperature).softmax(dim=-1).numpy()
            chosen = int(random.choice(len(tempered), p=tempered))
        position = int(blanks[row])
        text[position] = chosen
        alternatives = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        filled.append(
            FilledBlank(
                position,
                tokenizer.symbols[chosen],
                float(probs[row, chosen]),
                tuple(Alternative(tokenizer.symbols[id_], prob) for id_, prob in alternatives),
            )
        )
        left = torch.arange(len(blanks)) != row
        blanks, logits = blanks[left], logits[left]
        outdated = ((blanks - position).abs() < model.config.block_size).cpu()
    return FilledText(tuple(text.tolist()), tuple(filled))


def _blank_logits(model: Stack, text: Tensor, blanks: Tensor) -> Tensor:
    """The logits of each blank (N, V), in fp64 on the CPU, from the characters around it."""
    width = min(len(text), model.config.block_size)
    windows = text.unfold(0, width, 1)  # (T - width + 1, width), one from each position on
    rows = []
    for some in torch.split(blanks, BLANKS_PER_BATCH):
        starts = (some - width // 2).clamp(0, len(text) - width)
        distinct, window = torch.unique(starts, return_inverse=True)
        rows.append(model(windows[distinct])[window, some - starts])  # (N, V)
    return torch.cat(rows).double().cpu()
