"""`attn evaluate`: how well a model predicts a text, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.evaluation_figures import write_confusion
from attn_cli.cli.evaluation_text import VALIDATION, hint_on_missing_text, read_text
from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.label_report import best_possible, label_lines, label_record
from attn_cli.cli.options import FileArgument, JsonOption, RunOrGroupOption, load_runs
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import console, result, result_json
from attn_cli.cli.text_report import report_text
from attn_cli.cli.working import working
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import TrainedModel


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
        report_text(loaded, file, figures, **how, is_newest=run is None, as_json=as_json)


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
