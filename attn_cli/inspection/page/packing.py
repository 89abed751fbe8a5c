"""Arrays as text, to put them into a page.

Base64, in one of these forms:

- `float32`: the numbers as they are, little-endian.
- `integers`: integers of `bits` bits each, one after the other without gaps, and for each row
  of a matrix one float32 to multiply them by.
- `table`: the same with one number to multiply all of them by, and only as many bits for each
  row as it needs: none for rows of zeros, which training has not touched.
- `fractions`: numbers from 0 to 1 in 255 steps, for what is only drawn.

The largest difference of a logit from torch's, on the default run and four texts of 64 and
256 characters: 2e-5 in float32, 5e-4 with the bits of `rounding.BITS`, 1e-3 with 16 bits for
all weights, and 1e-1 in bfloat16, which takes as much room as 16 bits. On forty texts of 64
characters and two layers of 128 with n-grams of 2 to 5: 1e-3, in a page of 3.9 MB, most
of it 1.7 million numbers of tables, which take 8.5 bits each.
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
    steps, scales = _row_steps(matrix, bits)
    data = _base64(_bit_string(steps, bits))
    return {**_packed("integers", matrix, data), "bits": bits, "scales": _base64(scales)}


def packed_table(matrix: NDArray[Any], bits: int) -> Packed:
    """A matrix (rows, columns) of which most rows are small, as integers of up to `bits` bits."""
    steps, scale = _table_steps(matrix, bits)
    row_bits = _row_bits(steps)
    data = {
        int(width): _base64(_bit_string(steps[row_bits == width], int(width)))
        for width in np.unique(row_bits[row_bits > 0])
    }
    rows = _base64(row_bits.astype(np.uint8))
    return {"form": "table", "shape": [*matrix.shape], "scale": scale, "bits": rows, "data": data}


def rounded_rows(matrix: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """What a page makes of `packed_rows`."""
    steps, scales = _row_steps(matrix, bits)
    return (steps * scales).astype(np.float32)


def rounded_table(matrix: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """What a page makes of `packed_table`."""
    steps, scale = _table_steps(matrix, bits)
    return (steps * scale).astype(np.float32)


def table_bits(matrix: NDArray[Any], bits: int) -> NDArray[np.int64]:
    """How many bits each number of a row takes in `packed_table`, (rows,)."""
    return _row_bits(_table_steps(matrix, bits)[0])


def packed_fractions(fractions: NDArray[Any]) -> Packed:
    """Numbers from 0 to 1 as one byte each."""
    return _packed("fractions", fractions, _base64(np.rint(fractions * 255).astype(np.uint8)))


def _row_steps(matrix: NDArray[Any], bits: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A matrix in steps of a scale for each row, (rows, 1)."""
    limit = 2 ** (bits - 1) - 1
    largest = np.abs(matrix).max(axis=1, keepdims=True)  # (rows, 1)
    scales = (largest / limit).astype("<f4")
    scales[scales == 0] = 1.0  # of zeros, and of numbers too small for a float32 to divide
    return np.rint(matrix / scales).clip(-limit, limit).astype(np.int64), scales


def _table_steps(matrix: NDArray[Any], bits: int) -> tuple[NDArray[np.int64], float]:
    scale = float(np.abs(matrix).max()) / (2 ** (bits - 1) - 1) or 1.0
    return np.rint(matrix / scale).astype(np.int64), scale


def _row_bits(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    largest = np.abs(steps).max(axis=1)  # (rows,)
    bits: NDArray[np.int64] = np.frexp(largest)[1] + (largest > 0)  # and one for the sign
    return bits


def _bit_string(integers: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Integers around 0 as `bits` bits each, the highest first, without gaps."""
    from_zero = integers.reshape(-1, 1) + 2 ** (bits - 1) - 1
    shifts = np.arange(bits - 1, -1, -1)
    each_bit = (from_zero >> shifts & 1).astype(np.uint8)  # (count, bits)
    return np.packbits(each_bit)


def _packed(form: str, array: NDArray[Any], data: str) -> Packed:
    return {"form": form, "shape": list(array.shape), "data": data}


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
