"""A model that was written by hand: small round weights that do something one can tell.

It knows four letters and texts of up to four of them, and continues what babies say:
the next letter is the one before the last, "mama" continues with "m".

Shapes: C channels = 8, the first 4 for letters and the last 4 for positions; H = 2 heads
of size D = 4; F feed-forward width = 4; V vocabulary = 4; L = 1 layer.
"""

from __future__ import annotations

import torch

from attn_cli.config.schema import Config, DataConfig, ModelConfig
from attn_cli.model.build import build_model
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.tokenizer import corpus_tokenizer

LETTERS = "abmp"
TEXT = "mama"
STORY = (
    "This model was not trained: its weights were chosen by hand, so that every number below can "
    "be checked. It knows the letters a, b, m and p and continues what babies say. Its rule: the "
    "next letter is the one before the last. Channels 0 to 3 say which letter it is, a 5 among "
    "-5s; channels 4 to 7 say where it stands, a -5 among 5s. Head 1 looks at the letter before "
    "(the first position, which has none, would look round to the last) and brings what it finds; "
    "head 2 looks at the same letter, here and earlier, and takes it away; the feed-forward part "
    "makes the letter that is left stand out."
)

Matrix = tuple[tuple[float, ...], ...]

# One row a letter: 5 in its channel and -5 in those of the other letters.
TOKEN_EMBEDDING: Matrix = (
    (5, -5, -5, -5, 0, 0, 0, 0),
    (-5, 5, -5, -5, 0, 0, 0, 0),
    (-5, -5, 5, -5, 0, 0, 0, 0),
    (-5, -5, -5, 5, 0, 0, 0, 0),
)
# One row a position. With a letter's row it adds up to mean 0 and variance 25, so that the
# norm only divides by 5.
POSITION_EMBEDDING: Matrix = (
    (0, 0, 0, 0, -5, 5, 5, 5),
    (0, 0, 0, 0, 5, -5, 5, 5),
    (0, 0, 0, 0, 5, 5, -5, 5),
    (0, 0, 0, 0, 5, 5, 5, -5),
)
QUERY: Matrix = (
    (0, 0, 0, 0, 0, 2, 0, 0),  # head 1: who stands one before? The positions, moved by one
    (0, 0, 0, 0, 0, 0, 2, 0),
    (0, 0, 0, 0, 0, 0, 0, 2),
    (0, 0, 0, 0, 2, 0, 0, 0),
    (2, 0, 0, 0, 0, 0, 0, 0),  # head 2: who is the same letter?
    (0, 2, 0, 0, 0, 0, 0, 0),
    (0, 0, 2, 0, 0, 0, 0, 0),
    (0, 0, 0, 2, 0, 0, 0, 0),
)
KEY: Matrix = (
    (0, 0, 0, 0, 1, 0, 0, 0),  # head 1: my position
    (0, 0, 0, 0, 0, 1, 0, 0),
    (0, 0, 0, 0, 0, 0, 1, 0),
    (0, 0, 0, 0, 0, 0, 0, 1),
    (1, 0, 0, 0, 0, 0, 0, 0),  # head 2: my letter
    (0, 1, 0, 0, 0, 0, 0, 0),
    (0, 0, 1, 0, 0, 0, 0, 0),
    (0, 0, 0, 1, 0, 0, 0, 0),
)
VALUE: Matrix = (
    (1, 0, 0, 0, 0, 0, 0, 0),  # both heads: my letter
    (0, 1, 0, 0, 0, 0, 0, 0),
    (0, 0, 1, 0, 0, 0, 0, 0),
    (0, 0, 0, 1, 0, 0, 0, 0),
    (1, 0, 0, 0, 0, 0, 0, 0),
    (0, 1, 0, 0, 0, 0, 0, 0),
    (0, 0, 1, 0, 0, 0, 0, 0),
    (0, 0, 0, 1, 0, 0, 0, 0),
)
PROJECTION: Matrix = (
    (5, 0, 0, 0, -5, 0, 0, 0),  # to the letters: add what head 1 found, take away head 2's
    (0, 5, 0, 0, 0, -5, 0, 0),
    (0, 0, 5, 0, 0, 0, -5, 0),
    (0, 0, 0, 5, 0, 0, 0, -5),
    (0, 0, 0, 0, 0, 0, 0, 0),  # positions stay as they are
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0),
)
UP: Matrix = (
    (2, 0, 0, 0, 0, 0, 0, 0),
    (0, 2, 0, 0, 0, 0, 0, 0),
    (0, 0, 2, 0, 0, 0, 0, 0),
    (0, 0, 0, 2, 0, 0, 0, 0),
)
DOWN: Matrix = (
    (2, 0, 0, 0),
    (0, 2, 0, 0),
    (0, 0, 2, 0),
    (0, 0, 0, 2),
    (0, 0, 0, 0),
    (0, 0, 0, 0),
    (0, 0, 0, 0),
    (0, 0, 0, 0),
)
# A letter's logit is its channel.
HEAD: Matrix = (
    (1, 0, 0, 0, 0, 0, 0, 0),
    (0, 1, 0, 0, 0, 0, 0, 0),
    (0, 0, 1, 0, 0, 0, 0, 0),
    (0, 0, 0, 1, 0, 0, 0, 0),
)
ONES = (1.0,) * 8

WEIGHTS: dict[str, Matrix | tuple[float, ...]] = {
    "token_embedding.weight": TOKEN_EMBEDDING,
    "position_embedding.weight": POSITION_EMBEDDING,
    "blocks.0.attention_norm.weight": ONES,
    "blocks.0.attention.query.weight": QUERY,
    "blocks.0.attention.key.weight": KEY,
    "blocks.0.attention.value.weight": VALUE,
    "blocks.0.attention.projection.weight": PROJECTION,
    "blocks.0.feed_forward_norm.weight": ONES,
    "blocks.0.feed_forward.up.weight": UP,
    "blocks.0.feed_forward.down.weight": DOWN,
    "final_norm.weight": ONES,
    "head.weight": HEAD,
}


def handmade_model() -> LoadedModel:
    """The handmade model, to be used like any other."""
    sizes = ModelConfig(
        n_layer=1, n_head=2, n_embd=8, n_inner=4, block_size=4, tie_embeddings=False
    )
    model = build_model(sizes, len(LETTERS)).eval()
    model.load_state_dict(
        {name: torch.tensor(weight, dtype=torch.float32) for name, weight in WEIGHTS.items()}
    )
    config = Config(model=sizes, data=DataConfig(tokenizer="corpus"))
    return LoadedModel(config, corpus_tokenizer(LETTERS), 0, "the tiny model", lambda: model)
