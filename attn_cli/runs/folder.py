"""The folder of a run.

runs/NAME/config.yaml       resolved; trains the same again
          tokenizer.json
          metrics.jsonl     one object a logged step
          samples.txt       what it wrote at each evaluation
          text.txt          the text, where it came from standard input
          loss.svg          the curves
          metrics.csv, tensorboard/, trackio/, wandb/   where `--logger` asked for them
          checkpoints/      step-XXXXXXXX/ folders; `latest` and `best` name one each
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from attn_cli.config.load import dump_config
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError, InputError
from attn_cli.runs.durable import UNFINISHED, append, write_whole
from attn_cli.runs.reading import read_bounded
from attn_cli.text.tokenizer import Tokenizer

_STEP_FOLDER = re.compile(r"step-[0-9]{8,15}")
_SAMPLE = re.compile(r"(?:^|\n\n)=== step ([0-9]{1,15}) · val loss [^\n]*\n")
_LONGEST_POINTER = 100  # bytes
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
    def csv(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def trackio(self) -> Path:
        return self.path / "trackio"

    @property
    def wandb(self) -> Path:
        return self.path / "wandb"

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
        if not self.path.is_dir():
            return False
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
            name = read_bounded(pointer, _LONGEST_POINTER).decode("utf-8").strip()
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
        return sorted(found, key=step_of, reverse=True)

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
        append(self.samples, f"=== step {step} · val loss {val_loss:.4f}\n{text}\n\n")

    def sample(self, step: int) -> str:
        """What the model wrote at the evaluation after a step; empty if that is not there."""
        return dict(self.last_samples()).get(step, "")

    def last_samples(self) -> list[tuple[int, str]]:
        """The samples at the end of samples.txt, each with its step, oldest first."""
        if not self.samples.is_file():
            return []
        try:
            with self.samples.open("rb") as file:
                # The file may have grown over days.
                file.seek(max(0, self.samples.stat().st_size - _LAST_SAMPLES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        _, *parts = _SAMPLE.split(text)
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return [(int(step), sample.removesuffix("\n\n")) for step, sample in pairs]


def step_name(step: int) -> str:
    """The name of the folder of a step's checkpoint."""
    return f"step-{step:08d}"


def step_of(folder: Path) -> int:
    """The step that a checkpoint's folder is named after; -1 where it is named otherwise."""
    return int(folder.name[5:]) if _STEP_FOLDER.fullmatch(folder.name) else -1


def is_run(path: Path) -> bool:
    """Whether a folder holds a run: it has a configuration, or a checkpoint, which holds one."""
    run = RunFolder(path)
    return run.config.is_file() or bool(run.step_folders())
