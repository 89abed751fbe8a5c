"""Writes a checkpoint: beside, synced, then renamed into place."""

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
from attn_cli.runs.checkpoint import MODEL, OPTIMIZER, RANDOM
from attn_cli.runs.durable import UNFINISHED, sync_folder, write_whole
from attn_cli.runs.folder import step_name
from attn_cli.runs.state import STATE, DataFacts, Progress, State, read_state, seal
from attn_cli.text.tokenizer import Tokenizer


def save_checkpoint(
    checkpoints: Path,
    model: Transformer,
    memory: Mapping[str, Mapping[str, torch.Tensor]],
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
        memory: What the optimizers remember, by parameter and name.
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
    model: Transformer,
    memory: Mapping[str, Mapping[str, torch.Tensor]],
    random: Mapping[str, torch.Tensor],
) -> dict[str, bytes]:
    """The content of the two files of tensors, by their names."""
    # named_parameters names a tied weight once, as safetensors wants it.
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    remembered = {
        f"{name}/{what}": value.detach().cpu().contiguous()
        for name in weights
        for what, value in memory.get(name, {}).items()
    }
    remembered |= {f"{RANDOM}/{which}": state for which, state in random.items()}
    return {MODEL: save(weights), OPTIMIZER: save(remembered)}
