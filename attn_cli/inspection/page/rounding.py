"""How many bits the weights of a model have in a page: as many as leave it small.

A level of rounding takes bits away from every matrix, so that the page of a large vocabulary or of
tables of n-grams stays small. What that changes is measured, and said in the page.
"""

import copy
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.inspection.page.packing import (
    Packed,
    packed,
    packed_rows,
    packed_table,
    rounded_rows,
    rounded_table,
    table_bits,
)
from attn_cli.model.parameter_shapes import NGRAM_TABLE
from attn_cli.model.stack import Stack

Weights = Mapping[str, NDArray[np.float32]]

LARGE = 4 * 2**20  # bytes of a page, whose weights are rounded to stay below
ROOM_FOR_NOTES = 20_000  # bytes, of what is not known before the weights are packed

# Up to this many parameters the weights are stored as float32, which is exact: a megabyte.
MAX_EXACT = 190_000
# Bits per weight beyond that: as many as keep the default run's page below 2.5 MB. Errors of the
# few weights of the embeddings and the head go straight into the logits, so these get more;
# those of queries and keys only go into scores, and need fewer.
BITS = {"embedding.weight": 20, "head.weight": 20, "query.weight": 16, "key.weight": 16}
OTHER_BITS = 17
# Of the largest row of a table of n-grams; the others need fewer. Below 10, logits are off by 0.1.
TABLE_BITS, LEAST_TABLE_BITS = 16, 10
# The bits that each level takes away from weights of 20 bits and of tables; from others, half.
LEVELS = (0, 2, 4, 6, 8, 10)


def choose_level(weights: Weights, others: int) -> int:
    """The first level at which the page stays below `LARGE`; 0 where none does.

    Args:
        weights: Every parameter by name.
        others: The bytes of all else in the page.
    """
    room = LARGE - others - ROOM_FOR_NOTES
    if _are_exact(weights) or not all(np.isfinite(array).all() for array in weights.values()):
        return 0
    fitting = (level for level in range(len(LEVELS)) if _length(weights, level) <= room)
    return next(fitting, 0)


def pack_weights(weights: Weights, level: int) -> dict[str, Packed]:
    """Every parameter by name; matrices as integers where there are many numbers."""
    exact = _are_exact(weights)
    return {
        name: packed(array) if exact or array.ndim == 1 else _packed_matrix(name, array, level)
        for name, array in weights.items()
    }


@torch.no_grad()
def largest_difference(
    model: Stack, logits_of: Callable[[Stack], torch.Tensor], level: int
) -> float:
    """How much the logits differ at most from the model's, with rounded weights."""
    rounded = copy.deepcopy(model)
    for name, parameter in rounded.named_parameters():
        if parameter.ndim > 1:
            array = parameter.float().numpy(force=True)
            parameter.copy_(torch.from_numpy(_rounded_matrix(name, array, level)))
    return float((logits_of(rounded) - logits_of(model)).abs().max())


def _are_exact(weights: Weights) -> bool:
    return sum(array.size for array in weights.values()) <= MAX_EXACT


def _is_table(name: str, matrix: NDArray[np.float32]) -> bool:
    """Whether most rows are small; where training diverged, there is no one scale."""
    named = name == NGRAM_TABLE or name.startswith("ngram_scores.")
    return named and bool(np.isfinite(matrix).all())


def _bits(name: str, level: int) -> int:
    bits = next((bits for end, bits in BITS.items() if name.endswith(end)), OTHER_BITS)
    return bits - LEVELS[level] // (1 if bits == 20 else 2)


def _table_bits(level: int) -> int:
    return max(LEAST_TABLE_BITS, TABLE_BITS - LEVELS[level])


def _packed_matrix(name: str, matrix: NDArray[np.float32], level: int) -> Packed:
    if _is_table(name, matrix):
        return packed_table(matrix, _table_bits(level))
    return packed_rows(matrix, _bits(name, level))


def _rounded_matrix(name: str, matrix: NDArray[np.float32], level: int) -> NDArray[np.float32]:
    if _is_table(name, matrix):
        return rounded_table(matrix, _table_bits(level))
    return rounded_rows(matrix, _bits(name, level))


def _length(weights: Weights, level: int) -> int:
    """About how many characters the packed weights take."""
    bits = 0
    for name, array in weights.items():
        if array.ndim == 1:
            bits += 32 * array.size
        elif _is_table(name, array):
            bits += int(table_bits(array, _table_bits(level)).sum()) * array.shape[1]
            bits += 8 * len(array)
        else:
            bits += _bits(name, level) * array.size + 32 * len(array)
    return bits // 6  # base64 has six bits a character
