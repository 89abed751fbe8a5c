"""The page in which a model runs: what is on it, and which checkpoints fit into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.inspection.ablation import HeadAblation
from attn_cli.inspection.history import Snapshot
from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.page.lesson_payload import lesson_payload
from attn_cli.inspection.page.payload import (
    ablation_payload,
    evenly_spaced,
    model_payload,
    snapshot_payload,
)
from attn_cli.inspection.page.template import MODEL_SCRIPTS, MODEL_STYLES, PageTemplate, as_json
from attn_cli.inspection.supported import check_supported
from attn_cli.runs.loaded_model import LoadedModel

STYLES = MODEL_STYLES
# Each after those that it uses.
SCRIPTS = (
    *MODEL_SCRIPTS,
    "page_state",
    "opening",
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
    "filling",
    "logit_lens",
    "ablation",
    "checkpoints",
    "keyboard",
    "theme_button",
    "app",
)

# The same of a page with a lesson.
LESSON_STYLES = (*STYLES, "lesson")
LESSON_SCRIPTS = (
    *SCRIPTS[:-1],
    "lesson_rounding",
    "lesson_tensors",
    "lesson_text",
    "lesson_arithmetic",
    "lesson_parts",
    "lesson_picture",
    "lesson_steps",
    "lesson",
    SCRIPTS[-1],
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
    styles, scripts = (LESSON_STYLES, LESSON_SCRIPTS) if contents.lesson else (STYLES, SCRIPTS)
    template = PageTemplate("page.html", styles, scripts)

    def rendered(snapshots: Sequence[str]) -> str:
        return template.render(
            contents.title,
            lesson=contents.lesson,
            generate_first=contents.generate_first,
            encoder=contents.loaded.tokenizer.mask_id is not None,
            payload=payload,
            snapshots=f"[{','.join(snapshots)}]",
        )

    payload = as_json(_payload(contents))
    room = MAX_BYTES - len(rendered(()).encode())
    return rendered(_fitting([as_json(snapshot_payload(s)) for s in contents.snapshots], room))


def _payload(contents: PageContents) -> dict[str, Any]:
    empty = contents.ids == (contents.loaded.bos_id,)
    return {
        **model_payload(contents.loaded),
        "ids": [] if empty else list(contents.ids),
        "layer": contents.layer,
        "head": contents.head,
        "generate_first": contents.generate_first,
        "ablations": [ablation_payload(ablation) for ablation in contents.ablations],
        **_lesson(contents),
    }


def _lesson(contents: PageContents) -> dict[str, Any]:
    """What the script needs of the lesson, where there is one."""
    if not contents.lesson:
        return {}
    lesson = lesson_payload(contents.lesson, contents.loaded, contents.layer, contents.head)
    return {"lesson": lesson}


def _fitting(snapshots: Sequence[str], room: int) -> Sequence[str]:
    """As many as fit into this many bytes, evenly spaced; always the first and the last."""
    for count in range(MAX_SNAPSHOTS, MIN_SNAPSHOTS, -1):
        chosen = evenly_spaced(snapshots, count)
        if sum(map(len, chosen)) + count <= room:
            return chosen
    return evenly_spaced(snapshots, MIN_SNAPSHOTS)
