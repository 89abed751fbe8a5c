"""How well a decoder or an encoder predicts the characters of a text, for `attn evaluate`."""

from __future__ import annotations

import collections
import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from attn_cli.cli.evaluation_figures import write_surprisal
from attn_cli.cli.evaluation_text import VALIDATION, hint_on_missing_text, read_text
from attn_cli.cli.figure_options import FigureFiles
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import count_working
from attn_cli.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from attn_cli.objectives.evaluation import Evaluation, TextLosses
    from attn_cli.runs.loaded_model import TrainedModel
    from attn_cli.text.baselines import Baselines
    from attn_cli.text.corpus import Corpus
    from attn_cli.text.examples import Split


def report_text(
    loaded: TrainedModel,
    file: str | None,
    figures: FigureFiles,
    *,
    per_char: bool,
    dynamic: bool,
    is_newest: bool,
    as_json: bool,
) -> None:
    """How well a decoder or an encoder predicts the characters of a text."""
    name = file or VALIDATION
    corpus, text, floor = _texts(loaded, file)
    baselines = _baselines(loaded, corpus, text)
    if is_newest and not (as_json or sys.stdout.isatty()):
        notice(f"newest run: {loaded.description}")  # a terminal shows it with the result

    from attn_cli.inspection.token_losses import mean_loss, token_losses
    from attn_cli.text.examples import target_count

    lists = None
    show: Callable[[str], None] = result
    if per_char or dynamic:
        losses = token_losses(loaded, text, dynamic=dynamic)
        arrays = count_working(losses, target_count(text), len)
        if per_char:
            lists, show = _show_characters(loaded, name, text, arrays, losses, figures, as_json)
        else:
            collections.deque(arrays, maxlen=0)
        evaluation = losses.evaluation()
    else:
        evaluation = mean_loss(loaded, text)
    if as_json:
        record = _record(loaded, name, evaluation, floor, baselines, dynamic=dynamic)
        result_json(record if lists is None else {**record, "per_char": lists})
        return
    for line in _summary(loaded, name, evaluation, floor, dynamic=dynamic):
        show(line)
    if corpus is not None and baselines is not None:
        bits = evaluation.bits_per_char
        for line in _verdict(loaded, corpus, text, bits, baselines, dynamic=dynamic):
            show(line)


def _show_characters(
    loaded: TrainedModel,
    name: str,
    text: Split,
    arrays: Iterable[NDArray[np.float32]],
    losses: TextLosses,
    figures: FigureFiles,
    as_json: bool,
) -> tuple[dict[str, Any] | None, Callable[[str], None]]:
    """Shows the loss of each character, or gives it as lists; and how to show the summary.

    Args:
        loaded: Whose losses they are.
        name: Of the text.
        text: The text.
        arrays: The losses, computed while they are iterated.
        losses: What they come to, after that.
        figures: Where to draw them, in place of the text.
        as_json: Whether to give them as lists.
    """
    from attn_cli.cli.surprisal import (
        as_lists,
        beginning,
        can_colour,
        write_coloured,
        write_table,
    )
    from attn_cli.inspection.figures.surprisal import MOST_CHARACTERS
    from attn_cli.inspection.token_losses import predicted_characters
    from attn_cli.text.examples import joined

    computed = list(arrays) if figures else arrays  # once, for all that shows them
    what = (loaded.tokenizer, joined(text), predicted_characters(loaded, text), computed)
    lists = None
    show: Callable[[str], None] = result
    if as_json:
        lists = as_lists(*what)
    elif figures:
        pass  # they are in place of the text
    elif can_colour():
        write_coloured(*what)
    else:
        write_table(*what)
        show = notice  # a program reads the table, and nothing after it
    if figures:
        shown = beginning(MOST_CHARACTERS, *what)
        write_surprisal(figures, loaded, name, shown, losses.evaluation())
    return lists, show


