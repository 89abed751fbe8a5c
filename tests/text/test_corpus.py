import hashlib
import io
import random
import string
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.errors import DatasetError, OperationError
from attn_cli.text.corpus import Corpus, check_length, load_corpus
from attn_cli.text.encoded_text import load_text
from attn_cli.text.sources import Document, Source
from attn_cli.text.tokenizer import TokenizerKind, UnknownPolicy, printable_tokenizer

ON_DISK = 0  # an in_memory_limit that every text is above


def write(path: Path, text: str) -> str:
    path.write_bytes(text.encode("utf-8"))
    return str(path)


@pytest.fixture
def some_text() -> str:
    """Three blocks of 1 MiB with a few characters that are not ASCII."""
    random_characters = random.Random(0).choices(string.ascii_lowercase + " \n", k=10_000)
    return ("".join(random_characters) + "é “quoted” 中\n") * 250


class TestLoading:
    def test_a_small_text(self, tmp_path: Path) -> None:
        name = write(tmp_path / "story.txt", "“Hello”\r\nfrom a café, " + "and more " * 20)
        corpus = load_corpus([name])
        text = '"Hello"\nfrom a cafe, ' + "and more " * 20
        assert corpus.tokenizer == printable_tokenizer()
        assert corpus.tokenizer.decode(corpus.ids) == text
        assert corpus.ids.dtype == np.uint8
        assert corpus.chars == len(text)
        assert corpus.n_unknown == 3
        assert corpus.examples == (("“", '"'), ("”", '"'), ("é", "e"))
        assert corpus.name == "story"
        assert corpus.sources == (name,)

    def test_the_sha256_is_of_the_normalised_text(self, tmp_path: Path) -> None:
        name = write(tmp_path / "a.txt", "\ufeffa\r\ncafé\r")
        expected = hashlib.sha256("a\ncafé\n".encode()).hexdigest()
        assert load_corpus([name], "bytes").sha256 == expected

    def test_a_corpus_vocabulary_has_all_its_characters(self, tmp_path: Path) -> None:
        name = write(tmp_path / "a.txt", "Привет, 中!")
        corpus = load_corpus([name], "corpus")
        assert corpus.tokenizer.symbols == tuple(sorted(set("Привет, 中!")))
        assert corpus.tokenizer.decode(corpus.ids) == "Привет, 中!"
        assert corpus.n_unknown == 0

    def test_bytes(self, tmp_path: Path) -> None:
        corpus = load_corpus([write(tmp_path / "a.txt", "Привет")], "bytes")
        assert corpus.ids.tobytes() == "Привет".encode()
        assert corpus.chars == 6

    def test_a_text_to_evaluate_with_the_vocabulary_of_a_run(self, tmp_path: Path) -> None:
        trained = load_corpus(
            [write(tmp_path / "a.txt", "abcdefghijklmnopqrstuvwxyz \n")], "corpus"
        )
        name = write(tmp_path / "b.txt", "the quick brown fox jumps over the lazy dog!\n")
        text = load_text([name], trained.tokenizer, "drop")
        assert text.tokenizer == trained.tokenizer
        assert trained.tokenizer.decode(text.ids) == "the quick brown fox jumps over the lazy dog\n"
        assert text.n_unknown == 1

    def test_standard_input_can_be_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped text")))
        corpus = load_corpus(["-"])
        assert corpus.tokenizer.decode(corpus.ids) == "piped text"
        assert "".join(corpus.source.chunks()) == "piped text"


class TestSplit:
    @pytest.mark.parametrize("n", [2, 9, 10, 11, 99, 1000, 1001, 99_999])
    def test_it_is_where_others_split(self, tmp_path: Path, n: int) -> None:
        corpus = load_corpus([write(tmp_path / "a.txt", ("0123456789" * 10_000)[:n])])
        assert len(corpus.train) == int(n * 0.9)
        assert np.array_equal(np.concatenate([corpus.train, corpus.validation]), corpus.ids)

    def test_another_fraction(self, tmp_path: Path) -> None:
        corpus = load_corpus([write(tmp_path / "a.txt", "abcdefgh")], validation_fraction=0.25)
        assert corpus.tokenizer.decode(corpus.train) == "abcdef"
        assert corpus.tokenizer.decode(corpus.validation) == "gh"


