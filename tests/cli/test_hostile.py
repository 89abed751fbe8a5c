"""Input from a stranger: it runs no code, leaves no folder, and does not eat the machine."""

import hashlib
import io
import json
import os
import shutil
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from attn_cli.runs.checkpoint_metadata import with_checksum
from tests.conftest import Outcome, Trained
from tests.runs.test_checkpoint import rewrite_state, rewrite_tensors

Attn = Callable[..., Outcome]

ESCAPE = "\x1b[31mred\x07\u202e"
GIB = 2**30


@pytest.fixture
def run(trained: Trained, tmp_path: Path) -> Path:
    """A copy of a run, to be made hostile."""
    shutil.copytree(trained.run.path, tmp_path / "runs" / "r")
    return tmp_path / "runs" / "r"


@pytest.fixture
def best(trained: Trained, run: Path) -> Path:
    """Its best checkpoint."""
    return run / "checkpoints" / trained.run.checkpoint("best").name


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome.err
    assert 1 <= len(outcome.err.strip().splitlines()) <= 2, outcome.err
    assert "unexpected" not in outcome.err
    for word in words:
        assert word in outcome.err


class _Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("pwned",)


def test_a_pickle_by_another_name_is_not_run(attn: Attn, tmp_path: Path, best: Path) -> None:
    pickled = io.BytesIO()
    torch.save({"token_embedding.weight": _Evil()}, pickled)
    (best / "model.safetensors").write_bytes(pickled.getvalue())
    state = json.loads((best / "state.json").read_text())
    digest = hashlib.sha256(pickled.getvalue()).hexdigest()
    rewrite_state(best, sha256=state["sha256"] | {"model.safetensors": digest})
    refused(attn("generate", "The"), "model.safetensors is damaged")
    assert not (tmp_path / "pwned").exists()


