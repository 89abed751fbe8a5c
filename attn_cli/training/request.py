"""What a user asks to be trained, the same from the command line and from Python."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn_cli.config.load import Override
from attn_cli.config.presets import DEFAULT, presets
from attn_cli.config.schema import Config
from attn_cli.errors import InputError
from attn_cli.runs.run_lookup import resolve_name, resolve_run
from attn_cli.text.builtin import LABELLED_NAMES, PAIR_FEATURES

_EXCLUSIONS = (
    ("minutes", "steps"), ("resume", "out"), ("resume", "init_from"), ("resume", "name"),
    ("name", "out"), ("more_minutes", "more_steps"),
)  # fmt: skip
# Any of them says when a run ends.
_ENDS = {"train.minutes", "train.steps", "train.max_epochs"}
_NAME = re.compile(r"\w([\w.-]{0,98}\w)?")


@dataclass(frozen=True)
class RunRequest:
    """A run to train: a new one, or one to resume.

    Attributes:
        config: A configuration's file, or the name of a built-in one; None for the default one,
            or for that of the run to resume.
        overrides: Values that replace those of the configuration.
        out: The folder of a new run; None for one under `runs_root()`.
        resume: The run to resume, by its folder or name; empty for the newest one; None for a
            new run.
        init_from: The run or checkpoint whose weights and vocabulary a new run begins with.
        name: The name of a new run's folder under `runs_root()`; None for one of text and time.
        more: How many more minutes or steps to train the run to resume: the value is added to what
            it has done.
    """

    config: str | None
    overrides: tuple[Override, ...]
    out: Path | None
    resume: str | None
    init_from: str | None
    name: str | None = None
    more: Override | None = None

    @property
    def has_own_text(self) -> bool:
        """Whether there is a text of the user's, and no configuration that was made for it."""
        values = {override.key: override.value for override in self.overrides}
        own = "data.text" in values and values["data.text"] not in (DEFAULT, [DEFAULT])
        return own and self.config is None

    @property
    def builtin_settings(self) -> dict[str, Any]:
        """The task of built-in texts and their columns, where no configuration is named."""
        values = {override.key: override.value for override in self.overrides}
        texts = values.get("data.text", ())
        names = {texts} if isinstance(texts, str) else set(texts)
        if self.config is not None or not names:
            return {}
        if names <= set(LABELLED_NAMES):
            return {"task": "classify"}
        if names <= set(PAIR_FEATURES) and values.get("task", "seq2seq") == "seq2seq":
            features = sorted({column for name in names for column in PAIR_FEATURES[name]})
            return {"task": "seq2seq", "data.features": features or None}
        return {}

    @property
    def leaves_size_open(self) -> bool:
        """Whether there is a text of the user's, for which nothing of the model's size is said.

        Embeddings of n-grams are beside a model of any size, or are left out.
        """
        keys = (override.key for override in self.overrides)
        of_model = [key for key in keys if key.startswith("model.")]
        return self.has_own_text and all(key.startswith("model.ngram") for key in of_model)

    @property
    def leaves_end_open(self) -> bool:
        """Whether nothing is said of when the run ends."""
        return not any(override.key in _ENDS for override in self.overrides)


def make_request(
    text: Sequence[str] = (),
    *,
    task: str | None = None,
    config: str | None = None,
    settings: Iterable[Override] = (),
    out: Path | None = None,
    name: str | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str | None = None,
    seed: int | None = None,
    lines: bool = False,
    resume: str | None = None,
    more_minutes: float | None = None,
    more_steps: int | None = None,
    init_from: str | None = None,
    loggers: Sequence[str] = (),
) -> RunRequest:
    """The request that these arguments make; those that stand for a key win over `settings`.

    Raises:
        InputError: Two of them exclude each other, or one is not what it has to be.
    """
    given = {
        "minutes": minutes, "steps": steps, "resume": resume, "out": out, "init_from": init_from,
        "name": name, "more_minutes": more_minutes, "more_steps": more_steps,
    }  # fmt: skip
    for one, other in _EXCLUSIONS:
        if given[one] is not None and given[other] is not None:
            raise InputError(f"`{one}` and `{other}` exclude each other", "give one of the two")
    keys: dict[str, Any] = {
        "train.steps": steps, "train.minutes": minutes, "train.device": device, "train.seed": seed,
        "task": task,
    }  # fmt: skip
    overrides = list(settings)
    for key, value in keys.items():
        if value is not None:
            origin = f"`{key.removeprefix('train.')}` {str(value) or repr(value)}"
            overrides.append(Override(key, value, origin))
    if steps is not None:
        overrides.append(Override("train.minutes", None, "`steps`"))
    if lines:
        overrides.append(Override("data.records", "lines", "`lines`"))
    if text:
        overrides.append(Override("data.text", list(text), "text"))
    if loggers:
        overrides.append(
            Override("train.loggers", list(loggers), f"`loggers` {' '.join(loggers) or repr('')}")
        )
    if name is not None:
        _check_name(name)
    more = _more(more_minutes, more_steps)
    if more is not None:
        _check_more(more, resume, overrides)
    return RunRequest(
        config, tuple(overrides), out and out.expanduser(), resume, init_from, name, more
    )


def _check_name(name: str) -> None:
    """Refuses a name that is none of a folder on every system.

    Raises:
        InputError: It has other characters than it may.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"`name` {name!r}: a run's name has letters, digits and, between them, - _ and .",
            "for a folder elsewhere, give `out` instead",
        )


def _more(minutes: float | None, steps: int | None) -> Override | None:
    """What to add to what a run has done, if anything."""
    if minutes is not None:
        return Override("train.minutes", minutes, f"`more_minutes` {minutes}")
    return None if steps is None else Override("train.steps", steps, f"`more_steps` {steps}")


def _check_more(more: Override, resume: str | None, overrides: Iterable[Override]) -> None:
    """Refuses more to do where there is no run to resume, and beside another end.

    Raises:
        InputError: It does not go with the rest of the request, or is no amount.
    """
    if not isinstance(more.value, int | float) or not more.value > 0:
        raise InputError(f"{more.origin}: should be a number greater than 0")
    if resume is None:
        raise InputError(
            f"{more.origin} is for a run to resume",
            "name it with `resume`; a new run takes `minutes` or `steps`",
        )
    for override in overrides:
        if override.key in ("train.minutes", "train.steps"):
            raise InputError(
                f"{more.origin} and {override.origin} exclude each other",
                "one adds to what the run has done, the other is the whole of it",
            )


def notes_on_names(request: RunRequest) -> Iterator[str]:
    """Lines for the user: which runs were taken where others have the same name."""
    if request.resume and (note := resolve_name(Path(request.resume), trained=False)[1]):
        yield note
    if request.init_from:
        yield from resolve_run(Path(request.init_from))[1]


def notes_on_overrides(request: RunRequest, config: Config) -> Iterator[str]:
    """Lines for the user: what else belongs to a value that was set, or has its name."""
    name = request.config
    if name in {preset.name for preset in presets()}:
        for path in filter(os.path.lexists, (name, f"{name}.yaml")):
            yield f"config {name} is the built-in one; for the file here: .{os.sep}{path}"
    keys = {override.key for override in request.overrides}
    train = config.train
    both = ("train.learning_rate", "train.matrix_learning_rate")
    if train.optimizer == "muon" and both[0] in keys and both[1] not in keys:
        yield (
            f"train.learning_rate {train.learning_rate:g} is AdamW's; Muon moves the matrices of "
            f"the blocks by train.matrix_learning_rate, which stays {train.matrix_learning_rate:g}"
        )
