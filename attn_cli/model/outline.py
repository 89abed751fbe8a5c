"""A model's names and shapes without its numbers, to judge a size before it is made."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from attn_cli.config.schema import ModelConfig
from attn_cli.model.transformer import Transformer


def outline(config: ModelConfig, vocab_size: int) -> Transformer:
    """The model on torch's `meta` device, where tensors have shapes and take no memory."""
    with torch.device("meta"):
        return Transformer(config, vocab_size)


def shapes(model: torch.nn.Module) -> dict[str, torch.Size]:
    """The shapes of a model's parameters, by name; a tied one counts once."""
    return {name: parameter.shape for name, parameter in model.named_parameters()}


def tensor_bytes(model: torch.nn.Module) -> int:
    """Bytes of a model's parameters and buffers."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.numel() * tensor.itemsize for tensor in tensors)


def machine_memory() -> int | None:
    """Bytes of memory that this process can ever have; None where the system does not say.

    That of the machine, or of the container that the process runs in.
    """
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows; an unusual system
        return None
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")
        return min(found, int(limit))
    except (OSError, ValueError):  # no container; a container without a limit says "max"
        return found
