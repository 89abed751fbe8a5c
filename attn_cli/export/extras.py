"""Packages that only one export needs, and that a user may not have."""

from __future__ import annotations

from importlib.util import find_spec

from attn_cli.errors import InputError


def require_extra(form: str, *packages: str) -> None:
    """Makes sure that packages are installed, without importing them.

    Args:
        form: The export, which is also the name of the extra.
        packages: What it imports.

    Raises:
        InputError: One is missing; the hint is the command that installs them.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise InputError(
            f"attn export {form} needs {' and '.join(missing)}, which is not installed",
            f"python -m pip install {' '.join(packages)}",
        )
