"""`attn evaluate`: how well a model predicts a text, exactly."""

from __future__ import annotations

import collections
import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.evaluation_figures import write_confusion, write_surprisal
from attn_cli.cli.evaluation_text import VALIDATION, hint_on_missing_text, read_text
from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.label_report import best_possible, label_lines, label_record
from attn_cli.cli.options import FileArgument, JsonOption, RunOrGroupOption, load_runs
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import console, notice, result, result_json
from attn_cli.cli.working import count_working, working
from attn_cli.errors import DatasetError, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from attn_cli.objectives.evaluation import Evaluation, PerTokenLosses
    from attn_cli.runs.loaded_model import TrainedModel
    from attn_cli.text.baselines import Baselines
    from attn_cli.text.corpus import Corpus
    from attn_cli.text.examples import Split


@options_from_dataclass
@working("measuring")
def evaluate(
    file: FileArgument = None,
    run: RunOrGroupOption = None,
    per_char: Annotated[
        bool,
        typer.Option(
            "--per-char",
            help="Show the surprisal of each character in bits: as colours on a terminal, "
            "elsewhere or with NO_COLOR as a table.",
        ),
    ] = False,
    dynamic: Annotated[
        bool,
        typer.Option(
            "--dynamic",
            help="Let a decoder learn the text as it reads it, as compressors do: some characters "
            "are predicted, then it takes a step on them. Its run stays as it is.",
        ),
    ] = False,
    errors: Annotated[
        int,
        typer.Option(min=0, help="For an encoder-decoder, show the N worst targets, aligned."),
    ] = 0,
    figures: FigureFiles = NO_FIGURES,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a model predicts a text, exactly.

    The text is the run's own validation split, unless a file is named. It is cut into windows
    of block_size characters: the first of a window are predicted with little before them. A model
    of lines predicts each line by itself, with its end. An encoder predicts each character from
    all others of its window but those hidden with it. A classifier predicts the label of each
    record, and an encoder-decoder writes the target of each source; a file has the columns of the
    training data. For a group of encoder-decoders, of several seeds, probabilities are averaged.
    A figure shows the text with --per-char, or a classifier's confusion matrix.

    Examples:
      attn evaluate
      attn evaluate other.txt --per-char
      attn evaluate --dynamic
    """
    figures.check()
    if file is not None:
        check_text_is_no_run(file, "did you mean: attn evaluate --run RUN")
    runs = load_runs(run)
    loaded = runs[0]
    _check_task(loaded, figures, per_char=per_char, dynamic=dynamic, errors=errors > 0)
    if loaded.config.task == "classify":
        _evaluate_labels(loaded, file, figures, as_json=as_json)
    elif loaded.config.task == "seq2seq":
        _evaluate_pairs(runs, run, file, errors, as_json=as_json)
    else:
        how = {"per_char": per_char, "dynamic": dynamic}
        _evaluate_text(loaded, file, figures, **how, is_newest=run is None, as_json=as_json)


def _check_task(
    loaded: TrainedModel, figures: FigureFiles, *, per_char: bool, dynamic: bool, errors: bool
) -> None:
    """Refuses what a model of this task cannot be asked for."""
    if errors:
        loaded.require("seq2seq", "`errors`")
    if per_char:
        loaded.require(("lm", "mlm"), "`per_char`")
    if dynamic:
        loaded.require("lm", "`dynamic`")
    if figures:
        loaded.require(("lm", "mlm", "classify"), "a figure")
        if loaded.config.task != "classify" and not per_char:
            raise InputError("a figure shows the surprisal of each character", "add --per-char")


def _evaluate_text(
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
    losses: PerTokenLosses,
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


def _evaluate_labels(
    loaded: TrainedModel, file: str | None, figures: FigureFiles, *, as_json: bool
) -> None:
    """How well a classifier does: accuracy, macro-F1, and what it takes for what."""
    from attn_cli.inspection.token_losses import label_evaluation

    if file is not None:
        text, sources = read_text(file, loaded), [file]
    else:
        with hint_on_missing_text("name a table to measure on: attn evaluate FILE"):
            text = loaded.corpus().validation
        sources = loaded.config.data.validation or loaded.config.data.text
    evaluation = label_evaluation(loaded, text)
    best = best_possible(sources, text, loaded.labels)
    name = file or VALIDATION
    write_confusion(figures, loaded, name, evaluation)
    if as_json:
        of_run = {"run": str(loaded.folder.path), "step": loaded.step, "text": name}
        result_json({**of_run, **label_record(evaluation, loaded.labels, best)})
        return
    result(f"{loaded.description}, {name}")
    for line in label_lines(evaluation, loaded.labels, best, on_validation=file is None):
        result(line)


def _evaluate_pairs(
    runs: Sequence[TrainedModel], name: Path | None, file: str | None, errors: int, *, as_json: bool
) -> None:
    """How well encoder-decoders write targets: accuracy, error rate, and the worst errors."""
    from attn_cli.cli.pair_report import error_lines, error_record, pair_lines, pair_record
    from attn_cli.inspection.token_losses import pair_results
    from attn_cli.objectives.pair_evaluation import worst

    loaded, measured = runs[0], file or VALIDATION
    if file is not None:
        text = read_text(file, loaded)
    else:
        with hint_on_missing_text("name a table to measure on: attn evaluate FILE"):
            text = loaded.corpus().validation
    evaluation, pairs, written = pair_results(runs, text)
    how = (pairs, loaded.tokenizer, loaded.pair_format)
    if as_json:
        record = {
            "run": str(loaded.folder.path if len(runs) == 1 else name),
            "step": loaded.step if len(runs) == 1 else None,
            "runs": [str(each.folder.path) for each in runs],
            "text": measured,
            **pair_record(evaluation, pairs),
        }
        if errors:
            record["errors"] = [error_record(each, *how) for each in worst(written, errors)]
        result_json(record)
        return
    together = f"the mean of {len(runs)} runs in {name}"
    result(f"{loaded.description if len(runs) == 1 else together}, {measured}")
    for line in pair_lines(evaluation, pairs, written):
        result(line)
    for each in error_lines(worst(written, errors), *how):
        console().print(each, soft_wrap=True)


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
