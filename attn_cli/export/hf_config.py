"""A config.json of GPT-2 or Qwen3 as a configuration of ours, or the reason why there is none.

Missing values have the defaults of transformers' `GPT2Config` or `Qwen3Config`.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import InputError
from attn_cli.export.compatibility import NO_ROTATION_FACTOR
from attn_cli.model.ngram_hash import make_ngram_hash
from attn_cli.text.tokenizer import UNICODE_SIZE

# The options of n-grams, by the same names as in a configuration of ours.
NGRAM_OPTIONS = ("ngrams", "ngram_rows", "ngram_embd", "ngram_dropout")

_Values = Mapping[str, Any]
# An option's name, the value in the file, and the values that a model here can have.
_Requirement = tuple[str, Any, tuple[Any, ...]]


def config_from_hf(record: object, name: str) -> tuple[ModelConfig, int]:
    """The model configuration and vocabulary size of a config.json; `name` is for messages.

    Raises:
        InputError: It is another architecture, or has an option that no model here has.
    """
    kind = record.get("model_type") if isinstance(record, dict) else None
    if not isinstance(record, dict) or kind not in ("gpt2", "qwen3", "attn_gpt2", "attn_qwen3"):
        raise InputError(
            f"{name}: its model_type is {kind!r:.40}",
            "attn imports gpt2 and qwen3",
        )
    has_ngrams = kind.startswith("attn_")
    kind = kind.removeprefix("attn_")
    values, requirements = _gpt2(record) if kind == "gpt2" else _qwen3(record)
    if has_ngrams:
        values |= {key: record[key] for key in NGRAM_OPTIONS if key in record}
    requirements += _requirements(record, quantization_config=(None,), is_causal=(True, False))
    for key, found, possible in requirements:
        if found not in possible:
            raise InputError(
                f"{name}: {key} is {found!r:.40}, and a {kind} model of attn has {possible[0]!r}",
                "this model has no counterpart in attn",
            )
    vocab_size = record.get("vocab_size", 50_257 if kind == "gpt2" else 151_936)
    if type(vocab_size) is not int or not 0 < vocab_size <= UNICODE_SIZE:
        raise InputError(f"{name}: vocab_size is {vocab_size!r:.40}")
    try:
        config = ModelConfig.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = "".join(f"{part}: " for part in wrong["loc"][:1])
        raise InputError(f"{name}: {where}{wrong['msg'].removeprefix('Value error, ')}") from None
    if has_ngrams:
        _check_hash(record, config, vocab_size, name)
    return config, vocab_size


def _check_hash(record: _Values, config: ModelConfig, vocab_size: int, name: str) -> None:
    """Refuses n-grams that stand in other rows than they would here."""
    if not config.ngrams:
        raise InputError(f"{name}: ngrams is missing, and its model_type says that there are some")
    own = make_ngram_hash(config.ngrams, config.ngram_rows, vocab_size)
    hashed = {"ngram_sizes": [*own.sizes], "ngram_factors": [[*row] for row in own.factors]}
    for key, value in hashed.items():
        if record.get(key) != value:
            raise InputError(
                f"{name}: {key} is not what ngrams, ngram_rows and vocab_size give",
                "this model has no counterpart in attn",
            )


def _gpt2(record: _Values) -> tuple[dict[str, Any], list[_Requirement]]:
    dropout = record.get("resid_pdrop", 0.1)
    values = {
        "block": "gpt2",
        "position": "learned",
        "bias": True,
        "n_layer": record.get("n_layer", 12),
        "n_head": record.get("n_head", 12),
        "n_embd": record.get("n_embd", 768),
        "n_inner": record.get("n_inner"),
        "block_size": record.get("n_positions", 1024),
        "dropout": _float(dropout),
        "tie_embeddings": record.get("tie_word_embeddings", True),
    }
    return values, _requirements(
        record,
        activation_function=("gelu_new", "gelu_pytorch_tanh"),
        layer_norm_epsilon=(1e-5,),
        scale_attn_weights=(True,),
        scale_attn_by_inverse_layer_idx=(False,),
        add_cross_attention=(False,),
    )


def _qwen3(record: _Values) -> tuple[dict[str, Any], list[_Requirement]]:
    n_embd, n_head = record.get("hidden_size", 4096), record.get("num_attention_heads", 32)
    # Since transformers 5 rope_theta is in rope_parameters; before, it was separate.
    rope = record.get("rope_parameters") or record.get("rope_scaling") or {}
    rope = rope if isinstance(rope, dict) else {"rope_type": rope}
    kind, factor = rope.get("rope_type", rope.get("type", "default")), rope.get("factor")
    no_rotation = (
        kind == "linear" and isinstance(factor, int | float) and factor >= NO_ROTATION_FACTOR
    )
    values = {
        "block": "qwen3",
        "position": "none" if no_rotation else "rope",
        "n_layer": record.get("num_hidden_layers", 32),
        "n_head": n_head,
        "n_embd": n_embd,
        "n_inner": record.get("intermediate_size", 22_016),
        "block_size": record.get("max_position_embeddings", 32_768),
        "dropout": _float(record.get("attention_dropout", 0.0)),
        "tie_embeddings": record.get("tie_word_embeddings", False),
        "rope_theta": _float(rope.get("rope_theta", record.get("rope_theta", 10_000.0))),
    }
    divisible = type(n_embd) is int and type(n_head) is int and n_head > 0
    head_size = n_embd // n_head if divisible else None
    layers = record.get("layer_types") or []
    layers = layers if isinstance(layers, list) else [layers]
    other = next((layer for layer in layers if layer != "full_attention"), "full_attention")
    return values, [
        *_requirements(
            record,
            hidden_act=("silu", "swish"),
            rms_norm_eps=(1e-6,),
            attention_bias=(False,),
            use_sliding_window=(False,),
        ),
        ("layer_types", other, ("full_attention",)),
        ("rope_type", "default" if no_rotation else kind, ("default",)),
        ("num_key_value_heads", record.get("num_key_value_heads", 32), (n_head, None)),
        ("head_dim", record.get("head_dim", 128), (head_size,)),
    ]


def _requirements(record: _Values, **possible: tuple[Any, ...]) -> list[_Requirement]:
    """Options by their possible values, of which the first is the default."""
    return [(key, record.get(key, values[0]), values) for key, values in possible.items()]


def _float(value: object) -> object:
    """A float that JSON may have as an integer."""
    return float(value) if type(value) is int else value
