"""Lines of a text: which they are, and which of them are held out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.errors import DatasetError
from attn_cli.text import examples as examples_module
from attn_cli.text import lines as lines_module
from attn_cli.text.corpus import Corpus, check_length, load_corpus
from attn_cli.text.examples import Examples
from attn_cli.text.lines import LineSet, find_lines, split_lines
from attn_cli.text.tokenizer import (
    Tokenizer,
    bytes_tokenizer,
    corpus_tokenizer,
    printable_tokenizer,
)

TEXTS = st.text(alphabet="ab \n\f\t", max_size=60)


def decoded(examples: Examples, tokenizer: Tokenizer) -> list[str]:
    """The targets of each example."""
    return [tokenizer.decode(examples[np.array([i])].joined())[1:] for i in range(len(examples))]


def expected_lines(text: str) -> list[str]:
    return [line + "\n" for line in text.replace("\f", "\n").split("\n") if line.strip()]


def load_lines(path: Path, text: str, **options: object) -> Corpus:
    path.write_text(text, encoding="utf-8")
    return load_corpus([str(path)], records="lines", **options)  # type: ignore[arg-type]


@settings(max_examples=100)
@given(text=TEXTS.filter(str.strip), line=st.text(alphabet="ab \t", max_size=3))
def test_a_set_of_lines_has_those_of_the_text(text: str, line: str) -> None:
    for tokenizer in (printable_tokenizer(), corpus_tokenizer("ab \n\f\t"), bytes_tokenizer()):
        known = LineSet(find_lines(tokenizer.encode(text), tokenizer), tokenizer)
        lines = text.replace("\f", "\n").split("\n")
        assert all(each in known for each in lines if each.strip())
        assert (line in known) == (line in lines and bool(line.strip()))


@pytest.mark.parametrize("chunk", [1, 7, 2**20])
def test_a_set_of_lines_has_the_cut_ones_whole_and_cut(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "_CHUNK", chunk)
    tokenizer = printable_tokenizer()
    lines = find_lines(tokenizer.encode("abcdef\nbcd\n\nbcdefg\n   x\nabc\n"), tokenizer)
    known = LineSet(lines.fit(3, "cut"), tokenizer)
    assert all(each in known for each in ("abcdef", "abc", "bcdefg", "bcd", "   x"))
    assert not any(each in known for each in ("ab", "abcd", "bcde", "   ", ""))


@settings(max_examples=100)
@given(text=TEXTS, chunk=st.integers(1, 70))
def test_every_line_but_the_blank_ones(text: str, chunk: int) -> None:
    tokenizer = printable_tokenizer()
    ids = tokenizer.encode(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "_CHUNK", chunk)
        if not text.strip():
            with pytest.raises(DatasetError, match="all of it is blank"):
                find_lines(ids, tokenizer)
            return
        found = find_lines(ids, tokenizer)
    assert decoded(found, tokenizer) == expected_lines(text)
    assert tokenizer.decode(found.joined()) == "\n" + "".join(expected_lines(text))
    assert found.n_targets == len(found.joined()) - 1


@pytest.mark.parametrize("chunk", [1, 5, 99])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 7, 8, 99])
def test_the_first_lines_are_read_without_the_others(
    n: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = printable_tokenizer()
    lines = find_lines(tokenizer.encode("ab\nc\ndef\ng"), tokenizer)
    monkeypatch.setattr(examples_module, "_CHUNK", chunk)
    expected = "\nab\nc\ndef\ng\n"
    assert tokenizer.decode(lines.joined()) == expected
    found = lines.head(n)
    assert tokenizer.decode(found.joined()[: n + 1]) == expected[: n + 1]
    assert found[:-1].n_targets < max(1, n), "and no more of them than needed"


@settings(max_examples=50)
@given(text=TEXTS, chunk=st.integers(1, 70))
def test_equal_lines_and_no_others_have_equal_hashes(text: str, chunk: int) -> None:
    tokenizer = printable_tokenizer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "_CHUNK", chunk)
        found = find_lines(tokenizer.encode(text + "\nab"), tokenizer)
    hash_of: dict[str, int] = {}
    for line, hash_ in zip(decoded(found, tokenizer), found.lines[:, 2].tolist(), strict=True):
        assert hash_of.setdefault(line, hash_) == hash_
    assert len(set(hash_of.values())) == len(hash_of)


NAMES = [f"{a}{b}{c}" for a in "klmnpr" for b in "aeiou" for c in "tsrdg"]  # 150


class TestSplit:
    def sides(self, text: str, fraction: float = 0.1, seed: int = 0) -> tuple[list[str], ...]:
        tokenizer = printable_tokenizer()
        split = split_lines(find_lines(tokenizer.encode(text), tokenizer), fraction, seed)
        return tuple(decoded(side, tokenizer) for side in split)

    @pytest.mark.parametrize("fraction", [0.1, 0.3, 1 / 150, 0.9])
    def test_every_line_is_on_one_side_and_the_fraction_is_exact(self, fraction: float) -> None:
        train, validation = self.sides("\n".join(NAMES), fraction)
        assert sorted(train + validation) == sorted(name + "\n" for name in NAMES)
        assert len(validation) == round(150 * fraction)

    def test_it_is_no_end_of_a_sorted_list(self) -> None:
        _, validation = self.sides("\n".join(sorted(NAMES)), 0.2)
        assert {name[0] for name in validation} == set("klmnpr")

    @pytest.mark.parametrize("seed", range(5))
    def test_equal_lines_stand_together(self, seed: int) -> None:
        train, validation = self.sides("\n".join(3 * NAMES), 0.1, seed)
        assert not set(train) & set(validation)
        assert len(validation) == 45

    def test_a_line_that_is_most_of_the_list_leaves_lines_on_both_sides(self) -> None:
        for seed in range(20):
            train, validation = self.sides("same\n" * 50 + "a\nb\nc\n", 0.1, seed)
            assert train
            assert validation
            assert not set(train) & set(validation)

    def test_a_seed_of_its_own_and_the_same_whatever_the_order_and_the_vocabulary(self) -> None:
        text = "\n".join(NAMES)
        _, validation = self.sides(text)
        assert self.sides(text)[1] == validation
        assert self.sides(text, seed=1)[1] != validation
        assert set(self.sides("\n".join(reversed(NAMES)))[1]) == set(validation)
        for tokenizer in (corpus_tokenizer(text), bytes_tokenizer()):
            _, held_out = split_lines(find_lines(tokenizer.encode(text), tokenizer), 0.1, 0)
            assert decoded(held_out, tokenizer) == validation


class TestTooLong:
    text = "ab\nabc\nabcd\nabcdefgh\n" * 5 + "xy\nz\n"

    def test_cut_without_an_end(self, tmp_path: Path) -> None:
        corpus = load_lines(tmp_path / "a.txt", self.text).fit(4, "cut")
        both = decoded(corpus.train, corpus.tokenizer) + decoded(
            corpus.validation, corpus.tokenizer
        )
        assert set(both) == {"ab\n", "abc\n", "abcd", "xy\n", "z\n"}
        assert both.count("abcd") == 10
        assert list(corpus.line_notes())[1:] == [
            "cut: 10 of 22 lines, longer than the 3 characters that fit into block_size 4 "
            "(data.too_long)"
        ]

    def test_left_out(self, tmp_path: Path) -> None:
        corpus = load_lines(tmp_path / "a.txt", self.text).fit(4, "drop").fit(4, "drop")
        both = decoded(corpus.train, corpus.tokenizer) + decoded(
            corpus.validation, corpus.tokenizer
        )
        assert set(both) == {"ab\n", "abc\n", "xy\n", "z\n"}
        assert "left out: 10 of 22 lines, longer than" in list(corpus.line_notes())[1]

    def test_an_error_that_names_the_line(self, tmp_path: Path) -> None:
        corpus = load_lines(tmp_path / "a.txt", "ab\n\nc\n" * 20 + "abcdefgh\n")
        with pytest.raises(DatasetError, match="line 61 of the text, 'abcdefgh', is too long: 8 "):
            corpus.fit(8, "error")
        assert corpus.fit(9, "error").line_notes() is not None
        corpus = load_lines(tmp_path / "a.txt", "ab\n\nc\n" * 20 + "x" * 41)
        with pytest.raises(DatasetError, match="of the text, '" + "x" * 40 + r"\.\.\.', is too"):
            corpus.fit(8, "error")

    def test_lines_that_fit_are_not_told_of(self, tmp_path: Path) -> None:
        corpus = load_lines(tmp_path / "a.txt", self.text).fit(9, "cut")
        assert list(corpus.line_notes()) == [
            f"{len(corpus.train)} lines to train on, {len(corpus.validation)} to validate on"
        ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one line\n", "too short: 1 line with text"),
        ("one\ntwo\n", "too short: 2 lines with text"),
        ("same\n" * 20, "all 20 lines are equal"),
    ],
)
def test_too_few_lines(tmp_path: Path, text: str, message: str) -> None:
    corpus = load_lines(tmp_path / "a.txt", text)
    with pytest.raises(DatasetError, match=message):
        check_length(corpus.fit(16, "cut"), 16)


def test_too_few_lines_that_fit(tmp_path: Path) -> None:
    corpus = load_lines(tmp_path / "a.txt", "a\nabcdefgh\nabcdefghi\nabcdefghij\n")
    with pytest.raises(DatasetError, match="of 4 lines only 1 fit into block_size 8"):
        check_length(corpus.fit(8, "drop"), 8)


def test_all_lines_are_blank(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no lines: all of it is blank"):
        load_lines(tmp_path / "a.txt", "\n \n\t\n\n")


def test_a_vocabulary_of_the_lines_has_the_newline(tmp_path: Path) -> None:
    """Each file is a line: documents are joined by form feeds."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(name, encoding="utf-8")
    corpus = load_corpus([str(tmp_path)], "corpus", records="lines")
    assert "\n" in corpus.tokenizer.symbols
    assert corpus.tokenizer.symbols[corpus.bos_id] == "\n"
    assert len(corpus.train) + len(corpus.validation) == 3


