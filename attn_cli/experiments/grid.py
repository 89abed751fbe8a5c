"""The arms of a sweep: a grid of values, or settings drawn at random from ranges."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.config.load import Override, parse_override
from attn_cli.errors import ConfigError, InputError
from attn_cli.experiments.plan import PlannedArm

_RANGE = re.compile(r"\s*([^\s,]+?)\.\.([^\s,]+)\s*")
_MAX_ARMS = 1000
_LOG_RATIO = 10  # a wider range is drawn from on a logarithmic scale
_DRAWN_WITH = 1337
_UNSAFE = re.compile(r"[^\w.,=+-]+")
_MAX_NAME = 100


@dataclass(frozen=True)
class Choice:
    """A setting with the values that it is to have in the arms."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """A setting that is drawn from a range, both ends included."""

    key: str
    low: float
    high: float

    def draw(self, chance: random.Random) -> float:
        """A number: an integer between integers, and log-uniform where the range is wide."""
        low, high = self.low, self.high
        is_wide = low > 0 and low * _LOG_RATIO <= high
        if isinstance(low, int) and isinstance(high, int):
            if not is_wide:
                return chance.randint(low, high)
            # Each integer stands for what is rounded to it.
            drawn = _log_uniform(low - 0.5, high + 0.5, chance)
            return min(high, max(low, round(drawn)))
        drawn = _log_uniform(low, high, chance) if is_wide else chance.uniform(low, high)
        return float(f"{drawn:.3g}")


def _log_uniform(low: float, high: float, chance: random.Random) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def parse_setting(text: str) -> Choice | Range:
    """What `KEY=A,B,C` or `KEY=LOW..HIGH` stands for; a list in brackets is one value.

    Raises:
        ConfigError: It is neither.
    """
    origin = f"--set {text or repr(text)}"
    key, _, value = text.partition("=")
    if not value.strip():
        empty = parse_override(text, origin)
        return Choice(empty.key, (empty.value,))
    # As a list, commas within quotes and brackets belong to a value.
    listed = parse_override(f"{key}=[{value}]", origin)
    if ends := _RANGE.fullmatch(value):
        low, high = (parse_override(f"{key}={end}", origin).value for end in ends.groups())
        if all(isinstance(end, int | float) for end in (low, high)):
            if not low < high or not math.isfinite(high - low):
                raise ConfigError(f"{origin}: the range has no numbers in it", "as in 1e-3..1e-1")
            return Range(listed.key, low, high)
    values = listed.value
    if any(each in values[:place] for place, each in enumerate(values)):
        raise ConfigError(f"{origin}: a value is given twice", "leave one of them out")
    return Choice(listed.key, tuple(values))


def make_arms(settings: Sequence[Choice | Range], draws: int | None = None) -> list[PlannedArm]:
    """The arms of several settings: all combinations, or so many draws.

    Args:
        settings: Those with several values or a range; another one is the same in all arms.
        draws: How many arms to draw at random; None for the grid of all combinations.

    Raises:
        InputError: There is nothing to choose from, or too much.
    """
    keys = [setting.key for setting in settings]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise InputError(f"--set {twice} is given twice", f"as in --set {twice}=A,B")
    if not settings:
        raise InputError(
            "a sweep needs a setting with several values", "as in --set model.n_head=2,4"
        )
    combined = _grid(settings) if draws is None else _draws(settings, draws)
    names = _short_names(keys)
    arms: dict[str, PlannedArm] = {}
    for values in itertools.islice(combined, _MAX_ARMS + 1):
        name = _arm_name(names, values)
        while name in arms:
            name += "+"
        arms[name] = PlannedArm(name, dict(zip(keys, values, strict=True)))
    if len(arms) > _MAX_ARMS:
        raise InputError(
            f"more than {_MAX_ARMS:,} arms", "give fewer values, or draw some: `random`"
        )
    return list(arms.values())


def varying(settings: Sequence[Choice | Range]) -> tuple[list[Choice | Range], list[Override]]:
    """The settings that differ between arms, and those that are the same in all."""
    differing: list[Choice | Range] = []
    same = []
    for setting in settings:
        if isinstance(setting, Choice) and len(setting.values) == 1:
            (value,) = setting.values
            same.append(Override(setting.key, value, f"--set {setting.key}={value}"))
        else:
            differing.append(setting)
    return differing, same


def _grid(settings: Sequence[Choice | Range]) -> Iterator[tuple[Any, ...]]:
    for setting in settings:
        if isinstance(setting, Range):
            raise InputError(
                f"--set {setting.key} is a range, and a grid has single values",
                "give values as A,B,C, or draw some: `random` N",
            )
    return itertools.product(*(each.values for each in settings if isinstance(each, Choice)))


def _draws(settings: Sequence[Choice | Range], draws: int) -> Iterator[tuple[Any, ...]]:
    """So many combinations, each different; fewer where there are no more."""
    if not 1 <= draws <= _MAX_ARMS:
        raise InputError(f"`random` {draws}: from 1 to {_MAX_ARMS:,}")
    chance, drawn = random.Random(_DRAWN_WITH), dict[str, tuple[Any, ...]]()
    for _ in range(100 * draws):
        values = tuple(
            setting.draw(chance) if isinstance(setting, Range) else chance.choice(setting.values)
            for setting in settings
        )
        drawn.setdefault(repr(values), values)
        if len(drawn) == draws:
            break
    return iter(drawn.values())


def _short_names(keys: Sequence[str]) -> list[str]:
    """The keys without their sections, where they differ without."""
    names = [key.rpartition(".")[2] for key in keys]
    return [name if names.count(name) == 1 else key for name, key in zip(names, keys, strict=True)]


def _arm_name(names: Sequence[str], values: Sequence[Any]) -> str:
    """A folder's name: `n_head=2,learning_rate=0.01`."""
    parts = [f"{name}={_shown(value)}" for name, value in zip(names, values, strict=True)]
    name = _UNSAFE.sub("-", ",".join(parts)).strip("-.")
    return name[:_MAX_NAME]


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return "-".join(map(_shown, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
