"""One model, trained by one process, by two and by four: the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.run_folder import RunFolder
from attn_cli.training.distributed.world import SINGLE_PROCESS
from tests.training.distributed import worker
from tests.training.distributed.torchrun import torchrun
from tests.training.test_resume import assert_same_end, lines

pytestmark = pytest.mark.distributed

COUNTS = (2, 4)
# Where a sum differs in its last digit, what is rounded to bf16 afterwards, as weights are and
# all of Newton's and Schulz's iteration, differs in the third.
ROUGH = 2e-3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process made, and two, and then four."""
    folder = tmp_path_factory.mktemp("together")
    worker.write_texts(folder)
    for name in worker.RUNS:
        worker.train(name, folder, f"{name}-elsewhere-2", SINGLE_PROCESS, 13)
    _launch(2, folder)
    for name in worker.RUNS:
        shutil.copytree(folder / f"{name}-elsewhere-2", folder / f"{name}-from-2")
        worker.train(name, folder, f"{name}-elsewhere-4", SINGLE_PROCESS, 13)
    _launch(4, folder)
    return folder


def _launch(count: int, folder: Path) -> None:
    done = torchrun(count, Path(worker.__file__), folder, folder=folder)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[int, Any]:
    return {count: json.loads((folder / f"result-{count}.json").read_text()) for count in COUNTS}


@pytest.fixture(scope="module", params=worker.LOSSES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_same_losses_whatever_the_number_of_processes(
    kind: str, folder: Path, results: dict[int, Any]
) -> None:
    alone = worker.losses(kind, folder, SINGLE_PROCESS)
    assert alone["steps"][-1] < alone["steps"][0] - 0.1
    for count in COUNTS:
        together = results[count]["losses"][kind]
        tolerance = ROUGH if "bf16" in kind or "muon" in kind else 1e-5
        assert together["steps"] == pytest.approx(alone["steps"], abs=tolerance), count
        assert together["val"] == pytest.approx(alone["val"], abs=tolerance), count


def test_the_exact_loss_of_texts_that_cannot_be_shared_evenly(
    folder: Path, results: dict[int, Any]
) -> None:
    alone = worker.evaluations(folder, SINGLE_PROCESS)
    text, lines = alone[: len(worker.LENGTHS)], alone[len(worker.LENGTHS) :]
    assert [chars for _, chars in text] == [length - 1 for length in worker.LENGTHS]
    train = worker.corpus_of(folder, "lines").train
    assert [chars for _, chars in lines] == [train[:n].n_targets for n in worker.LINES]
    for count in COUNTS:
        for (loss, chars), (known, number) in zip(
            results[count]["evaluations"], alone, strict=True
        ):
            assert chars == number
            assert loss == pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize("count", COUNTS)
def test_processes_with_unequal_numbers_of_targets(count: int, results: dict[int, Any]) -> None:
    """The gradient is that of one plain mean over the whole batch, accumulated or not."""
    for kind, differences in results[count]["uneven"].items():
        tolerance = 1e-6 if "fp32" in kind else 1e-2
        assert max(differences) < tolerance, kind


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", worker.RUNS)
def test_a_stopped_run_ends_bit_for_bit_as_one_that_was_not(
    name: str, count: int, folder: Path, results: dict[int, Any]
) -> None:
    assert results[count]["interrupted"][name] == [True, 13]
    whole, stopped = (RunFolder(folder / f"{name}-{count}{end}") for end in ("", "-stopped"))
    assert_same_end(whole, stopped)


@pytest.mark.parametrize("name", worker.RUNS)
def test_a_run_of_two_is_resumed_alone(name: str, folder: Path) -> None:
    whole = RunFolder(folder / f"{name}-2")
    run = folder / f"{name}-alone"
    shutil.copytree(whole.path, run)
    checkpoint = whole.checkpoints / "step-00000024"
    assert read_checkpoint(checkpoint).metadata.finished
    # Back to the checkpoint before the last.
    shutil.rmtree(run / "checkpoints" / "step-00000024")
    notes = worker.resume(folder, f"{name}-alone", SINGLE_PROCESS)
    assert any("resumed from step 18" in note for note in notes)
    assert any("processes were 2 and are 1" in note for note in notes)
    assert lines(RunFolder(run))[-1]["step"] == 24


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", worker.RUNS)
def test_a_run_of_one_is_resumed_in_several(
    name: str, count: int, folder: Path, results: dict[int, Any]
) -> None:
    notes = results[count]["elsewhere"][name]
    assert any("resumed from step 13" in note for note in notes)
    assert any(f"processes were 1 and are {count}" in note for note in notes)
    assert lines(RunFolder(folder / f"{name}-elsewhere-{count}"))[-1]["step"] == 24


def test_a_device_that_one_process_alone_names_is_no_reason_to_wait(
    results: dict[int, Any],
) -> None:
    """Each asks the others whether the run has ended, or none does."""
    for count in COUNTS:
        first, *_ = results[count]["device of one"]
        assert "ended after" in first or first.startswith("resumed from step")


def test_each_process_draws_its_own_random_numbers(results: dict[int, Any]) -> None:
    for count in COUNTS:
        drawn = {tuple(numbers) for numbers in results[count]["drawn"]}
        assert len(drawn) == count


def test_one_process_alone_has_the_random_numbers_that_it_always_had(
    folder: Path, results: dict[int, Any]
) -> None:
    import torch

    worker.learner(folder)
    assert torch.rand(4).tolist() == results[2]["drawn"][0]


def test_each_process_takes_its_share_of_the_cores(results: dict[int, Any]) -> None:
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for count in COUNTS:
        assert results[count]["threads"] == max(1, (cores or 1) // count)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("validation", ("process 1 has a different validation text from process 0",)),
        ("text", ("process 1 has a different text from process 0", "copy the same text")),
        ("config", ("process 1 has a different configuration", "train.steps 100 -> 101")),
        ("folder", ("on this host is not the folder", "all hosts share")),
    ],
)
def test_processes_that_differ_are_told(
    what: str, words: tuple[str, ...], results: dict[int, Any]
) -> None:
    for count in COUNTS:
        first, second, *_ = results[count]["refused"][what]
        assert first == ""
        for word in words:
            assert word in second


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("batch", ("not divisible by the {count} processes", "set train.batch_size=")),
        ("mps", ("{count} processes cannot share the device mps", "train.device=cpu")),
    ],
)
def test_what_no_process_can_do_is_told(
    what: str, words: tuple[str, ...], results: dict[int, Any]
) -> None:
    for count in COUNTS:
        for said in results[count]["refused"][what]:
            for word in words:
                assert word.format(count=count) in said
