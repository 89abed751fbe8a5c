"""What a report says of one run: what its folder has, and what its model does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from attn_cli.config.diff import diff_configs
from attn_cli.config.load import dump_config
from attn_cli.config.schema import Config
from attn_cli.generation.memorization import LongestMatch
from attn_cli.inspection.report.measured import Measured
from attn_cli.runs.checkpoint_metadata import CheckpointMetadata
from attn_cli.runs.metrics import StepMetrics, nats_to_bits
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_group import is_group
from attn_cli.text.display import counted


@dataclass(frozen=True)
class Sample:
    """What a run wrote at an evaluation.

    Attributes:
        step: Steps done then.
        val_loss: Measured then; None where the metrics do not say.
        text: What it wrote.
        match: Its longest passage that stands in the training text; None where it is not known.
    """

    step: int
    val_loss: float | None
    text: str
    match: LongestMatch | None = None

    @property
    def parts(self) -> tuple[str, str, str]:
        """What comes before the passage, the passage, and what comes after it."""
        if self.match is None:
            return self.text, "", ""
        end = self.match.start + self.match.length
        return self.text[: self.match.start], self.match.text, self.text[end:]

    @property
    def copied(self) -> float | None:
        """The share of the sample that the passage is."""
        return None if self.match is None else self.match.length / max(1, len(self.text))


@dataclass(frozen=True)
class RunReport:
    """What is known of a run.

    Attributes:
        folder: The run.
        config: Its settings.
        state: What its latest checkpoint says; None where there is none that can be read.
        metrics: The lines of metrics.jsonl, oldest first.
        samples: Some of its samples, the first and the last among them.
        gaps: What is missing, a sentence each.
        measured: What its model and its text were measured for; nothing in a short report.
    """

    folder: RunFolder
    config: Config
    state: CheckpointMetadata | None
    metrics: Sequence[StepMetrics]
    samples: Sequence[Sample]
    gaps: Sequence[str]
    measured: Measured = field(default_factory=Measured)

    @property
    def name(self) -> str:
        """The name of its folder, of a group's run with that of the group: fit to be published."""
        path = self.folder.path.resolve()
        return f"{path.parent.name}/{path.name}" if is_group(path.parent) else path.name

    @cached_property
    def unit(self) -> str:
        """What a loss is per."""
        if self.config.task in ("classify", "seq2seq"):
            return "example" if self.config.task == "classify" else "symbol"
        unit = "byte" if self.config.data.tokenizer == "bytes" else "character"
        return f"hidden {unit}" if self.config.task == "mlm" else unit

    @property
    def about(self) -> str:
        """One line: what it is and what it was trained on."""
        text = "" if self.state is None else f", trained on {self.state.data.name}"
        return f"task {self.config.task}, seed {self.config.train.seed}{text}"

    @property
    def best(self) -> StepMetrics | None:
        """The line of the best evaluation; before it is known, that of the lowest loss."""
        evaluated = [line for line in self.metrics if line.val_loss is not None]
        if self.state is not None:
            return next((each for each in evaluated if each.step == self.state.best_step), None)
        return min(evaluated, key=lambda line: line.val_loss or 0.0, default=None)

    @property
    def val_loss(self) -> float | None:
        """The validation loss of the best evaluation."""
        if self.state is not None:
            return self.state.best_val_loss
        return None if self.best is None else self.best.val_loss

    @property
    def figures(self) -> Iterator[tuple[str, str, str]]:
        """What a reader looks for first: a name, a number, and what belongs to it."""
        best, state, task = self.best, self.state, self.config.task
        layers = counted(self.config.model.n_layer, "layer")
        if best is not None and best.val_accuracy is not None:
            yield "accuracy", f"{best.val_accuracy:.1%}", "of the validation split"
        if best is not None and best.val_macro_f1 is not None:
            yield "macro-F1", f"{best.val_macro_f1:.3f}", "the mean over labels"
        if best is not None and best.val_error_rate is not None:
            yield "error rate", f"{best.val_error_rate:.2%}", "edits over target characters"
        if self.val_loss is not None:
            at = "" if state is None else f", at step {state.best_step:,}"
            yield "validation loss", f"{self.val_loss:.4f}", f"nats per {self.unit}{at}"
            if task in ("lm", "mlm"):
                yield "the same in bits", f"{nats_to_bits(self.val_loss):.4f}", f"per {self.unit}"
        if state is not None:
            yield "parameters", f"{state.parameters:,}", f"in {layers}"
        last = self.metrics[-1] if self.metrics else None
        done = state or last
        if done is not None:
            ended = "" if state is not None and state.finished else "so far, not finished; "
            trained = f"{ended}{done.chars:,} characters in {done.seconds:,.0f} s"
            yield "trained for", counted(done.step, "step"), trained

    @property
    def methods(self) -> list[tuple[str, float, bool]]:
        """Bits per character of the model, of simple methods and of the text, the most first.

        Each with its name, and whether it is the model.
        """
        measured = self.measured
        found = [
            (name, bits, False)
            for name, bits in (measured.baselines.by_name if measured.baselines else {}).items()
        ]
        if self.val_loss is not None:
            found.append(("this model", nats_to_bits(self.val_loss), True))
        if measured.floor is not None:
            found.append(("the text’s own entropy", measured.floor, False))
        return sorted(found, key=lambda each: -each[1])

    @cached_property
    def shared_config(self) -> Config:
        """The settings with the names of texts alone: a report is shared, and folders are not."""
        data = self.config.data
        names = {
            key: [Path(name).name for name in getattr(data, key)]
            for key in ("text", "validation")
            if getattr(data, key)
        }
        return self.config.model_copy(update={"data": data.model_copy(update=names)})

    @property
    def settings(self) -> list[tuple[str, Any, Any]]:
        """The settings that differ from the defaults: key, value, default."""
        changes = diff_configs(self.shared_config, Config())
        return [(each.key, each.old, each.new) for each in changes]

    @property
    def yaml(self) -> str:
        """Every setting, to train the same again."""
        return dump_config(self.shared_config)

    @property
    def shown_gaps(self) -> list[str]:
        """What is missing, without the folders that error messages name."""
        texts = [*self.config.data.text, *(self.config.data.validation or ())]
        folders = {f"{Path(name).parent}/" for name in (self.folder.path, *texts)} - {"./", "//"}
        longest_first = "|".join(map(re.escape, sorted(folders, key=len, reverse=True)))
        return [re.sub(longest_first, "", gap) if folders else gap for gap in self.gaps]

    @property
    def machine(self) -> Iterator[tuple[str, str]]:
        """What it was trained on and with, by name."""
        if self.state is None:
            return
        if self.state.machine is not None:
            yield "machine", str(self.state.machine)
        yield from self.state.versions.items()

    @property
    def commands(self) -> Iterator[tuple[str, str]]:
        """What to type to train it again and to use it, each with what it does."""
        run = f"--run {shlex.quote(self.name)}"
        note = ", in as many minutes" if self.config.train.minutes is not None else ""
        again = f"train the same again{note}, with the settings below saved as config.yaml"
        yield again, "attn train --config config.yaml"
        if self.measured.command is not None:
            yield "use it", f"{self.measured.command} {run}"
        if self.config.task == "classify":
            yield "measure it", f"attn evaluate {run} --svg confusion.svg"
        else:
            yield "look inside", f"attn explain {run} --html page.html"
