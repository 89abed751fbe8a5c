"""The folder for transformers: what is in it, and what transformers make of it."""

from __future__ import annotations

import itertools
import json
import shutil
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file, save_file

from attn_cli.export.hf_tokenizer import MASK
from attn_cli.export.huggingface import huggingface_files
from attn_cli.export.import_hf import import_folder
from attn_cli.export.output import write_folder
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.tokenizer import Tokenizer, bytes_tokenizer, corpus_tokenizer
from tests.export.conftest import (
    BLOCKS,
    CHARS,
    ENCODER,
    PROMPTS,
    Known,
    MakeRun,
    farthest,
    known,
    made_strings,
    random_run,
)
from tests.export.outside import ask

TOLERANCE = 1e-5
FILES = {
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json", "README.md", "attn.json",
}  # fmt: skip
BLANKS = (f"The f{MASK}x", f"Th{MASK} owl met")  # of different lengths
# What the architectures do not have by name, and what can be said exactly with what they have.
KINDS = [
    (f"model.position={position}", f"model.bias={bias}", f"model.tie_embeddings={tied}")
    for position, bias, tied in itertools.product(
        ("learned", "sinusoidal", "none"), ("true", "false"), ("true", "false")
    )
] + [
    ("model.block=qwen3", f"model.position={position}", f"model.tie_embeddings={tied}")
    for position, tied in itertools.product(("rope", "none"), ("true", "false"))
]
KINDS += [(ENCODER, *kind) for kind in KINDS]
# For these the folder has code of its own; a table has a row for each n-gram, or is hashed.
_NGRAMS = ("model.ngrams=[2, 4]", "model.ngram_rows=11000", "model.ngram_embd=5")
NGRAMS = {
    "gpt2 n-grams": (*_NGRAMS, "model.block_size=96"),
    "qwen3 n-grams": (
        *_NGRAMS, "model.block_size=96", *BLOCKS["qwen3"], "model.tie_embeddings=false",
    ),
    "encoder n-grams": (*_NGRAMS, *BLOCKS["gpt2"], ENCODER),
}  # fmt: skip


def exported(model: TrainedModel, folder: Path) -> Path:
    write_folder(folder, huggingface_files(model), model, "hf")
    return folder


def corrupted(folder: Path, to: Path) -> Path:
    """A copy of which a single weight is another."""
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    name = next(
        name for name in weights if name.endswith(("transformer.ln_f.weight", "model.norm.weight"))
    )
    weights[name][0] += 20.0
    save_file(weights, to / "model.safetensors", metadata={"format": "pt"})
    return to


def causal(folder: Path, to: Path) -> Path:
    """A copy of an encoder that is read as a decoder."""
    shutil.copytree(folder, to)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (to / "config.json").write_text(json.dumps({**config, "is_causal": True}), "utf-8")
    return to


@pytest.fixture(scope="module")
def cases(
    learned: Mapping[str, Known],
    learned_encoders: Mapping[str, Known],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Known, dict[str, Any], dict[str, Any]]]:
    """Of each model: what attn knows, what was asked, what transformers answered."""
    root = tmp_path_factory.mktemp("huggingface")
    asked: dict[str, tuple[Known, dict[str, Any]]] = {}

    def case(name: str, ours: Known, folder: Path, **more: Any) -> None:
        request = {
            "folder": str(folder), "ids": ours.ids, "prompts": [], "chars": CHARS, "strings": [],
            "trust": bool(ours.model.config.model.ngrams),
        }  # fmt: skip
        asked[name] = ours, {**request, **more}

    printable = made_strings()
    for block, ours in learned.items():
        folder = exported(ours.model, root / block)
        case(block, ours, folder, prompts=PROMPTS, strings=printable, save=str(root / "re" / block))
        case(f"{block} corrupted", ours, corrupted(folder, root / f"{block}-bad"), prompts=PROMPTS)
    for block, ours in learned_encoders.items():
        folder = exported(ours.model, root / f"{block}-encoder")
        saved = str(root / "re" / f"{block}-encoder")
        case(f"{block} encoder", ours, folder, blanks=BLANKS, strings=printable, save=saved)
        case(f"{block} encoder, causal", ours, causal(folder, root / f"{block}-causal"))
    for kind in KINDS:
        name = " ".join(kind)
        model = random_run(root / "runs" / name, kind)
        case(name, known(model, ()), exported(model, root / name))
    for name, kind in NGRAMS.items():
        # From a single text, so that no id ends what it writes.
        model = random_run(root / "runs" / name, kind, bos_id=96)
        folder, prompts = exported(model, root / name), () if ENCODER in kind else PROMPTS
        more = {"blanks": BLANKS} if ENCODER in kind else {"prompts": prompts}
        case(name, known(model, prompts), folder, save=str(root / "re" / name), **more)
    tokenizers: dict[str, Tokenizer] = {
        "bytes": bytes_tokenizer(), "corpus": corpus_tokenizer("αβγ –“é\n ▁x?"),
    }  # fmt: skip
    for name, tokenizer in tokenizers.items():
        model = random_run(root / "runs" / name, BLOCKS["qwen3"], tokenizer)
        strings = made_strings("".join(tokenizer.symbols) if name == "corpus" else "aé –😀\0\n\f")
        case(name, known(model, ()), exported(model, root / name), strings=strings)
    answers = ask("huggingface", [request for _, request in asked.values()])
    return {name: (*asked[name], answer) for name, answer in zip(asked, answers, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "wanted"),
    {
        "gpt2": "GPT2LMHeadModel",
        "qwen3": "Qwen3ForCausalLM",
        "gpt2 n-grams": "AttnGPT2LMHeadModel",
        "qwen3 n-grams": "AttnQwen3ForCausalLM",
    }.items(),
)
def test_transformers_write_what_attn_writes(cases: dict[str, Any], case: str, wanted: str) -> None:
    ours, request, theirs = cases[case]
    assert theirs["model"] == wanted
    assert farthest(theirs["logits"], ours.logits) < TOLERANCE
    assert theirs["texts"] == theirs["batch"] == ours.texts
    encode = ours.model.tokenizer.encode
    assert theirs["encoded"] == [encode(text).tolist() for text in request["strings"]]
    assert theirs["decoded"] == request["strings"]


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_one_corrupted_weight_fails_the_comparisons(cases: dict[str, Any], block: str) -> None:
    ours, _, theirs = cases[f"{block} corrupted"]
    assert farthest(theirs["logits"], ours.logits) > 100 * TOLERANCE
    assert theirs["texts"] != ours.texts


