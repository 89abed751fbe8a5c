"""The embeddings of n-grams in NumPy: as `model/ngram_embeddings.py`, which is the reference.

Shapes: B texts, T new ids, C channels = n_embd; N lengths of n-grams, n the longest of them,
R rows, E width of a table.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from attn_cli.model.ngram_hash import PRIME, NgramHash

Floats = NDArray[np.float32]
Integers = NDArray[np.intp]


class NgramLookup:
    """What the n-grams of a text add to the embeddings of its characters.

    Args:
        hash: In which row of the table an n-gram stands.
        table: (R, E).
        projection: (N E, C).
    """

    def __init__(self, hash: NgramHash, table: Floats, projection: Floats) -> None:
        self._length = hash.longest
        # In the order of a text, in which the last character of an n-gram is at its end.
        self._factors = np.ascontiguousarray(np.array(hash.factors).T[::-1])  # (n, N)
        self._sizes, self._offsets = np.array(hash.sizes), np.array(hash.offsets)  # (N,)
        self._table, self._projection = table, projection

    def added(self, symbols: Integers) -> Floats:
        """What is added to the embeddings of the last T characters of some texts, (B T, C).

        Args:
            symbols: The ids, each plus 1, and `NOTHING` for what is before a text: (B, n - 1 + T).
        """
        if symbols.shape[1] == self._length:  # what follows takes a tenth of a small model's step
            ngrams = symbols[:, None]  # (B, 1, n)
        else:
            ngrams = sliding_window_view(symbols, self._length, axis=1)  # (B, T, n)
        rows = ngrams.dot(self._factors)  # (B, T, N)
        rows %= PRIME
        rows %= self._sizes
        rows += self._offsets
        vectors = self._table.take(rows, axis=0)  # (B, T, N, E)
        added: Floats = vectors.reshape(-1, len(self._projection)).dot(self._projection)
        return added
