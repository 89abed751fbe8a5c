"""The trunk of every model: embeddings, L blocks and a final norm.

Shapes: B batch, T time (characters), S source, or keys, C channels = n_embd, D head size, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import ConfigError, OperationError
from attn_cli.model.block import Block, make_norm
from attn_cli.model.cache import CrossKVCache, KVCache, LayerKVCache
from attn_cli.model.dropout import dropout
from attn_cli.model.neighbours import Neighbours
from attn_cli.model.ngram_embeddings import NgramEmbeddings
from attn_cli.model.position import LearnedPosition, RotaryPosition, SinusoidalPosition
from attn_cli.model.trace import NO_TRACE, NullTrace


class Stack(nn.Module):
    """Token and position embeddings, L blocks, a final norm; its subclasses add a head.

    A pure function of its arguments: what was read before is in `cache`, and every
    tensor on the way goes to `trace`; the module itself keeps neither.

    Args:
        config: The `model` section of a configuration.
        vocab_size: V, of the tokenizer.
        causal: Whether a character sees only itself and what came before it.
        cross: Whether it attends to a source, too.
        neighbours: Whether each character's neighbours are added to its embedding.

    Raises:
        ConfigError: It names a kind of block or a position encoding that is not known.
    """

    head: nn.Linear  # from hidden states to the logits of what is predicted

    def __init__(
        self,
        config: ModelConfig,
        vocab_size: int,
        *,
        causal: bool = True,
        cross: bool = False,
        neighbours: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        head_size = config.n_embd // config.n_head

        self.token_embedding = nn.Embedding(vocab_size, config.n_embd)
        self.ngrams = NgramEmbeddings(config, vocab_size) if config.ngrams else None
        self.neighbours = Neighbours(config.n_embd) if neighbours else None
        self.position_embedding: nn.Module | None = None
        rotary = None
        match config.position:
            case "learned":
                self.position_embedding = LearnedPosition(config.block_size, config.n_embd)
            case "sinusoidal":
                self.position_embedding = SinusoidalPosition(config.block_size, config.n_embd)
            case "rope":
                rotary = RotaryPosition(config.block_size, head_size, config.rope_theta)
            case "none":
                pass
            case unknown:
                raise ConfigError(f"model.position: {unknown} is not a known position encoding")

        self.blocks = nn.ModuleList(
            Block(config, rotary, causal=causal, cross=cross) for _ in range(config.n_layer)
        )
        self.final_norm = make_norm(config)

    def hidden(
        self,
        ids: torch.Tensor,
        source: torch.Tensor | None = None,
        *,
        mask: torch.Tensor | None = None,
        source_mask: torch.Tensor | None = None,
        cache: KVCache | None = None,
        trace: NullTrace = NO_TRACE,
        layer: int | None = None,
    ) -> torch.Tensor:
        """The hidden states (B, T, C) of a text, after the final norm or an earlier block.

        Args:
            ids: Characters, (B, T) of int64; with a cache, those after the cached ones.
            source: What the blocks attend to besides, (B, S, C); none where they do not.
            mask: Which keys each query may see, (B, 1, T or 1, S) of bool; all where None.
                Padding is hidden by (B, 1, 1, S), False where a key is padding.
            source_mask: Which keys of the source each query may see, likewise.
            cache: Keys and values of the characters before; these are appended to it.
            trace: Collects every tensor on the way.
            layer: After which block to stop, from 1; 0 for before the first. None for all blocks
                and the final norm.

        Raises:
            OperationError: A kind of block ignores the cache, and would predict from it wrongly.
        """
        start, length = 0 if cache is None else cache.length, ids.shape[1]
        assert start + length <= self.config.block_size, "longer than block_size"

        read = ids if cache is None else cache.with_earlier(ids)  # (B, S)
        x = self._embedded(ids, read, start, mask, trace)  # (B, T, C)
        x = dropout(x, self.config.dropout, self.training)

        for number, block in enumerate(self.layers()[:layer]):
            layer_cache = None if cache is None else cache.layers[number]
            of_source: dict[str, Any] = {}  # a block of your own need not take a source
            if source is not None:
                of_source = {"source": source, "source_mask": source_mask}
                of_source["cross_cache"] = None if cache is None else cache.cross[number]
            x = block(
                x,
                mask=mask,
                cache=layer_cache,
                trace=trace.scope(f"block {number + 1}"),
                **of_source,
            )
            if layer_cache is not None and layer_cache.length != start + length:
                raise OperationError(
                    f"model.block: {self.config.block} does not keep what it has read in its cache",
                    "hand `cache` on to attention in model/block.py",
                )
        if layer is not None:
            return x

        hidden: torch.Tensor = self.final_norm(x)
        trace.record("final norm", hidden, "B T C", self.final_norm)
        return hidden

    def _embedded(
        self,
        ids: torch.Tensor,
        read: torch.Tensor,
        start: int,
        mask: torch.Tensor | None,
        trace: NullTrace,
    ) -> torch.Tensor:
        """What the first block reads of characters from position `start` on, (B, T, C).

        Args:
            ids: The characters, (B, T).
            read: The same, with those before them, (B, S).
            start: How many there are before them.
            mask: Which of them are not padding.
            trace: Collects every tensor on the way.
        """
        trace.record("characters", ids, "B T")
        x: torch.Tensor = self.token_embedding(ids)  # (B, T, C)
        trace.record("token embedding", x, "B T C", self.token_embedding)
        if self.ngrams is not None:
            x = x + self.ngrams(read, ids.shape[1], trace)
            trace.record("token + n-grams", x, "B T C")
        if self.neighbours is not None:
            x = self.neighbours(x, mask, trace.scope("neighbours"))
            trace.record("token + neighbours", x, "B T C")
        if self.position_embedding is not None:
            position = self.position_embedding(start, ids.shape[1])  # (T, C)
            trace.record("position embedding", position, "T C", self.position_embedding)
            x = x + position
            trace.record("token + position", x, "B T C")
        return x

    def stacks(self) -> list[Stack]:
        """Every stack of blocks in the model; a decoder is one."""
        return [self]

    def layers(self) -> list[Block]:
        """The blocks, in order."""
        return [cast(Block, block) for block in self.blocks]

    def new_cache(self, batch: int = 1, longest: int | None = None) -> KVCache:
        """An empty cache for `batch` texts of up to `longest` characters, or `block_size`."""
        config, weight = self.config, self.token_embedding.weight
        capacity = config.block_size if longest is None else min(longest, config.block_size)
        shape = (batch, config.n_head, capacity, config.n_embd // config.n_head)
        return KVCache(
            [LayerKVCache(weight.new_zeros(shape), weight.new_zeros(shape)) for _ in self.blocks],
            [CrossKVCache() for block in self.layers() if block.cross],
            None
            if self.ngrams is None
            else weight.new_zeros((batch, 1, capacity, 1), dtype=torch.int64),
        )

    def tables(self) -> list[nn.Parameter]:
        """The parameters of which a step changes a few rows: their gradients are sparse."""
        found = (stack.ngrams for stack in self.stacks())
        return [cast(nn.Parameter, ngrams.table.weight) for ngrams in found if ngrams is not None]

    def state_arrays(self) -> dict[str, NDArray[np.float32]]:
        """The parameters by name, as a checkpoint has them; a tied one once."""
        return {
            name: parameter.detach().float().cpu().numpy()
            for name, parameter in self.named_parameters()
        }

    def parameter_count(self) -> int:
        """How many numbers the model learns; tied ones count once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @torch.no_grad()
    def _init_weights(self) -> None:
        """GPT-2's initialisation (Radford et al. 2019, section 2.3): small normal weights.

        What is added to the residual stream starts smaller, by 1 / sqrt(n) for n additions (2 L
        in a decoder), so that the stream does not grow with them. Norms begin at weight 1, bias 0.
        """
        small: dict[int, float] = {}  # the standard deviation of each residual projection
        for stack in self.stacks():
            added = [
                layer.weight for block in stack.layers() for layer in block.residual_projections()
            ]
            small |= dict.fromkeys(map(id, added), 0.02 / math.sqrt(len(added)))
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for parameter in self.parameters():
            if parameter.dim() >= 2:
                nn.init.normal_(parameter, std=small.get(id(parameter), 0.02))
        for stack in self.stacks():
            if stack.ngrams is not None:
                stack.ngrams.init_weights()


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Context manager: without dropout within, in the mode of before afterwards."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
