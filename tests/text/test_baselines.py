"""Baselines: what they are of, and that they are measured once."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from attn_cli.text import baselines
from attn_cli.text.baselines import Baselines, text_baselines
from attn_cli.text.corpus import load_corpus
from attn_cli.text.examples import target_count
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer, printable_tokenizer
from tests.conftest import VERSE

PRINTABLE = printable_tokenizer()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATTN_CACHE", str(tmp_path))
    return tmp_path / "baselines"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Baselines]:
    """All that are measured from here on, and not read from the cache."""
    found: list[Baselines] = []
    measure = baselines.measure_baselines

    def record(*args: object) -> Baselines:
        found.append(measure(*args))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(baselines, "measure_baselines", record)
    return found


def prose(words: int, seed: int = 0) -> str:
    """Words in an order that nothing foretells."""
    random = np.random.default_rng(seed)
    return " ".join(random.choice(VERSE.split(), words))


def test_single_characters_are_their_frequencies() -> None:
    train, validation = prose(900), prose(90, seed=1)
    counts = Counter(train)
    expected = -sum(math.log2(counts[char] / len(train)) for char in validation) / len(validation)
    found = text_baselines(PRINTABLE, PRINTABLE.encode(train), PRINTABLE.encode(validation))
    assert found.single_characters == pytest.approx(expected, abs=0.01)
    assert (found.train_chars, found.chars) == (len(train), len(validation))


def test_on_random_words_all_come_near_to_their_entropy_in_this_order() -> None:
    found = text_baselines(
        PRINTABLE, PRINTABLE.encode(prose(9000)), PRINTABLE.encode(prose(900, seed=1))
    )
    words = [word + " " for word in VERSE.split()]
    shares = [count / len(words) for count in Counter(words).values()]
    entropy = -sum(share * math.log2(share) for share in shares)
    per_char = entropy / (sum(map(len, words)) / len(words))
    assert per_char < found.five_gram < found.ppmd < found.xz < found.single_characters
    assert found.five_gram < 1.05 * per_char


def test_a_text_that_was_read_before_costs_compressors_next_to_nothing() -> None:
    train = PRINTABLE.encode(prose(900))
    found = text_baselines(PRINTABLE, train, train[:2000])
    assert found.xz < 0.1
    assert found.single_characters > 3


def test_characters_are_counted_and_not_their_bytes() -> None:
    cyrillic = "".join(chr(0x410 + ord(char) % 32) for char in prose(900))
    tokenizer = corpus_tokenizer(cyrillic)
    ids = tokenizer.encode(cyrillic)
    found = text_baselines(tokenizer, ids[:-400], ids[-400:])
    assert found.ppmd < found.single_characters
    per_byte = text_baselines(
        bytes_tokenizer(), bytes_tokenizer().encode(cyrillic)[:-800],
        bytes_tokenizer().encode(cyrillic)[-800:],
    )  # fmt: skip
    assert per_byte.ppmd == pytest.approx(found.ppmd / 2)
    assert per_byte.xz == pytest.approx(found.xz / 2)


def test_of_a_long_text_the_parts_beside_the_split_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baselines, "MAX_TRAIN_BYTES", 1000)
    monkeypatch.setattr(baselines, "MAX_VALIDATION_BYTES", 100)
    ids = PRINTABLE.encode(prose(900))
    found = text_baselines(PRINTABLE, ids[:-500], ids[-500:])
    assert (found.train_chars, found.chars) == (1000, 100)
    assert found == text_baselines(PRINTABLE, ids[-1500:-500], ids[-500:-400])
    wide = corpus_tokenizer("яб")  # two bytes each
    twice = np.arange(5000) % 2
    assert text_baselines(wide, twice, twice).train_chars == 500


def test_of_lines_every_character_and_every_end_counts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(sorted(set(prose(400).split(".")))))
    corpus = load_corpus([str(tmp_path / "a.txt")], "printable", records="lines")
    found = text_baselines(PRINTABLE, corpus.train, corpus.validation)
    assert found.chars == target_count(corpus.validation)
    assert found.train_chars == target_count(corpus.train) + 1  # the newline before the first


def test_they_are_measured_once_for_a_text_and_its_split(
    measured: list[Baselines], cache: Path
) -> None:
    ids = PRINTABLE.encode(prose(99))
    first = text_baselines(PRINTABLE, ids[:-40], ids[-40:])
    assert text_baselines(PRINTABLE, ids[:-40], ids[-40:]) == first
    assert measured == [first]
    text_baselines(PRINTABLE, ids[:-50], ids[-50:])
    assert len(measured) == 2
    assert [path.suffix for path in cache.iterdir()] == [".json", ".json"]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"xz": 1}', None])
def test_a_broken_cache_file_is_made_again(
    broken: str | None, measured: list[Baselines], cache: Path
) -> None:
    ids = PRINTABLE.encode(prose(99))
    first = text_baselines(PRINTABLE, ids[:-40], ids[-40:])
    (stored,) = cache.iterdir()
    whole = stored.read_text()
    stored.write_text(whole.replace(str(first.xz), "NaN") if broken is None else broken)
    assert text_baselines(PRINTABLE, ids[:-40], ids[-40:]) == first
    assert len(measured) == 2
    assert stored.read_text() == whole


def test_without_a_cache_folder_they_are_measured_all_the_same(
    measured: list[Baselines], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ATTN_CACHE", str(tmp_path / "file"))
    ids = PRINTABLE.encode(prose(99))
    found = [text_baselines(PRINTABLE, ids[:-40], ids[-40:]) for _ in range(2)]
    assert found == measured
    assert all(math.isfinite(each) for each in dataclasses.astuple(found[0]))
