"""ONNX Runtime: a whole pass; of a decoder also the step at every split, and text written by it."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def answer(request):
    folder = Path(request["folder"])
    if not (folder / "decode.onnx").exists():
        return encoded(folder, request)
    whole = onnxruntime.InferenceSession(folder / "model.onnx")
    step = onnxruntime.InferenceSession(folder / "decode.onnx")
    symbols = json.loads((folder / "tokenizer.json").read_text("utf-8"))["symbols"]
    L, _, H, _, D = step.get_inputs()[1].shape
    cached = [one.name for one in step.get_outputs()[1:]]  # keys, values, and ids with n-grams

    def read(ids, *past):
        before = {f"past_{name}": array for name, array in zip(cached, past, strict=True)}
        return step.run(["logits", *cached], {"input_ids": np.array(ids), **before})

    def nothing(batch):
        past = [np.zeros((L, batch, H, 0, D), np.float32)] * 2
        return [*past, np.zeros((batch, 0), np.int64)][: len(cached)]

    splits = []
    ids = np.array(request["ids"])
    B, T = ids.shape
    for split in range(1, T):
        before, *past = read(ids[:, :split], *nothing(B))
        after, keys, values, *past = read(ids[:, split:], *past)
        assert keys.shape == values.shape == (L, B, H, T, D)
        assert all((known == ids).all() for known in past)
        splits.append(np.concatenate((before, after), axis=1).tolist())
    texts = []
    for prompt in request["prompts"]:
        text = [symbols.index(character) for character in prompt]
        logits, *past = read([text], *nothing(1))
        for _ in range(request["chars"]):
            text.append(int(logits[0, -1].argmax()))
            logits, *past = read([text[-1:]], *past)
        texts.append("".join(symbols[id_] for id_ in text))
    return {
        "logits": whole.run(["logits"], {"input_ids": ids})[0].tolist(),
        "one": whole.run(["logits"], {"input_ids": ids[:1, :1]})[0].tolist(),
        "splits": splits,
        "texts": texts,
    }


def encoded(folder, request):
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    ids = np.array(request["ids"])

    def run(ids, mask):
        inputs = {"input_ids": ids, "attention_mask": mask}
        return [array.tolist() for array in session.run(["logits", "hidden_states"], inputs)]

    padded = np.pad(ids, ((0, 0), (0, request["padding"])), constant_values=1)
    mask = np.pad(np.ones_like(ids), ((0, 0), (0, request["padding"])))
    return {"whole": run(ids, np.ones_like(ids)), "one": run(ids[:1, :1], np.ones((1, 1), int)),
            "padded": run(padded, mask)}  # fmt: skip


print(json.dumps([answer(request) for request in json.load(sys.stdin)]))
