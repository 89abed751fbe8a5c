"""The loggers of a run, each on its own: one that fails is left out, and the run goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from attn_cli.config.schema import Config
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.loggers.logger import Logger
from attn_cli.runs.metrics import StepMetrics, metrics_record, read_records


class Loggers:
    """Those that a configuration names, with all that the run has so far.

    Args:
        run: The run, as it is before its next step.
        config: Its configuration; `train.loggers` names the loggers.
        tell: Is told, in a line each, where they log.
        warn: Is told, in a line each, which of them fail.
    """

    def __init__(
        self,
        run: RunFolder,
        config: Config,
        tell: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._tell = tell
        self._warn = warn
        self._open: dict[str, Logger] = {}
        for name in dict.fromkeys(config.train.loggers):
            self._attempt(name, "begin", partial(self._begin, name, run, config))

    def line(self, metrics: StepMetrics) -> None:
        """What was added to metrics.jsonl."""
        record = metrics_record(metrics)
        step = record.pop("step")
        for name, logger in list(self._open.items()):
            self._attempt(name, f"log step {step:,}", partial(logger.line, step, record))

    def sample(self, step: int, text: str) -> None:
        """What was added to samples.txt."""
        for name, logger in list(self._open.items()):
            self._attempt(name, "log a sample", partial(logger.sample, step, text))

    def close(self) -> None:
        """Hands on all that is held; no more comes."""
        for name, logger in list(self._open.items()):
            self._attempt(name, "end", logger.close)
        self._open.clear()

    def _begin(self, name: str, run: RunFolder, config: Config) -> None:
        logger = _made(name, run, config, self._tell)
        self._open[name] = logger
        samples = dict(run.last_samples())
        for record in read_records(run.metrics):
            step = record.pop("step")
            logger.line(step, record)
            if "val_loss" in record and step in samples:
                logger.sample(step, samples[step])

    def _attempt(self, name: str, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # of a library, or of the disk; no reason to end a run
            failed = self._open.pop(name, None)
            if failed is not None:
                with contextlib.suppress(Exception):  # it has failed already
                    failed.close()
            reason = str(error).partition("\n")[0] or type(error).__name__
            self._warn(f"{name} could not {what}, and is left out from here on: {reason}")


def _made(name: str, run: RunFolder, config: Config, tell: Callable[[str], None]) -> Logger:
    """The library of a logger is imported here, and nowhere else."""
    if name == "csv":
        from attn_cli.runs.loggers.csv_file import CsvLogger

        return CsvLogger(run)
    if name == "tensorboard":
        from attn_cli.runs.loggers.tensorboard import TensorBoardLogger

        return TensorBoardLogger(run, config)
    if name == "trackio":
        from attn_cli.runs.loggers.trackio import TrackioLogger

        return TrackioLogger(run, config, tell)
    from attn_cli.runs.loggers.wandb import WandbLogger

    return WandbLogger(run, config, tell)