@pytest.mark.slow
@pytest.mark.parametrize("case", ["gpt2 encoder", "qwen3 encoder", "encoder n-grams"])
def test_transformers_fill_blanks_as_an_encoder_does(cases: dict[str, Any], case: str) -> None:
    ours, request, theirs = cases[case]
    tokenizer, network = ours.model.tokenizer, ours.model.model
    assert farthest(theirs["logits"], ours.logits) < TOLERANCE
    assert theirs["decoded"] == request["strings"]
    for text, padded, guesses in zip(BLANKS, theirs["padded"], theirs["fills"], strict=True):
        before, after = (tokenizer.encode(part).tolist() for part in text.split(MASK))
        logits = network(torch.tensor([[*before, tokenizer.mask_id, *after]]))[0]
        assert farthest(padded[: len(logits)], logits) < TOLERANCE
        probs, ids = logits[len(before)].softmax(dim=-1).topk(3)
        assert [guess["token"] for guess in guesses] == ids.tolist()
        assert [guess["score"] for guess in guesses] == pytest.approx(probs.tolist(), abs=1e-5)
        assert guesses[0]["sequence"] == text.replace(MASK, tokenizer.symbols[ids[0]])


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_an_encoder_read_as_a_decoder_fails_the_comparison(
    cases: dict[str, Any], block: str
) -> None:
    ours, _, theirs = cases[f"{block} encoder, causal"]
    assert farthest(theirs["logits"], ours.logits) > 100 * TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("kind", [" ".join(kind) for kind in KINDS])
def test_whatever_can_be_said_is_said_exactly(cases: dict[str, Any], kind: str) -> None:
    ours, _, theirs = cases[kind]
    assert farthest(theirs["logits"], ours.logits) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bytes", "corpus"])
def test_other_vocabularies_are_read_id_for_id(cases: dict[str, Any], kind: str) -> None:
    ours, request, theirs = cases[kind]
    encode = ours.model.tokenizer.encode
    assert theirs["encoded"] == [encode(text).tolist() for text in request["strings"]]
    assert theirs["decoded"] == request["strings"]
    assert farthest(theirs["logits"], ours.logits) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoder", "encoder"),
    [
        ("gpt2", "gpt2 encoder"),
        ("qwen3", "qwen3 encoder"),
        ("gpt2 n-grams", "encoder n-grams"),
    ],
)
def test_the_card_s_code_runs(cases: dict[str, Any], decoder: str, encoder: str) -> None:
    generated = cases[decoder][2]["printed"]
    assert generated.startswith("T")
    guesses = cases[encoder][2]["printed"].splitlines()
    scores = [float(guess.rpartition(" ")[2]) for guess in guesses]
    assert len(scores) == 5
    assert 1 > scores[0] >= scores[-1] > 0


