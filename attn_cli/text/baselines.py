"""What simple methods need for a validation text, to hold a model's loss against."""

import dataclasses
import hashlib
import json
import lzma
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attn_cli.text.examples import Examples, Split, head, joined
from attn_cli.text.ngram import ngram_bits
from attn_cli.text.paths import cache_folder
from attn_cli.text.tokenizer import TokenIds, Tokenizer

# Bytes of UTF-8 that the baselines read; of longer texts the end of the training split and
# the beginning of the validation split, which are next to each other.
MAX_TRAIN_BYTES, MAX_VALIDATION_BYTES = 2**20, 2**17
NGRAM_ORDER = 5
PPMD_ORDER, PPMD_MEMORY = 6, 64 * 2**20
# Larger than what is read: the default of 8 MiB would only take more memory.
XZ_FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": 4 * 2**20}]
_VERSION = 1  # of what is cached: raise it when a method changes


@dataclass(frozen=True)
class Baselines:
    """What simple methods need for a validation text, in bits per character (or byte).

    Attributes:
        single_characters: The frequencies of single characters in the training text.
        five_gram: An interpolated Kneser-Ney 5-gram model of the training text.
        xz: What `xz` needs for the validation text after the training text.
        ppmd: What PPMd (variant H, order 6) needs for it. Both compressors go on learning while
            they read the validation text.
        chars: How many characters of the validation text were read: of a long one, the first.
        train_chars: How many characters of the training text were: of a long one, the last.
    """

    single_characters: float
    five_gram: float
    xz: float
    ppmd: float
    chars: int
    train_chars: int

    @property
    def by_name(self) -> dict[str, float]:
        """The bits of each method, by the name that users know it by."""
        return {
            "single characters": self.single_characters,
            "5-gram": self.five_gram,
            "xz": self.xz,
            "PPMd": self.ppmd,
        }


def text_baselines(tokenizer: Tokenizer, train: Split, validation: Split) -> Baselines:
    """The baselines of a text; measured once, then read from the cache folder.

    About a second for each million characters, at most two.

    Args:
        tokenizer: The vocabulary of the ids.
        train: The training split, of one id at least; lines are read one after the other.
        validation: The validation split, likewise.
    """
    before = joined(head(train[::-1], MAX_TRAIN_BYTES)[::-1])
    after = joined(head(validation, MAX_VALIDATION_BYTES))
    if isinstance(validation, Examples):
        after = after[1:]  # the newline before the first line is the last one of `train`
    train, validation = _part_to_read(tokenizer, before, after)
    digest = hashlib.sha256(json.dumps([_VERSION, tokenizer.to_json(), len(train)]).encode())
    digest.update(np.ascontiguousarray(train).data)
    digest.update(np.ascontiguousarray(validation).data)
    path = cache_folder() / "baselines" / f"{digest.hexdigest()[:40]}.json"
    found = _read(path)
    if found is None:
        found = measure_baselines(tokenizer, train, validation)
        with suppress(OSError):  # without a cache they are measured again
            _write(path, found)
    return found


def measure_baselines(tokenizer: Tokenizer, train: TokenIds, validation: TokenIds) -> Baselines:
    """The baselines of all of these ids, measured."""
    before, both = (_utf8(tokenizer, ids) for ids in (train, np.concatenate([train, validation])))
    single, five_gram = (
        float(ngram_bits(train, validation, tokenizer.vocab_size, order).mean())
        for order in (1, NGRAM_ORDER)
    )
    xz, ppmd = (
        8 * (size(both) - size(before)) / len(validation) for size in (_xz_size, _ppmd_size)
    )
    return Baselines(single, five_gram, xz, ppmd, len(validation), len(train))


def _part_to_read(
    tokenizer: Tokenizer, train: TokenIds, validation: TokenIds
) -> tuple[TokenIds, TokenIds]:
    """Of a long text, the parts on both sides of the split."""
    if tokenizer.kind == "bytes":
        width = 1.0
    else:
        widths = np.array([len(symbol.encode()) for symbol in tokenizer.symbols])
        width = float(widths[validation].mean())  # bytes of a character
    n_train, n_validation = (int(most / width) for most in (MAX_TRAIN_BYTES, MAX_VALIDATION_BYTES))
    return train[-n_train:], validation[:n_validation]


def _utf8(tokenizer: Tokenizer, ids: TokenIds) -> bytes:
    if tokenizer.kind == "bytes":  # a cut character would be replaced
        return ids.tobytes()
    return tokenizer.decode(ids).encode()


def _xz_size(data: bytes) -> int:
    # Without the container of .xz, whose sizes are multiples of four.
    return len(lzma.compress(data, format=lzma.FORMAT_ALONE, filters=XZ_FILTERS))


def _ppmd_size(data: bytes) -> int:
    from pyppmd import Ppmd7Encoder

    encoder = Ppmd7Encoder(PPMD_ORDER, PPMD_MEMORY)
    return len(encoder.encode(data)) + len(encoder.flush())


def _read(path: Path) -> Baselines | None:
    """What was stored, or None where it is not there or is broken."""
    try:
        stored: Any = json.loads(path.read_text(encoding="utf-8"))
        found = Baselines(**stored)
        valid = all(math.isfinite(value) for value in stored.values())
    except (OSError, ValueError, TypeError):
        return None
    return found if valid else None


def _write(path: Path, found: Baselines) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(dataclasses.asdict(found)), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
