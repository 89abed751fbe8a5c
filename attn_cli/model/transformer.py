"""The transformer with a head: characters in, a score for each character of the vocabulary out.

Shapes: B batch, T time (characters), S keys, C channels = n_embd, V vocabulary.
"""

import torch
from torch import nn

from attn_cli.config.schema import ModelConfig
from attn_cli.model.cache import KVCache
from attn_cli.model.stack import Stack
from attn_cli.model.trace import NO_TRACE, NullTrace


class Transformer(Stack):
    """A stack and a linear layer to V logits: a decoder, or an encoder where not `causal`.

    The arguments are those of `Stack`.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, *, causal: bool = True) -> None:
        super().__init__(config, vocab_size, causal=causal)
        self.head = nn.Linear(config.n_embd, vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.token_embedding.weight
        self._init_weights()

    def forward(
        self,
        ids: torch.Tensor,
        *,
        mask: torch.Tensor | None = None,
        cache: KVCache | None = None,
        trace: NullTrace = NO_TRACE,
    ) -> torch.Tensor:
        """The logits (B, T, V) of a text; a decoder's at t score the character at t + 1.

        The arguments are those of `Stack.hidden`.
        """
        hidden = self.hidden(ids, mask=mask, cache=cache, trace=trace)
        logits: torch.Tensor = self.head(hidden)  # (B, T, V)
        trace.record("logits", logits, "B T V", self.head)
        return logits
