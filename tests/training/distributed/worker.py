"""What each process of a test does; started by `torchrun`, imported by the tests themselves.

    torchrun --nproc-per-node=N worker.py FOLDER

It joins the others and does everything in one launch, because a launch takes seconds.
What came of it is in FOLDER, as JSON and as runs, for the tests to look at.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from attn_cli.errors import AttnError
from attn_cli.runs.folder import RunFolder
from attn_cli.text.corpus import Corpus, load_corpus
from attn_cli.training.device import choose_device
from attn_cli.training.evaluation import evaluate
from attn_cli.training.processes import Processes
from attn_cli.training.resuming import resumed
from attn_cli.training.session import begun, decided
from attn_cli.training.trainer import Trainer
from tests.conftest import VERSE, Watcher, tiny_config

CPU = torch.device("cpu")
# Gentle steps: where a sum is taken in another order, the last digit of it differs, and
# large steps of AdamW, which hang on the sign of a gradient near 0, make much of that.
GENTLE = ("train.learning_rate=1e-3", "train.steps=20")

LOSSES = {
    "gpt2, adamw": (),
    "gpt2, adamw, accumulation": ("train.micro_batch_size=1", "model.bias=true"),
    "qwen3, adamw, untied": (
        "model.block=qwen3", "model.position=rope", "model.tie_embeddings=false",
    ),
    "sinusoidal": ("model.position=sinusoidal", "model.n_embd=96"),
    "fsdp, gpt2, adamw": ("train.sharding=fsdp",),
    "fsdp, qwen3, accumulation": (
        "train.sharding=fsdp", "model.block=qwen3", "model.position=rope",
        "train.micro_batch_size=1",
    ),
    "bf16, accumulation": ("train.precision=bf16", "train.micro_batch_size=2"),
    "bf16, fsdp": ("train.precision=bf16", "train.sharding=fsdp"),
    "muon": ("train.optimizer=muon", "train.matrix_learning_rate=2e-3"),
    "muon, shared": ("train.optimizer=muon", "train.matrix_learning_rate=2e-3"),
    "muon, fsdp": (
        "train.optimizer=muon", "train.matrix_learning_rate=2e-3", "train.sharding=fsdp",
    ),
}  # fmt: skip

# Runs that are stopped after step 13 of 24, and gone on with.
RUNS = {
    "replicas": ("model.dropout=0.2", "train.micro_batch_size=2"),
    "bf16": ("model.dropout=0.1", "train.precision=bf16", "train.optimizer=muon"),
    "shards": ("model.dropout=0.1", "train.sharding=fsdp", "train.optimizer=muon"),
}
STEPS = ("train.steps=24", "train.eval_every=12", "train.checkpoint_every=6", "train.log_every=4")

# Lengths of texts to evaluate, of which the block size is 16: less than one window, windows
# that cannot be shared evenly, and a rest.
LENGTHS = (2, 16, 17, 18, 49, 50, 163)


def corpus_of(folder: Path) -> Corpus:
    text = folder / "verse.txt"
    return load_corpus([str(text)])


def write_text(folder: Path) -> None:
    (folder / "verse.txt").write_text(VERSE * 30, encoding="utf-8")


def losses(kind: str, folder: Path, processes: Processes) -> dict[str, Any]:
    """The loss of each of 20 steps, and the exact loss of the validation split."""
    config = tiny_config(*GENTLE, *LOSSES[kind])
    corpus = corpus_of(folder)
    trainer = Trainer(config, corpus, device=CPU, started=time.monotonic(), processes=processes)
    steps = []
    for _ in range(20):
        trainer._train_step()
        steps.append(trainer._meter.read().loss)
    model = trainer.working.to_evaluate()
    return {"steps": steps, "val": evaluate(model, corpus.validation, processes).loss}


def evaluations(folder: Path, processes: Processes) -> list[tuple[float, int]]:
    """The loss of texts of several lengths, and how many characters were predicted."""
    torch.manual_seed(5)
    corpus = corpus_of(folder)
    trainer = Trainer(tiny_config(), corpus, device=CPU, started=0.0)
    done = (evaluate(trainer.model, corpus.train[:n], processes) for n in LENGTHS)
    return [(each.loss, each.chars) for each in done]


def train(name: str, folder: Path, out: str, processes: Processes, stop_at: int | None) -> Any:
    """A run of one of the kinds, begun in `folder / out`."""
    text = json.dumps(str(folder / "verse.txt"))
    config = tiny_config(f"data.text={text}", *STEPS, *RUNS[name])
    with begun(config, folder / out, time.monotonic(), processes=processes) as session:
        trainer = session.trainer
        return trainer.fit(session.run, Watcher(), lambda: trainer.step == stop_at)


def go_on(folder: Path, out: str, processes: Processes) -> list[str]:
    """Goes on to its end; what the user is told."""
    run = RunFolder(folder / out)
    with resumed(run, None, (), time.monotonic(), processes) as session:
        session.trainer.fit(session.run, Watcher())
        return list(session.notes)


def main() -> None:
    from attn_cli.training.distributed import group as module
    from attn_cli.training.distributed.launch import launched

    launch = launched()
    assert launch is not None
    group = module.join(launch)
    folder = Path(sys.argv[1])
    result: dict[str, Any] = {"threads": torch.get_num_threads(), "losses": {}}
    for kind in LOSSES:
        usual = module.WORTH_SENDING
        module.WORTH_SENDING = 0 if kind == "muon, shared" else usual
        result["losses"][kind] = losses(kind, folder, group)
        module.WORTH_SENDING = usual
    result["evaluations"] = evaluations(folder, group)
    result["interrupted"] = {}
    for name in RUNS:
        train(name, folder, f"{name}-{group.count}", group, None)
        # One process alone is asked to stop: all stop after the same step.
        stop_at = 13 if group.rank == group.count - 1 else None
        stopped = train(name, folder, f"{name}-{group.count}-stopped", group, stop_at)
        result["interrupted"][name] = (stopped.interrupted, stopped.steps)
        go_on(folder, f"{name}-{group.count}-stopped", group)
    result["elsewhere"] = {
        name: go_on(folder, f"{name}-elsewhere-{group.count}", group)
        for name in RUNS
        if (folder / f"{name}-elsewhere-{group.count}").exists()
    }
    torch.manual_seed(1)
    trainer = Trainer(tiny_config(), corpus_of(folder), device=CPU, started=0.0, processes=group)
    del trainer
    drawn = group.gather(torch.rand(4))
    result["drawn"] = [part.tolist() for part in drawn]
    result["refused"] = refused(folder, group)
    if group.first:
        (folder / f"result-{group.count}.json").write_text(json.dumps(result))
    group.leave()


def refused(folder: Path, group: Any) -> dict[str, list[str]]:
    """What the processes say of what cannot be, by rank; empty where one has no objection."""
    from attn_cli.training import same

    corpus = corpus_of(folder)
    config = tiny_config()
    other_text = folder / f"other-{group.rank}.txt"
    other_text.write_text(VERSE * (30 + group.rank))
    other_steps = tiny_config(f"train.steps={100 + group.rank}")
    uneven = tiny_config(f"train.batch_size={group.count + 1}")
    same.SEEN_WITHIN = 0.2
    (folder / "runs-0").mkdir(exist_ok=True)
    (folder / "runs-0" / "checkpoints").mkdir(exist_ok=True)
    (folder / "runs-0" / "checkpoints" / ".pid").write_text("4711\n")
    group.wait()
    tried = {
        "text": lambda: same.require_same(group, config, load_corpus([str(other_text)])),
        "config": lambda: same.require_same(group, other_steps, corpus),
        "batch": lambda: decided(uneven, corpus, CPU, group),
        "folder": lambda: same.require_shared(RunFolder(folder / f"runs-{group.rank}"), "4711\n"),
        "mps": lambda: choose_device("mps", group),
        "compile": lambda: decided(
            tiny_config("train.sharding=fsdp", "train.compile=true"), corpus, CPU, group
        ),
    }
    said = {}
    for name, attempt in tried.items():
        try:
            attempt()
            own = ""
        except AttnError as error:
            own = f"{error.message}; {error.hint}"
        said[name] = group.exchange(own)
    return said


if __name__ == "__main__":
    main()
