"""A tiny model, trained once for all tests, and `attn` called as a user calls it."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests run side by side, one on each core; threads of several would wait for one another.
    # Before torch is imported, which reads it then.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import io
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings

from attn_cli.cli.main import main
from attn_cli.config.load import load_config, parse_override
from attn_cli.config.schema import Config
from attn_cli.runs.metrics import StepMetrics
from attn_cli.runs.run_folder import RunFolder
from attn_cli.training.callbacks import Callback, Phase
from attn_cli.training.prepare import prepare_run
from attn_cli.training.request import RunRequest, make_request
from attn_cli.training.result import TrainResult
from attn_cli.training.trainer import Trainer

# Started in the background by a shell, this process ignores Ctrl-C, and so would those that it
# starts, for ever, and a test that interrupts one would wait as long.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run of CI, so that a change is judged by itself; new ones at a desk.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

TINY = (
    "model.n_layer=2",
    "model.n_head=3",
    "model.n_embd=24",
    "model.block_size=16",
    "train.batch_size=8",
    "train.warmup_steps=10",
    "train.learning_rate=1e-2",
    "train.eval_every=80",
    "train.checkpoint_every=20",
    "train.precision=fp32",
    "train.muon_precision=fp32",  # auto is what is faster at the moment
    "sample.max_new_chars=40",
)

VERSE = "The fox met the owl. The owl met the fox. They sat and talked until the moon was up.\n"


# A list for models of lines: of different lengths, sorted.
NAMES = sorted(
    begin + middle + end + "\n"
    for begin in "BDFGKL"
    for middle in ("a", "ei", "oru", "umene")
    for end in ("n", "la", "ret", "stin", "delia")
)


@dataclass
class RecordingCallback(Callback):
    """A Callback that remembers what it was told."""

    lines: list[StepMetrics] = field(default_factory=list)
    evaluations: list[StepMetrics] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    phases: list[tuple[int, Phase]] = field(default_factory=list)  # each with the step before it

    def on_train_start(self, trainer: Trainer) -> None:
        self.precision = trainer.learner.precision
        self._trainer = trainer

    def on_phase(self, phase: Phase) -> None:
        self.phases.append((self._trainer.step, phase))

    def on_log(self, metrics: StepMetrics) -> None:
        self.lines.append(metrics)

    def on_sample(self, metrics: StepMetrics, sample: str) -> None:
        self.evaluations.append(metrics)

    def on_message(self, message: str) -> None:
        self.notices.append(message)


@dataclass(frozen=True)
class Trained:
    """A finished run and what it was told on the way."""

    run: RunFolder
    config: Config
    result: TrainResult
    callback: RecordingCallback
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a command left with and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def tiny_config(*overrides: str) -> Config:
    """The configuration of a tiny model, with more settings on top."""
    return load_config(None, [parse_override(override) for override in (*TINY, *overrides)])


def tiny_request(out: Path, *overrides: str) -> RunRequest:
    """A request to train a tiny model in a folder."""
    nothing = out.parent / "nothing.yaml"  # a configuration of defaults alone
    nothing.parent.mkdir(parents=True, exist_ok=True)
    nothing.write_text("", encoding="utf-8")
    settings = [parse_override(override) for override in (*TINY, *overrides)]
    return make_request(config=str(nothing), settings=settings, out=out)


@pytest.fixture(scope="session")
def verse_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short text that a tiny model learns in seconds."""
    path = tmp_path_factory.mktemp("texts") / "verse.txt"
    path.write_text(VERSE * 30, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def names_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of 120 names of different lengths, a line each."""
    path = tmp_path_factory.mktemp("texts") / "names.txt"
    path.write_text("".join(NAMES), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def labelled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same names in a table, each with its ending as its label."""
    path = tmp_path_factory.mktemp("texts") / "labelled.tsv"
    endings = ("stin", "delia", "ret", "la", "n")
    rows = ((name.strip(), next(filter(name.strip().endswith, endings))) for name in NAMES)
    path.write_text("".join(f"{name}\t{label}\n" for name, label in rows), encoding="utf-8")
    return path


def write_pairs(path: Path) -> Path:
    """A table of 240 strings of 2 to 6 letters and the same strings backwards, in a file."""
    random = Random(1)
    words = ("".join(random.choices("abcdef", k=random.randint(2, 6))) for _ in range(240))
    path.write_text("".join(f"{word}\t{word[::-1]}\n" for word in words), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `write_pairs` writes."""
    return write_pairs(tmp_path_factory.mktemp("texts") / "pairs.tsv")


def train_in(folder: Path, text: Path, *overrides: str, stop_at: int | None = None) -> Trained:
    """Trains a tiny model into `folder`; `stop_at` asks for a stop after that step."""
    request = tiny_request(folder, f"data.text={json.dumps(str(text))}", *overrides)
    return _fitted(request, stop_at)


def resume_in(folder: Path, *overrides: str, stop_at: int | None = None, **more: float) -> Trained:
    """Resumes the run in `folder`; `stop_at` asks for a stop after that step.

    `more_steps` or `more_minutes` trains it longer.
    """
    settings = [parse_override(override) for override in overrides]
    return _fitted(make_request(resume=str(folder), settings=settings, **more), stop_at)  # type: ignore[arg-type]


def _fitted(request: RunRequest, stop_at: int | None) -> Trained:
    callback = RecordingCallback()
    with prepare_run(request, time.monotonic()) as prepared:
        trainer = prepared.trainer
        result = trainer.fit([callback], lambda: trainer.step == stop_at)
    return Trained(prepared.run, trainer.config, result, callback, prepared.notes)


@pytest.fixture(scope="session")
def trained(verse_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One finished run, shared by all tests that only read it."""
    return train_in(
        tmp_path_factory.mktemp("session") / "runs" / "verse", verse_file, "train.steps=240"
    )


@pytest.fixture(scope="session")
def trained_encoder(verse_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same of an encoder."""
    folder = tmp_path_factory.mktemp("session") / "runs" / "encoder"
    # AdamW alone would need far longer to see that neighbours matter.
    kind = ("task=mlm", "model.position=rope", "train.optimizer=muon")
    return train_in(folder, verse_file, *kind, "train.steps=400")


@pytest.fixture(scope="session")
def trained_classifier(labelled_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same of a classifier."""
    folder = tmp_path_factory.mktemp("session") / "runs" / "endings"
    kind = ("task=classify", "model.position=rope", "train.optimizer=muon")
    return train_in(folder, labelled_file, *kind, "train.best_by=accuracy", "train.steps=160")


@pytest.fixture(scope="session")
def trained_translator(pairs_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same of an encoder-decoder, which writes a string backwards."""
    folder = tmp_path_factory.mktemp("session") / "runs" / "backwards"
    kind = ("task=seq2seq", "model.position=rope", "train.optimizer=muon", "train.best_by=last")
    return train_in(folder, pairs_file, *kind, "data.tokenizer=corpus", "train.steps=600")


@pytest.fixture
def attn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Calls `attn` in an empty folder, in this process, through the program's own entry."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATTN_RUNS", raising=False)
    monkeypatch.delenv("ATTN_DEBUG", raising=False)
    monkeypatch.setenv("ATTN_CACHE", str(tmp_path / "cache"))

    def call(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["attn", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    return call
