"""Checkpoints as they are written: to a temporary folder, synced, then renamed into place."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save

from attn_cli import __version__
from attn_cli.config.schema import Config
from attn_cli.model.transformer import Transformer
from attn_cli.runs.atomic_files import TMP_SUFFIX, atomic_write, sync_folder
from attn_cli.runs.checkpoint import MODEL_FILE, OPTIMIZER_FILE, RANDOM
from attn_cli.runs.checkpoint_metadata import (
    METADATA_FILE,
    CheckpointMetadata,
    DatasetInfo,
    TrainerState,
    read_metadata,
    with_checksum,
)
from attn_cli.runs.run_folder import step_name
from attn_cli.text.tokenizer import Tokenizer


def save_checkpoint(
    checkpoints: Path,
    model: Transformer,
    optimizer_state: Mapping[str, Mapping[str, torch.Tensor]],
    random_states: Mapping[str, torch.Tensor],
    config: Config,
    tokenizer: Tokenizer,
    data: DatasetInfo,
    trainer_state: TrainerState,
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
        versions={
            "attn": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": model.token_embedding.weight.device.type,
        },
        sha256=digests,
    )
    record = with_checksum(metadata.model_dump(mode="json"))
    files[METADATA_FILE] = record.encode("utf-8", errors="surrogatepass")
    if folder.exists():
        atomic_write(folder / METADATA_FILE, files[METADATA_FILE])
        return folder
    _write_folder(folder, files)
    return folder


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes a folder of files, complete or not at all."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}{TMP_SUFFIX}")
    temporary.mkdir()
    try:
        for name, content in files.items():
            atomic_write(temporary / name, content)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(folder.parent)


def _tensor_files(
    model: Transformer,
    optimizer_state: Mapping[str, Mapping[str, torch.Tensor]],
    random_states: Mapping[str, torch.Tensor],
) -> dict[str, bytes]:
    """The content of the two files of tensors, by file name."""
    # named_parameters names a tied weight once, as safetensors wants it.
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    training = {
        f"{name}/{what}": value.detach().cpu().contiguous()
        for name in weights
        for what, value in optimizer_state.get(name, {}).items()
    }
    training |= {f"{RANDOM}/{which}": state for which, state in random_states.items()}
    return {MODEL_FILE: save(weights), OPTIMIZER_FILE: save(training)}