class TestValidationText:
    def corpus(self, tmp_path: Path, text: str, validation: str, *rest: Any) -> Corpus:
        names = [[write(tmp_path / "a.txt", text)], [write(tmp_path / "b.txt", validation)]]
        return load_corpus(names[0], *rest, validation=names[1])

    def test_it_is_validated_on_and_all_of_the_text_is_trained_on(self, tmp_path: Path) -> None:
        corpus = self.corpus(tmp_path, "abc" * 100, "cab", "corpus")
        assert corpus.tokenizer.symbols == ("a", "b", "c")
        assert corpus.tokenizer.decode(corpus.train) == "abc" * 100
        assert corpus.tokenizer.decode(corpus.validation) == "cab"
        check_length(corpus, 299)
        with pytest.raises(DatasetError, match="300 characters, and block_size 300 needs 301"):
            check_length(corpus, 300)

    def test_its_characters_outside_the_vocabulary_follow_the_policy(self, tmp_path: Path) -> None:
        corpus = self.corpus(tmp_path, "abc" * 100, "cab" * 20 + "x", "corpus", "drop")
        assert corpus.n_unknown == 0
        assert corpus.validation_text is not None
        assert corpus.validation_text.n_unknown == 1
        with pytest.raises(DatasetError, match=r"data\.validation: b has .*: 'x' at position 61"):
            self.corpus(tmp_path, "abc" * 100, "cab" * 20 + "x", "corpus", "error")
        with pytest.raises(DatasetError, match=r"data\.validation: over 5% of the") as caught:
            self.corpus(tmp_path, "abc" * 100, "xyz", "corpus")
        assert "in the characters of the training text" in (caught.value.hint or "")

    def test_one_that_cannot_be_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        name = write(tmp_path / "a.txt", "abc" * 100)
        with pytest.raises(DatasetError, match=r"data\.validation: .* is too short: 1 character\n"):
            self.corpus(tmp_path, "abc", "a")
        for wrong, what in (("", "is empty"), ("missing.txt", "there is no file")):
            path = write(tmp_path / "b.txt", "") if not wrong else str(tmp_path / wrong)
            with pytest.raises(DatasetError, match=f"data.validation: .*{what}"):
                load_corpus([name], validation=[path])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped text")))
        with pytest.raises(DatasetError, match=r"data\.validation: - can be read only once"):
            load_corpus([name], validation=["-"])


