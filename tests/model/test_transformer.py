"""The whole model: causality, cache, initialisation, trace, and nanoGPT's parameter count."""

import itertools
import math

import pytest
import torch

from attn_cli.model.build import build_model
from attn_cli.model.position import SinusoidalPosition
from attn_cli.model.trace import TraceRecorder
from attn_cli.model.transformer import Transformer
from tests.conftest import tiny_config

V = 17
POSITIONS = ("learned", "sinusoidal", "rope", "none")
BLOCKS = ("gpt2", "qwen3")


def make(*settings: str) -> Transformer:
    torch.manual_seed(0)
    model = build_model(tiny_config(*settings).model, V)
    # Fresh weights are so small that every logit is near 0; larger ones make errors show.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)
    return model.eval()


@pytest.fixture(params=itertools.product(BLOCKS, POSITIONS), ids="-".join)
def model(request: pytest.FixtureRequest) -> Transformer:
    block, position = request.param
    return make(f"model.block={block}", f"model.position={position}")


def test_a_character_changes_nothing_before_it(model: Transformer) -> None:
    ids = torch.randint(V, (2, 16))
    logits = model(ids)
    for place in range(16):
        changed = ids.clone()
        changed[:, place] = (changed[:, place] + 1) % V
        difference = (model(changed) - logits).abs().amax(dim=(0, 2))
        assert (difference[:place] == 0).all()
        assert difference[place] > 1e-3


def test_cached_equals_whole_at_every_split(model: Transformer) -> None:
    ids = torch.randint(V, (2, 11))
    whole = model(ids)
    for first, second in itertools.combinations(range(1, 11), 2):
        cache = model.new_cache(batch=2)
        pieces = [ids[:, :first], ids[:, first:second], ids[:, second:]]
        got = torch.cat([model(piece, cache=cache) for piece in pieces], dim=1)
        torch.testing.assert_close(got, whole, rtol=1e-4, atol=1e-4)
        assert cache.length == 11


@pytest.mark.parametrize("position", POSITIONS)
def test_cached_equals_whole_where_torchs_kernel_attends(position: str) -> None:
    model = make(f"model.position={position}", "model.block_size=100")
    ids = torch.randint(V, (2, 100))
    cache = model.new_cache(batch=2)
    pieces = ids.split([70, 15, 1, 14], dim=1)
    got = torch.cat([model(piece, cache=cache) for piece in pieces], dim=1)
    torch.testing.assert_close(got, model(ids), rtol=1e-4, atol=1e-4)


def test_position_matters_exactly_when_there_is_one(model: Transformer) -> None:
    """The last of two equal texts in another order: only positions can tell them apart."""
    a, b = torch.tensor([[3, 5, 7]]), torch.tensor([[5, 3, 7]])
    # One layer: without positions, attention of the last character sees a set.
    one_layer = make(
        "model.n_layer=1",
        f"model.block={model.config.block}",
        f"model.position={model.config.position}",
    )
    same = torch.allclose(one_layer(a)[0, -1], one_layer(b)[0, -1], atol=1e-5)
    assert same == (model.config.position == "none")


def test_trace_changes_nothing_and_counts_every_parameter(model: Transformer) -> None:
    ids = torch.randint(V, (2, 9))
    trace = TraceRecorder()
    torch.testing.assert_close(model(ids, trace=trace), model(ids), rtol=1e-4, atol=1e-4)
    recorded = {id(p): p.numel() for record in trace.records for p in record.parameters}
    assert sum(recorded.values()) == model.parameter_count()
    config = model.config
    sizes = {"B": 2, "T": 9, "C": 24, "H": 3, "D": 8, "F": config.inner_width, "V": V}
    for record in trace.records:
        assert tuple(sizes[axis] for axis in record.axes) == tuple(record.tensor.shape)


def test_trace_steps_follow_from_one_another() -> None:
    """What is shown as scores, mask and softmax is what they are by their formulas."""
    trace = TraceRecorder()
    make()(torch.randint(V, (1, 6)), trace=trace)
    step = {record.operation: record.tensor for record in trace.records if "block 1" in record.path}
    q, k, v = step["query heads"], step["key heads"], step["value heads"]
    torch.testing.assert_close(step["scores"], q @ k.transpose(-2, -1))
    torch.testing.assert_close(step["scaled scores"], step["scores"] / math.sqrt(8))
    future = torch.ones(6, 6).triu(1) == 1
    assert (step["masked scores"][..., future] == float("-inf")).all()
    torch.testing.assert_close(
        step["masked scores"][..., ~future], step["scaled scores"][..., ~future]
    )
    torch.testing.assert_close(step["softmax weights"].sum(-1), torch.ones(1, 3, 6))
    torch.testing.assert_close(step["weights @ value"], step["softmax weights"] @ v)


