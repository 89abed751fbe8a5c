"""`attn doctor`: what one pastes into a bug report, without whose machine it is."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attn_cli import __version__
from tests.conftest import Outcome

Attn = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attn: Attn) -> Path:
    """A user's home folder with the cache and the runs in it."""
    home = tmp_path / "homes" / "gwendolyn"
    (home / "cache" / "texts").mkdir(parents=True)
    (home / "cache" / "texts" / "names.txt").write_bytes(b"x" * 2048)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("LOGNAME", "USER", "USERNAME"):
        monkeypatch.setenv(name, "gwendolyn")
    monkeypatch.setenv("ATTN_CACHE", str(home / "cache"))
    monkeypatch.setenv("ATTN_RUNS", "/scratch/gwendolyn/runs")
    return home


def test_a_report_has_what_a_maintainer_asks_for(attn: Attn, home: Path) -> None:
    done = attn("doctor")
    assert done.code == 0, done.err
    told = dict(line.split(":", 1) for line in done.out.splitlines())
    told = {name: value.strip() for name, value in told.items()}
    assert told["attn"] == __version__
    assert platform.python_version() in told["Python"]
    assert torch.__version__ in told["torch"]
    assert f"{torch.get_num_threads()} threads" in told["torch"]
    assert "numpy" in told["packages"]
    assert "gguf" in told["[gguf]"]
    assert told["precision"] in ("auto means fp32 here", "auto means bf16 here")
    assert "texts 2.0 KiB" in told["cache"]
    assert "utf-8" in told["terminal"]
    assert "ATTN_RUNS=/scratch/USER/runs" in told["variables"]


def test_nothing_says_whose_machine_it_is(attn: Attn, home: Path) -> None:
    for options in ((), ("--json",)):
        assert "gwendolyn" not in attn("doctor", *options).out


def test_json_has_the_measurements(attn: Attn, home: Path) -> None:
    facts = attn("doctor", "--json").json
    speed = facts["cores"]["products_per_second"]
    assert facts["cores"]["product"] == [1024, 256, 256]
    assert (facts["cores"]["precision_auto"] == "bf16") == (speed["bf16"] > 1.5 * speed["fp32"])
    assert facts["cache"]["bytes"]["texts"] == 2048
    assert facts["torch"]["version"] == torch.__version__
