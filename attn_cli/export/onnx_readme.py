"""The README of a folder of ONNX graphs: what goes in and out, and code that uses them."""

import json

from attn_cli.export.model_card import example_text, plain, python_literal
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.tokenizer import HIDDEN


def decoder_readme(model: TrainedModel) -> str:
    """The README of a decoder's graphs, in Markdown."""
    config, V = model.config.model, model.tokenizer.vocab_size
    L, H, D = config.n_layer, config.n_head, config.n_embd // config.n_head
    unit = model.tokenizer.unit
    cached, past_ids, ids, no_ids = ["keys", "values"], "", "", ""
    if config.ngrams:
        cached.append("ids")
        past_ids, ids = "; past_ids (B, S) int64", ", ids (B, S + T) int64"
        no_ids = "\nids = np.zeros((1, 0), np.int64)"
    past = ", ".join(f'"past_{name}": {name}' for name in cached)
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
| decode.onnx | input_ids (B, T) int64; past_keys, past_values ({L}, B, {H}, S, {D}) float32\
{past_ids} | logits (B, T, {V}), keys, values ({L}, B, {H}, S + T, {D}) float32{ids} |

B texts of T {unit}s, after S {unit}s that are in the cache; S may be 0, and S + T is at most
{config.block_size:,}. `logits[:, -1]` are those of the next {unit}. tokenizer.json has the symbol
of each id (with kind `bytes`, an id is a byte) and the id that a text begins after.

```python
import json

import numpy as np
import onnxruntime

vocabulary = json.load(open("tokenizer.json", encoding="utf-8"))
session = onnxruntime.InferenceSession("decode.onnx")
keys = values = np.zeros(({L}, 1, {H}, 0, {D}), np.float32){no_ids}
text, next_id = [], vocabulary["bos_id"]
for _ in range({min(60, config.block_size)}):
    inputs = {{"input_ids": np.array([[next_id]]), {past}}}
    logits, {", ".join(cached)} = session.run({json.dumps(["logits", *cached])}, inputs)
    next_id = int(logits[0, -1].argmax())
    text.append(next_id)
print({shown})
```
"""


def encoder_readme(model: TrainedModel) -> str:
    """The README of an encoder's graph, in Markdown."""
    beginning = example_text(model)
    texts = [beginning + HIDDEN, beginning + HIDDEN + HIDDEN]
    return f"""# {plain(model.name)}

An encoder, which fills blanks in a text, trained with attn, as an ONNX graph:

{_inputs_and_outputs(model, f"(B, T, {model.tokenizer.vocab_size})")}

mask_id in tokenizer.json is the id of a hidden character.

```python
{_padded_batch(texts, f' | {{"{HIDDEN}": vocabulary["mask_id"]}}')}
logits, hidden_states = session.run(["logits", "hidden_states"], inputs)
best = logits[..., : len(symbols)].argmax(-1)
for text, row in zip(texts, best):
    print("".join(symbols[id] if c == "{HIDDEN}" else c for c, id in zip(text, row)))
```
"""


def classifier_readme(model: TrainedModel) -> str:
    """The README of a classifier's graph, in Markdown."""
    beginning = example_text(model)
    return f"""# {plain(model.name)}

A classifier, which labels texts, trained with attn, as an ONNX graph:

{_inputs_and_outputs(model, f"(B, {len(model.labels)})")}

The graph's metadata has the names of the labels, in the order of the logits. A text begins with a
newline.

```python
{_padded_batch([beginning, beginning + beginning[-1]])}
logits, hidden_states = session.run(["logits", "hidden_states"], inputs)
labels = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
for text, row in zip(texts, logits):
    print(f"{{text.strip()}}: {{labels[row.argmax()]}}")
```
"""


def encoder_decoder_readme(model: TrainedModel) -> str:
    """The README of an encoder-decoder's graphs, in Markdown."""
    config, V = model.config.model, model.tokenizer.vocab_size
    L, H, D = config.n_layer, config.n_head, config.n_embd // config.n_head
    cross = f"({L}, B, {H}, S, {D}) float32"
    return f"""# {plain(model.name)}

An encoder-decoder, which writes targets for sources, trained with attn, as three ONNX graphs:

| graph | inputs | outputs |
|---|---|---|
| encoder.onnx | input_ids, attention_mask (B, S) int64 | hidden_states (B, S, {config.n_embd}) \
float32; cross_keys, cross_values {cross} |
| decoder.onnx | input_ids (B, T) int64; hidden_states; attention_mask | logits (B, T, {V}) \
float32 |
| decode.onnx | input_ids (B, T) int64; past_keys, past_values ({L}, B, {H}, P, {D}) float32; \
cross_keys, cross_values; attention_mask | logits (B, T, {V}), keys, values \
({L}, B, {H}, P + T, {D}) float32 |

B sources of S symbols, each with a newline at its end; attention_mask is 1, and 0 where a shorter
source is padded. A target begins after a newline and ends with one; decode.onnx continues after P
symbols that are in the cache, of which there may be none. S and P + T are at most
{config.block_size:,}. tokenizer.json has the symbol of each id.

```python
{_padded_batch([example_text(model), 2 * example_text(model)], end=True, graph="encoder.onnx")}
step = onnxruntime.InferenceSession("decode.onnx")
_, cross_keys, cross_values = session.run(None, inputs)
keys = values = np.zeros(({L}, len(texts), {H}, 0, {D}), np.float32)
next_ids, targets = np.full((len(texts), 1), ids["\\n"]), []
for _ in range({config.block_size}):
    logits, keys, values = step.run(None, {{
        "input_ids": next_ids, "past_keys": keys, "past_values": values,
        "cross_keys": cross_keys, "cross_values": cross_values,
        "attention_mask": inputs["attention_mask"],
    }})
    next_ids = logits[:, -1:].argmax(-1)
    targets.append(next_ids)
for text, row in zip(texts, np.concatenate(targets, axis=1)):
    print(text + ": " + "".join(symbols[id] for id in row).split("\\n")[0])
```
"""


def _inputs_and_outputs(model: TrainedModel, logits: str) -> str:
    config = model.config.model
    return f"""| graph | inputs | outputs |
|---|---|---|
| model.onnx | input_ids, attention_mask (B, T) int64 | logits {logits}, hidden_states \
(B, T, {config.n_embd}) float32 |

B texts of at most {config.block_size:,} characters; attention_mask is 1, and 0 where a shorter
text is padded. hidden_states are those after the final norm. tokenizer.json has the symbol of
each id."""


def _padded_batch(
    texts: list[str], more_ids: str = "", *, end: bool = False, graph: str = "model.onnx"
) -> str:
    """Code that opens a graph and makes its `inputs` of texts; `end` ends each with a newline."""
    ending = ' + [ids["\\n"]]' if end else ""
    return f"""import json

import numpy as np
import onnxruntime

vocabulary = json.load(open("tokenizer.json", encoding="utf-8"))
symbols = vocabulary["symbols"]
ids = {{symbol: id for id, symbol in enumerate(symbols)}}{more_ids}
session = onnxruntime.InferenceSession("{graph}")

texts = [{", ".join(map(python_literal, texts))}]
rows = [[ids[character] for character in text]{ending} for text in texts]
lengths = np.array([[len(row)] for row in rows])
T = lengths.max()
inputs = {{
    "input_ids": np.array([row + [0] * (T - len(row)) for row in rows]),
    "attention_mask": (np.arange(T) < lengths).astype(np.int64),
}}"""
