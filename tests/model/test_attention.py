"""Attention equals other people's attention, and a few plain lines of torch.

Sizes are distinct primes where they can be, so that two swapped axes cannot pass.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attn_cli.errors import InputError
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.build import build_model
from attn_cli.model.cache import CrossKVCache
from attn_cli.model.kernels import Kernel, attend_matmul, attend_sdpa, choose_kernel
from attn_cli.model.norm import RMSNorm
from attn_cli.model.position import RotaryPosition
from attn_cli.model.trace import TraceRecorder
from attn_cli.text.tokenizer import printable_tokenizer
from tests.conftest import tiny_config

B, T, S, H, D = 2, 7, 11, 3, 5
C = H * D


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def copied_from(theirs: nn.MultiheadAttention, *, causal: bool) -> MultiHeadAttention:
    """Our attention with the weights of torch's."""
    bias = theirs.in_proj_bias is not None
    ours = MultiHeadAttention(C, H, bias=bias, causal=causal)
    with torch.no_grad():
        for number, linear in enumerate((ours.query, ours.key, ours.value)):
            linear.weight.copy_(theirs.in_proj_weight[number * C : (number + 1) * C])
            if bias:
                linear.bias.copy_(theirs.in_proj_bias[number * C : (number + 1) * C])
        assert ours.projection is not None
        ours.projection.weight.copy_(theirs.out_proj.weight)
        if bias:
            ours.projection.bias.copy_(theirs.out_proj.bias)
    return ours


def padding_mask(length: int) -> Tensor:
    """(B, 1, 1, S): the keys of the second text end with three of padding."""
    lengths = torch.tensor([length, length - 3])
    return torch.arange(length)[None, None, None] < lengths[:, None, None, None]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
def test_equals_torch_multihead_attention(
    causal: bool, bias: bool, padded: bool, need_weights: bool
) -> None:
    """Values, weights, and the gradients of the input and of every parameter."""
    theirs = nn.MultiheadAttention(C, H, bias=bias, batch_first=True)
    if bias:
        nn.init.normal_(theirs.in_proj_bias)
        nn.init.normal_(theirs.out_proj.bias)
    ours = copied_from(theirs, causal=causal)
    x = torch.randn(B, T, C, requires_grad=True)
    future = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None
    mask = padding_mask(T) if padded else None
    hidden_keys = None if mask is None else ~mask[:, 0, 0]

    expected, expected_weights = theirs(
        x, x, x, attn_mask=future, key_padding_mask=hidden_keys, average_attn_weights=False
    )
    if need_weights:
        got, weights = ours(x, mask=mask, need_weights=True)
        torch.testing.assert_close(weights, expected_weights)
    else:
        got = ours(x, mask=mask)
    torch.testing.assert_close(got, expected)

    pull = torch.randn(B, T, C)
    expected.backward(pull)
    expected_gradient, x.grad = x.grad, None
    got.backward(pull)
    torch.testing.assert_close(x.grad, expected_gradient)
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    for kind in ("weight", "bias") if bias else ("weight",):
        in_proj = torch.cat([gradients[f"{role}.{kind}"] for role in ("query", "key", "value")])
        torch.testing.assert_close(in_proj, getattr(theirs, f"in_proj_{kind}").grad)
        out_proj = getattr(theirs.out_proj, kind).grad
        torch.testing.assert_close(gradients[f"projection.{kind}"], out_proj)


def test_cross_attention_equals_torch() -> None:
    theirs = nn.MultiheadAttention(C, H, batch_first=True)
    ours = copied_from(theirs, causal=False)
    x, source = torch.randn(B, T, C), torch.randn(B, S, C)
    expected, _ = theirs(x, source, source)
    torch.testing.assert_close(ours(x, source), expected)
    torch.testing.assert_close(ours(x, source, need_weights=True)[0], expected)


