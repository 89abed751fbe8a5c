"""The encoder-decoder: equal to torch's, with a cache, with padding, and by what it may see.

Sizes are distinct primes where they can be, so that two swapped axes cannot pass.
"""

import itertools
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attn_cli.model.build import build_model
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.parameter_shapes import parameter_shapes
from attn_cli.model.trace import TraceRecorder
from tests.conftest import tiny_config

B, T, S, V = 3, 7, 11, 17
POSITIONS = ("learned", "sinusoidal", "rope", "none")
BLOCKS = ("gpt2", "qwen3")


def make(*settings: str) -> EncoderDecoder:
    """A model in which no parameter is so small that an error would not show."""
    torch.manual_seed(0)
    model = build_model(tiny_config("task=seq2seq", *settings).model, V, "seq2seq")
    assert isinstance(model, EncoderDecoder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(
    params=[
        *itertools.product(BLOCKS, POSITIONS, ["false"]),
        *itertools.product(BLOCKS, ["rope"], ["true"]),
    ],
    ids="-".join,
)
def model(request: pytest.FixtureRequest) -> EncoderDecoder:
    block, position, neighbours = request.param
    return make(
        f"model.block={block}",
        f"model.position={position}",
        f"model.source_neighbours={neighbours}",
    )


def pairs(rows: int = B) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids of targets (B, T) and sources (B, S), and where these are not padding, (B, 1, 1, S)."""
    ids, source_ids = torch.randint(V, (rows, T)), torch.randint(V, (rows, S))
    lengths = torch.randint(2, S + 1, (rows,))
    lengths[0] = S
    return ids, source_ids, padding_mask(lengths, S)


def padding_mask(lengths: torch.Tensor, width: int) -> torch.Tensor:
    return (torch.arange(width) < lengths[:, None])[:, None, None]  # (B, 1, 1, width)


def torch_transformer(ours: EncoderDecoder) -> nn.Transformer:
    """torch's model of the same sizes, with our weights."""
    config = ours.config
    theirs = nn.Transformer(
        config.n_embd, config.n_head, config.n_layer, config.n_layer, config.inner_width,
        dropout=0.0, activation=partial(F.gelu, approximate="tanh"), batch_first=True,
        norm_first=True, bias=config.bias,
    )  # fmt: skip
    own, state = ours.state_dict(), {}
    names = {
        "out_proj": "projection", "linear1": "feed_forward.up", "linear2": "feed_forward.down",
    }  # fmt: skip
    for side, prefix in (("encoder", "encoder."), ("decoder", "")):
        crosses = side == "decoder"
        norms = ["attention_norm", *["cross_attention_norm"] * crosses, "feed_forward_norm"]
        attentions = {"self_attn": "attention"}
        if crosses:
            attentions["multihead_attn"] = "cross_attention"
        for kind in ("weight", "bias"):
            state[f"{side}.norm.{kind}"] = own[f"{prefix}final_norm.{kind}"]
        for layer, kind in itertools.product(range(config.n_layer), ("weight", "bias")):
            there, here = f"{side}.layers.{layer}", f"{prefix}blocks.{layer}"
            for number, norm in enumerate(norms, 1):
                state[f"{there}.norm{number}.{kind}"] = own[f"{here}.{norm}.{kind}"]
            for theirs_name, name in attentions.items():
                parts = [own[f"{here}.{name}.{part}.{kind}"] for part in ("query", "key", "value")]
                state[f"{there}.{theirs_name}.in_proj_{kind}"] = torch.cat(parts)
                projection = own[f"{here}.{name}.{names['out_proj']}.{kind}"]
                state[f"{there}.{theirs_name}.out_proj.{kind}"] = projection
            for linear in ("linear1", "linear2"):
                state[f"{there}.{linear}.{kind}"] = own[f"{here}.{names[linear]}.{kind}"]
    theirs.load_state_dict(state)
    return theirs


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_equals_torchs_transformer() -> None:
    """Values and the gradients of every parameter, with padding on both sides."""
    ours = make("model.bias=true", "model.position=learned", "model.dropout=0")
    theirs = torch_transformer(ours)
    ids, source_ids, source_mask = pairs()
    is_target = torch.arange(T) < torch.tensor([T - 3, T, 2])[:, None]  # (B, T)
    is_padding = ~source_mask[:, 0, 0]  # (B, S)

    got = ours(ids, source_ids, source_mask=source_mask)[is_target]
    embedded = [
        ours.token_embedding(each) + stack.position_embedding(0, each.shape[1])
        for stack, each in ((ours.encoder, source_ids), (ours, ids))
    ]
    hidden = theirs(
        *embedded,
        tgt_mask=nn.Transformer.generate_square_subsequent_mask(T),
        src_key_padding_mask=is_padding,
        memory_key_padding_mask=is_padding,
        tgt_is_causal=True,
    )
    expected = F.linear(hidden, ours.head.weight)[is_target]
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)

    pull = torch.randn_like(expected)
    shared = [ours.token_embedding.weight]
    shared += [stack.position_embedding.weight for stack in ours.stacks()]
    expected_shared = torch.autograd.grad(expected, shared, pull, retain_graph=True)
    expected.backward(pull)
    ours.zero_grad()
    got.backward(pull)
    for parameter, gradient in zip(shared, expected_shared, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-5)
    with torch.no_grad():  # so that the gradients of both have the same names
        for parameter in ours.parameters():
            parameter.copy_(parameter.grad)
    for name, gradient in torch_transformer(ours).named_parameters():
        parameter = theirs.get_parameter(name)
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_cached_equals_uncached_at_every_split(model: EncoderDecoder, rows: int) -> None:
    ids, source_ids, mask = pairs(rows)
    expected = model(ids, source_ids, source_mask=mask)
    encoded = model.encode(source_ids, source_mask=mask)
    splits = [*itertools.combinations(range(1, T), 2), range(1, T)]
    for split in splits:
        cache = model.new_cache(rows)
        parts = ids.tensor_split(list(split), dim=1)
        got = [model.decode(part, encoded, source_mask=mask, cache=cache) for part in parts]
        torch.testing.assert_close(torch.cat(got, dim=1), expected, rtol=1e-4, atol=1e-4)


