"""The named configurations that come with the package."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from attn_cli.errors import ConfigError
from attn_cli.resources import resource_folder

DEFAULT = "tales"


@dataclass(frozen=True)
class Preset:
    """A configuration of `configs/`, with the first line of its comment."""

    name: str  # its name: the file's, without .yaml
    path: Path
    summary: str  # the first line of its comment


def presets() -> list[Preset]:
    """All presets, the default first, the others by name."""
    found = []
    for path in sorted(resource_folder("configs").glob("*.yaml")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        found.append(Preset(path.stem, path, first.lstrip("# ").strip()))
    return sorted(found, key=lambda preset: preset.name != DEFAULT)


def find_config(name: str) -> Path:
    """The file of a configuration, which is named by its preset or its path.

    Raises:
        ConfigError: There is no such preset or file.
    """
    known = {preset.name: preset.path for preset in presets()}
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if not name:
        raise ConfigError("the config has an empty name", f"a file, or one of {', '.join(known)}")
    if path.is_dir():
        inside = next(iter(sorted(path.glob("*.yaml"))), None)
        raise ConfigError(
            f"config {name} is a folder",
            "name a YAML file" if inside is None else f"name a YAML file, such as {inside}",
        )
    if path.exists():
        return path
    near = difflib.get_close_matches(path.stem, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"a file, or one of {', '.join(known)}"
    raise ConfigError(f"no config {name}", hint)
