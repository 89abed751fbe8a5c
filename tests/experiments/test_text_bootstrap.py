"""The bootstrap over blocks of a text: against known intervals, and on two real checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attn_cli.experiments.text_bootstrap import TextBootstrap, bootstrap, compare_checkpoints
from tests.conftest import Trained, train_in


def test_of_independent_values_it_is_the_interval_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(0.1, 1.0, 10_000)
    found = bootstrap(values, block=10)
    assert found.delta == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.01, rel=0.1)


def test_neighbours_that_are_alike_widen_it() -> None:
    # Each value 50 times over: as many different ones as blocks.
    values = np.repeat(np.random.default_rng(1).normal(0.1, 1.0, 2000), 50)
    wide = bootstrap(values, block=500)
    narrow = bootstrap(values, block=1)
    assert wide.high - wide.low == pytest.approx(2 * 1.96 / 2000**0.5, rel=0.2)
    assert narrow.high - narrow.low < 0.2 * (wide.high - wide.low)


def test_the_interval_has_the_truth_in_95_of_100_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attn_cli.experiments.text_bootstrap.RESAMPLES", 400)
    random, covered = np.random.default_rng(2), 0
    for _ in range(200):
        noise = random.normal(0, 1, 4000 + 9)
        values = 0.5 + np.convolve(noise, np.full(10, 0.1), "valid")  # ten neighbours alike
        found = bootstrap(values, block=100)
        covered += found.low <= 0.5 <= found.high
    assert 0.90 <= covered / 200 <= 0.98


def test_two_checkpoints_on_their_validation_text(
    trained: Trained, verse_file: Path, tmp_path: Path
) -> None:
    begun = train_in(tmp_path / "begun", verse_file, "train.steps=20", "train.eval_every=20")
    found = compare_checkpoints(begun.run.path, trained.run.path)
    if isinstance(found, str):
        pytest.fail(found)
    assert isinstance(found, TextBootstrap)
    before, after = begun.result.val_loss, trained.result.val_loss
    assert before is not None
    assert after is not None
    assert found.delta == pytest.approx(after - before, abs=1e-4)
    assert found.is_certain
    again = compare_checkpoints(trained.run.path, trained.run.path)
    assert isinstance(again, TextBootstrap)
    assert (again.delta, again.low, again.high, again.is_certain) == (0, 0, 0, False)
