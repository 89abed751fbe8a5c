"""loss.svg: the same metrics give the same file, with any title."""

from __future__ import annotations

from pathlib import Path

import pytest

from attn_cli.runs.loss_plot import plot_losses
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
