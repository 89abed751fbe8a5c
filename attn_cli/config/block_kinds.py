"""The kinds of block and what each is made of, without torch: the one table of `model.block`.

A kind stands in `BlockName` and in `BLOCK_KINDS`; the model, its parameter shapes and the
defaults of its sizes follow. What computes a block in another way (NumPy, the page, an export)
keeps a list of the kinds it knows, and refuses any other. How to add one:
docs/how-to/add-your-own-block.md.
"""

from dataclasses import dataclass
from typing import Literal

from attn_cli.errors import ConfigError

BlockName = Literal["gpt2", "qwen3"]


@dataclass(frozen=True)
class BlockKind:
    """The parts of a block."""

    norm: Literal["layer_norm", "rms_norm"]  # Ba et al. 2016; Zhang & Sennrich 2019
    feed_forward: Literal["gelu", "swiglu"]  # GELU between two linear layers; Shazeer 2020
    query_key_norm: bool  # whether queries and keys are normalised per head
    biases: bool  # whether linear layers and norms may have biases


BLOCK_KINDS: dict[BlockName, BlockKind] = {
    "gpt2": BlockKind("layer_norm", "gelu", query_key_norm=False, biases=True),
    "qwen3": BlockKind("rms_norm", "swiglu", query_key_norm=True, biases=False),
}


def block_kind(name: BlockName) -> BlockKind:
    """The parts of the kind of block that `model.block` names.

    Raises:
        ConfigError: The table has no such kind.
    """
    if name not in BLOCK_KINDS:
        raise ConfigError(
            f"model.block: {name} is not a known kind of block",
            f"the kinds are {', '.join(BLOCK_KINDS)}",
        )
    return BLOCK_KINDS[name]
