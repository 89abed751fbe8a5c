"""The differences between two configurations of a run, and which of them a run can adopt."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from attn_cli.config.schema import Config

# With another value of these, it would be another run.
_IMMUTABLE = (
    "task",
    "data.",
    "model.",
    "train.batch_size",
    "train.optimizer",
    "train.best_by",
    "train.seed",
    "train.init_from",
)
_AUTO = "auto"  # leaves the value to the machine


@dataclass(frozen=True)
class ConfigChange:
    """One key whose value differs."""

    key: str  # its dotted path
    old: Any  # its value in the run
    new: Any  # its value in the other configuration

    @property
    def immutable(self) -> bool:
        """Whether a run cannot be resumed with it."""
        return self.key.startswith(_IMMUTABLE)

    def __str__(self) -> str:
        return f"{self.key} {shown(self.old)} -> {shown(self.new)}"


def diff_configs(old: Config, new: Config) -> Iterator[ConfigChange]:
    """The keys whose values differ, in the order of the schema.

    Where `new` says "auto", what the run has resolved it to is no difference. Neither are
    the names of a text: what counts is its contents.
    """
    after = new.flat()
    for key, value in old.flat().items():
        other = after[key]
        renamed = key in ("data.text", "data.validation") and value and other
        if value != other and other != _AUTO and not renamed:
            yield ConfigChange(key, value, other)


def apply_changes(config: Config, changes: list[ConfigChange]) -> Config:
    """A configuration with some of its values changed."""
    values = config.model_dump()
    for change in changes:
        section, _, name = change.key.rpartition(".")
        (values[section] if section else values)[name] = change.new
    return Config.model_validate(values)


def shown(value: Any) -> str:
    """A value of a configuration in words."""
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()  # as in YAML
    return f"{value:g}" if isinstance(value, float) else str(value)
