"""Where texts lie on this machine: those that came with attn, and those it keeps."""

import os
from pathlib import Path

import platformdirs


def builtin_folder() -> Path:
    """The folder `data/` that came with attn.

    A wheel carries it inside the package; a checkout has it beside the package.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def cache_folder() -> Path:
    """The folder for what can be made or fetched again: `$ATTN_CACHE`, or the system's own."""
    chosen = os.environ.get("ATTN_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("attn", appauthor=False)
