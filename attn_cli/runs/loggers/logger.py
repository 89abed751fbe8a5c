"""The interface of a logger, and which packages the loggers need."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from attn_cli.packages import require_package

# The loggers that need a package of the same name.
PACKAGES = ("tensorboard", "trackio", "wandb")


class Logger(Protocol):
    """Writes a run's metrics and samples for another tool. What it raises never ends the run.

    A new logger is empty, and first gets everything that the run has so far: so a run that
    was killed and resumed has each step once, as in metrics.jsonl.
    """

    def log_metrics(self, step: int, record: Mapping[str, float]) -> None:
        """Logs a line of metrics.jsonl: `record` is the line without its step."""

    def log_text(self, step: int, text: str) -> None:
        """Logs the text generated at an evaluation."""

    def close(self) -> None:
        """Flushes and closes: the run is finished or interrupted."""


def require_loggers(names: Iterable[str]) -> None:
    """Makes sure that the packages of loggers are installed, without importing them.

    Raises:
        MissingPackageError: One is not.
    """
    for name in names:
        if name in PACKAGES:
            require_package(f"logger {name}", name)
