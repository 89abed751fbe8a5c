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
import shlex
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attn_cli.config.load import dump_config
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError, InputError, RunError
from attn_cli.runs.durable import UNFINISHED, append, write_whole
from attn_cli.text.tokenizer import Tokenizer

_STEP_FOLDER = re.compile(r"step-[0-9]{8,20}")
_LONGEST_POINTER = 100  # characters
_LAST_SAMPLES = 2**22  # bytes


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

    @property
    def lock(self) -> Path:
        return self.checkpoints / ".lock"

    @property
    def lock_holder(self) -> Path:
        return self.checkpoints / ".pid"

    def require_unused(self) -> None:
        """Makes sure that nothing is there but what a run leaves that was killed as it began.

        Raises:
            InputError: Something is.
        """
        if self._is_blank():
            return
        go_on = f"go on with it: attn train --resume {shlex.quote(str(self.path))}"
        raise InputError(
            f"output folder {self.path} is not empty",
            f"name a new one{f', or {go_on}' if is_run(self.path) else ''}; "
            "attn never overwrites anything",
        )

    def discard_if_blank(self, *, whole: bool) -> None:
        """Removes what was made for a run that could not begin.

        Args:
            whole: Whether the folder itself goes, too: not where the user named it.
        """
        if not self._is_blank():
            return
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        if whole:
            self.path.rmdir()

    def _is_blank(self) -> bool:
        names = {path.name for path in self.path.iterdir()}
        if names == {self.checkpoints.name} and self.checkpoints.is_dir():
            names = {path.name for path in self.checkpoints.iterdir() if path.name[0] != "."}
        return not names

    def describe(self, config: Config, tokenizer: Tokenizer) -> None:
        """Writes config.yaml and tokenizer.json: from here on the folder is a run."""
        self.checkpoints.mkdir(exist_ok=True)
        self.settle(config)
        write_whole(self.tokenizer, json.dumps(tokenizer.to_json(), ensure_ascii=False))

    def settle(self, config: Config) -> None:
        """Writes config.yaml, anew where the run itself decided what was left open."""
        write_whole(self.config, dump_config(config))

    def keep_text(self, chunks: Iterable[str]) -> Path:
        """Keeps a text that is nowhere else, such as standard input, in the run's folder."""
        with self.text.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        return self.text

    def to_use(self) -> Path:
        """The best checkpoint; the latest, before the first evaluation.

        Raises:
            CheckpointError: There is none yet.
        """
        for which in ("best", "latest"):
            if (self.checkpoints / which).exists():
                return self.checkpoint(which)
        # Killed just before the first pointer was written.
        for folder in self.step_folders():
            return folder
        raise CheckpointError(
            f"run {self.path} has no checkpoint", "train it for longer, or use another run"
        )

    def checkpoint(self, which: str) -> Path:
        """The folder that `latest` or `best` names.

        Raises:
            CheckpointError: There is none yet, or the file names something else.
        """
        pointer = self.checkpoints / which
        try:
            with pointer.open(encoding="utf-8") as file:
                name = file.read(_LONGEST_POINTER).strip()
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

    def step_folders(self) -> list[Path]:
        """The checkpoints that are there, whole or not, the newest first."""
        if not self.checkpoints.is_dir():
            return []
        found = [path for path in self.checkpoints.iterdir() if _STEP_FOLDER.fullmatch(path.name)]
        return sorted(found, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)

    def prune(self, keep: int) -> None:
        """Deletes all but the newest `keep` checkpoints and those that a pointer names."""
        pointed = {
            self.checkpoint(which)
            for which in ("latest", "best")
            if (self.checkpoints / which).exists()
        }
        for folder in self.step_folders()[keep:]:
            if folder not in pointed:
                # Gone at once: a checkpoint that is half deleted must not look like a damaged one.
                going = folder.with_name(f".{folder.name}{UNFINISHED}")
                folder.replace(going)
                shutil.rmtree(going)

    def append_sample(self, step: int, val_loss: float, text: str) -> None:
        """Adds what the model wrote at an evaluation to samples.txt.

        Raises:
            OSError: It cannot be written.
        """
        append(self.samples, f"{_sample_heading(step)}val loss {val_loss:.4f}\n{text}\n\n")

    def sample(self, step: int) -> str:
        """What the model wrote at the evaluation after a step; empty if that is not there."""
        try:
            with self.samples.open("rb") as file:
                # It is near the end; the file may have grown over days.
                file.seek(max(0, self.samples.stat().st_size - _LAST_SAMPLES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        before, heading, after = text.rpartition(_sample_heading(step))
        if not heading or (before and not before.endswith("\n")):
            return ""
        return after.partition("\n")[2].split("\n\n=== step ")[0]


def _sample_heading(step: int) -> str:
    return f"=== step {step} · "


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
        run.path.mkdir(parents=True, exist_ok=True)
        run.require_unused()
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
            if is_run(candidate):
                return RunFolder(candidate)
        if path.exists():
            raise CheckpointError(
                f"{path} is not a run", "a run is a folder with a config.yaml, made by attn train"
            )
        raise CheckpointError(f"no run {path}", "`attn runs` lists the runs that there are")
    for run in list_runs():
        if run.step_folders():
            return run
    raise CheckpointError(f"no run under {runs_root()}{os.sep} yet", "make one with: attn train")


def newest_run() -> RunFolder:
    """The run that was begun or gone on with last, whether it has a checkpoint or not.

    Raises:
        CheckpointError: There is none.
    """
    for run in list_runs():
        return run
    raise CheckpointError(f"no run under {runs_root()}{os.sep} yet", "make one with: attn train")


def is_run(path: Path) -> bool:
    """Whether a folder holds a run: it has a configuration, or a checkpoint, which holds one."""
    run = RunFolder(path)
    return run.config.is_file() or bool(run.step_folders())


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
