"""The loggers of a run together: one that fails is dropped, and training continues."""

import contextlib
from collections.abc import Callable
from functools import partial

from attn_cli.config.schema import Config
from attn_cli.runs.loggers.logger import Logger
from attn_cli.runs.metrics import StepMetrics, metrics_record, read_records
from attn_cli.runs.run_folder import RunFolder


class LoggerCollection:
    """The loggers that a configuration names; each first gets what the run has so far.

    No method raises: a logger that fails is dropped, with a warning.

    Args:
        run: The run, before its next step.
        config: Its configuration; `train.loggers` names the loggers.
        on_info: Called with a line for each logger that has to say where it logs.
        on_warning: Called with a line for each logger that fails.
    """

    def __init__(
        self,
        run: RunFolder,
        config: Config,
        on_info: Callable[[str], None],
        on_warning: Callable[[str], None],
    ) -> None:
        self._on_info = on_info
        self._on_warning = on_warning
        self._loggers: dict[str, Logger] = {}
        for name in dict.fromkeys(config.train.loggers):
            self._attempt(name, "start", partial(self._open, name, run, config))

    def log_metrics(self, metrics: StepMetrics) -> None:
        """Logs what was added to metrics.jsonl."""
        record = metrics_record(metrics)
        step = record.pop("step")
        for name, logger in list(self._loggers.items()):
            self._attempt(name, f"log step {step:,}", partial(logger.log_metrics, step, record))

    def log_text(self, step: int, text: str) -> None:
        """Logs what was added to samples.txt."""
        for name, logger in list(self._loggers.items()):
            self._attempt(name, "log a sample", partial(logger.log_text, step, text))

    def close(self) -> None:
        """Flushes and closes every logger."""
        for name, logger in list(self._loggers.items()):
            self._attempt(name, "close", logger.close)
        self._loggers.clear()

    def _open(self, name: str, run: RunFolder, config: Config) -> None:
        """Opens a logger and gives it the run's history."""
        logger = _make_logger(name, run, config, self._on_info)
        self._loggers[name] = logger
        samples = dict(run.last_samples())
        for record in read_records(run.metrics):
            step = record.pop("step")
            logger.log_metrics(step, record)
            if "val_loss" in record and step in samples:
                logger.log_text(step, samples[step])

    def _attempt(self, name: str, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # of a library or of the disk: no reason to end a run
            failed = self._loggers.pop(name, None)
            if failed is not None:
                with contextlib.suppress(Exception):  # it has failed already
                    failed.close()
            reason = str(error).partition("\n")[0] or type(error).__name__
            self._on_warning(f"logger {name} could not {what} and was dropped: {reason}")


def _make_logger(
    name: str, run: RunFolder, config: Config, on_info: Callable[[str], None]
) -> Logger:
    """Makes a logger; its library is imported only here."""
    if name == "csv":
        from attn_cli.runs.loggers.csv_file import CsvLogger

        return CsvLogger(run)
    if name == "tensorboard":
        from attn_cli.runs.loggers.tensorboard import TensorBoardLogger

        return TensorBoardLogger(run, config)
    if name == "trackio":
        from attn_cli.runs.loggers.trackio import TrackioLogger

        return TrackioLogger(run, config, on_info)
    from attn_cli.runs.loggers.wandb import WandbLogger

    return WandbLogger(run, config, on_info)
