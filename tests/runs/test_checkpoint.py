"""What is saved is read back; what is damaged is said to be."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from attn_cli.config.load import load_config
from attn_cli.errors import CheckpointError
from attn_cli.model.build import build_model
from attn_cli.runs.atomic_files import WriteError
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint, save_checkpoint
from attn_cli.runs.checkpoint_metadata import TrainerState, with_checksum
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Trained


def test_a_checkpoint_describes_itself(trained: Trained) -> None:
    checkpoint = read_checkpoint(trained.run.checkpoint("best"))
    # What was left open is settled by the run, in the checkpoint and in config.yaml.
    assert checkpoint.config.train.compile is False
    # But what only follows from other settings, which are free to change, stays so.
    assert checkpoint.config.train.micro_batch_size == "auto"
    assert load_config(trained.run.config) == checkpoint.config == trained.config
    assert checkpoint.tokenizer.vocab_size == 100
    state = checkpoint.metadata
    assert state.format == 3
    assert state.finished
    assert state.parameters == trained.result.parameters
    assert state.data.name == "verse"
    assert set(state.versions) == {"attn", "torch", "python", "device"}
    assert set(state.sha256) == {
        "model.safetensors", "optimizer.safetensors", "state.json",
    }  # fmt: skip


def test_tied_weights_are_saved_once(trained: Trained) -> None:
    names = load_file(trained.run.checkpoint("best") / "model.safetensors")
    assert "token_embedding.weight" in names
    assert "head.weight" not in names


def test_what_the_optimizer_remembers_is_saved(trained: Trained) -> None:
    tensors = load_file(trained.run.checkpoint("latest") / "optimizer.safetensors")
    model = read_checkpoint(trained.run.checkpoint("latest")).load_model()
    for name, parameter in model.named_parameters():
        assert tensors[f"{name}/exp_avg"].shape == parameter.shape
        assert (tensors[f"{name}/exp_avg_sq"] > 0).any()


def test_a_flipped_bit_is_an_error_that_names_the_file(copied: RunFolder) -> None:
    path = copied.checkpoint("best") / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged: its checksum"):
        read_checkpoint(copied.checkpoint("best")).load_model()


@pytest.mark.parametrize("size", [0, 7, 100])
def test_a_file_cut_short(copied: RunFolder, size: int) -> None:
    path = copied.checkpoint("best") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(copied.checkpoint("best")).load_model()


def test_missing_weights(copied: RunFolder) -> None:
    (copied.checkpoint("best") / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        read_checkpoint(copied.checkpoint("best")).load_model()


def rewrite_state(folder: Path, **changes: Any) -> None:
    """Another state, with a checksum that agrees with it, as only intent can make it."""
    path = folder / "state.json"
    path.write_text(with_checksum(json.loads(path.read_text()) | changes))


def rewrite_tensors(folder: Path, name: str, tensors: dict[str, torch.Tensor]) -> None:
    """Other numbers, with a checksum that agrees with them."""
    save_file(tensors, folder / name)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    known = json.loads((folder / "state.json").read_text())["sha256"]
    rewrite_state(folder, sha256=known | {name: digest})


def test_weights_of_another_model_are_not_copied(copied: RunFolder) -> None:
    checkpoint = read_checkpoint(copied.checkpoint("best"))
    other = build_model(checkpoint.config.model, checkpoint.tokenizer.vocab_size + 1)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: it is of another model"):
        checkpoint.load_weights(other)


def test_a_state_of_any_size_is_not_read(
    copied: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.runs.checkpoint_metadata.MAX_METADATA_BYTES", 99)
    with pytest.raises(CheckpointError, match=r"state\.json is damaged: it is larger than 99"):
        read_checkpoint(copied.checkpoint("best"))


def test_weights_that_disagree_with_the_config(copied: RunFolder) -> None:
    folder = copied.checkpoint("best")
    tensors = load_file(folder / "model.safetensors")
    name = "blocks.0.attention.query.weight"
    rewrite_tensors(folder, "model.safetensors", tensors | {name: torch.zeros(3, 3)})
    with pytest.raises(CheckpointError, match=rf"{name} is \(3, 3\), but its config says"):
        read_checkpoint(folder).load_model()
    rewrite_tensors(
        folder, "model.safetensors", {key: value for key, value in tensors.items() if key != name}
    )
    with pytest.raises(CheckpointError, match=f"no match for {name}"):
        read_checkpoint(folder).load_model()


@pytest.mark.parametrize("key", ["final_norm.weight/exp_avg", "other.weight/exp_avg"])
def test_optimizer_state_that_does_not_fit_the_model(copied: RunFolder, key: str) -> None:
    folder = copied.checkpoint("latest")
    tensors = load_file(folder / "optimizer.safetensors") | {key: torch.zeros(3)}
    rewrite_tensors(folder, "optimizer.safetensors", tensors)
    checkpoint = read_checkpoint(folder)
    with pytest.raises(CheckpointError, match=rf"optimizer\.safetensors .* {key} does not fit"):
        checkpoint.load_optimizer_state(checkpoint.load_model())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"format": 3}',
        '{"format": 3, "config": {"x": 1}}',
        "[" * 9999,
        "9" * 9999,
        "\ud800",
        '{"format": 3, "sha256": 3}',
    ],
)
def test_broken_state(copied: RunFolder, text: str) -> None:
    state = copied.checkpoint("best") / "state.json"
    state.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(copied.checkpoint("best"))


def test_a_checkpoint_of_another_format(copied: RunFolder) -> None:
    rewrite_state(copied.checkpoint("best"), format=99)
    with pytest.raises(CheckpointError, match="not of checkpoint format 3") as caught:
        read_checkpoint(copied.checkpoint("best"))
    assert caught.value.hint is not None
    assert "another version of attn" in caught.value.hint


@pytest.mark.parametrize(
    ("before", "after"), [('"step": 240', '"step": 241'), ("verse", "worse"), ("0.01", "0.02")]
)
def test_any_change_of_the_state_is_noticed(copied: RunFolder, before: str, after: str) -> None:
    path = copied.checkpoint("best") / "state.json"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(CheckpointError, match=r"state\.json is damaged: its checksum is wrong"):
        read_checkpoint(copied.checkpoint("best"))


def test_a_start_that_is_no_symbol(copied: RunFolder) -> None:
    folder = copied.checkpoint("best")
    data = json.loads((folder / "state.json").read_text())["data"]
    rewrite_state(folder, data=data | {"bos_id": 100})
    with pytest.raises(CheckpointError, match="bos_id is not in the vocabulary"):
        read_checkpoint(folder)


def test_weights_of_another_type(copied: RunFolder) -> None:
    folder = copied.checkpoint("best")
    tensors = load_file(folder / "model.safetensors")
    name = "final_norm.weight"
    rewrite_tensors(folder, "model.safetensors", tensors | {name: tensors[name].double()})
    with pytest.raises(CheckpointError, match=f"{name} holds float64, not float32"):
        read_checkpoint(folder).load_model()


def test_a_file_larger_than_its_config_says(
    copied: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.runs.checkpoint._HEADER_BYTES", 0)  # there is always a header
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged: it is larger than"):
        read_checkpoint(copied.checkpoint("best")).load_model()


def test_a_model_larger_than_this_machine_is_refused_before_it_is_made(
    copied: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.runs.checkpoint.total_memory", lambda: 1000)
    monkeypatch.setattr("attn_cli.model.build.build_model", None)
    with pytest.raises(CheckpointError, match=r"and this machine has .* of memory"):
        read_checkpoint(copied.checkpoint("best")).load_model()


def test_a_damaged_file_is_found_before_a_model_is_made(
    copied: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied.checkpoint("best") / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr("attn_cli.model.build.build_model", None)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(copied.checkpoint("best")).load_model()


def test_a_checkpoint_under_the_name_of_another_step(copied: RunFolder) -> None:
    folder = copied.checkpoint("best")
    moved = folder.replace(folder.with_name("step-00000999"))
    with pytest.raises(CheckpointError, match="it is of step 240"):
        read_checkpoint(moved)


def save(run: RunFolder, checkpoint: Checkpoint, seconds: float) -> Path:
    """Saves a checkpoint's own weights at its own step once more."""
    metadata = checkpoint.metadata
    state = {name: getattr(metadata, name) for name in TrainerState.model_fields}
    return save_checkpoint(
        run.checkpoints, checkpoint.load_model(), {}, {}, checkpoint.config,
        checkpoint.tokenizer, metadata.data, TrainerState(**state | {"seconds": seconds}),
    )  # fmt: skip


