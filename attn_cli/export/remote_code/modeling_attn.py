"""GPT-2 and Qwen3 with embeddings of n-grams: what the last two, three or more characters are.

They are the models of transformers, but for what their first layer reads: to the embedding of each
character that of the n-grams that end with it is added. Hashed n-grams are from Pagnoni et al.
2024, "Byte Latent Transformer", section 3.2.1.

Shapes: B batch, T new characters, S all characters so far, N lengths of n-grams, n the longest of
them, E width of a row, C channels.
"""

from itertools import accumulate
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import GPT2LMHeadModel, Qwen3ForCausalLM

from .configuration_attn import AttnGPT2Config, AttnQwen3Config

PRIME = 2**31 - 1
NOTHING = 0  # the symbol of padding and of what is before a text; that of a character is its id + 1


class NgramEmbeddings(nn.Module):
    """A vector (B, T, C) for the n-grams that end at each character."""

    def __init__(self, config: AttnGPT2Config | AttnQwen3Config) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(sum(config.ngram_sizes), config.ngram_embd)
        inputs = len(config.ngrams) * config.ngram_embd
        self.projection = nn.Linear(inputs, config.hidden_size, bias=False)

    def forward(self, symbols: torch.Tensor, length: int) -> torch.Tensor:
        """Of the last `length` (T) of some symbols (B, S)."""
        vectors = self.table(self.rows(symbols, length))  # (B, T, N, E)
        kept = torch.ones_like(vectors[..., :1])
        kept = F.dropout(kept, self.config.ngram_dropout, self.training)
        return self.projection((vectors * kept).flatten(2))

    def rows(self, symbols: torch.Tensor, length: int) -> torch.Tensor:
        """The rows (B, T, N) of the table, by a hash of the last characters."""
        sizes = self.config.ngram_sizes
        offsets = [0, *accumulate(sizes[:-1])]
        sizes, offsets, factors = (
            torch.tensor(numbers, device=symbols.device)
            for numbers in (sizes, offsets, self.config.ngram_factors)
        )
        longest = factors.shape[1]
        symbols = F.pad(symbols, (longest - 1, 0), value=NOTHING)
        windows = symbols.unfold(1, longest, 1)[:, -length:].flip(-1)  # (B, T, n)
        return (windows[:, :, None] * factors).sum(-1) % PRIME % sizes + offsets


class NgramInputs:
    """Adds the embeddings of n-grams to those of characters, before the model of transformers."""

    def __init__(self, config: AttnGPT2Config | AttnQwen3Config) -> None:
        super().__init__(config)
        self.ngrams = NgramEmbeddings(config)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        symbols: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """What the model of transformers gives, which describes the other arguments.

        Args:
            input_ids: (B, T); with a cache, those after the cached ones.
            attention_mask: (B, S), 0 where there is padding, on either side.
            symbols: id + 1 of all characters so far and 0 for padding, (B, S). Needed with a cache,
                which holds no ids; `generate` gives them.
        """
        if input_ids is None:
            raise ValueError("n-grams are made of `input_ids`: `inputs_embeds` do not have them")
        if symbols is None:
            cache = kwargs.get("past_key_values") or kwargs.get("cache")
            if cache and cache.get_seq_length() > 0:
                raise ValueError("n-grams reach back: beside a cache, give `symbols` of all ids")
            symbols = to_symbols(input_ids, attention_mask)
        embeds = self.get_input_embeddings()(input_ids)  # (B, T, C)
        return super().forward(
            inputs_embeds=embeds + self.ngrams(symbols, input_ids.shape[1]),
            attention_mask=attention_mask,
            position_ids=position_ids,
            labels=labels,
            logits_to_keep=logits_to_keep,
            **kwargs,
        )

    def prepare_inputs_for_generation(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """The arguments of `forward`: `input_ids` are the new ones, `symbols` are of all."""
        inputs = super().prepare_inputs_for_generation(
            input_ids, attention_mask=attention_mask, **kwargs
        )
        return {**inputs, "symbols": to_symbols(input_ids, attention_mask)}

    def tie_weights(self, *args: Any, **kwargs: Any) -> None:
        """As transformers do it, of which some (5.3) leave out a model that is code of its own."""
        super().tie_weights(*args, **kwargs)
        if self.config.tie_word_embeddings:
            self.lm_head.weight = self.get_input_embeddings().weight


def to_symbols(ids: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
    """The symbols (B, S) of ids (B, S): id + 1, or `NOTHING` where `attention_mask` is 0."""
    return ids + 1 if attention_mask is None else (ids + 1) * attention_mask.bool()


class AttnGPT2LMHeadModel(NgramInputs, GPT2LMHeadModel):
    """GPT-2 with embeddings of n-grams."""

    config_class = AttnGPT2Config


class AttnQwen3ForCausalLM(NgramInputs, Qwen3ForCausalLM):
    """Qwen3 with embeddings of n-grams."""

    config_class = AttnQwen3Config
