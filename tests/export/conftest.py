"""Models that leave: two that were trained for real, and any other with random weights."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.config.load import load_config, parse_override
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.text_generator import load_text_generator
from attn_cli.model.build import build_model
from attn_cli.runs.checkpoint import save_checkpoint
from attn_cli.runs.checkpoint_metadata import DatasetInfo, TrainerState
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.tokenizer import Tokenizer, printable_tokenizer
from tests.conftest import train_in

CHARS = 64
PROMPTS = ("The fox", "The owl met", "They sat", "moon", "T")
ENCODER = "task=mlm"
LABELS = ["fox", "øwl", "moon", "a b", "sun"]
BLOCKS = {
    "gpt2": ("model.block=gpt2", "model.bias=true", "model.tie_embeddings=false"),
    "qwen3": ("model.block=qwen3", "model.position=rope"),
}
SMALL = (
    "model.n_layer=2", "model.n_head=3", "model.n_embd=42", "model.n_inner=23",
    "model.block_size=11",
)  # fmt: skip

MakeRun = Callable[..., TrainedModel]


@dataclass(frozen=True)
class Known:
    """What attn itself makes of a model."""

    model: TrainedModel
    ids: list[list[int]]
    logits: torch.Tensor
    texts: list[str]

    @property
    def run(self) -> Path:
        return self.model.folder.path


def known(model: TrainedModel, prompts: Sequence[str] = PROMPTS) -> Known:
    """Logits of some texts, and what it writes greedily."""
    network = model.checkpoint.load_model()
    V, T = network.vocab_size, min(13, network.config.block_size)
    ids = torch.randint(0, V, (3, T), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        logits = network(ids)
    greedy = GenerationConfig(max_new_chars=CHARS, temperature=0.0)
    texts = []
    if prompts:
        streams = load_text_generator(model).stream(prompts, [0] * len(prompts), greedy)
        texts = [stream.prompt + stream.result().text for stream in streams]
    return Known(model, ids.tolist(), logits, texts)


def farthest(found: Any, wanted: torch.Tensor) -> float:
    """The largest difference of two lists of numbers."""
    return (torch.as_tensor(found) - wanted).abs().max().item()


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory, verse_file: Path) -> Mapping[str, Known]:
    """A trained model of each block, with room for a prompt and 64 characters."""
    root = tmp_path_factory.mktemp("learned")
    return {
        block: known(
            load_model(
                train_in(
                    root / block, verse_file, "model.block_size=96", "train.steps=160", *overrides
                ).run.path
            )
        )
        for block, overrides in BLOCKS.items()
    }


@pytest.fixture(scope="session")
def learned_encoders(
    tmp_path_factory: pytest.TempPathFactory, verse_file: Path
) -> Mapping[str, Known]:
    """The same of encoders, which have learned less."""
    root = tmp_path_factory.mktemp("learned-encoders")
    return {
        block: known(
            load_model(
                train_in(root / block, verse_file, ENCODER, "train.steps=80", *overrides).run.path
            ),
            (),
        )
        for block, overrides in BLOCKS.items()
    }


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run whose weights are random, none of them zero or one."""

    def make(
        *overrides: str,
        tokenizer: Tokenizer | None = None,
        name: str = "random",
        bos_id: int | None = None,
    ) -> TrainedModel:
        return random_run(tmp_path / name, overrides, tokenizer, bos_id)

    return make


def random_run(
    folder: Path,
    overrides: Sequence[str] = (),
    tokenizer: Tokenizer | None = None,
    bos_id: int | None = None,
) -> TrainedModel:
    tokenizer = tokenizer or printable_tokenizer()
    config = load_config(None, [parse_override(override) for override in (*SMALL, *overrides)])
    if config.task in ("mlm", "classify"):
        tokenizer = tokenizer.with_mask()
    labels = LABELS if config.task == "classify" else []
    torch.manual_seed(3)
    model = build_model(config.model, tokenizer.vocab_size, config.task, len(labels))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if name.endswith("norm.weight") else 0.0
            parameter.copy_(centre + 0.3 * torch.randn_like(parameter))
    run = RunFolder(folder)
    run.checkpoints.mkdir(parents=True)
    start = tokenizer.document_separator_id if bos_id is None else bos_id
    saved = save_checkpoint(
        run.checkpoints, model, {}, {}, config, tokenizer,
        DatasetInfo(name="random", chars=1, sha256="0", bos_id=start, labels=labels),
        TrainerState(step=7, best_step=7, best_val_loss=1.25),
    )  # fmt: skip
    run.set_pointer("best", saved)
    run.write_config_and_tokenizer(config, tokenizer)
    return load_model(folder)


def made_strings(alphabet: str = string.printable) -> list[str]:
    """A hundred strings of these characters, the whole alphabet among them."""
    made = [alphabet, alphabet[::-1], "  two  spaces  ", " a", "don 't do it .", "\n\n\t \x0b\x0c"]

    @settings(max_examples=100, database=None, deadline=None)
    @given(st.text(alphabet=alphabet, min_size=1, max_size=40))
    def collect(text: str) -> None:
        made.append(text)

    collect()
    return [text for text in made if set(text) <= set(alphabet)]
