"""The page of an encoder-decoder: a source typed in it, its target, and who looked where.

With a lesson, it tells step by step how the one becomes the other.
"""

from collections.abc import Sequence

from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.page.lesson_payload import LESSON, lesson_payload
from attn_cli.inspection.page.payload import model_payload
from attn_cli.inspection.page.stages import model_sentence, stages
from attn_cli.inspection.page.template import MODEL_SCRIPTS, MODEL_STYLES, PageTemplate, as_json
from attn_cli.inspection.supported import check_supported
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
) -> str:
    """The HTML of the page, to be saved as UTF-8.

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
    form = loaded.pair_format
    columns = [str(column) for column in loaded.config.data.column or ["Source"]]
    payload = {
        **model_payload(loaded),
        "columns": columns if len(columns) > 1 else ["Source"],
        "features": form.has_features,
        "target_words": form.target_words,
        "source": form.source_fields(loaded.tokenizer.decode(source_ids)),
        "layer": layer,
        "head": head,
    }
    if lesson:
        assert layer is not None
        assert head is not None
        payload["lesson"] = lesson_payload(lesson, loaded, layer, head)
    styles, scripts = (LESSON_STYLES, LESSON_SCRIPTS) if lesson else (STYLES, SCRIPTS)
    template = PageTemplate("translation.html", styles, scripts)
    unit = "symbol" if form.target_words else loaded.tokenizer.unit
    return template.render(
        title,
        notes=(),
        unit=unit,
        payload=as_json(payload),
        sentence=model_sentence(loaded, "lesson" if lesson else "look"),
        stages=stages(loaded),
        closer=[("lesson", "Step by step")] if lesson else (),
        lesson=lesson,
    )
