"""A model as a folder that Hugging Face's transformers load without any code of ours.

Block `gpt2` is `GPT2LMHeadModel`, block `qwen3` is `Qwen3ForCausalLM`; an encoder is the same with
`is_causal` false, which transformers know from 5.3 on. Needs neither torch nor transformers.
"""

import json
from typing import Any

from safetensors.numpy import save

from attn_cli.export.compatibility import NO_ROTATION_FACTOR, as_gpt2, check_exportable, pad_to_gpt2
from attn_cli.export.hf_tokenizer import tokenizer_file, tokenizer_settings
from attn_cli.export.model_card import model_card
from attn_cli.export.weight_map import huggingface_map
from attn_cli.runs.loaded_model import TrainedModel


def huggingface_files(model: TrainedModel) -> dict[str, bytes]:
    """The contents of the folder's files, by name.

    Raises:
        InputError: The architecture cannot express the model exactly.
        CheckpointError: Its weights are missing or damaged.
    """
    config, tokenizer = model.config.model, model.tokenizer
    check_exportable(config, "the hf export")
    weights = pad_to_gpt2(config, model.weights)
    tensors = {
        mapping.external: mapping.to_external(weights) for mapping in huggingface_map(config)
    }
    settings = tokenizer_settings(tokenizer, model.eos_id, config.block_size)
    files = {
        "config.json": _json(model_settings(model)),
        # transformers require the framework that the tensors are of.
        "model.safetensors": save(tensors, metadata={"format": "pt"}),
        "tokenizer.json": _json(tokenizer_file(tokenizer, model.eos_id)),
        "tokenizer_config.json": _json(settings),
        "README.md": model_card(model).encode(),
    }
    if model.config.task == "lm":
        files["generation_config.json"] = _json(_generation_settings(model))
    return files


def model_settings(model: TrainedModel) -> dict[str, Any]:
    """The content of config.json, with every value that has a default elsewhere."""
    config = model.config.model
    shared: dict[str, Any] = {
        "vocab_size": model.tokenizer.vocab_size,
        "tie_word_embeddings": config.tie_embeddings,
        "bos_token_id": model.bos_id,
        "eos_token_id": model.eos_id,
        "pad_token_id": model.eos_id,
        "dtype": "float32",
    }
    if model.config.task == "mlm":
        shared |= {"is_causal": False, "use_cache": False}
    if config.block == "qwen3":
        rope: dict[str, Any] = {"rope_type": "default"}
        if config.position == "none":
            rope = {"rope_type": "linear", "factor": NO_ROTATION_FACTOR}
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
            # The first is read by transformers 5, the others by earlier versions.
            "rope_parameters": {**rope, "rope_theta": config.rope_theta},
            "rope_scaling": None if config.position == "rope" else rope,
            "rope_theta": config.rope_theta,
            "attention_bias": False,
            # The only dropout of Qwen3; the others have no counterpart there.
            "attention_dropout": config.dropout,
            "use_sliding_window": False,
            **shared,
        }
    gpt2 = as_gpt2(config)
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": gpt2.n_embd,
        "n_inner": gpt2.inner_width,
        "n_layer": gpt2.n_layer,
        "n_head": gpt2.n_head,
        "n_positions": gpt2.block_size,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "resid_pdrop": gpt2.dropout,
        "embd_pdrop": gpt2.dropout,
        "attn_pdrop": gpt2.dropout,
        **shared,
    }


def _generation_settings(model: TrainedModel) -> dict[str, Any]:
    sample = model.config.sample
    settings: dict[str, Any] = {
        "bos_token_id": model.bos_id,
        "eos_token_id": model.eos_id,
        # A batch needs padding, also where no id ends a text.
        "pad_token_id": model.bos_id if model.eos_id is None else model.eos_id,
    }
    if sample.temperature == 0.0:
        return settings | {"do_sample": False}
    settings |= {"do_sample": True, "temperature": sample.temperature, "top_k": sample.top_k or 0}
    return settings if sample.top_p is None else settings | {"top_p": sample.top_p}


def _json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
