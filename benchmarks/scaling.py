"""Characters a second by one process and by two, what they send, and where more stop paying.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --config shakespeare --rounds 5
    python benchmarks/scaling.py --variants

Every row is measured by launches of its own, in turn with the others: `torchrun` with two
processes of one thread, beside one process of two threads. Strong scaling divides the same
batch; weak scaling gives each process the batch that one has. Bytes are those that the
kernel counts on the loopback interface, steps of training and nothing else. The projection
for more processes is arithmetic from what was measured here; its formula is printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from attn_cli.config.load import load_config, parse_override
from attn_cli.config.presets import find_config
from attn_cli.config.schema import Config
from attn_cli.objectives.next_char import NextChar
from attn_cli.training.distributed.torchrun_env import read_torchrun_env
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.learner import Learner

LOOPBACK = Path("/sys/class/net/lo/statistics/tx_bytes")
SECONDS = 6.0


@dataclass(frozen=True)
class Row:
    """One way to train.

    Attributes:
        name: What the table calls it.
        processes: How many; 1 is started without `torchrun`.
        threads: Of each.
        overrides: Over the configuration.
        batch: The global batch, as a multiple of the configuration's.
        distribute_from: In place of Muon's `DISTRIBUTE_FROM`, where not None.
        bucket: In place of `BUCKET_MIB`, where not None.
    """

    name: str
    processes: int
    threads: int
    overrides: tuple[str, ...] = ()
    batch: float = 1.0
    distribute_from: int | None = None
    bucket: int | None = None


ROWS = (
    Row("1 process, 2 threads", 1, 2),
    Row("2 processes, 1 thread each", 2, 1),
    Row("1 process, 1 thread", 1, 1),
    Row("1 process, 1 thread, half a batch", 1, 1, batch=0.5),
)
VARIANTS = (
    Row("2 processes", 2, 1),
    Row("buckets of 1 MiB", 2, 1, bucket=1),
    Row("buckets of 25 MiB", 2, 1, bucket=25),
    Row("Muon's products shared", 2, 1, distribute_from=0),
    Row("Muon's products by each", 2, 1, distribute_from=10**9),
)


def measured(row: Row, arguments: argparse.Namespace) -> dict[str, Any]:
    """A launch of one row."""
    program = [str(Path(__file__)), "--worker", json.dumps(row.__dict__), *arguments.passed]
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={row.processes}"]
    command = [sys.executable, *(launcher if row.processes > 1 else []), *program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def work(row: Row, config: Config) -> None:
    """What a process of a launch does: steps for some seconds."""
    from attn_cli.text.corpus import load_corpus

    env = read_torchrun_env()
    world: World = SINGLE_PROCESS
    if env is not None:
        from attn_cli.training import muon
        from attn_cli.training.distributed import ddp, torch_world

        if row.distribute_from is not None:
            muon.DISTRIBUTE_FROM = row.distribute_from
        if row.bucket is not None:
            ddp.BUCKET_MIB["cpu"] = row.bucket
        world = torch_world.init_distributed(env)
    torch.set_num_threads(row.threads)
    corpus = load_corpus(["tales"])
    learner = Learner(config, NextChar(config, corpus), torch.device("cpu"), world=world)
    rate = config.train.learning_rate
    for step in range(3):
        learner.train_step(step, rate)
    begin_bytes, took = _sent(), []
    begin = time.perf_counter()
    while world.broadcast(time.perf_counter() - begin) < SECONDS:
        start = time.perf_counter()
        learner.train_step(3 + len(took), rate)
        took.append(time.perf_counter() - start)
    sent = (_sent() - begin_bytes) / len(took)
    if world.is_main:
        result = {
            "seconds": statistics.median(took),
            "chars": learner.batches.chars_per_step,
            "bytes": sent,
            "parameters": learner.model.parameter_count(),
            "wire": _wire(world, learner.model.parameter_count()),
        }
        print(json.dumps(result))
    else:
        _wire(world, learner.model.parameter_count())


def _sent() -> int:
    return int(LOOPBACK.read_text()) if LOOPBACK.exists() else 0


def _wire(world: World, parameters: int) -> dict[str, float]:
    """What it takes to sum 4 bytes, and a gradient, over the processes: seconds."""
    if world.world_size == 1:
        return {}
    small, large = torch.zeros(1), torch.zeros(parameters)
    result = {}
    for name, tensor in (("latency", small), ("gradient", large)):
        took = []
        for _ in range(30):
            world.barrier()
            begin = time.perf_counter()
            world.all_reduce_sum(tensor)
            took.append(time.perf_counter() - begin)
        result[name] = statistics.median(took)
    return result


def project(
    whole: float, half: float, gradient: float, latency: float, parameters: int, batch: int
) -> None:
    """Where more processes stop paying, from what was measured; arithmetic, no measurement."""
    divided = 2 * (whole - half)  # what a step takes that N processes share
    everywhere = max(whole - divided, 0.0)  # what each of them does all the same
    sent = 4.0 * parameters  # bytes of a gradient in fp32
    # With two processes 2 (N - 1) / N is 1: each sends a gradient's bytes once, in two messages.
    bandwidth = sent / max(gradient - latency, 1e-9)
    print(
        "\n  a step by N: t(N) = c / N + o + 2 (N - 1) / N g / b + 2 (N - 1) l, where it takes\n"
        f"  c = {1000 * divided:.1f} ms that are divided, o = {1000 * everywhere:.1f} ms that each "
        f"takes, a gradient g = {sent / 1e6:.2f} MB,\n"
        f"  b = {bandwidth / 1e9:.2f} GB/s and l = {1e6 * latency / 2:.0f} us a message, here;\n"
        "  one batch: t(1) / t(N); a batch for each: N (c + o) / (c + o + what is sent)"
    )
    links = {
        "here": (bandwidth, latency / 2),
        "450 GB/s, 5 us": (450e9, 5e-6),  # NVLink within a host, its maker's figure
        "50 GB/s, 15 us": (50e9, 15e-6),  # 400 Gbit/s Ethernet or InfiniBand between hosts
    }
    for link, (speed, delay) in links.items():
        for faster in (1, 100):
            one = (divided + everywhere) / faster

            def sending(n: int, speed: float = speed, delay: float = delay) -> float:
                return 2 * (n - 1) / n * sent / speed + 2 * (n - 1) * delay

            # More processes than sequences there cannot be.
            shares = [n for n in range(2, batch + 1) if batch % n == 0]
            times = {n: (divided / n + everywhere) / faster + sending(n) for n in shares}
            strong = ", ".join(f"{n}: {one / seconds:.2f} x" for n, seconds in times.items())
            weak = ", ".join(f"{n}: {n * one / (one + sending(n)):.1f} x" for n in (2, 8, 64))
            what = "this processor" if faster == 1 else f"{faster} x its speed"
            print(f"  {link:15} {what:15} one batch {strong}; a batch for each {weak}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default="tales")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variants", action="store_true", help="what was chosen by measurement")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.passed = ["--config", arguments.config]
    arguments.passed += [word for each in arguments.set for word in ("--set", each)]
    given = [parse_override(each) for each in arguments.set]
    config = load_config(find_config(arguments.config), given)
    if arguments.worker:
        row = Row(**json.loads(arguments.worker))
        batch = int(config.train.batch_size * row.batch)
        changes = [*arguments.set, *row.overrides, f"train.batch_size={batch}"]
        work(row, load_config(find_config(arguments.config), map(parse_override, changes)))
        return
    rows = VARIANTS if arguments.variants else ROWS
    results: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    for _ in range(arguments.rounds):
        for row in rows:
            results[row.name].append(measured(row, arguments))
    medians = {
        name: {key: statistics.median(each[key] for each in known) for key in ("seconds", "bytes")}
        for name, known in results.items()
    }
    first = results[rows[0].name][0]
    print(f"{arguments.config} {' '.join(arguments.set)}: {first['parameters']:,} parameters")
    for row in rows:
        median, known = medians[row.name], results[row.name]
        speeds = sorted(each["chars"] / each["seconds"] for each in known)
        print(
            f"  {row.name:34} {known[0]['chars'] / median['seconds']:9,.0f} chars/s "
            f"({speeds[0]:,.0f} to {speeds[-1]:,.0f}), {1000 * median['seconds']:7.1f} ms a step, "
            f"{median['bytes'] / 1e6:6.2f} MB on the wire"
        )
    if not arguments.variants:
        wires = [each["wire"] for each in results[rows[1].name]]
        latency, gradient = (
            statistics.median(each[key] for each in wires) for key in ("latency", "gradient")
        )
        two_threads, two, whole, half = (medians[row.name]["seconds"] for row in rows)
        print(
            f"  strong: two processes are {two_threads / two:.2f} times as fast as one with two "
            f"threads, {whole / two:.2f} times as one with one\n"
            f"  weak: each half of the batch, two processes have {half / two:.0%} of the speed a "
            "process that one alone has"
        )
        project(whole, half, gradient, latency, first["parameters"], config.train.batch_size)


if __name__ == "__main__":
    main()
