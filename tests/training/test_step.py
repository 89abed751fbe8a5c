"""One step: gradient accumulation, clipping, number formats, and which optimizer moves what."""

import math

import pytest
import torch

from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer
from attn_cli.text.batches import IGNORE_INDEX, Batch
from attn_cli.training.adamw import AdamW
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.optimizer import Optimizer
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import MixedPrecisionModel
from attn_cli.training.step import StepResult, train_step
from tests.conftest import tiny_config

V = 19


def fresh(*settings: str) -> Transformer:
    torch.manual_seed(0)
    return build_model(tiny_config(*settings).model, V)


def batch() -> Batch:
    random = torch.Generator().manual_seed(1)
    text = torch.randint(V, (6, 17), generator=random)
    return Batch(text[:, :-1], text[:, 1:])


def stepped(
    micro_batch: int = 6, grad_clip: float = 1.0, precision: str = "fp32", optimizer: str = "adamw"
) -> tuple[Transformer, StepResult]:
    model = fresh()
    mp_model = MixedPrecisionModel(model, precision)  # type: ignore[arg-type]
    optimizers = make_optimizers(model, tiny_config(f"train.optimizer={optimizer}").train)
    for step in range(3):
        result = train_step(
            mp_model,
            optimizers,
            batch(),
            step=step,
            micro_batch=micro_batch,
            lr_scale=0.5,
            grad_clip=grad_clip,
        )
    return model, result


class GradientRecorder(Optimizer):
    """Keeps the gradients that it is given, and changes no weight."""

    state_names = ()

    def step(self, step: int, lr_scale: float) -> None:
        self.gradients = [p.grad.clone() for p in self.parameters if p.grad is not None]


def uneven_batch() -> Batch:
    """Eight sequences, of which each has another number of targets; one has none."""
    random = torch.Generator().manual_seed(2)
    inputs, targets = torch.randint(V, (2, 8, 16), generator=random)
    for sequence, ignored in enumerate((16, 1, 15, 3, 0, 7, 11, 2)):
        targets[sequence, :ignored] = IGNORE_INDEX
    return Batch(inputs, targets)


def uneven_gradients(
    micro_batch: int, world: World = SINGLE_PROCESS, precision: str = "fp32"
) -> tuple[list[torch.Tensor], StepResult]:
    """The gradients that `train_step` makes of this process's part of the uneven batch."""
    model = fresh()
    recorder = GradientRecorder(model.parameters(), 1.0)
    share = 8 // world.world_size
    result = train_step(
        world.wrap_model(model, precision),  # type: ignore[arg-type]
        [recorder],
        uneven_batch()[world.rank * share : (world.rank + 1) * share],
        step=0,
        micro_batch=micro_batch,
        lr_scale=1.0,
        grad_clip=0.0,
        world=world,
    )
    return recorder.gradients, result


def expected_uneven_gradients() -> tuple[list[torch.Tensor], float]:
    """The gradients of the mean over all targets of the uneven batch, by torch alone."""
    model, batch = fresh(), uneven_batch()
    known = batch.targets != IGNORE_INDEX
    log_probs = model(batch.inputs).log_softmax(-1)[known]  # (targets, V)
    loss = -log_probs[torch.arange(len(log_probs)), batch.targets[known]].mean()
    loss.backward()
    return [p.grad for p in model.parameters() if p.grad is not None], loss.item()


@pytest.mark.parametrize("micro_batch", [1, 2, 4, 8])
def test_the_gradient_is_that_of_the_mean_over_all_targets(micro_batch: int) -> None:
    """With micro-batches of unequal counts a mean of their means would be another number."""
    gradients, result = uneven_gradients(micro_batch)
    expected, loss = expected_uneven_gradients()
    assert result.loss == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_accumulation_equals_one_piece(micro_batch: int, optimizer: str) -> None:
    whole, at_once = stepped(6, optimizer=optimizer)
    pieces, in_pieces = stepped(micro_batch, optimizer=optimizer)
    assert at_once.loss == pytest.approx(in_pieces.loss, rel=1e-5)
    assert at_once.grad_norm == pytest.approx(in_pieces.grad_norm, rel=1e-3, abs=1e-5)
    for one, other in zip(whole.parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=3e-3)


