"""The classifier: an encoder whose hidden states are averaged, and a score for each label.

Shapes: B batch, T time (characters), C channels = n_embd, V vocabulary, Y labels.
"""

import torch
from torch import nn

from attn_cli.config.schema import ModelConfig
from attn_cli.model.cache import KVCache
from attn_cli.model.ngrams import NgramScores
from attn_cli.model.stack import Stack
from attn_cli.model.trace import NO_TRACE, NullTrace


class Classifier(Stack):
    """An encoder, the mean over its characters, and a linear layer to Y logits.

    With `label_ngrams`, the n-grams of the text add scores of their own. All of it is linear in
    the hidden states and the scores, so that what each character adds to a logit is known exactly.

    Args:
        config: The `model` section of a configuration; `tie_embeddings` has no meaning here.
        vocab_size: V, of the tokenizer.
        n_labels: Y.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, n_labels: int) -> None:
        super().__init__(config, vocab_size, causal=False)
        self.head = nn.Linear(config.n_embd, n_labels)
        self.ngram_scores = (
            NgramScores(
                config.label_ngrams, config.label_ngram_rows, n_labels, config.label_ngram_dropout
            )
            if config.label_ngrams
            else None
        )
        self._init_weights()
        if self.ngram_scores is not None:
            self.ngram_scores.init_weights()

    def forward(
        self,
        ids: torch.Tensor,
        *,
        mask: torch.Tensor | None = None,
        cache: KVCache | None = None,
        trace: NullTrace = NO_TRACE,
    ) -> torch.Tensor:
        """The logits (B, Y) of some texts.

        The arguments are those of `Stack.hidden`; what `mask` hides is not in the mean.
        """
        hidden = self.hidden(ids, mask=mask, cache=cache, trace=trace)  # (B, T, C)
        pooled = mean_over_text(hidden, mask)
        trace.record("mean over text", pooled, "B C")
        logits: torch.Tensor = self.head(pooled)
        trace.record("label scores", logits, "B Y", self.head)
        if self.ngram_scores is not None:
            of_ngrams = self.ngram_scores(ids, mask).sum(dim=1)  # (B, T + 1, Y) -> (B, Y)
            trace.record("n-gram scores", of_ngrams, "B Y", self.ngram_scores)
            logits = logits + of_ngrams
        trace.record("label logits", logits, "B Y")
        return logits


def mean_over_text(hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The mean (B, C) of the hidden states (B, T, C) of the characters that are not padding.

    Args:
        hidden: Of each position.
        mask: Where there is a character, (B, 1, 1, T) of bool; everywhere where None.
    """
    if mask is None:
        return hidden.mean(dim=1)
    is_text = mask[:, 0, 0, :, None].to(hidden.dtype)  # (B, T, 1)
    return (hidden * is_text).sum(dim=1) / is_text.sum(dim=1)