def test_padding_of_a_source_changes_nothing(model: EncoderDecoder) -> None:
    """Nor does that of a target, which only comes after what is predicted."""
    ids, source_ids, _ = pairs()
    source_lengths, lengths = torch.tensor([S, 5, 2]), [2, 7, 3]
    together = model(ids, source_ids, source_mask=padding_mask(source_lengths, S))
    for row, (s, t) in enumerate(zip(source_lengths.tolist(), lengths, strict=True)):
        alone = model(ids[row : row + 1, :t], source_ids[row : row + 1, :s])[0]
        torch.testing.assert_close(together[row, :t], alone, rtol=1e-4, atol=1e-4)


def test_the_keys_of_a_source_are_computed_once_and_anew_for_another() -> None:
    model = make()
    ids, source_ids, _ = pairs()
    calls: list[int] = []
    for block in model.layers():
        block.cross_attention.key.register_forward_hook(lambda *_: calls.append(1))
    cache, encoded = model.new_cache(B), model.encode(source_ids)
    for t in range(T - 1):
        model.decode(ids[:, t : t + 1], encoded, cache=cache)
    assert len(calls) == len(model.layers())

    other = model.encode(source_ids.flip(1))
    got = model.decode(ids[:, -1:], other, cache=cache)
    assert len(calls) == 2 * len(model.layers())
    fresh = model.new_cache(B)
    model.decode(ids[:, :-1], encoded, cache=fresh)
    fresh.cross = model.new_cache(B).cross
    torch.testing.assert_close(got, model.decode(ids[:, -1:], other, cache=fresh))


