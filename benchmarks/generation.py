"""Characters a second that nanoGPT, Hugging Face, llama.cpp and attn write, on the same weights.

    python benchmarks/generation.py --nanogpt CHECKOUT
    python benchmarks/generation.py --nanogpt CHECKOUT --cold RUN

Prefill reads half a block and writes one character; decode writes a block after one
character. Each measurement is a process of its own, a round is one of each, in turn, and
the table has the medians of the rounds. Beside ours stands the machine's limit: a
character's products with all weights by themselves, and one reading of the weights.

The machine must do nothing else: threads that wait for one another lose milliseconds at
every product while another process is busy, and a side can look a hundred times slower.

Hugging Face and llama.cpp come from the package registry, and are left out without:

    pip install transformers gguf xllamacpp
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import nanogpt
from generation_cold import cold
from generation_report import LIMIT, OURS, Report

if TYPE_CHECKING:
    from attn_cli.model.transformer import Transformer

V = 65
SIZES = {
    "0.4M": {"n_layer": 2, "n_head": 4, "n_embd": 128, "block_size": 64},
    "0.8M": {"n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 64},
    "10.7M": {"n_layer": 6, "n_head": 6, "n_embd": 384, "block_size": 256},
}
AT_LEAST = 1.0  # seconds that a measurement lasts


class Side(Protocol):
    """One of those compared: a model that can write."""

    def seconds(self, prompts: list[list[int]], chars: int) -> float:
        """How long it takes to read prompts of one length and to write `chars` after each."""

    def log_probabilities(self, prompt: list[int]) -> list[float]:
        """Of each character after a prompt, (V,)."""


class Ours:
    """Our own engine."""

    def __init__(self, model: Transformer) -> None:
        from attn_cli.generation.config import GenerationConfig
        from attn_cli.generation.numpy_model import NumpyModel

        self.model = NumpyModel(model.config, model.state_arrays())
        self.config = GenerationConfig(temperature=0.8)

    def seconds(self, prompts: list[list[int]], chars: int) -> float:
        from attn_cli.generation.constraints import Constraints
        from attn_cli.generation.generate import GenerationState, generate

        begin = time.perf_counter()
        texts = [GenerationState(prompt, seed) for seed, prompt in enumerate(prompts)]
        for _ in generate(self.model, texts, self.config, Constraints(chars)):
            pass
        return time.perf_counter() - begin

    def log_probabilities(self, prompt: list[int]) -> list[float]:
        from attn_cli.generation.generate import ContextWindow
        from attn_cli.generation.sampling import log_probabilities

        logits = ContextWindow(self.model, 1).next_logits([prompt])
        found: list[float] = log_probabilities(logits[0]).tolist()
        return found


@dataclass(frozen=True)
class Worker:
    """What one process measures.

    Attributes:
        side: Its name in the tables.
        threads: How many it may use; None where it decides by itself, as by default.
        needs: Packages without which it is left out.
        tolerance: How close its log-probabilities are to ours, in nats.
    """

    side: str
    threads: int | None = None
    needs: tuple[str, ...] = ()
    tolerance: float | None = None


WORKERS = {
    "nanogpt": Worker("nanoGPT", tolerance=1e-3),
    "transformers": Worker("Hugging Face", needs=("transformers",), tolerance=1e-3),
    **{
        # Its keys, its values and its table of the GELU are F16.
        f"llama.cpp-{threads}": Worker(
            f"llama.cpp, {threads} thread{'s' * (threads > 1)}",
            threads,
            needs=("xllamacpp", "gguf"),
            tolerance=2e-3,
        )
        for threads in (1, 2)
    },
    "attn": Worker(OURS),
    "attn-ngrams": Worker(f"{OURS}, n-grams of 2 to 5"),
    "limit-1": Worker(f"{LIMIT}, 1 thread", 1),
    "limit-all": Worker(f"{LIMIT}, all cores", os.cpu_count()),
}


def make_side(name: str, size: str, streams: int, checkout: Path | None) -> Side:
    """The side that a worker measures, with the same weights in every process."""
    import torch

    from attn_cli.config.schema import ModelConfig
    from attn_cli.model.build import build_model

    torch.manual_seed(0)
    ngrams = [2, 3, 4, 5] if name == "attn-ngrams" else []
    model = build_model(ModelConfig(**SIZES[size], ngrams=ngrams), V).eval()
    if name in ("attn", "attn-ngrams"):
        return Ours(model)

    import generation_peers as peers

    if name == "nanogpt":
        assert checkout is not None
        return peers.NanoGpt(model, checkout)
    if name == "transformers":
        return peers.HuggingFace(model)
    threads = WORKERS[name].threads
    assert threads is not None
    return peers.LlamaCpp(model, streams, threads)


def make_prompt(length: int, number: int = 0) -> list[int]:
    # Without the last id, which llama.cpp takes for the end of the text.
    return random.Random(number).choices(range(V - 1), k=length)


def measure(side: Side, size: str, streams: int) -> dict[str, float]:
    """Median seconds of prefill and of decode, and the characters that these are for."""
    block = SIZES[size]["block_size"]
    half = [make_prompt(block // 2, number) for number in range(streams)]
    one = [prompt[:1] for prompt in half]
    return {
        "prefill_chars": streams * (block // 2),
        "prefill_seconds": median_seconds(lambda: side.seconds(half, 1)),
        "decode_chars": streams * (block - 1),
        "decode_seconds": median_seconds(lambda: side.seconds(one, block - 1)),
    }


def measure_limit(size: str, streams: int) -> dict[str, float]:
    """Median seconds of the products of all streams' next character, and of reading."""
    from generation_limit import Limit

    limit = Limit(SIZES[size]["n_layer"], SIZES[size]["n_embd"], V, streams)
    return {
        "products_seconds": min(
            median_seconds(limit.seconds_by_rows), median_seconds(limit.seconds_by_columns)
        ),
        "weight_bytes": limit.weight_bytes,
        "reading_seconds": median_seconds(limit.seconds_of_reading),
    }


