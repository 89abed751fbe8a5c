"""A model as a folder that Hugging Face's transformers load without code of ours.

Block `gpt2` is `GPT2LMHeadModel`, block `qwen3` is `Qwen3ForCausalLM`. Needs neither torch nor
transformers.
"""

from __future__ import annotations

import json
from typing import Any

from safetensors.numpy import save

from attn_cli.export.card import model_card
from attn_cli.export.counterpart import STANDSTILL, as_gpt2, completed, require_counterpart
from attn_cli.export.names import huggingface
from attn_cli.export.vocabulary import tokenizer_file, tokenizer_settings
from attn_cli.runs.loaded_model import TrainedModel


def huggingface_files(model: TrainedModel) -> dict[str, bytes]:
    """The files of the folder, by name.

    Raises:
        InputError: The model has something that the architecture cannot express.
        CheckpointError: Its weights are missing or damaged.
    """
    config, tokenizer = model.config.model, model.tokenizer
    require_counterpart(config)
    weights = completed(config, model.weights)
    tensors = {slot.theirs: slot.filled(weights) for slot in huggingface(config)}
    settings = tokenizer_settings(tokenizer, model.eos_id, config.block_size)
    return {
        "config.json": _json(model_settings(model)),
        "generation_config.json": _json(_generation_settings(model)),
        # transformers ask whose tensors these are.
        "model.safetensors": save(tensors, metadata={"format": "pt"}),
        "tokenizer.json": _json(tokenizer_file(tokenizer, model.eos_id)),
        "tokenizer_config.json": _json(settings),
        "README.md": model_card(model).encode(),
    }


def model_settings(model: TrainedModel) -> dict[str, Any]:
    """The content of config.json; every value that has a default elsewhere is said."""
    config = model.config.model
    shared = {
        "vocab_size": model.tokenizer.vocab_size,
        "tie_word_embeddings": config.tie_embeddings,
        "bos_token_id": model.bos_id,
        "eos_token_id": model.eos_id,
        "pad_token_id": model.eos_id,
        "dtype": "float32",
    }
    if config.block == "qwen3":
        rope: dict[str, Any] = {"rope_type": "default"}
        if config.position == "none":
            rope = {"rope_type": "linear", "factor": STANDSTILL}
        return {
            "architectures": ["Qwen3ForCausalLM"],
            "model_type": "qwen3",
            "hidden_size": config.n_embd,
            "intermediate_size": config.inner_width,
            "num_hidden_layers": config.n_layer,
            "num_attention_heads": config.n_head,
            "num_key_value_heads": config.n_head,
            "head_dim": config.n_embd // config.n_head,
            "hidden_act": "silu",
            "max_position_embeddings": config.block_size,
            "rms_norm_eps": 1e-6,
            # The first is read by transformers 5, the others by those before.
            "rope_parameters": {**rope, "rope_theta": config.rope_theta},
            "rope_scaling": None if config.position == "rope" else rope,
            "rope_theta": config.rope_theta,
            "attention_bias": False,
            # Here it is the only dropout; the others have no counterpart, in training.
            "attention_dropout": config.dropout,
            "use_sliding_window": False,
            **shared,
        }
    whole = as_gpt2(config)
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": whole.n_embd,
        "n_inner": whole.inner_width,
        "n_layer": whole.n_layer,
        "n_head": whole.n_head,
        "n_positions": whole.block_size,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "resid_pdrop": whole.dropout,
        "embd_pdrop": whole.dropout,
        "attn_pdrop": whole.dropout,
        **shared,
    }


def _generation_settings(model: TrainedModel) -> dict[str, Any]:
    taste = model.config.sample
    settings: dict[str, Any] = {
        "bos_token_id": model.bos_id,
        "eos_token_id": model.eos_id,
        # A text without an end of its own still has to be as long as those beside it.
        "pad_token_id": model.bos_id if model.eos_id is None else model.eos_id,
    }
    if taste.temperature == 0.0:
        return settings | {"do_sample": False}
    settings |= {"do_sample": True, "temperature": taste.temperature, "top_k": taste.top_k or 0}
    return settings if taste.top_p is None else settings | {"top_p": taste.top_p}


def _json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