@pytest.mark.parametrize(("position", "differs"), [("rope", True), ("learned", False)])
def test_rotary_positions_may_be_left_out_of_cross_attention(position: str, differs: bool) -> None:
    ids, source_ids, _ = pairs()
    with_it, without = (
        make(f"model.position={position}", f"model.cross_rope={value}")(ids, source_ids)
        for value in ("true", "false")
    )
    assert torch.equal(with_it, without) != differs


def test_the_scores_of_a_source_depend_on_the_distance_from_its_position() -> None:
    """Queries alike and keys alike, so that nothing but positions tells the scores apart."""
    attention = make("model.position=rope").layers()[0].cross_attention
    trace = TraceRecorder()
    attention(torch.ones(1, T, 24), torch.ones(1, S, 24), trace=trace)
    scores = next(
        each.tensor for each in trace.records if each.operation == "scores"
    )  # (B, H, T, S)
    torch.testing.assert_close(scores[..., 1:, 1:], scores[..., :-1, :-1], rtol=1e-4, atol=1e-4)
    assert scores[0, 0, :, 0].std() > 1e-2


def test_the_neighbours_of_a_source_are_a_convolution_of_its_embeddings() -> None:
    encoder = make("model.source_neighbours=true").encoder
    x = encoder.token_embedding(torch.randint(V, (B, S)))
    before, after = encoder.neighbours.before.weight, encoder.neighbours.after.weight
    weight = torch.stack([before, torch.eye(len(before)), after], dim=-1)  # (C, C, 3)
    expected = F.conv1d(x.mT, weight, padding=1).mT
    torch.testing.assert_close(encoder.neighbours(x), expected, rtol=1e-5, atol=1e-5)


def test_a_character_of_the_target_changes_nothing_before_it(model: EncoderDecoder) -> None:
    ids, source_ids, _ = pairs()
    logits = model(ids, source_ids)
    for place in range(T):
        changed = ids.clone()
        changed[:, place] = (changed[:, place] + 1) % V
        difference = (model(changed, source_ids) - logits).abs().amax(dim=(0, 2))
        assert (difference[:place] == 0).all()
        assert difference[place] > 1e-3


def test_every_character_of_the_source_changes_everything(model: EncoderDecoder) -> None:
    ids, source_ids, _ = pairs()
    encoded, logits = model.encode(source_ids), model(ids, source_ids)
    for place in range(S):
        changed = source_ids.clone()
        changed[:, place] = (changed[:, place] + 1) % V
        assert ((model.encode(changed) - encoded).abs().amax(dim=2) > 1e-5).all()
        assert ((model(ids, changed) - logits).abs().amax(dim=2) > 1e-5).all()


@pytest.mark.parametrize("tied", [True, False])
def test_its_listed_shapes_are_its_own(model: EncoderDecoder, tied: bool) -> None:
    config = model.config.model_copy(update={"tie_embeddings": tied})
    built = build_model(config, V, "seq2seq").named_parameters()
    shapes = {name: tuple(parameter.shape) for name, parameter in built}
    assert parameter_shapes(config, V, task="seq2seq") == shapes


def test_a_trace_changes_nothing_and_has_every_parameter(model: EncoderDecoder) -> None:
    ids, source_ids, mask = pairs()
    trace = TraceRecorder()
    traced = model(ids, source_ids, source_mask=mask, trace=trace)
    torch.testing.assert_close(traced, model(ids, source_ids, source_mask=mask))
    recorded = {id(each): each.numel() for record in trace.records for each in record.parameters}
    assert sum(recorded.values()) == model.parameter_count()
    config = model.config
    sizes = {"B": B, "T": T, "S": S, "C": 24, "H": 3, "D": 8, "F": config.inner_width, "V": V}
    for record in trace.records:
        assert tuple(sizes[axis] for axis in record.axes) == tuple(record.tensor.shape), record
