"""Checkpoints: all that a run needs to go on from one step, whole or absent.

A checkpoint is a folder:

    step-00001000/model.safetensors      the parameters, by name
                  optimizer.safetensors  what the optimizer remembers, `parameter/what`, and
                                         the states of random generators, `random/which`
                  state.json             how far it had come, config, vocabulary, text, versions

It says everything that is needed to use it. Nothing in it is ever executed:
safetensors holds numbers only, the rest is JSON. Each file has its checksum in
state.json, which has one of itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from attn_cli import __version__
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.model.outline import machine_memory, needed_bytes, outline, parameter_count
from attn_cli.model.transformer import Transformer
from attn_cli.runs.durable import UNFINISHED, sync_folder, write_whole
from attn_cli.text.tokenizer import Tokenizer, tokenizer_from_json

FORMAT: Final = 2
_MODEL = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_STATE = "state.json"
_RANDOM = "random"

# The largest vocabulary, all of Unicode, takes 12 MB; what is larger is no state.
MOST_STATE_BYTES = 2**24
# Of a file of tensors beside its numbers: its header, and the states of random generators.
_HEADER_BYTES = 2**20

_Count = Annotated[int, Field(ge=0)]
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
    start_id: _Count
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


Memory = Mapping[torch.nn.Parameter, Mapping[str, torch.Tensor]]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read back.

    Attributes:
        folder: Where it lies.
        state: All of its `state.json`.
        tokenizer: Its vocabulary.
    """

    folder: Path
    state: State
    tokenizer: Tokenizer

    @property
    def config(self) -> Config:
        return self.state.config

    def load_model(self, device: torch.device | str = "cpu") -> Transformer:
        """The model with this checkpoint's weights, ready to evaluate.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit its config.
        """
        # Read before the model is made: a config may claim any size, a file has one.
        assert self._weights is not None
        model = Transformer(self.config.model, self.tokenizer.vocab_size)
        self.load_weights(model)
        return model.to(device).eval()

    def load_weights(self, model: Transformer) -> None:
        """Copies the weights into a model of the same shape.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit the model.
        """
        if {name: p.shape for name, p in model.named_parameters()} != self._shapes:
            raise CheckpointError(f"{self.folder / _MODEL}: it is of another model")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(self._weights[name])

    def load_memory(self, model: Transformer) -> Memory:
        """What the optimizers remember of each parameter of the model, by name.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit the model.
        """
        memory: dict[torch.nn.Parameter, dict[str, torch.Tensor]] = {}
        parameters = dict(model.named_parameters())
        for key, tensor in self._remembered.items():
            name, _, what = key.rpartition("/")
            if name == _RANDOM:
                continue
            if name not in parameters or parameters[name].shape != tensor.shape:
                raise _damaged(self.folder / _OPTIMIZER, f"{key} does not fit the model")
            memory.setdefault(parameters[name], {})[what] = tensor
        return memory

    def random_states(self) -> dict[str, torch.Tensor]:
        """The states of the random generators, by name.

        Raises:
            CheckpointError: The file is missing or damaged.
        """
        prefix = f"{_RANDOM}/"
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self._remembered.items()
            if key.startswith(prefix)
        }

    def verify(self) -> None:
        """Reads all of it, to make sure that it is whole.

        Raises:
            CheckpointError: A file of it is missing or damaged.
        """
        assert self._weights is not None
        assert self._remembered is not None

    @cached_property
    def _weights(self) -> dict[str, torch.Tensor]:
        """By name, of the shapes that the config says."""
        path = self.folder / _MODEL
        expected = self._shapes
        tensors = _read_tensors(path, self.state, 4 * parameter_count(expected))
        if tensors.keys() != expected.keys():
            odd = sorted(tensors.keys() ^ expected.keys())[0]
            raise CheckpointError(f"{path}: its config has no match for {odd}", _DAMAGE_HINT)
        for name, tensor in tensors.items():
            if tensor.dtype != torch.float32:
                raise _damaged(path, f"{name} holds {tensor.dtype}, not torch.float32")
            if tensor.shape != expected[name]:
                raise CheckpointError(
                    f"{path}: {name} is {tuple(tensor.shape)}, "
                    f"but its config says {tuple(expected[name])}",
                    _DAMAGE_HINT,
                )
        return tensors

    @cached_property
    def _remembered(self) -> dict[str, torch.Tensor]:
        # Two numbers for each parameter, at most.
        most = 2 * 4 * parameter_count(self._shapes)
        return _read_tensors(self.folder / _OPTIMIZER, self.state, most)

    @cached_property
    def _shapes(self) -> dict[str, torch.Size]:
        """Of the parameters that the config says, which has to fit into this machine."""
        model, vocab_size = self.config.model, self.tokenizer.vocab_size
        size, memory = needed_bytes(model, vocab_size), machine_memory()
        if memory is not None and size > memory:
            raise CheckpointError(
                f"{self.folder}: its config says {size / 2**30:,.0f} GiB of weights, "
                f"and this machine has {memory / 2**30:,.0f} GiB of memory",
                _DAMAGE_HINT,
            )
        return outline(model, vocab_size)


