"""From a Hugging Face folder back to a run: the same numbers, or a line that says why not."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from attn_cli.errors import InputError
from attn_cli.export.hf_tokenizer import tokenizer_from_file
from attn_cli.export.huggingface import huggingface_files
from attn_cli.export.import_hf import import_folder, read_folder
from attn_cli.export.output import write_folder
from attn_cli.generation.numpy_model import NumpyModel
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer, printable_tokenizer
from tests.export.conftest import BLOCKS, ENCODER, MakeRun

CASES: dict[str, tuple[tuple[str, ...], Any]] = {
    "gpt2": (BLOCKS["gpt2"], printable_tokenizer()),
    "qwen3": (BLOCKS["qwen3"], printable_tokenizer()),
    "gpt2 without biases": (("model.bias=false",), corpus_tokenizer("αβ ▁\f")),
    "sinusoidal": (("model.position=sinusoidal", "model.dropout=0.25"), bytes_tokenizer()),
    "no positions": (("model.position=none",), printable_tokenizer()),
    "qwen3 without positions": (
        ("model.block=qwen3", "model.position=none"),
        printable_tokenizer(),
    ),
    "qwen3 untied": (
        (*BLOCKS["qwen3"], "model.tie_embeddings=false", "model.rope_theta=500.0"),
        bytes_tokenizer(),
    ),
    "gpt2 n-grams": (
        (*BLOCKS["gpt2"], "model.ngrams=[3, 2]", "model.ngram_rows=40"),
        corpus_tokenizer("αβ ▁\f"),
    ),
    "qwen3 encoder n-grams": (
        (*BLOCKS["qwen3"], ENCODER, "model.ngrams=[2]", "model.ngram_dropout=0.25"),
        printable_tokenizer(),
    ),
    "gpt2 encoder": ((*BLOCKS["gpt2"], ENCODER), corpus_tokenizer("αβ ▁▢")),
    "qwen3 encoder": ((*BLOCKS["qwen3"], ENCODER), printable_tokenizer()),
}


def exported(model: TrainedModel, folder: Path) -> Path:
    write_folder(folder, huggingface_files(model), model, "hf")
    return folder


@pytest.mark.parametrize("case", CASES)
def test_out_and_back_is_the_same_model_bit_for_bit(
    make_run: MakeRun, tmp_path: Path, case: str
) -> None:
    overrides, tokenizer = CASES[case]
    model = make_run(*overrides, tokenizer=tokenizer)
    first = exported(model, tmp_path / "first")
    back = load_model(import_folder(first, tmp_path / "back").path)
    second = exported(back, tmp_path / "second")
    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert (back.config.task, back.config.model) == (model.config.task, model.config.model)
    assert back.tokenizer == model.tokenizer
    assert (back.bos_id, back.eos_id) == (model.bos_id, model.eos_id)
    ids = np.array([[1, 0, 3, 2, 1]])
    networks = [each.checkpoint.load_model() for each in (model, back)]
    one, other = (network(torch.from_numpy(ids)) for network in networks)
    assert torch.equal(one, other)
    models = [NumpyModel(each.config.model, each.weights) for each in (model, back)]
    logits = [each.forward(ids, each.new_cache()) for each in models]
    np.testing.assert_array_equal(*logits)


@pytest.fixture
def gpt2(make_run: MakeRun, tmp_path: Path) -> Path:
    return exported(make_run(*BLOCKS["gpt2"], name="g"), tmp_path / "gpt2")


@pytest.fixture
def qwen3(make_run: MakeRun, tmp_path: Path) -> Path:
    return exported(make_run(*BLOCKS["qwen3"], name="q"), tmp_path / "qwen3")


def assert_equal_weights(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


def edit(path: Path, **values: Any) -> None:
    record = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**record, **values}), "utf-8")


GPT2_OPTIONS = {
    "activation_function": "relu",
    "layer_norm_epsilon": 1e-6,
    "scale_attn_by_inverse_layer_idx": True,
    "add_cross_attention": True,
    "n_layer": 10**9,
    "n_head": 5,
    "n_embd": "wide",
    "vocab_size": -1,
    "n_positions": 1.5,
    "quantization_config": {"bits": 4},
    "model_type": "llama",
    "is_causal": None,
}
QWEN3_OPTIONS = {
    "num_key_value_heads": 1,
    "head_dim": 128,
    "hidden_act": "gelu",
    "rms_norm_eps": 1e-5,
    "attention_bias": True,
    "use_sliding_window": True,
    "layer_types": ["full_attention", "sliding_attention"],
    "rope_parameters": {"rope_type": "yarn", "rope_theta": 10_000.0},
}


@pytest.mark.parametrize("option", GPT2_OPTIONS)
def test_a_gpt2_without_counterpart_names_the_option(gpt2: Path, option: str) -> None:
    edit(gpt2 / "config.json", **{option: GPT2_OPTIONS[option]})
    renamed = {"n_positions": "block_size"}
    with pytest.raises(InputError, match=renamed.get(option, option)):
        read_folder(gpt2)


def test_a_vocabulary_larger_than_unicode_is_refused(gpt2: Path) -> None:
    edit(gpt2 / "config.json", vocab_size=1_114_113)
    with pytest.raises(InputError, match="vocab_size is 1114113"):
        read_folder(gpt2)


@pytest.mark.parametrize("option", QWEN3_OPTIONS)
def test_a_qwen3_without_counterpart_names_the_option(qwen3: Path, option: str) -> None:
    edit(qwen3 / "config.json", **{option: QWEN3_OPTIONS[option]})
    with pytest.raises(InputError, match={"rope_parameters": "rope_type"}.get(option, option)):
        read_folder(qwen3)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("ngrams", [], "ngrams is missing"),
        ("ngrams", [1], "ngrams: "),
        ("ngram_embd", "wide", "ngram_embd: "),
        ("ngram_rows", 41, "ngram_sizes is not what ngrams, ngram_rows and vocab_size give"),
        ("ngram_factors", [[1, 2, 3], [1, 2, 0]], "ngram_factors is not what"),
        ("ngram_embd", 31, "ngrams.table.weight is .* says"),
    ],
)
def test_ngrams_without_counterpart_name_the_option(
    make_run: MakeRun, tmp_path: Path, option: str, value: object, told: str
) -> None:
    run = make_run(*BLOCKS["gpt2"], "model.ngrams=[2, 3]", "model.ngram_rows=40")
    folder = exported(run, tmp_path / "ngrams")
    edit(folder / "config.json", **{option: value})
    with pytest.raises(InputError, match=told):
        read_folder(folder)


def test_positions_that_are_only_stretched_are_refused(qwen3: Path) -> None:
    edit(qwen3 / "config.json", rope_parameters={"rope_type": "linear", "factor": 4.0})
    with pytest.raises(InputError, match="rope_type is 'linear'"):
        read_folder(qwen3)


@pytest.mark.parametrize("bos", [None, -1, 10**6, "a"])
def test_a_beginning_that_is_no_symbol_is_not_believed(gpt2: Path, bos: object) -> None:
    edit(gpt2 / "config.json", bos_token_id=bos)
    found = read_folder(gpt2)
    assert found.bos_id == found.tokenizer.document_separator_id


def test_what_a_file_leaves_out_is_the_default_there(qwen3: Path) -> None:
    record = json.loads((qwen3 / "config.json").read_text())
    del record["head_dim"]
    (qwen3 / "config.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="head_dim is 128"):
        read_folder(qwen3)


def subwords(record: dict[str, Any]) -> None:
    record["model"]["merges"] = [["t", "h"], ["th", "e"]]


def two_characters(record: dict[str, Any]) -> None:
    record["model"]["vocab"]["th"] = record["model"]["vocab"].pop("t")


def normalised(record: dict[str, Any]) -> None:
    record["normalizer"] = {"type": "Lowercase"}


def cut(record: dict[str, Any]) -> None:
    record["pre_tokenizer"] = {"type": "Whitespace"}


def fewer(record: dict[str, Any]) -> None:
    del record["model"]["vocab"]["t"]


def odd_ids(record: dict[str, Any]) -> None:
    record["model"]["vocab"]["t"] = 10**12


def framed(record: dict[str, Any]) -> None:
    record["post_processor"] = {"type": "TemplateProcessing", "special_tokens": {"t": {}}}


def whole_texts(record: dict[str, Any]) -> None:
    record["model"]["type"] = "WordLevel"


def unigram(record: dict[str, Any]) -> None:
    record["model"] = {"type": "Unigram", "vocab": [["a", 0.0]]}


TOKENIZERS: dict[Callable[[dict[str, Any]], None], str] = {
    subwords: "has merges: its tokens are subwords",
    two_characters: "not a single character",
    normalised: "normalizer",
    cut: "pre-tokenizer",
    fewer: "from 0 to 98",
    odd_ids: "from 0 to 99",
    framed: "post-processor",
    whole_texts: "pre-tokenizer",
    unigram: "Unigram",
}


@pytest.mark.parametrize("change", TOKENIZERS)
def test_a_tokenizer_of_another_kind_is_told(
    gpt2: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    record = json.loads((gpt2 / "tokenizer.json").read_text("utf-8"))
    change(record)
    (gpt2 / "tokenizer.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(InputError, match=TOKENIZERS[change]) as told:
        read_folder(gpt2)
    assert "single characters or bytes" in (told.value.hint or "")


def test_an_encoder_without_a_mask_token_is_told(gpt2: Path) -> None:
    edit(gpt2 / "config.json", is_causal=False)
    with pytest.raises(InputError, match=r"the last token is .* and the model is an encoder"):
        read_folder(gpt2)


def test_special_tokens_keep_their_ids(gpt2: Path) -> None:
    """Each is a character that no text has, so that all probabilities stay as they are."""
    before = read_folder(gpt2)
    record = json.loads((gpt2 / "tokenizer.json").read_text("utf-8"))
    vocab = record["model"]["vocab"]
    for piece, special in {"~": "[UNK]", "|": "[PAD]", "`": "<|endoftext|>"}.items():
        vocab[special] = vocab.pop(piece)
    # Some stand among the added tokens alone.
    record["added_tokens"].append({"id": vocab.pop("[PAD]"), "content": "[PAD]"})
    (gpt2 / "tokenizer.json").write_text(json.dumps(record), "utf-8")
    after = read_folder(gpt2)
    changed = {
        was: now
        for was, now in zip(before.tokenizer.symbols, after.tokenizer.symbols, strict=True)
        if was != now
    }
    assert changed.keys() == set("~|`")
    assert sorted(changed.values()) == ["\ue000", "\ue001", "\ue002"]
    assert_equal_weights(before.weights, after.weights)


def test_a_vocabulary_padded_to_a_multiple_of_64(gpt2: Path) -> None:
    before = read_folder(gpt2)

    def padded(weights: dict[str, Any]) -> None:
        for name in ("transformer.wte.weight", "lm_head.weight"):
            weights[name] = np.vstack([weights[name], np.ones_like(weights[name][:28])])

    rewrite(gpt2, padded)
    edit(gpt2 / "config.json", vocab_size=128)
    after = read_folder(gpt2)
    assert after.tokenizer.symbols[:100] == before.tokenizer.symbols
    assert after.tokenizer.vocab_size == 128
    edit(gpt2 / "config.json", vocab_size=300)
    with pytest.raises(InputError, match="has 100 tokens"):
        read_folder(gpt2)


@pytest.mark.parametrize(
    ("files", "what", "hint"),
    [
        (("ckpt.pt",), "ckpt.pt is a PyTorch checkpoint", "attn train TEXT --config nanogpt-cpu"),
        (("config.json",), "tokenizer.json is missing", "save_pretrained"),
        (("config.json", "merges.txt"), "tokenizer.json is missing", "merges.txt, of subwords"),
        (("config.yaml",), "is a run already", "attn generate --run"),
        ((), "config.json is missing", "config.json"),
    ],
)
def test_what_people_have_is_told(
    tmp_path: Path, files: tuple[str, ...], what: str, hint: str
) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=what) as told:
        read_folder(tmp_path)
    assert hint in (told.value.hint or "")


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "ckpt.pt").write_bytes(b"a pickle that runs code")
    with pytest.raises(InputError, match=r"ckpt\.pt is a PyTorch checkpoint"):
        read_folder(tmp_path / "ckpt.pt")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut", "noise", "deep", "empty"])
def test_a_damaged_file_is_told_by_its_name(gpt2: Path, name: str, damage: str) -> None:
    path = gpt2 / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        broken = {"cut": whole[: len(whole) // 2], "noise": b"\xff\x00" * 50,
                  "deep": b"[" * 100_000, "empty": b""}  # fmt: skip
        path.write_bytes(broken[damage])
    with pytest.raises(InputError, match=name):
        read_folder(gpt2)


def test_no_size_is_believed_before_the_file_proves_it(gpt2: Path) -> None:
    """Terabytes by the configuration, or by the header of the weights, cost nothing."""
    edit(gpt2 / "config.json", n_embd=65_526, n_inner=10**6, n_layer=1000)
    with pytest.raises(InputError, match="wte"):
        read_folder(gpt2)
    header = json.dumps({"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
    data = struct.pack("<Q", len(header)) + header.encode()
    (gpt2 / "model.safetensors").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_folder(gpt2)


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def test_weights_of_another_model_are_told(gpt2: Path) -> None:
    rewrite(gpt2, lambda weights: weights.pop("transformer.h.1.ln_2.bias"))
    with pytest.raises(InputError, match=r"h\.1\.ln_2\.bias is missing"):
        read_folder(gpt2)
    rewrite(gpt2, lambda weights: weights.update({"transformer.h.1.ln_2.bias": np.zeros(
        5, np.float32)}))  # fmt: skip
    with pytest.raises(InputError, match=r"ln_2\.bias is \(5,\), and config\.json says \(42,\)"):
        read_folder(gpt2)


def test_more_weights_than_the_model_has_are_told(qwen3: Path) -> None:
    rewrite(qwen3, lambda weights: weights.update(adapter=np.zeros(1, np.float32)))
    with pytest.raises(InputError, match="adapter is not part of this model"):
        read_folder(qwen3)


def test_weights_that_are_no_numbers_are_told(qwen3: Path) -> None:
    rewrite(qwen3, lambda weights: weights["model.norm.weight"].__setitem__(0, np.nan))
    with pytest.raises(InputError, match=r"model\.norm\.weight has numbers that are not finite"):
        read_folder(qwen3)


def test_weights_in_several_files_are_told(gpt2: Path) -> None:
    (gpt2 / "model.safetensors").unlink()
    (gpt2 / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match="in several files"):
        read_folder(gpt2)


def test_narrower_floats_are_read_exactly(qwen3: Path) -> None:
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    weights = load_torch(qwen3 / "model.safetensors")
    for kind in (torch.bfloat16, torch.float16):
        save_torch({name: w.to(kind) for name, w in weights.items()}, qwen3 / "model.safetensors")
        imported = read_folder(qwen3).weights["final_norm.weight"]
        wanted = weights["model.norm.weight"].to(kind).float().numpy()
        np.testing.assert_array_equal(imported, wanted)
    save_torch({name: w.long() for name, w in weights.items()}, qwen3 / "model.safetensors")
    with pytest.raises(InputError, match="holds I64"):
        read_folder(qwen3)


def test_gpt2_s_own_files_have_shorter_names_and_masks(make_run: MakeRun, tmp_path: Path) -> None:
    model = make_run("model.bias=true", name="tied")
    folder = exported(model, tmp_path / "out")

    def as_in_2019(weights: dict[str, Any]) -> None:
        for name in list(weights):
            weights[name.removeprefix("transformer.")] = weights.pop(name)
        weights["h.0.attn.bias"] = np.ones((1, 1, 11, 11), np.float32)

    rewrite(folder, as_in_2019)
    imported = read_folder(folder)
    for name, array in model.weights.items():
        np.testing.assert_array_equal(imported.weights[name], array)


def test_a_tied_output_layer_may_be_there_if_it_is_the_same(qwen3: Path) -> None:
    def doubled(weights: dict[str, Any]) -> None:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"].copy()

    rewrite(qwen3, doubled)
    read_folder(qwen3)
    rewrite(qwen3, lambda weights: weights["lm_head.weight"].__setitem__((0, 0), 9.0))
    with pytest.raises(InputError, match=r"lm_head\.weight differs"):
        read_folder(qwen3)


def test_bytes_by_their_names_are_read_too(make_run: MakeRun, tmp_path: Path) -> None:
    folder = exported(make_run(tokenizer=bytes_tokenizer()), tmp_path / "bytes")
    record = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    record["model"] |= {
        "vocab": {f"<0x{byte:02X}>": byte for byte in range(256)}, "byte_fallback": True,
    }  # fmt: skip
    record["pre_tokenizer"] = None
    (folder / "tokenizer.json").write_text(json.dumps(record), "utf-8")
    assert read_folder(folder).tokenizer == bytes_tokenizer()


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("by_name", [False, True])
def test_bytes_and_special_tokens_are_refused_by_name(
    make_run: MakeRun, tmp_path: Path, first: int, *, by_name: bool
) -> None:
    folder = exported(make_run(tokenizer=bytes_tokenizer()), tmp_path / "bytes")
    record = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    pieces = [f"<0x{byte:02X}>" for byte in range(256)] if by_name else record["model"]["vocab"]
    pieces = [*("<pad>", "</s>")[:first], *pieces, *("<pad>", "</s>")[first:]]
    record["model"]["vocab"] = {piece: id_ for id_, piece in enumerate(pieces)}
    record["pre_tokenizer"] = None if by_name else record["pre_tokenizer"]
    record["added_tokens"] = []
    with pytest.raises(InputError, match="t has 2 ids beside those of the 256 bytes"):
        tokenizer_from_file(record, 258, "t")


@pytest.mark.parametrize("kind", ["BPE", "WordLevel"])
@pytest.mark.parametrize("pattern", [{"String": ""}, {"Regex": ""}])
def test_characters_cut_by_a_split_are_read_too(
    gpt2: Path, kind: str, pattern: dict[str, str]
) -> None:
    record = json.loads((gpt2 / "tokenizer.json").read_text("utf-8"))
    record["model"]["type"] = kind
    record["pre_tokenizer"] = {
        "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False,
    }  # fmt: skip
    (gpt2 / "tokenizer.json").write_text(json.dumps(record), "utf-8")
    assert read_folder(gpt2).tokenizer == printable_tokenizer()


ODD: tuple[Any, ...] = (None, True, -1, 0, 5, 1e300, 10**40, "x", [], [1], {}, {"type": []}, [[]])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_whatever_stands_there_is_read_or_told(gpt2: Path, qwen3: Path, name: str) -> None:
    for folder in (gpt2, qwen3):
        path = folder / name
        record = json.loads(path.read_text("utf-8"))
        parts = [record, *(part for part in record.values() if isinstance(part, dict))]
        told = 0
        for part in parts:
            for key, before in list(part.items()):
                for value in ODD:
                    part[key] = value
                    path.write_text(json.dumps(record), "utf-8")
                    try:
                        read_folder(folder)
                    except InputError:
                        told += 1
                part[key] = before
        assert told > 20
