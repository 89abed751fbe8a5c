"""How much memory a model needs, how much there is, and how much was asked for in vain."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from attn_cli.config.schema import ModelConfig
from attn_cli.model.outline import outline, parameter_count


def needed_bytes(config: ModelConfig, vocab_size: int) -> int:
    """Bytes that the weights of a model take, and the tables of its positions."""
    widths = {"sinusoidal": config.n_embd, "rope": config.n_embd // config.n_head}
    # An angle in 8 bytes for two channels, and the sine and the cosine of it in 4 each.
    tables = 12 * config.block_size * widths.get(config.position, 0)
    return 4 * parameter_count(outline(config, vocab_size)) + tables


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


def asked_memory(error: BaseException) -> str | None:
    """How much memory was asked for, where that is what failed; else None.

    torch has a class of its own for a GPU's memory; a CPU's is told by its text alone.
    """
    text = str(error)
    if found := re.search(r"allocate (\d+) bytes", text):
        return gibibytes(int(found[1]))
    if found := re.search(r"allocate ([\d.]+ [KMGT]iB)", text):
        return f"{found[1]} more"
    # A class of torch, which need not be there for memory to run out.
    torch = sys.modules.get("torch")
    short = isinstance(error, MemoryError) or (
        torch is not None and isinstance(error, torch.OutOfMemoryError)
    )
    return "more than there is" if short or "not enough memory" in text else None


def gibibytes(size: int) -> str:
    """A number of bytes as people say it."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


def kibibytes(size: int) -> str:
    """A number of bytes, of whatever size, as people say it."""
    return gibibytes(size) if size >= 10 * 2**20 else f"{size / 2**10:,.1f} KiB"
