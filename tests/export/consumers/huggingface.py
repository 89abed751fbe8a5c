"""transformers, as a user calls them: nothing from the network, code of a model where asked for."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, pipeline
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()


def printed(folder):
    """What the code in the folder's README prints."""
    code = Path(folder, "README.md").read_text("utf-8").partition("```python\n")[2]
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code.partition("```")[0], {})
    return out.getvalue()


def written_in_a_batch(model, request):
    """What it writes for all prompts together, which are padded on their left."""
    tokenizer = AutoTokenizer.from_pretrained(
        request["folder"], trust_remote_code=request["trust"], padding_side="left"
    )
    tokenizer.pad_token_id = model.generation_config.pad_token_id
    ids = tokenizer(request["prompts"], padding=True, return_tensors="pt")
    written = model.generate(**ids, do_sample=False, max_new_tokens=request["chars"])
    starts = ids.attention_mask.argmax(dim=1)
    return [tokenizer.decode(row[start:]) for row, start in zip(written, starts, strict=True)]


@torch.no_grad()
def answer(request):
    trust = {"trust_remote_code": request["trust"]}
    model = AutoModelForCausalLM.from_pretrained(request["folder"], **trust).eval()
    tokenizer = AutoTokenizer.from_pretrained(request["folder"], **trust)
    texts = []
    for prompt in request["prompts"]:
        ids = tokenizer(prompt, return_tensors="pt")
        written = model.generate(**ids, do_sample=False, max_new_tokens=request["chars"])
        texts.append(tokenizer.decode(written[0]))
    fills, padded = [], None
    if blanks := request.get("blanks"):
        fills = pipeline("fill-mask", model=model, tokenizer=tokenizer, top_k=3)(blanks)
        padded = model(**tokenizer(blanks, padding=True, return_tensors="pt")).logits.tolist()
    if "save" in request:
        model.save_pretrained(request["save"])
        tokenizer.save_pretrained(request["save"])
    encoded = [tokenizer(text).input_ids for text in request["strings"]]
    return {
        "model": type(model).__name__,
        "logits": model(torch.tensor(request["ids"])).logits.tolist(),
        "texts": texts,
        "batch": written_in_a_batch(model, request) if request["prompts"] else [],
        "printed": printed(request["folder"]) if "save" in request else None,
        "fills": fills,
        "padded": padded,
        "encoded": encoded,
        "decoded": [tokenizer.decode(ids) for ids in encoded],
        "bos_eos": [model.config.bos_token_id, model.config.eos_token_id],
        "tokenizer_eos": tokenizer.eos_token,
    }


@torch.no_grad()
def answer_pairs(request):
    model = AutoModelForSeq2SeqLM.from_pretrained(request["folder"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(request["folder"])
    sources = tokenizer(request["sources"], padding=True, return_tensors="pt")
    logits = model(**sources, decoder_input_ids=torch.tensor(request["ids"])).logits
    batch = tokenizer.batch_decode(model.generate(**sources), skip_special_tokens=True)
    alone = [
        model.generate(**tokenizer(source, return_tensors="pt"))[0] for source in request["sources"]
    ]
    return {
        "model": type(model).__name__,
        "logits": logits.tolist(),
        "targets": batch,
        "alone": [tokenizer.decode(ids, skip_special_tokens=True) for ids in alone],
        "printed": printed(request["folder"]),
    }


answers = {True: answer_pairs, False: answer}
print(json.dumps([answers["sources" in request](request) for request in json.load(sys.stdin)]))
