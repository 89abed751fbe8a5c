"""Characters a second, beside nanoGPT, beside the machine's own products, and as sizes grow.

    python benchmarks/throughput.py --nanogpt CHECKOUT
    python benchmarks/throughput.py --growth
    python benchmarks/throughput.py --memory

A step is forward, backward, clipping and optimizer. The share of the peak is the time that
the step's matrix products take by themselves, at their shapes and one after the other, in
the time of the step.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import nanogpt
import torch

from attn_cli.config.schema import Config, ModelConfig, TrainConfig
from attn_cli.model.build import build_model
from attn_cli.text.batches import Batch
from attn_cli.training.allocator import disable_malloc_trim
from attn_cli.training.compile_policy import compile_blocks
from attn_cli.training.micro_batch import choose_micro_batch
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import MixedPrecisionModel, Precision
from attn_cli.training.step import train_step

V = 65
CPU = torch.device("cpu")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Ours:
    """A model of ours that can do steps."""

    def __init__(self, config: Config, precision: Precision, *, compile: bool) -> None:
        torch.manual_seed(0)
        self.config = config
        self.precision = precision
        self.micro_batch = choose_micro_batch(config, CPU)
        model = build_model(config.model, V)
        self.mp_model = MixedPrecisionModel(model, precision)
        self.optimizers = make_optimizers(model, config.train)
        self.ids = torch.randint(V, (config.train.batch_size, config.model.block_size))
        if compile:
            piece = self.ids[: self.micro_batch]
            self.mp_model.set_forward_model(compile_blocks(self.mp_model.compute, piece, piece))

    def step(self) -> None:
        train_step(
            self.mp_model,
            self.optimizers,
            Batch(self.ids, self.ids),
            step=0,
            micro_batch=self.micro_batch,
            lr_scale=0.1,
            grad_clip=1.0,
        )

    def chars_per_second(self, steps: int) -> float:
        return self.ids.numel() / median_seconds(self.step, steps)

    def seconds_of_products(self) -> float:
        """What the products of a step take alone: each forward, and its two backward."""
        model, dtype = self.config.model, DTYPES[self.precision]
        rows, C, F = self.micro_batch * model.block_size, model.n_embd, model.inner_width
        feed_forward = [(C, F), (F, C)] if model.block == "gpt2" else [(C, F), (C, F), (F, C)]
        linear = [(C, C)] * 4 + feed_forward
        heads, T, D = self.micro_batch * model.n_head, model.block_size, C // model.n_head

        def three(x: torch.Tensor, w: torch.Tensor) -> float:
            g = x @ w
            return sum(
                median_seconds(product, 9)
                for product in (lambda: x @ w, lambda: g @ w.mT, lambda: x.mT @ g)
            )

        def random(*shape: int) -> torch.Tensor:
            return torch.randn(*shape).to(dtype)

        layer = sum(three(random(rows, i), random(i, o)) for i, o in linear)
        layer += three(random(heads, T, D), random(heads, D, T))  # q @ k
        layer += three(random(heads, T, T), random(heads, T, D))  # weights @ v
        whole = model.n_layer * layer + three(random(rows, C), random(C, V))
        return whole * self.config.train.batch_size / self.micro_batch


def median_seconds(work: Callable[[], object], times: int) -> float:
    """Of several, after two that warm up."""
    took = []
    for _ in range(times + 2):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return statistics.median(took[2:])


def baby_gpt(dropout: float) -> Config:
    """nanoGPT's baby GPT: 10.7 M parameters, 64 x 256 characters a step, AdamW."""
    model = ModelConfig(n_layer=6, n_head=6, n_embd=384, block_size=256, dropout=dropout)
    return Config(model=model, train=TrainConfig(batch_size=64))


def beside_nanogpt(checkout: Path) -> None:
    for dropout in (0.0, 0.2):
        theirs = 64 * 256 / min(nanogpt.baby_step_seconds(checkout, 64, 3, dropout))
        print(f"dropout {dropout:g}: nanoGPT, fp32, one piece {theirs:,.0f} chars/s", flush=True)
        ways: list[tuple[Precision, bool]] = [("bf16", False), ("bf16", True), ("fp32", False)]
        for precision, compile in ways:
            ours = Ours(baby_gpt(dropout), precision, compile=compile)
            speed = ours.chars_per_second(3)
            share = ours.seconds_of_products() * speed / ours.ids.numel()
            print(
                f"  attn, {precision}, {'compiled' if compile else 'eager'}: {speed:,.0f} chars/s, "
                f"{speed / theirs:.1f} x, {share:.0%} of it products",
                flush=True,
            )


def memory() -> None:
    """What a process needs that trains baby GPT's shape, torch itself included."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ours = Ours(baby_gpt(0.2), "bf16", compile=False)
    for _ in range(2):
        ours.step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of baby GPT's training: {peak:.2f} GiB, of it {before:.2f} before it began")


def growth() -> None:
    """One of C, T and L doubled at a time; theory: FLOPs a character, 6 N + 12 L T C."""
    base = {"n_layer": 3, "n_embd": 128, "block_size": 128}
    print("   L     C     T   chars/s     GFLOP/s")
    for key, factors in (("n_layer", (1, 2, 4)), ("n_embd", (2, 4)), ("block_size", (2, 4))):
        for factor in factors:
            sizes = {**base, key: base[key] * factor}
            heads = sizes["n_embd"] // 64
            model = ModelConfig(block="qwen3", position="rope", n_head=heads, **sizes)
            batch = max(1, 4096 // model.block_size)
            config = Config(model=model, train=TrainConfig(optimizer="muon", batch_size=batch))
            ours = Ours(config, "bf16", compile=False)
            speed = ours.chars_per_second(5)
            inner = sum(p.numel() for p in ours.mp_model.master.blocks.parameters())
            flops = 6 * inner + 12 * model.n_layer * model.block_size * model.n_embd
            print(
                f"{model.n_layer:4}  {model.n_embd:4}  {model.block_size:4}  {speed:8,.0f}  "
                f"{speed * flops / 1e9:9,.0f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--growth", action="store_true", help="with width, length and depth")
    parser.add_argument("--memory", action="store_true", help="the peak of training baby GPT")
    arguments = parser.parse_args()
    disable_malloc_trim()
    if arguments.nanogpt:
        beside_nanogpt(arguments.nanogpt.resolve())
    if arguments.memory:
        memory()
    if arguments.growth:
        growth()


if __name__ == "__main__":
    main()
