"""Training from Python: the same runs as `attn train`."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from attn_cli.api.arguments import as_path, check_text, check_texts, wrong_type
from attn_cli.api.run import Run
from attn_cli.config.load import Override
from attn_cli.runs.metrics import StepMetrics, validation_text
from attn_cli.training.callbacks import Callback
from attn_cli.training.interrupt import StopSignal
from attn_cli.training.prepare import prepare_run
from attn_cli.training.request import RunRequest, make_request
from attn_cli.training.trainer import Trainer


def train(
    text: str | Path | list[str | Path] | tuple[str | Path, ...] = (),
    *,
    task: str | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str | None = None,
    seed: int | None = None,
    lines: bool = False,
    resume: str | Path | None = None,
    more_minutes: float | None = None,
    more_steps: int | None = None,
    init_from: str | Path | None = None,
    loggers: Sequence[str] = (),
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
) -> Run:
    """Trains a model on a text and returns its run, whose folder is as `attn train` leaves it.

    After Ctrl-C it ends with the step, saves, and raises KeyboardInterrupt; `resume` takes it up.

    Args:
        text: Files, folders, `hf:PATH:COLUMN` of a data set, or the name of a built-in text; the
            configuration's own by default. For your own text with no other setting, attn chooses
            the size and trains for a minute.
        task: "lm" for a decoder, which writes text; "mlm" for an encoder, which fills blanks.
        config: A YAML file, or the name of a built-in configuration.
        settings: Values by dotted key, `{"model.n_layer": 2}`.
        out: The run's folder; a new one in `runs/` by default.
        name: The name of a new run in `runs/`; one that is taken gets a number.
        minutes: How long to train.
        steps: How many optimizer steps to train; excludes `minutes`.
        device: auto, cpu, cuda or mps.
        seed: Another seed gives another model.
        lines: Whether to learn each line of the text by itself, as in a list of names.
        resume: The run to resume, by its folder or name, instead of a new one.
        more_minutes: How much longer to train the run to resume, whether it had ended or not.
        more_steps: How many more steps to train it; excludes `more_minutes`.
        init_from: A run whose weights and vocabulary to start from.
        loggers: Where to log, too: csv, tensorboard, trackio, wandb.
        callbacks: Are told of every measurement.
        quiet: Whether to print nothing; otherwise a line at each evaluation, on standard error.

    Raises:
        AttnError: Something of it cannot be used, or training failed; the message names what.
    """
    names = text if isinstance(text, list | tuple) else [text]
    check_texts("loggers", loggers)
    request = make_request(
        [_name("text", each) or "" for each in names], config=_name("config", config),
        settings=_overrides(settings or {}), out=as_path("out", out), name=_name("name", name),
        resume=_name("resume", resume), init_from=_name("init_from", init_from),
        task=task, minutes=minutes, steps=steps, device=device, seed=seed, lines=lines,
        more_minutes=more_minutes, more_steps=more_steps, loggers=loggers,
    )  # fmt: skip
    return _train(request, [*callbacks, *([] if quiet else [_Lines()])], quiet=quiet)


def _overrides(settings: object) -> list[Override]:
    if not isinstance(settings, Mapping):
        raise wrong_type("settings", settings, "a dict of values by dotted key")
    return [Override(key, value, f"`settings` {key}={value}") for key, value in settings.items()]


def _train(request: RunRequest, callbacks: Sequence[Callback], *, quiet: bool) -> Run:
    # Only a program's main thread is told of signals.
    in_main_thread = threading.current_thread() is threading.main_thread()
    numbers = [signal.SIGINT] if in_main_thread else []
    with (
        torch.random.fork_rng(devices=[]),  # the caller's random numbers stay as they were
        prepare_run(request, time.monotonic()) as prepared,
        StopSignal(numbers) as stop_signal,
    ):
        for note in () if quiet else prepared.notes:
            _print(note)
        result = prepared.trainer.fit(callbacks, stop_signal.requested)
    if result.interrupted or stop_signal.requested():
        raise KeyboardInterrupt(f"stopped after step {result.steps:,}; resume={prepared.run.path}")
    return Run(prepared.run.path)


class _Lines(Callback):
    """Prints a line at each evaluation, and what the user should know."""

    def on_train_start(self, trainer: Trainer) -> None:
        size = f"{trainer.learner.model.parameter_count():,} parameters"
        _print(f"{trainer.run.path}: {size}")

    def on_log(self, metrics: StepMetrics) -> None:
        if metrics.val_loss is None:
            return
        train = "-" if metrics.train_loss is None else f"{metrics.train_loss:.3f}"
        _print(
            f"step {metrics.step:,} · {metrics.seconds:.0f} s · train {train} · "
            f"{validation_text(metrics)}"
        )

    def on_message(self, message: str) -> None:
        _print(message)

    on_warning = on_message


def _print(line: str) -> None:
    """A line on standard error; dropped if that is closed, which is no reason to end a run."""
    with suppress(OSError):
        print(line, file=sys.stderr)


def _name(argument: str, value: str | Path | None) -> str | None:
    """A name or a path, as text."""
    if value is None:
        return None
    if not isinstance(value, os.PathLike):
        check_text(argument, value)
    return os.path.expanduser(value)  # noqa: PTH111 - a name may be none of a path