@pytest.mark.parametrize("causal", [True, False])
def test_heads_equal_scaled_dot_product_attention(causal: bool) -> None:
    attention = MultiHeadAttention(C, H, causal=causal, projection=False)
    x = torch.randn(B, T, C)

    def heads(linear: nn.Linear) -> torch.Tensor:
        return linear(x).view(B, T, H, D).transpose(1, 2)

    expected = F.scaled_dot_product_attention(
        heads(attention.query), heads(attention.key), heads(attention.value), is_causal=causal
    )
    torch.testing.assert_close(attention(x), expected.transpose(1, 2).reshape(B, T, C))


@pytest.mark.parametrize("length", [1, 2, 600])
def test_kernels_and_textbook_agree_at_every_length(length: int) -> None:
    """600 is beyond the lengths up to which a CPU attends by plain products."""
    attention = MultiHeadAttention(C, H)
    x = torch.randn(1, length, C)
    torch.testing.assert_close(attention(x), attention(x, need_weights=True)[0])


@pytest.mark.parametrize("bias", [True, False])
def test_lesson_one_head(bias: bool) -> None:
    """One head, scores scaled by 1 / sqrt(C), no output projection."""
    attention = MultiHeadAttention(C, n_head=1, bias=bias, projection=False)
    x = torch.randn(B, T, C)
    q, k, v = attention.query(x), attention.key(x), attention.value(x)
    scores = q @ k.transpose(1, 2) / math.sqrt(C)
    scores = scores.masked_fill(torch.ones(T, T).tril() == 0, float("-inf"))
    torch.testing.assert_close(attention(x), F.softmax(scores, dim=-1) @ v)
    assert (attention.query.bias is not None) == bias


def test_lesson_output_and_weights() -> None:
    attention = MultiHeadAttention(C, n_head=1, causal=False, projection=False)
    x = torch.randn(B, T, C)
    output, weights = attention(x, need_weights=True)
    single = weights[:, 0]
    assert single.shape == (B, T, T)
    torch.testing.assert_close(single.sum(-1), torch.ones(B, T))
    torch.testing.assert_close(output, single @ attention.value(x))


@pytest.mark.parametrize("causal", [True, False])
def test_lesson_unbatched_matrix_of_encodings(causal: bool) -> None:
    encodings = torch.tensor([[1.16, 0.23], [0.57, 1.36], [4.41, -2.16]])
    attention = MultiHeadAttention(2, 1, bias=False, causal=causal, projection=False)
    q, k, v = (encodings @ w.weight.T for w in (attention.query, attention.key, attention.value))
    scores = q @ k.T / 2**0.5
    if causal:
        scores = scores.masked_fill(torch.tensor([[0, 1, 1], [0, 0, 1], [0, 0, 0]]) == 1, -1e30)
    expected = torch.softmax(scores, dim=1) @ v
    torch.testing.assert_close(attention(encodings), expected)
    torch.testing.assert_close(attention(encodings, need_weights=True)[0], expected)
    torch.testing.assert_close(attention(encodings[None])[0], expected)


def test_lesson_multi_head_over_hello() -> None:
    """n_embd 16, 2 heads of size 8, a projection, learned positions, "Hello" as printable ids."""
    config = tiny_config(
        "model.n_layer=1", "model.n_embd=16", "model.n_head=2", "model.block_size=25"
    )
    model = build_model(config.model, 100).eval()
    ids = torch.tensor([printable_tokenizer().encode("Hello").tolist()])
    assert ids.tolist() == [[43, 14, 21, 21, 24]]
    trace = TraceRecorder()
    model(ids, trace=trace)
    recorded = {record.operation: record.tensor for record in trace.records}

    x = model.token_embedding.weight[ids] + model.position_embedding.weight[:5]
    torch.testing.assert_close(recorded["token + position"], x)
    attention = model.blocks[0].attention
    x = F.layer_norm(x, (16,), model.blocks[0].attention_norm.weight)
    outputs = []
    for head in range(2):
        rows = slice(8 * head, 8 * head + 8)
        q, k, v = (x @ w.weight[rows].T for w in (attention.query, attention.key, attention.value))
        scores = (q @ k.transpose(1, 2)) * 8**-0.5
        scores = scores.masked_fill(torch.tril(torch.ones(5, 5)) == 0, float("-inf"))
        outputs.append(scores.softmax(-1) @ v)
    expected = torch.cat(outputs, dim=-1) @ attention.projection.weight.T
    torch.testing.assert_close(recorded["projection"], expected)


