"""The folders `configs/` and `data/` that come with the package."""

from pathlib import Path


def resource_folder(name: str) -> Path:
    """The path of `configs` or `data`: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
