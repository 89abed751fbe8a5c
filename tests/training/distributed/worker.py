"""What each process of a test does; started by `torchrun`, imported by the tests themselves.

    torchrun --nproc-per-node=N worker.py FOLDER

It joins the others and does everything in one launch, because a launch takes seconds.
What came of it is in FOLDER, as JSON and as runs, for the tests to look at.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from attn_cli.config.load import parse_override
from attn_cli.errors import AttnError
from attn_cli.objectives.evaluation import evaluate
from attn_cli.objectives.make import make_objective
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import Corpus, Records, load_configured_corpus, load_corpus
from attn_cli.text.encoded_text import load_text
from attn_cli.training.device import choose_device
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.learner import Learner
from attn_cli.training.prepare import prepare_run, resolve_auto_settings
from attn_cli.training.request import make_request
from attn_cli.training.schedule import learning_rate
from tests.conftest import NAMES, VERSE, tiny_config, tiny_request, write_pairs
from tests.training.test_step import expected_uneven_gradients, uneven_gradients

CPU = torch.device("cpu")
RECORDS: tuple[Records, Records] = ("stream", "lines")
# Gentle steps: where a sum is taken in another order, the last digit of it differs, and
# large steps of AdamW, which hang on the sign of a gradient near 0, make much of that.
GENTLE = ("train.learning_rate=1e-3", "train.table_learning_rate=1e-4", "train.steps=20")

# The precision is named: that which is found to be faster may be another one in each process.
MUON = ("train.optimizer=muon", "train.matrix_learning_rate=2e-3", "train.muon_precision=bf16")

LOSSES = {
    "gpt2, adamw": (),
    "gpt2, adamw, accumulation": ("train.micro_batch_size=1", "model.bias=true"),
    "qwen3, adamw, untied": (
        "model.block=qwen3", "model.position=rope", "model.tie_embeddings=false",
    ),
    "sinusoidal": ("model.position=sinusoidal", "model.n_embd=96"),
    "bf16, accumulation": ("train.precision=bf16", "train.micro_batch_size=2"),
    "n-grams": ("model.ngrams=[2, 3]", "model.ngram_rows=64", "model.ngram_embd=3"),
    "n-grams, bf16, accumulation": (
        "model.ngrams=[2, 3]", "model.ngram_embd=3", "train.precision=bf16",
        "train.micro_batch_size=2",
    ),
    "n-grams of lines": ("data.records=lines", "model.ngrams=[2, 3]", "model.ngram_embd=3"),
    "encoder": ("task=mlm",),
    "classifier": ("task=classify", "model.label_ngrams=[2, 3]", "train.label_smoothing=0.1"),
    "pairs, accumulation": (
        "task=seq2seq", "train.label_smoothing=0.1", "train.micro_batch_size=1",
    ),
    "pairs, qwen3": ("task=seq2seq", "model.block=qwen3", "model.position=rope"),
    "muon": MUON,
    "muon, shared": MUON,
    "lines, accumulation": ("data.records=lines", "train.micro_batch_size=1"),
}  # fmt: skip

# Runs that are stopped after step 13 of 24, and resumed.
RUNS = {
    "replicas": ("model.dropout=0.2", "train.micro_batch_size=2"),
    "n-grams": ("model.ngrams=[2, 3]", "model.ngram_dropout=0.3", "model.ngram_embd=3"),
    "encoder": ("task=mlm", "model.dropout=0.1"),
    "classifier": ("task=classify", "model.label_ngrams=[2]", "model.label_ngram_dropout=0.5"),
    "pairs": ("task=seq2seq", "model.dropout=0.1", "model.position=rope"),
    "bf16": ("model.dropout=0.1", "train.precision=bf16", "train.optimizer=muon"),
    "lines": ("data.records=lines", "model.dropout=0.2", "train.micro_batch_size=2"),
}
STEPS = ("train.steps=24", "train.eval_every=12", "train.checkpoint_every=6", "train.log_every=4")

# Lengths of texts to evaluate, of which the block size is 16: less than one window, windows
# that cannot be shared evenly, and a rest.
LENGTHS = (2, 16, 17, 18, 49, 50, 163)


# Numbers of lines to evaluate.
LINES = (1, 2, 7, 100)


def corpus_of(folder: Path, records: Records = "stream") -> Corpus:
    return load_corpus([str(folder / f"{records}.txt")], records=records).fit(16, "cut")


def text_of(folder: Path, settings: Sequence[str]) -> Path:
    """The text that a run with these settings trains on."""
    texts = {
        "task=classify": "labelled.tsv",
        "task=seq2seq": "pairs.tsv",
        "data.records=lines": "lines.txt",
    }
    return folder / next((texts[key] for key in texts if key in settings), "stream.txt")


def write_texts(folder: Path) -> None:
    (folder / "stream.txt").write_text(VERSE * 30, encoding="utf-8")
    (folder / "lines.txt").write_text("".join(NAMES), encoding="utf-8")
    labelled = (f"{name.strip()}\t{name.strip()[-2:]}\n" for name in NAMES)
    (folder / "labelled.tsv").write_text("".join(labelled), encoding="utf-8")
    write_pairs(folder / "pairs.tsv")


def losses(kind: str, folder: Path, world: World) -> dict[str, Any]:
    """The loss of each of 20 steps, and the exact loss of the validation split."""
    learning = learner(folder, world, *GENTLE, *LOSSES[kind])
    rates = (learning_rate(step, 20, learning.settings) for step in range(20))
    steps = [learning.train_step(step, rate).loss for step, rate in enumerate(rates)]
    return {"steps": steps, "val": learning.evaluate().loss}


def learner(folder: Path, world: World = SINGLE_PROCESS, *settings: str) -> Learner:
    """A tiny model about to be trained on the text in a folder."""
    text = json.dumps(str(text_of(folder, settings)))
    config = tiny_config(f"data.text={text}", *settings)
    corpus = load_configured_corpus(config).fit(16, "cut")
    return Learner(config, make_objective(config, corpus), CPU, world=world)


def evaluations(folder: Path, world: World) -> list[tuple[float, int]]:
    """The loss of texts of several lengths, and how many characters were predicted."""
    torch.manual_seed(5)
    text, lines = (corpus_of(folder, records).train for records in RECORDS)
    model = learner(folder).model
    shared = (world.rank, world.world_size, world.all_reduce_sum)
    parts = [*(text[:n] for n in LENGTHS), *(lines[:n] for n in LINES)]
    done = (evaluate(model, part, *shared) for part in parts)
    return [(each.loss, each.chars) for each in done]


def uneven(world: World) -> dict[str, list[float]]:
    """How far gradients and loss of a batch with unequal counts are from those of torch alone."""
    expected, loss = expected_uneven_gradients()
    differences = {}
    for micro_batch in (1, 2):
        for precision in ("fp32", "bf16"):
            gradients, result = uneven_gradients(micro_batch, world, precision)
            pairs = zip(gradients, expected, strict=True)
            most = max((one - other).abs().max().item() for one, other in pairs)
            differences[f"{precision}, {micro_batch}"] = [most, abs(result.loss - loss)]
    return differences


def train(name: str, folder: Path, out: str, world: World, stop_at: int | None) -> Any:
    """A run of one of the kinds, begun in `folder / out`."""
    names = json.dumps(str(text_of(folder, RUNS[name])))
    request = tiny_request(folder / out, f"data.text={names}", *STEPS, *RUNS[name])
    with prepare_run(request, time.monotonic(), world) as prepared:
        trainer = prepared.trainer
        return trainer.fit(stop_wanted=lambda: trainer.step == stop_at)


def resume(folder: Path, out: str, world: World, *settings: str) -> list[str]:
    """Resumes it to its end; what the user is told."""
    overrides = [parse_override(setting) for setting in settings]
    request = make_request(resume=str(folder / out), settings=overrides)
    with prepare_run(request, time.monotonic(), world) as prepared:
        prepared.trainer.fit()
        return list(prepared.notes)


def device_of_one(folder: Path, world: World) -> list[str]:
    """A run that time has ended, resumed where one process alone names the device."""
    text = json.dumps(str(folder / "stream.txt"))
    out = f"timed-{world.world_size}"
    request = tiny_request(folder / out, f"data.text={text}", "train.minutes=0.01")
    with prepare_run(request, time.monotonic(), world) as prepared:
        prepared.trainer.fit()
    settings = [] if world.is_main else ["train.device=cpu"]
    return resume(folder, out, world, *settings)


def main() -> None:
    from attn_cli.training import muon
    from attn_cli.training.distributed.torch_world import init_distributed
    from attn_cli.training.distributed.torchrun_env import read_torchrun_env

    env = read_torchrun_env()
    assert env is not None
    world = init_distributed(env)
    folder = Path(sys.argv[1])
    result: dict[str, Any] = {"threads": torch.get_num_threads(), "losses": {}}
    for kind in LOSSES:
        usual = muon.DISTRIBUTE_FROM
        muon.DISTRIBUTE_FROM = 0 if kind == "muon, shared" else usual
        result["losses"][kind] = losses(kind, folder, world)
        muon.DISTRIBUTE_FROM = usual
    result["evaluations"] = evaluations(folder, world)
    result["uneven"] = uneven(world)
    result["interrupted"] = {}
    for name in RUNS:
        train(name, folder, f"{name}-{world.world_size}", world, None)
        # One process alone is asked to stop: all stop after the same step.
        stop_at = 13 if world.rank == world.world_size - 1 else None
        stopped = train(name, folder, f"{name}-{world.world_size}-stopped", world, stop_at)
        result["interrupted"][name] = (stopped.interrupted, stopped.steps)
        resume(folder, f"{name}-{world.world_size}-stopped", world)
    result["elsewhere"] = {
        name: resume(folder, f"{name}-elsewhere-{world.world_size}", world)
        for name in RUNS
        if (folder / f"{name}-elsewhere-{world.world_size}").exists()
    }
    result["device of one"] = device_of_one(folder, world)
    torch.manual_seed(1)
    learner(folder, world)
    drawn = world.all_gather(torch.rand(4))
    result["drawn"] = [part.tolist() for part in drawn]
    result["refused"] = refused(folder, world)
    if world.is_main:
        (folder / f"result-{world.world_size}.json").write_text(json.dumps(result))
    world.shutdown()
    # What is left of gloo's threads must not meet the interpreter's own end.
    sys.stdout.flush()
    os._exit(0)


def refused(folder: Path, world: Any) -> dict[str, list[str]]:
    """What the processes say of what cannot be, by rank; empty where one has no objection."""
    from attn_cli.training.distributed import consistency

    corpus = corpus_of(folder)
    config = tiny_config()
    other_text = folder / f"other-{world.rank}.txt"
    other_text.write_text(VERSE * (30 + world.rank))
    other_steps = tiny_config(f"train.steps={100 + world.rank}")
    uneven = tiny_config(f"train.batch_size={world.world_size + 1}")
    consistency.VISIBLE_WITHIN = 0.2
    (folder / "runs-0").mkdir(exist_ok=True)
    (folder / "runs-0" / "checkpoints").mkdir(exist_ok=True)
    (folder / "runs-0" / "checkpoints" / ".pid").write_text("4711\n")
    world.barrier()
    tried = {
        "text": lambda: consistency.check_same_inputs(
            world, config, load_corpus([str(other_text)])
        ),
        "validation": lambda: consistency.check_same_inputs(
            world,
            config,
            replace(corpus, validation_text=load_text([str(other_text)], "printable")),
        ),
        "config": lambda: consistency.check_same_inputs(world, other_steps, corpus),
        "batch": lambda: resolve_auto_settings(uneven, corpus, CPU, world),
        "folder": lambda: consistency.check_shared_run_dir(
            RunFolder(folder / f"runs-{world.rank}"), "4711\n"
        ),
        "mps": lambda: choose_device("mps", world),
    }
    said = {}
    for name, attempt in tried.items():
        try:
            attempt()
            own = ""
        except AttnError as error:
            own = f"{error.message}; {error.hint}"
        said[name] = [""] * world.world_size
        dist.all_gather_object(said[name], own)
    return said


if __name__ == "__main__":
    main()
