"""A new experiment: everything checked that can be before its first run, then its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from attn_cli.config.load import Override
from attn_cli.errors import InputError
from attn_cli.experiments.plan import Plan, PlannedArm, Settings, as_settings, write_plan
from attn_cli.runs.run_creation import check_output, create_run
from attn_cli.text.corpus import Corpus
from attn_cli.training.distributed.world import SINGLE_PROCESS
from attn_cli.training.new_run import STDIN_NAME, new_run, run_config, saved_text_settings
from attn_cli.training.request import RunRequest

# What a loss is of.
_OF_EVALUATION = (
    "task", "data.validation", "data.validation_fraction", "data.split_seed", "data.tokenizer",
    "data.unknown", "data.records", "data.too_long",
)  # fmt: skip


@dataclass(frozen=True)
class NewExperiment:
    """An experiment that could begin: its settings and its text were checked.

    Attributes:
        plan: Its runs.
        request: What was asked for; says where its folder is to be.
        corpus: The text of its first arm.
    """

    plan: Plan
    request: RunRequest
    corpus: Corpus

    def create(self) -> tuple[Path, Plan]:
        """Makes its folder, with the plan and what was read from standard input, if anything.

        Raises:
            AttnError: The folder has files, or cannot be made.
        """
        request, plan = self.request, self.plan
        name = request.name or self.corpus.name
        folder = create_run(request.out, name, dated=request.name is None)
        if STDIN_NAME in self.corpus.sources:
            saved = folder.save_text(self.corpus.source)
            config, _ = run_config(request)
            of_text = saved_text_settings(config, saved)
            plan = replace(plan, settings={**plan.settings, **of_text})
        write_plan(folder.path, plan)
        return folder.path, plan


def check_experiment(
    request: RunRequest,
    seeds: Sequence[int],
    arms: Sequence[PlannedArm] = (),
    *,
    jobs: int = 1,
    confirms: bool = False,
) -> NewExperiment:
    """An experiment of these arms and seeds, with the settings of every arm and the text checked.

    Args:
        request: What all runs have in common.
        seeds: The same for each arm.
        arms: Of a sweep; none for a group.
        jobs: How many runs are trained at the same time.
        confirms: Whether the best arm is to be run again on fresh seeds.

    Raises:
        AttnError: Settings, the text or the weights to begin with cannot be used.
    """
    if jobs < 1:
        raise InputError(f"`jobs` {jobs}: at least 1")
    check_output(request.out)
    for arm in arms:
        _check_comparable(arm.settings)
    planned = tuple(arms) or (PlannedArm("", {}),)
    requests = [_with_settings(request, arm.settings) for arm in planned]
    for each in requests:
        run_config(each)
    start = new_run(requests[0], SINGLE_PROCESS)
    settings = as_settings(request.overrides)
    settings.pop("train.seed", None)
    if jobs > 1:
        threads = max(1, torch.get_num_threads() // jobs)
        settings.setdefault("train.threads", threads)
    plan = Plan(
        str(Path.cwd()),
        request.config,
        request.init_from,
        settings,
        planned,
        tuple(seeds),
        jobs,
        confirms,
    )
    return NewExperiment(plan, request, start.corpus)


def _check_comparable(settings: Settings) -> None:
    """Refuses arms whose losses would be of different texts.

    Raises:
        InputError: A setting decides on what is measured.
    """
    if "train.seed" in settings:
        raise InputError("all arms have the same seeds", "give them as `seeds`")
    for key in _OF_EVALUATION:
        if key in settings:
            raise InputError(
                f"--set {key}: arms that differ in it are measured on different texts, and their "
                "losses cannot be compared",
                "give it one value",
            )


def _with_settings(request: RunRequest, settings: Settings) -> RunRequest:
    """The request with the settings of an arm on top."""
    added = [Override(key, value, f"--set {key}={value}") for key, value in settings.items()]
    return replace(request, overrides=(*request.overrides, *added))
