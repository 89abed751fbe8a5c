"""Fills the blanks of a text, by an encoder: the most certain one first.

Shapes: T time (characters), N blanks, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from attn_cli.generation.text_stream import Alternative
from attn_cli.model.stack import Stack
from attn_cli.text.tokenizer import Tokenizer


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
        ids: The text, T of them, at most `block_size`; `tokenizer.mask_id` where there is a blank.
        tokenizer: The model's vocabulary.
        temperature: 0 takes the most probable character of the most certain blank; above, a
            character is drawn, for the blank of which the model is most certain.
        seed: Of the draws.
        n_alternatives: How many of the most probable characters to keep of each blank.
    """
    assert tokenizer.mask_id is not None
    device = model.token_embedding.weight.device
    text = torch.tensor([list(ids)], device=device)  # (1, T)
    random = np.random.default_rng(seed)
    filled: list[FilledBlank] = []
    while True:
        blanks = (text[0] == tokenizer.mask_id).nonzero().flatten()  # (N,)
        if not len(blanks):
            return FilledText(tuple(text[0].tolist()), tuple(filled))
        logits = model(text)[0, blanks].double()  # (N, V)
        logits[:, tokenizer.mask_id] = -torch.inf
        probs = logits.softmax(dim=-1)
        row = int(probs.amax(dim=-1).argmax())
        best = probs[row].topk(min(n_alternatives, tokenizer.vocab_size - 1))
        chosen = int(probs[row].argmax())
        if temperature:
            above = logits[row] - logits[row].max()  # the largest is 0, however low a temperature
            tempered = (above / temperature).softmax(dim=-1).cpu().numpy()
            chosen = int(random.choice(len(tempered), p=tempered))
        position = int(blanks[row])
        text[0, position] = chosen
        filled.append(
            FilledBlank(
                position,
                tokenizer.symbols[chosen],
                float(probs[row, chosen]),
                tuple(
                    Alternative(tokenizer.symbols[id_], prob)
                    for id_, prob in zip(best.indices.tolist(), best.values.tolist(), strict=True)
                ),
            )
        )
