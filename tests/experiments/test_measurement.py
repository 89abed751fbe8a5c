"""What is read of a run: its loss, its machine, and what the loss is of."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from attn_cli.errors import CheckpointError
from attn_cli.experiments.measurement import read_measurement
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Trained
from tests.run_copies import copy_run


def test_a_run_is_measured_by_its_latest_checkpoint(trained: Trained) -> None:
    found, result = read_measurement(trained.run), trained.result
    assert (found.seed, found.task, found.finished) == (1337, "lm", True)
    assert (found.val_loss, found.value("loss")) == (result.val_loss, result.val_loss)
    assert found.bits_per_char == pytest.approx(found.val_loss / math.log(2))
    assert (found.steps, found.chars, found.parameters) == (
        result.steps, result.chars, result.parameters
    )  # fmt: skip
    assert found.value("accuracy") is None


def test_a_run_says_what_machine_it_is_from(trained: Trained) -> None:
    machine = read_measurement(trained.run).machine
    assert machine is not None
    assert machine.threads == torch.get_num_threads()
    assert str(machine).startswith(machine.processor)


def test_a_run_that_does_not_say_is_of_an_unknown_machine(trained: Trained, tmp_path: Path) -> None:
    assert read_measurement(copy_run(trained.run, tmp_path / "run", machine=None)).machine is None


def test_what_was_right_is_that_of_the_best_step(trained: Trained, tmp_path: Path) -> None:
    run = copy_run(trained.run, tmp_path / "run", best_step=80, train__seed=7)
    lines = [
        f'{{"step": {step}, "chars": 1, "seconds": 1, "lr": 0.1, "chars_per_second": 1, '
        f'"val_loss": 1.0, "val_accuracy": {right}, "val_error_rate": 0.25}}'
        for step, right in ((80, 0.9), (160, 0.5))
    ]
    run.metrics.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = read_measurement(run)
    assert found.right == {"accuracy": 0.9, "error_rate": 0.25}
    assert found.seed == 7


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"data__validation_fraction": 0.2}, "validation split"),
        ({"data__unknown": "drop"}, "vocabulary"),
    ],
)
def test_what_a_loss_is_of(
    trained: Trained, tmp_path: Path, changed: dict[str, object], what: str
) -> None:
    ours = read_measurement(trained.run).evaluated_on
    theirs = read_measurement(copy_run(trained.run, tmp_path / "run", **changed)).evaluated_on
    assert [key for key in ours if ours[key] != theirs[key]] == [what]


def test_a_text_is_known_by_its_contents(trained: Trained, tmp_path: Path) -> None:
    measured = read_measurement(trained.run)
    renamed = measured.state.data.model_copy(update={"name": "other"}).model_dump()
    copied = read_measurement(copy_run(trained.run, tmp_path / "run", data=renamed))
    assert copied.state.data.name != measured.state.data.name
    assert copied.evaluated_on == measured.evaluated_on


def test_a_run_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_measurement(RunFolder(tmp_path))
