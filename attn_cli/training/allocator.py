"""The C library's allocator: keeps freed memory for the next step."""

import ctypes
import sys

# <malloc.h>: from which size a block is mapped by itself, and how much free memory at the
# end of the heap is handed back.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def disable_malloc_trim() -> None:
    """Keeps glibc from returning freed memory to the system, so that the next step reuses it.

    Left alone, it returns a step's activations to the system and asks for them again,
    thousands of pages a step, each of which the system clears: 6 % of a small model's
    step (benchmarks/LOG.md). Elsewhere nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library, such as musl
    # Older versions refuse a threshold above 32 MiB. Setting the other one alone would fix
    # this one at 128 KiB, and make things worse.
    if mallopt(_M_MMAP_THRESHOLD, 2**30) or mallopt(_M_MMAP_THRESHOLD, 2**25):
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