def test_a_vocabulary_without_a_newline() -> None:
    tokenizer = corpus_tokenizer("ab")
    with pytest.raises(DatasetError, match="the vocabulary has no newline"):
        find_lines(tokenizer.encode("ab"), tokenizer)


def test_mapped_from_disk_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTN_CACHE", str(tmp_path / "cache"))
    text = "\n".join(NAMES)
    here = load_lines(tmp_path / "a.txt", text)
    for _ in range(2):
        there = load_lines(tmp_path / "a.txt", text, in_memory_limit=0)
        assert isinstance(there.train.lines, np.memmap)
        assert np.array_equal(there.train_ids, here.train_ids)
        assert np.array_equal(there.validation_ids, here.validation_ids)


def test_a_text_of_its_own_to_validate_on(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("x\ny\n", encoding="utf-8")
    corpus = load_lines(tmp_path / "a.txt", "a\nb\nc\n", validation=[str(tmp_path / "b.txt")])
    assert decoded(corpus.train, corpus.tokenizer) == ["a\n", "b\n", "c\n"]
    assert decoded(corpus.validation, corpus.tokenizer) == ["x\n", "y\n"]


@pytest.mark.parametrize("max_targets", [10, 100, 10_000])
def test_a_subset_is_spread_over_the_list(max_targets: int) -> None:
    tokenizer = printable_tokenizer()
    found = find_lines(tokenizer.encode("\n".join(sorted(NAMES))), tokenizer)
    some = found.spread(max_targets)
    assert some.n_targets <= max_targets + 2  # about as many: lines of four
    if max_targets >= 100:
        assert {line[0] for line in decoded(some, tokenizer)} == set("klmnpr")
