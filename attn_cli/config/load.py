"""Reads a YAML file and overrides into a checked `Config`; errors name file, line and key."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from attn_cli.config.other_names import OTHER_NAMES
from attn_cli.config.schema import Config
from attn_cli.errors import ConfigError

# A configuration is a page of text, two levels deep; anything larger is something else.
MAX_BYTES = 200_000
MAX_DEPTH = 20


class _Loader(yaml.SafeLoader):
    """`yaml.SafeLoader`, but `1e-3` is a number, as in YAML 1.2 and as everyone expects."""


_Loader.yaml_implicit_resolvers = dict(yaml.SafeLoader.yaml_implicit_resolvers)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?[eE][-+]?\d+|\.\d+([eE][-+]?\d+)?)$"),
    list("-+.0123456789"),
)


@dataclass(frozen=True)
class Override:
    """One value that overrides the file's."""

    key: str  # the dotted path, `train.learning_rate`
    value: Any  # its value, already parsed: a number, string, list or None
    origin: str  # how a message names it and its key: `train.steps=0`, or an option and its value


def parse_override(text: str, origin: str | None = None) -> Override:
    """The override that `key=value` says; the value is YAML.

    Args:
        text: `train.steps=500`.
        origin: How a message names it; None for the text itself.

    Raises:
        ConfigError: There is no `=`, or the value is not YAML.
    """
    origin = text if origin is None else origin
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(
            f"{origin or repr(text)}: not of the form key=value", "as in train.steps=500"
        )
    node = _compose(value, origin)
    return Override(key.strip(), None if node is None else _construct(node, origin), origin)


def load_config(path: Path | None, overrides: Iterable[Override] = ()) -> Config:
    """Reads and checks a configuration.

    Args:
        path: A YAML file; None for the defaults.
        overrides: Values that replace those of the file; the last one of a key wins.

    Raises:
        ConfigError: The file cannot be read or is not a mapping, or a key or a value is
            wrong; the message names file, line and key.
    """
    if path is None:
        return _checked({}, overrides, {}, "defaults")
    values, lines = _read(path)
    return _checked(values, overrides, lines, str(path))


def override_config(config: Config, overrides: Iterable[Override]) -> Config:
    """The configuration with some of its values replaced.

    Raises:
        ConfigError: A key or a value is wrong; the message names the override.
    """
    return _checked(config.model_dump(), overrides, {}, "configuration")


def _checked(
    values: dict[str, Any], overrides: Iterable[Override], lines: dict[str, str], file: str
) -> Config:
    typed: dict[str, str] = {}
    for override in overrides:
        _apply(values, override)
        typed[override.key] = override.origin
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise _config_error(error, lines, typed, file) from None


