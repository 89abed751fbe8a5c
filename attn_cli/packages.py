"""Packages that only some features need, and that a user may not have."""

from importlib.util import find_spec

from attn_cli.errors import MissingPackageError


def require_package(needed_by: str, *packages: str) -> None:
    """Checks that packages are installed, without importing them.

    Args:
        needed_by: What needs them, for the message.
        packages: Their import names, by which pip knows them as well.

    Raises:
        MissingPackageError: One is missing; the hint is the command that installs them.
    """
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        named = f"package {missing[0]}, which is"
        if len(missing) > 1:
            named = f"packages {' and '.join(missing)}, which are"
        raise MissingPackageError(
            f"{needed_by} needs the {named} not installed",
            f"python -m pip install {' '.join(missing)}",
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the package that it is a part of is missing
        return False
