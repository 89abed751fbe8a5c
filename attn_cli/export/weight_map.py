"""The names of our parameters in other formats, and their layout there.

Sources: transformers' `modeling_gpt2.py`, `modeling_qwen3.py` and `modeling_pegasus.py`;
llama.cpp's `gpt2.cpp` and `qwen3.cpp`. GPT-2's linear layers at Hugging Face are (in, out), all
others (out, in). Qwen3 pairs rotary channel i with i + D / 2 in both, as we do, so no rows of
queries and keys have to be permuted (llama.cpp's `llama` would need that).

Shapes: C channels = n_embd, D head size, F feed-forward width.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from attn_cli.config.schema import ModelConfig
from attn_cli.export.compatibility import Floats
from attn_cli.model.parameter_shapes import NGRAM_TABLE, Shape

_Parts = dict[str, tuple[str, ...]]

QUERY_KEY_VALUE = ("attention.query", "attention.key", "attention.value")


@dataclass(frozen=True)
class WeightMapping:
    """A tensor of another format, and our parameters that it is made of."""

    external: str  # its name in the other format
    internal: tuple[str, ...]  # our names; several are concatenated along the first axis
    transposed: bool = False  # whether it is stored transposed, as (in, out)

    def to_external(self, weights: Mapping[str, Floats]) -> Floats:
        """The tensor as the other format stores it, from our parameters by name."""
        joined = np.concatenate([weights[name] for name in self.internal])
        return np.ascontiguousarray(joined.T if self.transposed else joined)

    def to_internal(self, array: Floats) -> Iterator[tuple[str, Floats]]:
        """Our parameters, by name, from the tensor as the other format stores it."""
        parts = np.split(array.T if self.transposed else array, len(self.internal))
        yield from zip(self.internal, map(np.ascontiguousarray, parts), strict=True)

    def shape(self, shapes: Mapping[str, Shape]) -> Shape:
        """Its shape in the other format, from the shapes of our parameters."""
        first, *rest = shapes[self.internal[0]]
        joined = (len(self.internal) * first, *rest)
        return joined[::-1] if self.transposed else joined


def huggingface_map(config: ModelConfig) -> list[WeightMapping]:
    """The tensors of `GPT2LMHeadModel` or `Qwen3ForCausalLM`; tied ones once.

    Those of n-grams have our names, as in remote_code/modeling_attn.py.
    """
    names = (NGRAM_TABLE, "ngrams.projection.weight") if config.ngrams else ()
    ngrams = [WeightMapping(name, (name,)) for name in names]
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
        outside = {"model.embed_tokens": "token_embedding", "model.norm": "final_norm"}
        return [*ngrams, *_mappings(config, "model.layers", inside, outside, "lm_head")]
    inside = {
        "ln_1": ("attention_norm",),
        "attn.c_attn": QUERY_KEY_VALUE,
        "attn.c_proj": ("attention.projection",),
        "ln_2": ("feed_forward_norm",),
        "mlp.c_fc": ("feed_forward.up",),
        "mlp.c_proj": ("feed_forward.down",),
    }
    outside = {
        "transformer.wte": "token_embedding",
        "transformer.wpe": "position_embedding",
        "transformer.ln_f": "final_norm",
    }
    of_blocks = _mappings(config, "transformer.h", inside, outside, "lm_head", transposed=".c_")
    return [*ngrams, *of_blocks]


def pegasus_map(config: ModelConfig) -> list[WeightMapping]:
    """The tensors of `PegasusForConditionalGeneration`, with the embedding in all its places."""
    places = ("shared", "encoder.embed_tokens", "decoder.embed_tokens")
    mappings = [
        WeightMapping(f"model.{place}.weight", ("token_embedding.weight",)) for place in places
    ]
    inside: _Parts = {
        **_pegasus_attention("self_attn", "attention"),
        "final_layer_norm": ("feed_forward_norm",),
        "fc1": ("feed_forward.up",),
        "fc2": ("feed_forward.down",),
    }
    outside = {"embed_positions": "position_embedding", "layer_norm": "final_norm"}
    of_encoder, of_decoder = (
        {f"model.{stack}.{external}": internal for external, internal in outside.items()}
        for stack in ("encoder", "decoder")
    )
    headless = config.model_copy(update={"tie_embeddings": True})
    for mapping in _mappings(headless, "model.encoder.layers", inside, of_encoder, ""):
        internal = tuple(f"encoder.{name}" for name in mapping.internal)
        mappings.append(replace(mapping, internal=internal))
    inside |= _pegasus_attention("encoder_attn", "cross_attention")
    mappings += _mappings(config, "model.decoder.layers", inside, of_decoder, "lm_head")
    return mappings


def _pegasus_attention(external: str, internal: str) -> _Parts:
    """The parts of an attention and the norm before it."""
    parts = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "projection"}
    of_attention = {f"{external}.{its}": (f"{internal}.{ours}",) for its, ours in parts.items()}
    return {f"{external}_layer_norm": (f"{internal}_norm",), **of_attention}


def gguf_map(config: ModelConfig) -> list[WeightMapping]:
    """The tensors of llama.cpp's `gpt2` or `qwen3`; tied ones once."""
    inside: _Parts = {
        "attn_norm": ("attention_norm",),
        "attn_output": ("attention.projection",),
        "ffn_norm": ("feed_forward_norm",),
        "ffn_up": ("feed_forward.up",),
        "ffn_down": ("feed_forward.down",),
    }
    outside = {"token_embd": "token_embedding", "output_norm": "final_norm"}
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
        outside |= {"position_embd": "position_embedding"}
    return list(_mappings(config, "blk", inside, outside, "output"))


def _mappings(
    config: ModelConfig,
    blocks: str,  # the other format's prefix of its blocks
    inside: _Parts,  # the parts of a block: external name to our names
    outside: Mapping[str, str],  # those outside of blocks: external name to our name
    head: str,  # the external name of the output layer
    transposed: str | None = None,  # in the external names whose matrices are stored transposed
) -> Iterator[WeightMapping]:
    """The mapping of each weight and bias."""
    parts: list[tuple[str, tuple[str, ...]]] = [
        (external, (internal,)) for external, internal in outside.items()
    ]
    for layer in range(config.n_layer):
        parts += [
            (f"{blocks}.{layer}.{external}", tuple(f"blocks.{layer}.{name}" for name in internal))
            for external, internal in inside.items()
        ]
    if not config.tie_embeddings:
        parts.append((head, ("head",)))
    for external, internal in parts:
        yield WeightMapping(
            f"{external}.weight",
            _with(internal, "weight"),
            bool(transposed and transposed in external),
        )
        has_bias = not (internal[0].endswith("embedding") or internal == ("head",))
        if config.block == "gpt2" and has_bias:
            yield WeightMapping(f"{external}.bias", _with(internal, "bias"))


def _with(names: Iterable[str], kind: str) -> tuple[str, ...]:
    return tuple(f"{name}.{kind}" for name in names)
