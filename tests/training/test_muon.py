"""Muon equals torch's, and does what its name says."""

import os
import platform
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from attn_cli.config.load import load_config, parse_override
from attn_cli.model.build import build_model
from attn_cli.text.batches import Batch
from attn_cli.training.muon import MOMENTUM_WARMUP_STEPS, WARMUP_MOMENTUM, Muon, newton_schulz
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import DTYPES, MixedPrecisionModel, Precision
from attn_cli.training.step import train_step

SHAPES = [(13, 7), (7, 13), (11, 11), (13, 7)]
LYING = [(7, 13), (11, 11)]


def test_equals_torch_muon_over_several_steps() -> None:
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in ours]
    muon = Muon(ours, lr=0.04, weight_decay=0.1)
    of_torch = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="original")
    for step in range(MOMENTUM_WARMUP_STEPS, MOMENTUM_WARMUP_STEPS + 4):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        muon.step(step, lr_scale=0.5)
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
    Muon([parameter], lr=0.02).step(0, lr_scale=1.0)
    assert torch.equal(parameter, before)


def test_momentum_grows_over_the_first_steps() -> None:
    """A first gradient, and then the opposite one: what is left of the first is the momentum."""
    first, second = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))

    def remembered(step: int) -> torch.Tensor:
        parameter = torch.nn.Parameter(torch.zeros(5, 7))
        muon = Muon([parameter], lr=0.02)
        for gradient in (first, second):
            parameter.grad = gradient.clone()
            muon.step(step, lr_scale=1.0)
        return muon.state[parameter]["momentum_buffer"]

    for step, kept in (
        (0, WARMUP_MOMENTUM),
        (MOMENTUM_WARMUP_STEPS // 2, 0.9),
        (10 * MOMENTUM_WARMUP_STEPS, 0.95),
    ):
        expected = (1 - kept) * (kept * first + second)
        torch.testing.assert_close(remembered(step), expected)


class _Formats(TorchDispatchMode):
    """Collects the number formats of all matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[torch.dtype] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func.overloadpacket.__name__ in ("mm", "bmm", "addmm", "baddbmm", "_scaled_mm"):
            self.seen |= {arg.dtype for arg in args if isinstance(arg, torch.Tensor)}
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_training_step_multiplies_in_the_chosen_formats_alone(precision: Precision) -> None:
    config = load_config(
        None,
        [
            parse_override(f"{key}={value}")
            for key, value in {
                "model.n_layer": 1,
                "train.optimizer": "muon",
                "train.precision": precision,
                "train.muon_precision": precision,
            }.items()
        ],
    )
    model = build_model(config.model, 11)
    mp_model = MixedPrecisionModel(model, precision)
    optimizers = make_optimizers(model, config.train)
    ids = torch.randint(11, (2, config.model.block_size))
    with _Formats() as formats:
        train_step(
            mp_model,
            optimizers,
            Batch(ids, ids),
            step=0,
            micro_batch=2,
            lr_scale=1.0,
            grad_clip=1.0,
        )
    assert formats.seen == {DTYPES[precision]}


@pytest.mark.slow
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the limits are those of x86 libraries"
)
def test_without_instructions_for_bf16_everything_is_computed_in_fp32() -> None:
    """What a usual laptop decides, in a process that may use AVX2 and no more."""
    limits = {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }
    code = (
        "import torch\n"
        "from attn_cli.training.precision import choose_muon_precision, choose_precision\n"
        "cpu = torch.device('cpu')\n"
        "print(choose_precision('auto', cpu), choose_muon_precision('auto', cpu))\n"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(
        command, env={**os.environ, **limits}, capture_output=True, text=True, check=True
    ).stdout
    assert out.split() == ["fp32", "fp32"]
