"""The GGUF file, and what llama.cpp makes of it."""

from __future__ import annotations

import shutil
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import gguf
import numpy as np
import pytest
import torch

from attn_cli.errors import InputError, OperationError
from attn_cli.export.gguf_file import NumberType, write_gguf
from attn_cli.text.tokenizer import Tokenizer, bytes_tokenizer, corpus_tokenizer
from tests.export.conftest import (
    BLOCKS,
    CHARS,
    PROMPTS,
    Known,
    MakeRun,
    known,
    made_strings,
    random_run,
)
from tests.export.outside import ask

TOLERANCE = 1e-2
STILL = {
    "gpt2 without positions": ("model.position=none", "model.bias=false"),
    "qwen3 without positions": ("model.block=qwen3", "model.position=none"),
}
WIDE = ("model.n_embd=96", "model.n_inner=64")
GREEK = "αβγ –“é\n x?"


def log_probabilities(ours: Known, texts: list[str]) -> torch.Tensor:
    """Of each character after the prompts in texts that begin with them, (texts · CHARS, V)."""
    network = ours.model.checkpoint.load_model()
    rows = []
    for prompt, text in zip(PROMPTS, texts, strict=False):
        ids = torch.from_numpy(ours.model.tokenizer.encode(text).astype(np.int64))
        with torch.no_grad():
            rows.append(network(ids[None, :-1])[0, len(prompt) - 1 :].log_softmax(-1))
    return torch.cat(rows)


