"""What attn itself has put into the cache folder: how much it is, and how to remove it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from attn_cli.text.paths import cache_folder

# In each folder of the cache, what attn, or torch's compiler for it, gives these names.
_OWN = {
    "texts": ("downloaded texts", r"(shakespeare|names)\.txt"),
    "ids": ("token ids of large texts", r"[0-9a-f]{40}(-targets)?\.(ids|json|lock|partial)"),
    "baselines": ("baselines of texts", r"[0-9a-f]{40}\.json"),
    "compiled": ("compiled models", r"[0-9a-z]{2}|fxgraph|aotautograd|locks|triton"),
}


@dataclass(frozen=True)
class CachePart:
    """One kind of thing in the cache."""

    name: str  # of its folder
    about: str
    entries: tuple[Path, ...]  # files; of compiled models, folders

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.lstat().st_size for path in self._files())

    @property
    def number(self) -> int:
        """How many files it has."""
        return sum(1 for _ in self._files())

    def remove(self) -> None:
        """Removes the entries but those in use, and the folder where nothing else is in it.

        Raises:
            OSError: One cannot be removed.
        """
        for entry in self.entries:
            if entry.is_dir():
                shutil.rmtree(entry)
            elif not _in_use(entry):
                entry.unlink(missing_ok=True)
        folder = cache_folder() / self.name
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _files(self) -> Iterator[Path]:
        for entry in self.entries:
            within = entry.rglob("*") if entry.is_dir() else (entry,)
            yield from (path for path in within if not path.is_dir() or path.is_symlink())


def _in_use(entry: Path) -> bool:
    """Whether a process is making the token ids that a file is a part of."""
    key = entry.name.partition(".")[0].removesuffix("-targets")
    for name in (f"{key}.lock", f"{key}-targets.lock"):
        if (entry.parent / name).exists():
            try:
                with FileLock(entry.parent / name, timeout=0):
                    pass
            except Timeout:
                return True
    return False


def cache_parts() -> list[CachePart]:
    """What is in the cache, by kind; links and what has other names belong to someone else."""
    return [
        CachePart(name, about, tuple(_entries(cache_folder() / name, pattern)))
        for name, (about, pattern) in _OWN.items()
    ]


def _entries(folder: Path, pattern: str) -> Iterator[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        is_own_kind = path.is_dir() == (folder.name == "compiled")
        if is_own_kind and not path.is_symlink() and re.fullmatch(pattern, path.name):
            yield path
