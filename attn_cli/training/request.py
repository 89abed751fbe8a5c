"""What a user asks to be trained, the same from the command line and from Python."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attn_cli.config.load import Override
from attn_cli.config.presets import DEFAULT
from attn_cli.config.schema import Config
from attn_cli.errors import InputError

_EXCLUSIONS = (("minutes", "steps"), ("resume", "out"), ("resume", "init_from"))
# Any of them says when a run ends.
_ENDS = {"train.minutes", "train.steps", "train.max_epochs"}


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
    """

    config: str | None
    overrides: tuple[Override, ...]
    out: Path | None
    resume: str | None
    init_from: str | None

    @property
    def has_own_text(self) -> bool:
        """Whether there is a text of the user's, and no configuration that was made for it."""
        values = {override.key: override.value for override in self.overrides}
        own = "data.text" in values and values["data.text"] not in (DEFAULT, [DEFAULT])
        return own and self.config is None

    @property
    def leaves_size_open(self) -> bool:
        """Whether there is a text of the user's, for which nothing of the model is said."""
        return self.has_own_text and not any(
            override.key.startswith("model.") for override in self.overrides
        )

    @property
    def leaves_end_open(self) -> bool:
        """Whether nothing is said of when the run ends."""
        return not any(override.key in _ENDS for override in self.overrides)


def make_request(
    text: Sequence[str] = (),
    *,
    config: str | None = None,
    settings: Iterable[Override] = (),
    out: Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str | None = None,
    seed: int | None = None,
    lines: bool = False,
    resume: str | None = None,
    init_from: str | None = None,
    loggers: Sequence[str] = (),
) -> RunRequest:
    """The request that these arguments make; those that stand for a key win over `settings`.

    Raises:
        InputError: Two of them exclude each other.
    """
    given = {
        "minutes": minutes, "steps": steps, "resume": resume, "out": out, "init_from": init_from
    }  # fmt: skip
    for one, other in _EXCLUSIONS:
        if given[one] is not None and given[other] is not None:
            raise InputError(f"`{one}` and `{other}` exclude each other", "give one of the two")
    keys: dict[str, Any] = {"steps": steps, "minutes": minutes, "device": device, "seed": seed}
    overrides = [
        *settings,
        *(
            Override(f"train.{name}", value, f"`{name}` {str(value) or repr(value)}")
            for name, value in keys.items()
            if value is not None
        ),
    ]
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
    return RunRequest(config, tuple(overrides), out and out.expanduser(), resume, init_from)


def notes_on_overrides(request: RunRequest, config: Config) -> Iterator[str]:
    """Lines for the user: what else belongs to a value that was set."""
    keys = {override.key for override in request.overrides}
    train = config.train
    both = ("train.learning_rate", "train.matrix_learning_rate")
    if train.optimizer == "muon" and both[0] in keys and both[1] not in keys:
        yield (
            f"train.learning_rate {train.learning_rate:g} is AdamW's; Muon moves the matrices of "
            f"the blocks by train.matrix_learning_rate, which stays {train.matrix_learning_rate:g}"
        )
