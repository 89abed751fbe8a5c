"""A run, new or stopped, made ready to train: everything checked, its folder locked."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from attn_cli.config.schema import Config
from attn_cli.objectives.make import make_objective
from attn_cli.runs.lock import lock_run
from attn_cli.runs.recovery import rewind
from attn_cli.runs.run_creation import check_output, create_run
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import Corpus, check_length
from attn_cli.text.examples import max_length
from attn_cli.text.overlap import notes_on_overlap
from attn_cli.training.auto_size import SizeChoice, choose_size
from attn_cli.training.device import choose_device
from attn_cli.training.distributed.consistency import (
    check_same_device,
    check_same_inputs,
    check_shared_run_dir,
)
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.error_reporting import check_memory, translate_errors
from attn_cli.training.micro_batch import check_batch_divides, choose_micro_batch
from attn_cli.training.new_run import STDIN_NAME, RunStart, new_run, with_sources, with_text
from attn_cli.training.precision import choose_muon_precision, choose_precision
from attn_cli.training.request import RunRequest, notes_on_names, notes_on_overrides
from attn_cli.training.resume import find_stopped_run, notes_of_resuming, stopped_run
from attn_cli.training.threads import ThreadPolicy, choose_threads
from attn_cli.training.trainer import Trainer


@dataclass(frozen=True)
class PreparedRun:
    """A run ready to train."""

    run: RunFolder  # its folder, locked by this process
    corpus: Corpus  # its text
    trainer: Trainer  # trains it
    notes: tuple[str, ...]  # what the user should know before, a line each
    size: SizeChoice | None = None  # of a new run, where the time decided on its size


@contextmanager
def prepare_run(
    request: RunRequest, started: float, world: World = SINGLE_PROCESS
) -> Iterator[PreparedRun]:
    """Context manager: a run ready to train, whose folder is locked within it.

    A new run's folder is made only after every check has passed. A run that was
    stopped before its first checkpoint starts over at step 0, in its own folder.

    Args:
        request: What to train.
        started: A reading of `time.monotonic()` from which the run's time counts.
        world: The processes that train it together; of a resumed run, of whatever number it was
            trained by before. The first one makes the folder.

    Raises:
        AttnError: Something of it cannot be used, or it cannot be resumed as it was asked for.
    """
    with ExitStack() as held:
        run, start = _open(request, held, world)
        check_same_inputs(world, start.config, start.corpus)
        device = choose_device(start.config.train.device, world)
        chosen = start.resume_from.metadata.threads if start.resume_from else None
        threads = choose_threads(start.config.train.threads, device, world, chosen=chosen)
        held.callback(threads.release)
        start = _settle(start, device, threads, world)
        told = (*notes_on_names(request), *start.notes, *notes_on_overrides(request, start.config))
        start = replace(start, notes=told)
        corpus = start.corpus
        if run is None:
            run = held.enter_context(_new_folder(request, start, world))
            if world.is_main and STDIN_NAME in corpus.sources:
                saved = run.save_text(corpus.source)
                start = replace(start, config=with_text(start.config, saved))
        held.enter_context(translate_errors(run, start.config, world))
        trainer = Trainer(
            start.config,
            make_objective(start.config, corpus),
            run,
            device=device,
            started=started,
            threads=threads,
            init_from=start.init_from,
            resume_from=start.resume_from,
            world=world,
        )
        if world.is_main:
            if request.resume is not None:
                rewind(run, start.resume_from)
            run.write_config_and_tokenizer(start.config, trainer.objective.tokenizer)
        notes = [*([] if trainer.finished else _notes_of_text(corpus)), *start.notes]
        if start.resume_from:
            notes += notes_of_resuming(start.resume_from, start.changes, trainer)
        yield PreparedRun(run, corpus, trainer, tuple(notes), start.size)


def _open(request: RunRequest, held: ExitStack, world: World) -> tuple[RunFolder | None, RunStart]:
    """What the run starts from; and its folder, locked, where it has one already."""
    if request.resume is None:
        if world.is_main:
            check_output(request.out)
        return None, new_run(request, world)
    run, wanted = find_stopped_run(request)
    held.enter_context(hold_run(run, wanted or Config(), world))
    return run, stopped_run(run, wanted, request, world)


def _settle(start: RunStart, device: torch.device, threads: ThreadPolicy, world: World) -> RunStart:
    """The same with its size, its precision and its vocabulary chosen."""
    config, notes = start.config, list(start.notes)
    if start.resize and config.train.minutes:
        seconds = 60 * config.train.minutes
        sizing = choose_size(start.resize, start.corpus, seconds, device, threads, world)
        config = sizing.config
        start = replace(start, size=sizing)
        notes.extend(sizing.reasons)
    corpus = start.corpus.fit(config.model.block_size, config.data.too_long)
    check_length(corpus, config.model.block_size)
    config = resolve_auto_settings(config, corpus, device, world)
    return replace(start, config=config, corpus=corpus, notes=tuple(notes))


def _notes_of_text(corpus: Corpus) -> Iterator[str]:
    """What was changed in the texts, what of them was left out, and what they share."""
    yield from corpus.notes_on_unknown
    yield from corpus.source.notes()
    yield from corpus.line_notes()
    if corpus.validation_text is None:
        return
    yield f"validated on {', '.join(corpus.validation_text.sources)}"
    for note in (*corpus.validation_text.notes_on_unknown, *corpus.validation_text.source.notes()):
        yield f"validation text: {note}"
    yield from notes_on_overlap(corpus)


@contextmanager
def hold_run(run: RunFolder, config: Config, world: World) -> Iterator[None]:
    """Context manager: locks a run's folder, and translates the errors of what is done in it.

    The first process holds the lock, and the others see that it does.

    Raises:
        InputError: Another run holds it; or a process sees another folder of that name.
        OperationError: The folder cannot be written to, and what else can go wrong in a run.
    """
    with translate_errors(run, config, world):
        if not world.is_main:
            check_shared_run_dir(run, world.broadcast_text(""))
            yield
            return
        with lock_run(run):
            world.broadcast_text(str(run.lock_holder.read_text(encoding="ascii")))
            yield


@contextmanager
def _new_folder(request: RunRequest, start: RunStart, world: World) -> Iterator[RunFolder]:
    """Context manager: the empty folder of a new run; it goes again where the run cannot start."""
    if world.is_main:
        name = request.name or start.corpus.name
        run = create_run(request.out, name, dated=request.name is None)
        world.broadcast_text(str(run.path))
    else:
        run = RunFolder(Path(world.broadcast_text("")))
    with hold_run(run, start.config, world):
        if world.is_main:
            run.check_unused()
        try:
            yield run
        except BaseException:
            if world.is_main:
                run.remove_if_empty(folder_too=request.out is None)
            raise


def resolve_auto_settings(
    config: Config, corpus: Corpus, device: torch.device, world: World = SINGLE_PROCESS
) -> Config:
    """The configuration with precision and vocabulary resolved, to train the same again.

    The micro-batch stays `auto`: it follows from the batch size, which the user may change.

    Raises:
        OperationError: It needs more memory than there is.
        ConfigError: It cannot be trained by so many processes.
    """
    check_batch_divides(config, world)
    check_same_device(world, device)
    length = max_length(corpus.train, config.model.block_size)
    micro_batch = choose_micro_batch(config, device, world.world_size, length)
    check_memory(config, corpus.tokenizer.vocab_size, micro_batch, length)
    # The first process's, whatever another host is faster at.
    precision = world.broadcast_text(choose_precision(config.train.precision, device))
    settled = {"precision": precision}
    if config.train.optimizer == "muon":
        wanted = choose_muon_precision(config.train.muon_precision, device)
        settled["muon_precision"] = world.broadcast_text(wanted)
    train = config.train.model_copy(update=settled)
    data = config.data.model_copy(update={"tokenizer": corpus.tokenizer.kind})
    resolved = config.model_copy(update={"train": train, "data": data})
    return with_sources(resolved, corpus)