@pytest.mark.slow
@pytest.mark.parametrize("case", [*BLOCKS, *(f"{block} encoder" for block in BLOCKS), *NGRAMS])
def test_what_transformers_save_comes_back(
    cases: dict[str, Any], case: str, tmp_path: Path
) -> None:
    ours, request, _ = cases[case]
    back = load_model(import_folder(Path(request["save"]), tmp_path / "back").path)
    wanted = ours.model.config.model
    assert back.config.task == ours.model.config.task
    assert back.config.model == wanted.model_copy(update={"n_inner": wanted.inner_width})
    assert back.tokenizer == ours.model.tokenizer
    assert back.weights.keys() == ours.model.weights.keys()
    for name, array in ours.model.weights.items():
        assert (back.weights[name] == array).all()


def test_the_folder_says_all_that_has_another_default_elsewhere(make_run: MakeRun) -> None:
    several, single = make_run(name="several"), make_run(name="single", bos_id=96)
    for model, bos, eos in ((several, 99, 99), (single, 96, None)):
        files = huggingface_files(model)
        assert {*files, "attn.json"} == FILES
        config = json.loads(files["config.json"])
        assert (config["bos_token_id"], config["eos_token_id"]) == (bos, eos)
        settings = json.loads(files["tokenizer_config.json"])
        assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
        assert settings["clean_up_tokenization_spaces"] is False
        # A newline that was special would be left out of what a pipeline shows.
        assert settings.get("eos_token") == (None if eos is None else "\f")
        generation = json.loads(files["generation_config.json"])
        assert (generation["bos_token_id"], generation["eos_token_id"]) == (bos, eos)
        assert json.loads(files["tokenizer.json"])["model"]["vocab"] == {
            symbol: id_ for id_, symbol in enumerate(string.printable)
        }


def test_an_encoder_says_that_it_sees_both_sides(make_run: MakeRun) -> None:
    files = huggingface_files(make_run(ENCODER, bos_id=96))
    assert {*files, "attn.json"} == FILES - {"generation_config.json"}
    assert json.loads(files["config.json"])["is_causal"] is False
    settings = json.loads(files["tokenizer_config.json"])
    assert settings["tokenizer_class"] == "TokenizersBackend"
    assert settings["mask_token"] == settings["pad_token"] == MASK
    assert json.loads(files["tokenizer.json"])["model"]["vocab"][MASK] == 100


@pytest.mark.parametrize("block", BLOCKS)
def test_ngrams_bring_code_that_nobody_runs_unasked(make_run: MakeRun, block: str) -> None:
    files = huggingface_files(make_run(*BLOCKS[block], *_NGRAMS))
    assert {*files, "attn.json"} == FILES | {"configuration_attn.py", "modeling_attn.py"}
    config = json.loads(files["config.json"])
    # transformers would take a type that they know without the code, and without the n-grams.
    assert config["model_type"] == f"attn_{block}"
    for name in config["auto_map"].values():
        module, _, class_name = name.partition(".")
        assert f"class {class_name}(" in files[f"{module}.py"].decode()


def test_nothing_of_this_machine_leaves(make_run: MakeRun, tmp_path: Path) -> None:
    model = make_run()
    folder = exported(model, tmp_path / "out")
    for path in folder.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes(), path.name


def test_the_outside_has_neither_attn_nor_a_network() -> None:
    assert ask("nothing", None) == []


def test_settings_whose_defaults_elsewhere_are_others_are_written(make_run: MakeRun) -> None:
    gpt2 = huggingface_files(make_run("model.dropout=0.25", "sample.temperature=0.7"))
    config = json.loads(gpt2["config.json"])
    assert {config[f"{place}_pdrop"] for place in ("resid", "embd", "attn")} == {0.25}
    sampling = json.loads(gpt2["generation_config.json"])
    assert (sampling["temperature"], sampling["top_k"]) == (0.7, 0), "from all characters"
    rotary = ("model.block=qwen3", "model.position=rope", "model.rope_theta=123.0")
    qwen3 = huggingface_files(make_run(*rotary, "model.dropout=0.25", name="qwen3"))
    config = json.loads(qwen3["config.json"])
    assert config["attention_dropout"] == 0.25
    assert config["rms_norm_eps"] == 1e-6
    assert config["rope_parameters"]["rope_theta"] == config["rope_theta"] == 123.0


def test_generation_elsewhere_is_as_greedy_and_pads_with_what_there_is(make_run: MakeRun) -> None:
    model = make_run("sample.temperature=0.0", tokenizer=corpus_tokenizer("abc"))
    settings = json.loads(huggingface_files(model)["generation_config.json"])
    assert settings["do_sample"] is False
    assert "temperature" not in settings
    assert settings["eos_token_id"] is None
    assert settings["pad_token_id"] == model.bos_id
