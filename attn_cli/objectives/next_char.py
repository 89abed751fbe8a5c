"""The objective of a language model: every character, from those before it.

Shapes: B batch, T time (characters), V vocabulary.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from attn_cli.config.schema import Config
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.next_token_model import as_next_token_model
from attn_cli.generation.text_generator import TextGenerator
from attn_cli.model.transformer import Transformer
from attn_cli.text.batches import IGNORE_INDEX, Batch, Batches
from attn_cli.text.corpus import Corpus


class NextChar:
    """What a language model of one text trains on, is trained by, and writes."""

    def __init__(self, config: Config, corpus: Corpus) -> None:
        self.config = config
        self.corpus = corpus
        self._sampling = GenerationConfig(**config.sample.model_dump())

    def batches(self, part: int = 0, parts: int = 1) -> Batches:
        """The batches of the training text.

        Args:
            part: Which part of each batch to give, from 0.
            parts: The number of processes that share each batch; divides the batch size.
        """
        model, train = self.config.model, self.config.train
        ids = self.corpus.train
        return Batches(ids, model.block_size, train.batch_size, train.seed, part, parts)

    @staticmethod
    def loss(model: torch.nn.Module, batch: Batch) -> tuple[Tensor, int]:
        """The cross-entropy of a batch as a sum, and over how many characters.

        The model may be wrapped or compiled. The mean over several batches is the sum of the
        sums over the sum of the counts, whatever the counts are.

        Returns:
            In fp32, in nats, of shape (); and the number of targets that are not `IGNORE_INDEX`.
        """
        logits = model(batch.inputs)  # (B, T, V)
        loss = F.cross_entropy(
            logits.float().flatten(0, 1),  # (B * T, V)
            batch.targets.flatten(),  # (B * T,)
            ignore_index=IGNORE_INDEX,
            reduction="sum",
        )
        return loss, batch.target_count

    def sample(self, model: Transformer, seed: int) -> str:
        """A new document, by the configuration's `sample` section.

        Args:
            model: In evaluation mode.
            seed: The same seed gives the same document.
        """
        corpus = self.corpus
        generator = TextGenerator(as_next_token_model(model), corpus.tokenizer, corpus.bos_id)
        return generator.sample_document(seed, self._sampling)
