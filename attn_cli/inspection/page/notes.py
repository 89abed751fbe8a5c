"""What a page says of its own size: what was rounded in it, or what makes it large."""

import math
from collections.abc import Callable, Iterator

import torch

from attn_cli.inspection.page.rounding import LARGE, largest_difference
from attn_cli.model.stack import Stack
from attn_cli.runs.loaded_model import LoadedModel


def size_notes(
    loaded: LoadedModel, level: int, size: int, logits_of: Callable[[Stack], torch.Tensor]
) -> Iterator[str]:
    """A sentence on each of them; none for a page that is small and exact.

    Args:
        loaded: The model in the page.
        level: How much its weights are rounded; see `rounding`.
        size: The page's bytes.
        logits_of: The logits of what the page opens with, by such a model.
    """
    if level:
        most = _rounded_up(largest_difference(loaded.model, logits_of, level))
        yield (
            f"To keep this page below {LARGE >> 20} MiB, the model’s weights are rounded in "
            f"it: on the text that it opens with, no logit is off by more than {most}."
        )
    if size > LARGE:
        yield _why_large(loaded)


def _why_large(loaded: LoadedModel) -> str:
    """What makes a page large, from which nothing of the model is left out."""
    parameters = loaded.model.parameter_count()
    tables = {
        key: sum(
            parameter.numel()
            for name, parameter in loaded.model.named_parameters()
            if name.startswith(beginning)
        )
        for key, beginning in (
            ("label_ngram_rows", "ngram_scores."),
            ("ngram_rows", "ngrams.table"),
        )
    }
    key = max(tables, key=tables.__getitem__)
    larger = f"This page is larger than {LARGE >> 20} MiB: "
    if 2 * tables[key] < parameters:
        return f"{larger}the model has {parameters:,} parameters, and all of them are in it."
    return (
        f"{larger}{tables[key]:,} of the model’s {parameters:,} parameters are tables of n-grams. "
        f"Trained with a smaller model.{key}, it has a smaller page."
    )


def _rounded_up(number: float) -> str:
    """The number with two digits, never less than it is."""
    if not 0 < number < math.inf:
        return f"{number:g}"
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return f"{math.ceil(number / unit) * unit:.2g}"
