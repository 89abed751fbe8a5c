"""The folders `configs/` and `data/` that come along with the package."""

from pathlib import Path


def resource_folder(name: str) -> Path:
    """One of them: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
