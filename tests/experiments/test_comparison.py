"""Arms beside a reference: which runs are an arm, what is refused, flagged and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from attn_cli.errors import AttnError, InputError
from attn_cli.experiments.arms import find_arms
from attn_cli.experiments.comparison import Comparison, compare_arms, unmet
from attn_cli.experiments.comparison_text import lines, markdown
from tests.conftest import Trained
from tests.run_copies import copy_group, copy_run

LEARNED = {1: 1.50, 2: 1.54, 3: 1.52, 4: 1.51}
ROPE = {1: 1.46, 2: 1.51, 3: 1.49, 4: 1.47}
Make = Callable[..., Path]


@pytest.fixture
def runs(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a group in runs/ with these losses by seed."""
    monkeypatch.chdir(tmp_path)

    def make(name: str, losses: dict[int, float], **state: Any) -> Path:
        return copy_group(trained.run, Path("runs") / name, losses, **state)

    return make


def compared(*names: str, reference: str | None = None) -> Comparison:
    return compare_arms(find_arms([Path(name) for name in names]), reference)


def test_runs_of_the_same_seeds_are_compared_in_pairs(runs: Make) -> None:
    runs("learned", LEARNED)
    runs("rope", ROPE, model__position="rope")
    (found,) = compared("learned", "rope").differences
    expected = stats.ttest_rel(list(ROPE.values()), list(LEARNED.values()))
    assert found.difference.paired
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.n_better, found.is_better, found.is_certain) == (4, True, True)
    assert found.settings == {"model.position": ("learned", "rope")}


def test_an_unfinished_run_is_left_out_and_its_pair_with_it(runs: Make, trained: Trained) -> None:
    runs("learned", LEARNED)
    path = runs("rope", {1: 1.46, 2: 1.51, 3: 1.49})
    copy_run(trained.run, path / "seed-4", finished=False, train__seed=4, best_val_loss=9.0)
    found = compared("learned", "rope")
    assert [len(arm.runs) for arm in found.arms] == [4, 3]
    assert found.differences[0].seeds == (1, 2, 3)
    assert any("seed-4: unfinished" in flag for flag in found.flags)


def test_runs_of_other_seeds_are_compared_by_welch(runs: Make) -> None:
    runs("learned", LEARNED)
    runs("rope", {seed + 10: loss for seed, loss in ROPE.items()})
    (found,) = compared("learned", "rope").differences
    expected = stats.ttest_ind(list(ROPE.values()), list(LEARNED.values()), equal_var=False)
    assert not found.difference.paired
    assert found.p == pytest.approx(expected.pvalue)


def test_with_more_arms_the_p_values_are_corrected(runs: Make) -> None:
    for name, more in (("a", 0.0), ("b", 0.01), ("c", 0.05)):
        noise = {seed: 0.004 * seed * (seed % 2) * more * 100 for seed in LEARNED}
        runs(name, {seed: loss + more + noise[seed] for seed, loss in LEARNED.items()})
    found = compared("a", "b", "c")
    alone = [compared("a", name).differences[0].p for name in ("b", "c")]
    low, high = sorted(p for p in alone if p is not None)
    corrected = sorted(each.p for each in found.differences if each.p is not None)
    assert corrected == pytest.approx([2 * low, max(2 * low, high)])
    assert compared("a", "b", "c", reference="c").reference.name == "c"


def test_one_run_each_has_no_interval_and_says_so(runs: Make) -> None:
    runs("learned", {1: 1.5})
    runs("rope", {1: 1.4})
    found = compared("learned", "rope")
    assert found.differences[0].p is None
    told = "\n".join(lines(found))
    assert "without several runs of each it is not known" in told
    assert "95 % CI" not in told
    assert unmet(found, better=True) is not None


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ({"data__validation_fraction": 0.2}, "another validation split: the last 0.1"),
        ({"data__unknown": "drop"}, "another vocabulary"),
        (
            {"data": {"name": "alice", "chars": 9, "sha256": "ab" * 32, "bos_id": 0}},
            "another training text: .* 9 characters .abababab. in runs/rope/seed-1",
        ),
    ],
)
def test_losses_of_other_texts_are_refused(runs: Make, state: dict[str, Any], named: str) -> None:
    runs("learned", LEARNED)
    runs("rope", ROPE, **state)
    with pytest.raises(InputError, match=named):
        compared("learned", "rope")


def test_another_training_text_is_a_difference_where_one_text_validates_both(runs: Make) -> None:
    text = {"name": "x", "chars": 9, "sha256": "cd" * 32}
    for name, sha256 in (("less", "ab" * 32), ("more", "ef" * 32)):
        data = {"name": name, "chars": 9, "sha256": sha256, "bos_id": 0, "validation": text}
        runs(name, LEARNED, data=data)
    assert any(
        "another training text: 9 characters (abababab) in runs/less" in flag
        for flag in compared("less", "more").flags
    )


