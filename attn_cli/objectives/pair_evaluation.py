"""How well a model writes targets: every source of a split once, none sampled.

Shapes: B pairs of a batch, S source, T target, N sources, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

from attn_cli.errors import DatasetError
from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import Stack, evaluation_mode
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH, AllReduce
from attn_cli.objectives.pair_loss import pair_loss
from attn_cli.objectives.wilson import wilson_interval
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


def evaluate_pairs(
    model: Stack,
    pairs: PairExamples,
    part: int = 0,
    parts: int = 1,
    all_reduce_sum: AllReduce | None = None,
) -> PairEvaluation:
    """Writes the target of each source by greedy decoding.

    Args:
        model: An encoder-decoder, in any mode, which it is left in.
        pairs: Of several processes each takes a part.
        part: Which part of the sources to take, from 0.
        parts: The number of processes that share them.
        all_reduce_sum: The sum of a tensor over these processes.

    Raises:
        DatasetError: There are no pairs.
    """
    assert isinstance(model, EncoderDecoder)
    counts = np.zeros(6)
    fitting = pairs.fit(model.config.block_size, "drop").by_length()
    own = fitting[part::parts]
    with evaluation_mode(model), torch.no_grad():
        for batch in eval_examples(own, TOKENS_PER_BATCH, pair_batch):
            loss, count = pair_loss(model, batch.to(model.head.weight.device))
            counts[:2] += loss.item(), count
    for written, targets in written_targets(model, fitting, part, parts):
        distances = [Levenshtein.distance(written, target) for target in targets]
        nearest = int(np.argmin(distances))
        right = distances[nearest] == 0
        counts[2:] += 1, right, distances[nearest], len(targets[nearest])
    sums = torch.from_numpy(counts)
    if all_reduce_sum is not None:
        sums = all_reduce_sum(sums)
    loss_sum, *rest = sums.tolist()
    chars, examples, right_count, edits, target_chars = map(int, rest)
    if not examples:
        raise DatasetError("nothing to predict: there are no pairs")
    return PairEvaluation(loss_sum / chars, chars, examples, right_count, edits, target_chars)


def written_targets(
    model: EncoderDecoder, pairs: PairExamples, part: int = 0, parts: int = 1
) -> Iterator[tuple[list[int], list[list[int]]]]:
    """For each source of some pairs what the model writes, and the targets that it has, as ids.

    The arguments are those of `evaluate_pairs`.
    """
    _, firsts, inverse = np.unique(
        pairs.lines[pairs.rows, 2], return_index=True, return_inverse=True
    )
    rows_of: list[list[int]] = [[] for _ in firsts]
    for place, source in enumerate(inverse.tolist()):
        rows_of[source].append(place)
    order = np.sort(firsts)[part::parts]  # of the places, as long as the pairs are sorted
    distinct = pairs[order]
    of_source = inverse[order].tolist()
    done = 0
    with evaluation_mode(model):
        for on_cpu in eval_examples(distinct, TOKENS_PER_BATCH, pair_batch):
            batch = on_cpu.to(model.head.weight.device)
            assert batch.source is not None
            outputs = greedy_targets(model, batch.source, batch.mask, newline_id=pairs.newline_id)
            for written in outputs:
                places = rows_of[of_source[done]]
                yield written, [pairs.target_ids(place) for place in places]
                done += 1
