"""loss.svg: the same metrics give the same file, with any title."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attn_cli.figures.loss import plot_losses
from attn_cli.runs.metrics import StepMetrics

METRICS = [
    StepMetrics(1, 10, 0.1, 3.0, 0.1, 1.0, 100.0),
    StepMetrics(2, 20, 0.2, None, 0.1, None, 100.0),
    StepMetrics(3, 30, 0.3, 2.5, 0.1, 1.0, 100.0, val_loss=2.6),
]


@pytest.mark.parametrize("title", ["verse", "a_b^c $x_1$ <&>", "詩", "\udc80"])
def test_the_same_run_gives_the_same_file(tmp_path: Path, title: str) -> None:
    for name in ("one.svg", "other.svg"):
        plot_losses(tmp_path / name, METRICS, title)
    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert drawn == (tmp_path / "other.svg").read_text(encoding="utf-8")
    shown = title.encode(errors="replace").decode()
    for special, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        shown = shown.replace(special, escaped)
    assert f">{shown}</text>" in drawn, "text stays text, and is no formula"
    assert "validation" in drawn
    plot_losses(tmp_path / "early.svg", METRICS[:1], title)
    assert "validation" not in (tmp_path / "early.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "environment",
    [
        {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},  # of a notebook's `!attn`
        {"MPLBACKEND": "not a backend"},
        {"HOME": "/nowhere", "MPLCONFIGDIR": "/nowhere", "XDG_CACHE_HOME": "/nowhere"},
        {"HOME": None, "TERM": "dumb", "LC_ALL": "C", "LANG": None},
    ],
)
def test_it_is_drawn_without_a_word_in_any_environment(
    tmp_path: Path, environment: dict[str, str | None]
) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.figures.test_loss import METRICS;"
        "from attn_cli.figures.loss import plot_losses;"
        "plot_losses(Path(sys.argv[1]), METRICS, 'verse')"
    )
    wanted = os.environ | environment
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "loss.svg")],
        env={name: value for name, value in wanted.items() if value is not None},
        capture_output=True,
        check=True,
        text=True,
    )
    assert ended.stdout + ended.stderr == ""
    assert "validation" in (tmp_path / "loss.svg").read_text(encoding="utf-8")
