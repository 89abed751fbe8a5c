"""Arrays as text, to put them into a page.

Base64, in one of these forms:

- `float32`: the numbers as they are, little-endian.
- `integers`: integers of `bits` bits each, one after the other without gaps, and for each row
  of a matrix one float32 to multiply them by.
- `fractions`: numbers from 0 to 1 in 255 steps, for what is only drawn.

The largest difference of a logit from torch's, on the default run and four texts of 64 and
256 characters: 2e-5 in float32, 5e-4 with the bits of `payload.BITS`, 1e-3 with 16 bits for
all weights, and 1e-1 in bfloat16, which takes as much room as 16 bits.
"""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = dict[str, Any]


def packed(array: NDArray[Any]) -> Packed:
    """An array of any shape as float32."""
    return _packed("float32", array, _base64(array.astype("<f4")))


def packed_rows(matrix: NDArray[Any], bits: int) -> Packed:
    """A matrix (rows, columns) as integers of `bits` bits, with a scale for each row."""
    limit = 2 ** (bits - 1) - 1
    largest = np.abs(matrix).max(axis=1, keepdims=True)  # (rows, 1)
    scales = (largest / limit).astype("<f4")
    scales[scales == 0] = 1.0  # of zeros, and of numbers too small for a float32 to divide
    steps = np.rint(matrix / scales).clip(-limit, limit).astype(np.int64) + limit  # from 0 up
    shifts = np.arange(bits - 1, -1, -1)
    each_bit = (steps.reshape(-1, 1) >> shifts & 1).astype(np.uint8)  # (rows · columns, bits)
    data = _base64(np.packbits(each_bit))
    return {**_packed("integers", matrix, data), "bits": bits, "scales": _base64(scales)}


def packed_fractions(fractions: NDArray[Any]) -> Packed:
    """Numbers from 0 to 1 as one byte each."""
    return _packed("fractions", fractions, _base64(np.rint(fractions * 255).astype(np.uint8)))


def _packed(form: str, array: NDArray[Any], data: str) -> Packed:
    return {"form": form, "shape": list(array.shape), "data": data}


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