def test_reported_norm_is_that_before_clipping() -> None:
    _, free = stepped(grad_clip=0.0)
    _, clipped = stepped(grad_clip=1e-3)
    assert free.grad_norm > 1e-2
    assert clipped.grad_norm > 1e-2


def test_the_loss_falls_and_weights_stay_fp32_in_bf16() -> None:
    model = fresh()
    mp_model = MixedPrecisionModel(model, "bf16")
    optimizers = make_optimizers(model, tiny_config().train)
    losses = [
        train_step(
            mp_model,
            optimizers,
            batch(),
            step=step,
            micro_batch=3,
            lr_scale=1.0,
            grad_clip=1.0,
        ).loss
        for step in range(30)
    ]
    assert losses[-1] < losses[0] - 0.5
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    for learned, worked in zip(model.parameters(), mp_model.compute.parameters(), strict=True):
        assert torch.equal(learned.detach().bfloat16(), worked.detach())


def test_bf16_follows_fp32() -> None:
    _, in_fp32 = stepped(precision="fp32")
    _, in_bf16 = stepped(precision="bf16")
    assert in_fp32.loss == pytest.approx(in_bf16.loss, rel=0.01)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_without_numbers_moves_nothing(precision: str, optimizer: str) -> None:
    """One weight of the model that computes is broken for one step, the one that learns is not."""
    model = fresh()
    mp_model = MixedPrecisionModel(model, precision)  # type: ignore[arg-type]
    optimizers = make_optimizers(model, tiny_config(f"train.optimizer={optimizer}").train)

    def step(step: int) -> StepResult:
        return train_step(
            mp_model,
            optimizers,
            batch(),
            step=step,
            micro_batch=3,
            lr_scale=1.0,
            grad_clip=1.0,
        )

    def everything() -> list[torch.Tensor]:
        states = [m for o in optimizers for kept in o.state.values() for m in kept.values()]
        return [tensor.detach().clone() for tensor in (*model.parameters(), *states)]

    assert step(0).applied
    with torch.no_grad():
        sound = mp_model.compute.final_norm.weight.clone()
        mp_model.compute.final_norm.weight[0] = float("inf")
    before = everything()
    broken = step(1)
    assert not broken.applied
    assert not math.isfinite(broken.loss)
    assert all(
        one.equal(other) or one.isinf().any()
        for one, other in zip(everything(), before, strict=True)
    )
    with torch.no_grad():
        mp_model.compute.final_norm.weight.copy_(sound)
    assert step(2).applied


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("tied", ["true", "false"])
def test_every_parameter_has_one_optimizer(optimizer: str, tied: str) -> None:
    model = fresh(f"model.tie_embeddings={tied}", "model.bias=true")
    optimizers = make_optimizers(model, tiny_config(f"train.optimizer={optimizer}").train)
    moved = [parameter for optimizer in optimizers for parameter in optimizer.parameters]
    assert len(moved) == len({id(p) for p in moved}) == len(list(model.parameters()))


def test_decay_is_for_matrices_alone() -> None:
    model = fresh("model.bias=true")
    decays, stays = make_optimizers(model, tiny_config("train.weight_decay=0.25").train)
    assert isinstance(decays, AdamW)
    assert isinstance(stays, AdamW)
    assert (decays.weight_decay, stays.weight_decay) == (0.25, 0.0)
    assert {parameter.dim() for parameter in decays.parameters} == {2}
    assert {parameter.dim() for parameter in stays.parameters} == {1}


def test_muon_has_the_matrices_of_the_blocks_alone() -> None:
    model = fresh("model.tie_embeddings=false")
    muon, adamw = make_optimizers(model, tiny_config("train.optimizer=muon").train)
    of_muon = {id(parameter) for parameter in muon.parameters}
    assert of_muon == {id(p) for p in model.blocks.parameters() if p.dim() == 2}
    assert id(model.head.weight) in {id(parameter) for parameter in adamw.parameters}


def test_each_optimizer_has_its_own_peak_learning_rate() -> None:
    highest = ("train.learning_rate=4e-3", "train.matrix_learning_rate=0.06")
    optimizers = make_optimizers(fresh(), tiny_config("train.optimizer=muon", *highest).train)
    assert [optimizer.lr for optimizer in optimizers] == [0.06, 4e-3]
