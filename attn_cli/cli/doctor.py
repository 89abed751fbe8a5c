"""`attn doctor`: what this installation is and what it runs on, for a bug report."""

from __future__ import annotations

import getpass
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from attn_cli import __version__
from attn_cli.cli.options import JsonOption
from attn_cli.cli.terminal import result, result_json

# What changes how attn or torch works, beside attn's own.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCHINDUCTOR_CACHE_DIR", "CXX", "NO_COLOR")


def doctor(as_json: JsonOption = False) -> None:
    """Describe this installation and machine, for a bug report.

    Takes a few seconds, in which matrix products are timed. Neither your name nor the path of your
    home folder is in it.

    Examples:
      attn doctor
      attn doctor --json
    """
    facts = _anonymous(_facts())
    if as_json:
        result_json(facts)
        return
    for name, value in _lines(facts):
        result(f"{name + ':':15}{value}")


def _facts() -> dict[str, Any]:
    from attn_cli.runs.run_lookup import runs_root
    from attn_cli.text.cache_contents import cache_parts
    from attn_cli.text.paths import cache_folder
    from attn_cli.training.machine import core_facts, torch_facts

    packages = _packages()
    return {
        "attn": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": _processor(),
        "torch": torch_facts(),
        "cores": core_facts(),
        "compiler": _compiler(),
        "packages": packages.pop("", {}),
        "extras": packages,
        "cache": {
            "folder": str(cache_folder()),
            "bytes": {part.name: part.size for part in cache_parts()},
            "free": _free(cache_folder()),
        },
        "runs": {"folder": str(runs_root()), "free": _free(runs_root())},
        "terminal": {
            "encoding": sys.stdout.encoding,
            "columns": shutil.get_terminal_size().columns,
            "output": "terminal" if sys.stdout.isatty() else "no terminal",
            "type": os.environ.get("TERM"),
        },
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith("ATTN_") or name in _VARIABLES
        },
    }


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts as lines of text, each with its name."""
    from attn_cli.text.display import format_bytes

    torch, cores, cache = facts["torch"], facts["cores"], facts["cache"]
    built = f"CUDA {torch['cuda']}" if torch["cuda"] else "CPU only"
    libraries = [word for word in ("MKL", "oneDNN") if torch[word.lower()]]
    speed = cores["products_per_second"]
    product = "({0}, {1}) @ ({1}, {2})".format(*cores["product"])
    sizes = (
        ", ".join(f"{name} {format_bytes(size)}" for name, size in cache["bytes"].items() if size)
        or "empty"
    )
    terminal = facts["terminal"]
    return [
        ("attn", facts["attn"]),
        ("Python", facts["python"]),
        ("system", facts["system"]),
        ("processor", facts["processor"]),
        (
            "torch",
            f"{torch['version']}, {built}, {torch['instructions']}, {' and '.join(libraries)}, "
            f"{torch['threads']} threads",
        ),
        ("GPUs", ", ".join(torch["gpus"]) or "none"),
        ("cores", f"{cores['cores']}, of which this process may use {cores['usable']}"),
        (
            "products",
            f"{product} on one thread: fp32 {speed['fp32']:,} a second, bf16 {speed['bf16']:,}",
        ),
        ("precision", f"auto means {cores['precision_auto']} here"),
        ("compiler", facts["compiler"] or "none: train.compile cannot be used on a CPU"),
        ("packages", _versions(facts["packages"])),
        *((f"[{extra}]", _versions(found)) for extra, found in facts["extras"].items()),
        ("cache", f"{cache['folder']}: {sizes}; {_free_text(cache['free'])}"),
        ("runs", f"{facts['runs']['folder']}: {_free_text(facts['runs']['free'])}"),
        (
            "terminal",
            f"{terminal['output']}, {terminal['encoding']}, {terminal['columns']} columns, "
            f"TERM={terminal['type']}",
        ),
        (
            "variables",
            " ".join(f"{key}={value}" for key, value in facts["variables"].items()) or "none",
        ),
    ]


def _packages() -> dict[str, dict[str, str | None]]:
    """The versions of what attn needs, under "", and of each extra; None where one is missing."""
    found: dict[str, dict[str, str | None]] = {}
    try:
        needed = requires("attn") or []
    except PackageNotFoundError:  # run from its source, not installed
        return found
    for line in needed:
        extra = re.search(r"extra == ['\"](\w+)['\"]", line)
        name = re.match(r"[\w.-]+", line)
        if name and (extra is None or extra[1] != "dev"):
            found.setdefault(extra[1] if extra else "", {})[name[0]] = _version(name[0])
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _versions(packages: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {found or 'not installed'}" for name, found in packages.items())


def _processor() -> str:
    """The processor's name, as the system knows it."""
    try:
        about = Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*:\s*(.+)$", about, re.MULTILINE)
    return named[1] if named else platform.machine()


def _compiler() -> str | None:
    """The first line that the C++ compiler says of itself; None where there is none."""
    names = (os.environ.get("CXX"), "cl" if os.name == "nt" else "g++", "clang++")
    program = next((found for name in names if name and (found := shutil.which(name))), None)
    if program is None:
        return None
    asked = [program] if Path(program).stem == "cl" else [program, "--version"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"{program}, which does not answer"
    return next(iter((told.stdout or told.stderr).splitlines()), program)


def _free(path: Path) -> int | None:
    """Free bytes where a folder is or would be; None where the system does not tell."""
    there = next((each for each in (path, *path.absolute().parents) if each.exists()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None


def _free_text(size: int | None) -> str:
    from attn_cli.text.display import format_bytes

    return f"{'unknown' if size is None else format_bytes(size)} free"


def _anonymous(value: Any) -> Any:
    """The same without the path of the home folder, and without the user's name in a path."""
    if isinstance(value, dict):
        return {key: _anonymous(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_anonymous(inner) for inner in value]
    if not isinstance(value, str):
        return value
    value = re.sub(rf"{re.escape(str(Path.home()))}(?=[/\\]|$|[:;])", "~", value)
    return re.sub(rf"(?<=[/\\]){re.escape(_user())}(?=[/\\:;]|$)", "USER", value)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return Path.home().name
