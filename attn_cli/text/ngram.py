"""An interpolated Kneser-Ney n-gram model of characters: a baseline for a validation loss.

Kneser and Ney 1995, "Improved backing-off for m-gram language modeling", interpolated, with one
discount for each order as estimated by Chen and Goodman 1999, "An empirical study of smoothing
techniques for language modeling", section 2.7. Below the single characters stands the uniform
distribution, so that nothing has probability 0.

Shapes: N characters of a text, G distinct n-grams of it, V vocabulary.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from attn_cli.text.tokenizer import TokenIds

_DISCOUNT = 0.5  # where no n-gram occurs once, which says nothing of unseen ones


def ngram_bits(train: TokenIds, text: TokenIds, vocab_size: int, order: int) -> NDArray[np.float64]:
    """The surprisal in bits of each character of a text that follows a training text, (N,).

    A character is predicted from the `order` - 1 before it; of the first ones of `text`, some are
    the last of `train`. Counts are those of `train` alone.

    Args:
        train: At least one id.
        text: Ids of the same vocabulary, (N,).
        vocab_size: V.
        order: The longest n-gram that is counted; 1 for the frequencies of single characters.
    """
    orders = list(_orders(np.concatenate([train, text]), vocab_size, min(order, len(train))))
    probs = np.full(len(text), 1 / vocab_size)  # (N,)
    for n, (contexts, grams) in enumerate(orders, start=1):
        in_train = len(train) - n + 1
        if n == len(orders):
            counted = grams[:in_train]
        else:
            # A shorter n-gram counts once for each distinct character before it.
            longer_contexts, longer = orders[n]
            suffixes = np.empty(len(longer_contexts), dtype=np.int64)
            suffixes[longer] = grams[1:]
            counted = suffixes[np.unique(longer[: in_train - 1])]
        counts = np.bincount(counted, minlength=len(contexts))  # (G,)
        discount = _discount(counts)
        totals = np.bincount(contexts, weights=counts)
        distinct = np.bincount(contexts, weights=counts > 0)
        gram = grams[in_train:]  # (N,)
        context = contexts[gram]  # (N,)
        total = np.maximum(totals[context], 1)
        backed_off = (
            np.maximum(counts[gram] - discount, 0) + discount * distinct[context] * probs
        ) / total
        probs = np.where(totals[context] > 0, backed_off, probs)
    bits: NDArray[np.float64] = -np.log2(probs)
    return bits


def _orders(
    ids: TokenIds, vocab_size: int, order: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Of each order n: the context of each distinct n-gram, (G,), and the n-grams, (N - n + 1,).

    An n-gram is numbered from 0; so is its context, the (n - 1)-gram that it begins with.
    """
    grams = np.zeros(len(ids) + 1, dtype=np.int64)  # of order 0: one, before each character
    for n in range(1, order + 1):
        keys = grams[:-1] * vocab_size + ids[n - 1 :]  # below N * V
        distinct, grams = np.unique(keys, return_inverse=True)
        yield distinct // vocab_size, grams


def _discount(counts: NDArray[np.int64]) -> float:
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return once / (once + 2 * twice) if once else _DISCOUNT
