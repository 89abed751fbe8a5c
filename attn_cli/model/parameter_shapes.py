"""The names and shapes of a model's parameters, without building it.

Written out rather than read from the model itself: importing torch takes a second. A test
holds the two equal.

Shapes: C channels = n_embd, D head size, F feed-forward width, V vocabulary, Y labels.
"""

import math

from attn_cli.config.block_kinds import block_kind
from attn_cli.config.schema import ModelConfig, Task
from attn_cli.model.ngram_hash import make_ngram_hash

Shape = tuple[int, ...]

NGRAM_TABLE = "ngrams.table.weight"
FEED_FORWARD_INPUTS = {"gelu": ("up",), "swiglu": ("gate", "up")}


def parameter_shapes(
    config: ModelConfig, vocab_size: int, n_labels: int = 0, task: Task = "lm"
) -> dict[str, Shape]:
    """The shape of each parameter of a model, by name; a tied one once.

    Args:
        config: The `model` section of a configuration.
        vocab_size: V, of the tokenizer.
        n_labels: Y, of a classifier; 0 for a model that predicts characters.
        task: seq2seq has an encoder besides the decoder; the others have one stack.
    """
    C, V = config.n_embd, vocab_size
    is_pair = task == "seq2seq"
    shapes: dict[str, Shape] = {"token_embedding.weight": (V, C), **_stack(config, cross=is_pair)}
    if config.ngrams:
        rows = make_ngram_hash(config.ngrams, config.ngram_rows, V).total_rows
        shapes[NGRAM_TABLE] = (rows, config.ngram_embd)
        shapes["ngrams.projection.weight"] = (C, len(config.ngrams) * config.ngram_embd)
    if is_pair:
        encoder = _stack(config, cross=False)
        if config.source_neighbours:
            encoder |= {f"neighbours.{side}.weight": (C, C) for side in ("before", "after")}
        shapes |= {f"encoder.{name}": shape for name, shape in encoder.items()}
    if n_labels:
        shapes |= {"head.weight": (n_labels, C), "head.bias": (n_labels,)}
        for number in range(len(config.label_ngrams)):
            shapes[f"ngram_scores.tables.{number}.weight"] = (config.label_ngram_rows, n_labels)
    elif not config.tie_embeddings:
        shapes["head.weight"] = (V, C)
    return shapes


def _stack(config: ModelConfig, *, cross: bool) -> dict[str, Shape]:
    """The shapes of a stack, without its token embedding."""
    C, F = config.n_embd, config.inner_width
    block = _attention("attention", config)
    if cross:
        block |= _attention("cross_attention", config)
    block |= _norm("feed_forward_norm", C, config)
    for name in FEED_FORWARD_INPUTS[block_kind(config.block).feed_forward]:
        block |= _linear(f"feed_forward.{name}", C, F, config)
    block |= _linear("feed_forward.down", F, C, config)

    shapes: dict[str, Shape] = {}
    if config.position == "learned":
        shapes["position_embedding.weight"] = (config.block_size, C)
    for layer in range(config.n_layer):
        shapes |= {f"blocks.{layer}.{name}": shape for name, shape in block.items()}
    return shapes | _norm("final_norm", C, config)


def _attention(name: str, config: ModelConfig) -> dict[str, Shape]:
    """The shapes of one attention of a block, with the norm before it."""
    C, D = config.n_embd, config.n_embd // config.n_head
    shapes = _norm(f"{name}_norm", C, config)
    for part in ("query", "key", "value", "projection"):
        shapes |= _linear(f"{name}.{part}", C, C, config)
    if block_kind(config.block).query_key_norm:
        shapes |= {f"{name}.query_norm.weight": (D,), f"{name}.key_norm.weight": (D,)}
    return shapes


def parameter_count(shapes: dict[str, Shape]) -> int:
    """How many numbers a model of these shapes learns."""
    return sum(math.prod(shape) for shape in shapes.values())


def _norm(name: str, size: int, config: ModelConfig) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{name}.weight": (size,)}
    if block_kind(config.block).norm == "layer_norm" and config.bias:
        shapes[f"{name}.bias"] = (size,)
    return shapes


def _linear(name: str, inputs: int, outputs: int, config: ModelConfig) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{name}.weight": (outputs, inputs)}
    if config.bias:
        shapes[f"{name}.bias"] = (outputs,)
    return shapes
