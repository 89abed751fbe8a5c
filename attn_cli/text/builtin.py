"""The built-in texts: those that come with the package, and those that can be downloaded."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.errors import DatasetError, OperationError
from attn_cli.resources import resource_folder
from attn_cli.text.paths import cache_folder

if TYPE_CHECKING:  # Tab completion asks for names, and waits for no import
    from attn_cli.config.schema import Config

BUILTIN_NAMES = (
    "tales", "languages", "dates", "owlish", "python-docs", "unicode-names", "shakespeare", "names"
)  # fmt: skip
LABELLED_NAMES = ("languages",)  # tables of texts and labels
# Tables of sources and targets, with the columns of their features.
PAIR_FEATURES: dict[str, tuple[str, ...]] = {"dates": (), "owlish": ("features",)}
_FILES = {  # that come with the package
    "tales": "tales.txt", "languages": "languages.tsv", "dates": "dates.tsv", "owlish": "owlish.tsv"
}  # fmt: skip


@dataclass(frozen=True)
class Download:
    """A text that `attn data fetch` downloads, pinned by its checksum."""

    url: str  # its address
    size: int  # its length in bytes
    sha256: str  # its SHA-256, in hexadecimal


DOWNLOADS = {
    "shakespeare": Download(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        1_115_394,
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "names": Download(
        "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        228_145,
        "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    ),
}


def download_path(name: str) -> Path:
    """The path to which `attn data fetch` downloads the text `name`."""
    return cache_folder() / "texts" / f"{name}.txt"


def builtin_path(name: str) -> Path | None:
    """The file of a built-in text; None for one that is generated from Python itself.

    Raises:
        DatasetError: It has not been downloaded yet, or its length is wrong.
        OperationError: The installation lacks it.
    """
    if name in DOWNLOADS:
        path = download_path(name)
        if not path.is_file():
            raise DatasetError(
                f"the text {name!r} is not on this machine yet",
                hint=f"fetch it with: attn data fetch {name}",
            )
        if path.stat().st_size != DOWNLOADS[name].size:
            raise DatasetError(
                f"{path} is not the text {name!r}: it has the wrong length",
                hint=f"fetch it again with: attn data fetch {name}",
            )
        return path
    if name in _FILES:
        path = resource_folder("data") / _FILES[name]
        if not path.is_file():
            raise OperationError(
                f"the built-in text {name!r} is missing: {path}", hint="reinstall attn"
            )
        return path
    return None


def best_guesses(name: str) -> dict[str, str] | None:
    """The most probable label of each text of a built-in data set: no better guess can be made.

    It is known only for `languages`, whose generator knows its own probabilities.
    """
    if name != "languages":
        return None
    path = builtin_path(name)
    assert path is not None
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {text: guess for text, _, guess in rows}


def generated_text(name: str) -> str:
    """The text `python-docs` or `unicode-names`, which depends on the version of Python."""
    return _python_docs() if name == "python-docs" else _unicode_names()


def entropy_floor(name: str) -> float | None:
    """The entropy of texts as `name` in bits per character: no model can beat it on average.

    It is known only for `tales`, whose generator knows its own probabilities.
    """
    path = resource_folder("data") / "tales.json"
    if name != "tales" or not path.is_file():
        return None
    bits: float = json.loads(path.read_text(encoding="utf-8"))["entropy_bits_per_char"]
    return bits


def loss_floor(config: Config) -> float | None:
    """The entropy that a run's validation loss is held against, in bits per character.

    None where it is not known, or where the model predicts something else than what comes next.
    """
    data = config.data
    if config.task != "lm" or data.validation is not None or len(data.text) != 1:
        return None
    return entropy_floor(data.text[0])


@cache
def _python_docs() -> str:
    from pydoc_data.topics import topics

    return "\f".join(topics[topic] for topic in sorted(topics))


@cache
def _unicode_names() -> str:
    """The name of every character, except those computed from the code point or the syllable."""
    lines = []
    for code_point in range(0x110000):
        name = unicodedata.name(chr(code_point), "")
        if (
            name
            and not name.endswith(f"-{code_point:X}")
            and not name.startswith("HANGUL SYLLABLE ")
        ):
            lines.append(name + "\n")
    return "".join(lines)
