"""The page as one HTML file: a template, styles and scripts, and the model as data.

Everything is inline, and the page may load nothing else: its content security policy
names the hashes of its own style and script. What comes from a user is in it only as
JSON without a single "<", and reaches the screen as text.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from attn_cli.inspection.ablation import HeadAblation
from attn_cli.inspection.history import Snapshot
from attn_cli.inspection.lesson.blocks import Formula, LessonStep, SideBySide, Table
from attn_cli.inspection.page.payload import (
    ablation_payload,
    evenly_spaced,
    model_payload,
    snapshot_payload,
)
from attn_cli.inspection.supported import check_supported
from attn_cli.runs.loaded_model import LoadedModel

FOLDER = Path(__file__).parent

STYLES = ("theme", "layout", "parts", "views")
# Each after those that it uses.
SCRIPTS = (
    "packing",
    "vocabulary",
    "arithmetic",
    "model",
    "forward_pass",
    "sampling",
    "elements",
    "formatting",
    "palette",
    "legend",
    "canvas",
    "bars",
    "page_state",
    "roving_focus",
    "character_strip",
    "head_grid",
    "typed_text",
    "thumbnails",
    "heat_map",
    "arcs",
    "weights_table",
    "attention",
    "vector_table",
    "attention_row",
    "next_character",
    "writing",
    "logit_lens",
    "ablation",
    "checkpoints",
    "keyboard",
    "app",
)

MAX_BYTES = 2_000_000  # of a page, which leaves out checkpoints to stay below
MAX_SNAPSHOTS, MIN_SNAPSHOTS = 8, 2


@dataclass(frozen=True, eq=False)
class PageContents:
    """What a page shows."""

    loaded: LoadedModel  # the model that runs in the page
    ids: tuple[int, ...]  # what it opens with; only `bos_id` where there is no text
    ablations: Sequence[HeadAblation]  # of each head on it; empty where the page computes them
    snapshots: Sequence[Snapshot]  # of it, at earlier checkpoints, the oldest first
    title: str  # the page's heading
    lesson: Sequence[LessonStep] = ()  # steps to read beside it; may be empty
    generate_first: bool = False  # whether the section that generates text comes first
    layer: int = 0  # the layer that it opens with, from 0
    head: int = 0  # the head of that layer, from 0


def page(contents: PageContents) -> str:
    """The HTML of the page, to be saved as UTF-8.

    It stays below `MAX_BYTES` by leaving out checkpoints, evenly spaced, down to two; a model of
    more than about half a million parameters makes it larger.

    Raises:
        InputError: The model has a kind of block or position that the page does not know.
    """
    check_supported(contents.loaded.model.config, "the page")
    style = "\n".join(_source("styles", f"{name}.css") for name in STYLES)
    script = "\n".join(_source("scripts", f"{name}.js") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}\n}})();'
    template = _environment().get_template("page.html")

    def rendered(snapshots: Sequence[str]) -> str:
        return template.render(
            title=_encodable(contents.title),
            lesson=contents.lesson,
            generate_first=contents.generate_first,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
            payload=payload,
            snapshots=f"[{','.join(snapshots)}]",
        )

    payload = as_json(_payload(contents))
    room = MAX_BYTES - len(rendered(()).encode())
    return rendered(_fitting([as_json(snapshot_payload(s)) for s in contents.snapshots], room))


def as_json(value: object) -> str:
    """JSON that is safe in a `<script>` element: no markup, no line separators, only ASCII."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":  # outside of strings JSON has none of these
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _payload(contents: PageContents) -> dict[str, Any]:
    empty = contents.ids == (contents.loaded.bos_id,)
    return {
        **model_payload(contents.loaded),
        "ids": [] if empty else list(contents.ids),
        "layer": contents.layer,
        "head": contents.head,
        "generate_first": contents.generate_first,
        "ablations": [ablation_payload(ablation) for ablation in contents.ablations],
    }


def _fitting(snapshots: Sequence[str], room: int) -> Sequence[str]:
    """As many as fit into this many bytes, evenly spaced; always the first and the last."""
    for count in range(MAX_SNAPSHOTS, MIN_SNAPSHOTS, -1):
        chosen = evenly_spaced(snapshots, count)
        if sum(map(len, chosen)) + count <= room:
            return chosen
    return evenly_spaced(snapshots, MIN_SNAPSHOTS)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kinds: dict[str, type] = {"formula": Formula, "table": Table, "pair": SideBySide}
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


def _source(*path: str) -> str:
    """A style or a script without comments and indentation."""
    lines = (line.strip() for line in FOLDER.joinpath(*path).read_text("utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _hash(text: str) -> str:
    """The hash of a style or script as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _encodable(text: str) -> str:
    """A text without lone surrogates, which names from a command line may hold."""
    return text.encode("utf-8", "replace").decode()
