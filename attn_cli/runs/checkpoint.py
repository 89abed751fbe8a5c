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
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from attn_cli import __version__
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.model.memory import gibibytes, machine_memory, needed_bytes
from attn_cli.model.outline import outline, parameter_count
from attn_cli.model.transformer import Transformer
from attn_cli.runs.durable import UNFINISHED, sync_folder, write_whole
from attn_cli.runs.folder import step_name, step_of
from attn_cli.runs.reading import read_bounded
from attn_cli.runs.state import (
    DAMAGE_HINT,
    STATE,
    DataFacts,
    Progress,
    State,
    damaged,
    read_state,
    seal,
)
from attn_cli.text.tokenizer import Tokenizer, tokenizer_from_json

_MODEL = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_RANDOM = "random"

# Of a file of tensors beside its numbers: its header, and the states of random generators.
_HEADER_BYTES = 2**20

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
        _ = self._weights
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
                raise damaged(self.folder / _OPTIMIZER, f"{key} does not fit the model")
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
        _ = self._weights, self._remembered

    @cached_property
    def _weights(self) -> dict[str, torch.Tensor]:
        """By name, of the shapes that the config says."""
        path = self.folder / _MODEL
        expected = self._shapes
        tensors = _read_tensors(path, self.state, 4 * parameter_count(expected))
        if tensors.keys() != expected.keys():
            odd = sorted(tensors.keys() ^ expected.keys())[0]
            raise CheckpointError(f"{path}: its config has no match for {odd}", DAMAGE_HINT)
        for name, tensor in tensors.items():
            if tensor.dtype != torch.float32:
                raise damaged(path, f"{name} holds {tensor.dtype}, not torch.float32")
            if tensor.shape != expected[name]:
                raise CheckpointError(
                    f"{path}: {name} is {tuple(tensor.shape)}, "
                    f"but its config says {tuple(expected[name])}",
                    DAMAGE_HINT,
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
                f"{self.folder}: its config says {gibibytes(size)} of weights, "
                f"and this machine has {gibibytes(memory)} of memory",
                DAMAGE_HINT,
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
    folder = checkpoints / step_name(progress.step)
    if folder.exists():
        files: dict[str, bytes] = {}
        digests = read_state(folder).sha256
    else:
        files = _tensor_files(model, memory, random)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
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
            "device": model.token_embedding.weight.device.type,
        },
        sha256=digests,
    )
    sealed = seal(state.model_dump(mode="json")).encode("utf-8", errors="surrogatepass")
    if not files:
        write_whole(folder / STATE, sealed)
        return folder
    beside = checkpoints / f".{folder.name}.{os.getpid()}{UNFINISHED}"
    beside.mkdir()
    try:
        for name, content in files.items():
            write_whole(beside / name, content)
        write_whole(beside / STATE, sealed)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync_folder(checkpoints)
    return folder


def _tensor_files(
    model: Transformer, memory: Memory, random: Mapping[str, torch.Tensor]
) -> dict[str, bytes]:
    """The content of the two files of tensors, by their names."""
    # named_parameters names a tied weight once, as safetensors wants it.
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    remembered = {
        f"{name}/{what}": value.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        for what, value in memory.get(parameter, {}).items()
    }
    remembered |= {f"{_RANDOM}/{which}": state for which, state in random.items()}
    return {_MODEL: save(weights), _OPTIMIZER: save(remembered)}


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads all but the tensors.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    state = read_state(folder)
    tokenizer = tokenizer_from_json(state.tokenizer)
    if state.data.start_id >= tokenizer.vocab_size:
        raise damaged(folder / STATE, "data.start_id is no symbol")
    if state.step != step_of(folder):
        raise damaged(folder / STATE, f"it is of step {state.step}")
    return Checkpoint(folder, state, tokenizer)


def _read_tensors(path: Path, state: State, most_bytes: int) -> dict[str, torch.Tensor]:
    """The tensors of a file that has its checksum, and no more bytes than it can need."""
    try:
        data = read_bounded(path, most_bytes + _HEADER_BYTES)
        if len(data) > most_bytes + _HEADER_BYTES:
            raise damaged(path, "it is larger than its config says")
        if hashlib.sha256(data).hexdigest() != state.sha256.get(path.name):
            raise damaged(path, "its checksum is wrong")
        return load(data)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing", DAMAGE_HINT) from None
    except (OSError, SafetensorError) as error:
        raise damaged(path, str(error).partition("\n")[0]) from None
    except (KeyError, ValueError, RuntimeError) as error:  # a format that torch does not have
        raise damaged(path, f"{type(error).__name__}: {error}".partition("\n")[0]) from None
