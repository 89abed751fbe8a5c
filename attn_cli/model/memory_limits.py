"""Memory in bytes: what parameters take, what the machine has, what an error asked for."""

import os
import re
import sys
from pathlib import Path

from attn_cli.config.schema import ModelConfig, Task
from attn_cli.model.parameter_shapes import parameter_count, parameter_shapes
from attn_cli.text.display import format_bytes


def parameter_bytes(config: ModelConfig, vocab_size: int, task: Task = "lm") -> int:
    """Bytes of a model's parameters in fp32, and of the constants that it computes with."""
    widths = {"sinusoidal": config.n_embd, "rope": config.n_embd // config.n_head}
    # An angle in 8 bytes for two channels, and the sine and the cosine of it in 4 each.
    tables = 12 * config.block_size * widths.get(config.position, 0)
    if config.ngrams:  # how their rows are found, by numbers of 8 bytes
        tables += 8 * len(config.ngrams) * (max(config.ngrams) + 2)
    return 4 * parameter_count(parameter_shapes(config, vocab_size, task=task)) + tables


def total_memory() -> int | None:
    """Bytes of memory of the machine, or of the container that this process runs in.

    None where the system does not say.
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


def requested_memory(error: BaseException) -> str | None:
    """How much memory was requested, for an error that says there was not enough; else None.

    torch has an exception of its own for a GPU's memory; a CPU's is known by its text alone.
    """
    text = str(error)
    if found := re.search(r"allocate (\d+) bytes", text):
        return format_bytes(int(found[1]))
    if found := re.search(r"allocate ([\d.]+ [KMGT]iB)", text):
        return f"{found[1]} more"
    # A class of torch, which need not be there for memory to run out.
    torch = sys.modules.get("torch")
    short = isinstance(error, MemoryError) or (
        torch is not None and isinstance(error, torch.OutOfMemoryError)
    )
    return "more than there is" if short or "not enough memory" in text else None
