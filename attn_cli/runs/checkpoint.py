"""Checkpoints: weights, optimizer and state of one step, whole or absent.

A checkpoint is a folder:

    step-00001000/model.safetensors      the parameters, by name
                  optimizer.safetensors  what the optimizer remembers, `parameter/what`
                  state.json             step, losses, config, vocabulary, data, versions

It says everything that is needed to use it. Nothing in it is ever executed:
safetensors holds numbers only, the rest is JSON.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from attn_cli import __version__
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.model.transformer import Transformer
from attn_cli.runs.durable import sync_folder, write_whole
from attn_cli.text.tokenizer import Tokenizer, tokenizer_from_json

_MODEL = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_STATE = "state.json"

_Count = Annotated[int, Field(ge=0)]


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


class Progress(_Facts):
    """How far a run had come."""

    step: _Count
    """Optimizer steps done."""
    chars: _Count
    """Characters trained on."""
    seconds: float
    """Time since the start of the run."""
    best_step: _Count
    """The step with the lowest validation loss; 0 before the first evaluation."""
    best_val_loss: float | None
    """That loss, nats per character."""
    data: DataFacts
    """The text."""


class State(Progress):
    """All of `state.json`."""

    format: Literal[1] = 1
    """The version of this layout."""
    parameters: _Count
    """Learned numbers."""
    config: Config
    """The configuration of the run."""
    tokenizer: dict[str, Any]
    """The vocabulary."""
    versions: dict[str, str]
    """What it was made with."""
    sha256: dict[str, str]
    """Of the files beside this one."""


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
        tensors = _read_tensors(self.folder / _MODEL, self.state)
        model = Transformer(self.config.model, self.tokenizer.vocab_size)
        parameters = dict(model.named_parameters())
        if tensors.keys() != parameters.keys():
            odd = sorted(tensors.keys() ^ parameters.keys())[0]
            raise CheckpointError(f"{self.folder / _MODEL}: its config has no match for {odd}")
        with torch.no_grad():
            for name, parameter in parameters.items():
                if tensors[name].shape != parameter.shape:
                    raise CheckpointError(
                        f"{self.folder / _MODEL}: {name} is {tuple(tensors[name].shape)}, "
                        f"but its config says {tuple(parameter.shape)}"
                    )
                parameter.copy_(tensors[name])
        return model.to(device).eval()


def save_checkpoint(
    checkpoints: Path,
    model: Transformer,
    memory: Mapping[torch.nn.Parameter, Mapping[str, torch.Tensor]],
    config: Config,
    tokenizer: Tokenizer,
    progress: Progress,
) -> Path:
    """Writes `step-XXXXXXXX/` beside, syncs it and renames it into place.

    A step that is saved again, after its evaluation, gets a new state.json alone: its
    weights are the same, and there is no moment in which they are not there.

    Args:
        checkpoints: The run's folder of checkpoints.
        memory: What the optimizers remember of each parameter, by name.
        progress: How far the run has come.

    Returns:
        The new folder.
    """
    # named_parameters names a tied weight once, as safetensors wants it.
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    remembered = {
        f"{name}/{what}": value.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        for what, value in memory.get(parameter, {}).items()
    }
    remembered["random/torch"] = torch.get_rng_state()
    files = {_MODEL: save(weights), _OPTIMIZER: save(remembered)}
    state = State(
        **dict(progress),
        parameters=model.parameter_count(),
        config=config,
        tokenizer=tokenizer.to_json(),
        versions={
            "attn": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        sha256={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    ).model_dump_json(indent=1)

    folder = checkpoints / f"step-{progress.step:08d}"
    if folder.exists():
        write_whole(folder / _STATE, state)
        return folder
    beside = checkpoints / f".{folder.name}.{os.getpid()}.tmp"
    beside.mkdir()
    try:
        for name, data in files.items():
            write_whole(beside / name, data)
        write_whole(beside / _STATE, state)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync_folder(checkpoints)
    return folder


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads all but the weights.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    path = folder / _STATE
    try:
        state = State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {folder}", _DAMAGE_HINT) from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}", _DAMAGE_HINT) from None
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        what = f"{where}: {wrong['msg']}" if where else wrong["msg"]
        hint = "it may be of another version of attn" if where == "format" else _DAMAGE_HINT
        raise CheckpointError(f"{path} is damaged: {what}", hint) from None
    tokenizer = tokenizer_from_json(state.tokenizer)
    if state.data.start_id >= tokenizer.vocab_size:
        raise CheckpointError(f"{path} is damaged: data.start_id is no symbol", _DAMAGE_HINT)
    return Checkpoint(folder, state, tokenizer)


_DAMAGE_HINT = "use another run or checkpoint; `attn runs` lists them"


def _read_tensors(path: Path, state: State) -> dict[str, torch.Tensor]:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != state.sha256.get(path.name):
            raise CheckpointError(f"{path} is damaged: its checksum is wrong", _DAMAGE_HINT)
        return load(data)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing", _DAMAGE_HINT) from None
    except (OSError, SafetensorError) as error:
        what = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} is damaged: {what}", _DAMAGE_HINT) from None
