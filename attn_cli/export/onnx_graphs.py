"""A model as ONNX graphs; a decoder has one that continues from a KV cache.

    decoder    model.onnx     input_ids                            logits (B, T, V)
               decode.onnx    input_ids, past_keys, past_values    logits (B, T, V), keys, values
    encoder    model.onnx     input_ids, attention_mask            logits (B, T, V), hidden_states
    classifier model.onnx     input_ids, attention_mask            logits (B, Y), hidden_states
    encoder-   encoder.onnx   input_ids, attention_mask            hidden_states, cross_keys,
    decoder                                                        cross_values
               decoder.onnx   input_ids, hidden_states,            logits (B, T, V)
                              attention_mask
               decode.onnx    input_ids, past_keys, past_values,   logits (B, T, V), keys, values
                              cross_keys, cross_values, attention_mask

Ids and mask are (B, T) of int64, hidden states (B, T, C), keys and values (L, B, H, S, D) of
float32; S, the characters before, may be 0. Where a decoder has n-grams, which reach back to these,
decode.onnx also takes `past_ids` (B, S) and returns `ids` (B, S + T), both int64. Of an
encoder-decoder the mask, hidden states and `cross_` keys and values are those of the source. Batch
and time are free. All are traced from the modules in onnx_modules.py.

Shapes: B batch, T new characters, S characters before, C channels = n_embd, H heads, D head size,
V vocabulary, Y labels, L layers.
"""

import contextlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from attn_cli.errors import InputError
from attn_cli.export.onnx_modules import (
    CachedStep,
    CachedTargetStep,
    EncoderPass,
    FullPass,
    SourcePass,
    TargetPass,
)
from attn_cli.export.onnx_readme import (
    classifier_readme,
    decoder_readme,
    encoder_decoder_readme,
    encoder_readme,
)
from attn_cli.inspection.supported import check_supported
from attn_cli.packages import require_package
from attn_cli.runs.loaded_model import TrainedModel

OPSET = 20


def onnx_files(model: TrainedModel) -> dict[str, bytes]:
    """The contents of the folder's files, by name.

    Raises:
        InputError: A package is missing, the kind of model is unknown, or its context is too
            short to be traced.
        CheckpointError: Its weights are missing or damaged.
    """
    require_package("attn export onnx", "onnx", "onnxscript")
    config = model.config.model
    check_supported(config, "the onnx export")
    # The tracer would make a length of 1 permanent.
    if config.block_size < 5:
        raise InputError(
            f"model.block_size={config.block_size} is too short for a graph of variable length",
            "train with a block_size of at least 5",
        )
    match model.config.task:
        case "lm":
            files, readme = _decoder_graphs(model), decoder_readme(model)
        case "mlm":
            files, readme = _encoder_graph(model), encoder_readme(model)
        case "classify":
            files, readme = _encoder_graph(model), classifier_readme(model)
        case "seq2seq":
            files, readme = _encoder_decoder_graphs(model), encoder_decoder_readme(model)
    tokenizer = model.tokenizer
    ids = {"bos_id": model.bos_id, "eos_id": model.eos_id, "mask_id": tokenizer.mask_id}
    vocabulary = json.dumps({**tokenizer.to_json(), **ids}, ensure_ascii=False)
    return {**files, "tokenizer.json": f"{vocabulary}\n".encode(), "README.md": readme.encode()}


def _encoder_graph(model: TrainedModel) -> dict[str, bytes]:
    ids, mask = torch.zeros(2, 2, dtype=torch.long), torch.ones(2, 2, dtype=torch.long)
    dynamic = {0: "batch", 1: "time"}
    return _graph(
        "model",
        EncoderPass(model.model),
        (ids, mask),
        (dynamic, dynamic),
        ["input_ids", "attention_mask"],
        ["logits", "hidden_states"],
        {"labels": json.dumps(model.labels, ensure_ascii=False)} if model.labels else {},
    )


def _decoder_graphs(model: TrainedModel) -> dict[str, bytes]:
    config, network = model.config.model, model.model
    ids = torch.zeros(2, 2, dtype=torch.long)
    shape = (config.n_layer, 2, config.n_head, 3, config.n_embd // config.n_head)
    # Two tensors: the tracer would make a single input of one that is passed twice.
    past = [torch.zeros(shape), torch.zeros(shape)]  # (L, B, H, S, D)
    of_ids, of_past = {0: "batch", 1: "time"}, [{1: "batch", 3: "past"}] * 2
    cached = ["keys", "values"]
    if config.ngrams:
        past.append(torch.zeros(2, 3, dtype=torch.long))  # (B, S)
        of_past.append({0: "batch", 1: "past"})
        cached.append("ids")
    full = _graph("model", FullPass(network), (ids,), (of_ids,), ["input_ids"], ["logits"])
    return full | _graph(
        "decode",
        CachedStep(network),
        (ids, *past),
        (of_ids, *of_past),
        ["input_ids", *(f"past_{name}" for name in cached)],
        ["logits", *cached],
    )


def _encoder_decoder_graphs(model: TrainedModel) -> dict[str, bytes]:
    config, network = model.config.model, model.encoder_decoder
    source, mask = torch.zeros(2, 5, dtype=torch.long), torch.ones(2, 5, dtype=torch.long)
    ids, encoded = torch.zeros(2, 2, dtype=torch.long), torch.zeros(2, 5, config.n_embd)
    head = config.n_embd // config.n_head
    past = [torch.zeros(config.n_layer, 2, config.n_head, 3, head) for _ in range(2)]
    cross = [torch.zeros(config.n_layer, 2, config.n_head, 5, head) for _ in range(2)]
    of_source, of_ids = {0: "batch", 1: "source"}, {0: "batch", 1: "time"}
    of_past, of_cross = {1: "batch", 3: "past"}, {1: "batch", 3: "source"}
    masked, crossed = ["attention_mask"], ["cross_keys", "cross_values"]
    encoder = _graph(
        "encoder",
        SourcePass(network),
        (source, mask),
        (of_source, of_source),
        ["input_ids", *masked],
        ["hidden_states", *crossed],
    )
    decoder = _graph(
        "decoder",
        TargetPass(network),
        (ids, encoded, mask),
        (of_ids, of_source, of_source),
        ["input_ids", "hidden_states", *masked],
        ["logits"],
    )
    step = _graph(
        "decode",
        CachedTargetStep(network),
        (ids, *past, *cross, mask),
        (of_ids, of_past, of_past, of_cross, of_cross, of_source),
        ["input_ids", "past_keys", "past_values", *crossed, *masked],
        ["logits", "keys", "values"],
    )
    return encoder | decoder | step


def _graph(
    name: str,
    module: nn.Module,
    arguments: tuple[torch.Tensor, ...],
    dynamic: tuple[dict[int, str], ...],
    inputs: list[str],
    outputs: list[str],
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, bytes]:
    """The files of one graph: the graph, and the weights that do not fit into it."""
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            arguments,
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamic_shapes=dynamic,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # paths of this machine
    program.model.metadata_props.update(metadata)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.onnx")
        program.save(str(path))
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter, which reports its passes on every stream; it still raises."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