def sparse(path: Path) -> None:
    """Three gigabytes that take no room on the disk."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(3 * GIB)


@pytest.mark.parametrize("name", ["state.json", "model.safetensors", "../best"])
def test_huge_files_of_a_checkpoint(attn: Attn, best: Path, name: str) -> None:
    sparse(best / name)
    refused(attn("generate", "The"), "is damaged")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices by name")
@pytest.mark.parametrize("name", ["state.json", "model.safetensors", "../best", "../latest"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_files_that_have_no_end(attn: Attn, run: Path, best: Path, name: str, kind: str) -> None:
    (best / name).unlink()
    if kind == "pipe":
        os.mkfifo(best / name)
    else:
        (best / name).symlink_to("/dev/zero")
    if name == "../latest":
        (run / "checkpoints" / "best").unlink()
    refused(attn("generate", "The"), best.name if "/" not in name else name[3:])
    if name == "state.json":
        (run / "tokenizer.json").unlink()
        os.mkfifo(run / "tokenizer.json")
        assert attn("train", "--resume").code in (0, 2)


@pytest.mark.parametrize("name", ["config.yaml", "mine.yaml"])
def test_a_huge_configuration(attn: Attn, run: Path, name: str) -> None:
    sparse(run / name)
    how = ("--resume", run) if name == "config.yaml" else ("--config", run / name)
    refused(attn("train", *how), "larger than 200,000 bytes")


def test_aliases_that_explode(attn: Attn, tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    refused(
        attn("train", "--config", "bomb.yaml"), "bomb.yaml:2: YAML aliases are not supported here"
    )


def test_yaml_that_would_make_objects(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "evil.yaml").write_text("train: !!python/object/apply:os.mkdir [pwned]\n")
    refused(attn("train", "--config", "evil.yaml"), "evil.yaml:1: could not determine")
    assert not (tmp_path / "pwned").exists()


def header(shape: list[int], offsets: list[int], dtype: str = "F32") -> bytes:
    """The head of a safetensors file with one tensor."""
    text = json.dumps(
        {"token_embedding.weight": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}
    ).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "data",
    [
        (2**62).to_bytes(8, "little") + b"{}",
        header([100, 24], [0, 2**60]),
        header([2**40, 2**40], [0, 16]) + bytes(16),
        header([100, 24], [16, 0]) + bytes(9600),
        header([100, 24], [0, 9600], "F8_E4M3FNUZ") + bytes(9600),
        header([100, 24], [0, 9600], "NONE") + bytes(9600),
        header([-1, 24], [0, 9600]) + bytes(9600),
    ],
    ids=["length", "end", "shape", "backwards", "odd type", "no type", "negative"],
)
def test_a_header_that_lies(attn: Attn, best: Path, data: bytes) -> None:
    (best / "model.safetensors").write_bytes(data)
    state = json.loads((best / "state.json").read_text())
    digest = hashlib.sha256(data).hexdigest()
    rewrite_state(best, sha256=state["sha256"] | {"model.safetensors": digest})
    refused(attn("generate", "The"), "model.safetensors")


@pytest.mark.parametrize(
    "model",
    [
        {"n_embd": 65_520, "n_head": 3, "n_layer": 1000},
        {"block_size": 1_048_576, "n_embd": 65_520, "n_head": 3},
        {"block_size": 1_048_576, "n_embd": 65_520, "n_head": 3, "position": "sinusoidal"},
        {"n_layer": 3},
    ],
)
def test_a_config_that_claims_another_size(attn: Attn, best: Path, model: dict[str, Any]) -> None:
    """The memory it would take is not asked for: the file of weights is too small for it."""
    config = json.loads((best / "state.json").read_text())["config"]
    rewrite_state(best, config=config | {"model": config["model"] | model})
    refused(attn("generate", "The"), best.name)


@pytest.mark.parametrize(
    ("symbols", "word"),
    [
        (["a"] * 100, "occurs twice"),
        ([chr(code) for code in range(32, 0xD000)] * 200, "is larger than"),
        (["ab", *string.printable[1:]], "not those of the printable kind"),
        (list(string.printable[:99]), "not those of the printable kind"),
        ([], "not a list of characters"),
    ],
    ids=["twice", "ten million", "two in one", "one too few", "none"],
)
def test_vocabularies(attn: Attn, best: Path, symbols: list[str], word: str) -> None:
    rewrite_state(best, tokenizer={"kind": "printable", "symbols": symbols})
    refused(attn("generate", "The"), word)


def test_weights_that_are_no_numbers(attn: Attn, best: Path) -> None:
    tensors = load_file(best / "model.safetensors")
    broken = {name: torch.full_like(tensor, float("nan")) for name, tensor in tensors.items()}
    rewrite_tensors(best, "model.safetensors", broken)
    outcome = attn("generate", "The")
    assert outcome.code == 1
    assert "its weights are broken" in outcome.err


def test_escape_sequences_stay_off_the_terminal(
    attn: Attn, tmp_path: Path, run: Path, best: Path, verse_file: Path
) -> None:
    """In what a checkpoint says of itself, in names of files and folders, in what is trained on."""
    latest = run / "checkpoints" / (run / "checkpoints" / "latest").read_text().strip()
    data = json.loads((latest / "state.json").read_text())["data"]
    rewrite_state(latest, data=data | {"name": ESCAPE})
    shutil.copytree(run, tmp_path / "runs" / f"evil{ESCAPE}")
    text = tmp_path / f"evil{ESCAPE}.txt"
    text.write_text(("colour \x1b[31m and bell \x07 \x9b and more. " * 9 + "\n") * 20)
    bytes_model = ("--config", "lesson", "--steps", "1", "--set", "data.tokenizer=bytes")
    for arguments in (
        ("runs",),
        ("train", text, *bytes_model, "--out", f"out{ESCAPE}"),
        ("train", text, "--config", "lesson", "--steps", "1"),
        ("train", "--resume", f"out{ESCAPE}"),
        ("evaluate", text, "--run", f"out{ESCAPE}"),
        ("evaluate", "--run", f"out{ESCAPE}"),
        ("inspect-shapes", ESCAPE, "--run", f"out{ESCAPE}"),
        ("generate", ESCAPE, "--run", run),
        ("generate", "--run", ESCAPE),
        ("train", ESCAPE),
        ("train", "--config", ESCAPE),
        ("train", "--set", f"train.{ESCAPE}=1"),
        ("configs", ESCAPE),
        ("data", "fetch", ESCAPE),
    ):
        outcome = attn(*arguments)
        assert outcome.code in (0, 2), outcome.err
        assert not set(outcome.out + outcome.err) & set("\x1b\x07\u202e\x9b"), arguments


def test_a_window_that_would_take_more_memory_than_the_prompt_needs(
    attn: Attn, tmp_path: Path, verse_file: Path
) -> None:
    """A small file can say a window of a million characters; its cache is as long as the text."""
    sizes = ("model.n_layer=60", "model.position=none", "model.block_size=16")
    settings = [word for key in sizes for word in ("--set", key)]
    trained = attn("train", verse_file, "--config", "lesson", "--steps", "1", *settings)
    assert trained.code == 0, trained.err
    (folder,) = tmp_path.glob("runs/*/checkpoints/step-*")
    config = json.loads((folder / "state.json").read_text())["config"]
    rewrite_state(folder, config=config | {"model": config["model"] | {"block_size": 2**20}})
    assert attn("generate", "The", "--max-new-chars", "3").code == 0


@pytest.mark.parametrize("change", [{"step": 2**70}, {"best_step": 10**300}, {"step": 41}])
def test_steps_that_cannot_be(attn: Attn, run: Path, change: dict[str, int]) -> None:
    latest = run / "checkpoints" / (run / "checkpoints" / "latest").read_text().strip()
    rewrite_state(latest, **change)
    for folder in (run / "checkpoints").glob("step-*"):
        if folder != latest:
            shutil.rmtree(folder)
    refused(attn("train", "--resume", run), "state.json is damaged")


def test_a_name_that_is_not_utf8(attn: Attn, verse_file: Path, tmp_path: Path) -> None:
    out = tmp_path / os.fsdecode(b"t\xffu")
    outcome = attn("train", verse_file, "--config", "lesson", "--steps", "2", "--out", out)
    assert outcome.code == 0, outcome.err
    assert (out / "loss.svg").is_file()


def test_a_prompt_without_end(attn: Attn, run: Path) -> None:
    endless = attn("generate", "-", "--run", run, stdin=b"yes " * 2_600_000)
    refused(endless, "more than 10,000,000 characters")


def test_a_run_by_a_path_with_dots_is_only_read(attn: Attn, tmp_path: Path, run: Path) -> None:
    (tmp_path / "deep").mkdir()
    os.chdir(tmp_path / "deep")
    assert attn("generate", "The", "--run", "../runs/r", "--max-new-chars", "5").code == 0
    assert list((tmp_path / "deep").iterdir()) == []


def test_names_of_texts_make_no_paths(attn: Attn, tmp_path: Path, verse_file: Path) -> None:
    for name in ("...", ".hidden", "-x", "a:b*c?", "a/.."):
        where = f"texts/{name}"
        (tmp_path / "texts" / name.partition("/")[0]).mkdir(parents=True)
        shutil.copy(verse_file, tmp_path / where / "a.txt")
        outcome = attn("train", where, "--config", "lesson", "--steps", "1", "--quiet")
        assert outcome.code == 0, outcome.err
    made = list((tmp_path / "runs").iterdir())
    assert len(made) == 5
    assert all(path.name[0].isalnum() for path in made)


any_text = st.text(st.characters(exclude_categories=()), max_size=60)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(prompt=any_text.filter(lambda text: text != "-"))  # that is standard input
def test_any_prompt(attn: Attn, trained: Trained, prompt: str) -> None:
    at = ("--run", trained.run.path, "--max-new-chars", "3", "--json")
    outcome = attn("generate", *at, "--", prompt)
    if outcome.code == 0:
        assert outcome.json["samples"][0]["prompt"] == prompt
    else:
        refused(outcome)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(words=st.lists(any_text, min_size=1, max_size=4))
def test_any_command_line(attn: Attn, words: list[str]) -> None:
    outcome = attn(*words)
    assert outcome.code in (0, 2), outcome.err
    assert "Traceback" not in outcome.err
    assert "unexpected" not in outcome.err


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_any_state(attn: Attn, trained: Trained, tmp_path: Path, data: st.DataObject) -> None:
    """One value of a checkpoint's state replaced by any other, with the right checksum."""
    place = tmp_path / "runs" / "r"
    if not place.exists():
        shutil.copytree(trained.run.path, place)
    folder = place / "checkpoints" / trained.run.checkpoint("best").name
    sound = trained.run.checkpoint("best") / "state.json"
    record = json.loads(sound.read_text())
    key = data.draw(st.sampled_from(sorted(set(record) - {"sha256"})))
    record[key] = data.draw(json_values)
    try:
        (folder / "state.json").write_text(with_checksum(record))
    except ValueError:  # NaN and lone surrogates, which JSON or UTF-8 cannot hold
        return
    outcome = attn("generate", "The", "--run", place, "--max-new-chars", "2", "--json")
    if outcome.code:
        refused(outcome)
