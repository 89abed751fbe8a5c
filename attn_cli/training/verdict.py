"""What the losses of a model mean, in lines for the user."""

from collections.abc import Iterator
from dataclasses import dataclass

from attn_cli.objectives.evaluation import Evaluation
from attn_cli.runs.metrics import nats_to_bits, read_metrics
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.baselines import NGRAM_ORDER, Baselines
from attn_cli.text.corpus import Corpus
from attn_cli.text.examples import Split, target_count
from attn_cli.training.result import TrainResult

# Of a validation split with fewer characters, the loss is told with its interval.
FEW_CHARS = 10_000
# With fewer than so many it says nothing.
TOO_FEW_CHARS = 100
# Nats above the best validation loss that are no accident of one evaluation.
TURNED = 0.05
Z_95 = 1.96
# How far validation and training loss are apart, as a fraction of the validation loss: up to
# which they are close, and from which much of the text is known by heart.
CLOSE, FAR = 0.05, 0.2
# The fraction of a run's steps whose training losses are averaged.
LATELY = 0.05


@dataclass(frozen=True)
class TrainingLoss:
    """What a model's loss was while it was trained.

    Attributes:
        bits: Mean training loss over the last steps, bits per character.
        chars: Characters trained on so far.
    """

    bits: float
    chars: int


def training_loss(run: RunFolder, step: int) -> TrainingLoss | None:
    """The training loss of a run around a step; None where it has no metrics."""
    lines = [line for line in read_metrics(run.metrics) if line.step <= step]
    losses = [
        line.train_loss
        for line in lines
        if line.train_loss is not None and line.step > (1 - LATELY) * step
    ]
    if not losses:
        return None
    return TrainingLoss(nats_to_bits(sum(losses) / len(losses)), lines[-1].chars)


def verdict(
    corpus: Corpus,
    result: TrainResult,
    baselines: Baselines,
    training: TrainingLoss | None = None,
) -> Iterator[str]:
    """Lines about a run's validation loss: how sure it is, and what it says of the model.

    Args:
        corpus: The text.
        result: What the run came to.
        baselines: Of the same text.
        training: The training loss at the best step; None where it is not known.
    """
    evaluation, best = result.evaluation, result.val_loss
    if best is None:
        return
    assert isinstance(evaluation, Evaluation)  # of characters
    unit = corpus.tokenizer.unit
    val_chars = target_count(corpus.validation)
    if result.val_chars < val_chars:
        yield (
            f"measured on {result.val_chars:,} of the {val_chars:,} {unit}s of the validation "
            "split; attn evaluate reads all"
        )
    if result.val_chars < TOO_FEW_CHARS:
        yield (
            f"the validation split has only {val_chars:,} {unit}s: its loss says next to nothing; "
            "more text is what helps"
        )
        return
    if evaluation is not None and evaluation.standard_error and result.val_chars < FEW_CHARS:
        yield (
            f"the validation split has only {result.val_chars:,} {unit}s: "
            f"± {Z_95 * evaluation.standard_error:.2f} nats (95 % interval)"
        )
    bits = nats_to_bits(best)
    yield from beside_baselines(bits, baselines, corpus, corpus.validation)
    if evaluation is not None and evaluation.loss > best + TURNED:
        yield (
            f"after step {result.best_step:,} it learned the text by heart: the validation loss "
            f"rose to {evaluation.loss:.4f} nats; the best checkpoint is kept. "
            "What helps: more text, fewer steps, model.dropout=0.2"
        )
    elif training is not None and bits < baselines.single_characters:
        yield beside_training(bits, training, corpus)


def beside_baselines(
    bits: float, baselines: Baselines, corpus: Corpus, text: Split, *, dynamic: bool = False
) -> Iterator[str]:
    """Two lines: what simple methods need for the same text, and how a model compares.

    Args:
        bits: The model's loss, bits per character.
        baselines: Of the text that it was measured on, given the training text.
        corpus: The training text.
        text: What it was measured on.
        dynamic: Whether the model learned the text as it read it.
    """
    unit = corpus.tokenizer.unit
    known = baselines.by_name
    where = ""
    if baselines.train_chars < target_count(corpus.train) or baselines.chars < target_count(text):
        where = (
            f", on the first {baselines.chars:,} {unit}s after the last "
            f"{baselines.train_chars:,} of training"
        )
    listed = ", ".join(f"{name} {value:.2f}" for name, value in known.items())
    learning = "xz and PPMd go on learning as they read"
    if dynamic:
        learning = "xz and PPMd learn as they read, too"
    elif min(baselines.xz, baselines.ppmd) <= bits:
        learning += ", as a model does with attn evaluate --dynamic"
    yield f"beside it: {listed} bits per {unit}{where} ({learning})"
    beaten = [_with_article(name) for name, value in known.items() if bits < value]
    ahead = {name: value for name, value in known.items() if value <= bits}
    if bits >= baselines.single_characters:
        yield (
            f"worse than the frequencies of single {unit}s: it has learned nothing yet that "
            "carries over"
        )
    elif not ahead:
        best = min(known, key=lambda name: known[name])
        ahead_of = f"{known[best] - bits:.2f} bits ahead of {_with_article(best)}"
        yield f"better than all of these, {ahead_of}"
    else:
        nearest = max(ahead, key=lambda name: ahead[name])
        uses = "it uses" if bits < baselines.five_gram else "it does not yet use"
        yield (
            f"better than {_listed(beaten)}, {bits - ahead[nearest]:.2f} bits behind "
            f"{_with_article(nearest)}: {uses} more than the last {NGRAM_ORDER - 1} {unit}s"
        )


def beside_training(bits: float, training: TrainingLoss, corpus: Corpus) -> str:
    """A line: how far training and validation loss are apart, and what that means."""
    both = f"train {training.bits:.2f} and validation {bits:.2f} bits"
    gap = (bits - training.bits) / bits
    if gap < -CLOSE:
        return f"{both}: the validation split is easier than the training text"
    if gap <= CLOSE:
        return f"{both} are close: it has learned nothing by heart; longer training may help"
    if training.chars < target_count(corpus.train):
        return (
            f"{both}, after less than one epoch: the validation split is harder than the rest "
            "(attn check says more)"
        )
    much = "much of the text" if gap > FAR else "to learn the text"
    has = "it has learned" if gap > FAR else "it has begun"
    return f"{both}: {has} {much} by heart; more text helps more than more steps"


def _with_article(name: str) -> str:
    return "the 5-gram" if name == "5-gram" else name


def _listed(names: list[str]) -> str:
    """Names in words: `xz`, `xz and PPMd`, `single characters, xz and PPMd`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
