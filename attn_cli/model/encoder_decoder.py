"""The encoder-decoder: a source text in, a score for each next character of its target out.

The encoder reads the source in both directions; the decoder writes the target, and in each of its
blocks attends to the encoder's hidden states (Vaswani et al. 2017, section 3.1).

Shapes: B batch, T target, S source, C channels = n_embd, V vocabulary.
"""

import torch
from torch import nn

from attn_cli.config.schema import ModelConfig
from attn_cli.model.cache import KVCache
from attn_cli.model.stack import Stack
from attn_cli.model.trace import NO_TRACE, NullTrace

EMBEDDING_STD = 0.2  # of token embeddings that the head does not share


class EncoderDecoder(Stack):
    """A decoder, which this stack is, with an encoder of its own to attend to.

    Both share the token embedding: source and target have one vocabulary.

    Args:
        config: The `model` section of a configuration: of the encoder and of the decoder.
        vocab_size: V, of the tokenizer.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__(config, vocab_size, causal=True, cross=True)
        self.encoder = Stack(config, vocab_size, causal=False, neighbours=config.source_neighbours)
        self.encoder.token_embedding = self.token_embedding
        self.head = nn.Linear(config.n_embd, vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.token_embedding.weight
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        """A stack's initialisation; token embeddings that the head does not share start larger.

        The characters, of which small data have few examples each, are then the largest part of
        the residual stream from the beginning (benchmarks/LOG.md).
        """
        super()._init_weights()
        if not self.config.tie_embeddings:
            nn.init.normal_(self.token_embedding.weight, std=EMBEDDING_STD)

    def forward(
        self,
        ids: torch.Tensor,
        source_ids: torch.Tensor,
        *,
        source_mask: torch.Tensor | None = None,
        trace: NullTrace = NO_TRACE,
    ) -> torch.Tensor:
        """The logits (B, T, V) of a target; those at t score the character at t + 1.

        Args:
            ids: The target's characters, (B, T) of int64, after a newline.
            source_ids: The source's, (B, S) of int64, with a newline at the end.
            source_mask: Where there is a source character and not padding, (B, 1, 1, S) of bool;
                everywhere where None.
            trace: Collects every tensor on the way.
        """
        encoded = self.encode(source_ids, source_mask=source_mask, trace=trace)
        return self.decode(ids, encoded, source_mask=source_mask, trace=trace)

    def encode(
        self,
        source_ids: torch.Tensor,
        *,
        source_mask: torch.Tensor | None = None,
        trace: NullTrace = NO_TRACE,
    ) -> torch.Tensor:
        """The encoder's hidden states (B, S, C) of a source; the arguments are as in `forward`."""
        encoder_trace = trace.scope("encoder", time="S")
        return self.encoder.hidden(source_ids, mask=source_mask, trace=encoder_trace)

    def decode(
        self,
        ids: torch.Tensor,
        encoded: torch.Tensor,
        *,
        source_mask: torch.Tensor | None = None,
        cache: KVCache | None = None,
        trace: NullTrace = NO_TRACE,
    ) -> torch.Tensor:
        """The logits (B, T, V) of a target, given what `encode` returned, (B, S, C).

        Args:
            ids: With a cache, the characters after the cached ones, (B, T).
            encoded: The hidden states of the source; with a cache the same tensor at each step.
            source_mask: As in `forward`.
            cache: Keys and values of the characters before, and of the source.
            trace: Collects every tensor on the way.
        """
        hidden = self.hidden(
            ids, encoded, source_mask=source_mask, cache=cache, trace=trace.scope("decoder")
        )
        logits: torch.Tensor = self.head(hidden)  # (B, T, V)
        trace.record("logits", logits, "B T V", self.head)
        return logits

    def stacks(self) -> list[Stack]:
        return [self.encoder, self]
