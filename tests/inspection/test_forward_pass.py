"""What is read from a forward pass is what the model computed."""

from __future__ import annotations

import math

import pytest
import torch

from attn_cli.inspection.forward_pass import forward_pass, select_heads
from attn_cli.inspection.history import Snapshot, attention_shift, snapshots
from attn_cli.inspection.logit_lens import logit_lens, surprisal_bits
from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer
from tests.conftest import Trained, tiny_config, train_in

KINDS = [("gpt2", "learned"), ("gpt2", "none"), ("qwen3", "rope"), ("qwen3", "sinusoidal")]


def a_model(block: str, position: str, *more: str) -> Transformer:
    torch.manual_seed(0)
    settings = (f"model.block={block}", f"model.position={position}", *more)
    model = build_model(tiny_config(*settings).model, 100)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # so that nothing is nearly zero
    return model


@pytest.mark.parametrize(("block", "position"), KINDS)
def test_weights_are_those_that_attention_returns(block: str, position: str) -> None:
    model = a_model(block, position)
    seen = forward_pass(model, range(7, 20))
    assert seen.attention.shape == (2, 3, 13, 13)
    torch.testing.assert_close(seen.attention.sum(-1), torch.ones(2, 3, 13))
    assert not seen.attention.triu(1).any()
    for layer, module in enumerate(model.blocks):
        normed = seen[f"block {layer + 1}.attention norm"]
        _, weights = module.attention(normed, need_weights=True)
        torch.testing.assert_close(seen.attention[layer], weights)
    assert "block 3.attention.scores" not in seen
    assert (
        select_heads(seen.attention, range(2, 3), range(1, 3)) == seen.attention[1:, :2].numpy()
    ).all()


@pytest.mark.parametrize(("block", "position"), KINDS)
@pytest.mark.parametrize("ngrams", ["[]", "[2, 3]"])
def test_the_residual_stream_is_what_each_layer_reads(
    block: str, position: str, ngrams: str
) -> None:
    model = a_model(block, position, f"model.ngrams={ngrams}").eval()
    stream = forward_pass(model, range(7, 20)).residual_stream
    with torch.no_grad():
        for layer in range(3):
            read = model.hidden(torch.arange(7, 20)[None], layer=layer)[0]
            torch.testing.assert_close(stream[layer], read)


@pytest.mark.parametrize(("block", "position"), KINDS)
def test_the_lens_ends_with_what_the_model_says(block: str, position: str) -> None:
    model = a_model(block, position)
    ids = tuple(range(3, 16))
    seen = forward_pass(model, ids)
    lens = logit_lens(seen)
    with torch.no_grad():
        own = model(torch.tensor([ids]))[0].log_softmax(-1)
    assert lens.shape == (3, 13, 100)
    torch.testing.assert_close(lens[-1], own)
    # After the first layer, it says what the model without the second would.
    second = model.blocks.pop(1)
    shallow = build_model(model.config.model_copy(update={"n_layer": 1}), 100)
    shallow.load_state_dict(model.state_dict())
    model.blocks.append(second)
    torch.testing.assert_close(lens[1], logit_lens(forward_pass(shallow, ids))[-1])
    bits = surprisal_bits(lens, ids)
    torch.testing.assert_close(bits[-1] * math.log(2), seen.losses)
    assert bits.shape == (3, 12)


def test_snapshots_are_the_checkpoints_that_a_run_kept(
    verse_file: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("history")
    settings = ("train.steps=60", "train.eval_every=40", "train.keep_checkpoints=9")
    run = train_in(folder / "run", verse_file, *settings).run  # type: ignore[arg-type]
    told: list[str] = []
    found = list(snapshots(run, range(12), told.append))
    assert told == []
    assert [snapshot.step for snapshot in found] == [20, 40, 60]
    assert [snapshot.val_loss is not None for snapshot in found] == [False, True, True]
    # A sample is drawn at each evaluation.
    assert [bool(snapshot.sample) for snapshot in found] == [False, True, True]
    # A byte that flipped in one of them costs that one alone.
    damaged = run.step_folders()[1] / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    assert [snapshot.step for snapshot in snapshots(run, range(12), told.append)] == [20, 60]
    assert len(told) == 1
    assert "step-00000040" in told[0]


def test_the_mode_is_as_before() -> None:
    model = a_model("gpt2", "learned")
    for training in (True, False):
        model.train(training)
        forward_pass(model, range(5))
        assert model.training == training


def test_attention_shift_is_the_share_that_went_elsewhere() -> None:
    def snapshot(*rows: list[float]) -> Snapshot:
        nothing = torch.empty(0)
        return Snapshot(1, None, torch.tensor([[rows]]), nothing, nothing, "")

    before = snapshot([1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0])
    after = snapshot([1.0, 0.0, 0.0], [0.2, 0.8, 0.0], [1.0, 0.0, 0.0])
    # Rows 2 and 3: 0.3 and all of it; the first has no choice and does not count.
    assert attention_shift(before, after).item() == pytest.approx((0.3 + 1.0) / 2)
    assert attention_shift(before, before).item() == 0
    alone = snapshot([1.0])
    assert attention_shift(alone, alone).item() == 0


def test_the_last_snapshot_is_the_model_itself(trained: Trained) -> None:
    from attn_cli.runs.load_model import load_model

    loaded = load_model(trained.run.path)
    ids = tuple(range(10, 19))
    found = {snapshot.step: snapshot for snapshot in snapshots(loaded.folder, ids, print)}
    own = found[loaded.checkpoint.metadata.step]
    seen = forward_pass(loaded.model, ids)
    torch.testing.assert_close(own.attention, seen.attention)
    torch.testing.assert_close(own.losses, seen.losses)
    torch.testing.assert_close(own.next_probs, seen["logits"][-1].softmax(-1))
