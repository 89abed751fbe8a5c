"""Dropout (Srivastava et al. 2014) with fewer random numbers, which are most of its cost on a CPU.

torch draws one random number for each element on a CPU, one after the other: 3.4 ms for
2,048 x 256, more than the layer around it. Eight bytes of one number serve eight elements
here, in 0.6 ms (benchmarks/LOG.md).
"""

import torch
from torch.nn import functional as F


def dropout(x: torch.Tensor, p: float, training: bool) -> torch.Tensor:
    """x with each element zero with probability p in training, the rest scaled by 1 / (1 - p).

    Args:
        x: Of any shape.
        p: Probability of dropping an element; on a CPU the nearest multiple of 1/256.
        training: Whether anything is dropped at all.
    """
    dropped = round(256 * p)  # of 256 values of a byte
    if not training or p == 0.0:
        return x
    if x.device.type != "cpu" or not 0 < dropped < 256:
        return F.dropout(x, p)
    mask: torch.Tensor = _mask(x.detach(), dropped)
    return x * mask


_WHOLE = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes an element


# An operation of its own, so that compiled code calls it as it is: what the compiler
# makes of random numbers is slow. The tag keeps two calls from being taken for one.
@torch.library.custom_op(
    "attn::dropout_mask", mutates_args=(), tags=(torch.Tag.nondeterministic_seeded,)
)
def _mask(like: torch.Tensor, dropped: int) -> torch.Tensor:
    """Zero for `dropped` of 256 elements, from torch's own generator; for the rest the scale.

    In whole numbers as wide as the elements, which go through a CPU several times faster
    than truth values do: the sign of `dropped - 1 - byte`, spread over all bits, lets the
    bits of the scale through or not.
    """
    scale = torch.tensor(256 / (256 - dropped), dtype=like.dtype)
    whole = _WHOLE[like.itemsize]
    numbers = torch.empty(-(-like.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    mask = numbers.view(torch.uint8)[: like.numel()].to(whole)
    mask.neg_().add_(dropped - 1).bitwise_right_shift_(8 * like.itemsize - 1)
    mask.bitwise_and_(int(scale.view(whole)))
    return mask.view(like.dtype).view(like.shape)


@_mask.register_fake
def _(like: torch.Tensor, dropped: int) -> torch.Tensor:
    return torch.empty(like.shape, dtype=like.dtype, device=like.device)
