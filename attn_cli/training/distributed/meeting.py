"""Where the processes of a run find one another, and how long they wait."""

from __future__ import annotations

import socket
import time
import uuid
from datetime import timedelta

from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from attn_cli.errors import OperationError
from attn_cli.training.distributed.torchrun_env import TorchrunEnv

# For all processes to be there, from when the first one is.
RENDEZVOUS_TIMEOUT = timedelta(seconds=20)


def meet(env: TorchrunEnv) -> Store:
    """The store in which all processes have said that they are there.

    Raises:
        OperationError: One of them has not.
    """
    if env.rank:
        _wait_for_store(env)
    store: Store
    try:
        store, _, _ = next(rendezvous("env://", timeout=RENDEZVOUS_TIMEOUT))
    except (RuntimeError, ValueError) as error:
        raise not_met(env, str(error).partition("\n")[0]) from None
    return _opened_round(env, store) if env.rank == 0 else _joined_round(env, store)


def _opened_round(env: TorchrunEnv, store: Store) -> Store:
    """A part of the store that nobody has used before, with all others in it.

    Processes that `torchrun` has started again find in the store what those before have left,
    and their hosts may have counted the restarts differently. So each of the others knocks
    with a word of its own, and is told the number of the round; a knock of an earlier round
    is answered, too, and heard by nobody.
    """
    number = store.add("round", 1)
    within = PrefixStore(f"round-{number}", store)
    others = range(1, env.world_size)
    end = time.monotonic() + RENDEZVOUS_TIMEOUT.seconds
    while not within.check([f"here/{rank}" for rank in others]):
        if time.monotonic() > end:
            here = 1 + sum(within.check([f"here/{rank}"]) for rank in others)
            raise not_met(env, f"{here} of {env.world_size} were there")
        for key in (f"knock/{rank}" for rank in others):
            if store.check([key]):
                store.set(f"answer/{store.get(key).decode()}", str(number))
        time.sleep(0.02)
    return within


def _joined_round(env: TorchrunEnv, store: Store) -> Store:
    """The part of the store that the first process has opened."""
    word = uuid.uuid4().hex
    store.set(f"knock/{env.rank}", word)
    try:
        store.wait([f"answer/{word}"], RENDEZVOUS_TIMEOUT)
    except RuntimeError:
        raise not_met(env, "the first process was not there") from None
    within = PrefixStore(f"round-{store.get(f'answer/{word}').decode()}", store)
    within.set(f"here/{env.rank}", "")
    return within


def _wait_for_store(env: TorchrunEnv) -> None:
    """Until something listens where all meet; torch's own client tries for twice its time."""
    host, _, port = env.address.rpartition(":")
    end = time.monotonic() + RENDEZVOUS_TIMEOUT.seconds
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except (OSError, ValueError) as error:
            if time.monotonic() > end:
                raise not_met(env, str(error)) from None
            time.sleep(0.2)
        else:
            return


def not_met(env: TorchrunEnv, why: str) -> OperationError:
    """What to say of processes that did not find one another."""
    return OperationError(
        f"the processes of this run did not meet at {env.address} "
        f"within {RENDEZVOUS_TIMEOUT.seconds} s: {why}",
        f"start all {env.world_size}, by torchrun on each host with the same --rdzv-endpoint, "
        "which every host has to reach",
    )