def test_rotary_scores_depend_on_distance_alone() -> None:
    rotary = RotaryPosition(block_size=23, head_size=6, base=10_000.0)
    q, k = torch.randn(1, 6), torch.randn(1, 6)
    near = rotary(q, 4) @ rotary(k, 1).T
    far = rotary(q, 19) @ rotary(k, 16).T
    torch.testing.assert_close(near, far)
    assert not torch.allclose(near, rotary(q, 5) @ rotary(k, 1).T)


def test_dropout_leaves_evaluation_alone_and_keeps_the_mean() -> None:
    attention = MultiHeadAttention(C, H, causal=False, dropout=0.5)
    x = torch.randn(1, 31, C)
    attention.eval()
    expected = attention(x)
    assert torch.equal(attention(x), expected)
    attention.train()
    tries = torch.stack([attention(x).detach() for _ in range(800)])
    assert tries.std(dim=0).mean() > 0.01
    torch.testing.assert_close(tries.mean(dim=0), expected, rtol=0, atol=0.05)


def test_cross_attention_with_a_mask_equals_torch() -> None:
    theirs = nn.MultiheadAttention(C, H, batch_first=True)
    ours = copied_from(theirs, causal=False)
    x, source, mask = torch.randn(B, T, C), torch.randn(B, S, C), padding_mask(S)
    expected, _ = theirs(x, source, source, key_padding_mask=~mask[:, 0, 0])
    torch.testing.assert_close(ours(x, source, mask=mask), expected)


@pytest.mark.parametrize("kernel", [attend_matmul, attend_sdpa])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("rows", [None, 1, T])
@pytest.mark.parametrize("keys", [T, S])
def test_each_kernel_equals_the_textbook(
    kernel: Kernel, causal: bool, rows: int | None, keys: int
) -> None:
    q, k, v = torch.randn(B, H, T, D), torch.randn(B, H, keys, D), torch.randn(B, H, keys, D)
    mask = None
    if rows is not None:
        mask = torch.rand(B, 1, rows, keys) < 0.5
        mask[..., 0] = True  # which every query may see
    scores = q @ k.transpose(2, 3) / math.sqrt(D)
    if causal:
        future = torch.ones(T, keys).triu(1 + keys - T) == 1
        scores = scores.masked_fill(future, float("-inf"))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    got = kernel(q, k, v, causal=causal, mask=mask, dropout_p=0.0)
    torch.testing.assert_close(got, scores.softmax(-1) @ v)


def test_the_kernel_is_chosen_by_device_format_and_length() -> None:
    def q(length: int, dtype: torch.dtype) -> torch.Tensor:
        return torch.empty(B, H, length, D, dtype=dtype)

    assert choose_kernel(q(1, torch.float32), q(64, torch.float32), 0.0) is attend_matmul
    assert choose_kernel(q(1, torch.float32), q(65, torch.float32), 0.0) is attend_sdpa
    assert choose_kernel(q(1, torch.bfloat16), q(256, torch.bfloat16), 0.0) is attend_matmul
    assert choose_kernel(q(1, torch.bfloat16), q(257, torch.bfloat16), 0.0) is attend_sdpa
    # With dropout torch's kernel is no longer fused.
    assert choose_kernel(q(1, torch.float32), q(256, torch.float32), 0.1) is attend_matmul
    assert choose_kernel(q(1, torch.float32), q(257, torch.float32), 0.1) is attend_sdpa
    assert choose_kernel(q(1, torch.float32)[0], q(7, torch.float32)[0], 0.0) is attend_sdpa


