"""A block that inspection has never seen: shown as it is where that is right, else refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from attn_cli.config.block_kinds import BLOCK_KINDS
from attn_cli.errors import InputError
from attn_cli.inspection.ablation import zero_ablate_head
from attn_cli.inspection.descriptions import description
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.heads import head_scores
from attn_cli.inspection.shapes import folded, inspect_shapes
from attn_cli.model.build import build_model
from attn_cli.model.trace import NO_TRACE, NullTrace
from attn_cli.model.transformer import Transformer
from tests.conftest import tiny_config

IDS = (1, 2, 3, 4, 5)


class AveragingBlock(nn.Module):
    """Mixes each character with the mean of those before it; no head, no query, no key."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, channels, bias=False)

    def forward(
        self, x: torch.Tensor, *, mask: Any = None, cache: Any = None, trace: NullTrace = NO_TRACE
    ) -> torch.Tensor:
        count = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        mixed = self.mix(x.cumsum(dim=1) / count)
        trace.record("mixed mean", mixed, "B T C", self.mix)
        return x + mixed


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Transformer:
    # The table of kinds knows it, as of a block that somebody has added; inspection does not.
    monkeypatch.setitem(BLOCK_KINDS, "averaging", BLOCK_KINDS["gpt2"])
    torch.manual_seed(3)
    model = build_model(tiny_config().model, 100)
    model.blocks = nn.ModuleList(AveragingBlock(24) for _ in range(2))
    model.config = model.config.model_copy(update={"block": "averaging"})
    return model


def test_its_operations_are_shown(model: Transformer) -> None:
    shapes = inspect_shapes(model, IDS)
    mixed = [row for row in shapes.rows if row.operation == "mixed mean"]
    assert [row.path for row in mixed] == ["block 1", "block 2"]
    assert [row.parameters for row in mixed] == [24 * 24] * 2
    assert shapes.row_parameters == shapes.parameters
    assert shapes.flops == shapes.counted_flops
    assert description("mixed mean") == ""
    assert [row.full_name for row in folded(shapes.rows, 2)][4] == "block 1-2.mixed mean"


def test_layers_that_differ_are_not_shown_as_one(model: Transformer) -> None:
    model.blocks[1] = build_model(tiny_config().model, 100).blocks[1]
    with pytest.raises(InputError, match="differ"):
        folded(inspect_shapes(model, IDS).rows, 2)


def test_its_losses_are_measured(model: Transformer) -> None:
    activations = forward_pass(model, IDS)
    logits = model(torch.tensor([IDS]))[0, :-1]
    expected = nn.functional.cross_entropy(logits, torch.tensor(IDS[1:]), reduction="none")
    torch.testing.assert_close(activations.losses, expected.detach())


@pytest.mark.parametrize(
    "inspect",
    [
        lambda model: forward_pass(model, IDS).attention,
        lambda model: forward_pass(model, IDS).residual_stream,
        lambda model: head_scores(model, np.array(IDS), ["a"] * 100),
        lambda model: zero_ablate_head(model, 0, 0).__enter__(),
    ],
    ids=["attention", "residual stream", "head scores", "ablation"],
)
def test_what_it_does_not_have_is_refused_by_name(model: Transformer, inspect: Any) -> None:
    with pytest.raises(InputError, match="block 'averaging'") as refusal:
        inspect(model)
    assert refusal.value.hint is not None
