"""The folder of a run.

runs/NAME/config.yaml       every setting; trains the same model again
          tokenizer.json
          metrics.jsonl     one object per logged step
          samples.txt       text generated at each evaluation
          text.txt          the training text, where it came from standard input;
          text.jsonl        the same with a label for each line
          loss.svg          the loss plot
          metrics.csv, tensorboard/, trackio/, wandb/   of the loggers that were asked for
          checkpoints/      step-XXXXXXXX/ folders; `latest` and `best` hold the name of one
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attn_cli.errors import CheckpointError, InputError
from attn_cli.runs.atomic_files import (
    TMP_SUFFIX,
    append,
    atomic_write,
    is_temporary,
    read_at_most,
)

if TYPE_CHECKING:  # Tab completion looks for runs, and waits for no import
    from attn_cli.config.schema import Config
    from attn_cli.text.sources import Source
    from attn_cli.text.tokenizer import Tokenizer

METADATA_FILE = "state.json"  # of a checkpoint
_STEP_FOLDER = re.compile(r"step-[0-9]{8,15}")
_SAMPLE = re.compile(r"(?:^|\n\n)=== step ([0-9]{1,15}) · val loss [^\n]*\n")
_MAX_POINTER_BYTES = 100
_MAX_SAMPLES_BYTES = 2**22


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path
    kind: ClassVar = "run"

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
    def loss_plot(self) -> Path:
        return self.path / "loss.svg"

    @property
    def text(self) -> Path:
        """The training text, where it came from standard input; a table where it was one."""
        return self._text_table if self._text_table.is_file() else self.path / "text.txt"

    @property
    def _text_table(self) -> Path:
        return self.path / "text.jsonl"

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

    def check_unused(self) -> None:
        """Makes sure that the folder is empty but for what a run killed at its start leaves.

        Raises:
            InputError: It has other files.
        """
        if self._is_blank():
            return
        hint = "name a new one"
        if is_run(self.path):
            hint += f", or resume the run: attn train --resume {shlex.quote(str(self.path))}"
        raise InputError(
            f"output folder {self.path} is not empty", f"{hint}; attn never overwrites anything"
        )

    def remove_if_empty(self, *, folder_too: bool) -> None:
        """Removes what was made for a run that could not start.

        Args:
            folder_too: Whether to remove the folder itself: not where the user named it.
        """
        if not self._is_blank():
            return
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        for path in self.path.iterdir():
            path.unlink()
        if folder_too:
            self.path.rmdir()

    def _is_blank(self) -> bool:
        """Whether the folder is there, with nothing but what is hidden among its checkpoints and
        files that a killed process had not renamed yet.
        """
        if not self.path.is_dir():
            return False
        names = {path.name for path in self.path.iterdir() if not is_temporary(path)}
        if names == {self.checkpoints.name} and self.checkpoints.is_dir():
            names = {path.name for path in self.checkpoints.iterdir() if path.name[0] != "."}
        return not names

    def write_config_and_tokenizer(self, config: Config, tokenizer: Tokenizer) -> None:
        """Writes config.yaml and tokenizer.json, which make the folder a run."""
        self.checkpoints.mkdir(exist_ok=True)
        self.write_config(config)
        atomic_write(self.tokenizer, json.dumps(tokenizer.to_json(), ensure_ascii=False))

    def write_config(self, config: Config) -> None:
        """Writes config.yaml; again once the run has resolved what was left to it."""
        from attn_cli.config.load import dump_config

        atomic_write(self.config, dump_config(config))

    def save_text(self, source: Source) -> Path:
        """Saves a text that is nowhere else, such as standard input, and returns its file."""
        path = self._text_table if source.is_table else self.text
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(source.json_lines() if source.is_table else source.chunks())
            file.flush()
            os.fsync(file.fileno())
        return path

    def best_or_latest(self) -> Path:
        """The folder of the best checkpoint; of the latest before the first evaluation.

        Raises:
            CheckpointError: There is none yet, or a pointer names something else.
        """
        for which in ("best", "latest"):
            if (found := self.pointed(which)) is not None:
                return found
        # Killed just before the first pointer was written.
        for folder in self.step_folders():
            return folder
        raise self._no_checkpoint()

    def checkpoint(self, which: str) -> Path:
        """The checkpoint folder that `latest` or `best` names.

        Raises:
            CheckpointError: There is none yet, or the file names something else.
        """
        found = self.pointed(which)
        if found is None:
            raise self._no_checkpoint()
        return found

    def pointed(self, which: str) -> Path | None:
        """What `latest` or `best` names; None where there is no such file, or no longer."""
        pointer = self.checkpoints / which
        try:
            name = read_at_most(pointer, _MAX_POINTER_BYTES).decode("utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise CheckpointError(f"{pointer} cannot be read") from None
        if not _STEP_FOLDER.fullmatch(name):
            raise CheckpointError(
                f"{pointer} is damaged: it names {name[:40]!r}",
                f"write into it the name of one of the folders in {self.checkpoints}",
            )
        return self.checkpoints / name

    def _no_checkpoint(self) -> CheckpointError:
        return CheckpointError(
            f"run {self.path} has no checkpoint", "train it for longer, or use another run"
        )

    def set_pointer(self, which: str, checkpoint: Path) -> None:
        """Makes `latest` or `best` name a checkpoint."""
        atomic_write(self.checkpoints / which, checkpoint.name + "\n")

    def step_folders(self) -> list[Path]:
        """The checkpoint folders, valid or not, newest first."""
        if not self.checkpoints.is_dir():
            return []
        found = [path for path in self.checkpoints.iterdir() if _STEP_FOLDER.fullmatch(path.name)]
        return sorted(found, key=step_of, reverse=True)

    def prune(self, keep: int) -> None:
        """Deletes all but the newest `keep` checkpoints and those that a pointer names."""
        pointed = {self.pointed("latest"), self.pointed("best")}
        for folder in self.step_folders()[keep:]:
            if folder not in pointed:
                # Renamed first: a half deleted checkpoint must not look like a damaged one.
                doomed = folder.with_name(f".{folder.name}{TMP_SUFFIX}")
                folder.replace(doomed)
                shutil.rmtree(doomed)

    def append_sample(self, step: int, val_loss: float, text: str) -> None:
        """Adds the text generated at an evaluation to samples.txt.

        Raises:
            OSError: It cannot be written.
        """
        append(self.samples, f"=== step {step} · val loss {val_loss:.4f}\n{text}\n\n")

    def sample(self, step: int) -> str:
        """The text generated at the evaluation after a step; empty if there is none."""
        return dict(self.last_samples()).get(step, "")

    def last_samples(self) -> list[tuple[int, str]]:
        """The samples at the end of samples.txt, each with its step, oldest first."""
        if not self.samples.is_file():
            return []
        try:
            with self.samples.open("rb") as file:
                # The file may have grown over days.
                file.seek(max(0, self.samples.stat().st_size - _MAX_SAMPLES_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        _, *parts = _SAMPLE.split(text)
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return [(int(step), sample.removesuffix("\n\n")) for step, sample in pairs]


def step_name(step: int) -> str:
    """The name of the checkpoint folder of a step."""
    return f"step-{step:08d}"


def step_of(folder: Path) -> int:
    """The step that a checkpoint folder is named after; -1 where it has another name."""
    return int(folder.name[5:]) if _STEP_FOLDER.fullmatch(folder.name) else -1


def is_run(path: Path) -> bool:
    """Whether a folder is a run: it has a config.yaml, or a checkpoint, which contains one."""
    run = RunFolder(path)
    return run.config.is_file() or bool(run.step_folders())
