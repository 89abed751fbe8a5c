"""How well a model writes targets: every source of a split once, none sampled.

Shapes: B pairs of a batch, S source, T target, N sources, V vocabulary.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

from attn_cli.errors import DatasetError
from attn_cli.generation.greedy_targets import ensemble_logits, greedy_targets
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import evaluation_mode
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH, AllReduce
from attn_cli.objectives.pair_loss import pair_loss
from attn_cli.objectives.wilson import wilson_interval
from attn_cli.runs.metrics import nats_to_bits
from attn_cli.text.example_batches import eval_examples
from attn_cli.text.pair_batches import pair_batch
from attn_cli.text.pairs import PairExamples


@dataclass(frozen=True, eq=False)
class PairEvaluation:
    """How well a model writes the targets of some sources.

    Attributes:
        loss: Mean cross-entropy, nats per character of the targets, with the end of each.
        chars: How many characters these are.
        examples: How many sources there are; equal ones count once.
        right: For how many of them a target was written exactly.
        edits: Edit distances (Levenshtein 1966) to the nearest target, summed.
        target_chars: Lengths of these targets, summed.
    """

    loss: float
    chars: int
    examples: int
    right: int
    edits: int
    target_chars: int

    @property
    def metrics(self) -> dict[str, Any]:
        """What a line of metrics.jsonl says of it."""
        return {
            "val_loss": self.loss,
            "val_accuracy": self.accuracy,
            "val_error_rate": self.error_rate,
        }

    @property
    def bits_per_char(self) -> float:
        return nats_to_bits(self.loss)

    @property
    def accuracy(self) -> float:
        """The fraction of sources for which one of their targets was written exactly."""
        return self.right / self.examples

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Where the accuracy on more such sources lies, with 95 % confidence."""
        return wilson_interval(self.right, self.examples)

    @property
    def error_rate(self) -> float:
        """Edits over target characters."""
        return self.edits / max(1, self.target_chars)


@dataclass(frozen=True)
class WrittenTarget:
    """What was written for a source, beside the nearest of its targets; both as ids."""

    place: int  # of the source among the pairs: the first that has it
    written: list[int]
    target: list[int]
    edits: int  # the edit distance of the two


def worst(written: Sequence[WrittenTarget], number: int) -> list[WrittenTarget]:
    """The targets that were written worst: with the most edits for their lengths."""
    wrong = [each for each in written if each.edits]
    wrong.sort(key=lambda each: -each.edits / max(1, len(each.target)))
    return wrong[:number]


def evaluate_pairs(
    models: Sequence[EncoderDecoder],
    pairs: PairExamples,
    part: int = 0,
    parts: int = 1,
    all_reduce_sum: AllReduce | None = None,
) -> PairEvaluation:
    """How well the targets of some pairs are written, by greedy decoding.

    Args:
        models: In any mode; of several, the probabilities are averaged.
        pairs: Of several processes each takes a part.
        part: Which part of the sources to take, from 0.
        parts: The number of processes that share them.
        all_reduce_sum: The sum of a tensor over these processes.

    Raises:
        DatasetError: There are no pairs.
    """
    block_size = min(model.config.block_size for model in models)
    fitting = pairs.fit(block_size, "drop").by_length()
    loss, chars = target_loss(models, fitting[part::parts])
    return summarize(loss, chars, written_targets(models, fitting, part, parts), all_reduce_sum)


def summarize(
    loss: float,
    chars: int,
    written: Iterable[WrittenTarget],
    all_reduce_sum: AllReduce | None = None,
) -> PairEvaluation:
    """The evaluation of what was written.

    Args:
        loss: Cross-entropy of the targets, summed, in nats.
        chars: How many characters that is of.
        written: For each source.
        all_reduce_sum: The sum of a tensor over the processes that have a part each.

    Raises:
        DatasetError: Nothing was written.
    """
    counts = np.zeros(4)  # sources, those that are right, edits, characters of targets
    for each in written:
        counts += 1, each.edits == 0, each.edits, len(each.target)
    sums = torch.tensor([loss, chars, *counts], dtype=torch.float64)
    if all_reduce_sum is not None:
        sums = all_reduce_sum(sums)
    loss, *rest = sums.tolist()
    chars, examples, right, edits, target_chars = map(int, rest)
    if not examples:
        raise DatasetError("nothing to predict: there are no pairs")
    return PairEvaluation(loss / chars, chars, examples, right, edits, target_chars)


@torch.no_grad()
def target_loss(models: Sequence[EncoderDecoder], pairs: PairExamples) -> tuple[float, int]:
    """The cross-entropy of all targets with their ends, summed, in nats; and of how many ids.

    The arguments are those of `evaluate_pairs`.
    """
    total, count = 0.0, 0
    with evaluation_modes(models):
        for on_cpu in eval_examples(pairs, TOKENS_PER_BATCH, pair_batch):
            batch = on_cpu.to(models[0].head.weight.device)
            total += pair_loss(_Ensemble(models), batch)[0].item()
            count += batch.target_count
    return total, count


def written_targets(
    models: Sequence[EncoderDecoder], pairs: PairExamples, part: int = 0, parts: int = 1
) -> Iterator[WrittenTarget]:
    """What is written for each source of some pairs, equal ones once.

    The arguments are those of `evaluate_pairs`; pairs sorted by length need little padding.
    """
    places_of: dict[int, list[int]] = {}  # of each source, by its hash
    for place, source in enumerate(pairs.source_hashes.tolist()):
        places_of.setdefault(source, []).append(place)
    own = list(places_of.values())[part::parts]
    distinct = pairs[np.array([places[0] for places in own], np.int64)]
    sources = iter(own)
    with evaluation_modes(models):
        for on_cpu in eval_examples(distinct, TOKENS_PER_BATCH, pair_batch):
            batch = on_cpu.to(models[0].head.weight.device)
            assert batch.source is not None
            newline_id = pairs.newline_id
            for ids in greedy_targets(models, batch.source, batch.mask, newline_id=newline_id):
                places = next(sources)
                targets = [pairs.target_ids(place) for place in places]
                edits = [Levenshtein.distance(ids, target) for target in targets]
                nearest = int(np.argmin(edits))
                yield WrittenTarget(places[0], ids, targets[nearest], edits[nearest])


class _Ensemble(torch.nn.Module):
    """Some encoder-decoders as one, by `ensemble_logits`."""

    def __init__(self, models: Sequence[EncoderDecoder]) -> None:
        super().__init__()
        self._models = models

    def forward(
        self, ids: torch.Tensor, source_ids: torch.Tensor, *, source_mask: torch.Tensor | None
    ) -> torch.Tensor:
        """(B, T, V); the arguments are those of `EncoderDecoder.forward`."""
        return ensemble_logits(
            [model(ids, source_ids, source_mask=source_mask) for model in self._models]
        )


@contextmanager
def evaluation_modes(models: Sequence[EncoderDecoder]) -> Iterator[None]:
    """Context manager: all models in evaluation mode, and afterwards in the mode that they had."""
    with ExitStack() as modes:
        for model in models:
            modes.enter_context(evaluation_mode(model))
        yield
