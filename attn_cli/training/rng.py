"""The states of the random generators that training draws from.

Only dropout does: the order of the text follows from the seed and the step, samples have
generators of their own, and neither Python's nor NumPy's generator is used. Each process
has its own; those of the first are what a run of one process would have.
"""

from collections.abc import Mapping

import numpy as np
import torch

from attn_cli.errors import CheckpointError
from attn_cli.training.distributed.world import SINGLE_PROCESS, World


def rng_states(device: torch.device, world: World = SINGLE_PROCESS) -> dict[str, torch.Tensor]:
    """Those of the CPU (`torch`) and of the device that computes, by its type.

    Those of every process: of others than the first, with `@` and the rank behind the name.
    """
    states = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return {
        _name(which, rank): state
        for which, own in states.items()
        for rank, state in enumerate(world.all_gather(own))
    }


def set_rng_states(
    states: Mapping[str, torch.Tensor], device: torch.device, world: World = SINGLE_PROCESS
) -> None:
    """Takes the generators of this process back to where they were.

    A device that the run did not use before, and a process that it did not have, keep
    their own state.

    Raises:
        CheckpointError: A state is missing, or is none.
    """
    rank = world.rank
    if rank >= process_count(states):
        return
    own = {which: states[_name(which, rank)] for which in ("torch", "cuda", "mps")
           if _name(which, rank) in states}  # fmt: skip
    try:
        torch.set_rng_state(own["torch"])
        if device.type in own and device.type == "cuda":
            torch.cuda.set_rng_state(own["cuda"], device)
        elif device.type in own and device.type == "mps":
            torch.mps.set_rng_state(own["mps"])
    except (KeyError, RuntimeError, TypeError) as error:
        what = str(error).partition("\n")[0]
        raise CheckpointError(f"the checkpoint's random state is damaged: {what}") from None


def process_count(states: Mapping[str, torch.Tensor]) -> int:
    """How many processes saved their states."""
    return max(1, sum(name == "torch" or name.startswith("torch@") for name in states))


def seed_rank(seed: int, step: int, world: World) -> None:
    """Gives a process random numbers of its own; the first one keeps those that it has.

    Args:
        seed: Of the run.
        step: After which it begins: a process that joins a run does not repeat another's.
        world: Of which this is one process.
    """
    if world.is_main:
        return
    mixed = np.random.SeedSequence([seed, step, world.rank]).generate_state(1, np.uint64)
    torch.manual_seed(int(mixed[0]) >> 1)


def _name(which: str, rank: int) -> str:
    return f"{which}@{rank}" if rank else which
