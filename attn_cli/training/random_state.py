"""The states of the random generators that training draws from.

Only dropout does: the order of the text follows from the seed and the step, samples have
generators of their own, and neither Python's nor NumPy's generator is used.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from attn_cli.errors import CheckpointError


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """Those of the CPU (`torch`) and of the device that computes, by its type."""
    states = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(states: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Takes the generators back to where they were.

    A device that the run did not use before keeps its own state.

    Raises:
        CheckpointError: A state is missing, or is none.
    """
    try:
        torch.set_rng_state(states["torch"])
        if device.type in states and device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], device)
        elif device.type in states and device.type == "mps":
            torch.mps.set_rng_state(states["mps"])
    except (KeyError, RuntimeError, TypeError) as error:
        what = str(error).partition("\n")[0]
        raise CheckpointError(f"the checkpoint's random state is damaged: {what}") from None
