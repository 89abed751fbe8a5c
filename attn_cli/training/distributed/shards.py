"""A part of the model in each process: torch's `fully_shard` (FSDP2; Zhao et al. 2023).

Weights, gradients and what the optimizers remember lie in equal parts with the processes.
A block's weights come together while it computes, and part again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from attn_cli.model.transformer import Transformer
from attn_cli.training.distributed.torch_world import translate_peer_errors
from attn_cli.training.optimizer import Memories
from attn_cli.training.precision import Precision, WorkingModel


class Shards(WorkingModel):
    """The working model of one process, which holds a part of every weight.

    Args:
        master: The model that learns, the same in all processes; it is sharded in place.
        precision: The format to compute in; the parts are fp32, and so are sums of gradients.
    """

    def __init__(self, master: Transformer, precision: Precision) -> None:
        super().__init__(master, "fp32")
        self._precision = precision
        self._device = master.token_embedding.weight.device
        policy = MixedPrecisionPolicy()
        if precision == "bf16":
            policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        with translate_peer_errors():
            mesh = init_device_mesh(self._device.type, (dist.get_world_size(),))
            for block in master.blocks:
                fully_shard(block, mesh=mesh, mp_policy=policy)
            self._sharded: FSDPModule = fully_shard(master, mesh=mesh, mp_policy=policy)
        # The whole weights that these were would stay in memory for as long as they are listed.
        self._learned = self._worked = list(master.parameters())

    @contextmanager
    def piece(self, *, last: bool) -> Iterator[None]:
        self._sharded.set_requires_gradient_sync(last)
        with translate_peer_errors():
            yield

    def clip_gradients(self, longest: float) -> torch.Tensor:
        with translate_peer_errors():
            norm = super().clip_gradients(longest)
            return whole_tensor(norm)

    def whole(self) -> Transformer:
        """The model with every weight, for as long as it is used; all have to ask together."""
        with torch.random.fork_rng(devices=[]):  # its first weights are not kept
            model = Transformer(self.master.config, self.master.vocab_size)
        model.to(self._device)
        weights = dict(self.master.named_parameters())
        with torch.no_grad(), translate_peer_errors():
            for name, parameter in model.named_parameters():
                parameter.copy_(whole_tensor(weights[name]))
        return model

    def to_evaluate(self) -> Transformer:
        model = self.whole()
        return model.bfloat16() if self._precision == "bf16" else model

    def gathered(self, memories: Memories) -> Memories:
        """In the first process alone: it writes them, and the others have no use for them."""
        first = dist.get_rank() == 0
        gathered: dict[torch.nn.Parameter, dict[str, torch.Tensor]] = {}
        with translate_peer_errors():
            for parameter, memory in memories.items():
                for what, tensor in memory.items():
                    whole = whole_tensor(tensor)
                    if first:
                        gathered.setdefault(parameter, {})[what] = whole.cpu()
        return gathered

    def spread(self, memories: Memories) -> Memories:
        return {
            parameter: {
                what: distribute_tensor(tensor.to(self._device), parameter.device_mesh,
                                        parameter.placements, src_data_rank=None)
                for what, tensor in memory.items()
            }
            for parameter, memory in memories.items()
            if isinstance(parameter, DTensor)
        }  # fmt: skip


def whole_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor whose parts lie with the processes."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
