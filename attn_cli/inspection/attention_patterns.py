"""The key that a query would attend to if its head followed a pattern such as "previous".

Shapes: B windows, T time (characters).
"""

from collections.abc import Sequence

import torch


def pattern_keys(ids: torch.Tensor, in_word: Sequence[bool]) -> dict[str, torch.Tensor]:
    """By pattern, the key that each query of some windows (B, T) would attend to; -1 for none.

    Args:
        ids: The characters.
        in_word: Of each id, whether it belongs to a word.
    """
    T = ids.shape[1]
    positions = torch.arange(T).expand_as(ids)
    same, word_start = _same_and_word_start(ids, in_word)
    same_after, word_end = (
        torch.where(found >= 0, T - 1 - found, -1).flip(1)
        for found in _same_and_word_start(ids.flip(1), in_word)
    )
    followed = same + 1
    return {
        "previous": positions - 1,
        "next": torch.where(positions < T - 1, positions + 1, -1),
        "itself": positions,
        "first": torch.zeros_like(ids),
        "same": same,
        "same_before": same,
        "same_after": same_after,
        "induction": torch.where((same >= 0) & (followed < positions), followed, -1),
        "word_start": word_start,
        "word_end": word_end,
    }


def _same_and_word_start(
    ids: torch.Tensor, in_word: Sequence[bool]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The last earlier occurrence of each character, and the first letter of its word, (B, T).

    -1 where there is none, and for that letter itself.
    """
    same, word_start = torch.full_like(ids, -1), torch.full_like(ids, -1)
    for row, window in enumerate(ids.tolist()):
        last: dict[int, int] = {}
        start = -1
        for position, id_ in enumerate(window):
            same[row, position] = last.get(id_, -1)
            last[id_] = position
            if not in_word[id_]:
                start = -1
            elif start < 0:
                start = position
            else:
                word_start[row, position] = start
    return same, word_start
