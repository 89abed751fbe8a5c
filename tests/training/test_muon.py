"""Muon equals torch's, and does what its name says."""

import pytest
import torch

from attn_cli.training.muon import FIRST_MOMENTUM, MOMENTUM_STEPS, Muon, newton_schulz

SHAPES = [(13, 7), (7, 13), (11, 11), (13, 7)]
LYING = [(7, 13), (11, 11)]


def test_equals_torch_muon_over_several_steps() -> None:
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in ours]
    muon = Muon(ours, lr=0.04, weight_decay=0.1)
    of_torch = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="original")
    for done in range(MOMENTUM_STEPS, MOMENTUM_STEPS + 4):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        muon.step(done, share=0.5)
        of_torch.step()
    for mine, other in zip(ours, theirs, strict=True):
        # Both iterate in bfloat16, whose rounding depends on the order of sums.
        torch.testing.assert_close(mine, other, rtol=0, atol=2e-3)


@pytest.mark.parametrize("shape", LYING)
def test_newton_schulz_keeps_directions_and_evens_their_lengths(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape)
    result = newton_schulz(matrices).float()
    assert result.shape == matrices.shape
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.5
    assert values.max() < 1.3
    # U and V stay: U^T M V of the original's factors is diagonal.
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    turned = u.mT @ result @ v.mT
    off_diagonal = turned - torch.diag_embed(turned.diagonal(dim1=-2, dim2=-1))
    assert off_diagonal.abs().max() < 0.05


def test_size_of_the_gradient_does_not_matter() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(1, 5, 7)
    torch.testing.assert_close(
        newton_schulz(gradient), newton_schulz(1e-4 * gradient), rtol=0, atol=0.06
    )


def test_a_matrix_without_gradient_stays() -> None:
    parameter = torch.nn.Parameter(torch.randn(3, 4))
    before = parameter.detach().clone()
    Muon([parameter], lr=0.02).step(0, share=1.0)
    assert torch.equal(parameter, before)


def test_momentum_grows_over_the_first_steps() -> None:
    """A first gradient, and then the opposite one: what is left of the first is the momentum."""
    first, second = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))

    def remembered(done: int) -> torch.Tensor:
        parameter = torch.nn.Parameter(torch.zeros(5, 7))
        muon = Muon([parameter], lr=0.02)
        for gradient in (first, second):
            parameter.grad = gradient.clone()
            muon.step(done, share=1.0)
        return muon.state[parameter]["momentum"]

    for done, kept in (
        (0, FIRST_MOMENTUM),
        (MOMENTUM_STEPS // 2, 0.9),
        (10 * MOMENTUM_STEPS, 0.95),
    ):
        expected = (1 - kept) * (kept * first + second)
        torch.testing.assert_close(remembered(done), expected)
