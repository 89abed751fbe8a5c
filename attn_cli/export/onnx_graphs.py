"""A model as two ONNX graphs: a full forward pass, and one that continues from a KV cache.

    model.onnx     ids (B, T)                                    -> logits (B, T, V)
    decode.onnx    ids (B, T), past_keys, past_values            -> logits (B, T, V), keys, values

Keys and values are (L, B, H, S, D) of float32; S, the characters before, may be 0. Batch and
time are free. Both are traced from the model itself, in the textbook form of attention, whose
operations do not depend on how long a text is.

Shapes: B batch, T new characters, S characters before, H heads, D head size, V vocabulary,
L layers.
"""

import contextlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from attn_cli.errors import InputError
from attn_cli.export.model_card import plain
from attn_cli.inspection.supported import check_supported
from attn_cli.model.cache import KVCache, LayerKVCache
from attn_cli.model.stack import Stack
from attn_cli.model.trace import NullTrace
from attn_cli.packages import require_package
from attn_cli.runs.loaded_model import TrainedModel

OPSET = 20


class _Textbook(NullTrace):
    """Records nothing; selects the textbook form of attention."""

    textbook = True


class _GrowingLayer(LayerKVCache):
    """Keys and values that grow by concatenation, instead of in a buffer."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__(keys, values)
        self.length = keys.shape[-2]

    def append(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Appends keys and values (B, H, T, D); returns all so far, (B, H, S + T, D) each."""
        self.keys = torch.cat((self.keys, keys), dim=-2)
        self.values = torch.cat((self.values, values), dim=-2)
        self.length = self.keys.shape[-2]
        return self.keys, self.values


class FullPass(nn.Module):
    """ids (B, T) -> logits (B, T, V)."""

    def __init__(self, model: Stack) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(ids, trace=_Textbook())
        return logits


class CachedStep(nn.Module):
    """ids (B, T), keys and values (L, B, H, S, D) -> logits, keys and values of S + T."""

    def __init__(self, model: Stack) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, ids: torch.Tensor, past_keys: torch.Tensor, past_values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cache = KVCache([_GrowingLayer(*pair) for pair in zip(past_keys, past_values, strict=True)])
        logits = self.model(ids, cache=cache, trace=_Textbook())
        keys = torch.stack([layer.keys for layer in cache.layers])
        values = torch.stack([layer.values for layer in cache.layers])
        return logits, keys, values


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
            "export page or hf",
        )
    network = model.model
    ids = torch.zeros(2, 2, dtype=torch.long)
    shape = (config.n_layer, 2, config.n_head, 3, config.n_embd // config.n_head)
    # Two tensors: the tracer would make a single input of one that is passed twice.
    past_keys, past_values = torch.zeros(shape), torch.zeros(shape)  # (L, B, H, S, D)
    of_ids, of_past = {0: "batch", 1: "time"}, {1: "batch", 3: "past"}
    files = _graph("model", FullPass(network), (ids,), (of_ids,), ["ids"], ["logits"])
    files |= _graph(
        "decode",
        CachedStep(network),
        (ids, past_keys, past_values),
        (of_ids, of_past, of_past),
        ["ids", "past_keys", "past_values"],
        ["logits", "keys", "values"],
    )
    vocabulary = {**model.tokenizer.to_json(), "bos_id": model.bos_id, "eos_id": model.eos_id}
    files["tokenizer.json"] = (json.dumps(vocabulary, ensure_ascii=False) + "\n").encode()
    files["README.md"] = _readme(model).encode()
    return files


def _graph(
    name: str,
    module: nn.Module,
    arguments: tuple[torch.Tensor, ...],
    dynamic: tuple[dict[int, str], ...],
    inputs: list[str],
    outputs: list[str],
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


def _readme(model: TrainedModel) -> str:
    config, V = model.config.model, model.tokenizer.vocab_size
    L, H, D = config.n_layer, config.n_head, config.n_embd // config.n_head
    unit = model.tokenizer.unit
    shown = (
        'bytes(text).decode(errors="replace")'
        if model.tokenizer.kind == "bytes"
        else '"".join(vocabulary["symbols"][id] for id in text)'
    )
    return f"""# {plain(model.name)}

A transformer that generates one {unit} at a time, trained with attn, as two ONNX graphs:

| graph | inputs | outputs |
|---|---|---|
| model.onnx | ids (B, T) int64 | logits (B, T, {V}) float32 |
| decode.onnx | ids (B, T) int64; past_keys, past_values ({L}, B, {H}, S, {D}) float32 | \
logits (B, T, {V}), keys, values ({L}, B, {H}, S + T, {D}) float32 |

B texts of T {unit}s, after S {unit}s that are in the cache; S may be 0, and S + T is at most
{config.block_size:,}. `logits[:, -1]` are those of the next {unit}. tokenizer.json has the symbol
of each id (with kind `bytes`, an id is a byte) and the id that a text begins after.

```python
import json

import numpy as np
import onnxruntime

vocabulary = json.load(open("tokenizer.json", encoding="utf-8"))
session = onnxruntime.InferenceSession("decode.onnx")
keys = values = np.zeros(({L}, 1, {H}, 0, {D}), np.float32)
text, next_id = [], vocabulary["bos_id"]
for _ in range({min(60, config.block_size)}):
    inputs = {{"ids": np.array([[next_id]]), "past_keys": keys, "past_values": values}}
    logits, keys, values = session.run(["logits", "keys", "values"], inputs)
    next_id = int(logits[0, -1].argmax())
    text.append(next_id)
print({shown})
```
"""
