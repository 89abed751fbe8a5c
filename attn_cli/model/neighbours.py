"""What stands next to a character, added to its embedding: a convolution of width 3.

How a letter is read mostly depends on the letters beside it. With them an encoder need not learn
first where to look (benchmarks/LOG.md).

Shapes: B batch, T time (characters), C channels = n_embd.
"""

import torch
from torch import nn
from torch.nn import functional as F

from attn_cli.model.trace import NO_TRACE, NullTrace


class Neighbours(nn.Module):
    """Each character, plus a linear layer of the one before it and another of the one after it.

    Args:
        n_embd: C.
    """

    def __init__(self, n_embd: int) -> None:
        super().__init__()
        self.before = nn.Linear(n_embd, n_embd, bias=False)
        self.after = nn.Linear(n_embd, n_embd, bias=False)

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None = None, trace: NullTrace = NO_TRACE
    ) -> torch.Tensor:
        """(B, T, C) -> (B, T, C); padding, and what is beyond the ends of a text, counts as zero.

        Args:
            x: Embeddings.
            mask: Where there is a character and not padding, (B, 1, 1, T); everywhere where None.
            trace: Collects every tensor on the way.
        """
        if mask is not None:
            x = x * mask[:, 0, 0, :, None]
        # Moved by one to the right, and to the left.
        before: torch.Tensor = self.before(F.pad(x, (0, 0, 1, -1)))  # (B, T, C)
        trace.record("before", before, "B T C", self.before)
        after: torch.Tensor = self.after(F.pad(x, (0, 0, -1, 1)))  # (B, T, C)
        trace.record("after", after, "B T C", self.after)
        return x + before + after
