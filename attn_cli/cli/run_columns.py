"""The columns of `attn runs`: their names, the text of a cell, what to sort and to filter by."""

from __future__ import annotations

import difflib
import fnmatch
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from attn_cli.cli.run_rows import MEASURED, Row, Several
from attn_cli.errors import InputError

# Losses of what is hidden, or of labels, are not to be compared with a decoder's.
_LOSS_OF = {"mlm": " mlm", "classify": " label", "seq2seq": " target"}
HEADINGS = {"val_loss": "best val loss", "age_seconds": "age", "val_loss_sd": "sd"}
_COUNTS = ("parameters", "steps", "chars")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt
}  # fmt: skip
_SHOWN_VALUES = 3  # of a key that is not the same in all runs of a group


def column_key(name: str) -> str:
    """The key that a user names: `val_loss`, `model.n_layer`, or `n_layer` for short.

    Raises:
        InputError: There is none; the hint has near ones.
    """
    from attn_cli.config.load import key_named
    from attn_cli.config.schema import Config

    keys = [*MEASURED, *Config.fields()]
    if name == "age":
        return "age_seconds"
    if name in keys:
        return name
    if (key := key_named(name)) is not None:
        return key
    full = {key.rpartition(".")[2]: key for key in keys} | {key: key for key in keys}
    near = dict.fromkeys(full[each] for each in difflib.get_close_matches(name, full))
    raise InputError(
        f"attn runs knows no {name!r}",
        f"did you mean {' or '.join(near)}?" if near
        else f"there are {', '.join(MEASURED)}, and the keys of `attn configs --explain`",
    )  # fmt: skip


def cell(row: Row, key: str) -> str:
    """What the table shows of a row in a column."""
    value = row.get(key)
    if value is None:
        return "" if row.problem else "-"
    if key == "n":
        return _count(row)
    if key == "val_loss":
        spread, arm = row.get("val_loss_sd"), row.get("best_arm")
        loss = f"{value:.4f}" + ("" if spread is None else f" ± {spread:.4f}")
        return loss + _LOSS_OF.get(row.get("task"), "") + (f" ({arm})" if arm else "")
    if key == "age_seconds":
        return _age(value)
    if key == "settings":
        return " ".join(f"{name}={_shown(each)}" for name, each in value.items())
    if key in _COUNTS:
        unfinished = key == "steps" and not row.get("finished")
        shown = f"{value[0]:,} to {value[-1]:,}" if isinstance(value, Several) else f"{value:,}"
        return shown + " so far" * unfinished
    return _shown(value)


def _count(row: Row) -> str:
    """The runs of a group, of which not all may have ended; of a sweep arms × runs."""
    if row.get("kind") == "sweep":
        counts = dict.fromkeys(_count(arm) for arm in row.members)
        return f"{len(row.members)} × {', '.join(counts)}"
    ended = sum(run.has_ended for run in row.members)
    return f"{ended} of {len(row.members)}" if ended < len(row.members) else str(row.get("n"))


def sorted_by(rows: Sequence[Row], name: str) -> list[Row]:
    """The rows by a column, ascending, or descending after `-`; those without a value last."""
    key = column_key(name.removeprefix("-"))
    known = [row for row in rows if row.get(key) is not None]

    def order(row: Row) -> tuple[bool, Any]:
        value = row.get(key)
        number = isinstance(value, int | float)
        return not number, value if number else _shown(value)

    known.sort(key=order, reverse=name.startswith("-"))
    return [*known, *(row for row in rows if row.get(key) is None)]


def matcher(condition: str) -> Callable[[Row], bool]:
    """Whether a row meets a condition: `KEY=VALUE`, where `*` is any text, or `KEY<NUMBER`.

    Of a group's key with several values it is enough that one meets it.

    Raises:
        InputError: It is no condition, or there is no such key.
    """
    parts = re.fullmatch(r"([^<>=!]+)(<=|>=|!=|=|<|>)(.*)", condition, re.DOTALL)
    if parts is None:
        raise InputError(f"{condition!r} is no condition", "as in model.n_layer=4 or val_loss<1.5")
    key, sign, wanted = column_key(parts[1].strip()), parts[2], parts[3].strip()
    if sign in _COMPARISONS:
        limit, compare = _number(wanted, condition), _COMPARISONS[sign]
        return lambda row: any(
            isinstance(value, int | float) and compare(value, limit) for value in _values(row, key)
        )
    equal = sign == "="
    return lambda row: equal == any(_equals(value, wanted) for value in _values(row, key))


def _values(row: Row, key: str) -> Sequence[Any]:
    """The values of a row's key; of a list its elements, too."""
    value = row.get(key)
    several = value if isinstance(value, Several) else (value,)
    return [each for one in several for each in (one, *(one if isinstance(one, list) else ()))]


def _equals(value: Any, wanted: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return value == float(wanted)
        except ValueError:
            return False
    return fnmatch.fnmatchcase(_shown(value).lower(), wanted.lower())


def _number(text: str, condition: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{condition}: {text!r} is no number", "as in val_loss<1.5") from None


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, Several):
        shown = ", ".join(map(_shown, value[:_SHOWN_VALUES]))
        return shown if len(value) <= _SHOWN_VALUES else f"{shown}, ... ({len(value)})"
    if isinstance(value, list):
        return ",".join(map(_shown, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
