"""What the Tab key offers: names of runs, configurations and texts, config keys and their values.

Nothing that takes long is imported. Where nothing fits, the shell completes names of files.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Offer = tuple[str, str]  # a word, and what it is


def run_names(incomplete: str) -> list[Offer]:
    """The runs, groups and sweeps, the newest first; after the name of a group those in it."""
    from attn_cli.runs.run_folder import RunFolder
    from attn_cli.runs.run_lookup import list_all, runs_root

    offers = []
    for found in list_all():
        offers.append((found.path.name, found.kind))
        if not isinstance(found, RunFolder) and incomplete.startswith(f"{found.path.name}/"):
            offers += [(run.path.relative_to(runs_root()).as_posix(), "run") for run in found.runs]
    return _fitting(offers, incomplete)


def config_names(incomplete: str) -> list[Offer]:
    """The presets, and the YAML files of the folder."""
    from attn_cli.config.presets import presets

    known = [(preset.name, preset.summary) for preset in presets()]
    return _fitting([*known, *_files(incomplete, (".yaml", ".yml"))], incomplete)


def text_names(incomplete: str) -> list[Offer]:
    """The built-in texts, and the files and folders that fit as well."""
    from attn_cli.text.builtin import BUILTIN_NAMES

    known = _fitting([(name, "built-in text") for name in BUILTIN_NAMES], incomplete)
    return known and [*known, *_files(incomplete)]


def config_settings(incomplete: str) -> list[Offer]:
    """The keys of a configuration, each with `=`; where one fits, its default and its choices.

    Of several values, as for a sweep, it is the last that is completed.
    """
    from attn_cli.config.schema import Config

    key, equals, typed = incomplete.partition("=")
    fields = Config.fields()
    fitting = [name for name in fields if name == key or (not equals and name.startswith(key))]
    offers = [(f"{name}=", "") for name in fitting] if not equals else []
    if len(fitting) == 1:
        start = f"{fitting[0]}={typed[: typed.rfind(',') + 1]}"
        values = _values(fitting[0], typed.rpartition(",")[2])
        offers += [(f"{start}{value}", what) for value, what in values]
    return _fitting(offers, incomplete)


def _values(key: str, typed: str) -> list[Offer]:
    """The default of a key and its choices, or the texts or runs that it can name."""
    from attn_cli.config.allowed_values import choices, value_schemas
    from attn_cli.config.schema import Config

    if key in ("data.text", "data.validation"):
        return text_names(typed)
    if key == "train.init_from":
        return run_names(typed)
    values = {_as_typed(Config.fields()[key].get_default()): "default"}
    values |= {value: "" for value in choices(value_schemas()[key]) if value not in values}
    return [(value, what) for value, what in values.items() if value]


def config_keys(*others: str) -> Callable[[str], list[Offer]]:
    """Completes the keys of a configuration and `others`, the last of several after a comma."""

    def complete(incomplete: str) -> list[Offer]:
        from attn_cli.config.schema import Config

        before, comma, _ = incomplete.rpartition(",")
        keys = [*others, *Config.fields()]
        return _fitting([(f"{before}{comma}{key}", "") for key in keys], incomplete)

    return complete


def one_of(*words: str) -> Callable[[str], list[Offer]]:
    """Completes one of some words."""
    return lambda incomplete: _fitting([(word, "") for word in words], incomplete)


def _fitting(offers: Iterable[Offer], incomplete: str) -> list[Offer]:
    """Those that begin as the user did; without words that a shell would have to quote."""
    return [
        (word, what)
        for word, what in offers
        if word.startswith(incomplete) and shlex.quote(word) == word
    ]


def _files(incomplete: str, endings: tuple[str, ...] = ("",)) -> Iterator[Offer]:
    """Files that a path may be the beginning of; folders, too, where any ending will do."""
    folder, slash, name = incomplete.rpartition("/")
    for path in sorted(Path(folder + slash).glob(f"{name}*")):
        if path.is_dir() and endings == ("",):
            yield f"{folder}{slash}{path.name}/", "folder"
        elif path.is_file() and path.name.endswith(endings):
            yield f"{folder}{slash}{path.name}", "file"


def _as_typed(value: Any) -> str:
    """A default as a user would type it; empty where there is none, or a list."""
    if value is None or isinstance(value, list):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
