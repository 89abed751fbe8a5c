"""What of the attention a page opens with: the head, the query and the key that tell most."""

from dataclasses import dataclass

from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.telling_head import most_telling
from attn_cli.runs.loaded_model import LoadedModel


@dataclass(frozen=True)
class FirstCell:
    """A cell of a map. All count from 0."""

    layer: int = 0
    head: int = 0
    query: int | None = None  # None for the end of the text, or of an encoder its first blank
    key: int | None = None  # None for the one with the largest weight


def first_cell(
    loaded: LoadedModel, ids: tuple[int, ...], layer: int | None, head: int | None
) -> FirstCell:
    """The most telling cell of a text.

    Args:
        loaded: The model.
        ids: The text.
        layer: The layer to choose from, from 1; all where None.
        head: The head to choose from, from 1; all where None.
    """
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    weights = forward_pass(loaded.model, ids).attention.numpy(force=True)
    chosen = weights[layers.start - 1 : layers.stop - 1, heads.start - 1 : heads.stop - 1]
    told = most_telling(chosen)
    at = layers.start + told.layer - 2, heads.start + told.head - 2
    if loaded.tokenizer.mask_id in ids:  # the page is about the blank
        return FirstCell(*at)
    return FirstCell(*at, told.query, told.key)
