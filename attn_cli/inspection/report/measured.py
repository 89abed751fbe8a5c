"""What a report measures itself: what a run's best model does, beside its text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from attn_cli.errors import AttnError
from attn_cli.generation.memorization import Overlap, overlap_with
from attn_cli.inspection.cross_heads import measure_cross_heads
from attn_cli.inspection.heads import MeasuredHead, measure_heads
from attn_cli.inspection.token_losses import label_evaluation, pair_results
from attn_cli.objectives.label_evaluation import LabelEvaluation
from attn_cli.objectives.pair_evaluation import PairEvaluation, WrittenTarget, worst
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.metrics import nats_to_bits
from attn_cli.runs.next_command import next_command
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.baselines import Baselines, text_baselines
from attn_cli.text.corpus import Corpus
from attn_cli.text.examples import subset, target_count
from attn_cli.text.pairs import PairExamples
from attn_cli.training.verdict import beside_baselines, beside_training, training_loss

HEAD_CHARS = 4096  # of the validation split, on which heads are measured in a few seconds
EXAMPLES = 5  # wrong targets that are shown, and as many right ones

Tell = Callable[[str], None]
Found = dict[str, Any]  # attributes of `Measured`
Step = Callable[[TrainedModel, Corpus], Found]


@dataclass(frozen=True)
class PairExample:
    """A source, the target that a model wrote for it, and the nearest of its own targets."""

    source: str
    written: str
    target: str


@dataclass(frozen=True)
class Measured:
    """What was measured of a run; None or empty where its task has no such thing, or in vain.

    Attributes:
        text: Facts about the training text, by name.
        baselines: What simple methods need for the validation split.
        floor: The validation text's own entropy, in bits per character.
        verdict: What the loss says, in sentences.
        overlap: What the samples have in common with the training text.
        heads: Each head with the name of what it does, a list for each layer.
        labels: How a classifier does on the validation split.
        pairs: The same of an encoder-decoder.
        examples: Some of what it wrote, the worst first.
        command: What uses the run.
    """

    text: Sequence[tuple[str, str]] = ()
    baselines: Baselines | None = None
    floor: float | None = None
    verdict: Sequence[str] = ()
    overlap: Overlap | None = None
    heads: Sequence[Sequence[MeasuredHead]] = ()
    labels: LabelEvaluation | None = None
    pairs: PairEvaluation | None = None
    examples: Sequence[PairExample] = ()
    command: str | None = None

    @property
    def largest_increase(self) -> float:
        """By how much the loss grows without the head that it needs most; above 0."""
        heads = itertools.chain.from_iterable(self.heads)
        return max((head.effect.loss_increase for head in heads), default=0.0) or 1.0


def measure(folder: RunFolder, samples: Sequence[str], gaps: list[str], tell: Tell) -> Measured:
    """What there is to measure of a run by its best model and its text.

    Args:
        folder: The run.
        samples: What it wrote, to be looked for in the training text.
        gaps: Gets a line about each thing that could not be measured.
        tell: Gets a line about what takes long.
    """
    try:
        loaded = load_model(folder.path)
    except AttnError as error:
        gaps.append(f"nothing is measured of the model: {error.message}")
        return Measured()
    try:
        corpus = loaded.corpus()
    except AttnError as error:
        gaps.append(f"nothing is measured on the text: {error.message}")
        return Measured()
    task = loaded.config.task
    found: Found = {"text": list(text_facts(corpus, loaded))}
    steps: list[tuple[str, Step]] = []
    if task == "lm":
        steps.append(("what simple methods need for the text", _beside_the_text))
        if any(samples):
            steps.append(("how much of the samples is copied", partial(_copies, samples)))
    if task == "classify":
        steps.append(("how well it labels", _labels))
    if task == "seq2seq":
        steps.append(("what it writes", _pairs))
    if task != "classify":
        steps.append(("what each head does", _heads))
    for what, step in steps:
        tell(f"measuring {what} ...")
        try:
            found |= step(loaded, corpus)
        except AttnError as error:
            gaps.append(f"{what} is not known: {error.message}")
    return Measured(**found, command=next_command(corpus, task))


def text_facts(corpus: Corpus, loaded: TrainedModel) -> Iterator[tuple[str, str]]:
    """What there is to say of a text, by name."""
    tokenizer = corpus.tokenizer
    yield "text", corpus.name
    yield "length", f"{corpus.chars:,} characters"
    yield "vocabulary", f"{tokenizer.vocab_size:,} symbols ({tokenizer.kind})"
    train, validation = (target_count(each) for each in (corpus.train, corpus.validation))
    yield "training split", tokenizer.count(train)
    held_out = "a text of its own" if corpus.validation_text is not None else (
        f"{100 * corpus.validation_fraction:.3g}% of the text"
    )  # fmt: skip
    yield "validation split", f"{tokenizer.count(validation)}, {held_out}"
    for note in (*corpus.line_notes(), *corpus.notes_on_unknown):
        yield "", note
    yield "checksum", f"SHA-256 {loaded.checkpoint.metadata.data.sha256[:16]}…"


def _beside_the_text(loaded: TrainedModel, corpus: Corpus) -> Found:
    baselines = text_baselines(corpus.tokenizer, corpus.train, corpus.validation)
    found: Found = {"baselines": baselines, "floor": corpus.validation_floor}
    loss = loaded.checkpoint.metadata.best_val_loss
    if loss is not None:
        bits = nats_to_bits(loss)
        _, beside = beside_baselines(bits, baselines, corpus, corpus.validation)
        verdict = [beside]
        training = training_loss(loaded.folder, loaded.step)
        if training is not None and bits < baselines.single_characters:
            verdict.append(beside_training(bits, training, corpus))
        found["verdict"] = verdict
    return found


def _copies(samples: Sequence[str], loaded: TrainedModel, corpus: Corpus) -> Found:
    return {"overlap": overlap_with(samples, corpus)}


def _labels(loaded: TrainedModel, corpus: Corpus) -> Found:
    return {"labels": label_evaluation(loaded, corpus.validation)}


def _pairs(loaded: TrainedModel, corpus: Corpus) -> Found:
    evaluation, pairs, written = pair_results([loaded], corpus.validation)
    wrong = worst(written, EXAMPLES)
    right = [each for each in written if not each.edits][:EXAMPLES]
    examples = [_example(each, pairs, loaded) for each in (*wrong, *right)]
    return {"pairs": evaluation, "examples": examples}


def _example(each: WrittenTarget, pairs: PairExamples, loaded: TrainedModel) -> PairExample:
    (source,) = pairs[np.array([each.place])].sources()
    written, target = (
        loaded.pair_format.readable_target(loaded.tokenizer.decode(ids))
        for ids in (each.written, each.target)
    )
    return PairExample(loaded.pair_format.readable_source(source), written, target)


def _heads(loaded: TrainedModel, corpus: Corpus) -> Found:
    text = subset(corpus.validation, HEAD_CHARS - 1)
    if isinstance(text, PairExamples):
        _, measured = measure_cross_heads(loaded, text)
    else:
        _, measured = measure_heads(loaded, text)
    by_layer = itertools.groupby(measured, lambda head: head.layer)
    return {"heads": [list(heads) for _, heads in by_layer]}
