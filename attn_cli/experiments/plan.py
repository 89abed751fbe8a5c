"""The plan of an experiment: which runs there are to be, in experiment.json of its folder.

What is done of it is not in the plan: the runs themselves say it, so that a kill loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attn_cli.config.load import Override
from attn_cli.errors import CheckpointError, InputError
from attn_cli.runs.atomic_files import atomic_write, read_at_most
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_group import EXPERIMENT_FILE

Settings = Mapping[str, Any]  # values by their dotted keys
_MAX_BYTES = 10_000_000
_MAX_SEEDS = 1000
_CONFIRMED = "confirm"


@dataclass(frozen=True)
class PlannedArm:
    """One choice of settings, which is trained with several seeds.

    Attributes:
        name: Its folder in that of a sweep; empty for the single arm of a group.
        settings: What sets it apart from the other arms.
    """

    name: str
    settings: Settings


@dataclass(frozen=True)
class PlannedRun:
    """A run of a plan, begun or not."""

    run: RunFolder
    arm: PlannedArm
    seed: int
    title: str  # for the user: `seed 2 of 5 (n_head=2)`


@dataclass(frozen=True)
class Plan:
    """Which runs an experiment has, and how each is trained.

    Attributes:
        working_folder: Where relative paths begin.
        config: A configuration's file or name; None for the default one.
        init_from: The run whose weights each run begins with.
        settings: What all runs have in common, over the configuration.
        arms: Of a group one, without a name.
        seeds: The same for each arm.
        jobs: How many runs are trained at the same time.
        confirms: Whether the best arm of a sweep is run again on fresh seeds.
    """

    working_folder: str
    config: str | None
    init_from: str | None
    settings: Settings
    arms: tuple[PlannedArm, ...]
    seeds: tuple[int, ...]
    jobs: int = 1
    confirms: bool = False

    @property
    def is_sweep(self) -> bool:
        return bool(self.arms[0].name)

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """As many seeds that no arm was chosen by."""
        return tuple(max(self.seeds) + number for number in range(1, len(self.seeds) + 1))

    def runs(self, folder: Path) -> list[PlannedRun]:
        """All runs, seed by seed: a machine that slows down slows all arms."""
        return _runs(folder, self.arms, self.seeds)

    def confirmation(self, folder: Path, arms: Sequence[PlannedArm]) -> list[PlannedRun]:
        """Runs of some arms on fresh seeds; apart, for these arms were chosen by the others."""
        return _runs(folder / _CONFIRMED, arms, self.fresh_seeds)


def _runs(folder: Path, arms: Sequence[PlannedArm], seeds: Sequence[int]) -> list[PlannedRun]:
    return [
        PlannedRun(
            RunFolder(folder / arm.name / f"seed-{seed}"),
            arm,
            seed,
            f"seed {number} of {len(seeds)}" + (f" ({arm.name})" if arm.name else ""),
        )
        for number, seed in enumerate(seeds, 1)
        for arm in arms
    ]


def write_plan(folder: Path, plan: Plan) -> None:
    """Writes experiment.json, which makes the folder an experiment.

    Raises:
        OSError: It cannot be written.
    """
    atomic_write(folder / EXPERIMENT_FILE, json.dumps(asdict(plan), indent=1) + "\n")


def read_plan(folder: Path) -> Plan:
    """The plan of the experiment in a folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    path = folder / EXPERIMENT_FILE
    try:
        record = json.loads(read_at_most(path, _MAX_BYTES))
        arms = tuple(PlannedArm(str(arm["name"]), dict(arm["settings"])) for arm in record["arms"])
        seeds = tuple(int(seed) for seed in record["seeds"])
        _check_names(arms)
        if not seeds:
            raise ValueError("it has no seeds")
        return Plan(**{**record, "arms": arms, "seeds": seeds})
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} has no {EXPERIMENT_FILE}: its runs were made one by one",
            "name one of its runs",
        ) from None
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise CheckpointError(f"{path} is damaged or cannot be read: {error}") from None


def _check_names(arms: Sequence[PlannedArm]) -> None:
    """Makes sure that there is an arm, and that its folder is one in that of the experiment."""
    if not arms:
        raise ValueError("it has no arms")
    for arm in arms:
        if Path(arm.name).name != arm.name or not (arm.name or len(arms) == 1):
            raise ValueError(f"{arm.name!r} is no name of an arm")


def parse_seeds(text: str, first: int | None, default: int) -> tuple[int, ...]:
    """The seeds that `5` or `1,2,3` stands for: as many from `first` on, or these.

    Raises:
        InputError: It is neither.
    """
    try:
        numbers = [int(word) for word in text.removesuffix(",").split(",")]
    except ValueError:
        raise InputError(f"`seeds` {text!r} is no list of numbers", "as in 5, or 1,2,3") from None
    if "," not in text:
        (count,) = numbers
        start = default if first is None else first
        numbers = [start + number for number in range(max(0, min(count, _MAX_SEEDS + 1)))]
    elif first is not None:
        raise InputError("`seed` and a list of `seeds` exclude each other", "give one of the two")
    if not 1 <= len(numbers) <= _MAX_SEEDS or min(numbers) < 0:
        raise InputError(f"`seeds` {text}: from 1 to {_MAX_SEEDS:,} seeds, none below 0")
    if len(set(numbers)) < len(numbers):
        raise InputError(f"`seeds` {text}: a seed is given twice", "leave one of them out")
    return tuple(numbers)


def as_settings(overrides: Sequence[Override]) -> dict[str, Any]:
    """Overrides as values by key; of several of a key the last one."""
    return {override.key: override.value for override in overrides}


def setting_words(settings: Settings) -> Iterator[str]:
    """Settings as options of `attn train`."""
    for key, value in settings.items():
        yield from ("--set", f"{key}={json.dumps(value, ensure_ascii=False)}")
