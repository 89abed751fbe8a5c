"""Where what can be made or fetched again is kept on this machine."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """`$ATTN_CACHE`, or the system's own folder for such things."""
    chosen = os.environ.get("ATTN_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("attn", appauthor=False)
