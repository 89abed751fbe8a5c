"""The objective of a language model: every character, from those before it.

Shapes: B batch, T time (characters), V vocabulary.
"""

import time

import torch
from torch import Tensor
from torch.nn import functional as F

from attn_cli.config.schema import Config
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.next_token_model import as_next_token_model
from attn_cli.generation.text_generator import TextGenerator
from attn_cli.model.transformer import Transformer
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH, AllReduce, Evaluation, evaluate
from attn_cli.objectives.objective import TrainingBatches
from attn_cli.runs.checkpoint_metadata import DatasetInfo, TextInfo
from attn_cli.text.batches import IGNORE_INDEX, Batch, Batches
from attn_cli.text.corpus import Corpus
from attn_cli.text.encoded_text import EncodedText
from attn_cli.text.example_batches import ExampleBatches
from attn_cli.text.examples import Examples, subset, target_count

# Of the validation split, what is read at an evaluation during training: enough that its
# standard error, about 0.003 nats, is below what two seeds differ by. `attn evaluate` reads all.
STEERING_CHARS = 500_000
SAMPLE_LINES = 10  # that a run of lines writes at an evaluation


class NextChar:
    """The `Objective` of a language model of one text, or of its lines.

    Args:
        config: Of the run.
        corpus: Its text; of its lines, none is too long for the model.
    """

    def __init__(self, config: Config, corpus: Corpus) -> None:
        self.config = config
        self.corpus = corpus
        self.tokenizer = corpus.tokenizer
        self.dataset = dataset_info(corpus)
        self._validation = subset(corpus.validation, STEERING_CHARS)
        self._sampling = GenerationConfig(**config.sample.model_dump())

    @property
    def val_chars(self) -> int:
        return target_count(self._validation)

    def batches(self, part: int = 0, parts: int = 1) -> TrainingBatches:
        text, train = self.corpus.train, self.config.train
        if isinstance(text, Examples):
            return ExampleBatches(text, train.batch_size, train.seed, part, parts)
        block_size = self.config.model.block_size
        return Batches(text, block_size, train.batch_size, train.seed, part, parts)

    @staticmethod
    def loss(model: torch.nn.Module, batch: Batch) -> tuple[Tensor, int]:
        """The cross-entropy in nats, as a sum in fp32, of shape (), and its number of targets."""
        logits = model(batch.inputs)  # (B, T, V)
        loss = F.cross_entropy(
            logits.float().flatten(0, 1),  # (B * T, V)
            batch.targets.flatten(),  # (B * T,)
            ignore_index=IGNORE_INDEX,
            reduction="sum",
        )
        return loss, batch.target_count

    def evaluate(
        self,
        model: Transformer,
        part: int = 0,
        parts: int = 1,
        all_reduce_sum: AllReduce | None = None,
    ) -> Evaluation:
        return evaluate(model, self._validation, part, parts, all_reduce_sum)

    def estimate_evaluation_seconds(self, model: Transformer, budget: float) -> float:
        text = self._validation
        for size in (TOKENS_PER_BATCH, 4 * TOKENS_PER_BATCH):  # the first of a shape is slower
            begin = time.monotonic()
            evaluate(model, part := subset(text, size))
            took = time.monotonic() - begin
            if took > 0.01 * budget:
                break
        return took * target_count(text) / target_count(part)

    def sample(self, model: Transformer, seed: int) -> str:
        """A new document, or some new lines, by the configuration's `sample` section."""
        corpus = self.corpus
        lines = isinstance(corpus.train, Examples)
        generator = TextGenerator(
            as_next_token_model(model), corpus.tokenizer, corpus.bos_id, lines=lines
        )
        if lines:
            return generator.sample_lines(seed, SAMPLE_LINES, self._sampling)
        return generator.sample_document(seed, self._sampling)


def dataset_info(corpus: Corpus) -> DatasetInfo:
    """What identifies a corpus in a checkpoint."""

    def info(text: EncodedText) -> TextInfo:
        return TextInfo(name=text.name, chars=text.chars, sha256=text.sha256)

    held_out = corpus.validation_text
    return DatasetInfo(
        **info(corpus).model_dump(),
        bos_id=corpus.bos_id,
        validation=None if held_out is None else info(held_out),
    )
