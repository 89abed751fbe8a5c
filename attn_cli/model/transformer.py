"""The whole decoder: characters in, a score for each possible next character out.

Shapes: B batch, T time (characters), C channels = n_embd, V vocabulary, L layers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attn_cli.config.schema import ModelConfig
from attn_cli.model.block import Block, make_norm
from attn_cli.model.cache import KeyValueCache
from attn_cli.model.dropout import dropout
from attn_cli.model.position import LearnedPosition, RotaryPosition, SinusoidalPosition
from attn_cli.model.trace import NO_TRACE, NoTrace


class Transformer(nn.Module):
    """Token plus position embeddings, L blocks, a last norm, a linear layer to V scores.

    A pure function of its arguments: what was read before is in `cache`, and every
    tensor on the way goes to `trace`; the module itself keeps neither.

    Args:
        config: The `model` section of a configuration.
        vocab_size: V, of the tokenizer.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        head_size = config.n_embd // config.n_head

        self.token_embedding = nn.Embedding(vocab_size, config.n_embd)
        self.position_embedding: LearnedPosition | SinusoidalPosition | None = None
        if config.position == "learned":
            self.position_embedding = LearnedPosition(config.block_size, config.n_embd)
        elif config.position == "sinusoidal":
            self.position_embedding = SinusoidalPosition(config.block_size, config.n_embd)
        rotary = None
        if config.position == "rope":
            rotary = RotaryPosition(config.block_size, head_size, config.rope_theta)

        self.blocks = nn.ModuleList(Block(config, rotary) for _ in range(config.n_layer))
        self.final_norm = make_norm(config)
        self.head = nn.Linear(config.n_embd, vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.token_embedding.weight
        self._initialise()

    def forward(
        self,
        ids: torch.Tensor,
        *,
        cache: KeyValueCache | None = None,
        trace: NoTrace = NO_TRACE,
    ) -> torch.Tensor:
        """Scores each possible next character.

        Args:
            ids: Characters, (B, T) of int64; with a cache, those after the cached ones.
            cache: Keys and values of the characters before; these are appended to it.
            trace: Collects every tensor on the way.

        Returns:
            Logits (B, T, V): at position t, the scores of the character at t + 1.
        """
        start, length = 0 if cache is None else cache.length, ids.shape[1]
        assert start + length <= self.config.block_size, "longer than block_size"

        trace.record("characters", ids, "B T")
        x = self.token_embedding(ids)  # (B, T, C)
        trace.record("token embedding", x, "B T C", self.token_embedding)
        if self.position_embedding is not None:
            position = self.position_embedding(start, length)  # (T, C)
            trace.record("position embedding", position, "T C", self.position_embedding)
            x = x + position
            trace.record("token + position", x, "B T C")
        x = dropout(x, self.config.dropout, self.training)

        for number, block in enumerate(self.blocks):
            layer = None if cache is None else cache.layers[number]
            x = block(x, cache=layer, trace=trace.within(f"block {number + 1}"))

        x = self.final_norm(x)
        trace.record("final norm", x, "B T C", self.final_norm)
        logits: torch.Tensor = self.head(x)  # (B, T, V)
        trace.record("logits", logits, "B T V", self.head)
        return logits

    def new_cache(self, batch: int = 1, longest: int | None = None) -> KeyValueCache:
        """An empty cache for `batch` texts of up to `longest` characters, or `block_size`."""
        capacity = self.config.block_size
        weight = self.token_embedding.weight
        return KeyValueCache(
            self.config.n_layer,
            batch,
            self.config.n_head,
            self.config.n_embd // self.config.n_head,
            capacity if longest is None else min(longest, capacity),
            device=weight.device,
            dtype=weight.dtype,
        )

    def named_arrays(self) -> dict[str, NDArray[np.float32]]:
        """The learned numbers by name, as a checkpoint has them; a tied one once."""
        return {
            name: parameter.detach().float().cpu().numpy()
            for name, parameter in self.named_parameters()
        }

    def parameter_count(self) -> int:
        """Learned numbers; shared ones count once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @torch.no_grad()
    def _initialise(self) -> None:
        """GPT-2's start (Radford et al. 2019, section 2.3): small normal weights.

        What is added to the stream starts smaller, by 1 / sqrt(2 L), so that the
        stream's size does not grow with the number of layers.
        """
        residual = 0.02 / math.sqrt(2 * self.config.n_layer)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 1:
                nn.init.ones_(parameter)
            elif name.endswith(("attention.projection.weight", "feed_forward.down.weight")):
                nn.init.normal_(parameter, std=residual)
            else:
                nn.init.normal_(parameter, std=0.02)
