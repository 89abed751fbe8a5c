"""What `attn train` reports: the text before training, the result after it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from attn_cli.cli.flags import with_flags
from attn_cli.cli.label_report import best_possible, label_lines, label_record
from attn_cli.cli.pair_report import pair_lines
from attn_cli.cli.terminal import notice, result
from attn_cli.text.display import counted
from attn_cli.text.pairs import PairExamples

if TYPE_CHECKING:
    from attn_cli.config.schema import Config, Task
    from attn_cli.objectives.label_evaluation import LabelEvaluation
    from attn_cli.objectives.pair_evaluation import PairEvaluation, WrittenTarget
    from attn_cli.runs.run_folder import RunFolder
    from attn_cli.text.baselines import Baselines
    from attn_cli.text.corpus import Corpus
    from attn_cli.training.auto_size import SizeChoice
    from attn_cli.training.result import TrainResult


_OF_PAIRS = ("accuracy", "error_rate", "examples")  # what is said of pairs besides the loss


def tell_of(corpus: Corpus, notes: tuple[str, ...]) -> None:
    """Prints the size of the text and its vocabulary, and notes."""
    tokenizer = corpus.tokenizer
    size = f"{corpus.chars:,} characters"
    if tokenizer.unit == "byte":
        size += f" in {tokenizer.count(len(corpus.ids))}"
    notice(f"{corpus.name}: {size}, {tokenizer.vocab_size} symbols ({tokenizer.kind})")
    for note in notes:
        notice(f"  {with_flags(note)}")


def tell_of_end(notes: tuple[str, ...]) -> None:
    """Prints what there is to say of a run that had ended already."""
    for note in notes:
        notice(with_flags(note))


def summary(run: RunFolder, corpus: Corpus, outcome: TrainResult) -> dict[str, Any]:
    """The object that `--json` prints."""
    from attn_cli.runs.metrics import nats_to_bits

    bits = None if outcome.val_loss is None else nats_to_bits(outcome.val_loss)
    record: dict[str, Any] = {
        "run": str(run.path),
        "unit": corpus.tokenizer.unit,
        "steps": outcome.steps,
        "chars": outcome.chars,
        "seconds": round(outcome.seconds, 3),
        "parameters": outcome.parameters,
        "val_loss": outcome.val_loss,
        "val_bits_per_char": bits,
        "best_step": outcome.best_step,
        "val_chars": outcome.val_chars,
        "interrupted": outcome.interrupted,
    }
    if corpus.labels:
        del record["val_bits_per_char"], record["val_chars"]
        best = _best_evaluation(run, corpus, outcome)
        of_best = {} if best is None else label_record(best, corpus.labels)
        record |= {f"val_{key}": of_best.get(key) for key in ("accuracy", "macro_f1", "examples")}
    elif isinstance(corpus.train, PairExamples):
        record |= {f"val_{key}": None for key in _OF_PAIRS}
        if outcome.best_step:
            evaluation, _, _ = _best_pair_results(run, corpus)
            record |= {f"val_{key}": getattr(evaluation, key) for key in _OF_PAIRS}
    return record


def report(
    run: RunFolder,
    corpus: Corpus,
    outcome: TrainResult,
    baselines: Baselines | None,
    config: Config,
    size: SizeChoice | None = None,
) -> None:
    """Prints a sample, the losses and what they mean, and the next commands to type.

    Args:
        run: The run.
        corpus: Its text.
        outcome: What it came to.
        baselines: Of its text; None where it is compared with none.
        config: What it was trained with.
        size: What was planned for its time, where that decided on its size.
    """
    from attn_cli.runs.metrics import read_metrics
    from attn_cli.training.reached_speed import shortfall
    from attn_cli.training.verdict import training_loss, verdict

    sample = run.sample(outcome.best_step)
    if sample:
        result(sample.strip("\n") + "\n")
    _print_losses(run, corpus, outcome, config.task)
    if baselines is not None:
        for line in verdict(corpus, outcome, baselines, training_loss(run, outcome.best_step)):
            result(line)
    floor = corpus.validation_floor
    # An encoder, which sees both sides of what it predicts, is below it.
    if floor is not None and config.task == "lm":
        result(f"floor {floor:.4f} bits: the text's own entropy, which no model can beat")
    result(
        f"{outcome.parameters:,} parameters, {counted(outcome.steps, 'step')}, "
        f"{corpus.tokenizer.count(outcome.chars)}, {outcome.seconds:.0f} s"
    )
    if size is not None:
        metrics, unit = list(read_metrics(run.metrics)), corpus.tokenizer.unit
        if short := shortfall(size, outcome, metrics, unit):
            result(short)
    result(f"run {run.path}")
    if not outcome.interrupted:  # then the next step is to resume it, which is told at the end
        _print_next_commands(run, corpus, config)


def _print_losses(run: RunFolder, corpus: Corpus, outcome: TrainResult, task: Task) -> None:
    """Prints how good the best checkpoint is on the validation split."""
    from attn_cli.runs.metrics import nats_to_bits

    unit, hidden = corpus.tokenizer.unit, "hidden " if task == "mlm" else ""
    best = _best_evaluation(run, corpus, outcome) if corpus.labels else None
    is_pair = isinstance(corpus.train, PairExamples)
    if outcome.val_loss is None:
        result("val loss not measured yet: stopped before the first evaluation")
    elif best is not None:
        result(f"on the validation split, at the best step {outcome.best_step:,}:")
        ideal = None
        if corpus.validation_text is None:
            ideal = best_possible(corpus.sources, corpus.validation, corpus.labels)
        for line in label_lines(best, corpus.labels, ideal, on_validation=True):
            result(line)
    elif is_pair:
        result(f"on the validation split, at step {outcome.best_step:,}:")
        for line in pair_lines(*_best_pair_results(run, corpus)):
            result(line)
    else:
        result(
            f"val loss {outcome.val_loss:.4f} nats per {hidden}{unit}, "
            f"{nats_to_bits(outcome.val_loss):.4f} bits (best: step {outcome.best_step:,})"
        )


def _print_next_commands(run: RunFolder, corpus: Corpus, config: Config) -> None:
    """Prints the commands that use the run and look inside it."""
    from attn_cli.runs.next_command import look_inside_command, next_command
    from attn_cli.runs.run_lookup import runs_root

    elsewhere = ""
    if run.path.parent != runs_root():
        elsewhere = f" --run {shlex.quote(str(run.path))}"
    result(f"next: {next_command(corpus, config.task)}{elsewhere}")
    if command := look_inside_command(corpus, config.model.block_size):
        result(f"      {command}{elsewhere}")


def _best_evaluation(
    run: RunFolder, corpus: Corpus, outcome: TrainResult
) -> LabelEvaluation | None:
    """How a classifier's best checkpoint does on the validation split; None where there is none."""
    from attn_cli.inspection.token_losses import label_evaluation
    from attn_cli.runs.load_model import load_model

    if not outcome.best_step:
        return None
    return label_evaluation(load_model(run.path), corpus.validation)


def _best_pair_results(
    run: RunFolder, corpus: Corpus
) -> tuple[PairEvaluation, PairExamples, list[WrittenTarget]]:
    """How an encoder-decoder's best checkpoint does on the validation split."""
    from attn_cli.inspection.token_losses import pair_results
    from attn_cli.runs.load_model import load_model

    return pair_results([load_model(run.path)], corpus.validation)


def resume_command(run: RunFolder) -> str:
    """The command that resumes a run."""
    return f"attn train --resume {shlex.quote(str(run.path))}"
