"""The folder of a run, and how runs are found.

runs/NAME/config.yaml       resolved; trains the same again
          tokenizer.json
          metrics.jsonl     one object a logged step
          samples.txt       what it wrote at each evaluation
          text.txt          the text, where it came from standard input
          loss.svg          the curves
          checkpoints/      step-XXXXXXXX/ folders; `latest` and `best` name one each
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attn_cli.config.load import dump_config
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError, InputError, RunError
from attn_cli.runs.durable import write_whole
from attn_cli.text.tokenizer import Tokenizer

_STEP_FOLDER = re.compile(r"step-\d{8,}")


@dataclass(frozen=True)
class RunFolder:
    """Where everything of one run lies."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def tokenizer(self) -> Path:
        return self.path / "tokenizer.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        return self.path / "samples.txt"

    @property
    def curves(self) -> Path:
        return self.path / "loss.svg"

    @property
    def text(self) -> Path:
        return self.path / "text.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def describe(self, config: Config, tokenizer: Tokenizer) -> None:
        """Writes config.yaml and tokenizer.json: from here on the folder is a run."""
        self.checkpoints.mkdir()
        self.settle(config)
        write_whole(self.tokenizer, json.dumps(tokenizer.to_json(), ensure_ascii=False))

    def settle(self, config: Config) -> None:
        """Writes config.yaml, anew where the run itself decided what was left open."""
        write_whole(self.config, dump_config(config))

    def keep_text(self, chunks: Iterable[str]) -> Path:
        """Keeps a text that is nowhere else, such as standard input, in the run's folder."""
        with self.text.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(chunks)
        return self.text

    def to_use(self) -> Path:
        """The best checkpoint; the latest, before the first evaluation.

        Raises:
            CheckpointError: There is none yet.
        """
        return self.checkpoint("best" if (self.checkpoints / "best").exists() else "latest")

    def checkpoint(self, which: str) -> Path:
        """The folder that `latest` or `best` names.

        Raises:
            CheckpointError: There is none yet, or the file names something else.
        """
        pointer = self.checkpoints / which
        try:
            name = pointer.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise CheckpointError(
                f"run {self.path} has no checkpoint", "train it for longer, or use another run"
            ) from None
        except (OSError, UnicodeDecodeError):
            raise CheckpointError(f"{pointer} cannot be read") from None
        if not _STEP_FOLDER.fullmatch(name):
            raise CheckpointError(
                f"{pointer} is damaged: it names {name[:40]!r}",
                f"write into it the name of one of the folders in {self.checkpoints}",
            )
        return self.checkpoints / name

    def point(self, which: str, checkpoint: Path) -> None:
        """Makes `latest` or `best` name a checkpoint."""
        write_whole(self.checkpoints / which, checkpoint.name + "\n")

    def prune(self, keep: int) -> None:
        """Deletes all but the newest `keep` checkpoints and those that a pointer names."""
        pointed = {
            self.checkpoint(which)
            for which in ("latest", "best")
            if (self.checkpoints / which).exists()
        }
        steps = sorted(p for p in self.checkpoints.iterdir() if _STEP_FOLDER.fullmatch(p.name))
        for folder in steps[:-keep]:
            if folder not in pointed:
                shutil.rmtree(folder)

    def append_sample(self, step: int, val_loss: float, text: str) -> None:
        """Adds what the model wrote at an evaluation to samples.txt."""
        with self.samples.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"=== step {step} · val loss {val_loss:.4f}\n{text}\n\n")


def runs_root() -> Path:
    """`$ATTN_RUNS`, or `runs/` in the working directory."""
    return Path(os.environ.get("ATTN_RUNS") or "runs")


def create_run(out: Path | None, name: str) -> RunFolder:
    """Makes the folder of a new run, still empty.

    Args:
        out: The folder; None for a new one under `runs_root()`, named after text and time.
        name: Short name of the text.

    Raises:
        InputError: `out` exists and is not empty; nothing is ever overwritten.
        RunError: The folder cannot be made.
    """
    try:
        run = RunFolder(_new_folder(name) if out is None else out)
        if run.path.is_dir() and any(run.path.iterdir()):
            raise InputError(
                f"output folder {run.path} is not empty",
                "name a new one; attn never overwrites a run",
            )
        run.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"output {out} is not a folder", "name a new folder") from None
    except OSError as error:
        raise RunError(
            f"cannot write to {out or runs_root()}: {error.strerror}",
            "name another folder with --out",
        ) from None
    return run


def find_run(path: Path | None) -> RunFolder:
    """The run that `--run` names, by folder or by name; the newest one with a checkpoint.

    Raises:
        CheckpointError: There is none; the hint says what to type to make one.
    """
    if path is not None:
        for candidate in (path, runs_root() / path):
            if (candidate / "config.yaml").is_file():
                return RunFolder(candidate)
        if path.exists():
            raise CheckpointError(f"{path} is not a run", "a run is a folder with a config.yaml")
        raise CheckpointError(f"no run {path}", "`attn runs` lists the runs that there are")
    for run in list_runs():
        if (run.checkpoints / "latest").exists():
            return run
    raise CheckpointError(f"no run under {runs_root()}{os.sep} yet", "make one with: attn train")


def list_runs() -> Iterator[RunFolder]:
    """All runs under `runs_root()`, the newest first."""
    root = runs_root()
    found = list(root.glob("*/config.yaml")) if root.is_dir() else []
    for config in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        yield RunFolder(config.parent)


def _new_folder(name: str) -> Path:
    """A folder that was not there a moment ago, and is no other process's."""
    first = runs_root() / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in itertools.count(2):
        path = first if number == 2 else first.with_name(f"{first.name}-{number - 1}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.is_dir():
                raise
        else:
            return path
    raise AssertionError("counting does not end")