def test_saving_a_step_again_writes_its_metadata_only(copied: RunFolder) -> None:
    folder = copied.checkpoint("latest")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert save(copied, read_checkpoint(folder), seconds=123.0) == folder
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before | after if before[name] != after[name]} == {"state.json"}
    again = read_checkpoint(folder)
    again.verify()
    assert again.metadata.seconds == 123.0


def test_a_text_whose_name_is_not_utf_8(copied: RunFolder) -> None:
    checkpoint = read_checkpoint(copied.checkpoint("latest"))
    data = checkpoint.metadata.data.model_copy(update={"name": "verse\udcff"})
    metadata = checkpoint.metadata.model_copy(update={"data": data})
    folder = save(copied, replace(checkpoint, metadata=metadata), seconds=1.0)
    assert read_checkpoint(folder).metadata.data.name == "verse\udcff"


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(
    copied: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = read_checkpoint(copied.checkpoint("latest"))
    _ = checkpoint.weights
    shutil.rmtree(checkpoint.folder)
    before = sorted(copied.checkpoints.iterdir())

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(WriteError, match="No space left"):
        save(copied, checkpoint, seconds=1.0)
    assert sorted(copied.checkpoints.iterdir()) == before


def test_no_pickle_anywhere(trained: Trained) -> None:
    source = Path(__file__).parents[2] / "attn_cli"
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text
        assert "torch.load(" not in text
        assert "torch.save(" not in text
    kinds = {path.suffix for path in trained.run.path.rglob("*") if path.is_file()}
    assert kinds <= {".yaml", ".json", ".jsonl", ".txt", ".svg", ".safetensors", ""}
