"""What would be published: a wheel and a source distribution, installed where nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from attn_cli import __version__
from tests.conftest import VERSE

REPOSITORY = Path(__file__).parents[1]


def run(*command: str | Path, folder: Path) -> str:
    """What a command prints, outside of this checkout and its environment."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME") and not name.startswith("ATTN_")
    } | {"ATTN_CACHE": str(folder / "cache")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, the wheel built from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, REPOSITORY, folder=folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attn-{}-py3-none-any.whl", "attn-{}.tar.gz"])
def test_an_empty_environment_trains_and_generates(
    distributions: Path, tmp_path: Path, name: str
) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    archive = distributions / name.format(__version__)
    run(programs / "python", "-m", "pip", "install", "--quiet", archive, folder=tmp_path)

    def attn(*words: str) -> str:
        return run(programs / "attn", *words, folder=tmp_path)

    assert attn("--version") == f"attn {__version__}\n"
    (tmp_path / "verse.txt").write_text(VERSE * 20)
    trained = json.loads(attn("train", "verse.txt", "--config", "lesson", "--steps", "5", "--json"))
    assert trained["steps"] == 5
    text = json.loads(attn("generate", "The", "--max-new-chars", "9", "--json"))["samples"][0]
    assert len(text["text"]) == 9
    attn("export", "page", "model.html")
    # A text, a configuration and the types that come with the package.
    assert "tales" in attn("data", "list")
    assert "n_layer" in attn("configs", "tales")
    typed = "import attn_cli; print(attn_cli.__path__[0])"
    package = run(programs / "python", "-c", typed, folder=tmp_path).strip()
    assert Path(package, "py.typed").is_file()
