"""What else belongs to a value that was set, or has its name, is told."""

from pathlib import Path

import pytest

from attn_cli.config.load import parse_override
from attn_cli.training.request import make_request, notes_on_overrides
from tests.conftest import tiny_config

RATE, MATRIX_RATE = "train.learning_rate=2e-3", "train.matrix_learning_rate=1e-2"


@pytest.mark.parametrize(
    ("settings", "optimizer", "told"),
    [
        ((RATE,), "muon", True),
        ((RATE, MATRIX_RATE), "muon", False),
        ((MATRIX_RATE,), "muon", False),
        ((RATE,), "adamw", False),
        ((), "muon", False),
    ],
)
def test_one_of_two_learning_rates(settings: tuple[str, ...], optimizer: str, told: bool) -> None:
    request = make_request(settings=[parse_override(each) for each in settings])
    config = tiny_config(f"train.optimizer={optimizer}", *settings)
    notes = list(notes_on_overrides(request, config))
    assert len(notes) == told
    if told:
        assert "train.learning_rate 0.002 is AdamW's" in notes[0]
        assert "train.matrix_learning_rate, which stays 0.02" in notes[0]


def test_a_file_with_the_name_of_a_built_in_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(notes_on_overrides(make_request(config="lesson"), tiny_config())) == []
    for name in ("lesson", "lesson.yaml"):
        (tmp_path / name).touch()
    assert list(notes_on_overrides(make_request(config="lesson"), tiny_config())) == [
        "config lesson is the built-in one; for the file here: ./lesson",
        "config lesson is the built-in one; for the file here: ./lesson.yaml",
    ]
    assert list(notes_on_overrides(make_request(config="./lesson.yaml"), tiny_config())) == []
