"""The page of an encoder-decoder: a source typed in it, its target, and who looked where.

With a lesson, it tells step by step how the one becomes the other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.page.lesson_payload import LESSON, lesson_payload
from attn_cli.inspection.page.notes import size_notes
from attn_cli.inspection.page.payload import model_payload
from attn_cli.inspection.page.rounding import choose_level
from attn_cli.inspection.page.stages import model_sentence, stages
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

STYLES = (*MODEL_STYLES, "translation")
# Each after those that it uses.
SCRIPTS = (
    *MODEL_SCRIPTS,
    "translation_state",
    "opening",
    "stages",
    "roving_focus",
    "character_strip",
    "head_grid",
    "thumbnails",
    "map_overview",
    "heat_map",
    "weights_table",
    "attention",
    "source_fields",
    "translation",
    "translation_pictures",
    "scroll_hints",
    "keyboard",
    "theme_button",
    "translation_app",
)

# The same of a page with a lesson.
LESSON_STYLES = (*STYLES, "lesson")
LESSON_SCRIPTS = (*SCRIPTS[:-1], *LESSON, "lesson_pair", SCRIPTS[-1])


def translation_page(
    loaded: LoadedModel,
    source_ids: Sequence[int],
    title: str,
    *,
    layer: int | None = None,
    head: int | None = None,
    lesson: Sequence[LessonStep] = (),
) -> Page:
    """The page; its weights are rounded where that keeps it below 4 MiB.

    Args:
        loaded: The model that runs in the page, of task seq2seq.
        source_ids: The source that it opens with, without its end.
        title: Its heading.
        layer: The layer that it opens with, from 0; that of the most aligned head where None.
        head: The head that it opens with, from 0; the most aligned one where None.
        lesson: Steps to read beside it, which follow this layer and head; may be empty.

    Raises:
        InputError: The model has a kind of block or position that the page does not know.
    """
    check_supported(loaded.model.config, "the page")
    styles, scripts = (LESSON_STYLES, LESSON_SCRIPTS) if lesson else (STYLES, SCRIPTS)
    template = PageTemplate("translation.html", styles, scripts)
    source = _source_payload(loaded, source_ids, layer, head)
    if lesson:
        assert layer is not None
        assert head is not None
        source["lesson"] = lesson_payload(lesson, loaded, layer, head)

    def rendered(model: Mapping[str, Any], notes: Sequence[str] = ()) -> str:
        return template.render(
            title,
            notes=notes,
            unit="symbol" if loaded.pair_format.target_words else loaded.tokenizer.unit,
            payload=as_json({**model, **source}),
            sentence=model_sentence(loaded, "lesson" if lesson else "look"),
            stages=stages(loaded),
            closer=[("lesson", "Lesson")] if lesson else (),
            runs_ahead=False,
            lesson=lesson,
        )

    others = rendered({**model_payload(loaded), "weights": {}})
    level = choose_level(loaded.model.state_arrays(), len(others.encode()))
    model = model_payload(loaded, level)
    size = len(rendered(model).encode())
    notes = tuple(size_notes(loaded, level, size, _logits_of(loaded, source_ids)))
    return Page(rendered(model, notes), notes)


def _source_payload(
    loaded: LoadedModel, source_ids: Sequence[int], layer: int | None, head: int | None
) -> dict[str, Any]:
    """What the script needs besides the model."""
    form = loaded.pair_format
    columns = [str(column) for column in loaded.config.data.column or ["Source"]]
    return {
        "columns": columns if len(columns) > 1 else ["Source"],
        "features": form.has_features,
        "target_words": form.target_words,
        "source": form.source_fields(loaded.tokenizer.decode(source_ids)),
        "layer": layer,
        "head": head,
    }


def _logits_of(loaded: LoadedModel, source_ids: Sequence[int]) -> Callable[[Stack], torch.Tensor]:
    """The logits (1, T, V) that a model like this one has for the target that this one writes."""
    device = loaded.model.token_embedding.weight.device
    source = torch.tensor([[*source_ids, loaded.bos_id]], device=device)  # (1, S)
    target = greedy_targets([loaded.encoder_decoder], source, None, newline_id=loaded.bos_id)[0]
    ids = torch.tensor([[loaded.bos_id, *target]], device=device)
    ids = ids[:, : loaded.config.model.block_size]

    def logits_of(model: Stack) -> torch.Tensor:
        logits: torch.Tensor = model(ids, source)
        return logits

    return logits_of
