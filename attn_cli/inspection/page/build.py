"""The page in which a model runs: what is on it, and which checkpoints fit into it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from attn_cli.inspection.ablation import HeadAblation
from attn_cli.inspection.history import Snapshot
from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.page.lesson_payload import LESSON, lesson_payload
from attn_cli.inspection.page.notes import size_notes
from attn_cli.inspection.page.payload import (
    ablation_payload,
    evenly_spaced,
    model_payload,
    snapshot_payload,
)
from attn_cli.inspection.page.rounding import choose_level
from attn_cli.inspection.page.stages import Purpose, model_sentence, stages
from attn_cli.inspection.page.template import (
    MODEL_SCRIPTS,
    MODEL_STYLES,
    Page,
    PageTemplate,
    as_json,
)
from attn_cli.inspection.supported import check_supported
from attn_cli.model.stack import Stack
from attn_cli.runs.loaded_model import LoadedModel

STYLES = (*MODEL_STYLES, "writing", "labels", "mask")
# Each after those that it uses.
SCRIPTS = (
    *MODEL_SCRIPTS,
    "page_state",
    "opening",
    "stages",
    "roving_focus",
    "character_strip",
    "head_grid",
    "labels",
    "typed_text",
    "thumbnails",
    "map_overview",
    "heat_map",
    "arcs",
    "weights_table",
    "attention",
    "mask",
    "vector_table",
    "embedding",
    "attention_row",
    "next_character",
    "drawn_characters",
    "writing",
    "filling",
    "logit_lens",
    "ablation",
    "checkpoints",
    "page_pictures",
    "scroll_hints",
    "keyboard",
    "theme_button",
    "app",
)

# The same of a page with a lesson.
LESSON_STYLES = (*STYLES, "lesson")
LESSON_SCRIPTS = (
    *SCRIPTS[:-1],
    *LESSON,
    SCRIPTS[-1],
)

MAX_BYTES = 2_500_000  # of a page, which leaves out checkpoints to stay below
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
    query: int | None = None  # the last character, or an encoder's first blank, where None
    key: int | None = None  # the one with the largest weight where None


def page(contents: PageContents) -> str:
    """The HTML of the page; see `noted_page`."""
    return noted_page(contents).html


def noted_page(contents: PageContents) -> Page:
    """The page, and what was left out of it.

    It stays below `MAX_BYTES` by leaving out checkpoints, evenly spaced, down to two. A model of
    more than about half a million parameters makes it larger; its weights are rounded where that
    keeps it below 4 MiB.

    Raises:
        InputError: The model has a kind of block or position that the page does not know.
    """
    loaded = contents.loaded
    check_supported(loaded.model.config, "the page")
    styles, scripts = (LESSON_STYLES, LESSON_SCRIPTS) if contents.lesson else (STYLES, SCRIPTS)
    template = PageTemplate("page.html", styles, scripts)

    def rendered(payload: str, snapshots: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
        return template.render(
            contents.title,
            lesson=contents.lesson,
            notes=notes,
            generate_first=contents.generate_first,
            encoder=loaded.config.task != "lm",
            classifier=bool(loaded.labels),
            sentence=model_sentence(contents.loaded, _purpose(contents)),
            stages=stages(contents.loaded),
            closer=_closer_looks(contents),
            runs_ahead=bool(contents.ablations or contents.snapshots or contents.lesson),
            payload=payload,
            snapshots=f"[{','.join(snapshots)}]",
        )

    weights = loaded.model.state_arrays()
    snapshots = [as_json(snapshot_payload(s)) for s in contents.snapshots]
    others = {**_payload(contents, 0), "weights": {}}
    least = rendered(as_json(others), evenly_spaced(snapshots, MIN_SNAPSHOTS))
    level = choose_level(weights, len(least.encode()))
    payload = as_json(_payload(contents, level))
    size = len(rendered(payload).encode())
    kept = _fitting(snapshots, MAX_BYTES - size)
    notes = tuple(_notes(contents, level, len(kept), size))
    return Page(rendered(payload, kept, notes), notes)


def _purpose(contents: PageContents) -> Purpose:
    if contents.lesson:
        return "lesson"
    if not contents.generate_first or contents.loaded.labels:
        return "look"
    return "write" if contents.loaded.config.task == "lm" else "fill"


def _closer_looks(contents: PageContents) -> Sequence[tuple[str, str]]:
    """The id and the name of each section that is no stage of the model."""
    names = [("lesson", "Lesson")] if contents.lesson else []
    names.append(("row", "One row"))
    if contents.loaded.config.task == "lm":
        names += [("lens", "Logit lens"), ("ablation", "Without a head")]
        if len(contents.snapshots) > 1:
            names.append(("history", "Training"))
    return names


def _notes(contents: PageContents, level: int, kept: int, size: int) -> Iterator[str]:
    """What is not in the page as it is in the run, and why it is large: a sentence each."""
    ids = [list(contents.ids)]

    def logits_of(model: Stack) -> torch.Tensor:
        logits: torch.Tensor = model(torch.tensor(ids, device=model.token_embedding.weight.device))
        return logits

    yield from size_notes(contents.loaded, level, size, logits_of)
    if kept < len(contents.snapshots):
        yield (
            f"To keep this page small, it has {kept} of the run’s {len(contents.snapshots)} "
            "checkpoints, evenly spaced."
        )


def _payload(contents: PageContents, level: int) -> dict[str, Any]:
    empty = contents.ids == (contents.loaded.bos_id,)
    return {
        **model_payload(contents.loaded, level),
        "ids": [] if empty else list(contents.ids),
        "layer": contents.layer,
        "head": contents.head,
        "query": contents.query,
        "key": contents.key,
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
