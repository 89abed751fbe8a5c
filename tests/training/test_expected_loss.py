"""The loss to expect, beside what was measured."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from attn_cli.text.baselines import Baselines
from attn_cli.training.expected_loss import SPREAD, expected_bits

ROWS = Path(__file__).parents[2] / "benchmarks" / "expected_loss.jsonl"
# By a grammar; or with a validation split that is unlike the rest.
LEFT_OUT = ("tales", "names", "headers", "man-de")
BASELINES = Baselines(4.8, 2.3, 2.5, 2.0, chars=100, train_chars=900)


def test_it_is_near_to_what_was_measured() -> None:
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["text"] not in LEFT_OUT]
    names = {field.name for field in fields(Baselines)}
    near = []
    for row in rows:
        known = {key: value for key, value in row.items() if key in names}
        expected = expected_bits(Baselines(chars=1, train_chars=1, **known), row["trained"])
        near.append(abs(expected / row["bits"] - 1) <= SPREAD)
    assert len(near) == 18
    assert sum(near) >= 17


def test_more_training_promises_less_loss() -> None:
    bits = [expected_bits(BASELINES, chars) for chars in (1e5, 1e6, 1e7)]
    assert bits == sorted(bits, reverse=True)


@pytest.mark.parametrize("chars", [1.0, 1e-3])
def test_next_to_no_training_promises_no_more_than_frequencies(chars: float) -> None:
    assert expected_bits(BASELINES, chars) == BASELINES.single_characters
