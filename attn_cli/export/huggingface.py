"""A model as a folder that Hugging Face's transformers load without attn.

Block `gpt2` is `GPT2LMHeadModel`, block `qwen3` is `Qwen3ForCausalLM`; an encoder is the same with
`is_causal` false, which transformers know from 5.3 on. An encoder-decoder is
`PegasusForConditionalGeneration` (Zhang et al. 2020), whose blocks are those of GPT-2 with
cross-attention. Needs neither torch nor transformers.

With embeddings of n-grams, which neither has, the folder comes with code for them: a subclass of
`GPT2LMHeadModel` or `Qwen3ForCausalLM`, from remote_code, which transformers run with
`trust_remote_code=True`. Otherwise they refuse the folder, whose `model_type` they do not know.
"""

import json
from importlib.resources import files as package_files
from typing import Any

import numpy as np
from safetensors.numpy import save

from attn_cli.config.schema import ModelConfig
from attn_cli.export.compatibility import (
    NO_ROTATION_FACTOR,
    as_gpt2,
    check_exportable,
    check_pairs_exportable,
    huggingface_class,
    pad_to_gpt2,
)
from attn_cli.export.hf_config import NGRAM_OPTIONS
from attn_cli.export.hf_tokenizer import tokenizer_file, tokenizer_settings
from attn_cli.export.model_card import model_card
from attn_cli.export.weight_map import huggingface_map, pegasus_map
from attn_cli.model.ngram_hash import make_ngram_hash
from attn_cli.runs.loaded_model import TrainedModel

CODE_FILES = ("configuration_attn.py", "modeling_attn.py")


def huggingface_files(model: TrainedModel) -> dict[str, bytes]:
    """The contents of the folder's files, by name.

    Raises:
        InputError: The architecture cannot express the model exactly.
        CheckpointError: Its weights are missing or damaged.
    """
    config, tokenizer, task = model.config.model, model.tokenizer, model.config.task
    is_pair = task == "seq2seq"
    if is_pair:
        check_pairs_exportable(model, "the hf export")
    else:
        check_exportable(config, "the hf export")
    weights = pad_to_gpt2(config, model.weights, task)
    mappings = pegasus_map(config) if is_pair else huggingface_map(config)
    tensors = {mapping.external: mapping.to_external(weights) for mapping in mappings}
    if is_pair:
        tensors["final_logits_bias"] = np.zeros((1, tokenizer.vocab_size), np.float32)
    settings = tokenizer_settings(tokenizer, model.eos_id, config.block_size)
    files = {
        "config.json": _json(model_settings(model)),
        # transformers require the framework that the tensors are of.
        "model.safetensors": save(tensors, metadata={"format": "pt"}),
        "tokenizer.json": _json(tokenizer_file(tokenizer, model.eos_id, adds_eos=is_pair)),
        "tokenizer_config.json": _json(settings),
        "README.md": model_card(model).encode(),
    }
    if config.ngrams:
        code = package_files("attn_cli.export") / "remote_code"
        files |= {name: (code / name).read_bytes() for name in CODE_FILES}
    if task in ("lm", "seq2seq"):
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
    if model.config.task == "seq2seq":
        return _pegasus_settings(config) | shared | {"decoder_start_token_id": model.bos_id}
    if config.ngrams:
        shared |= _ngram_settings(config, model.tokenizer.vocab_size)
    if config.block == "qwen3":
        rope: dict[str, Any] = {"rope_type": "default"}
        if config.position == "none":
            rope = {"rope_type": "linear", "factor": NO_ROTATION_FACTOR}
        return {
            "architectures": [huggingface_class(config)],
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
        "architectures": [huggingface_class(config)],
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


def _ngram_settings(config: ModelConfig, vocab_size: int) -> dict[str, Any]:
    """The part of config.json that is of n-grams and of the code that knows them."""
    hashed = make_ngram_hash(config.ngrams, config.ngram_rows, vocab_size)
    config_class = {"gpt2": "AttnGPT2Config", "qwen3": "AttnQwen3Config"}[config.block]
    return {
        "model_type": f"attn_{config.block}",
        "auto_map": {
            "AutoConfig": f"configuration_attn.{config_class}",
            "AutoModelForCausalLM": f"modeling_attn.{huggingface_class(config)}",
        },
        **{key: getattr(config, key) for key in NGRAM_OPTIONS},
        "ngram_sizes": hashed.sizes,
        "ngram_factors": hashed.factors,
    }


def _pegasus_settings(config: ModelConfig) -> dict[str, Any]:
    """The part of an encoder-decoder's config.json that is of its architecture."""
    of_stacks = {
        "layers": config.n_layer,
        "attention_heads": config.n_head,
        "ffn_dim": config.inner_width,
        "layerdrop": 0.0,
    }
    return {
        "architectures": ["PegasusForConditionalGeneration"],
        "model_type": "pegasus",
        "is_encoder_decoder": True,
        "d_model": config.n_embd,
        **{
            f"{stack}_{name}": n
            for stack in ("encoder", "decoder")
            for name, n in of_stacks.items()
        },
        "max_position_embeddings": config.block_size,
        "activation_function": "gelu_new",
        "scale_embedding": False,
        "dropout": config.dropout,
        "attention_dropout": config.dropout,
        "activation_dropout": 0.0,
        "forced_eos_token_id": None,
    }


def _generation_settings(model: TrainedModel) -> dict[str, Any]:
    sample = model.config.sample
    settings: dict[str, Any] = {
        "bos_token_id": model.bos_id,
        "eos_token_id": model.eos_id,
        # A batch needs padding, also where no id ends a text.
        "pad_token_id": model.bos_id if model.eos_id is None else model.eos_id,
    }
    if model.config.task == "seq2seq":
        longest = model.config.model.block_size
        settings |= {"decoder_start_token_id": model.bos_id, "max_new_tokens": longest}
        return settings | {"do_sample": False}
    if sample.temperature == 0.0:
        return settings | {"do_sample": False}
    settings |= {"do_sample": True, "temperature": sample.temperature, "top_k": sample.top_k or 0}
    return settings if sample.top_p is None else settings | {"top_p": sample.top_p}


def _json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
