"""What every logger does, and which there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from attn_cli.packages import require_package

# The packages of those that need one; attn has an extra of the same name for each.
PACKAGES = ("tensorboard", "trackio", "wandb")


class Logger(Protocol):
    """Shows a run elsewhere. What it raises ends it, and never the run.

    It begins empty: whoever opens it gives it all that the run has so far. So a run that goes
    on after a kill has each step once, as in metrics.jsonl.
    """

    def line(self, step: int, record: Mapping[str, float]) -> None:
        """A line of metrics.jsonl, without its step."""

    def sample(self, step: int, text: str) -> None:
        """What the model wrote at an evaluation."""

    def close(self) -> None:
        """The run ends, or stops for a time."""


def require_loggers(names: Iterable[str]) -> None:
    """Makes sure that the packages of some loggers are installed, without importing them.

    Raises:
        MissingPackageError: One is not.
    """
    for name in names:
        if name in PACKAGES:
            require_package(f"logger {name}", name)
