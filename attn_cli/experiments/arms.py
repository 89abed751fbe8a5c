"""The arms of a comparison: runs that differ in nothing but their seed are one."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.experiments.measurement import Measurement, read_measurement
from attn_cli.experiments.statistics import Summary, summarize
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_group import RunGroup, Sweep, is_group
from attn_cli.runs.run_lookup import find_named, find_run, resolve_name, runs_root

# What changes nothing of what is learned; the text is known by its contents.
_NO_RECIPE = (
    "data.text", "data.validation", "train.seed", "train.log_every", "train.loggers",
    "train.checkpoint_every", "train.keep_checkpoints", "sample.",
)  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """Runs of one recipe.

    Attributes:
        name: What the user knows it by.
        runs: What was measured of its finished runs, in the order of their seeds.
        left_out: The other runs, each with the reason.
    """

    name: str
    runs: tuple[Measurement, ...]
    left_out: tuple[str, ...] = ()

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings of its first run."""
        return recipe(self.runs[0].config)

    def values(self, metric: str) -> list[float]:
        """A metric of those of its runs that have it."""
        return [value for run in self.runs if (value := run.value(metric)) is not None]

    def summary(self, metric: str) -> Summary | None:
        """A metric of its runs in short; None where not all have it."""
        values = self.values(metric)
        return summarize(values) if values and len(values) == len(self.runs) else None


def find_arms(paths: Sequence[Path]) -> list[Arm]:
    """The arms that a user names, in that order.

    A group is an arm, and each group of a sweep. Single runs are arms of their own where they
    are two and named one by one; of more, or of what a pattern finds, those that differ in
    nothing but their seed are one arm.

    Args:
        paths: Folders or names of runs, groups and sweeps, or patterns such as `runs/rope-*`.

    Raises:
        CheckpointError: There is no such run, or none fits a pattern.
    """
    has_pattern = any(map(_is_pattern, paths))
    found = find_matching(paths)
    singles = [each for each in found if isinstance(each, RunFolder)]
    one_by_one = len(found) == len(singles) == 2 and not has_pattern
    collected: dict[str, _Collected] = {}
    for each in found:
        groups = each.arms if isinstance(each, Sweep) else [each]
        for group in groups:
            is_single = isinstance(group, RunFolder)
            measured = _measure([group] if isinstance(group, RunFolder) else group.runs)
            key = str(group.path)
            if is_single and not one_by_one and measured.runs:
                key = _recipe_key(measured.runs[0])
            arm = collected.setdefault(key, _Collected([], [], []))
            arm.paths.append(group.path)
            arm.runs += measured.runs
            arm.left_out += measured.left_out
    names = _names([each.paths for each in collected.values()])
    return [each.arm(name) for each, name in zip(collected.values(), names, strict=True)]


def recipe(config: Config) -> dict[str, Any]:
    """The settings that may change what is learned, but for the seed, by their dotted keys."""
    return {key: value for key, value in config.flat().items() if not key.startswith(_NO_RECIPE)}


@dataclass
class _Collected:
    """An arm while its runs are collected: all that can be read, finished or not."""

    paths: list[Path] = field(default_factory=list)
    runs: list[Measurement] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def arm(self, name: str) -> Arm:
        finished = sorted((run for run in self.runs if run.finished), key=lambda run: run.seed)
        unfinished = [
            f"{run.run.path}: unfinished, at step {run.steps:,}"
            for run in self.runs
            if not run.finished
        ]
        return Arm(name, tuple(finished), (*unfinished, *self.left_out))


def _measure(runs: Sequence[RunFolder]) -> _Collected:
    measured = _Collected()
    for run in runs:
        try:
            measured.runs.append(read_measurement(run))
        except CheckpointError as error:
            measured.left_out.append(error.message.removeprefix("run "))
    return measured


def _is_pattern(path: Path) -> bool:
    return glob.has_magic(str(path)) and not path.exists()


def find_matching(paths: Sequence[Path]) -> list[RunFolder | RunGroup | Sweep]:
    """What paths, names and patterns stand for, each once; what fits one pattern by name.

    Raises:
        CheckpointError: There is no such run, or none fits a pattern.
    """
    found = {each.path.resolve(): each for path in paths for each in _found(path)}
    return list(found.values())


def _found(path: Path) -> list[RunFolder | RunGroup | Sweep]:
    """What a path, a name or a pattern stands for, by name."""
    if not _is_pattern(path):
        found = find_named(resolve_name(path)[0])
        return [find_run(path, trained=False) if found is None else found]
    anchor = Path(path.anchor or ".")
    matches = list(anchor.glob(str(path.relative_to(path.anchor)))) or runs_root().glob(str(path))
    listed = [each for match in sorted(matches) if (each := find_named(match)) is not None]
    if not listed:
        raise CheckpointError(f"no run fits {path}", "`attn runs` lists the runs that there are")
    return listed


def _recipe_key(measured: Measurement) -> str:
    """The same for runs that differ in nothing but their seed."""
    text = measured.state.data.sha256
    return json.dumps([text, recipe(measured.config)], sort_keys=True)


def _names(arms: Sequence[Sequence[Path]]) -> list[str]:
    """A name for the runs of each arm: that of their folder, or what all their names begin with."""
    names = [_name(paths) for paths in arms]
    return [
        name if names.count(name) == 1 else str(paths[0])
        for name, paths in zip(names, arms, strict=True)
    ]


def _name(paths: Sequence[Path]) -> str:
    first = paths[0]
    if is_group(first.parent):
        in_one = len(paths) > 1 and all(path.parent == first.parent for path in paths)
        return first.parent.name if in_one else f"{first.parent.name}/{first.name}"
    common = first.name
    while not all(path.name.startswith(common) for path in paths):
        common = common[:-1]
    if len(paths) > 1:
        common = re.sub(r"[-_.]?(seed)?[-_.]?[0-9]*$", "", common)
    return common or first.name
