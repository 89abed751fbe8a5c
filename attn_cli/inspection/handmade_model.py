"""A model that was written by hand: small round weights that do something one can tell.

It knows four letters and texts of up to four of them, and continues what babies say:
the next letter is the one before the last, "mama" continues with "m".

Shapes: C channels = 8, the first 4 for letters and the last 4 for positions; H = 2 heads
of size D = 4; F feed-forward width = 4; V vocabulary = 4; L = 1 layer.
"""

import numpy as np
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

EYE, ZERO = np.eye(4), np.zeros((4, 4))
BEFORE = np.roll(EYE, 1, axis=1)  # moved on by one

# A matrix is made of blocks for letters and positions; both heads are below each other.
WEIGHTS = {
    # One row a letter: 5 in its channel and -5 in those of the other letters.
    "token_embedding.weight": np.block([10 * EYE - 5, ZERO]),
    # One row a position. With a letter's row it adds up to mean 0 and variance 25, so that the
    # norm only divides by 5.
    "position_embedding.weight": np.block([ZERO, 5 - 10 * EYE]),
    "blocks.0.attention_norm.weight": np.ones(8),
    # Head 1: who stands one before? The positions, moved by one. Head 2: who is the same letter?
    "blocks.0.attention.query.weight": np.block([[ZERO, 2 * BEFORE], [2 * EYE, ZERO]]),
    # Head 1: my position. Head 2: my letter.
    "blocks.0.attention.key.weight": np.block([[ZERO, EYE], [EYE, ZERO]]),
    # Both heads: my letter.
    "blocks.0.attention.value.weight": np.block([[EYE, ZERO], [EYE, ZERO]]),
    # To the letters: add what head 1 found, take away head 2's. Positions stay as they are.
    "blocks.0.attention.projection.weight": np.block([[5 * EYE, ZERO - 5 * EYE], [ZERO, ZERO]]),
    "blocks.0.feed_forward_norm.weight": np.ones(8),
    "blocks.0.feed_forward.up.weight": np.block([2 * EYE, ZERO]),
    "blocks.0.feed_forward.down.weight": np.block([[2 * EYE], [ZERO]]),
    "final_norm.weight": np.ones(8),
    # A letter's logit is its channel.
    "head.weight": np.block([EYE, ZERO]),
}


def handmade_model() -> LoadedModel:
    """The handmade model, to be used like any other."""
    sizes = ModelConfig(
        n_layer=1, n_head=2, n_embd=8, n_inner=4, block_size=4, tie_embeddings=False
    )
    model = build_model(sizes, len(LETTERS)).eval()
    model.load_state_dict(
        {name: torch.from_numpy(weight.astype(np.float32)) for name, weight in WEIGHTS.items()}
    )
    config = Config(model=sizes, data=DataConfig(tokenizer="corpus"))
    return LoadedModel(config, corpus_tokenizer(LETTERS), 0, "the tiny model", lambda: model)
