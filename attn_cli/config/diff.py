"""In what two configurations of one run differ, and which of that a run can go on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from attn_cli.config.schema import Config

# What a run is made of: with another value it would be another run.
_FIXED = (
    "data.",
    "model.",
    "train.batch_size",
    "train.optimizer",
    "train.seed",
    "train.init_from",
)
# What is given in place of a value that the run has found for itself.
_OPEN = ("auto",)


@dataclass(frozen=True)
class ConfigChange:
    """One key that has another value.

    Attributes:
        key: Its dotted path.
        was: Its value in the run.
        now: Its value now.
    """

    key: str
    was: Any
    now: Any

    @property
    def fixed(self) -> bool:
        """Whether a run cannot go on with it."""
        return self.key.startswith(_FIXED)

    def __str__(self) -> str:
        return f"{self.key} {_shown(self.was)} -> {_shown(self.now)}"


def diff_configs(was: Config, now: Config) -> Iterator[ConfigChange]:
    """The keys of which the values differ, in the order of the schema.

    Where `now` leaves something to the machine, what the run has found is no difference.
    The names of the text are none either: what counts is what it says.
    """
    before, after = was.model_dump(), now.model_dump()
    for section, values in before.items():
        for name, value in values.items():
            key, other = f"{section}.{name}", after[section][name]
            if value != other and other not in _OPEN and key != "data.text":
                yield ConfigChange(key, value, other)


def apply_changes(was: Config, changes: list[ConfigChange]) -> Config:
    """A run's configuration with some keys changed."""
    values = was.model_dump()
    for change in changes:
        section, _, name = change.key.partition(".")
        values[section][name] = change.now
    return Config.model_validate(values)


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
