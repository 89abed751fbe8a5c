"""Dropout drops its share, keeps the mean, and follows torch's random state."""

import pytest
import torch

from attn_cli.model.dropout import dropout


@pytest.mark.parametrize("share", [0.1, 0.25, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_share_and_mean(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    kept = dropout(torch.ones(500, 401, dtype=dtype), share, training=True)
    dropped = (kept == 0).float().mean().item()
    assert dropped == pytest.approx(share, abs=1 / 512 + 0.005)
    assert kept.float().mean().item() == pytest.approx(1.0, abs=0.02)
    assert len(kept.unique()) == 2


@pytest.mark.parametrize("share", [1e-4, 0.999])
def test_shares_too_small_or_large_for_a_byte(share: float) -> None:
    torch.manual_seed(0)
    kept = dropout(torch.ones(1000, 1001), share, training=True)
    assert (kept == 0).float().mean().item() == pytest.approx(share, abs=3e-4)


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = dropout(torch.ones(100_003), 0.5, training=True) > 0
    for distance in (1, 2, 7, 8, 16):
        both = (kept[distance:] & kept[:-distance]).float().mean().item()
        assert both == pytest.approx(0.25, abs=0.01)


def test_the_gradient_goes_where_the_value_went() -> None:
    torch.manual_seed(0)
    x = torch.randn(13, 7, requires_grad=True)
    kept = dropout(x, 0.25, training=True)
    kept.sum().backward()
    torch.testing.assert_close(x.grad, kept.detach() / x.detach())


def test_nothing_is_dropped_outside_training_or_without_a_share() -> None:
    x = torch.randn(5, 3)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0, training=True) is x


def test_the_same_random_state_drops_the_same() -> None:
    x = torch.ones(11, 13)
    torch.manual_seed(3)
    first = dropout(x, 0.5, training=True)
    torch.manual_seed(3)
    assert torch.equal(dropout(x, 0.5, training=True), first)
    assert not torch.equal(dropout(x, 0.5, training=True), first)
