"""What the objectives over one text, or its lines, have in common.

Shapes: B batch, T time (characters), V vocabulary.
"""

import time
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from attn_cli.config.schema import Config
from attn_cli.model.stack import Stack
from attn_cli.objectives.any_evaluation import AnyEvaluation
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH, AllReduce, evaluate
from attn_cli.runs.checkpoint_metadata import DatasetInfo, TextInfo
from attn_cli.text.batches import IGNORE_INDEX, Batch, Batches, TrainingBatches
from attn_cli.text.corpus import Corpus
from attn_cli.text.encoded_text import EncodedText
from attn_cli.text.example_batches import ExampleBatches, MakeBatch, padded_batch
from attn_cli.text.examples import Examples, Split, subset, target_count
from attn_cli.text.tokenizer import TokenIds, Tokenizer


class TextObjective(ABC):
    """An `Objective` over the characters of one text, or of its lines.

    Args:
        config: Of the run.
        corpus: Its text; of its lines, none is too long for the model.
        tokenizer: The model's vocabulary: that of the text, perhaps with special symbols.
        steering_chars: Of the validation split, how much is read at an evaluation during training.
    """

    def __init__(
        self, config: Config, corpus: Corpus, tokenizer: Tokenizer, steering_chars: int
    ) -> None:
        self.config = config
        self.corpus = corpus
        self.tokenizer = tokenizer
        self.dataset = dataset_info(corpus)
        self._validation = subset(corpus.validation, steering_chars)

    @property
    def train_ids(self) -> TokenIds:
        return self.corpus.train_ids

    @property
    def val_chars(self) -> int:
        return target_count(self._validation)

    @property
    def of_lines(self) -> bool:
        """Whether each line is learned by itself."""
        return isinstance(self.corpus.train, Examples)

    @abstractmethod
    def batches(self, part: int = 0, parts: int = 1) -> TrainingBatches: ...

    @abstractmethod
    def sample(self, model: Stack, seed: int) -> str: ...

    def next_char_batches(self, part: int = 0, parts: int = 1) -> TrainingBatches:
        """Batches of the training split in which each character predicts the next."""
        text, train = self.corpus.train, self.config.train
        if isinstance(text, Examples):
            return self.record_batches(padded_batch, part, parts)
        block_size = self.config.model.block_size
        return Batches(text, block_size, train.batch_size, train.seed, part, parts)

    def record_batches(self, make_batch: MakeBatch, part: int, parts: int) -> ExampleBatches:
        """Batches of the training split's records, each by itself.

        Args:
            make_batch: Of some examples.
            part: Which part of each batch to give, from 0.
            parts: The number of processes that share each batch.
        """
        train = self.config.train
        assert isinstance(self.corpus.train, Examples)
        return ExampleBatches(
            self.corpus.train, train.batch_size, train.seed, part, parts, make_batch
        )

    def loss(self, model: torch.nn.Module, batch: Batch) -> tuple[Tensor, int]:
        return token_loss(model, batch)

    def evaluate(
        self,
        model: Stack,
        part: int = 0,
        parts: int = 1,
        all_reduce_sum: AllReduce | None = None,
    ) -> AnyEvaluation:
        return self.evaluate_on(model, self._validation, part, parts, all_reduce_sum)

    def evaluate_on(
        self,
        model: Stack,
        text: Split,
        part: int = 0,
        parts: int = 1,
        all_reduce_sum: AllReduce | None = None,
    ) -> AnyEvaluation:
        """How well the model does on another split than the validation split."""
        return evaluate(model, text, part, parts, all_reduce_sum, mask_id=self.tokenizer.mask_id)

    def estimate_evaluation_seconds(self, model: Stack, budget: float) -> float:
        text = self._validation
        for size in (TOKENS_PER_BATCH, 4 * TOKENS_PER_BATCH):  # the first of a shape is slower
            begin = time.monotonic()
            self.evaluate_on(model, part := subset(text, size))
            took = time.monotonic() - begin
            if took > 0.01 * budget:
                break
        return took * target_count(text) / target_count(part)


def token_loss(model: torch.nn.Module, batch: Batch) -> tuple[Tensor, int]:
    """The cross-entropy of characters in nats, as a sum in fp32, of shape (), and their number."""
    logits = model(batch.inputs, mask=batch.mask)  # (B, T, V)
    loss = F.cross_entropy(
        logits.float().flatten(0, 1),  # (B * T, V)
        batch.targets.flatten(),  # (B * T,)
        ignore_index=IGNORE_INDEX,
        reduction="sum",
    )
    return loss, batch.target_count


def dataset_info(corpus: Corpus) -> DatasetInfo:
    """What identifies a corpus in a checkpoint."""

    def info(text: EncodedText) -> TextInfo:
        return TextInfo(name=text.name, chars=text.chars, sha256=text.sha256)

    held_out = corpus.validation_text
    return DatasetInfo(
        **info(corpus).model_dump(),
        bos_id=corpus.bos_id,
        labels=list(corpus.labels),
        validation=None if held_out is None else info(held_out),
    )
