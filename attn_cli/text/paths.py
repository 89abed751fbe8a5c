"""The cache folder: what is in it can be made or downloaded again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """`$ATTN_CACHE`, or else the platform's cache folder."""
    chosen = os.environ.get("ATTN_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("attn", appauthor=False)