def test_nanogpt_parameter_count() -> None:
    """nanoGPT's CPU recipe prints 0.80M for 65 symbols, positions left out."""
    config = tiny_config(
        "model.n_layer=4", "model.n_head=4", "model.n_embd=128", "model.block_size=64"
    )
    model = build_model(config.model, 65)
    layer = 4 * 128 * 128 + 2 * 128 * 512 + 2 * 128
    assert model.parameter_count() == 65 * 128 + 64 * 128 + 4 * layer + 128


def test_gpt2_initialisation() -> None:
    config = tiny_config("model.n_embd=240", "model.n_layer=3", "model.bias=true")
    model = build_model(config.model, 401)
    parameters = dict(model.named_parameters())
    for name, parameter in parameters.items():
        if name.endswith("bias"):
            assert (parameter == 0).all(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
        else:
            residual = name.endswith(("projection.weight", "down.weight"))
            expected = 0.02 / math.sqrt(6) if residual else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.05), name


def test_tied_embeddings_are_one_parameter() -> None:
    tied, untied = make(), make("model.tie_embeddings=false")
    assert tied.head.weight is tied.token_embedding.weight
    assert untied.parameter_count() - tied.parameter_count() == V * 24


def test_untied_initial_loss_is_that_of_no_knowledge() -> None:
    torch.manual_seed(0)
    model = build_model(tiny_config("model.tie_embeddings=false").model, V)
    assert model.head.weight is not model.token_embedding.weight
    logits = model(torch.randint(V, (8, 16)))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(V, (128,)))
    assert loss.item() == pytest.approx(math.log(V), abs=0.1)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("causal", [True, False])
def test_padding_changes_nothing(block: str, position: str, causal: bool) -> None:
    """Texts of different lengths in a batch have the logits that each has alone."""
    torch.manual_seed(0)
    config = tiny_config(f"model.block={block}", f"model.position={position}", "model.n_head=2")
    model = Transformer(config.model, V, causal=causal).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    lengths = [11, 3, 16, 7]
    ids = torch.randint(V, (len(lengths), 16))
    mask = (torch.arange(16) < torch.tensor(lengths)[:, None])[:, None, None]  # (B, 1, 1, T)
    together = model(ids, mask=mask)
    for row, length in enumerate(lengths):
        alone = model(ids[row : row + 1, :length])[0]
        torch.testing.assert_close(together[row, :length], alone, rtol=1e-4, atol=1e-4)


def test_an_encoder_sees_what_comes_after() -> None:
    torch.manual_seed(0)
    model = Transformer(tiny_config().model, V, causal=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    ids = torch.randint(V, (1, 9))
    changed = ids.clone()
    changed[0, 8] = (changed[0, 8] + 1) % V
    assert ((model(changed) - model(ids)).abs().amax(dim=2) > 1e-4).all()


def test_dropout_is_at_the_three_places_where_gpt2_has_it() -> None:
    model = make("model.dropout=0.5", "model.n_layer=1").train()
    seen = {}
    model.blocks[0].register_forward_pre_hook(lambda _, args: seen.update(embedded=args[0]))
    trace = TraceRecorder()
    model(torch.arange(12)[None], trace=trace)
    records = {record.full_name: record.tensor for record in trace.records}
    after_attention = records["block 1.attention residual"]
    after_all = records["block 1.feed-forward residual"]
    for change in (
        seen["embedded"],
        after_attention - seen["embedded"],
        after_all - after_attention,
    ):
        assert 0.3 < (change == 0).float().mean() < 0.7


def test_sinusoidal_positions_are_those_of_vaswani() -> None:
    table = SinusoidalPosition(5, 6)(0, 5)
    angle = 3 / 10_000 ** (2 / 6)  # channels 2 and 3 at position 3
    torch.testing.assert_close(table[3, 2:4], torch.tensor([math.sin(angle), math.cos(angle)]))
