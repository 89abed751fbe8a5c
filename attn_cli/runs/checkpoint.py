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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.model.memory_limits import format_bytes, parameter_bytes, total_memory
from attn_cli.model.parameter_shapes import Shape, parameter_count, parameter_shapes
from attn_cli.runs.folder import step_of
from attn_cli.runs.reading import read_bounded
from attn_cli.runs.state import DAMAGE_HINT, STATE, State, damaged, read_state
from attn_cli.text.tokenizer import Tokenizer, tokenizer_from_json

# What only writes text needs no torch, whose import takes a second; what makes a model
# of torch imports it then.
if TYPE_CHECKING:
    import torch

    from attn_cli.model.transformer import Transformer

MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
RANDOM = "random"

# Of a file of tensors beside its numbers: its header, and the states of random generators,
# 5 kB for each of the processes that trained it.
_HEADER_BYTES = 2**23

Memory = Mapping["torch.nn.Parameter", Mapping[str, "torch.Tensor"]]
Array = NDArray[Any]


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
        from attn_cli.model.build import build_model

        # Read before the model is made: a config may claim any size, a file has one.
        _ = self.weights
        model = build_model(self.config.model, self.tokenizer.vocab_size)
        self.load_weights(model)
        return model.to(device).eval()

    def load_weights(self, model: Transformer) -> None:
        """Copies the weights into a model of the same shape.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit the model.
        """
        import torch

        if {name: p.shape for name, p in model.named_parameters()} != self._shapes:
            raise CheckpointError(f"{self.folder / MODEL}: it is of another model")
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(torch.from_numpy(self.weights[name]))

    def load_memory(self, model: Transformer) -> Memory:
        """What the optimizers remember of each parameter of the model, by name.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit the model.
        """
        import torch

        memory: dict[torch.nn.Parameter, dict[str, torch.Tensor]] = {}
        parameters = dict(model.named_parameters())
        for key, array in self._remembered.items():
            name, _, what = key.rpartition("/")
            if name == RANDOM:
                continue
            if name not in parameters or parameters[name].shape != array.shape:
                raise damaged(self.folder / OPTIMIZER, f"{key} does not fit the model")
            memory.setdefault(parameters[name], {})[what] = torch.from_numpy(array)
        return memory

    def random_states(self) -> dict[str, torch.Tensor]:
        """The states of the random generators, by name.

        Raises:
            CheckpointError: The file is missing or damaged.
        """
        import torch

        prefix = f"{RANDOM}/"
        return {
            key.removeprefix(prefix): torch.from_numpy(array)
            for key, array in self._remembered.items()
            if key.startswith(prefix)
        }

    def verify(self) -> None:
        """Reads all of it, to make sure that it is whole.

        Raises:
            CheckpointError: A file of it is missing or damaged.
        """
        _ = self.weights, self._remembered

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The model's parameters by name, of the shapes that the config says.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit its config.
        """
        path = self.folder / MODEL
        expected = self._shapes
        arrays = _read_tensors(path, self.state, 4 * parameter_count(expected))
        if arrays.keys() != expected.keys():
            odd = sorted(arrays.keys() ^ expected.keys())[0]
            raise CheckpointError(f"{path}: its config has no match for {odd}", DAMAGE_HINT)
        for name, array in arrays.items():
            if array.dtype != np.float32:
                raise damaged(path, f"{name} holds {array.dtype}, not float32")
            if array.shape != expected[name]:
                raise CheckpointError(
                    f"{path}: {name} is {array.shape}, but its config says {expected[name]}",
                    DAMAGE_HINT,
                )
        return arrays

    @cached_property
    def _remembered(self) -> dict[str, Array]:
        # Two numbers for each parameter, at most.
        most = 2 * 4 * parameter_count(self._shapes)
        return _read_tensors(self.folder / OPTIMIZER, self.state, most)

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        """Of the parameters that the config says, which has to fit into this machine."""
        model, vocab_size = self.config.model, self.tokenizer.vocab_size
        size, memory = parameter_bytes(model, vocab_size), total_memory()
        if memory is not None and size > memory:
            raise CheckpointError(
                f"{self.folder}: its config says {format_bytes(size)} of weights, "
                f"and this machine has {format_bytes(memory)} of memory",
                DAMAGE_HINT,
            )
        return parameter_shapes(model, vocab_size)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads all but the tensors.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    state = read_state(folder)
    tokenizer = tokenizer_from_json(state.tokenizer)
    if state.data.bos_id >= tokenizer.vocab_size:
        raise damaged(folder / STATE, "data.bos_id is no symbol")
    if state.step != step_of(folder):
        raise damaged(folder / STATE, f"it is of step {state.step}")
    return Checkpoint(folder, state, tokenizer)


def _read_tensors(path: Path, state: State, most_bytes: int) -> dict[str, Array]:
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
    except (KeyError, ValueError, RuntimeError) as error:  # a format that numpy does not have
        raise damaged(path, f"{type(error).__name__}: {error}".partition("\n")[0]) from None
