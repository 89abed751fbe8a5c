"""Checkpoints, saved and read back: all that a run needs to be resumed, complete or absent.

A checkpoint is a folder:

    step-00001000/model.safetensors      the parameters, by name
                  optimizer.safetensors  the optimizer state, as `parameter/exp_avg` and so on,
                                         and the states of random generators, `random/which`
                  state.json             progress, config, vocabulary, text, versions

It holds everything that is needed to use it. Nothing in it is ever executed: safetensors
holds numbers only, the rest is JSON. The checksum of each file, its own included, is in
state.json.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from attn_cli import __version__
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.model.memory_limits import parameter_bytes, total_memory
from attn_cli.model.parameter_shapes import Shape, parameter_count, parameter_shapes
from attn_cli.runs.atomic_files import atomic_write, atomic_write_folder, read_at_most
from attn_cli.runs.checkpoint_metadata import (
    DAMAGE_HINT,
    CheckpointMetadata,
    DatasetInfo,
    TrainerState,
    damaged,
    read_metadata,
    with_checksum,
)
from attn_cli.runs.machine import MachineInfo
from attn_cli.runs.run_folder import METADATA_FILE, RunFolder, step_name, step_of
from attn_cli.text.display import format_bytes
from attn_cli.text.tokenizer import Tokenizer, tokenizer_from_json

# torch takes a second to import, and generation on a CPU does without it.
if TYPE_CHECKING:
    import torch

    from attn_cli.model.stack import Stack

MODEL_FILE = "model.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
RANDOM = "random"

# What a file of tensors has beside parameters and optimizer state: its header, and the states
# of random generators, 5 kB for each process that trained.
_HEADER_BYTES = 2**23

OptimizerState = Mapping["torch.nn.Parameter", Mapping[str, "torch.Tensor"]]
Array = NDArray[Any]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read back."""

    folder: Path
    metadata: CheckpointMetadata  # the content of its `state.json`
    tokenizer: Tokenizer

    @property
    def config(self) -> Config:
        return self.metadata.config

    def load_model(self, device: torch.device | str = "cpu") -> Stack:
        """The model with this checkpoint's weights, in evaluation mode.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit its config.
        """
        from attn_cli.model.build import build_model

        # Before the model is made: a config may claim any size, while a file has one.
        _ = self.weights
        vocab_size, n_labels = self.tokenizer.vocab_size, len(self.metadata.data.labels)
        model = build_model(self.config.model, vocab_size, self.config.task, n_labels)
        self.load_weights(model)
        return model.to(device).eval()

    def load_weights(self, model: Stack) -> None:
        """Copies the weights into a model of the same configuration.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit the model.
        """
        if {name: p.shape for name, p in model.named_parameters()} != self._shapes:
            raise CheckpointError(f"{self.folder / MODEL_FILE}: it is of another model")
        self._copy_weights(model.named_parameters())

    def load_trunk(self, model: Stack) -> None:
        """Copies the weights of all but what is of labels into a model that may have others.

        Raises:
            CheckpointError: The file is missing or damaged.
        """
        own = ("head.", "ngram_scores.")
        parameters = model.named_parameters()
        self._copy_weights((name, p) for name, p in parameters if not name.startswith(own))

    def _copy_weights(self, parameters: Iterable[tuple[str, torch.nn.Parameter]]) -> None:
        import torch

        with torch.no_grad():
            for name, parameter in parameters:
                parameter.copy_(torch.from_numpy(self.weights[name]))

    def load_optimizer_state(self, model: Stack) -> OptimizerState:
        """The optimizer state of each of the model's parameters, by name.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit the model.
        """
        import torch

        state: dict[torch.nn.Parameter, dict[str, torch.Tensor]] = {}
        parameters = dict(model.named_parameters())
        for key, array in self._optimizer_arrays.items():
            name, _, what = key.rpartition("/")
            if name == RANDOM:
                continue
            # As large as the parameter, or one number for all of it.
            if name not in parameters or array.shape not in ((), parameters[name].shape):
                raise damaged(self.folder / OPTIMIZER_FILE, f"{key} does not fit the model")
            state.setdefault(parameters[name], {})[what] = torch.from_numpy(array)
        return state

    def random_states(self) -> dict[str, torch.Tensor]:
        """The states of the random generators, by name.

        Raises:
            CheckpointError: The file is missing or damaged.
        """
        import torch

        prefix = f"{RANDOM}/"
        return {
            key.removeprefix(prefix): torch.from_numpy(array)
            for key, array in self._optimizer_arrays.items()
            if key.startswith(prefix)
        }

    def verify(self) -> None:
        """Reads every file and checks it against its checksum.

        Raises:
            CheckpointError: A file is missing or damaged.
        """
        _ = self.weights, self._optimizer_arrays

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The model's parameters by name, with the shapes that follow from its config.

        Raises:
            CheckpointError: The file is missing or damaged, or does not fit its config.
        """
        path = self.folder / MODEL_FILE
        expected = self._shapes
        arrays = _read_tensors(path, self.metadata, 4 * parameter_count(expected))
        if arrays.keys() != expected.keys():
            name = sorted(arrays.keys() ^ expected.keys())[0]
            raise CheckpointError(f"{path}: its config has no match for {name}", DAMAGE_HINT)
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
    def _optimizer_arrays(self) -> dict[str, Array]:
        """The tensors of optimizer.safetensors, by their names there."""
        # Two numbers for each parameter, at most.
        max_bytes = 2 * 4 * parameter_count(self._shapes)
        return _read_tensors(self.folder / OPTIMIZER_FILE, self.metadata, max_bytes)

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        """The parameters' shapes by name, of a model that fits into this machine's memory."""
        model, vocab_size, task = self.config.model, self.tokenizer.vocab_size, self.config.task
        size, memory = parameter_bytes(model, vocab_size, task), total_memory()
        if memory is not None and size > memory:
            raise CheckpointError(
                f"{self.folder}: its config says {format_bytes(size)} of weights, "
                f"and this machine has {format_bytes(memory)} of memory",
                DAMAGE_HINT,
            )
        return parameter_shapes(model, vocab_size, len(self.metadata.data.labels), task)


def read_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint in a folder; its tensors are read when they are used.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    metadata = read_metadata(folder)
    tokenizer = tokenizer_from_json(metadata.tokenizer)
    if metadata.data.bos_id >= tokenizer.vocab_size:
        raise damaged(folder / METADATA_FILE, "data.bos_id is not in the vocabulary")
    if metadata.step != step_of(folder):
        raise damaged(folder / METADATA_FILE, f"it is of step {metadata.step}")
    return Checkpoint(folder, metadata, tokenizer)


def read_current(
    find: Callable[[], tuple[RunFolder, Path]], *, with_weights: bool
) -> tuple[RunFolder, Checkpoint]:
    """A run, and the checkpoint that it has now.

    A run that is training may delete a checkpoint while it is read: then it has a newer one.

    Args:
        find: The run and the folder of its checkpoint, looked up anew each time.
        with_weights: Whether to read the weights at once, before they can be deleted.

    Raises:
        CheckpointError: It is missing or damaged, and no other has taken its place.
    """
    while True:
        run, folder = find()
        try:
            checkpoint = read_checkpoint(folder)
            if with_weights:
                _ = checkpoint.weights
        except CheckpointError:
            if find()[1] == folder:
                raise
        else:
            return run, checkpoint


def save_checkpoint(
    checkpoints: Path,
    model: Stack,
    optimizer_state: Mapping[str, Mapping[str, torch.Tensor]],
    random_states: Mapping[str, torch.Tensor],
    config: Config,
    tokenizer: Tokenizer,
    data: DatasetInfo,
    trainer_state: TrainerState,
    machine: MachineInfo | None = None,
) -> Path:
    """Writes a checkpoint and returns its folder, `step-XXXXXXXX/`.

    A step that is saved again, after its evaluation, gets a new state.json only: its
    weights are the same, and there is no moment in which they are not there.

    Args:
        checkpoints: The run's folder of checkpoints.
        model: The model, with fp32 parameters.
        optimizer_state: The state tensors of each parameter, by parameter name and tensor name.
        random_states: The states of random generators, by name.
        config: The run's configuration.
        tokenizer: The run's tokenizer.
        data: What text the model is trained on.
        trainer_state: How far the run has come.
        machine: What it is trained on; None where it was trained elsewhere.

    Raises:
        OSError: It cannot be written; what was there before is unchanged.
    """
    folder = checkpoints / step_name(trainer_state.step)
    if folder.exists():
        files: dict[str, bytes] = {}
        digests = read_metadata(folder).sha256
    else:
        files = _tensor_files(model, optimizer_state, random_states)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    metadata = CheckpointMetadata(
        **dict(trainer_state),
        parameters=model.parameter_count(),
        data=data,
        config=config,
        tokenizer=tokenizer.to_json(),
        versions=_versions(model.token_embedding.weight.device),
        machine=machine,
        sha256=digests,
    )
    record = with_checksum(metadata.model_dump(mode="json"))
    files[METADATA_FILE] = record.encode("utf-8", errors="surrogatepass")
    if folder.exists():
        atomic_write(folder / METADATA_FILE, files[METADATA_FILE])
        return folder
    atomic_write_folder(folder, files)
    return folder


def _versions(device: torch.device) -> dict[str, str]:
    """What a checkpoint is written by and where the model was: useful when something differs."""
    import torch

    return {
        "attn": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": device.type,
    }


def _read_tensors(path: Path, metadata: CheckpointMetadata, max_bytes: int) -> dict[str, Array]:
    """The tensors of a file, after checking its size and checksum."""
    try:
        data = read_at_most(path, max_bytes + _HEADER_BYTES)
        if len(data) > max_bytes + _HEADER_BYTES:
            raise damaged(path, "it is larger than its config says")
        if hashlib.sha256(data).hexdigest() != metadata.sha256.get(path.name):
            raise damaged(path, "its checksum is wrong")
        return load(data)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing", DAMAGE_HINT) from None
    except (OSError, SafetensorError) as error:
        raise damaged(path, str(error).partition("\n")[0]) from None
    except (KeyError, ValueError, RuntimeError) as error:  # a dtype that NumPy does not have
        raise damaged(path, f"{type(error).__name__}: {error}".partition("\n")[0]) from None


def _tensor_files(
    model: Stack,
    optimizer_state: Mapping[str, Mapping[str, torch.Tensor]],
    random_states: Mapping[str, torch.Tensor],
) -> dict[str, bytes]:
    """The content of the two files of tensors, by file name."""
    from safetensors.torch import save

    # named_parameters names a tied weight once, as safetensors wants it.
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    training = {
        f"{name}/{what}": value.detach().cpu().contiguous()
        for name in weights
        for what, value in optimizer_state.get(name, {}).items()
    }
    training |= {f"{RANDOM}/{which}": state for which, state in random_states.items()}
    return {MODEL_FILE: save(weights), OPTIMIZER_FILE: save(training)}
