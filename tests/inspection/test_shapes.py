"""The rows of inspect-shapes follow from the operations, and add up."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from attn_cli.inspection.costs import costs
from attn_cli.inspection.descriptions import DESCRIPTIONS, description
from attn_cli.inspection.shapes import Shapes, folded, inspect_shapes
from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer
from attn_cli.objectives.text_objective import token_loss
from attn_cli.text.batches import Batch
from attn_cli.training.precision import MixedPrecisionModel, Precision
from tests.conftest import tiny_config

NGRAMS = ("model.ngrams=[2, 4]", "model.ngram_rows=53", "model.ngram_embd=5")
KINDS = [
    ("model.block=gpt2", "model.position=learned"),
    ("model.block=gpt2", "model.position=sinusoidal", "model.bias=true"),
    ("model.block=gpt2", "model.position=none", "model.tie_embeddings=true"),
    ("model.block=qwen3", "model.position=rope", "model.n_head=1"),
    # Longer than plain products go: the fast path takes torch's fused attention here.
    ("model.block=qwen3", "model.position=rope", "model.block_size=300"),
    ("task=mlm",),
    (*NGRAMS, "model.position=learned"),
    (*NGRAMS, "task=mlm", "model.block=qwen3", "model.position=rope"),
    (*NGRAMS, "task=classify"),
    ("task=classify", "model.label_ngrams=[2, 3]", "model.label_ngram_rows=64"),
    ("task=seq2seq", "model.position=learned", "model.source_neighbours=true"),
    ("task=seq2seq", "model.block=qwen3", "model.position=rope"),
]


def inspected(
    *settings: str, length: int = 5, vocab_size: int = 100, **how: Any
) -> tuple[Transformer, Shapes]:
    torch.manual_seed(0)
    config = tiny_config(*settings)
    n_labels = 11 if config.task == "classify" else 0
    model = build_model(config.model, vocab_size, config.task, n_labels)
    ids = [place % vocab_size for place in range(length)]
    source_ids = [*ids, 3, 4] if config.task == "seq2seq" else None
    return model, inspect_shapes(model, ids, source_ids, **how)


@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
@pytest.mark.parametrize("tied", ["true", "false"])
def test_parameters_add_up(block: str, tied: str) -> None:
    model, shapes = inspected(f"model.block={block}", f"model.tie_embeddings={tied}")
    unique = sum(parameter.numel() for parameter in model.parameters())
    assert sum(row.parameters for row in shapes.rows) == shapes.parameters == unique
    logits = shapes.rows[-1]
    assert logits.operation == "logits"
    assert logits.tied == (tied == "true")
    assert (logits.parameters == 0) == (tied == "true")


def test_the_model_stays_as_it_is() -> None:
    model, shapes = inspected(precision="bf16")
    assert shapes.rows[-1].dtype == "bfloat16"
    assert model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_symbols_come_from_the_operation() -> None:
    """With T = H = D = 5 and V = C = 25, sizes alone could not tell one axis from another."""
    _, shapes = inspected("model.n_embd=25", "model.n_head=5", length=5, vocab_size=25)
    rows = {row.operation: row for row in shapes.rows if row.path in ("", "block 1.attention")}
    assert rows["query heads"].symbolic == ("B", "H", "T", "D")
    assert rows["scores"].symbolic == ("B", "H", "T", "T")
    assert rows["scores"].shape == rows["query heads"].shape == (1, 5, 5, 5)
    assert rows["logits"].symbolic == ("B", "T", "V")
    assert rows["final norm"].symbolic == ("B", "T", "C")


@pytest.mark.parametrize("settings", KINDS)
def test_dims_explain_every_shape(settings: tuple[str, ...]) -> None:
    _, shapes = inspected(*settings, length=7)
    for row in shapes.rows:
        assert tuple(shapes.dims[symbol] for symbol in row.symbolic) == row.shape


def test_each_step_has_its_row_in_the_order_of_a_lesson() -> None:
    _, shapes = inspected("model.n_layer=1")
    assert [row.full_name for row in shapes.rows] == [
        "characters",
        "token embedding",
        "position embedding",
        "token + position",
        "block 1.attention norm",
        "block 1.attention.query",
        "block 1.attention.key",
        "block 1.attention.value",
        "block 1.attention.query heads",
        "block 1.attention.key heads",
        "block 1.attention.value heads",
        "block 1.attention.scores",
        "block 1.attention.scaled scores",
        "block 1.attention.masked scores",
        "block 1.attention.softmax weights",
        "block 1.attention.weights @ value",
        "block 1.attention.merged heads",
        "block 1.attention.projection",
        "block 1.attention residual",
        "block 1.feed-forward norm",
        "block 1.feed-forward.up",
        "block 1.feed-forward.gelu",
        "block 1.feed-forward.down",
        "block 1.feed-forward residual",
        "final norm",
        "logits",
    ]


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_flops_are_those_that_torch_counts(settings: tuple[str, ...], precision: str) -> None:
    length = 300 if "model.block_size=300" in settings else 7
    _, shapes = inspected(*settings, length=length, batch=3, precision=precision)
    assert shapes.dims["B"] == 3
    assert shapes.flops == shapes.counted_flops > 0
    assert sum(row.flops for row in shapes.rows) == shapes.flops


def test_a_view_takes_no_memory_and_a_result_takes_its_own() -> None:
    _, shapes = inspected("model.n_layer=1", batch=2, precision="bf16")
    rows = {row.operation: row for row in shapes.rows}
    views = {row.operation for row in shapes.rows if row.view}
    assert views == {"position embedding", "query heads", "key heads", "value heads"}
    assert rows["query heads"].bytes == 0
    assert rows["query"].bytes == 2 * 5 * 24 * 2
    assert rows["query"].dtype == "bfloat16"
    assert rows["characters"].dtype == "int64"


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_folded_rows_add_up_to_all_rows(settings: tuple[str, ...], depth: int) -> None:
    _, shapes = inspected(*settings, "model.n_layer=4")
    rows = folded(shapes.rows, depth)
    assert len(rows) < len(shapes.rows)
    assert replace(shapes, rows=rows).row_parameters == shapes.parameters
    for price in ("flops", "bytes"):
        whole = sum(getattr(row, price) for row in shapes.rows)
        assert sum(getattr(row, price) * row.times for row in rows) == whole
    assert {row.times for row in rows} == {1, 4}


def test_folding_names_what_it_folds() -> None:
    _, shapes = inspected("model.n_layer=4", "model.position=rope")
    at = [[row.full_name for row in folded(shapes.rows, depth)] for depth in (0, 1)]
    ends = ["characters", "token embedding"], ["final norm", "logits"]
    assert at[0] == [*ends[0], "block 1-4", *ends[1]]
    assert at[1] == [
        *ends[0],
        "block 1-4.attention norm",
        "block 1-4.attention",
        "block 1-4.attention residual",
        "block 1-4.feed-forward norm",
        "block 1-4.feed-forward",
        "block 1-4.feed-forward residual",
        *ends[1],
    ]
    _, alone = inspected("model.n_layer=1")
    assert "block 1" in [row.full_name for row in folded(alone.rows, 0)]


def test_each_stack_of_an_encoder_decoder_is_folded_by_itself() -> None:
    _, shapes = inspected("task=seq2seq", "model.n_layer=4", "model.position=rope")
    rows = {row.full_name: row for row in folded(shapes.rows, 1)}
    assert [name for name in rows if "attention" not in name and "feed-forward" not in name] == [
        "encoder.characters",
        "encoder.token embedding",
        "encoder.final norm",
        "decoder.characters",
        "decoder.token embedding",
        "decoder.final norm",
        "logits",
    ]
    assert rows["encoder.block 1-4.attention"].symbolic == ("B", "S", "C")
    assert rows["decoder.block 1-4.cross-attention"].symbolic == ("B", "T", "C")
    assert rows["decoder.token embedding"].tied
    by_name = {row.full_name: row for row in shapes.rows}
    assert by_name["decoder.block 2.cross-attention.scores"].shape == (1, 3, 5, 7)
    assert by_name["encoder.block 2.attention.scores"].symbolic == ("B", "H", "S", "S")


def test_costs_of_an_encoder_decoder_have_both_stacks() -> None:
    config = tiny_config("task=seq2seq", "model.position=learned")
    spent = costs(build_model(config.model, 100, config.task), config, "fp32")
    # Two layers, keys and values of 16 characters and of 16 of the source, 24 channels, fp32.
    assert spent.kv_cache == 2 * 2 * (16 + 16) * 24 * 4
    assert spent.training_flops == 3 * spent.forward_flops
    _, shapes = inspected("task=seq2seq", "model.position=learned")
    assert shapes.embedding_parameters == (100 + 2 * 16) * 24


def test_every_operation_is_explained_and_no_other() -> None:
    explained = set()
    for settings in KINDS:
        _, shapes = inspected(*settings)
        for depth in (0, 1, 2):
            explained |= {description(row.operation) for row in folded(shapes.rows, depth)}
    assert explained == set(DESCRIPTIONS.values())


def saved_for_the_way_back(model: Transformer, batch: int) -> int:
    """Bytes that the graph of a training step's loss holds, found by walking through it."""
    ids = torch.zeros(batch, model.config.block_size, dtype=torch.int64)
    model.train()
    loss, _ = token_loss(model, Batch(ids, ids))
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), ids)}
    own |= {buffer.untyped_storage().data_ptr() for buffer in model.buffers()}
    found: dict[int, torch.Tensor] = {}
    seen, todo = set(), [loss.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        todo += [before for before, _ in node.next_functions]
        names = [name for name in dir(node) if name.startswith("_saved_")]
        held = [getattr(node, name) for name in names if name != "_saved_tensors"]
        for tensor in [*held, *getattr(node, "saved_tensors", ())]:
            if isinstance(tensor, torch.Tensor):
                found[tensor.untyped_storage().data_ptr()] = tensor
    model.eval()
    return sum(t.untyped_storage().nbytes() for place, t in found.items() if place not in own)


@pytest.mark.parametrize("settings", [KINDS[0], KINDS[3], (*KINDS[1], "model.dropout=0.1"), NGRAMS])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_costs_are_those_of_the_whole_batch(
    settings: tuple[str, ...], precision: Precision
) -> None:
    config = tiny_config(*settings, "train.batch_size=5", "train.optimizer=muon")
    model = build_model(config.model, 100)
    spent = costs(model, config, precision)
    assert spent.precision == precision
    assert model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    computes = MixedPrecisionModel(model, precision).compute
    assert spent.activations == saved_for_the_way_back(computes, 5) > 0
    of_tables = sum(table.numel() for table in model.tables())
    assert (of_tables > 0) == (settings is NGRAMS)
    n = model.parameter_count() - of_tables
    assert spent.weights == (4 if precision == "fp32" else 6) * n + 4 * of_tables
    # Muon remembers one number for each in the blocks' matrices, AdamW two; TableSGD one in all.
    inner = sum(
        p.numel()
        for name, p in model.named_parameters()
        if name.startswith("blocks.") and p.dim() == 2
    )
    assert spent.optimizer_state == 4 * (inner + 2 * (n - inner) + (of_tables > 0))
    assert spent.kv_cache == 2 * 2 * 16 * 24 * 4 + (16 * 8 if settings is NGRAMS else 0)
    assert spent.training_flops == 3 * spent.forward_flops
    assert all(parameter.grad is None for parameter in model.parameters())


def gradient_bytes(parameter: torch.Tensor) -> int:
    grad = parameter.grad
    if grad is None:
        return 0
    parts = [grad._indices(), grad._values()] if grad.is_sparse else [grad]
    return sum(part.numel() * part.element_size() for part in parts)


@pytest.mark.parametrize("settings", [(), NGRAMS])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gradients_take_what_a_step_holds(settings: tuple[str, ...], precision: Precision) -> None:
    config = tiny_config(*settings, "train.batch_size=4")
    mp_model = MixedPrecisionModel(build_model(config.model, 100), precision)
    most = 0

    class Watch(TorchDispatchMode):
        """Counts the gradients that are there whenever torch computes something."""

        def __torch_dispatch__(
            self, op: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            nonlocal most
            both = {
                id(p): p for p in (*mp_model.master.parameters(), *mp_model.compute.parameters())
            }
            most = max(most, sum(map(gradient_bytes, both.values())))
            return op(*args, **(kwargs or {}))

    for id_ in range(2):  # the second piece of a batch adds to what is there
        ids = torch.full((2, 16), id_)
        loss, _ = token_loss(mp_model.forward_model, Batch(ids, ids))
        loss.backward()
        with Watch():
            mp_model.accumulate_gradients()
            torch.zeros(1)
    assert most == costs(mp_model.compute, config, precision).gradients
