"""Whether the end of a text, which validates a model, is like the rest of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.text.ngram import ngram_bits
from attn_cli.text.tokenizer import TokenIds

_ORDER = 3  # of the n-gram model that compares: of letters and their neighbours, not of words
_BLOCKS = 200  # that the text is cut into
_MIN_CHARS = 10 * _BLOCKS
_MAX_READ = 2**20  # ids; of a longer text, blocks that are evenly spaced
# How much harder or easier the end has to be: as a fraction, and in standard errors.
_UNLIKE, _ERRORS = 0.15, 4.0


@dataclass(frozen=True)
class TailComparison:
    """What a trigram model needs for the end of a text and for blocks from all over it.

    Attributes:
        tail_bits: For the validation split, given the text before it; bits per character.
        spread_bits: For as many blocks from all over the text, given the rest.
        standard_error: Of their difference.
    """

    tail_bits: float
    spread_bits: float
    standard_error: float

    @property
    def is_unlike(self) -> bool:
        """Whether the loss on the validation split would mislead."""
        difference = abs(self.tail_bits - self.spread_bits)
        return (
            difference > _UNLIKE * self.spread_bits and difference > _ERRORS * self.standard_error
        )


def compare_tail(ids: TokenIds, n_train: int, vocab_size: int) -> TailComparison | None:
    """How the validation split compares with blocks of the same text; None for a short text.

    Args:
        ids: The text.
        n_train: How many of them are trained on; the rest is the validation split.
        vocab_size: V.
    """
    if len(ids) < _MIN_CHARS:
        return None
    blocks = _blocks(ids)  # (M, block)
    n_tail = round(len(blocks) * (1 - n_train / len(ids)))
    if n_tail < 2 or n_tail > len(blocks) // 2:
        return None
    held_out = np.linspace(0, len(blocks) - 1, n_tail).round().astype(np.int64)
    spread = np.isin(np.arange(len(blocks)), held_out)
    tail = np.arange(len(blocks)) >= len(blocks) - n_tail
    tail_bits, spread_bits = (
        _block_bits(blocks[~part], blocks[part], vocab_size) for part in (tail, spread)
    )
    variance = tail_bits.var(ddof=1) + spread_bits.var(ddof=1)
    return TailComparison(
        float(tail_bits.mean()), float(spread_bits.mean()), float(np.sqrt(variance / n_tail))
    )


def _blocks(ids: TokenIds) -> TokenIds:
    """Consecutive blocks of a text, (M, block); of a long one, the beginning of each."""
    size = len(ids) // _BLOCKS
    blocks = ids[: size * _BLOCKS].reshape(_BLOCKS, size)
    return blocks[:, : _MAX_READ // _BLOCKS]


def _block_bits(train: TokenIds, blocks: TokenIds, vocab_size: int) -> NDArray[np.float64]:
    """Mean bits per character of each block, of those that are predicted from the block alone."""
    bits = ngram_bits(train.reshape(-1), blocks.reshape(-1), vocab_size, _ORDER)
    means: NDArray[np.float64] = bits.reshape(blocks.shape)[:, _ORDER - 1 :].mean(axis=1)
    return means
