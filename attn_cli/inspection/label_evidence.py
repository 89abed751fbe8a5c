"""What a classifier's label comes from, character by character.

Shapes: T time (characters), C channels = n_embd, Y labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.generation.classify import label_probabilities
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.model.classifier import Classifier


@dataclass(frozen=True, eq=False)
class LabelEvidence:
    """The label of a text, and what each of its characters does for it.

    Attributes:
        label: The index of the most probable label, which the evidence is for.
        probs: The probability of each label, (Y,).
        shares: What each character's hidden state adds to the logit of that label, above what it
            adds to the mean logit, (T,).
        ngram_shares: What the n-grams that end at each character add likewise, and those that
            end with the text, (T + 1,); None without `label_ngrams`. Exact: shares, these and
            `bias` sum to that logit above the mean.
        bias: What the head adds without any text.
        probs_without: The label's probability where a character is left out, (T,); NaN where the
            text has no other character.
    """

    label: int
    probs: NDArray[np.float32]
    shares: NDArray[np.float32]
    ngram_shares: NDArray[np.float32] | None
    bias: float
    probs_without: NDArray[np.float32]


@torch.no_grad()
def label_evidence(model: Classifier, ids: Sequence[int], first: int = 0) -> LabelEvidence:
    """What speaks for the most probable label of a text of T ids.

    Args:
        model: A classifier, in evaluation mode.
        ids: The text, at most `block_size`.
        first: How many ids at its beginning cannot be left out: the newline before a line.
    """
    activations = forward_pass(model, ids)
    logits = activations["label logits"]  # (Y,)
    label = int(logits.argmax())
    weight, bias = model.head.weight, model.head.bias
    direction = weight[label] - weight.mean(dim=0)  # (C,)
    shares = activations["final norm"] @ direction / len(ids)  # (T,)
    ngram_shares = None
    if model.ngram_scores is not None:
        scores = model.ngram_scores(torch.tensor([list(ids)], device=weight.device))[0]
        ngram_shares = (scores[:, label] - scores.mean(dim=-1)).float().numpy(force=True)
    without = np.full(len(ids), np.nan, np.float32)
    shortened = [[*ids[:t], *ids[t + 1 :]] for t in range(first, len(ids))]
    if len(ids) > first + 1:
        without[first:] = label_probabilities(model, shortened)[:, label]
    return LabelEvidence(
        label,
        logits.float().softmax(dim=-1).numpy(force=True),
        shares.float().numpy(force=True),
        ngram_shares,
        float(bias[label] - bias.mean()),
        without,
    )
