import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from attn_cli.errors import DatasetError
from attn_cli.text.corpus import Corpus, check_length, load_corpus
from attn_cli.text.overlap import notes_on_overlap
from attn_cli.text.pair_notes import notes_on_measured_pairs
from attn_cli.text.pairs import as_pairs
from attn_cli.text.read_options import ReadOptions

PLAIN = [(f"source {i}", f"target {i}") for i in range(40)]


def corpus_of(
    folder: Path,
    rows: Sequence[Sequence[str]],
    validation: Sequence[Sequence[str]] | None = None,
    *,
    features: Sequence[str] = (),
    seed: int = 0,
    fraction: float = 0.1,
) -> Corpus:
    paths = []
    for name, content in (("a.tsv", rows), ("b.tsv", validation or ())):
        path = folder / name
        path.write_text("".join("\t".join(row) + "\n" for row in content), encoding="utf-8")
        paths.append([str(path)])
    return load_corpus(
        paths[0],
        "corpus",
        validation_fraction=fraction,
        validation=paths[1] if validation else None,
        records="lines",
        split_seed=seed,
        options=ReadOptions(lines=True, pairs=True, features=features),
    )


def notes(corpus: Corpus) -> list[str]:
    return list(corpus.fit(64, "drop").line_notes())


def test_plain_data_is_told_in_a_line(tmp_path: Path) -> None:
    assert notes(corpus_of(tmp_path, PLAIN)) == ["36 pairs to train on, 4 to validate on"]


def test_sources_with_several_targets_are_told(tmp_path: Path) -> None:
    rows = [*PLAIN, ("lead", "led"), ("lead", "leed"), ("lead", "led"), ("read", "reed")]
    rows += [("read", "red"), ("go", "goh"), ("go", "goh")]
    assert notes(corpus_of(tmp_path, rows))[1:] == [
        "copies of another pair, source and target: 2",
        "2 sources with two targets or more (5 pairs): any of them counts as right; of all pairs, "
        "at best 95.7% can be written",
    ]


def test_pairs_that_do_not_fit_are_told(tmp_path: Path) -> None:
    rows = [*PLAIN, ("a" * 70, "b"), ("a", "b" * 63), ("a", "b" * 64)]
    note = notes(corpus_of(tmp_path, rows))[-1]
    assert note == (
        "left out: 2 of 43 pairs, whose source or target is longer than the 63 characters that fit "
        "into block_size 64 (data.too_long)"
    )


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (("ab" * 30, "c"), "the source of pair 41 of the text, 'ababab"),
        (("c", "ab" * 30), "the target of pair 41 of the text, 'ababab"),
    ],
)
def test_a_pair_that_does_not_fit_is_named(tmp_path: Path, row: Sequence[str], what: str) -> None:
    corpus = corpus_of(tmp_path, [*PLAIN, row], PLAIN)
    with pytest.raises(DatasetError) as caught:
        corpus.fit(32, "error")
    assert caught.value.message.startswith(what)
    assert caught.value.message.endswith(
        "is too long: 60 characters, and block_size 32 has room for 31 and its end"
    )
    assert caught.value.hint == "raise model.block_size, or set data.too_long to drop"


def test_sources_that_are_trained_and_validated_on_are_told(tmp_path: Path) -> None:
    other = [("source 7", "another"), ("source 8", "target 8"), ("source 77", "target 8")]
    (note,) = notes_on_overlap(corpus_of(tmp_path, PLAIN, other))
    assert note.startswith("2 of 3 validation sources are also training sources")
    assert list(notes_on_overlap(corpus_of(tmp_path, PLAIN, other[2:]))) == []


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_equal_sources_are_never_on_both_sides(tmp_path: Path, seed: int, fraction: float) -> None:
    random = np.random.default_rng(seed)
    rows = sorted((f"s{random.integers(150)}", f"t{random.integers(9)}") for _ in range(500))
    corpus = corpus_of(tmp_path, rows, seed=seed, fraction=fraction)
    train, validation = (as_pairs(side) for side in (corpus.train, corpus.validation))
    assert not set(train.sources()) & set(validation.sources())
    pairs = (zip(side.sources(), side.targets(), strict=True) for side in (train, validation))
    assert sorted(itertools.chain(*pairs)) == rows
    assert abs(len(validation) / 500 - fraction) <= 10 / 500  # a source has few rows
    # Of a sorted table, all parts are drawn from.
    assert np.abs(validation.rows.mean() - 250) < 60


def test_features_belong_to_the_source(tmp_path: Path) -> None:
    rows = [("gehen", f"form {i}", f"V;{i}") for i in range(50)]
    corpus = corpus_of(tmp_path, rows, features=("3",))
    assert (len(corpus.train), len(corpus.validation)) == (45, 5)
    assert [note for note in notes(corpus) if "targets or more" in note] == []
    (note,) = (note for note in notes(corpus_of(tmp_path, rows[:2] * 20)) if "two targets" in note)
    assert note.startswith("1 source with two targets or more (40 pairs)")


@pytest.mark.parametrize(
    ("rows", "message", "hint"),
    [
        (PLAIN[:2], "the text is too short: 2 pairs with text, and it needs 3", "give more pairs"),
        ([("a", str(i)) for i in range(9)], "all 9 pairs have the same source", "different pairs"),
    ],
)
def test_too_few_pairs(
    tmp_path: Path, rows: Sequence[Sequence[str]], message: str, hint: str
) -> None:
    corpus = corpus_of(tmp_path, rows).fit(64, "drop")
    with pytest.raises(DatasetError) as caught:
        check_length(corpus, 64)
    assert caught.value.message.startswith(message)
    assert hint in str(caught.value.hint)


def test_targets_that_cannot_be_written_are_told_and_never_right(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, PLAIN, [*PLAIN[:4], ("sóurce 7", "tárget 7")])
    told = "1 of 5 validation targets have symbols outside the vocabulary, which"
    assert any(note.startswith(told) for note in notes(corpus))
    assert list(as_pairs(corpus.validation).sources())[-1] == "source 7"
    assert list(as_pairs(corpus.validation).targets())[-1] == "t\ufffdrget 7"
    trained_on = as_pairs(corpus.train)
    measured = as_pairs(corpus.validation).fit(9, "drop")
    assert list(notes_on_measured_pairs(measured, trained_on)) == [
        "1 of 5 targets have symbols outside the vocabulary, which the model cannot write",
        "5 of 5 sources are also training sources: they say little of the accuracy on new ones",
    ]
    assert list(notes_on_measured_pairs(measured.fit(8, "drop"), None)) == [
        "left out: 5 of 5 pairs, whose source or target does not fit into block_size 8"
    ]


def test_words_that_cannot_be_written(tmp_path: Path) -> None:
    rows = [(f"s{i}", "a b c") for i in range(20)]
    corpus = corpus_of(tmp_path, rows, [*rows, ("s5", "a bː c")])
    assert list(as_pairs(corpus.validation).targets())[-1] == "a\ufffdc"


def test_a_source_of_which_the_vocabulary_has_nothing(tmp_path: Path) -> None:
    """It stays a pair, which the model cannot know."""
    corpus = corpus_of(tmp_path, PLAIN, [("źż", "target 1"), *PLAIN[:2]])
    assert list(as_pairs(corpus.validation).targets()) == ["target 1", "target 0", "target 1"]
