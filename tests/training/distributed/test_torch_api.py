"""What this package takes from torch without a promise of torch's that it stays."""

from __future__ import annotations

import inspect

import pytest
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from attn_cli.training.distributed.torch_world import translate_peer_errors
from attn_cli.training.distributed.world import PeerLostError


def test_ddp_can_be_told_not_to_send_buffers() -> None:
    names = set(inspect.signature(DistributedDataParallel).parameters)
    assert names & {"forward_sync_buffers", "broadcast_buffers"}, "see _NO_BUFFER_SYNC in ddp.py"


def test_what_a_communication_hook_gets() -> None:
    missing = {"buffer", "parameters"} - set(dir(dist.GradBucket))  # type: ignore[attr-defined]
    assert not missing, f"GradBucket has no {missing} any more: see _Fp32AllReduceHook in ddp.py"


def test_errors_of_peers_are_told_from_others() -> None:
    gone = "[/pytorch/gloo/transport/tcp/pair.cc:553] Connection closed by peer [10.0.0.2]:7."
    with pytest.raises(PeerLostError) as raised, translate_peer_errors():
        raise RuntimeError(gone)
    assert raised.value.message.endswith(": Connection closed by peer [10.0.0.2]:7")
    with pytest.raises(PeerLostError), translate_peer_errors():
        raise dist.DistNetworkError("no route")
    with pytest.raises(RuntimeError, match="out of memory"), translate_peer_errors():
        raise RuntimeError("out of memory")
