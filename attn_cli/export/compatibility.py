"""Which models other formats can express exactly, and their weights as GPT-2 and Qwen3 have them.

Pegasus, as which an encoder-decoder leaves, has a table of positions and biases, as GPT-2 has.

GPT-2 has a table of positions and biases everywhere: sinusoidal positions become such a table,
no positions a table of zeros, and missing biases are zeros. Qwen3 rotates queries and keys by
their positions and has neither a table nor biases; no positions become rotary angles divided by
a factor so large that nothing rotates. Dropout matters in training only.

Shapes: T time (characters), C channels = n_embd.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.schema import ModelConfig, Task
from attn_cli.errors import InputError
from attn_cli.inspection.supported import check_supported
from attn_cli.model.parameter_shapes import parameter_shapes
from attn_cli.runs.loaded_model import KINDS, LoadedModel
from attn_cli.text.tokenizer import SymbolTokenizer

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]

ExportFormat = Literal["page", "hf", "gguf", "onnx"]
# The tasks whose models each format can hold.
_TASKS: dict[ExportFormat, tuple[Task, ...]] = {
    "page": ("lm", "mlm", "classify", "seq2seq"),
    "hf": ("lm", "mlm", "seq2seq"),
    "gguf": ("lm",),
    "onnx": ("lm", "mlm", "classify", "seq2seq"),
}

POSITION_TABLE = "position_embedding.weight"
# Divides every rotary angle: the cosine is 1 then, and what the sine adds is lost in rounding.
NO_ROTATION_FACTOR = 1e30

# The kinds of block that have a counterpart elsewhere, and the positions it can express.
_POSITIONS = {"gpt2": ("learned", "sinusoidal", "none"), "qwen3": ("rope", "none")}
_ANY_MODEL = "export page or onnx, which take every combination"


def check_task(model: LoadedModel, format: ExportFormat) -> None:
    """Refuses a model of a task that a format cannot hold.

    Raises:
        InputError: It cannot; the message names the formats that can.
    """
    task = model.config.task
    if task not in _TASKS[format]:
        others = " or ".join(other for other, tasks in _TASKS.items() if task in tasks)
        raise InputError(
            f"the {format} export does not take {model.description}: it is {KINDS[task][0]}",
            f"export {others}, or another run; `attn runs` lists them",
        )


def huggingface_class(config: ModelConfig) -> str:
    """The class that a decoder or an encoder is in transformers, or in the code beside it."""
    name = {"gpt2": "GPT2LMHeadModel", "qwen3": "Qwen3ForCausalLM"}[config.block]
    return f"Attn{name}" if config.ngrams else name


def check_without_ngrams(config: ModelConfig, what: str) -> None:
    """Refuses a model with embeddings of n-grams; `what` is about to write it.

    Raises:
        InputError: It has them.
    """
    if config.ngrams:
        raise InputError(
            f"{what} does not support model.ngrams: neither GPT-2 nor Qwen3 has them",
            "export hf, with code for them, or page or onnx; or train with model.ngrams=[]",
        )


def check_exportable(config: ModelConfig, what: str) -> None:
    """Refuses a model that GPT-2 or Qwen3 elsewhere cannot express exactly.

    `what` is about to write it, such as `the gguf export`.

    Raises:
        InputError: It cannot be expressed; the message names the option.
    """
    check_supported(config, what)
    if config.position not in _POSITIONS[config.block]:
        reason, other = {
            "gpt2": ("GPT-2 adds its positions to the embeddings", "model.block=qwen3"),
            "qwen3": ("Qwen3 has no table of positions", "model.position=rope"),
        }[config.block]
        raise InputError(
            f"model.position={config.position} with model.block={config.block} "
            f"has no counterpart: {reason}",
            f"{_ANY_MODEL}; or train with {other}",
        )
    head_size = config.n_embd // config.n_head
    if config.block == "qwen3" and head_size % 2:
        raise InputError(
            f"model.n_head={config.n_head} with model.block=qwen3 has no counterpart: "
            f"Qwen3 has heads of an even size, not n_embd / n_head = {head_size}",
            _ANY_MODEL,
        )


def check_pairs_exportable(model: LoadedModel, what: str) -> None:
    """Refuses an encoder-decoder that Pegasus cannot express exactly; see `check_exportable`.

    Raises:
        InputError: It cannot be expressed; the message names the option.
    """
    config = model.config.model
    check_supported(config, what)
    missing = (
        (config.block != "gpt2", f"model.block={config.block}"),
        (config.position not in _POSITIONS["gpt2"], f"model.position={config.position}"),
        (config.source_neighbours, "model.source_neighbours=true"),
    )
    for is_missing, option in missing:
        if is_missing:
            raise InputError(
                f"{option} has no counterpart in Pegasus, as which an encoder-decoder leaves",
                "export onnx, which takes every combination; or train with model.block=gpt2 "
                "model.position=learned model.source_neighbours=false",
            )
    if isinstance(model.tokenizer, SymbolTokenizer):
        symbol = next(symbol for symbol in model.tokenizer.symbols if len(symbol) > 1)
        raise InputError(
            f"{what} does not support symbols of several characters, such as {symbol!r:.40}",
            "export onnx; or train without data.features, with a single data.column and "
            "data.target_tokens=characters",
        )


def pad_to_gpt2(config: ModelConfig, weights: Weights, task: Task = "lm") -> dict[str, Floats]:
    """The weights, with the positions and biases that GPT-2 has and the model may lack.

    Args:
        config: A configuration that is exportable.
        weights: The parameters by our names; those of a `qwen3` model are complete already.
        task: Only seq2seq matters: a model that has an encoder besides its decoder.
    """
    if config.block == "qwen3":
        return dict(weights)
    shapes = parameter_shapes(as_gpt2(config), 1, task=task)
    biases: dict[str, Floats] = {
        name: np.zeros(shape, np.float32)
        for name, shape in shapes.items()
        if name.endswith(".bias")
    }
    table = position_table(config)
    tables = {name: table for name in shapes if name.endswith(POSITION_TABLE)}
    return {**tables, **biases, **weights}


def strip_padding(config: ModelConfig, weights: Weights) -> tuple[ModelConfig, dict[str, Floats]]:
    """Undoes `pad_to_gpt2`: drops biases that are all zero and tables that can be computed.

    Args:
        config: A `gpt2` configuration with biases and learned positions, or a `qwen3` one.
        weights: All its parameters, by our names.

    Returns:
        The smallest configuration that computes the same, and its weights.
    """
    if config.block == "qwen3":
        return config, dict(weights)
    kept = dict(weights)
    if not any(array.any() for name, array in kept.items() if name.endswith(".bias")):
        config = _changed(config, bias=False)
        kept = {name: array for name, array in kept.items() if not name.endswith(".bias")}
    for position in ("none", "sinusoidal"):
        if position == "sinusoidal" and config.n_embd % 2:
            continue
        candidate = _changed(config, position=position)
        if np.array_equal(position_table(candidate), kept[POSITION_TABLE]):
            del kept[POSITION_TABLE]
            return candidate, kept
    return config, kept


def as_gpt2(config: ModelConfig) -> ModelConfig:
    """A `gpt2` configuration with everything that GPT-2 has."""
    return _changed(config, position="learned", bias=True)


def position_table(config: ModelConfig) -> Floats:
    """The table (T, C) of positions that are not learned: sinusoidal, or zeros."""
    shape = (config.block_size, config.n_embd)
    if config.position != "sinusoidal":
        return np.zeros(shape, np.float32)
    # As in model/position.py, whose angles are rounded before their sines are taken.
    frequency = 10_000.0 ** (-np.arange(0, config.n_embd, 2) / config.n_embd)
    angles = np.outer(np.arange(config.block_size), frequency)  # (T, C / 2)
    angles = angles.astype(np.float32).astype(np.float64)
    table: Floats = np.stack((np.sin(angles), np.cos(angles)), axis=-1, dtype=np.float32)
    return table.reshape(shape)


def _changed(config: ModelConfig, **values: Any) -> ModelConfig:
    return ModelConfig.model_validate({**config.model_dump(), **values})
