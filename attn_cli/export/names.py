"""What our parameters are called elsewhere, and how they lie there.

Sources: transformers' `modeling_gpt2.py` and `modeling_qwen3.py`; llama.cpp's `gpt2.cpp` and
`qwen3.cpp`. GPT-2's linear layers at Hugging Face are (in, out), all others (out, in). Both
architectures pair rotary channel i with i + D / 2, as we do, so no rows of queries and keys
change places anywhere (llama.cpp's `llama` itself would want that).

Shapes: C channels = n_embd, D head size, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from attn_cli.config.schema import ModelConfig
from attn_cli.export.counterpart import Floats
from attn_cli.model.parameter_shapes import Shape

_Parts = dict[str, tuple[str, ...]]

QUERY_KEY_VALUE = ("attention.query", "attention.key", "attention.value")


@dataclass(frozen=True)
class Slot:
    """A tensor elsewhere, and of which of ours it is made.

    Attributes:
        theirs: Its name there.
        ours: Our names; several lie one after the other along the first axis.
        transposed: Whether it lies the other way round.
    """

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False

    def filled(self, weights: Mapping[str, Floats]) -> Floats:
        """The tensor as it is there."""
        joined = np.concatenate([weights[name] for name in self.ours])
        return np.ascontiguousarray(joined.T if self.transposed else joined)

    def taken_apart(self, array: Floats) -> Iterator[tuple[str, Floats]]:
        """Ours of it, by name."""
        parts = np.split(array.T if self.transposed else array, len(self.ours))
        yield from zip(self.ours, map(np.ascontiguousarray, parts), strict=True)

    def shape(self, shapes: Mapping[str, Shape]) -> Shape:
        """Its shape there, from the shapes of ours."""
        first, *rest = shapes[self.ours[0]]
        whole = (len(self.ours) * first, *rest)
        return whole[::-1] if self.transposed else whole


def huggingface(config: ModelConfig) -> list[Slot]:
    """The tensors of `GPT2LMHeadModel` or `Qwen3ForCausalLM`; a tied one once."""
    inside: _Parts
    if config.block == "qwen3":
        inside = {
            "input_layernorm": ("attention_norm",),
            "self_attn.q_proj": ("attention.query",),
            "self_attn.k_proj": ("attention.key",),
            "self_attn.v_proj": ("attention.value",),
            "self_attn.q_norm": ("attention.query_norm",),
            "self_attn.k_norm": ("attention.key_norm",),
            "self_attn.o_proj": ("attention.projection",),
            "post_attention_layernorm": ("feed_forward_norm",),
            "mlp.gate_proj": ("feed_forward.gate",),
            "mlp.up_proj": ("feed_forward.up",),
            "mlp.down_proj": ("feed_forward.down",),
        }
        around = {"model.embed_tokens": "token_embedding", "model.norm": "final_norm"}
        return list(_slots(config, "model.layers", inside, around, "lm_head"))
    inside = {
        "ln_1": ("attention_norm",),
        "attn.c_attn": QUERY_KEY_VALUE,
        "attn.c_proj": ("attention.projection",),
        "ln_2": ("feed_forward_norm",),
        "mlp.c_fc": ("feed_forward.up",),
        "mlp.c_proj": ("feed_forward.down",),
    }
    around = {
        "transformer.wte": "token_embedding",
        "transformer.wpe": "position_embedding",
        "transformer.ln_f": "final_norm",
    }
    return list(_slots(config, "transformer.h", inside, around, "lm_head", transposed=".c_"))


def gguf(config: ModelConfig) -> list[Slot]:
    """The tensors of llama.cpp's `gpt2` or `qwen3`; a tied one once."""
    inside: _Parts = {
        "attn_norm": ("attention_norm",),
        "attn_output": ("attention.projection",),
        "ffn_norm": ("feed_forward_norm",),
        "ffn_up": ("feed_forward.up",),
        "ffn_down": ("feed_forward.down",),
    }
    around = {"token_embd": "token_embedding", "output_norm": "final_norm"}
    if config.block == "qwen3":
        inside |= {
            "attn_q": ("attention.query",),
            "attn_k": ("attention.key",),
            "attn_v": ("attention.value",),
            "attn_q_norm": ("attention.query_norm",),
            "attn_k_norm": ("attention.key_norm",),
            "ffn_gate": ("feed_forward.gate",),
        }
    else:
        inside |= {"attn_qkv": QUERY_KEY_VALUE}
        around |= {"position_embd": "position_embedding"}
    return list(_slots(config, "blk", inside, around, "output"))


def _slots(
    config: ModelConfig,
    blocks: str,
    inside: _Parts,
    around: Mapping[str, str],
    head: str,
    transposed: str = "\0",
) -> Iterator[Slot]:
    """Slots for each part of the model.

    Args:
        blocks: What their blocks are called.
        inside: The parts of a block: their name, and ours.
        around: The parts outside of blocks.
        head: The output layer.
        transposed: What the names of parts have in them whose matrices lie the other way.
    """
    parts: list[tuple[str, tuple[str, ...]]] = [
        (theirs, (ours,)) for theirs, ours in around.items()
    ]
    for layer in range(config.n_layer):
        parts += [
            (f"{blocks}.{layer}.{theirs}", tuple(f"blocks.{layer}.{name}" for name in ours))
            for theirs, ours in inside.items()
        ]
    if not config.tie_embeddings:
        parts.append((head, ("head",)))
    for theirs, ours in parts:
        yield Slot(f"{theirs}.weight", _with(ours, "weight"), transposed in theirs)
        plain = ours[0].endswith("embedding") or ours == ("head",)
        if config.block == "gpt2" and not plain:
            yield Slot(f"{theirs}.bias", _with(ours, "bias"))


def _with(names: Iterable[str], what: str) -> tuple[str, ...]:
    return tuple(f"{name}.{what}" for name in names)
