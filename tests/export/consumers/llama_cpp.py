"""llama.cpp, by the prebuilt wheel of xllamacpp: its server, in this process."""

import json
import sys
import urllib.error
import urllib.request

import xllamacpp


def answer(request):
    parameters = xllamacpp.CommonParams()
    parameters.model.path = request["file"]
    parameters.n_parallel = 1
    parameters.n_ctx = 256
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    # Its own rounding of keys and values to 16 bits is no part of the file.
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.warmup = False
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)

    def post(path, body):
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(server.listening_address + path, data, headers)
        try:
            with urllib.request.urlopen(asked) as answered:
                return json.load(answered)
        except urllib.error.HTTPError as error:
            return {"refused": error.code}

    texts, log_probs = [], []
    for prompt in request["prompts"]:
        completion = server.handle_completions(
            {
                "prompt": prompt,
                "max_tokens": request["chars"],
                "temperature": 0,
                "cache_prompt": False,
                "logprobs": request["vocab_size"] + 1,  # there may be an end beside them
            }
        )
        (choice,) = completion["choices"]
        texts.append(prompt + choice["text"])
        for place in choice["logprobs"]["content"]:
            by_id = {entry["id"]: entry["logprob"] for entry in place["top_logprobs"]}
            log_probs.append([by_id.get(id_) for id_ in range(request["vocab_size"])])
    return {
        "texts": texts,
        "log_probs": log_probs,
        "encoded": [post("/tokenize", {"content": text, "add_special": True}).get("tokens")
                    for text in request["strings"]],
        "decoded": [post("/detokenize", {"tokens": ids}).get("content")
                    for ids in request["decode"]],
    }  # fmt: skip


print(json.dumps([answer(request) for request in json.load(sys.stdin)]))
