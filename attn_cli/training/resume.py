"""What a run that was stopped starts from: its latest valid checkpoint, or its beginning."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from attn_cli.config.diff import ConfigChange, apply_changes, diff_configs
from attn_cli.config.load import load_config
from attn_cli.config.presets import find_config
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError, ConfigError, DatasetError, InputError
from attn_cli.runs.atomic_files import read_at_most
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.checkpoint_metadata import MAX_METADATA_BYTES, TrainerState
from attn_cli.runs.loggers.logger import require_loggers
from attn_cli.runs.recovery import RecoveryResult, check_no_links_outside, latest_valid_checkpoint
from attn_cli.runs.run_corpus import load_run_corpus
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_lookup import find_run
from attn_cli.training.distributed.world import World
from attn_cli.training.extension import extend, notes_on_end, notes_on_schedule
from attn_cli.training.new_run import RunStart, start_over, with_sources, with_text
from attn_cli.training.request import RunRequest
from attn_cli.training.rng import process_count
from attn_cli.training.trainer import Trainer


def find_stopped_run(request: RunRequest) -> tuple[RunFolder, Config | None]:
    """The run to resume, and the configuration to resume it with; None for the checkpoint's own.

    Raises:
        AttnError: There is no such run, or its configuration cannot be used.
    """
    run = find_run(Path(request.resume) if request.resume else None, trained=False)
    source = run.config if request.config is None else find_config(request.config)
    # A checkpoint has the configuration, too: a run can be resumed without its config.yaml.
    wanted = load_config(source, request.overrides) if source.is_file() else None
    if wanted is None and request.overrides:
        raise InputError(f"{run.config} is missing", "leave the other options out: `resume` alone")
    if wanted is not None:
        require_loggers(wanted.train.loggers)
    check_no_links_outside(run)
    return run, wanted


def stopped_run(
    run: RunFolder, wanted: Config | None, request: RunRequest, world: World
) -> RunStart:
    """What a run that was stopped starts from: changes nothing.

    Args:
        run: Its folder, locked.
        wanted: The configuration to resume with; None for the checkpoint's own.
        request: What the user asked for.
        world: The first process looks for the checkpoint, the others take the same.

    Raises:
        AttnError: It cannot be resumed, or not with this configuration.
    """
    found = _latest_checkpoint(run, world)
    if found.checkpoint is None:
        return _from_the_beginning(run, wanted, request)
    checkpoint = found.checkpoint
    own = checkpoint.config
    overridden = {override.key for override in request.overrides}
    extended = extend(wanted or own, request, checkpoint.metadata)
    changes = _changes(run, own, extended, overridden)
    config = apply_changes(own, changes)
    _require_more_to_do(checkpoint, config)
    _require_same_vocabulary(run, checkpoint)
    moved = wanted is not None and _names(wanted) != _names(own)
    try:
        corpus = load_run_corpus(run, checkpoint, wanted.data if wanted and moved else None)
    except DatasetError as error:
        if wanted is None or not moved or request.config is None or "data.text" in overridden:
            raise
        raise ConfigError(
            f"config {request.config} has the text {', '.join(wanted.data.text)}, and {run.path} "
            f"was trained on {', '.join(own.data.text)}",
            "leave `config` out: a run is resumed with its own settings",
        ) from error
    return RunStart(
        with_sources(config, corpus),
        corpus,
        resume_from=checkpoint,
        changes=tuple(changes),
        notes=tuple(f"quarantined damaged checkpoint: {damage}" for damage in found.damaged),
    )


def notes_of_resuming(
    checkpoint: Checkpoint, changes: Sequence[ConfigChange], trainer: Trainer
) -> Iterator[str]:
    """Lines for the user: from where the run is resumed, and what is other than it was."""
    if trainer.finished:
        yield from notes_on_end(trainer.run, checkpoint)
        return
    yield f"resumed from step {trainer.step:,} ({checkpoint.folder})"
    for change in changes:
        yield f"  {change}"
    yield from notes_on_schedule(checkpoint, trainer.config, changes)
    yield from _elsewhere(checkpoint, trainer.learner.device, trainer.world)


def _latest_checkpoint(run: RunFolder, world: World) -> RecoveryResult:
    if world.is_main:
        found = latest_valid_checkpoint(run)
        world.broadcast_text(found.checkpoint.folder.name if found.checkpoint else "")
        return found
    name = world.broadcast_text("")
    return RecoveryResult(read_checkpoint(run.checkpoints / name) if name else None, ())


def _names(config: Config) -> tuple[list[str], list[str] | None]:
    """The names of its texts."""
    return config.data.text, config.data.validation


def _from_the_beginning(run: RunFolder, config: Config | None, request: RunRequest) -> RunStart:
    if config is None:
        raise CheckpointError(f"{run.path} has neither a configuration nor a checkpoint")
    config = extend(config, request, TrainerState())
    if run.text.is_file():
        config = with_text(config, run.text)
    note = f"{run.path} was stopped before its first checkpoint: restarting from step 0"
    return replace(start_over(config), notes=(note,))


def _changes(
    run: RunFolder, was: Config, wanted: Config, overridden: Collection[str]
) -> list[ConfigChange]:
    """The settings that differ from those of the checkpoint.

    Raises:
        ConfigError: Something of it would make another run.
    """
    changes = [
        difference
        for difference in diff_configs(was, wanted)
        # Whether to compile is written into config.yaml once the run has decided it.
        if difference.key != "train.compile" or difference.key in overridden
    ]
    fixed = [str(change) for change in changes if change.immutable]
    if fixed:
        raise ConfigError(
            f"{run.path} cannot be resumed with other settings: {', '.join(fixed)}",
            "leave them as they were, or train a new run with train.init_from set to this one",
        )
    return changes


def _require_more_to_do(checkpoint: Checkpoint, config: Config) -> None:
    """A run cannot be given less to do than it has done."""
    state, before, after = checkpoint.metadata, checkpoint.config.train, config.train
    if (after.steps, after.minutes) == (before.steps, before.minutes):
        return
    if after.minutes is None and after.steps <= state.step:
        raise ConfigError(
            f"train.steps {after.steps:,}: the run has done {state.step:,} already",
            "give it more to do, or leave it as it is",
        )
    if after.minutes is not None and 60 * after.minutes <= state.seconds:
        raise ConfigError(
            f"train.minutes {after.minutes:g}: the run has taken {state.seconds / 60:.2g} already",
            "give it more time, or leave it as it is",
        )


def _require_same_vocabulary(run: RunFolder, checkpoint: Checkpoint) -> None:
    """tokenizer.json is for readers; but one that says something else was not made here."""
    try:
        written = json.loads(read_at_most(run.tokenizer, MAX_METADATA_BYTES))
    except (OSError, ValueError, RecursionError):
        return  # It is written anew from the checkpoint, which has its own.
    known = checkpoint.tokenizer.to_json()
    if written == known:
        return
    what = "another kind of vocabulary"
    if isinstance(written, dict) and written.get("kind") == known["kind"]:
        what = _first_difference(written.get("symbols"), known.get("symbols", []))
    raise CheckpointError(
        f"{run.tokenizer} and the checkpoint differ: {what}",
        "delete tokenizer.json: it is written anew from the checkpoint",
    )


def _first_difference(written: object, known: list[str]) -> str:
    if not isinstance(written, list) or len(written) != len(known):
        number = len(written) if isinstance(written, list) else 0
        return f"{number:,} symbols there, {len(known):,} in the checkpoint"
    pairs = enumerate(zip(written, known, strict=True))
    place, (there, here) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
    return f"symbol {place} is {there!r:.40} there and {here!r} in the checkpoint"


def _elsewhere(checkpoint: Checkpoint, device: torch.device, world: World) -> Iterator[str]:
    """What makes it another machine than the run was trained on before."""
    before = process_count(checkpoint.random_states())
    if before != world.world_size:
        differs = "dropout is" if checkpoint.config.model.dropout else "last digits may be"
        yield f"  processes were {before} and are {world.world_size}: {differs} other than it was"
    versions = checkpoint.metadata.versions
    for what, here in (("torch", torch.__version__), ("device", device.type)):
        if versions.get(what) != here:
            yield f"  {what} was {versions.get(what)} and is {here}: last digits may differ"
