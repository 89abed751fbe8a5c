"""The README of a folder of ONNX graphs: what goes in and out, and code that uses them."""

from attn_cli.export.model_card import example_text, plain, python_literal
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.tokenizer import HIDDEN


def decoder_readme(model: TrainedModel) -> str:
    """The README of a decoder's graphs, in Markdown."""
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
| model.onnx | input_ids (B, T) int64 | logits (B, T, {V}) float32 |
| decode.onnx | input_ids (B, T) int64; past_keys, past_values ({L}, B, {H}, S, {D}) float32 | \
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
    inputs = {{"input_ids": np.array([[next_id]]), "past_keys": keys, "past_values": values}}
    logits, keys, values = session.run(["logits", "keys", "values"], inputs)
    next_id = int(logits[0, -1].argmax())
    text.append(next_id)
print({shown})
```
"""


def encoder_readme(model: TrainedModel) -> str:
    """The README of an encoder's graph, in Markdown."""
    config, V = model.config.model, model.tokenizer.vocab_size
    short = example_text(model) + HIDDEN
    return f"""# {plain(model.name)}

An encoder, which fills blanks in a text, trained with attn, as an ONNX graph:

| graph | inputs | outputs |
|---|---|---|
| model.onnx | input_ids, attention_mask (B, T) int64 | logits (B, T, {V}), hidden_states \
(B, T, {config.n_embd}) float32 |

B texts of at most {config.block_size:,} characters; attention_mask is 1, and 0 where a shorter text
is padded. hidden_states are those after the final norm. tokenizer.json has the symbol of each id,
and mask_id, the id of a hidden character.

```python
import json

import numpy as np
import onnxruntime

vocabulary = json.load(open("tokenizer.json", encoding="utf-8"))
symbols = vocabulary["symbols"]
ids = {{symbol: id for id, symbol in enumerate(symbols)}} | {{"{HIDDEN}": vocabulary["mask_id"]}}
session = onnxruntime.InferenceSession("model.onnx")

texts = [{python_literal(short)}, {python_literal(short + HIDDEN)}]  # {HIDDEN} is a blank
rows = [[ids[character] for character in text] for text in texts]
lengths = np.array([[len(row)] for row in rows])
T = lengths.max()
inputs = {{
    "input_ids": np.array([row + [0] * (T - len(row)) for row in rows]),
    "attention_mask": (np.arange(T) < lengths).astype(np.int64),
}}
logits, hidden_states = session.run(["logits", "hidden_states"], inputs)
best = logits[..., : len(symbols)].argmax(-1)
for text, row in zip(texts, best):
    print("".join(symbols[id] if c == "{HIDDEN}" else c for c, id in zip(text, row)))
```
"""
