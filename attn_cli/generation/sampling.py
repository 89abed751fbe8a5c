"""How the next character is chosen from the model's scores.

Shapes: V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from attn_cli.errors import InputError, RunError


@dataclass(frozen=True)
class Controls:
    """How freely to choose.

    Attributes:
        temperature: Divides the scores; 0 always takes the likeliest, 1 the model's own odds.
        top_k: Choose among this many likeliest characters.
        top_p: Choose among the fewest characters that together are at least this likely
            (Holtzman et al. 2020).

    Raises:
        InputError: One of them is out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise InputError(
                f"temperature {self.temperature:g} is out of range",
                "0 is greedy, 1 the model's own odds, higher is wilder",
            )
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top-k {self.top_k} is below 1", "leave it out for no limit")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise InputError(
                f"top-p {self.top_p:g} is not above 0 and at most 1", "leave it out for no limit"
            )


def probabilities(logits: torch.Tensor, controls: Controls) -> torch.Tensor:
    """The odds (..., V) of each next character after the controls.

    Temperature comes first, then top-k, then top-p among what is left.

    Args:
        logits: Scores, (..., V).
    """
    logits = logits.float()
    if controls.temperature == 0.0:
        likeliest = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, likeliest, 1.0)
    # Only differences count; taking the largest off first keeps a tiny temperature finite.
    logits = (logits - logits.amax(dim=-1, keepdim=True)) / controls.temperature
    if controls.top_k is not None and controls.top_k < logits.shape[-1]:
        kept = logits.topk(controls.top_k, dim=-1)
        logits = torch.full_like(logits, float("-inf")).scatter_(-1, kept.indices, kept.values)
    odds = logits.softmax(dim=-1)
    if controls.top_p is not None and controls.top_p < 1.0:
        ordered, order = odds.sort(dim=-1, descending=True)
        # What is before a character decides, so that the likeliest is always kept.
        before = ordered.cumsum(dim=-1) - ordered
        ordered = ordered.masked_fill(before >= controls.top_p, 0.0)
        odds = torch.zeros_like(odds).scatter_(-1, order, ordered)
        odds = odds / odds.sum(dim=-1, keepdim=True)
    return odds


def choose(logits: torch.Tensor, controls: Controls, random: torch.Generator) -> int:
    """One character's id, by the scores (V,) and the controls.

    Raises:
        RunError: The scores are not numbers: the model's weights are broken.
    """
    if not bool(torch.isfinite(logits).all()):
        raise RunError(
            "the model's scores are not numbers: its weights are broken",
            "use another run or checkpoint; `attn runs` lists them",
        )
    if controls.temperature == 0.0:
        return int(logits.argmax())
    # On the CPU whatever the device, so that a seed means the same text on each.
    odds = probabilities(logits.cpu(), controls)
    return int(torch.multinomial(odds, 1, generator=random))