def median_seconds(seconds: Callable[[], float]) -> float:
    """Of what something says it took, again and again, after one that warms up."""
    seconds()
    took: list[float] = []
    while sum(took) < AT_LEAST:
        took.append(seconds())
    return statistics.median(took)


def work(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a process with `--worker` answers."""
    name, size, (streams, *_) = arguments.worker, arguments.size, arguments.streams
    threads = WORKERS[name].threads
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # BLAS reads it when numpy is imported
    if name.startswith("limit"):
        return measure_limit(size, streams)
    side = make_side(name, size, streams, arguments.nanogpt)
    if arguments.check:
        return {"log_probabilities": side.log_probabilities(make_prompt(20))}
    return measure(side, size, streams)


def ask(name: str, size: str, streams: int, checkout: Path | None, *more: str) -> dict[str, Any]:
    """The answer of such a process."""
    command = [sys.executable, __file__, "--worker", name, "--size", size]
    command += ["--streams", str(streams), *more]
    if checkout is not None:
        command += ["--nanogpt", str(checkout)]
    # The last line is ours; nanoGPT prints some of its own before it.
    answer: dict[str, Any] = json.loads(nanogpt.run(command, Path.cwd()).splitlines()[-1])
    return answer


def present(checkout: Path | None) -> list[str]:
    """Who takes part; of the others it is said what they lack."""
    packages = {package for worker in WORKERS.values() for package in worker.needs}
    found = filter(importlib.util.find_spec, ["torch", *sorted(packages)])
    print(", ".join(f"{package} {version(package)}" for package in found), flush=True)
    names = []
    for name, worker in WORKERS.items():
        missing = [package for package in worker.needs if not importlib.util.find_spec(package)]
        if missing:
            print(f"{worker.side} is left out: pip install {' '.join(missing)}", flush=True)
        elif name == "nanogpt" and checkout is None:
            print("nanoGPT is left out: give --nanogpt CHECKOUT", flush=True)
        else:
            names.append(name)
    return names


def check_same_model(names: list[str], size: str, checkout: Path | None) -> None:
    """Asserts that every side gives the probabilities that ours gives, after a prompt."""
    ours = ask("attn", size, 1, checkout, "--check")["log_probabilities"]
    for name in names:
        worker = WORKERS[name]
        if worker.tolerance is not None:
            theirs = ask(name, size, 1, checkout, "--check")["log_probabilities"]
            furthest = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
            line = f"{size}, {worker.side}: log-probabilities within {furthest:.0e} of ours"
            print(line, flush=True)
            assert furthest < worker.tolerance, "not the same model"
            assert ours.index(max(ours)) == theirs.index(max(theirs)), "not the same choice"


def rounds(arguments: argparse.Namespace, names: list[str]) -> Iterator[dict[str, Any]]:
    """All measurements, one after the other."""
    for number in range(1, arguments.rounds + 1):
        for size in arguments.sizes:
            for streams in arguments.streams:
                for name in names:
                    case = {"round": number, "size": size, "streams": streams}
                    print(*(f"{k} {v}," for k, v in case.items()), name, file=sys.stderr)
                    measured = ask(name, size, streams, arguments.nanogpt)
                    yield {**case, "side": WORKERS[name].side, "measured": measured}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["0.8M", "10.7M"])
    parser.add_argument("--streams", nargs="+", type=int, default=[1, 64])
    parser.add_argument("--json", type=Path, help="where to write all numbers")
    parser.add_argument("--cold", type=Path, metavar="RUN", help="whole processes, with this run")
    parser.add_argument("--worker", choices=WORKERS, help="one measurement, as a line of JSON")
    parser.add_argument("--size", choices=SIZES, default="0.8M", help="of a worker")
    parser.add_argument(
        "--check", action="store_true", help="of a worker: probabilities after a prompt"
    )
    arguments = parser.parse_args()
    if arguments.nanogpt is not None:
        arguments.nanogpt = arguments.nanogpt.resolve()
    if arguments.worker:
        print(json.dumps(work(arguments)))
        return
    if arguments.cold is not None:
        numbers: Any = cold(arguments.cold.resolve(), arguments.nanogpt, arguments.rounds)
    else:
        names = present(arguments.nanogpt)
        for size in arguments.sizes:
            check_same_model(names, size, arguments.nanogpt)
        numbers = list(rounds(arguments, names))
        Report(numbers).print()
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