@pytest.mark.parametrize("other", [None, {"processor": "Z80", "cores": 1, "threads": 1}])
def test_times_of_other_machines_are_flagged(runs: Make, other: dict[str, Any] | None) -> None:
    runs("learned", LEARNED)
    runs("rope", ROPE)
    assert compared("learned", "rope").same_machine
    runs("there", ROPE, machine=other)
    found = compared("learned", "there")
    assert not found.same_machine
    assert any(flag.startswith("* times cannot be compared") for flag in found.flags)
    assert ") *" not in markdown(found)
    assert " * |" in markdown(found)


def test_single_runs_are_arms_by_their_settings(trained: Trained, runs: Make) -> None:
    for seed in (1, 2, 3):
        for position in ("learned", "rope"):
            where = Path("runs") / f"{position}-{seed}"
            copy_run(trained.run, where, train__seed=seed, model__position=position)
    one_by_one = [str(path) for path in sorted(Path("runs").iterdir())]
    for names in (one_by_one, ["runs/*"], ["rope-*", "learned-*"]):
        arms = {arm.name: arm.seeds for arm in compared(*names).arms}
        assert arms == {"learned": [1, 2, 3], "rope": [1, 2, 3]}
    # Two runs that are named one by one are two arms, even of one recipe.
    assert [arm.name for arm in compared("rope-1", "rope-2").arms] == ["rope-1", "rope-2"]


def test_the_arms_of_a_sweep(runs: Make) -> None:
    runs("positions/learned", LEARNED)
    runs("positions/rope", ROPE)
    assert [arm.name for arm in compared("positions").arms] == ["learned", "rope"]
    assert [arm.name for arm in compared("positions/rope/seed-*").arms] == ["rope"]


def test_what_is_not_there(runs: Make) -> None:
    runs("learned", LEARNED)
    for names in (["learned", "nothing"], ["learned", "not*"]):
        with pytest.raises(AttnError, match=r"^no run"):
            compared(*names)
    with pytest.raises(InputError, match="no arm other"):
        compared("learned", reference="other")


def test_an_arm_without_a_finished_run(runs: Make) -> None:
    runs("a", LEARNED)
    runs("b", {seed: loss - 0.1 for seed, loss in LEARNED.items()})
    runs("begun", LEARNED, finished=False)
    with pytest.raises(InputError, match="no run has finished"):
        compared("begun")
    with pytest.raises(InputError, match="no run of begun has finished"):
        compared("begun", "a")
    found = compared("a", "b", "begun")
    assert unmet(compared("a", "b"), better=True) is None
    assert unmet(found, better=True) == "no run of begun has finished"


def test_what_else_makes_a_comparison_doubtful(runs: Make, trained: Trained) -> None:
    runs("a", LEARNED)
    runs("b", LEARNED, train__eval_every=10)
    flags = compared("a", "b", "a/seed-1").flags
    assert "train.eval_every differs: the best of more evaluations is lower by itself" in flags
    assert "a shares a run with another arm: they are not independent" in flags
    path = runs("twice", {1: 1.5, 2: 1.6})
    copy_run(trained.run, path / "seed-3", train__seed=2)
    assert any("has seed 2 more than once" in flag for flag in compared("twice").flags)


def test_an_arm_of_several_recipes_is_flagged(runs: Make, trained: Trained) -> None:
    path = runs("mixed", LEARNED)
    copy_run(trained.run, path / "seed-9", train__seed=9, model__position="rope")
    assert "mixed is not one recipe: its runs differ in model.position" in compared("mixed").flags


@pytest.mark.parametrize(
    ("shift", "better", "tolerance", "is_met"),
    [
        (-0.03, True, None, True),
        (0.0, True, None, False),
        (0.03, True, None, False),
        (0.0, False, None, True),  # 1 % of the loss: 0.015
        (0.0, False, 0.001, False),
        (0.03, False, 0.1, True),
        (0.03, False, 0.02, False),
    ],
)
def test_what_is_required_has_to_be_shown(
    runs: Make, shift: float, better: bool, tolerance: float | None, is_met: bool
) -> None:
    runs("a", LEARNED)
    noise = dict(zip(LEARNED, (0.002, -0.003, 0.0015, -0.0015), strict=True))
    runs("b", {seed: loss + shift + noise[seed] for seed, loss in LEARNED.items()})
    assert (unmet(compared("a", "b"), better, tolerance) is None) == is_met


def test_of_accuracies_the_higher_is_better(runs: Make) -> None:
    def accuracy(name: str, right: float) -> None:
        path = runs(name, LEARNED, best_step=80, train__best_by="accuracy", config__task="seq2seq",
                    data__records="lines", data__too_long="drop")  # fmt: skip
        for number, run in enumerate(sorted(path.iterdir())):
            line = {"step": 80, "chars": 1, "seconds": 1, "lr": 0.1, "chars_per_second": 1,
                    "val_loss": 1.0, "val_accuracy": right + 0.001 * number**2}  # fmt: skip
            (run / "metrics.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")

    accuracy("a", 0.8)
    accuracy("b", 0.9)
    found = compared("a", "b")
    assert found.metric == "accuracy"
    assert found.differences[0].is_better
    assert found.differences[0].n_better == 4
    assert unmet(found, better=True) is None
    assert np.isclose(found.differences[0].difference.delta, 0.1)
