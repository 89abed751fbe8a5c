"""The objective of an encoder-decoder: the target of each source."""

import torch
from torch import Tensor

from attn_cli.config.schema import Config
from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import Stack
from attn_cli.objectives.evaluation import AllReduce
from attn_cli.objectives.pair_evaluation import PairEvaluation, evaluate_pairs
from attn_cli.objectives.pair_loss import pair_loss
from attn_cli.objectives.text_objective import TextObjective
from attn_cli.text.batches import Batch
from attn_cli.text.corpus import Corpus
from attn_cli.text.example_batches import ExampleBatches
from attn_cli.text.examples import Split
from attn_cli.text.pair_batches import pair_batch
from attn_cli.text.pair_format import PairFormat
from attn_cli.text.pairs import as_pairs

# Target characters of the validation split on which the model is evaluated during training.
STEERING_CHARS = 100_000
SAMPLE_PAIRS = 10  # whose targets a sample writes


class Pairs(TextObjective):
    """The `Objective` of an encoder-decoder; the arguments are those of `TextObjective`."""

    def __init__(self, config: Config, corpus: Corpus) -> None:
        super().__init__(config, corpus, corpus.tokenizer, STEERING_CHARS)

    def batches(self, part: int = 0, parts: int = 1) -> ExampleBatches:
        return self.record_batches(pair_batch, part, parts)

    def loss(self, model: torch.nn.Module, batch: Batch) -> tuple[Tensor, int]:
        return pair_loss(model, batch, self.config.train.label_smoothing)

    def evaluate_on(
        self,
        model: Stack,
        text: Split,
        part: int = 0,
        parts: int = 1,
        all_reduce_sum: AllReduce | None = None,
    ) -> PairEvaluation:
        assert isinstance(model, EncoderDecoder)
        return evaluate_pairs([model], as_pairs(text), part, parts, all_reduce_sum)

    def sample(self, model: Stack, seed: int) -> str:
        """Some of the validation sources, each with what the model writes, and its own target."""
        assert isinstance(model, EncoderDecoder)
        pairs = as_pairs(self._validation)
        some = pairs[:: -(-len(pairs) // SAMPLE_PAIRS)]
        batch = pair_batch(some).to(model.head.weight.device)
        assert batch.source is not None
        newline_id = pairs.newline_id
        outputs = greedy_targets([model], batch.source, batch.mask, newline_id=newline_id)
        form = PairFormat.configured(self.config.data)
        lines = []
        for source, target, ids in zip(some.sources(), some.targets(), outputs, strict=True):
            written = self.tokenizer.decode(ids)
            line = f"{form.readable_source(source)}: {form.readable_target(written)}"
            is_right = written == target
            lines.append(line if is_right else f"{line}, not {form.readable_target(target)}")
        return "\n".join(lines)
