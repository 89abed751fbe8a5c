"""The fastest number of threads is found, other work is noticed, alone nothing changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attn_cli.objectives.next_char import NextChar
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import load_corpus
from attn_cli.training.threads import CROWDED, ThreadPolicy, ThreadSearch, free_cores
from attn_cli.training.trainer import Trainer
from tests.conftest import tiny_config

Machine = Callable[[int], tuple[float, float]]  # threads -> wall and CPU seconds of a step


def quiet(threads: int) -> tuple[float, float]:
    """Two cores for the run alone: two threads take two thirds of one's time."""
    wall = {1: 0.15, 2: 0.1}[threads]
    return wall, 0.98 * threads * wall


def busy(threads: int) -> tuple[float, float]:
    """Another process on one of two cores: threads that wait for each other are slow."""
    wall = {1: 0.16, 2: 2.0}[threads]
    return wall, min(threads, 1.33) * wall


def policy_of_two(machine: Machine = quiet) -> tuple[ThreadPolicy, list[int]]:
    """A run on two cores, and the numbers that torch was told."""
    told: list[int] = []

    def look() -> float:
        wall, cpu = machine(told[-1])
        return cpu / wall

    return ThreadPolicy("auto", 2, set_threads=told.append, free_cores=look), told


def run(policy: ThreadPolicy, machine: Machine, steps: int) -> list[str]:
    """Does steps on a machine; what the user was told."""
    messages = [policy.record_step(*machine(policy.threads)) for _ in range(steps)]
    return [message for message in messages if message]


def test_alone_on_the_machine_nothing_ever_changes() -> None:
    policy, told = policy_of_two()
    assert run(policy, quiet, 5000) == []
    assert told == [2]


def test_other_work_is_noticed_within_a_few_steps_and_told() -> None:
    policy, _ = policy_of_two()
    run(policy, quiet, 50)
    messages = run(policy, busy, 12)
    assert policy.threads == 1
    assert len(messages) == 1
    assert "other work" in messages[0]


def test_all_threads_come_back_when_the_cores_are_free_again() -> None:
    policy, told = policy_of_two()
    run(policy, quiet, 20)
    run(policy, busy, 20)
    assert policy.threads == 1

    def look_at_quiet() -> float:
        return 0.98 * told[-1]

    policy._free_cores = look_at_quiet
    messages = run(policy, quiet, 500)
    assert policy.threads == 2
    assert len(messages) == 1
    assert "free again" in messages[0]


def test_beside_other_work_hardly_any_time_goes_into_looking_for_free_cores() -> None:
    policy, told = policy_of_two(busy)
    assert policy.threads == 1  # from the first step on
    run(policy, busy, 1000)
    assert told.count(1) == told.count(2)
    seconds = 1000 * 0.16
    assert told.count(2) <= seconds / 4 + 1  # short looks, no steps of two seconds


def test_slow_steps_with_all_of_the_processor_are_no_other_work() -> None:
    policy, told = policy_of_two()
    run(policy, lambda threads: (5.0, 9.9), 50)
    assert told == [2]


def test_steps_that_never_keep_all_threads_at_work_are_no_other_work() -> None:
    policy, told = policy_of_two()
    run(policy, lambda threads: (0.1, 0.12), 500)
    assert told == [2]


@pytest.mark.parametrize("setting", [1, 2, 3])
def test_a_number_wins(setting: int) -> None:
    told: list[int] = []
    policy = ThreadPolicy(setting, 2, set_threads=told.append, free_cores=lambda: 0.1)
    run(policy, lambda threads: (2.0, 1.0), 50)
    assert told == [setting]


def test_several_processes_keep_what_they_begin_with() -> None:
    told: list[int] = []
    policy = ThreadPolicy("auto", 8, adapts=False, set_threads=told.append)
    run(policy, lambda threads: (2.0, 1.0), 50)
    assert told == [8]


@pytest.mark.parametrize("fastest", [1, 2, 3, 4, 8, 16])
def test_the_search_finds_a_number_of_about_the_best_speed(fastest: int) -> None:
    def seconds(threads: int) -> float:
        # Sharing work pays up to the fastest number, and waiting costs beyond it.
        return 1 / min(threads, fastest) + 0.1 * max(0, threads - fastest)

    search, steps = ThreadSearch(16), 0
    while not search.done:
        search.record(seconds(search.threads))
        steps += 1
    assert seconds(search.threads) <= 1.5 * seconds(fastest)
    assert steps <= 15


@pytest.mark.parametrize(("cores", "others"), [(2, 1), (2, 2), (8, 3), (16, 8), (16, 20)])
def test_beside_other_work_a_run_takes_the_cores_that_it_leaves_free(
    cores: int, others: int
) -> None:
    told: list[int] = []

    def shared() -> float:
        return told[-1] * min(1.0, cores / (told[-1] + others))

    policy = ThreadPolicy("auto", cores, set_threads=told.append, free_cores=shared)
    assert policy.threads == max(1, cores - others)


def test_many_cores_are_tried_once_and_the_choice_is_told_and_kept() -> None:
    told: list[int] = []

    def step(threads: int) -> tuple[float, float]:
        wall = 0.01 * (1 + abs(threads - 4))
        return wall, threads * wall

    policy = ThreadPolicy("auto", 16, set_threads=told.append, free_cores=lambda: 16.0)
    messages = run(policy, step, 200)
    assert policy.chosen == policy.threads == 4
    assert len(messages) == 1
    resumed = ThreadPolicy("auto", 16, chosen=4, set_threads=told.append, free_cores=lambda: 16.0)
    assert resumed.threads == 4
    assert run(resumed, step, 200) == []


def test_blocks_compiled_for_another_number_of_threads_are_left_aside_in_a_trial_too(
    verse_file: Path, tmp_path: Path
) -> None:
    config = tiny_config("train.steps=8")
    corpus = load_corpus([str(verse_file)], "printable")

    class AlternatingPolicy(ThreadPolicy):
        """One thread every other step, without a word to the user."""

        def record_step(self, wall_seconds: float, cpu_seconds: float) -> None:
            self.threads = 3 - self.threads

    policy = AlternatingPolicy(2, 2, set_threads=lambda threads: None)
    cpu = torch.device("cpu")
    run = RunFolder(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    objective = NextChar(config, corpus)
    trainer = Trainer(config, objective, run, device=cpu, started=time.monotonic(), threads=policy)
    mp_model = trainer.learner.mp_model
    steps: list[int] = []

    class Compiled(torch.nn.Module):
        """Stands for the compiled model, and notes the threads that it is used with."""

        def forward(self, ids: torch.Tensor, *, mask: torch.Tensor | None) -> torch.Tensor:
            steps.append(policy.threads)
            return mp_model.compute(ids, mask=mask)

    mp_model.set_forward_model(Compiled())
    trainer.fit()
    assert steps == [2] * 4  # of 8


def test_release_gives_torch_its_own_number_back() -> None:
    before = torch.get_num_threads()
    policy = ThreadPolicy(1, before)
    assert torch.get_num_threads() == 1
    policy.release()
    assert torch.get_num_threads() == before


def test_a_look_counts_no_more_cores_than_threads() -> None:
    assert 0 < free_cores() <= torch.get_num_threads() + (1 - CROWDED)
