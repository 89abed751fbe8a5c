"""A forward pass as NumPy arrays by name.

Shapes: T time (characters), S source, C channels = n_embd, H heads, D head size, V vocabulary,
L layers, N lengths of n-grams, E width of their tables.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attn_cli.api.html import attention_html
from attn_cli.errors import InputError
from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.inspection.pair_pass import PairPass

Array = NDArray[np.float32]

STACKED = {
    "attention": ("layer", "head", "query", "key"),
    "q": ("layer", "head", "time", "channel"),
    "k": ("layer", "head", "time", "channel"),
    "v": ("layer", "head", "time", "channel"),
    "residual_stream": ("layer", "time", "channel"),
    "logits": ("time", "vocabulary"),
}
OF_PAIRS = dict.fromkeys(("cross_attention", "encoder_attention"), STACKED["attention"])
AXIS_NAMES = {
    "T": "time",
    "S": "source",
    "H": "head",
    "C": "channel",
    "D": "channel",
    "F": "hidden",
    "V": "vocabulary",
    "N": "n-gram",
    "E": "channel",
}


class UnknownOperationError(InputError, KeyError):
    """The model has no operation of this name; a KeyError too, as mappings raise it."""

    def __str__(self) -> str:
        return self.message


class Trace(Mapping[str, NDArray[Any]]):
    """Every tensor of a forward pass over one text, without the batch axis.

    It is a mapping from the names that `attn inspect-shapes` shows to arrays, in the order in
    which they were computed: `trace["block 1.attention.scores"]`. What every layer has is
    stacked in attributes: `trace.attention[0, 1]` is head 2 of layer 1.

    Args:
        forward: The forward pass.
        characters: The symbol of each of T ids.
    """

    _stacked_axes: ClassVar[Mapping[str, tuple[str, ...]]] = STACKED

    def __init__(self, forward: ForwardPass, characters: tuple[str, ...]) -> None:
        self._forward = forward
        self._axes = {record.full_name: record.axes for record in forward.records}
        self.characters = characters

    def __getitem__(self, name: str) -> NDArray[Any]:
        self._check(name)
        return self._forward[name].numpy(force=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._axes)

    def __len__(self) -> int:
        return len(self._axes)

    def axes(self, name: str) -> tuple[str, ...]:
        """The name of each axis of an operation's array, or of an attribute's.

        Raises:
            InputError: There is no array of this name.
        """
        if name in self._stacked_axes:
            return self._stacked_axes[name]
        self._check(name)
        symbols = [symbol for symbol in self._axes[name] if symbol != "B"]
        if symbols[1:] in (["T", "T"], ["T", "S"], ["S", "S"]):  # scores and weights
            return ("head", "query", "key")
        return tuple(AXIS_NAMES.get(symbol, symbol) for symbol in symbols)

    @property
    def attention(self) -> Array:
        """The attention weights, (L, H, T, T): rows are queries, and sum to 1."""
        return self._forward.attention.numpy(force=True)

    @property
    def q(self) -> Array:
        """The queries as they enter the scores, after any norm and rotation, (L, H, T, D)."""
        return self._stacked("rotated query", "query norm", "query heads")

    @property
    def k(self) -> Array:
        """The keys as they enter the scores, after any norm and rotation, (L, H, T, D)."""
        return self._stacked("rotated key", "key norm", "key heads")

    @property
    def v(self) -> Array:
        """The values, (L, H, T, D)."""
        return self._stacked("value heads")

    @property
    def residual_stream(self) -> Array:
        """The residual stream, (L + 1, T, C): before the first block and after each."""
        return self._forward.residual_stream.numpy(force=True)

    @property
    def logits(self) -> Array:
        """The score of each next character, (T, V)."""
        return self["logits"]

    def _stacked(self, *operations: str) -> Array:
        """The first of some operations of attention that the model has, over all layers."""
        first = f"{self._forward.stack}block 1.attention"
        present = [name for name in operations if f"{first}.{name}" in self]
        operation = present[0] if present else operations[-1]
        tensors = self._forward.of_each_block(f"attention.{operation}")
        return np.stack([tensor.numpy(force=True) for tensor in tensors])

    def _check(self, name: str) -> None:
        if name not in self._axes:
            raise UnknownOperationError(
                f"`name` {name!r}: the trace has no such operation",
                "list(trace) and attn inspect-shapes name all of them",
            )

    def __repr__(self) -> str:
        return f"<Trace of {''.join(self.characters)!r}: {len(self)} operations>"

    def _repr_html_(self) -> str | None:
        if "block 1.attention.softmax weights" not in self:
            return None  # a block without attention: a notebook shows the line above
        return attention_html(self.attention, self.characters)


class PairTrace(Trace):
    """Every tensor of a forward pass of an encoder-decoder over a source and its target.

    `attention`, `q`, `k`, `v` and `residual_stream` are the decoder's. Its T queries are those that
    write `target`, the first of them with nothing but a newline before it.

    Args:
        forward: The forward pass.
        characters: What the decoder reads, a newline and then the target: T symbols.
        source: What the encoder reads, the source and a newline: S symbols.
        target: What the decoder writes, the target and a newline: T symbols.
    """

    _stacked_axes = STACKED | OF_PAIRS

    def __init__(
        self,
        forward: PairPass,
        characters: tuple[str, ...],
        source: tuple[str, ...],
        target: tuple[str, ...],
    ) -> None:
        super().__init__(forward, characters)
        self._pair = forward
        self.source = source
        self.target = target

    @property
    def cross_attention(self) -> Array:
        """The attention weights of the target on the source, (L, H, T, S): rows sum to 1."""
        return self._pair.cross_attention.numpy(force=True)

    @property
    def encoder_attention(self) -> Array:
        """The attention weights of the source on itself, (L, H, S, S): rows sum to 1."""
        return self._pair.encoder_attention.numpy(force=True)

    def __repr__(self) -> str:
        texts = (repr("".join(each)) for each in (self.source[:-1], self.characters[1:]))
        return f"<Trace of {' to '.join(texts)}: {len(self)} operations>"

    def _repr_html_(self) -> str | None:
        if "decoder.block 1.cross-attention.softmax weights" not in self:
            return None
        return attention_html(self.cross_attention, self.target, self.source)
