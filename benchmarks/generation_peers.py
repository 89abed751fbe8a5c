"""The other sides of generation.py: nanoGPT, Hugging Face and llama.cpp, on our weights.

Each side can do two things: `seconds`, how long it takes to read prompts and to write
after them, and `log_probabilities`, which shows that it is the same model.

Shapes: V vocabulary.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from generation_weights import gpt2_weights, write_gguf

from attn_cli.model.transformer import Transformer

# Of nanoGPT's sample.py, which all sides use.
TEMPERATURE = 0.8
TOP_K = 200

# Characters, all streams together, that nanoGPT writes itself; more are estimated.
MOST_WRITTEN = 10_000


class NanoGpt:
    """nanoGPT's own class and its `generate`, called as its sample.py does.

    It reads the whole text again for every character, many texts as one batch, which its
    sample.py would write one after the other. Where that would take minutes, it writes
    two characters at each of four places, and the whole is taken to cost as much.
    """

    def __init__(self, ours: Transformer, checkout: Path) -> None:
        sys.path.insert(0, str(checkout))
        from model import GPT, GPTConfig  # nanoGPT's file

        config = ours.config
        self.model = GPT(
            GPTConfig(
                block_size=config.block_size,
                vocab_size=ours.vocab_size,
                n_layer=config.n_layer,
                n_head=config.n_head,
                n_embd=config.n_embd,
                dropout=0.0,
                bias=False,
            )
        ).eval()
        self.model.load_state_dict(gpt2_weights(ours))

    @torch.no_grad()
    def log_probabilities(self, prompt: list[int]) -> list[float]:
        logits, _ = self.model(torch.tensor([prompt]))
        return _log_probabilities(logits[0, -1])

    def seconds(self, prompts: list[list[int]], chars: int) -> float:
        if len(prompts) * chars <= MOST_WRITTEN:
            return self._seconds(prompts, chars)
        places, each = 4, 2
        took = 0.0
        for place in range(places):
            more = chars * (2 * place + 1) // (2 * places)
            took += self._seconds([prompt + [0] * more for prompt in prompts], each)
        return took * chars / (places * each)

    @torch.no_grad()
    def _seconds(self, prompts: list[list[int]], chars: int) -> float:
        ids = torch.tensor(prompts)
        begin = time.perf_counter()
        self.model.generate(ids, chars, temperature=TEMPERATURE, top_k=TOP_K)
        return time.perf_counter() - begin


class HuggingFace:
    """transformers' GPT2LMHeadModel and its `generate`, with its cache; its biases are zero."""

    def __init__(self, ours: Transformer) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel, logging

        logging.set_verbosity_error()
        config = ours.config
        self.model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=ours.vocab_size,
                n_positions=config.block_size,
                n_embd=config.n_embd,
                n_layer=config.n_layer,
                n_head=config.n_head,
                bos_token_id=None,
                eos_token_id=None,
            )
        ).eval()
        # Its linear layers keep their weights the other way round.
        weights = {
            name: weight.T if ".c_" in name else weight
            for name, weight in gpt2_weights(ours).items()
        }
        left = self.model.load_state_dict(weights, strict=False)
        assert not left.unexpected_keys, left.unexpected_keys
        assert all(name.endswith(".bias") for name in left.missing_keys), left.missing_keys
        with torch.no_grad():
            for name in left.missing_keys:
                self.model.get_parameter(name).zero_()

    @torch.no_grad()
    def log_probabilities(self, prompt: list[int]) -> list[float]:
        return _log_probabilities(self.model(torch.tensor([prompt])).logits[0, -1])

    def seconds(self, prompts: list[list[int]], chars: int) -> float:
        ids = torch.tensor(prompts)
        begin = time.perf_counter()
        written = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=chars,
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=TOP_K,
            use_cache=True,
        )
        took = time.perf_counter() - begin
        assert written.shape[1] == ids.shape[1] + chars
        return took


class LlamaCpp:
    """llama.cpp's server, inside this process, by xllamacpp; many texts are as many slots.

    F32 weights; all else as it comes, so keys and values in F16, which is its fast way.
    The wheel's kernels stop at AVX2, whatever the processor has: built on the machine
    itself, llama.cpp may be faster.
    """

    def __init__(self, ours: Transformer, streams: int, threads: int) -> None:
        import xllamacpp

        self.vocab_size = ours.vocab_size
        self.folder = tempfile.TemporaryDirectory()  # llama.cpp reads the file while it runs
        file = Path(self.folder.name, "model.gguf")
        write_gguf(ours, file)
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(file)
        parameters.n_parallel = streams
        # It rounds what a slot holds up to 256, and divides the whole by the slots.
        parameters.n_ctx = streams * (-(-ours.config.block_size // 256) * 256)
        parameters.cpuparams.n_threads = threads
        parameters.cpuparams_batch.n_threads = threads
        parameters.verbosity = 1  # else it logs several lines for every text, in our time
        self.server = xllamacpp.Server(parameters)

    def log_probabilities(self, prompt: list[int]) -> list[float]:
        answer = self._complete([prompt], 1, logprobs=self.vocab_size, ignore_eos=False)
        (first,) = answer["choices"][0]["logprobs"]["content"]
        found = {entry["id"]: entry["logprob"] for entry in first["top_logprobs"]}
        return [found[number] for number in range(self.vocab_size)]

    def seconds(self, prompts: list[list[int]], chars: int) -> float:
        begin = time.perf_counter()
        answer = self._complete(prompts, chars)
        took = time.perf_counter() - begin
        # Each of our characters is one of its own.
        assert [len(choice["text"]) for choice in answer["choices"]] == [chars] * len(prompts)
        if len(prompts) == 1:
            # Its own clock leaves out what is not the model: the request and the answer.
            timings = answer["timings"]
            took = (timings["prompt_ms"] + timings["predicted_ms"]) / 1000
        return took

    def _complete(self, prompts: list[list[int]], chars: int, **more: Any) -> dict[str, Any]:
        request = {
            "prompt": prompts if len(prompts) > 1 else prompts[0],
            "max_tokens": chars,
            "temperature": TEMPERATURE,
            "samplers": ["temperature"],  # the only one that changes anything here
            "cache_prompt": False,  # else it would read a prompt once only
            "ignore_eos": True,
            **more,
        }
        answer: dict[str, Any] = self.server.handle_completions(request)
        assert "choices" in answer, answer
        return answer


def _log_probabilities(logits: torch.Tensor) -> list[float]:
    """Of scores (V,)."""
    found: list[float] = logits.log_softmax(-1).tolist()
    return found
