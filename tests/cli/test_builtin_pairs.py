"""The built-in pairs: their task and their columns follow from their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli.config.load import load_config
from attn_cli.text.read_options import ReadOptions
from attn_cli.text.sources import open_source
from tests.conftest import TINY, Outcome

Attn = Callable[..., Outcome]
QUICK = ["--steps=1", *(f"--set={setting}" for setting in TINY), "--set=model.block_size=48"]


@pytest.mark.parametrize(
    ("name", "features", "told"),
    [
        ("dates", None, "source is column source; target is column target"),
        ("owlish", ["features"], "column source with the features of features"),
    ],
)
def test_the_name_says_what_to_learn(
    attn: Attn, tmp_path: Path, name: str, features: list[str] | None, told: str
) -> None:
    outcome = attn("train", name, *QUICK, "--out", "run")
    assert outcome.code == 0, outcome.err
    assert told in outcome.err
    config = load_config(tmp_path / "run" / "config.yaml")
    assert config.task == "seq2seq"
    assert config.data.features == features


def test_columns_can_change_places(attn: Attn) -> None:
    turned = ["--set=data.column=target", "--set=data.target=source"]
    outcome = attn("train", "dates", *QUICK, *turned)
    assert outcome.code == 0, outcome.err
    assert "source is column target; target is column source" in outcome.err


def test_another_task_reads_the_sources_alone() -> None:
    text = "".join(open_source(["owlish"], options=ReadOptions(lines=True)).chunks())
    assert text.startswith("hus\nhitwenom\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["tales", "--task=seq2seq"], "'tales' has no targets\n  give dates, owlish, or a table"),
        (["dates", "--task=classify"], "'dates' has no labels"),
        (["dates", "--task=lm", "--set=data.column=target"], "'dates' is read as it is"),
    ],
)
def test_what_a_built_in_text_is_not(attn: Attn, arguments: list[str], error: str) -> None:
    refused = attn("train", *arguments, *QUICK)
    assert refused.code == 2
    assert error in refused.err