def save_checkpoint(
    checkpoints: Path,
    model: Transformer,
    memory: Memory,
    random: Mapping[str, torch.Tensor],
    config: Config,
    tokenizer: Tokenizer,
    data: DataFacts,
    progress: Progress,
) -> Path:
    """Writes `step-XXXXXXXX/` beside, syncs it and renames it into place.

    A step that is saved again, after its evaluation, gets a new state.json alone: its
    weights are the same, and there is no moment in which they are not there.

    Args:
        checkpoints: The run's folder of checkpoints.
        memory: What the optimizers remember of each parameter, by name.
        random: The states of random generators, by name.
        data: The text.
        progress: How far the run has come.

    Returns:
        The new folder.

    Raises:
        OSError: It cannot be written; what was there before is as it was.
    """
    # named_parameters names a tied weight once, as safetensors wants it.
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    remembered = {
        f"{name}/{what}": value.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        for what, value in memory.get(parameter, {}).items()
    }
    remembered |= {f"{_RANDOM}/{which}": state for which, state in random.items()}
    files = {_MODEL: save(weights), _OPTIMIZER: save(remembered)}
    state = State(
        **dict(progress),
        parameters=model.parameter_count(),
        data=data,
        config=config,
        tokenizer=tokenizer.to_json(),
        versions={
            "attn": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )
    sealed = seal(state.model_dump(mode="json")).encode("utf-8", errors="surrogatepass")

    folder = checkpoints / f"step-{progress.step:08d}"
    if folder.exists():
        write_whole(folder / _STATE, sealed)
        return folder
    beside = checkpoints / f".{folder.name}.{os.getpid()}{UNFINISHED}"
    beside.mkdir()
    try:
        for name, content in files.items():
            write_whole(beside / name, content)
        write_whole(beside / _STATE, sealed)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync_folder(checkpoints)
    return folder


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads all but the tensors.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    path = folder / _STATE
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_STATE_BYTES + 1)
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {folder}", _DAMAGE_HINT) from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}", _DAMAGE_HINT) from None
    if len(raw) > MOST_STATE_BYTES:
        raise _damaged(path, f"it is larger than {MOST_STATE_BYTES:,} bytes")
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
        raise _damaged(path, f"{where}: {wrong['msg']}" if where else wrong["msg"]) from None
    except RecursionError:
        raise _damaged(path, "nested too deeply") from None
    except ValueError as error:  # not JSON, not UTF-8, a number of thousands of digits
        raise _damaged(path, str(error).partition("\n")[0]) from None
    if state.sha256.get(_STATE) != _own_digest(record):
        raise _damaged(path, "its checksum is wrong")
    tokenizer = tokenizer_from_json(state.tokenizer)
    if state.data.start_id >= tokenizer.vocab_size:
        raise _damaged(path, "data.start_id is no symbol")
    return Checkpoint(folder, state, tokenizer)


def seal(record: dict[str, Any]) -> str:
    """The text of a state.json, with the checksum of itself in it."""
    sealed = {**record, "sha256": {**record["sha256"], _STATE: _own_digest(record)}}
    return json.dumps(sealed, indent=1, ensure_ascii=False, allow_nan=False)


_DAMAGE_HINT = "use another run or checkpoint; `attn runs` lists them"


def _own_digest(record: dict[str, Any]) -> str:
    """Of all but itself; of what the JSON says, so that its layout is free."""
    others = {name: digest for name, digest in record["sha256"].items() if name != _STATE}
    text = json.dumps({**record, "sha256": others}, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _read_tensors(path: Path, state: State, most_bytes: int) -> dict[str, torch.Tensor]:
    """The tensors of a file that has its checksum, and no more bytes than it can need."""
    try:
        if path.stat().st_size > most_bytes + _HEADER_BYTES:
            raise _damaged(path, "it is larger than its config says")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != state.sha256.get(path.name):
            raise _damaged(path, "its checksum is wrong")
        return load(data)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing", _DAMAGE_HINT) from None
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error).partition("\n")[0]) from None
    except (KeyError, ValueError, RuntimeError) as error:  # a format that torch does not have
        raise _damaged(path, f"{type(error).__name__}: {error}".partition("\n")[0]) from None


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} is damaged: {what}", _DAMAGE_HINT)
