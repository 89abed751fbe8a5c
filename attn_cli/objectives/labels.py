"""The objective of a classifier: the label of each example.

Shapes: B batch, T time (characters), Y labels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from attn_cli.config.schema import Config
from attn_cli.model.stack import Stack
from attn_cli.objectives.evaluation import AllReduce
from attn_cli.objectives.label_evaluation import LabelEvaluation, evaluate_labels
from attn_cli.objectives.text_objective import TextObjective
from attn_cli.text.batches import Batch
from attn_cli.text.corpus import Corpus
from attn_cli.text.example_batches import ExampleBatches, labelled_batch
from attn_cli.text.examples import Examples, Split

# Characters of the validation split on which the model is evaluated during training.
STEERING_CHARS = 500_000
SAMPLE_EXAMPLES = 10  # whose labels a sample predicts


class Labels(TextObjective):
    """The `Objective` of a classifier; the arguments are those of `TextObjective`."""

    def __init__(self, config: Config, corpus: Corpus) -> None:
        # With the vocabulary of an encoder of the same text, whose weights it may begin with.
        super().__init__(config, corpus, corpus.tokenizer.with_mask(), STEERING_CHARS)

    def batches(self, part: int = 0, parts: int = 1) -> ExampleBatches:
        return self.record_batches(labelled_batch, part, parts)

    def loss(self, model: torch.nn.Module, batch: Batch) -> tuple[Tensor, int]:
        return label_loss(model, batch, self.config.train.label_smoothing)

    def evaluate_on(
        self,
        model: Stack,
        text: Split,
        part: int = 0,
        parts: int = 1,
        all_reduce_sum: AllReduce | None = None,
    ) -> LabelEvaluation:
        return evaluate_labels(model, as_examples(text), part, parts, all_reduce_sum)

    @torch.no_grad()
    def sample(self, model: Stack, seed: int) -> str:
        """Some of the validation examples, each with its most probable label and its own."""
        examples = as_examples(self._validation)
        some = examples[:: -(-len(examples) // SAMPLE_EXAMPLES)]
        batch = labelled_batch(some).to(model.head.weight.device)
        probs = model(batch.inputs, mask=batch.mask).float().softmax(dim=-1)  # (B, Y)
        names, lines = self.corpus.labels, []
        for text, label, prob in zip(some.texts(), some.labels.tolist(), probs, strict=True):
            predicted = int(prob.argmax())
            line = f"{text}: {names[predicted]} {float(prob[predicted]):.0%}"
            lines.append(line if predicted == label else f"{line}, not {names[label]}")
        return "\n".join(lines)


def label_loss(model: torch.nn.Module, batch: Batch, smoothing: float = 0.0) -> tuple[Tensor, int]:
    """The cross-entropy of labels in nats, as a sum in fp32, of shape (), and their number.

    Args:
        model: A classifier; may be wrapped or compiled.
        batch: Of labelled texts.
        smoothing: Probability that is spread over all labels (Szegedy et al. 2016, section 7).
    """
    logits = model(batch.inputs, mask=batch.mask)  # (B, Y)
    loss = F.cross_entropy(
        logits.float(), batch.targets, reduction="sum", label_smoothing=smoothing
    )
    return loss, batch.target_count


def as_examples(text: Split) -> Examples:
    """A split of labelled records, which is never a stream."""
    assert isinstance(text, Examples)
    return text
