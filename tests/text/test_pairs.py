"""Pairs of a source and a target: which they are, on which side of a split, and as batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.errors import DatasetError
from attn_cli.text.batches import IGNORE_INDEX
from attn_cli.text.example_batches import padded_length
from attn_cli.text.lines import split_lines
from attn_cli.text.pair_batches import pair_batch
from attn_cli.text.pairs import PairExamples, find_pairs
from attn_cli.text.tokenizer import corpus_tokenizer

TOKENIZER = corpus_tokenizer("abcdef \t\n")
NEWLINE = TOKENIZER.symbols.index("\n")
WORDS = st.text(alphabet="abc", min_size=1, max_size=9)
PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12)


def pairs_of(pairs: list[tuple[str, str]]) -> PairExamples:
    text = "".join(f"{source}\t{target}\n" for source, target in pairs)
    return find_pairs(TOKENIZER.encode(text), TOKENIZER)


def both(examples: PairExamples) -> list[tuple[str, str]]:
    return list(zip(examples.sources(), examples.targets(), strict=True))


def ids_of(text: str) -> list[int]:
    return TOKENIZER.encode(text).tolist()


@settings(max_examples=100)
@given(pairs=PAIRS)
def test_each_line_is_a_pair(pairs: list[tuple[str, str]]) -> None:
    found = pairs_of(pairs)

    assert both(found) == pairs
    assert [found.target_ids(i) for i in range(len(pairs))] == [ids_of(t) for _, t in pairs]
    assert found.source_counts.tolist() == [len(source) + 1 for source, _ in pairs]
    assert found.target_counts.tolist() == [len(target) + 1 for _, target in pairs]
    assert found.sizes.tolist() == [max(map(len, pair)) + 1 for pair in pairs]
    assert TOKENIZER.decode(found.joined()) == "\n" + "".join(f"{s}\t{t}\n" for s, t in pairs)


@settings(max_examples=100)
@given(pairs=PAIRS, most=st.integers(1, 11))
def test_a_batch_has_sources_and_what_is_read_and_predicted_of_targets(
    pairs: list[tuple[str, str]], most: int
) -> None:
    """Beside the same in plain Python; what is longer than the context is cut."""
    batch = pair_batch(pairs_of(pairs).fit(most, "cut"))

    def width(column: int) -> int:
        return min(most, padded_length(max(len(pair[column]) for pair in pairs) + 1))

    def padded(row: list[int], length: int, padding: int) -> list[int]:
        return (row + [padding] * length)[:length]

    S, T = width(0), width(1)
    sources = [[*ids_of(source), NEWLINE] for source, _ in pairs]
    targets = [ids_of(target) for _, target in pairs]
    assert batch.source is not None
    assert batch.source.tolist() == [padded(row, S, NEWLINE) for row in sources]
    assert batch.inputs.tolist() == [padded([NEWLINE, *row], T, NEWLINE) for row in targets]
    assert batch.targets.tolist() == [padded([*row, NEWLINE], T, IGNORE_INDEX) for row in targets]
    is_source = [padded([True] * len(row), S, False) for row in sources]
    if all(map(all, is_source)):
        assert batch.mask is None
    else:
        assert batch.mask is not None
        assert batch.mask.shape == (len(pairs), 1, 1, S)
        assert batch.mask[:, 0, 0].tolist() == is_source
    assert batch.target_count == sum(min(len(row) + 1, T) for row in targets)


def test_part_of_a_batch_has_its_sources_and_its_mask() -> None:
    batch = pair_batch(pairs_of([("ab", "c"), ("abc", "d"), ("a", "efe")]))
    parts = list(batch.split(2))

    assert [len(part.inputs) for part in parts] == [2, 1]
    for name in ("inputs", "targets", "source", "mask"):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(joined, getattr(batch, name))


def test_a_source_is_not_held_out_for_what_its_target_is() -> None:
    sources = [a + b + c for a in "abcde" for b in "abcde" for c in "abc"]
    held_out = [
        set(split_lines(pairs_of([(source, t) for source in sources]), 0.2, 0)[1].sources())
        for t in ("d", "ef")
    ]
    assert held_out[0] == held_out[1]


def test_some_of_them_in_an_order() -> None:
    found = pairs_of([("a", "dd"), ("bbb", "e"), ("cc", "f")])
    assert both(found[np.array([2, 0])]) == [("cc", "f"), ("a", "dd")]
    assert both(found.by_length()) == [("a", "dd"), ("cc", "f"), ("bbb", "e")]


def test_a_vocabulary_without_a_tab() -> None:
    tokenizer = corpus_tokenizer("ab\n")
    with pytest.raises(DatasetError, match="the vocabulary has no tab"):
        find_pairs(tokenizer.encode("ab\n"), tokenizer)