def dump_config(config: Config) -> str:
    """The configuration as YAML, every key written out."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True)


def read_text(path: Path) -> str:
    """The contents of a configuration file.

    Raises:
        ConfigError: It cannot be read, is not UTF-8, or is too large to be one.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read config {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes: not a configuration")
    return text


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of a file, and where each dotted key is in it (`file:line`)."""
    node = _compose(read_text(path), path)
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}:1: a configuration is a mapping of sections", _SECTIONS_HINT)
    lines = {key: f"{path}:{line}" for key, line in _lines(node, str(path))}
    values = _construct(node, path)
    # `train:` alone on its line is a section without keys.
    empty: dict[str, Any] = {
        key: {} for key, value in values.items() if value is None and key in _SECTIONS
    }
    return {**values, **empty}, lines


_SECTIONS = [name for name in Config.model_fields if name not in Config.fields()]
_SECTIONS_HINT = f"its sections are {', '.join(_SECTIONS)}; see `attn configs --explain`"


def _compose(text: str, origin: Path | str) -> yaml.Node | None:
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ConfigError(f"{origin}: invalid YAML: nested too deeply")
            # Aliases of aliases expand exponentially, and no configuration needs one.
            if isinstance(event, yaml.AliasEvent):
                line = f":{event.start_mark.line + 1}" if event.start_mark else ""
                raise ConfigError(f"{origin}{line}: YAML aliases are not supported here")
        return yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or getattr(error, "reason", "cannot be read")
        raise ConfigError(f"{_where(error, origin)}: invalid YAML: {problem}") from None


def _construct(node: yaml.Node, origin: Path | str) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        what = getattr(error, "problem", None) or str(error).partition(";")[0]
        raise ConfigError(f"{_where(error, origin)}: {what}") from None
    finally:
        loader.dispose()


def _where(error: Exception, origin: Path | str) -> str:
    """The line of a file that an error of YAML names, or the origin of an override."""
    mark = getattr(error, "problem_mark", None)
    return f"{origin}:{mark.line + 1}" if mark and isinstance(origin, Path) else str(origin)


def _lines(node: yaml.MappingNode, file: str, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Each dotted key of a mapping, and its line number."""
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{file}:{line}: a key must be a plain word")
        key = f"{prefix}{key_node.value}"
        if key in seen:
            raise ConfigError(f"{file}:{line}: {key} is given twice", "keep one of the two")
        seen.add(key)
        yield key, line
        if isinstance(value_node, yaml.MappingNode):
            yield from _lines(value_node, file, f"{key}.")


def _apply(values: dict[str, Any], override: Override) -> None:
    *sections, name = override.key.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if inner is None:
            inner = values[section] = {}
        if not isinstance(inner, dict):
            raise ConfigError(f"{override.origin}: {section} is not a section", _SECTIONS_HINT)
        values = inner
    values[name] = override.value


def _config_error(
    error: ValidationError, lines: dict[str, str], typed: dict[str, str], file: str
) -> ConfigError:
    """The first problem, and the keys of the others.

    Args:
        error: All problems.
        lines: Where each key is in the file, `file:line`.
        typed: The origin of each override, by its key.
        file: The file.
    """
    problems = error.errors(include_url=False)
    first = problems[0]
    key = _dotted_key(first)
    # The origin of an override already names the key.
    # A union (`"auto"` or a number) has one problem per member.
    members = [_problem(problem) for problem in problems if _dotted_key(problem) == key]
    problem = " or ".join(dict.fromkeys(members))
    where = _typed_origin(key, typed, problem)
    if where is None:
        where = lines.get(key) or lines.get(key.partition(".")[0], file)
        where = f"{where}: {key}" if key else where
    message = f"{where}: {problem}"
    hint = _nearest(key) if first["type"] == "extra_forbidden" else None
    keys = {_dotted_key(problem) for problem in problems}
    if len(keys) > 1:
        more = f"{len(keys) - 1} more to fix: {', '.join(sorted(keys - {key}))}"
        hint = f"{hint}; {more}" if hint else more
    return ConfigError(message, hint)


def _typed_origin(key: str, typed: dict[str, str], problem: str) -> str | None:
    """The override that set a key; of a section that is invalid as a whole, the likeliest one."""
    section = key.partition(".")[0]
    inside = {name: origin for name, origin in typed.items() if name.startswith(f"{section}.")}
    if key == section and inside:
        named = [origin for name, origin in inside.items() if name.partition(".")[2] in problem]
        return [*inside.values(), *named][-1]
    return typed.get(key, typed.get(section))


def _dotted_key(problem: ErrorDetails) -> str:
    """The path of a problem, without pydantic's names for the members of a union."""
    return ".".join(str(part) for part in problem["loc"][:2])


def _problem(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        return "unknown key"
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] in ("model_type", "model_attributes_type"):
        return "a section is a mapping of keys to values"
    message = problem["msg"].removeprefix("Input ")
    if problem["type"] == "list_type":
        message = f"should be a list, as [{problem['input']}]"
    return f"{message}, not {_shown(problem['input'])}"


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print such a number
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def key_named(name: str) -> str | None:
    """The dotted key of this name, here or in other programs: of `lr`, `train.learning_rate`."""
    return next((key for key, known in _fields().items() if known == name), OTHER_NAMES.get(name))


def _fields() -> dict[str, str]:
    """The name of each key in its section, by the dotted key."""
    return {key: key.rpartition(".")[2] for key in Config.fields()}


def _nearest(key: str) -> str:
    """A hint for an unknown key: a similar one of its section, or of another."""
    fields = _fields()
    section, _, name = key.rpartition(".")
    near = difflib.get_close_matches(name, fields.values(), n=1)
    named = key_named(name)
    for matches in (
        [] if named is None else [named],
        difflib.get_close_matches(key, [*fields, *Config.model_fields], n=1),
        [dotted for dotted, known in fields.items() if known in near],
    ):
        if matches:
            return f"did you mean {matches[0]}?"
    if section in _SECTIONS:
        names = [dotted.split(".")[1] for dotted in fields if dotted.startswith(f"{section}.")]
        return f"{section} has {', '.join(names)}"
    return _SECTIONS_HINT
