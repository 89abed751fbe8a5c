"""What this package takes from torch without a promise of torch's that it stays."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from torch import distributed as dist
from torch.distributed import distributed_c10d
from torch.nn.parallel import DistributedDataParallel

from attn_cli.training.distributed.torch_world import translate_peer_errors
from attn_cli.training.distributed.world import PeerLostError

DISTRIBUTED = Path(inspect.getfile(PeerLostError)).parent


def test_the_timeout_of_a_group_can_be_changed() -> None:
    function = getattr(distributed_c10d, "_set_pg_timeout", None)
    assert function, "torch has no _set_pg_timeout any more: torch_world.py connects by it"
    names = list(inspect.signature(function).parameters)
    assert names == ["timeout", "group"], f"_set_pg_timeout now takes {names}: see torch_world.py"


def test_ddp_can_be_told_not_to_send_buffers() -> None:
    names = set(inspect.signature(DistributedDataParallel).parameters)
    assert names & {"forward_sync_buffers", "broadcast_buffers"}, "see _NO_BUFFER_SYNC in ddp.py"


def test_what_a_communication_hook_gets() -> None:
    missing = {"buffer", "parameters"} - set(dir(dist.GradBucket))  # type: ignore[attr-defined]
    assert not missing, f"GradBucket has no {missing} any more: see _Fp32AllReduceHook in ddp.py"


def test_nothing_else_of_torch_is_private() -> None:
    private = [
        line.strip()
        for file in DISTRIBUTED.glob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.match(r"(from|import) torch\b.*\b_", line.strip())
    ]
    assert private == [
        "from torch.distributed.distributed_c10d import PrefixStore, Store, _set_pg_timeout"
    ]


def test_errors_of_peers_are_told_from_others() -> None:
    gone = "[/pytorch/gloo/transport/tcp/pair.cc:553] Connection closed by peer [10.0.0.2]:7."
    with pytest.raises(PeerLostError) as raised, translate_peer_errors():
        raise RuntimeError(gone)
    assert raised.value.message.endswith(": Connection closed by peer [10.0.0.2]:7")
    with pytest.raises(PeerLostError), translate_peer_errors():
        raise dist.DistNetworkError("no route")
    with pytest.raises(RuntimeError, match="out of memory"), translate_peer_errors():
        raise RuntimeError("out of memory")
