"""What torch is on this machine, and how fast its matrix products are."""

from __future__ import annotations

import os
from typing import Any

import torch

from attn_cli.training.precision import PRODUCT, faster, shortest_seconds


def torch_facts() -> dict[str, Any]:
    """torch's version, what it was built for, and what it would compute with."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        gpus.append("mps")
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "mkl": torch.backends.mkl.is_available(),  # type: ignore[no-untyped-call]
        "onednn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def core_facts() -> dict[str, Any]:
    """How many cores there are, and matrix products a second on one of them, by dtype."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        usable = os.cpu_count() or 1
    operands = (torch.ones(PRODUCT[:2]), torch.ones(PRODUCT[1:]))
    seconds = shortest_seconds(torch.matmul, operands)
    return {
        "cores": os.cpu_count(),
        "usable": usable,
        "product": list(PRODUCT),
        "products_per_second": {name: round(1 / each) for name, each in seconds.items()},
        "precision_auto": faster(seconds),
    }