@pytest.fixture(scope="module")
def cases(
    learned: Mapping[str, Known], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Known, dict[str, Any], dict[str, Any]]]:
    """Of each model: what attn knows, what was asked, what llama.cpp answered."""
    root = tmp_path_factory.mktemp("gguf")
    asked: dict[str, tuple[Known, dict[str, Any]]] = {}

    def case(name: str, ours: Known, kind: NumberType = "f32", **more: Any) -> Path:
        file = root / f"{name}.gguf"
        if not file.exists():
            write_gguf(file, ours.model, kind)
        request = {
            "file": str(file), "vocab_size": ours.model.tokenizer.vocab_size, "chars": CHARS,
            "prompts": [], "strings": [], "decode": [],
        }  # fmt: skip
        asked[name] = ours, {**request, **more}
        return file

    printable = made_strings()
    for block, ours in learned.items():
        encode = ours.model.tokenizer.encode
        decode = [encode(text).tolist() for text in printable]
        file = case(block, ours, prompts=PROMPTS, strings=printable, decode=decode)
        case(f"{block} f16", ours, "f16", prompts=PROMPTS)
        bad = shutil.copy(file, root / f"{block} corrupted.gguf")
        (norm,) = (t for t in gguf.GGUFReader(bad, "r+").tensors if t.name == "output_norm.weight")
        norm.data[0] += 20.0
        case(f"{block} corrupted", ours, prompts=PROMPTS)
    tokenizers: dict[str, Tokenizer] = {
        "bytes": bytes_tokenizer(), "corpus": corpus_tokenizer(GREEK),
    }  # fmt: skip
    for name, tokenizer in tokenizers.items():
        model = random_run(root / "runs" / name, BLOCKS["gpt2"], tokenizer)
        strings = made_strings(GREEK if name == "corpus" else "aé –😀\n\f")
        decode = [tokenizer.encode(text).tolist() for text in strings]
        case(name, known(model, ()), strings=strings, decode=decode)
    endless = random_run(
        root / "runs" / "endless",
        (*BLOCKS["qwen3"], "model.block_size=96"),
        corpus_tokenizer("".join(PROMPTS) + "\n"),
    )
    case("endless", known(endless), prompts=PROMPTS)
    for name in STILL:
        # 64 characters of random weights: what is measured is each step, not what it says.
        overrides = ("model.block_size=96", *STILL[name])
        model = random_run(root / "runs" / name, overrides)
        case(name, known(model), prompts=PROMPTS[:1])
    wide = random_run(root / "runs" / "q8_0", (*BLOCKS["qwen3"], *WIDE, "model.block_size=96"))
    case("q8_0", known(wide), "q8_0", prompts=PROMPTS[:1])
    answers = ask("llama_cpp", [request for _, request in asked.values()])
    return {name: (*asked[name], answer) for name, answer in zip(asked, answers, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kind", ["", " f16"])
def test_llama_cpp_writes_what_attn_writes(cases: dict[str, Any], block: str, kind: str) -> None:
    ours, _, theirs = cases[block + kind]
    assert theirs["texts"] == ours.texts
    wanted = log_probabilities(ours, theirs["texts"])
    found = torch.tensor(theirs["log_probs"])
    assert found.shape == (len(PROMPTS) * CHARS, ours.model.tokenizer.vocab_size)
    difference = (found - wanted).abs()
    written = wanted.argmax(-1, keepdim=True)
    assert difference.gather(-1, written).max() < TOLERANCE
    # Of what it hardly ever writes, 16 bits a weight say less.
    assert difference.max() < (2 * TOLERANCE if kind else TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_one_corrupted_weight_fails_the_comparisons(cases: dict[str, Any], block: str) -> None:
    ours, _, theirs = cases[f"{block} corrupted"]
    assert theirs["texts"] != ours.texts
    first = torch.tensor(theirs["log_probs"][0])
    assert (first - log_probabilities(ours, ours.texts)[0]).abs().max() > 10 * TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", STILL)
def test_no_positions_are_none_there(cases: dict[str, Any], name: str) -> None:
    ours, _, theirs = cases[name]
    wanted = log_probabilities(ours, theirs["texts"])
    written = wanted.argmax(-1, keepdim=True)
    difference = (torch.tensor(theirs["log_probs"]) - wanted).abs()
    assert difference.gather(-1, written).max() < 5 * TOLERANCE


@pytest.mark.slow
def test_a_text_without_an_end_is_not_ended(cases: dict[str, Any]) -> None:
    ours, _, theirs = cases["endless"]
    assert theirs["texts"] == ours.texts
    assert set("".join(ours.texts)) > set("".join(PROMPTS))  # the newline, which it begins after
    found = torch.tensor(theirs["log_probs"])
    assert (found - log_probabilities(ours, theirs["texts"])).abs().max() < 5 * TOLERANCE


@pytest.mark.slow
def test_eight_bits_a_weight_are_near(cases: dict[str, Any]) -> None:
    ours, _, theirs = cases["q8_0"]
    wanted = log_probabilities(ours, theirs["texts"])
    difference = (torch.tensor(theirs["log_probs"]) - wanted).abs()
    assert 0 < difference.mean() < 0.05 * wanted.std()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*BLOCKS, "bytes", "corpus"])
def test_llama_cpp_reads_id_for_id(cases: dict[str, Any], kind: str) -> None:
    _, request, theirs = cases[kind]
    assert theirs["encoded"] == request["decode"]
    assert theirs["decoded"] == request["strings"]


def field(reader: gguf.GGUFReader, name: str) -> Any:
    found = reader.get_field(name)
    return None if found is None else found.contents()


def test_every_special_id_is_said(make_run: MakeRun, tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf", make_run(bos_id=96), "f32")
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    said = {name: field(reader, f"tokenizer.ggml.{name}") for name in (
        "model", "bos_token_id", "eos_token_id", "unknown_token_id", "add_bos_token",
        "add_eos_token", "add_space_prefix",
    )}  # fmt: skip
    assert said == {
        "model": "llama",
        "bos_token_id": 96,  # the newline, which texts without documents begin after
        "eos_token_id": 99,  # the form feed, which it never writes
        "unknown_token_id": string.printable.index("?"),
        "add_bos_token": False,
        "add_eos_token": False,
        "add_space_prefix": False,
    }
    assert field(reader, "tokenizer.ggml.tokens") == list(string.printable.replace(" ", "▁"))
    assert set(field(reader, "tokenizer.ggml.token_type")) == {gguf.TokenType.NORMAL}
    assert field(reader, "gpt2.context_length") == 11


def test_a_vocabulary_without_an_end_gets_one_that_is_never_written(
    make_run: MakeRun, tmp_path: Path
) -> None:
    model = make_run("model.tie_embeddings=false", tokenizer=corpus_tokenizer("abc\n"))
    write_gguf(tmp_path / "m.gguf", model, "f32")
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    assert field(reader, "tokenizer.ggml.tokens") == ["\n", "a", "b", "c", "\f"]
    assert field(reader, "tokenizer.ggml.token_type")[-1] == gguf.TokenType.CONTROL
    assert field(reader, "tokenizer.ggml.eos_token_id") == 4
    assert field(reader, "tokenizer.ggml.suppress_tokens") == [4]
    tensors = {t.name: t.data for t in reader.tensors}
    for theirs, ours in (("token_embd", "token_embedding"), ("output", "head")):
        rows = tensors[f"{theirs}.weight"]
        np.testing.assert_array_equal(rows[:4], model.checkpoint.weights[f"{ours}.weight"])
        np.testing.assert_allclose(rows[4], rows[:4].mean(axis=0), atol=1e-7)


@pytest.mark.parametrize("kind", get_args(NumberType))
def test_numbers_are_as_exact_as_their_type(
    make_run: MakeRun, tmp_path: Path, kind: NumberType
) -> None:
    model = make_run(*WIDE)
    write_gguf(tmp_path / "m.gguf", model, kind)
    tensors = {t.name: t for t in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    weights = model.checkpoint.weights
    up = tensors["blk.1.ffn_up.weight"]
    assert up.tensor_type.name == kind.upper()
    wanted = weights["blocks.1.feed_forward.up.weight"]
    error = np.abs(gguf.dequantize(up.data, up.tensor_type).reshape(wanted.shape) - wanted).max()
    assert error <= {"f32": 0.0, "f16": 1e-3, "q8_0": 1e-2}[kind]
    for name in ("output_norm.weight", "position_embd.weight", "blk.0.attn_qkv.bias"):
        assert tensors[name].tensor_type.name == "F32"


@pytest.mark.parametrize("option", ["n_embd", "n_inner"])
def test_q8_0_of_other_widths_names_the_option(
    make_run: MakeRun, tmp_path: Path, option: str
) -> None:
    model = make_run(*WIDE, f"model.{option}=42")
    with pytest.raises(InputError, match=f"model.{option} is 42"):
        write_gguf(tmp_path / "m.gguf", model, "q8_0")
    assert not (tmp_path / "m.gguf").exists()


def test_a_vocabulary_with_the_sign_for_the_space_is_told(
    make_run: MakeRun, tmp_path: Path
) -> None:
    model = make_run(tokenizer=corpus_tokenizer("ab ▁"))
    with pytest.raises(InputError, match="U\\+2581"):
        write_gguf(tmp_path / "m.gguf", model, "f32")
    assert list(tmp_path.glob("*.gguf*")) == []


def test_a_file_is_synced_before_it_gets_its_name_or_leaves_nothing(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path) -> None:
        assert path.stat().st_size > 0
        assert not (tmp_path / "m.gguf").exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("attn_cli.export.gguf_file.sync_file", full_disk)
    with pytest.raises(OperationError, match="No space left"):
        write_gguf(tmp_path / "m.gguf", make_run(), "f32")
    assert [path for path in tmp_path.iterdir() if "gguf" in path.name] == []


def test_another_s_gguf_file_is_left_alone(make_run: MakeRun, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF of somebody else")
    with pytest.raises(InputError, match="exists, and is not an export of attn"):
        write_gguf(file, make_run(), "f32")
    assert file.read_bytes() == b"GGUF of somebody else"


def test_constants_of_the_arithmetic_are_written(make_run: MakeRun, tmp_path: Path) -> None:
    rotary = ("model.block=qwen3", "model.position=rope", "model.rope_theta=123.0")
    write_gguf(tmp_path / "m.gguf", make_run(*rotary), "f32")
    fields = gguf.GGUFReader(tmp_path / "m.gguf").fields
    assert fields["qwen3.rope.freq_base"].contents() == 123.0
    assert fields["qwen3.attention.layer_norm_rms_epsilon"].contents() == pytest.approx(1e-6)
