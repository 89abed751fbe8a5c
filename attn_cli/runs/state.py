"""`state.json` of a checkpoint: all of it but the tensors, and the checksums of every file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.runs.reading import read_bounded

FORMAT: Final = 2
STATE = "state.json"
# The largest vocabulary, all of Unicode, takes 12 MB; what is larger is no state.
MOST_STATE_BYTES = 2**24
DAMAGE_HINT = "use another run or checkpoint; `attn runs` lists them"

_Count = Annotated[int, Field(ge=0, le=10**15)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class DataFacts(_Facts):
    """The text that a model was trained on."""

    name: str
    """Its short name."""
    chars: _Count
    """Its length."""
    sha256: str
    """Of the whole text."""
    bos_id: _Count
    """What a new document begins after."""


class SinceLine(_Facts):
    """Steps that no line of the metrics tells of yet."""

    steps: _Count = 0
    """How many were applied."""
    skipped: _Count = 0
    """How many were not, because their loss or gradient was not a number."""
    loss: _Number = 0.0
    """Sum of the losses of those that were applied, nats per character."""
    norm: _Number | None = None
    """Length of the last gradient that was applied, before clipping."""
    rate: _Number = 0.0
    """The last step size."""
    seconds: _Seconds = 0.0
    """Time in steps."""


class Progress(_Facts):
    """How far a run has come; the defaults are its beginning."""

    step: _Count = 0
    """Optimizer steps done."""
    chars: _Count = 0
    """Characters trained on."""
    seconds: _Seconds = 0.0
    """Time that the run has taken."""
    looked: bool = True
    """Whether what is due after the step was done: its line, its evaluation."""
    ended: bool = False
    """Whether nothing is left to do."""
    best_step: _Count = 0
    """The step with the lowest validation loss; 0 before the first evaluation."""
    best_val_loss: _Number | None = None
    """That loss, nats per character."""
    evaluations_since_best: _Count = 0
    """How many there were without a better loss."""
    lowest_train_loss: _Number | None = None
    """Of all lines of the metrics, nats per character."""
    skipped_in_a_row: _Count = 0
    """Steps, the last one included, that could not be applied."""
    fastest_step: _Seconds | None = None
    """Seconds of the fastest step."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads that were chosen for its steps, on a machine without other work."""
    since_line: SinceLine = SinceLine()
    """What the next line of the metrics has to tell."""
    last_line: str | None = None
    """The last line of the metrics."""
    samples_bytes: _Count = 0
    """The length of samples.txt."""


class State(Progress):
    """All of `state.json`."""

    format: Literal[2] = FORMAT
    """The version of this layout."""
    parameters: _Count
    """Learned numbers."""
    data: DataFacts
    """The text."""
    config: Config
    """The configuration of the run."""
    tokenizer: dict[str, Any]
    """The vocabulary."""
    versions: dict[str, str]
    """What it was made with."""
    sha256: dict[str, str]
    """Of the files beside this one; and of this one, without this entry, as sorted JSON."""


def read_state(folder: Path) -> State:
    """The state of the checkpoint in a folder.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    path = folder / STATE
    try:
        raw = read_bounded(path, MOST_STATE_BYTES)
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {folder}", DAMAGE_HINT) from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}", DAMAGE_HINT) from None
    if len(raw) > MOST_STATE_BYTES:
        raise damaged(path, f"it is larger than {MOST_STATE_BYTES:,} bytes")
    try:
        record = json.loads(raw)
        state = State.model_validate(record)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        if where == "format":
            raise CheckpointError(
                f"{path} is of another format than {FORMAT}",
                "it was made by another version of attn; use that one",
            ) from None
        raise damaged(path, f"{where}: {wrong['msg']}" if where else wrong["msg"]) from None
    except RecursionError:
        raise damaged(path, "nested too deeply") from None
    except ValueError as error:  # not JSON, not UTF-8, a number of thousands of digits
        raise damaged(path, str(error).partition("\n")[0]) from None
    if state.sha256.get(STATE) != _own_digest(record):
        raise damaged(path, "its checksum is wrong")
    return state


def seal(record: dict[str, Any]) -> str:
    """The text of a state.json, with the checksum of itself in it."""
    sealed = {**record, "sha256": {**record["sha256"], STATE: _own_digest(record)}}
    return json.dumps(sealed, indent=1, ensure_ascii=False, allow_nan=False)


def damaged(path: Path, what: str) -> CheckpointError:
    """The error for a file of a checkpoint that is not as it was written."""
    return CheckpointError(f"{path} is damaged: {what}", DAMAGE_HINT)


def _own_digest(record: dict[str, Any]) -> str:
    """Of all but itself; of what the JSON says, so that its layout is free."""
    others = {name: digest for name, digest in record["sha256"].items() if name != STATE}
    text = json.dumps({**record, "sha256": others}, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
