"""A run that was stopped, taken up where it was: `attn train --resume`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch

from attn_cli.config.diff import ConfigChange, apply_changes, diff_configs
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError, ConfigError
from attn_cli.runs.atomic_files import read_at_most
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.checkpoint_metadata import MAX_METADATA_BYTES
from attn_cli.runs.loaded_model import load_run_corpus
from attn_cli.runs.recovery import (
    RecoveryResult,
    check_no_links_outside,
    latest_valid_checkpoint,
    rewind,
)
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import check_length
from attn_cli.training.device import choose_device
from attn_cli.training.distributed.consistency import check_same_inputs
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.error_reporting import translate_errors
from attn_cli.training.rng import process_count
from attn_cli.training.schedule import learning_rate
from attn_cli.training.setup import (
    Session,
    init_checkpoint,
    lock_run_everywhere,
    read_corpus,
    resolve_auto_settings,
    with_sources,
)
from attn_cli.training.trainer import Trainer


@contextmanager
def resumed(
    run: RunFolder,
    wanted: Config | None,
    overridden: Collection[str],
    started: float,
    world: World = SINGLE_PROCESS,
) -> Iterator[Session]:
    """A run that was stopped, back at its newest whole checkpoint.

    One that was stopped before its first checkpoint restarts from step 0, in its own folder.

    Args:
        run: Its folder.
        wanted: The configuration to resume with; None for the checkpoint's own.
        overridden: The keys of it that were given on the command line.
        started: A reading of `time.monotonic()` when this process began.
        world: The processes that train it together, of whatever number it was trained by before.

    Raises:
        AttnError: It cannot be resumed, or not with this configuration.
    """
    check_no_links_outside(run)
    with translate_errors(run, wanted or Config(), world), lock_run_everywhere(run, world):
        found = _found(run, world)
        if found.checkpoint is None:
            yield _from_the_beginning(run, wanted, started, world)
            return
        checkpoint = found.checkpoint
        was = checkpoint.config
        changes = _changes(run, was, wanted or was, overridden)
        config = apply_changes(was, changes)
        _require_more_to_do(checkpoint, config)
        _require_same_vocabulary(run, checkpoint)
        elsewhere = wanted is not None and wanted.data.text != was.data.text
        text = wanted.data.text if wanted and elsewhere else None
        corpus = load_run_corpus(run, checkpoint, text)
        config = with_sources(config, list(corpus.sources))
        with translate_errors(run, config, world):
            check_same_inputs(world, config, corpus)
            device = choose_device(config.train.device, world)
            config = resolve_auto_settings(config, corpus, device, world)
            trainer = Trainer(
                config,
                corpus,
                device=device,
                started=started,
                resumed=checkpoint,
                world=world,
            )
            if world.is_main:
                rewind(run, checkpoint)
                run.write_config_and_tokenizer(config, checkpoint.tokenizer)
            notes = [f"quarantined damaged checkpoint: {damage}" for damage in found.damaged]
            if trainer.finished:
                notes.append(_end(checkpoint))
            else:
                notes.append(f"resumed from step {trainer.step:,} ({checkpoint.folder})")
            notes += [f"  {change}" for change in changes]
            notes += _schedule(checkpoint, config, changes)
            notes += _elsewhere(checkpoint, device, world)
            yield Session(run, corpus, trainer, tuple(notes))


def _found(run: RunFolder, world: World) -> RecoveryResult:
    """The newest whole checkpoint: the first process looks for it, the others take the same."""
    if world.is_main:
        found = latest_valid_checkpoint(run)
        world.broadcast_text(found.checkpoint.folder.name if found.checkpoint else "")
        return found
    name = world.broadcast_text("")
    return RecoveryResult(read_checkpoint(run.checkpoints / name) if name else None, ())


def _from_the_beginning(
    run: RunFolder, config: Config | None, started: float, world: World
) -> Session:
    if config is None:
        raise CheckpointError(f"{run.path} has neither a configuration nor a checkpoint")
    start = init_checkpoint(config.train.init_from) if config.train.init_from else None
    if run.text.is_file():
        config = with_sources(config, [str(run.text.resolve())])
    corpus = read_corpus(config, start)
    check_same_inputs(world, config, corpus)
    check_length(corpus, config.model.block_size)
    device = choose_device(config.train.device, world)
    config = resolve_auto_settings(config, corpus, device, world)
    trainer = Trainer(config, corpus, device=device, started=started, weights=start, world=world)
    if world.is_main:
        rewind(run, None)
        run.write_config_and_tokenizer(config, corpus.tokenizer)
    note = f"{run.path} was stopped before its first checkpoint: restarting from step 0"
    return Session(run, corpus, trainer, (note,))


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
        # Whether to compile is written into config.yaml when the run has resolve_auto_settings it.
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


def _end(checkpoint: Checkpoint) -> str:
    state, train = checkpoint.metadata, checkpoint.config.train
    if train.patience is not None and state.evaluations_since_best >= train.patience:
        more = f"train.patience={2 * train.patience}"
    elif train.minutes is not None:
        more = f"train.minutes={2 * train.minutes:g}"
    else:
        more = f"train.steps={2 * train.steps}"
    return f"finished at step {state.step:,}; to train it for longer: --resume --set {more}"


def _schedule(checkpoint: Checkpoint, config: Config, changes: list[ConfigChange]) -> Iterator[str]:
    """What a changed budget does to the learning rate."""
    keys = {change.key for change in changes}
    if not keys & {"train.steps", "train.minutes", "train.lr_schedule", "train.warmup_steps"}:
        return
    before, after, step = checkpoint.config.train, config.train, checkpoint.metadata.step
    if after.minutes is not None:
        yield (
            f"  the learning-rate schedule now spans {after.minutes:g} minutes, "
            f"{checkpoint.metadata.seconds / 60:.2g} of them past"
        )
    elif before.minutes is None:
        yield (
            f"  the learning-rate schedule now spans {after.steps:,} steps: at step {step:,} it is "
            f"{learning_rate(step, after.steps, after):.2g} instead of "
            f"{learning_rate(step, before.steps, before):.2g}, so the result will differ from "
            f"a run of {before.steps:,} steps"
        )
    else:
        yield f"  the learning-rate schedule now spans {after.steps:,} steps"


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
