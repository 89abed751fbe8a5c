"""A run about to be trained: its text read, its decisions made, its folder held.

`begun` makes a new run, `resumed` (in resume.py) takes up one that was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from attn_cli.config.diff import diff_configs
from attn_cli.config.schema import Config
from attn_cli.errors import ConfigError, InputError
from attn_cli.model.parameter_shapes import parameter_shapes
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_lookup import create_run, find_run
from attn_cli.text.corpus import Corpus, check_length, load_corpus
from attn_cli.training.auto_size import choose_size
from attn_cli.training.device import choose_device
from attn_cli.training.distributed.consistency import (
    check_same_device,
    check_same_inputs,
    check_shared_run_dir,
)
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.error_reporting import check_memory, translate_errors
from attn_cli.training.micro_batch import check_batch_divides, choose_micro_batch
from attn_cli.training.precision import choose_muon_precision, choose_precision
from attn_cli.training.threads import choose_threads
from attn_cli.training.trainer import Trainer

# What stands for standard input among the names of texts.
STDIN_NAME = "-"

# Makes a configuration of some settings, by dotted key, under all that the user set.
Configure = Callable[[dict[str, Any]], Config]


@dataclass(frozen=True)
class Session:
    """A run about to be trained.

    Attributes:
        run: Its folder, held by this process.
        corpus: Its text.
        trainer: Does the work.
        notes: What the user should know before, a line each.
    """

    run: RunFolder
    corpus: Corpus
    trainer: Trainer
    notes: tuple[str, ...]


@contextmanager
def begun(
    config: Config,
    out: Path | None,
    started: float,
    *,
    resize: Configure | None = None,
    start: Checkpoint | None = None,
    world: World = SINGLE_PROCESS,
) -> Iterator[Session]:
    """A new run, whose folder is made last, when all that can be refused was not.

    Args:
        config: What to train.
        out: The run's folder; None for a new one.
        started: A reading of `time.monotonic()` when this process began.
        resize: Where the size of the model is left open to the time that there is.
        start: Whose weights and vocabulary to begin with.
        world: The processes that train it together; the first one makes the folder.

    Raises:
        AttnError: Something of it cannot be used.
    """
    if world.world_size > 1 and STDIN_NAME in config.data.text:
        raise InputError(
            f"standard input cannot be read by {world.world_size} processes",
            "save the text to a file and name that",
        )
    corpus = read_corpus(config, start)
    check_same_inputs(world, config, corpus)
    device = choose_device(config.train.device, world)
    threads = choose_threads(config.train.threads, device, world)
    notes: list[str] = []
    if start:
        notes.append(f"begins with the weights of {start.folder}")
    if resize and config.train.minutes and not start:
        seconds = 60 * config.train.minutes
        sizing = choose_size(resize, corpus, seconds, device, threads, world)
        config = sizing.config
        notes.extend(sizing.reasons)
    check_length(corpus, config.model.block_size)
    config = resolve_auto_settings(config, corpus, device, world)
    run = _create_run_dir(out, corpus.name, world)
    with translate_errors(run, config, world), lock_run_everywhere(run, world):
        if world.is_main:
            run.check_unused()
        try:
            if STDIN_NAME in corpus.sources:
                text = run.save_text(corpus.source.chunks())
                config = with_sources(config, [str(text.resolve())])
            trainer = Trainer(
                config,
                corpus,
                device=device,
                started=started,
                threads=threads,
                weights=start,
                world=world,
            )
            if world.is_main:
                run.write_config_and_tokenizer(config, corpus.tokenizer)
        except BaseException:
            if world.is_main:
                run.remove_if_empty(folder_too=out is None)
            raise
        yield Session(run, corpus, trainer, tuple(notes))


def _create_run_dir(out: Path | None, name: str, world: World) -> RunFolder:
    """The empty folder of a new run, made by the first process."""
    if not world.is_main:
        return RunFolder(Path(world.broadcast_text("")))
    if out is not None and RunFolder(out).lock.exists():
        # Says which process holds it, rather than that it is not empty.
        with lock_run(RunFolder(out)):
            pass
    run = create_run(out, name)
    world.broadcast_text(str(run.path))
    return run


@contextmanager
def lock_run_everywhere(run: RunFolder, world: World) -> Iterator[None]:
    """Within it the first process holds a run's folder, and the others see that it does.

    Raises:
        InputError: Another run holds it; or a process sees another folder of that name.
        OSError: The folder cannot be written to.
    """
    if not world.is_main:
        check_shared_run_dir(run, world.broadcast_text(""))
        yield
        return
    with lock_run(run):
        world.broadcast_text(str(run.lock_holder.read_text(encoding="ascii")))
        yield


def read_corpus(config: Config, start: Checkpoint | None) -> Corpus:
    """The text of a new run, in the vocabulary of the checkpoint whose weights it begins with.

    Raises:
        AttnError: The text cannot be used; model or vocabulary are not the checkpoint's.
    """
    data = config.data
    if start is None:
        return load_corpus(data.text, data.tokenizer, data.unknown, data.validation_fraction)
    _require_same_shapes(config, start)
    if data.tokenizer != start.tokenizer.kind:
        raise ConfigError(
            f"data.tokenizer is {data.tokenizer}, and {start.folder} has {start.tokenizer.kind}",
            "leave data.tokenizer as it is there: a model keeps its vocabulary",
        )
    return load_corpus(data.text, start.tokenizer, data.unknown, data.validation_fraction)


def _require_same_shapes(config: Config, start: Checkpoint) -> None:
    vocab_size = start.tokenizer.vocab_size
    own, others = (parameter_shapes(each.model, vocab_size) for each in (config, start.config))
    if own != others:
        differing = [str(d) for d in diff_configs(start.config, config) if d.key[:6] == "model."]
        raise ConfigError(
            f"the weights of {start.folder} do not fit another model: {', '.join(differing)}",
            "leave the model as it is there; only its dropout is free",
        )


def resolve_auto_settings(
    config: Config, corpus: Corpus, device: torch.device, world: World = SINGLE_PROCESS
) -> Config:
    """The configuration with every `auto` setting resolved, to train the same again.

    Raises:
        OperationError: It needs more memory than there is.
        ConfigError: It cannot be trained by so many processes.
    """
    check_batch_divides(config, world)
    check_same_device(world, device)
    micro_batch = choose_micro_batch(config, device, world.world_size)
    check_memory(config, corpus.tokenizer.vocab_size, micro_batch)
    # The first process's, whatever another host is faster at.
    precision = world.broadcast_text(choose_precision(config.train.precision, device))
    settled = {"precision": precision, "micro_batch_size": micro_batch}
    if config.train.optimizer == "muon":
        wanted = choose_muon_precision(config.train.muon_precision, device)
        settled["muon_precision"] = world.broadcast_text(wanted)
    train = config.train.model_copy(update=settled)
    return with_sources(config.model_copy(update={"train": train}), list(corpus.sources))


def with_sources(config: Config, names: list[str]) -> Config:
    """The configuration with its text named so that it is found from any folder."""
    return config.model_copy(update={"data": config.data.model_copy(update={"text": names})})


def init_checkpoint(name: str) -> Checkpoint:
    """The checkpoint that `train.init_from` names: itself, or the one to use of a run.

    Raises:
        CheckpointError: There is none.
    """
    path = Path(name).expanduser()
    folder = path if (path / "state.json").is_file() else find_run(path).best_or_latest()
    return read_checkpoint(folder.resolve())


def settings_from(start: Checkpoint) -> dict[str, Any]:
    """What a configuration has to say to go with a checkpoint: its model and vocabulary."""
    model = {f"model.{key}": value for key, value in start.config.model.model_dump().items()}
    return {
        **model,
        "data.tokenizer": start.tokenizer.kind,
        "train.init_from": str(start.folder),
    }
