"""What the losses of a run mean, in lines for the user."""

from collections.abc import Iterator

import numpy as np

from attn_cli.text.corpus import Corpus
from attn_cli.training.result import TrainResult

# Of a validation split with fewer characters, the loss is told with its interval.
FEW_CHARS = 10_000
# Nats above the best validation loss that are no accident of one evaluation.
TURNED = 0.05
Z_95 = 1.96
CHUNK = 2**22


def verdict(corpus: Corpus, result: TrainResult) -> Iterator[str]:
    """Lines about a run's validation loss: how sure it is, and what it says of the model."""
    evaluation, best = result.evaluation, result.val_loss
    if best is None:
        return
    unit = corpus.tokenizer.unit
    if result.val_chars < len(corpus.validation) - 1:
        yield (
            f"measured on the first {result.val_chars:,} of {len(corpus.validation) - 1:,} "
            f"{unit}s of the validation split; attn evaluate reads all"
        )
    if evaluation is not None and evaluation.standard_error and result.val_chars < FEW_CHARS:
        yield (
            f"the validation split has only {result.val_chars:,} {unit}s: "
            f"± {Z_95 * evaluation.standard_error:.2f} nats (95 % interval)"
        )
    unigram = unigram_loss(corpus)
    if best >= unigram:
        yield (
            "it has learned nothing that carries over: the frequencies of single "
            f"{unit}s alone give {unigram:.4f} nats"
        )
    elif evaluation is not None and evaluation.loss > best + TURNED:
        yield (
            f"after step {result.best_step:,} it learned the text by heart: the validation loss "
            f"rose to {evaluation.loss:.4f} nats; the best checkpoint is kept. "
            "What helps: more text, fewer steps, model.dropout=0.2"
        )


def unigram_loss(corpus: Corpus) -> float:
    """Cross-entropy of the validation text under the training text's character frequencies.

    In nats per character; every symbol of the vocabulary is counted once more than it occurs.
    """
    size = corpus.tokenizer.vocab_size
    counts = _counts(corpus.train, size) + 1.0  # (V,)
    seen = _counts(corpus.validation[1:], size)  # (V,)
    return float(-(seen @ np.log(counts / counts.sum())) / seen.sum())


def _counts(ids: np.ndarray, size: int) -> np.ndarray:
    """How often each id occurs, (V,), of a text that may be mapped from disk."""
    total = np.zeros(size)
    for first in range(0, len(ids), CHUNK):
        total += np.bincount(ids[first : first + CHUNK], minlength=size)
    return total
