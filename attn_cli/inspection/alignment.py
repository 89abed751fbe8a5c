"""How much cross-attention aligns a target with its source.

Shapes: T target, S source, H heads, L layers.
"""

import numpy as np
from numpy.typing import NDArray


def alignment_bits(weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mutual information of the position in the target and where a head looks, in bits, (...).

    All T positions count alike: 0 for a head that looks at the same in every row, log2(n) for one
    that looks at n places, a different one each time.

    Args:
        weights: (..., T, S), each row summing to 1.
    """
    rows = weights.astype(np.float64)
    bits: NDArray[np.float64] = _entropy(rows.mean(axis=-2)) - _entropy(rows).mean(axis=-1)
    return np.maximum(bits, 0.0)


def _entropy(probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """In bits, over the last axis."""
    logs = np.log2(np.where(probs > 0, probs, 1.0))
    entropy: NDArray[np.float64] = -(probs * logs).sum(axis=-1)
    return entropy
