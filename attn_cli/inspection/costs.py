"""What a model costs in FLOPs and memory, as torch itself counts them.

Shapes: B batch, T time (characters), N lengths of n-grams, E width of their tables.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from attn_cli.config.schema import Config
from attn_cli.model.classifier import Classifier
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import Stack
from attn_cli.objectives.labels import label_loss
from attn_cli.objectives.pair_loss import pair_loss
from attn_cli.objectives.text_objective import token_loss
from attn_cli.text.batches import Batch
from attn_cli.training.micro_batch import choose_micro_batch
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import Precision, bf16_copy


@dataclass(frozen=True)
class Costs:
    """The compute and memory to train a model as configured, and to generate with it.

    FLOPs are those of matrix products, a multiplication and an addition being two.
    """

    precision: Precision  # the dtype that all of this is for
    block_size: int  # T, and of an encoder-decoder S, the context length that it is for
    forward_flops: float  # per character of a full context
    training_flops: float  # the same, forward and backward
    weights: int  # bytes; bf16 weights are kept beside fp32 master weights, tables in fp32 alone
    gradients: int  # bytes, at most
    optimizer_state: int  # bytes
    batch_size: int  # sequences per optimizer step
    micro_batch_size: int  # sequences per forward and backward pass
    activations: int  # bytes saved for the backward pass, for a whole batch
    kv_cache: int  # bytes for one text of T characters, and its source, as generation keeps it

    @property
    def micro_batch_activations(self) -> int:
        """Bytes saved for the backward pass of one micro-batch."""
        return round(self.activations * self.micro_batch_size / self.batch_size)


def costs(model: Stack, config: Config, precision: Precision) -> Costs:
    """Measures a copy of a model in this precision; the model itself stays as it is."""
    model = copy_in(precision, model)
    weight = model.token_embedding.weight
    block_size = model.config.block_size
    in_tables = table_parameters(model)
    dense = model.parameter_count() - in_tables
    compute_copy = 0 if precision == "fp32" else weight.element_size()
    # A fixed part, and the same for each sequence.
    one, two = (_saved_bytes(model, batch) for batch in (1, 2))
    batch_size = config.train.batch_size
    ids = torch.zeros(1, block_size, dtype=torch.int64, device=weight.device)
    return Costs(
        precision,
        block_size,
        forward_flops(model, *_full_context(model, ids)) / block_size,
        _training_flops(model, ids) / block_size,
        dense * (4 + compute_copy) + in_tables * 4,
        dense * (4 + compute_copy) + _table_gradient_bytes(model, batch_size),
        _optimizer_bytes(model, config),
        batch_size,
        choose_micro_batch(config, weight.device),
        one + (batch_size - 1) * (two - one),
        _kv_cache_bytes(model),
    )


def copy_in(precision: Precision, model: Stack) -> Stack:
    """A copy of a model in this precision, in evaluation mode."""
    copied = deepcopy(model).float()
    return (copied if precision == "fp32" else bf16_copy(copied)).eval()


def embedding_parameters(model: Stack) -> int:
    """Parameters that are looked up: the embeddings of characters and of positions."""
    found = [model.token_embedding.weight]  # which an encoder and its decoder share
    for stack in model.stacks():
        if stack.position_embedding is not None:
            found += stack.position_embedding.parameters()
    return sum(parameter.numel() for parameter in found)


def table_parameters(model: Stack) -> int:
    """Parameters in tables of n-grams, of which a text needs few."""
    return sum(table.numel() for table in model.tables())


def _table_gradient_bytes(model: Stack, batch_size: int) -> int:
    """Bytes of the gradients of tables, which have the rows that a batch looks up, (B T N, E)."""
    config = model.config
    rows = batch_size * config.block_size * len(config.ngrams)
    return rows * (8 + 4 * config.ngram_embd)  # the number of a row, and the row in fp32


def _kv_cache_bytes(model: Stack) -> int:
    """Bytes of the keys and values of a full context, and of as long a source, in fp32.

    Where the model has n-grams, of its ids, too.
    """
    cache = model.new_cache()
    of_layers = [4 * (layer.keys.numel() + layer.values.numel()) for layer in cache.layers]
    ids = 0 if cache.ids is None else cache.ids.nbytes
    return sum(of_layers) + sum(of_layers[: len(cache.cross)]) + ids


@torch.enable_grad()  # torch's counter follows modules by their gradients
def forward_flops(model: Stack, *ids: torch.Tensor) -> int:
    """FLOPs of the matrix products in a forward pass, by torch's own counter.

    The counter does not see into fused attention kernels: they are replaced by products.

    Args:
        model: Of any task.
        ids: A text (B, T); of an encoder-decoder, a target and its source (B, S).
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*ids)
    return int(counter.get_total_flops())


def _full_context(model: Stack, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What a forward pass takes: a text (B, T), and an encoder-decoder as long a source."""
    return (ids, ids) if isinstance(model, EncoderDecoder) else (ids,)


def _training_flops(model: Stack, ids: torch.Tensor) -> int:
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loss = _loss(model, ids)
        loss.backward()  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        parameter.grad = None
    return int(counter.get_total_flops())


def _loss(model: Stack, ids: torch.Tensor) -> torch.Tensor:
    """The summed loss of some texts (B, T), whatever is predicted."""
    if isinstance(model, Classifier):
        return label_loss(model, Batch(ids, torch.zeros_like(ids[:, 0])))[0]
    if isinstance(model, EncoderDecoder):
        return pair_loss(model, Batch(ids, ids, source=ids))[0]
    return token_loss(model, Batch(ids, ids))[0]


def _saved_bytes(model: Stack, batch: int) -> int:
    """Bytes that `batch` sequences save for the backward pass, dropout masks included."""
    device = model.token_embedding.weight.device
    ids = torch.zeros(batch, model.config.block_size, dtype=torch.int64, device=device)
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), ids)}
    own |= {buffer.untyped_storage().data_ptr() for buffer in model.buffers()}
    saved: dict[int, torch.UntypedStorage] = {}  # kept alive, so that no address is used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage
        return tensor

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        _loss(model, ids)
    model.eval()
    return sum(storage.nbytes() for storage in saved.values())


def _optimizer_bytes(model: Stack, config: Config) -> int:
    """Bytes of optimizer state, in fp32."""
    return sum(
        4 * tensor.numel()
        for optimizer in make_optimizers(model, config.train)
        for parameter in optimizer.parameters
        for tensor in optimizer.state_of(parameter).values()
    )