def _texts(loaded: TrainedModel, file: str | None) -> tuple[Corpus | None, Split, float | None]:
    """The training text, the text to measure on, and its entropy; None for what is not known."""
    from attn_cli.text.builtin import entropy_floor

    predicts_next = loaded.config.task == "lm"  # an encoder sees what comes after, too

    if file is not None:
        corpus, floor = _training_corpus(loaded), entropy_floor(file)
        return corpus, read_text(file, loaded), floor if predicts_next else None
    with hint_on_missing_text("name a text to measure on: attn evaluate FILE"):
        corpus = loaded.corpus()
    return corpus, corpus.validation, corpus.validation_floor if predicts_next else None


def _training_corpus(loaded: TrainedModel) -> Corpus | None:
    """The text that a model was trained on; None, and a notice, where it is gone."""
    try:
        return loaded.corpus()
    except DatasetError as error:
        notice(f"without baselines, which need the training text: {error.message}")
        return None


def _baselines(loaded: TrainedModel, corpus: Corpus | None, text: Split) -> Baselines | None:
    """What simple predictors need for a text; None without the training text they learn from."""
    from attn_cli.text.baselines import text_baselines

    # What is left of a text around a hidden character, no compressor has.
    if corpus is None or loaded.config.task != "lm":
        return None
    return text_baselines(corpus.tokenizer, corpus.train, text)


def _record(
    loaded: TrainedModel,
    text: str,
    evaluation: Evaluation,
    floor: float | None,
    baselines: Baselines | None,
    *,
    dynamic: bool,
) -> dict[str, Any]:
    finite = math.isfinite(evaluation.perplexity)
    return {
        "run": str(loaded.folder.path),
        "step": loaded.step,
        "text": text,
        "unit": loaded.tokenizer.unit,
        "dynamic": dynamic,
        "loss": evaluation.loss,
        "bits_per_char": evaluation.bits_per_char,
        "perplexity": evaluation.perplexity if finite else None,
        "chars": evaluation.chars,
        **({"accuracy": evaluation.accuracy} if loaded.config.task == "mlm" else {}),
        **({} if floor is None else {"floor_bits_per_char": floor}),
        "baselines": None if baselines is None else dataclasses.asdict(baselines),
    }


def _summary(
    loaded: TrainedModel, text: str, evaluation: Evaluation, floor: float | None, *, dynamic: bool
) -> Iterator[str]:
    from attn_cli.text.masking import PASSES

    unit = loaded.tokenizer.unit
    yield f"{loaded.description}, {text}: {loaded.tokenizer.count(evaluation.chars)}"
    how = ", where it learns the text as it reads it" if dynamic else ""
    yield f"loss        {evaluation.loss:.4f} nats per {unit}{how}"
    yield f"            {evaluation.bits_per_char:.4f} bits per {unit}"
    if floor is not None:
        yield f"floor       {floor:.4f} bits: the text's own entropy, which no model can beat"
    yield f"perplexity  {evaluation.perplexity:.3f}"
    if loaded.config.task == "mlm":
        yield (
            f"right       {evaluation.accuracy:.1%} of the characters; each was hidden once, with "
            f"about 1 in {PASSES} of its window, and predicted from both sides: not to be compared "
            "with a decoder's loss"
        )


def _verdict(
    loaded: TrainedModel,
    corpus: Corpus,
    text: Split,
    bits: float,
    baselines: Baselines,
    *,
    dynamic: bool,
) -> Iterator[str]:
    """What the bits per character of a text mean, beside baselines and the training loss."""
    from attn_cli.training.verdict import beside_baselines, beside_training, training_loss

    yield from beside_baselines(bits, baselines, corpus, text, dynamic=dynamic)
    if dynamic:
        return  # it has learned since
    training = training_loss(loaded.folder, loaded.step)
    if text is corpus.validation and training is not None and bits < baselines.single_characters:
        yield beside_training(bits, training, corpus)
