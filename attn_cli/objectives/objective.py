"""What a trainer asks of an objective: its batches, its loss, its evaluation, a sample."""

from typing import Protocol

import torch
from torch import Tensor

from attn_cli.model.stack import Stack
from attn_cli.objectives.any_evaluation import AnyEvaluation
from attn_cli.objectives.evaluation import AllReduce
from attn_cli.runs.checkpoint_metadata import DatasetInfo
from attn_cli.text.batches import Batch, TrainingBatches
from attn_cli.text.tokenizer import TokenIds, Tokenizer


class Objective(Protocol):
    """What a model is trained for, on the data that it holds."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary of the data."""
        ...

    @property
    def dataset(self) -> DatasetInfo:
        """What identifies the data in a checkpoint."""
        ...

    @property
    def train_ids(self) -> TokenIds:
        """The ids of the training split, one after the other."""
        ...

    @property
    def val_chars(self) -> int:
        """How many characters an evaluation predicts."""
        ...

    def batches(self, part: int = 0, parts: int = 1) -> TrainingBatches:
        """The training batches, of which one process takes a part.

        Args:
            part: Which part of each batch to give, from 0.
            parts: The number of processes that share each batch; divides the batch size.
        """
        ...

    def loss(self, model: torch.nn.Module, batch: Batch) -> tuple[Tensor, int]:
        """The loss of a batch as a sum, of shape () in fp32, and over how many targets.

        The mean over several batches is the sum of the sums over the sum of the counts, whatever
        the counts are.

        Args:
            model: May be wrapped or compiled.
            batch: On the model's device.
        """
        ...

    def evaluate(
        self,
        model: Stack,
        part: int = 0,
        parts: int = 1,
        all_reduce_sum: AllReduce | None = None,
    ) -> AnyEvaluation:
        """How well the model does on the validation split; several processes share the work."""
        ...

    def estimate_evaluation_seconds(self, model: Stack, budget: float) -> float:
        """Seconds that an evaluation by one process will take, judged by a part of it.

        Args:
            model: What to evaluate.
            budget: Seconds of the whole run, of which this takes a small share.
        """
        ...

    def sample(self, model: Stack, seed: int) -> str:
        """Something that the model, in evaluation mode, makes; the same for the same seed."""
        ...
