"""What is traced to a graph: a model with tensors for all arguments, and a cache among these.

The model itself runs, in the textbook form of attention, whose operations do not depend on how
long a text is.

Shapes: B batch, T new characters, S characters before, or of a source, C channels = n_embd,
H heads, D head size, V vocabulary, Y labels, L layers.
"""

import torch
from torch import nn

from attn_cli.model.cache import CrossKVCache, KVCache, LayerKVCache
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import Stack
from attn_cli.model.trace import NullTrace


class _Textbook(NullTrace):
    """Records nothing; selects the textbook form of attention."""

    textbook = True


class _HiddenStates(_Textbook):
    """Keeps what the final norm returned."""

    tensor: torch.Tensor  # (B, T, C)

    def record(self, operation: str, tensor: torch.Tensor, *_: object, **__: object) -> None:
        if operation == "final norm":
            self.tensor = tensor


class _GrowingLayer(LayerKVCache):
    """Keys and values that grow by concatenation, instead of in a buffer."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__(keys, values)
        self.length = keys.shape[-2]

    def append(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Appends keys and values (B, H, T, D); returns all so far, (B, H, S + T, D) each."""
        self.keys = torch.cat((self.keys, keys), dim=-2)
        self.values = torch.cat((self.values, values), dim=-2)
        self.length = self.keys.shape[-2]
        return self.keys, self.values


class _GrowingCache(KVCache):
    """Ids that grow by concatenation, too."""

    def with_earlier(self, ids: torch.Tensor) -> torch.Tensor:
        """New characters (B, T), after all that were read before: (B, S + T), or as they are."""
        if self.ids is None:
            return ids
        self.ids = torch.cat((self.ids, ids), dim=1)
        return self.ids


class FullPass(nn.Module):
    """Ids (B, T) -> logits (B, T, V)."""

    def __init__(self, model: Stack) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(ids, trace=_Textbook())
        return logits


class CachedStep(nn.Module):
    """Ids (B, T), keys and values (L, B, H, S, D) -> logits, keys and values of S + T.

    With n-grams also the ids (B, S) of the keys and values -> those of S + T.
    """

    def __init__(self, model: Stack) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        ids: torch.Tensor,
        past_keys: torch.Tensor,
        past_values: torch.Tensor,
        past_ids: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        cache = _GrowingCache(
            [_GrowingLayer(*pair) for pair in zip(past_keys, past_values, strict=True)],
            ids=past_ids,
        )
        logits = self.model(ids, cache=cache, trace=_Textbook())
        keys = torch.stack([layer.keys for layer in cache.layers])
        values = torch.stack([layer.values for layer in cache.layers])
        return (logits, keys, values) if cache.ids is None else (logits, keys, values, cache.ids)


class EncoderPass(nn.Module):
    """Ids (B, T), mask (B, T) with 0 for padding -> logits (B, T, V) or (B, Y), (B, T, C)."""

    def __init__(self, model: Stack) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = _HiddenStates()
        mask = attention_mask[:, None, None, :] != 0  # (B, 1, 1, T)
        return self.model(ids, mask=mask, trace=hidden), hidden.tensor


class SourcePass(nn.Module):
    """Ids (B, S), mask (B, S) -> hidden states (B, S, C), cross keys and values (L, B, H, S, D)."""

    def __init__(self, model: EncoderDecoder) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mask = _source_mask(attention_mask)
        encoded = self.model.encode(ids, source_mask=mask, trace=_Textbook())
        cache = self.model.new_cache(len(ids), 1)
        # Of any character: its own part of the graph leads nowhere, and is dropped.
        self.model.decode(ids[:, :1], encoded, source_mask=mask, cache=cache, trace=_Textbook())
        keys = torch.stack([layer.keys for layer in cache.cross])
        return encoded, keys, torch.stack([layer.values for layer in cache.cross])


class TargetPass(nn.Module):
    """Ids (B, T), hidden states (B, S, C), mask (B, S) -> logits (B, T, V)."""

    def __init__(self, model: EncoderDecoder) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, ids: torch.Tensor, hidden_states: torch.Tensor, attention_mask: torch.Tensor
    ) -> torch.Tensor:
        mask = _source_mask(attention_mask)
        return self.model.decode(ids, hidden_states, source_mask=mask, trace=_Textbook())


class CachedTargetStep(nn.Module):
    """As `CachedStep`, with cross keys and values (L, B, H, S, D) and a mask (B, S) of a source."""

    def __init__(self, model: EncoderDecoder) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        ids: torch.Tensor,
        past_keys: torch.Tensor,
        past_values: torch.Tensor,
        cross_keys: torch.Tensor,
        cross_values: torch.Tensor,
        attention_mask: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cache = KVCache([_GrowingLayer(*pair) for pair in zip(past_keys, past_values, strict=True)])
        # What the cross keys are of: never read, since they are there.
        encoded = self.model.token_embedding.weight.new_zeros(1, 1, self.model.config.n_embd)
        for keys, values in zip(cross_keys, cross_values, strict=True):
            cross = CrossKVCache()
            cross.source, cross.keys, cross.values = encoded, keys, values
            cache.cross.append(cross)
        mask = _source_mask(attention_mask)
        logits = self.model.decode(
            ids, encoded, source_mask=mask, cache=cache, trace=_Textbook()
        )  # (B, T, V)
        keys = torch.stack([layer.keys for layer in cache.layers])
        return logits, keys, torch.stack([layer.values for layer in cache.layers])


def _source_mask(attention_mask: torch.Tensor) -> torch.Tensor:
    return attention_mask[:, None, None, :] != 0  # (B, S) -> (B, 1, 1, S)