class TestOnDisk:
    @pytest.mark.parametrize("kind", ["printable", "corpus", "bytes"])
    def test_it_equals_the_one_in_memory(
        self, tmp_path: Path, some_text: str, kind: TokenizerKind
    ) -> None:
        name = write(tmp_path / "a.txt", some_text)
        here = load_corpus([name], kind)
        there = load_corpus([name], kind, in_memory_limit=ON_DISK)
        again = load_corpus([name], kind, in_memory_limit=ON_DISK)
        assert not isinstance(here.ids, np.memmap)
        for mapped in (there, again):
            assert isinstance(mapped.ids, np.memmap)
            assert mapped.ids.dtype == here.ids.dtype
            assert np.array_equal(mapped.ids, here.ids)
            for field in ("tokenizer", "chars", "sha256", "n_unknown", "examples"):
                assert getattr(mapped, field) == getattr(here, field)
        assert here.n_unknown == (1000 if kind == "printable" else 0)

    def test_the_limit_is_in_bytes_of_utf8(self, tmp_path: Path) -> None:
        name = write(tmp_path / "a.txt", "é" * 50)
        assert not isinstance(load_corpus([name], "bytes", in_memory_limit=100).ids, np.memmap)
        assert isinstance(load_corpus([name], "bytes", in_memory_limit=99).ids, np.memmap)

    def test_it_is_made_once(self, tmp_path: Path, cache: Path) -> None:
        name = write(tmp_path / "a.txt", "made once")
        load_corpus([name], in_memory_limit=ON_DISK)
        (stored,) = cache.rglob("*.ids")
        before = stored.stat()
        load_corpus([name], in_memory_limit=ON_DISK)
        assert stored.stat().st_ino == before.st_ino
        assert stored.stat().st_mtime_ns == before.st_mtime_ns

    @pytest.mark.parametrize(
        "damage", ["cut", "longer", "flipped", "gone", "no notes", "bad notes"]
    )
    def test_what_is_not_whole_is_made_again(
        self, tmp_path: Path, cache: Path, damage: str
    ) -> None:
        name = write(tmp_path / "a.txt", "made again")
        load_corpus([name], in_memory_limit=ON_DISK)
        (ids,), (notes,) = cache.rglob("*.ids"), cache.rglob("*.json")
        if damage == "cut":
            ids.write_bytes(ids.read_bytes()[:-1])
        elif damage == "longer":
            ids.write_bytes(ids.read_bytes() + b"x")
        elif damage == "flipped":
            ids.write_bytes(ids.read_bytes()[:-1] + b"x")
        elif damage == "gone":
            ids.unlink()
        elif damage == "no notes":
            notes.unlink()
        else:
            notes.write_text("{")
        corpus = load_corpus([name], in_memory_limit=ON_DISK)
        assert corpus.tokenizer.decode(corpus.ids) == "made again"
        assert sorted(path.suffix for path in cache.rglob("*.*")) == [".ids", ".json", ".lock"]

    def test_it_depends_on_text_tokenizer_and_policy(self, tmp_path: Path, cache: Path) -> None:
        text = "a café with many other words, so that the é is rare"
        policies: list[UnknownPolicy] = ["transliterate", "drop"]
        for policy in policies:
            for content in (text, text + "!"):
                name = write(tmp_path / "a.txt", content)
                load_corpus([name], "printable", policy, in_memory_limit=ON_DISK)
        load_corpus([name], "bytes", in_memory_limit=ON_DISK)
        assert len(list(cache.rglob("*.ids"))) == 5

    def test_it_is_made_once_for_a_vocabulary_with_and_without_a_mask(
        self, tmp_path: Path, cache: Path
    ) -> None:
        name = write(tmp_path / "a.txt", "made once")
        trained = load_text([name], "corpus", in_memory_limit=ON_DISK)
        again = load_text([name], trained.tokenizer.with_mask(), in_memory_limit=ON_DISK)
        assert (again.cache_key, again.tokenizer) == (trained.cache_key, trained.tokenizer)
        assert len(list(cache.rglob("*.ids"))) == 1

    def test_a_large_text_needs_little_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "large.txt"
        with path.open("wb") as stream:
            for _ in range(32):
                stream.write(b"fifteen letters\n" * 2**16)
        tracemalloc.start()
        corpus = load_corpus([str(path)], in_memory_limit=2**20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(corpus.ids) == 32 * 2**20
        assert peak < 20 * 2**20

    def test_a_refused_text_leaves_nothing(self, tmp_path: Path, cache: Path) -> None:
        name = write(tmp_path / "a.txt", "Привет")
        with pytest.raises(DatasetError):
            load_corpus([name], in_memory_limit=ON_DISK)
        assert [path.suffix for path in cache.rglob("*.*")] == [".lock"]

    def test_a_cache_that_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = write(tmp_path / "a.txt", "text")
        monkeypatch.setenv("ATTN_CACHE", name)
        with pytest.raises(OperationError, match="cannot store the token ids") as caught:
            load_corpus([name], in_memory_limit=ON_DISK)
        assert "ATTN_CACHE" in (caught.value.hint or "")

    def test_a_full_disk(self, tmp_path: Path, cache: Path, some_text: str) -> None:
        resource = pytest.importorskip("resource")
        name = write(tmp_path / "a.txt", some_text)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
        try:
            with pytest.raises(OperationError, match="cannot store the token ids of the text in"):
                load_corpus([name], in_memory_limit=ON_DISK)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert [path.suffix for path in cache.rglob("*.*")] == [".lock"]
        corpus = load_corpus([name], in_memory_limit=ON_DISK)
        assert len(corpus.ids) > 2**21

    @pytest.mark.parametrize("in_memory_limit", [ON_DISK, 2**20])
    def test_a_text_that_changes_while_it_is_read(
        self, tmp_path: Path, cache: Path, in_memory_limit: int
    ) -> None:
        versions = iter(["once", "upon"])
        document = Document("log.txt", lambda: iter([next(versions)]))
        source = Source(("log.txt",), "log", (document,), left_out={})
        with pytest.raises(DatasetError, match="log changed while it was being read"):
            load_corpus(source, in_memory_limit=in_memory_limit)
        assert not list(cache.rglob("*.ids"))


class TestOutsideTheVocabulary:
    def test_five_in_a_hundred_are_let_through(self, tmp_path: Path) -> None:
        assert load_corpus([write(tmp_path / "a.txt", "é" * 5 + "e" * 95)]).n_unknown == 5

    @pytest.mark.parametrize("policy", ["transliterate", "drop", "replace"])
    def test_more_are_an_error(self, tmp_path: Path, policy: UnknownPolicy) -> None:
        name = write(tmp_path / "a.txt", "é" * 6 + "e" * 94)
        with pytest.raises(DatasetError) as caught:
            load_corpus([name], "printable", policy)
        assert caught.value.message == (
            "over 5% of the characters of a are outside the printable vocabulary, for example 'é'"
        )
        assert "set data.tokenizer=corpus" in (caught.value.hint or "")

    def test_a_run_keeps_its_vocabulary(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError) as caught:
            load_text([write(tmp_path / "a.txt", "Привет")], printable_tokenizer())
        assert "over 5% of the characters" in caught.value.message
        assert "in the characters of the training text" in (caught.value.hint or "")

    def test_error_names_where_in_the_whole_text(self, tmp_path: Path) -> None:
        name = write(tmp_path / "a.txt", "x" * 2**21 + "é")
        with pytest.raises(DatasetError, match=r"'é' at position 2097153\b") as caught:
            load_corpus([name], "printable", "error")
        assert "data.unknown" in (caught.value.hint or "")


class TestLength:
    def corpus(self, tmp_path: Path, n: int, fraction: float = 0.1) -> Corpus:
        return load_corpus([write(tmp_path / "a.txt", n * "x")], validation_fraction=fraction)

    @pytest.mark.parametrize("fraction", [0.01, 0.1, 0.3, 0.5, 0.97])
    @pytest.mark.parametrize("block_size", [1, 2, 16, 63, 64, 1000])
    def test_it_says_how_long_the_text_must_be(
        self, tmp_path: Path, block_size: int, fraction: float
    ) -> None:
        with pytest.raises(DatasetError) as caught:
            check_length(self.corpus(tmp_path, 1, fraction), block_size)
        needed = int(caught.value.message.split()[-1].replace(",", ""))
        check_length(self.corpus(tmp_path, needed, fraction), block_size)
        with pytest.raises(DatasetError):
            check_length(self.corpus(tmp_path, needed - 1, fraction), block_size)

    @pytest.mark.parametrize("n", [20, 50, 70])
    def test_it_says_which_block_size_would_fit(self, tmp_path: Path, n: int) -> None:
        corpus = self.corpus(tmp_path, n)
        with pytest.raises(
            DatasetError, match=f"{n} characters, and block_size 64 needs 73"
        ) as caught:
            check_length(corpus, 64)
        assert caught.value.hint is not None
        fits = int(caught.value.hint.split()[-3])
        check_length(corpus, fits)
        with pytest.raises(DatasetError):
            check_length(corpus, fits + 1)

    def test_no_block_size_fits(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError) as caught:
            check_length(self.corpus(tmp_path, 5), 64)
        assert caught.value.hint == "give at least 73 characters"

    def test_the_validation_split(self, tmp_path: Path) -> None:
        with pytest.raises(
            DatasetError, match="validation split is too short: 1 of the text's 200"
        ):
            check_length(self.corpus(tmp_path, 200, 0.001), 64)

    def test_bytes_are_called_so(self, tmp_path: Path) -> None:
        corpus = load_corpus([write(tmp_path / "a.txt", "éé")], "bytes")
        with pytest.raises(DatasetError, match="4 bytes, and block_size 64 needs 73"):
            check_length(corpus, 64)


@pytest.mark.parametrize("text", ["", "\ufeff"])
def test_an_empty_text(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatasetError, match="empty"):
        load_corpus([write(tmp_path / "a.txt", text)])


@pytest.mark.parametrize(
    ("text", "start"),
    [("one\f" * 12, "\f"), ("one\n" * 12 + "\f", "\n"), ("one\ntwo\f", "o")],
)
@pytest.mark.parametrize("kind", ["printable", "bytes"])
def test_a_document_begins_after_what_the_text_has(
    tmp_path: Path, text: str, start: str, kind: TokenizerKind
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8", newline="")
    corpus = load_corpus([str(path)], kind)
    assert corpus.tokenizer.decode([corpus.bos_id]) == start
