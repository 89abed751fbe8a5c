"""What a model costs: products, and memory, as torch itself counts them.

Shapes: B batch, T time (characters).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from attn_cli.config.schema import Config
from attn_cli.model.position import LearnedPosition
from attn_cli.model.transformer import Transformer
from attn_cli.training.micro_batch import choose_micro_batch
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import Precision
from attn_cli.training.step import mean_loss


@dataclass(frozen=True)
class Costs:
    """What it takes to train a model as its configuration says, and to write with it.

    FLOPs are those of matrix products, a product and a sum being two; bytes are of memory.

    Attributes:
        precision: The number format that it is of.
        length: The T that the rest is of, the model's `block_size`.
        forward_flops: A character on its way through, as one of T.
        training_flops: The same, and back.
        weights: Bytes; in bf16 the weights that learn are kept in fp32 beside those that compute.
        gradients: Bytes, at most.
        optimizer: Bytes that the optimizers remember.
        batch: Sequences a step.
        piece: Sequences in memory at once.
        activations: Bytes saved for the way back, of a whole batch.
        cache: Bytes of keys and values of one text of T characters, as `attn generate` keeps them.
    """

    precision: Precision
    length: int
    forward_flops: float
    training_flops: float
    weights: int
    gradients: int
    optimizer: int
    batch: int
    piece: int
    activations: int
    cache: int

    @property
    def piece_activations(self) -> int:
        """Bytes saved for the way back that are in memory at once."""
        return round(self.activations * self.piece / self.batch)


def costs(model: Transformer, config: Config, precision: Precision) -> Costs:
    """Measures a model, which is left in that number format, its gradients used up."""
    model.to(torch.float32 if precision == "fp32" else torch.bfloat16)
    weight = model.token_embedding.weight
    length, numbers = model.config.block_size, model.parameter_count()
    working = 0 if precision == "fp32" else weight.element_size()
    # A fixed part, and the same for each sequence.
    one, two = (_saved_bytes(model, batch) for batch in (1, 2))
    batch = config.train.batch_size
    ids = torch.zeros(1, length, dtype=torch.int64, device=weight.device)
    return Costs(
        precision,
        length,
        forward_flops(model, ids) / length,
        _training_flops(model, ids) / length,
        numbers * (4 + working),
        numbers * (4 + working),
        _optimizer_bytes(model, config),
        batch,
        choose_micro_batch(config, weight.device),
        one + (batch - 1) * (two - one),
        2 * model.config.n_layer * length * model.config.n_embd * 4,
    )


def embedding_parameters(model: Transformer) -> int:
    """Learned numbers that are looked up: of characters and of positions."""
    found = [model.token_embedding.weight]
    if isinstance(model.position_embedding, LearnedPosition):
        found.append(model.position_embedding.weight)
    return sum(parameter.numel() for parameter in found)


@torch.enable_grad()  # torch's counter follows modules by their gradients
def forward_flops(model: Transformer, ids: torch.Tensor) -> int:
    """FLOPs of the products that a text (B, T) takes on its way through.

    By torch's own counter, which does not see into its kernels for attention: they are
    taken apart into products.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(ids)
    return int(counter.get_total_flops())


def _training_flops(model: Transformer, ids: torch.Tensor) -> int:
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        mean_loss(model(ids), ids).backward()  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        parameter.grad = None
    return int(counter.get_total_flops())


def _saved_bytes(model: Transformer, batch: int) -> int:
    """What `batch` sequences leave in memory for the way back, dropout's masks included."""
    device = model.token_embedding.weight.device
    ids = torch.zeros(batch, model.config.block_size, dtype=torch.int64, device=device)
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), ids)}
    own |= {buffer.untyped_storage().data_ptr() for buffer in model.buffers()}
    saved: dict[int, torch.UntypedStorage] = {}  # kept, so that no place is used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage
        return tensor

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        mean_loss(model(ids), ids)
    model.eval()
    return sum(storage.nbytes() for storage in saved.values())


def _optimizer_bytes(model: Transformer, config: Config) -> int:
    """What the optimizers will remember, in fp32."""
    return sum(
        4 * parameter.numel() * len(optimizer.remembers)
        for optimizer in make_optimizers(model, config.train)
        for parameter in optimizer.parameters
    )
