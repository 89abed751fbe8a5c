"""What a run was trained on: without it, times of two runs cannot be compared."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch


class MachineInfo(BaseModel):
    """What identifies a machine, as far as it decides how long a run takes."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    processor: str
    """Name of the processor, or of the accelerator that the model is on."""
    cores: Annotated[int, Field(ge=1)]
    """Processor cores that the run may use."""
    threads: Annotated[int, Field(ge=1)]
    """Threads that torch computes with."""

    def __str__(self) -> str:
        plural = "s" if self.threads > 1 else ""
        return f"{self.processor}, {self.threads} thread{plural} of {self.cores} cores"


def this_machine(device: torch.device) -> MachineInfo:
    """The machine that this process runs on, with a model on this device."""
    import torch

    on_gpu = device.type == "cuda"
    processor = torch.cuda.get_device_name(device) if on_gpu else _processor()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return MachineInfo(processor=processor, cores=cores or 1, threads=torch.get_num_threads())


@cache
def _processor() -> str:
    """The name of the processor: as Linux gives it, or else as Python does."""
    info = Path("/proc/cpuinfo")
    text = info.read_text("utf-8", errors="replace") if info.is_file() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine() or "unknown"
