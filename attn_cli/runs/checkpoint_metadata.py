"""`state.json` of a checkpoint: everything but the tensors, with the checksums of all files."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.runs.atomic_files import read_at_most
from attn_cli.runs.machine import MachineInfo
from attn_cli.runs.run_folder import METADATA_FILE

FORMAT: Final = 3
# The largest vocabulary, all of Unicode, takes 12 MB.
MAX_METADATA_BYTES = 2**24
DAMAGE_HINT = "use another run or checkpoint; `attn runs` lists them"

_Count = Annotated[int, Field(ge=0, le=10**15)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class TextInfo(_Frozen):
    """What identifies a text."""

    name: str
    """Its short name."""
    chars: _Count
    """Its length in characters; 0 where the text is not known."""
    sha256: str
    """SHA-256 of the whole text."""


class DatasetInfo(TextInfo):
    """The text that a model was trained on."""

    bos_id: _Count
    """The id that a new document begins after."""
    labels: list[str] = []
    """The names of the labels, in the order of the model's outputs; none in other tasks."""
    validation: TextInfo | None = None
    """The text that it was validated on; none where that is a part of the training text."""


class PendingMetrics(_Frozen):
    """Measurements of the steps since the last line of metrics.jsonl."""

    steps: _Count = 0
    """Steps that were applied."""
    skipped: _Count = 0
    """Steps that were skipped, because their loss or gradient was not finite."""
    chars: _Count = 0
    """Characters that they predicted."""
    loss_sum: _Number = 0.0
    """Sum of the losses of the applied steps, nats per character."""
    grad_norm: _Number | None = None
    """Gradient norm of the last applied step, before clipping."""
    learning_rate: _Number = 0.0
    """Learning rate of the last step."""
    seconds: _Seconds = 0.0
    """Time spent in steps."""


class TrainerState(_Frozen):
    """How far a run has come; the defaults are those of a new run."""

    step: _Count = 0
    """Optimizer steps done."""
    chars: _Count = 0
    """Characters trained on."""
    seconds: _Seconds = 0.0
    """Time that the run has taken."""
    post_step_done: bool = True
    """Whether what is due after the last step was done: logging, evaluation."""
    finished: bool = False
    """Whether the run has nothing left to do."""
    best_step: _Count = 0
    """The step with the best evaluation, by `train.best_by`; 0 before the first."""
    best_val_loss: _Number | None = None
    """The validation loss of that step, nats per character, or per example."""
    best_metric: _Number | None = None
    """The value of `train.best_by` at that step."""
    evaluations_since_best: _Count = 0
    """Evaluations in a row without a better one."""
    lowest_train_loss: _Number | None = None
    """The lowest training loss in metrics.jsonl, nats per character."""
    consecutive_skips: _Count = 0
    """Steps in a row, up to the last one, that were skipped."""
    fastest_step: _Seconds | None = None
    """Duration of the fastest step, in seconds."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads that were chosen for its steps, on a machine without other work."""
    pending: PendingMetrics = PendingMetrics()
    """What the next line of metrics.jsonl has to report."""
    last_record: str | None = None
    """The last line of metrics.jsonl."""
    samples_bytes: _Count = 0
    """The length of samples.txt."""


class CheckpointMetadata(TrainerState):
    """The content of `state.json`."""

    format: Literal[3] = FORMAT
    """Version of the checkpoint format."""
    parameters: _Count
    """Number of learned parameters."""
    data: DatasetInfo
    """The text that the model was trained on."""
    config: Config
    """The configuration of the run."""
    tokenizer: dict[str, Any]
    """The vocabulary, as in tokenizer.json."""
    versions: dict[str, str]
    """Versions of attn, torch and Python, and the kind of device."""
    machine: MachineInfo | None = None
    """What it was trained on; none where it was not trained by attn."""
    sha256: dict[str, str]
    """SHA-256 of each file; of this one as sorted JSON without its own entry."""


def read_metadata(folder: Path) -> CheckpointMetadata:
    """The metadata of the checkpoint in a folder.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    path = folder / METADATA_FILE
    try:
        raw = read_at_most(path, MAX_METADATA_BYTES)
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {folder}", DAMAGE_HINT) from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}", DAMAGE_HINT) from None
    if len(raw) > MAX_METADATA_BYTES:
        raise damaged(path, f"it is larger than {MAX_METADATA_BYTES:,} bytes")
    try:
        record = json.loads(raw)
        metadata = CheckpointMetadata.model_validate(record)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        # A key may be anything, and an error is one line.
        where = " ".join(".".join(map(str, wrong["loc"])).split())
        if where == "format":
            raise CheckpointError(
                f"{path} is not of checkpoint format {FORMAT}",
                "it was made by another version of attn; use that one",
            ) from None
        raise damaged(path, f"{where}: {wrong['msg']}" if where else wrong["msg"]) from None
    except RecursionError:
        raise damaged(path, "nested too deeply") from None
    except ValueError as error:  # not JSON, not UTF-8, a number of thousands of digits
        raise damaged(path, str(error).partition("\n")[0]) from None
    if metadata.sha256.get(METADATA_FILE) != _own_digest(record):
        raise damaged(path, "its checksum is wrong")
    return metadata


def with_checksum(record: dict[str, Any]) -> str:
    """The text of a state.json, with its own checksum in it."""
    digests = {**record["sha256"], METADATA_FILE: _own_digest(record)}
    return json.dumps({**record, "sha256": digests}, indent=1, ensure_ascii=False, allow_nan=False)


def damaged(path: Path, what: str) -> CheckpointError:
    """The error for a file of a checkpoint that is not as it was written."""
    return CheckpointError(f"{path} is damaged: {what}", DAMAGE_HINT)


def _own_digest(record: dict[str, Any]) -> str:
    """SHA-256 of everything but itself, as sorted JSON, so that the layout does not matter."""
    others = {name: digest for name, digest in record["sha256"].items() if name != METADATA_FILE}
    text = json.dumps({**record, "sha256": others}, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
