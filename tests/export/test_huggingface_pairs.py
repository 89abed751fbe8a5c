"""An encoder-decoder for transformers, and what they make of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from attn_cli.errors import InputError
from attn_cli.export.huggingface import huggingface_files
from attn_cli.export.output import write_folder
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.translation import Translator
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer, tokenizer_from_json
from tests.conftest import Outcome, train_in
from tests.export.conftest import MakeRun, farthest, random_run
from tests.export.outside import ask

TOLERANCE = 1e-5
PAIRS = "task=seq2seq"
SOURCES = ["abc", "f", "fedcba", "aabbc"]
TRAINED = (
    PAIRS, "model.position=learned", "train.optimizer=muon", "train.best_by=last",
    "data.tokenizer=corpus", "train.steps=400",
)  # fmt: skip
KINDS = [
    " ".join((f"model.position={position}", f"model.bias={bias}", f"model.tie_embeddings={tied}"))
    for position, bias, tied in itertools.product(
        ("learned", "sinusoidal", "none"), ("true", "false"), ("true", "false")
    )
]
CASES = ["trained", "bytes", *KINDS]


def logits_of(model: LoadedModel, ids: torch.Tensor) -> torch.Tensor:
    """Those of a target for each of the sources, which are padded."""
    rows = [[*model.encode_source(source).tolist(), model.bos_id] for source in SOURCES]
    lengths = torch.tensor([[len(row)] for row in rows])
    S = int(lengths.max())
    padded = torch.tensor([row + [0] * (S - len(row)) for row in rows])
    mask = (torch.arange(S) < lengths)[:, None, None]
    with torch.no_grad():
        return model.encoder_decoder(ids, padded, source_mask=mask)


def targets_of(model: LoadedModel) -> list[str]:
    greedy = GenerationConfig(max_new_chars=model.config.model.block_size, temperature=0.0)
    return [found.targets[0].text for found in Translator([model]).translate(SOURCES, greedy)]


@pytest.fixture(scope="module")
def cases(
    pairs_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[TrainedModel, torch.Tensor, dict[str, Any]]]:
    """Of each model: itself, the targets that were scored, what transformers answered."""
    root = tmp_path_factory.mktemp("pegasus")
    models = {"trained": load_model(train_in(root / "run", pairs_file, *TRAINED).run.path)}
    letters = corpus_tokenizer("abcdef\n")
    for kind in KINDS:
        models[kind] = random_run(root / kind, (PAIRS, *kind.split()), letters, 0)
    models["bytes"] = random_run(root / "bytes", (PAIRS,), bytes_tokenizer(), 10)
    requests, asked = [], []
    for name, model in models.items():
        folder = root / f"{name} exported"
        write_folder(folder, huggingface_files(model), model, "hf")
        generator = torch.Generator().manual_seed(5)
        ids = torch.randint(0, model.tokenizer.vocab_size, (len(SOURCES), 7), generator=generator)
        asked.append((model, ids))
        requests.append({"folder": str(folder), "sources": SOURCES, "ids": ids.tolist()})
    answers = ask("huggingface", requests)
    return {
        name: (*ours, answer) for name, ours, answer in zip(models, asked, answers, strict=True)
    }


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_transformers_write_the_targets_that_attn_writes(cases: dict[str, Any], case: str) -> None:
    model, ids, theirs = cases[case]
    assert theirs["model"] == "PegasusForConditionalGeneration"
    assert farthest(theirs["logits"], logits_of(model, ids)) < TOLERANCE
    assert theirs["targets"] == theirs["alone"] == targets_of(model)


@pytest.mark.slow
def test_the_trained_targets_are_right_and_the_card_s_code_prints_one_a_line(
    cases: dict[str, Any],
) -> None:
    *_, theirs = cases["trained"]
    assert theirs["targets"][0] == "cba"
    assert theirs["printed"].count("\n") == 2


def test_what_pegasus_does_not_have_is_refused_by_name(make_run: MakeRun) -> None:
    for number, option in enumerate(
        ("model.position=rope", "model.block=qwen3", "model.source_neighbours=true")
    ):
        model = make_run(PAIRS, option, name=str(number))
        with pytest.raises(InputError, match=f"^{option} has no counterpart in Pegasus") as told:
            huggingface_files(model)
        assert told.value.hint is not None
        assert "model.block=gpt2 model.position=learned" in told.value.hint


def test_symbols_of_several_characters_are_refused(make_run: MakeRun) -> None:
    tokenizer = tokenizer_from_json({"kind": "corpus", "symbols": ["\n", "a", "[PST]"]})
    with pytest.raises(InputError, match=r"symbols of several characters, such as '\[PST\]'"):
        huggingface_files(make_run(PAIRS, tokenizer=tokenizer, bos_id=0))


def test_import_refuses_it_by_its_architecture(
    attn: Callable[..., Outcome], make_run: MakeRun
) -> None:
    assert attn("export", "hf", "model", "--run", make_run(PAIRS, bos_id=96).folder.path).code == 0
    refused = attn("import", "model")
    assert refused.code == 2
    assert "its model_type is 'pegasus'" in refused.err
