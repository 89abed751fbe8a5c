"""A model of ours in the formats of the peers of generation.py: GPT-2's names, and GGUF.

Shapes: C channels, V vocabulary.
"""

from __future__ import annotations

from pathlib import Path

import torch

from attn_cli.model.transformer import Transformer

GGUF_NAMES = {
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}


def gpt2_weights(ours: Transformer) -> dict[str, torch.Tensor]:
    """Our weights under the names of GPT-2, as nanoGPT has them: (out, in), q, k, v in one."""
    state = {name: weight.detach() for name, weight in ours.state_dict().items()}
    weights = {
        "transformer.wte.weight": state["token_embedding.weight"],
        "transformer.wpe.weight": state["position_embedding.weight"],
        "transformer.ln_f.weight": state["final_norm.weight"],
        "lm_head.weight": state["head.weight"],
    }
    for layer in range(ours.config.n_layer):
        block, theirs = f"blocks.{layer}", f"transformer.h.{layer}"
        query_key_value = [
            state[f"{block}.attention.{name}.weight"] for name in ("query", "key", "value")
        ]
        weights[f"{theirs}.attn.c_attn.weight"] = torch.cat(query_key_value)  # (3 C, C)
        for name, ours_name in (
            ("ln_1", "attention_norm"),
            ("attn.c_proj", "attention.projection"),
            ("ln_2", "feed_forward_norm"),
            ("mlp.c_fc", "feed_forward.up"),
            ("mlp.c_proj", "feed_forward.down"),
        ):
            weights[f"{theirs}.{name}.weight"] = state[f"{block}.{ours_name}.weight"]
    return weights


def write_gguf(ours: Transformer, file: Path) -> None:
    """Our weights as llama.cpp's `gpt2`, F32, with the biases that it demands, zero."""
    import gguf
    import numpy as np

    config, V = ours.config, ours.vocab_size
    writer = gguf.GGUFWriter(file, "gpt2")
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.block_size)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(config.inner_width)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([chr(ord("!") + number) for number in range(V)])
    writer.add_token_types([gguf.TokenType.NORMAL] * V)
    writer.add_token_merges(["! !"])  # it does not load without one; prompts are ids anyway
    writer.add_add_bos_token(False)
    writer.add_bos_token_id(V - 1)
    writer.add_eos_token_id(V - 1)
    for name, weight in gpt2_weights(ours).items():
        if name == "lm_head.weight":
            continue  # tied: it takes the embedding
        place = name.removesuffix(".weight")
        prefix = ""
        if place.startswith("transformer.h."):
            _, _, layer, place = place.split(".", 3)
            prefix = f"blk.{layer}."
        theirs = prefix + GGUF_NAMES[place]
        writer.add_tensor(f"{theirs}.weight", weight.contiguous().numpy())
        if not theirs.endswith("_embd"):
            writer.add_tensor(f"{theirs}.bias", np.zeros(weight.shape[0], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