def test_keys_and_values_of_a_source_are_computed_once() -> None:
    attention = MultiHeadAttention(C, H, causal=False)
    x, source, other = torch.randn(B, T, C), torch.randn(B, S, C), torch.randn(B, S, C)
    calls: list[int] = []
    attention.key.register_forward_hook(lambda *_: calls.append(1))
    expected, of_other = attention(x, source), attention(x, other)
    calls.clear()
    cache = CrossKVCache()
    steps = [attention(x[:, t : t + 1], source, cache=cache) for t in range(T)]
    torch.testing.assert_close(torch.cat(steps, dim=1), expected)
    assert len(calls) == 1
    torch.testing.assert_close(attention(x, other, cache=cache), of_other)


def test_a_trace_holds_the_tensors_of_the_form_that_it_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attention, x = MultiHeadAttention(C, H), torch.randn(B, T, C)
    output = attention(x)
    plain, textbook = TraceRecorder(textbook=False), TraceRecorder()
    torch.testing.assert_close(attention(x, trace=textbook), output)
    monkeypatch.setattr(Tensor, "softmax", None)  # of the textbook's form alone
    monkeypatch.setattr(
        "attn_cli.model.attention.choose_kernel", lambda q, k, dropout_p: attend_sdpa
    )
    torch.testing.assert_close(attention(x, trace=plain), output)
    names = [record.operation for record in plain.records]
    assert "softmax weights" not in names
    assert names[-2:] == ["merged heads", "projection"]
    assert "softmax weights" in [record.operation for record in textbook.records]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: MultiHeadAttention(C, 2), "`n_head` 2"),
        (lambda x: MultiHeadAttention(C, 0), "`n_head` 0"),
        (lambda x: MultiHeadAttention(0), "`n_embd` 0"),
        (lambda x: MultiHeadAttention(C, dropout=1.5), "`dropout` 1.5"),
        (lambda x: MultiHeadAttention(C)(x[..., 1:]), r"`x` is \(2, 7, 14\), not \(..., 15\)"),
        (lambda x: MultiHeadAttention(C)(x[0, 0]), r"`x` is \(15,\)"),
        (lambda x: MultiHeadAttention(C, causal=False)(x, x[..., 1:]), "`source` is "),
        (lambda x: MultiHeadAttention(C, H)(x, x), "source"),
        (lambda x: MultiHeadAttention(C, H)(x, mask=torch.ones(T, T)), "mask"),
        (lambda x: MultiHeadAttention(C, H)(x, cache=CrossKVCache()), "cache"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    call: Callable[[torch.Tensor], object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        call(torch.randn(B, T, C))


def test_a_norm_of_half_precision_takes_its_mean_in_single() -> None:
    x = torch.full((1, 64), 300.0, dtype=torch.float16)  # whose squares are beyond float16
    torch.testing.assert_close(RMSNorm(64).half()(x), torch.ones_like(x))


def test_the_norm_s_epsilon_is_that_of_qwen3() -> None:
    x = torch.full((1, 7), 1e-3)
    torch.testing.assert_close(RMSNorm(7)(x), nn.RMSNorm(7, eps=1e-6)(x))


def test_weights_are_dropped_where_they_are_returned_too() -> None:
    attention = MultiHeadAttention(8, 2, dropout=0.5).train()
    torch.manual_seed(1)
    x = torch.randn(2, 9, 8)
    dropped, weights = attention(x, need_weights=True)
    kept, same = attention.eval()(x, need_weights=True)
    torch.testing.assert_close(weights, same)
    assert not torch.allclose(dropped, kept)


@pytest.mark.parametrize("shape", [(13,), (3, 13), (2, 3, 5, 13)])
def test_rms_norm_equals_torchs_with_gradients(shape: tuple[int, ...]) -> None:
    ours, theirs = RMSNorm(13, eps=1e-3), nn.RMSNorm(13, eps=1e-3)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight.normal_())
    x = torch.randn(shape, requires_grad=True)
    torch.testing.assert_close(ours(x), theirs(x))
    pull = torch.randn(shape)
    expected = torch.autograd.grad(theirs(x), (x, theirs.weight), pull)
    got = torch.autograd.grad(ours(x), (x, ours.weight), pull)
    torch.testing.assert_close(got, expected)


def test_rotary_gradient() -> None:
    rotary = RotaryPosition(block_size=7, head_size=6, base=10_000.0).double()
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotary(x, 1), (x,))
