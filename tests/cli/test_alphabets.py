"""Texts in any script: trained on without a flag, and written as they are."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.cells import cell_len

from attn_cli.cli.progress import excerpt
from tests.alphabets import SENTENCES
from tests.conftest import Outcome

Attn = Callable[..., Outcome]

QUICK = (
    "--steps", "4", "--set", "model.n_layer=1", "--set", "model.n_head=1", "--set",
    "model.n_embd=16", "--set", "model.block_size=16", "--set", "train.precision=fp32",
)  # fmt: skip


def written(folder: Path, text: str) -> str:
    (folder / "mine.txt").write_text(text, encoding="utf-8")
    return "mine.txt"


def tokenizer_of(run: Path) -> str:
    kind: str = yaml.safe_load((run / "config.yaml").read_text())["data"]["tokenizer"]
    return kind


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_a_text_in_any_script_needs_no_flag(attn: Attn, tmp_path: Path, sentence: str) -> None:
    name = written(tmp_path, sentence * 20)
    outcome = attn("train", name, *QUICK, "--out", "run")
    assert outcome.code == 0, outcome.err
    assert "vocabulary: corpus" in outcome.err
    assert "for another, set data.tokenizer=" in outcome.err
    assert tokenizer_of(tmp_path / "run") == "corpus"
    text = attn("generate", sentence[:8], "--run", "run", "--max-new-chars", "50").out
    assert "\\u" not in outcome.out + outcome.err
    assert text.startswith(sentence[:8])
    assert set(text) <= set(sentence)
    next_command = shlex.split(outcome.out.rpartition("next: attn ")[2].splitlines()[0])
    assert next_command[0] == "generate"
    assert set("".join(next_command[1:-2])) <= set(sentence)
    assert attn(*next_command).code == 0
    opening = attn("explain", "--run", "run", "--json").json["text"]
    assert len(opening.strip()) > 3
    assert set(opening) <= set(sentence)
    for command in ("inspect-logits", "inspect-attention"):
        shown = attn(command, sentence[:8], "--run", "run")
        assert "\\u" not in shown.out + shown.err


@pytest.mark.parametrize("sentence", [*SENTENCES.values(), "ACGT"], ids=[*SENTENCES, "DNA"])
@pytest.mark.parametrize("columns", [30, 80])
def test_an_excerpt_fills_the_terminal_in_cells(sentence: str, columns: int) -> None:
    lines = excerpt(sentence * 50, columns).splitlines()
    assert len(lines) == 2
    assert all(columns // 2 < cell_len(line) <= columns for line in lines)
    assert lines[1].endswith(" …")
    words = {word for line in lines for word in line.split()} - {"│", "…"}
    if sentence != "ACGT":
        assert words <= set(sentence.split())


def test_an_excerpt_of_what_is_short() -> None:
    assert excerpt("The owl.\n\nIt slept.", 80) == "  │ The owl. It slept."
    assert excerpt("\n", 80) == ""


def test_what_was_chosen_stays_when_a_run_is_resumed(attn: Attn, tmp_path: Path) -> None:
    name = written(tmp_path, "café au lait " * 50)
    attn("train", name, *QUICK, "--out", "run")
    assert attn("train", "--resume", "run", "--set", "train.steps=8").code == 0
    assert tokenizer_of(tmp_path / "run") == "corpus"
    # In English by now: the configuration that was written says what the vocabulary is.
    written(tmp_path, "coffee and milk " * 50)
    assert attn("train", name, "--config", "run/config.yaml", "--out", "again").code == 0
    assert tokenizer_of(tmp_path / "again") == "corpus"


def test_init_from_keeps_the_vocabulary(attn: Attn, tmp_path: Path) -> None:
    attn("train", written(tmp_path, "elle boit un café " * 50), *QUICK, "--out", "first")
    name = written(tmp_path, "elle boit un cafe " * 50)
    by_key = (*QUICK, "--set", "train.init_from=first")
    for out, how in {"a": ("--steps", "2", "--init-from", "first"), "b": by_key}.items():
        outcome = attn("train", name, *how, "--out", out)
        assert outcome.code == 0, outcome.err
        assert tokenizer_of(tmp_path / out) == "corpus"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("--set", "data.tokenizer=bytes"), "bytes"),
        (("--set", "data={tokenizer: printable, text: mine.txt}"), "printable"),
        (("--config", "mine.yaml"), "printable"),
    ],
)
def test_a_vocabulary_that_is_named_is_taken(
    attn: Attn, tmp_path: Path, arguments: tuple[str, ...], kind: str
) -> None:
    (tmp_path / "mine.yaml").write_text("data: {validation_fraction: 0.2}")
    name = written(tmp_path, "a cafe, and a café. " * 30)
    outcome = attn("train", name, *QUICK, *arguments, "--out", "run")
    assert outcome.code == 0, outcome.err
    assert "for another" not in outcome.err
    assert tokenizer_of(tmp_path / "run") == kind
