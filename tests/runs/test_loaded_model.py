"""A loaded model: what it says of itself, and what it costs to load."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attn_cli.errors import CheckpointError, DatasetError, InputError, PromptError
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.load_model import find_model, fresh_model, load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.run_corpus import load_run_corpus
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer, printable_tokenizer
from tests.conftest import Trained


@pytest.fixture
def loaded(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def test_the_torch_model_and_the_arrays_have_the_same_weights(loaded: TrainedModel) -> None:
    assert not loaded.model.training
    assert loaded.weights.keys() == dict(loaded.model.named_parameters()).keys()
    for name, parameter in loaded.model.named_parameters():
        np.testing.assert_array_equal(loaded.weights[name], parameter.detach().numpy())
    fresh = fresh_model("lesson")
    assert fresh.weights.keys() == dict(fresh.model.named_parameters()).keys()


def test_loading_a_model_imports_no_torch(trained: Trained) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from attn_cli.runs.load_model import fresh_model, load_model\n"
        f"loaded = load_model(Path({str(trained.run.path)!r}))\n"
        "assert loaded.weights and loaded.encode_prompt('The') and loaded.describe((1, 2))\n"
        "fresh_model('lesson')\n"
        "assert 'torch' not in sys.modules\n"
        "loaded.model\n"
        "assert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_fresh_model_is_the_same_each_time_and_not_trained() -> None:
    one, other = (fresh_model("lesson") for _ in range(2))
    torch.manual_seed(99)  # nobody else's random numbers decide
    for name, weight in one.weights.items():
        np.testing.assert_array_equal(weight, other.weights[name])
    assert "untrained" in one.description


def test_a_prompt_fits_the_context(loaded: TrainedModel) -> None:
    encode = loaded.tokenizer.encode
    assert loaded.encode_prompt("The fox") == tuple(encode("The fox").tolist())
    assert loaded.encode_prompt(None) == tuple(encode("Hello").tolist())
    assert loaded.encode_prompt("") == (loaded.bos_id,)
    assert len(loaded.encode_prompt("x" * 16)) == 16
    with pytest.raises(InputError, match="17 characters, and the model sees at most 16"):
        loaded.encode_prompt("x" * 17)
    with pytest.raises(PromptError, match="'é'"):
        loaded.encode_prompt("é")


def test_what_it_is_and_on_which_text(loaded: TrainedModel) -> None:
    assert loaded.step == 240
    assert loaded.name == "verse"
    where = f"{loaded.folder.path}, step 240"
    assert loaded.describe(loaded.encode_prompt("The")) == f"{where}, on 'The' (3 characters)"
    assert loaded.describe(loaded.encode_prompt("T")).endswith("on 'T' (1 character)")
    fresh = replace(fresh_model("lesson"), tokenizer=bytes_tokenizer())
    # A character that is cut shows the byte that is left of it.
    assert fresh.describe((*"é".encode(), 0xC3)).endswith(r"on 'é\\xc3' (3 bytes)")
    long = fresh.describe(tuple(b"x" * 61))
    assert f"on '{'x' * 59}…' (61 bytes)" in long


def test_layers_and_heads_are_selected_by_number(loaded: TrainedModel) -> None:
    assert loaded.select("layer", None) == range(1, 3)
    assert loaded.select("head", 3) == range(3, 4)
    with pytest.raises(InputError, match="layer 3: the model has 2 layers"):
        loaded.select("layer", 3)
    with pytest.raises(InputError, match="head 0: the model has 3 heads"):
        loaded.select("head", 0)


def test_a_run_and_a_configuration_exclude_each_other(trained: Trained) -> None:
    with pytest.raises(InputError, match="`run` and `config` exclude each other"):
        find_model(trained.run.path, "lesson")
    found = find_model(trained.run.path, None)
    assert isinstance(found, TrainedModel)
    assert found.folder.path == trained.run.path
    assert not isinstance(find_model(None, "lesson"), TrainedModel)


def test_what_ends_a_document() -> None:
    tokenizer = printable_tokenizer()
    separator, newline = (int(tokenizer.encode(symbol)[0]) for symbol in "\f\n")
    assert replace(fresh_model("lesson"), bos_id=separator).eos_id == separator
    # A text without documents begins after a newline, and nothing ends it.
    assert replace(fresh_model("lesson"), bos_id=newline).eos_id is None
    lines = corpus_tokenizer("ab\n")
    assert lines.eos_id(lines.document_separator_id) is None


def test_a_run_s_text_is_the_one_that_it_was_trained_on(copied: RunFolder, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(copied.checkpoint("best"))
    (source,) = checkpoint.config.data.text
    text = Path(source).read_text(encoding="utf-8")
    copied.text.write_text(text, encoding="utf-8")
    assert list(load_run_corpus(copied, checkpoint).sources) == [str(copied.text)]
    (tmp_path / "moved.txt").write_text(text, encoding="utf-8")
    moved = checkpoint.config.data.model_copy(update={"text": [str(tmp_path / "moved.txt")]})
    load_run_corpus(copied, checkpoint, moved)
    (tmp_path / "moved.txt").write_text(f"{text}!", encoding="utf-8")
    with pytest.raises(DatasetError, match=f"the text of {copied.path}: .* has changed since"):
        load_run_corpus(copied, checkpoint, moved)


def test_the_text_of_an_imported_model_is_not_known(copied: RunFolder) -> None:
    checkpoint = read_checkpoint(copied.checkpoint("best"))
    data = checkpoint.metadata.data.model_copy(update={"chars": 0})
    metadata = checkpoint.metadata.model_copy(update={"data": data})
    with pytest.raises(DatasetError, match="is not known: the model was imported"):
        load_run_corpus(copied, replace(checkpoint, metadata=metadata))


@pytest.mark.parametrize("which", ["state.json", "model.safetensors"])
def test_a_reader_beside_a_writer_finds_a_whole_checkpoint(
    copied: RunFolder, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """A run that trains has a new best checkpoint, and deletes the one that is being read."""
    old = copied.checkpoint("best")
    new = next(folder for folder in copied.step_folders() if folder != old)
    deleted = []

    def read_at_most(path: Path, max_bytes: int) -> bytes:
        if path.name == which and not deleted:
            copied.set_pointer("best", new)
            shutil.rmtree(old)
            deleted.append(old)
        return path.read_bytes()

    for module in ("checkpoint", "checkpoint_metadata"):
        monkeypatch.setattr(f"attn_cli.runs.{module}.read_at_most", read_at_most)
    loaded = load_model(copied.path)
    assert deleted
    assert loaded.checkpoint.folder == new
    shutil.rmtree(new)
    assert loaded.weights, "they were read before they could be deleted"


def test_a_checkpoint_that_is_gone_is_an_error(copied: RunFolder) -> None:
    (copied.checkpoint("best") / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        load_model(copied.path)
