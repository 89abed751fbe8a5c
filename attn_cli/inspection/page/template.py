"""A page as one HTML file: a template, with its styles, scripts and data inline.

The page may load nothing: its content security policy names the hashes of its own style and
script. What comes from a user is in it only as JSON without a single "<", or as text that the
template escapes, and reaches the screen as text.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from attn_cli.inspection.lesson.blocks import Formula, Maps, SideBySide, Table

FOLDER = Path(__file__).parent

# What every page has in which a model runs; each script after those that it uses.
MODEL_STYLES = (
    "theme",
    "layout",
    "parts",
    "views",
    "sections",
    "map_overview",
    "stages",
    "save_picture",
    "phone",
    "print",
)
MODEL_SCRIPTS = (
    "packing",
    "vocabulary",
    "arithmetic",
    "ngrams",
    "label_ngrams",
    "model",
    "forward_pass",
    "sampling",
    "elements",
    "formatting",
    "palette",
    "legend",
    "canvas",
    "bars",
    "map_state",
    "svg_context",
    "drawn_svg",
    "picture",
    "save_picture",
    "map_pictures",
)


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        html: To be saved as UTF-8.
        notes: What was left out or rounded to keep it small, a sentence each; in the page, too.
    """

    html: str
    notes: tuple[str, ...]


class PageTemplate:
    """A template with the styles and scripts that it is rendered with.

    Args:
        name: Its file.
        styles: Names of style sheets, in the order of the cascade.
        scripts: Names of scripts, each after those that it uses.
        folder: Where to look for all of these before the folder of this file.
    """

    def __init__(
        self, name: str, styles: Sequence[str], scripts: Sequence[str], folder: Path = FOLDER
    ) -> None:
        self._template = _environment(folder).get_template(name)
        self._style = "\n".join(_source(folder, "styles", f"{style}.css") for style in styles)
        body = "\n".join(_source(folder, "scripts", f"{script}.js") for script in scripts)
        self._script = f'(() => {{\n"use strict";\n{body}\n}})();'

    def render(self, title: str, **context: object) -> str:
        """The HTML of a page, to be saved as UTF-8."""
        return self._template.render(
            title=_encodable(title),
            style=self._style,
            script=self._script,
            style_hash=_hash(self._style),
            script_hash=_hash(self._script),
            **context,
        )


def as_json(value: object) -> str:
    """JSON that is safe in a `<script>` element: no markup, no line separators, only ASCII."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":  # outside of strings JSON has none of these
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader((folder, FOLDER)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kinds: dict[str, type] = {"formula": Formula, "table": Table, "pair": SideBySide, "maps": Maps}
    environment.tests |= {
        name: lambda part, kind=kind: isinstance(part, kind) for name, kind in kinds.items()
    }
    environment.filters["text_columns"] = _text_columns
    return environment


def _text_columns(table: Table) -> set[int]:
    """The columns that hold words, which are aligned to the left."""
    return {
        column
        for _, cells in table.rows
        for column, cell in enumerate(cells)
        if re.search(r"[^\W\d_]{3}", cell)
    }


def _source(folder: Path, kind: str, name: str) -> str:
    """A style or a script without comments and indentation."""
    own = folder / kind / name
    path = own if own.is_file() else FOLDER / kind / name
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _hash(text: str) -> str:
    """The hash of a style or script as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _encodable(text: str) -> str:
    """A text without lone surrogates, which names from a command line may hold."""
    return text.encode("utf-8", "replace").decode()
