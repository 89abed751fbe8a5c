"""Attention as a figure: every symbol, the legend, true sizes, the same bytes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from attn_cli.figures.canvas import Canvas, Kind, render
from attn_cli.figures.style import SizeName, ThemeName, style_named
from attn_cli.inspection.attention_maps import AttentionMaps
from attn_cli.inspection.figures.attention import draw_attention
from tests.figures.read_svg import size_of, texts_of, type_sizes


def some_maps(
    queries: str, keys: str | None = None, heads: int = 1, *, causal: bool = True
) -> AttentionMaps:
    """Random maps of a layer; of an alignment where there are keys."""
    T, S = len(queries), len(keys or queries)
    weights = np.random.default_rng(0).random((1, heads, T, S))
    if keys is None and causal:
        weights = np.tril(weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    part: Literal["cross"] | None = "cross" if keys else None
    numbers = range(1, heads + 1)
    return AttentionMaps(
        weights.astype(np.float32), range(1, 2), numbers, list(queries), list(keys or queries),
        "character", part,
    )  # fmt: skip


def drawn(
    maps: AttentionMaps, theme: ThemeName = "light", size: SizeName = "slide", kind: Kind = "svg"
) -> bytes:
    def draw(canvas: Canvas) -> None:
        draw_attention(canvas, maps, "a run, on a text")

    return render(draw, kind, style_named(theme, size))


def test_a_head_has_its_symbols_twice_and_a_legend() -> None:
    texts = texts_of(drawn(some_maps("owl\n")))
    assert [texts.count(symbol) for symbol in "owl⏎"] == [2] * 4
    assert {"Layer 1, head 1", "query", "key", "attention weight", "masked: later keys"} < set(
        texts
    )
    assert {"0", "0.05", "0.25", "0.5", "1"} < set(texts)


def test_without_a_mask_nothing_is_said_to_be_masked() -> None:
    texts = texts_of(drawn(some_maps("owl", causal=False)))
    assert not any("masked" in text for text in texts)


def test_an_alignment_has_the_target_down_and_the_source_across() -> None:
    texts = texts_of(drawn(some_maps("ab", "xyz")))
    assert {"target", "source"} < set(texts)
    assert [texts.count(symbol) for symbol in "abxyz"] == [1] * 5


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("length", [1, 2, 19, 256])
def test_sizes_are_true(heads: int, length: int) -> None:
    maps = some_maps(("owl " * 64)[:length], heads=heads)
    assert size_of(drawn(maps)) == (960, 540)
    column = drawn(maps, "dark", "column")
    width, height = size_of(column)
    assert width == pytest.approx(3.3 * 72)
    assert height <= 8.8 * 72
    assert {7 <= points <= 9 for points in type_sizes(column)} == {True}


def test_of_a_long_text_there_are_positions() -> None:
    texts = texts_of(drawn(some_maps("owl " * 64)))
    assert {"query, by position", "key, by position", "1", "250"} < set(texts)
    assert "w" not in texts


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_maps_give_the_same_bytes(kind: Kind) -> None:
    maps = some_maps("owl 北\x07")
    assert drawn(maps, kind=kind) == drawn(maps, kind=kind)
    assert drawn(maps, kind=kind) != drawn(maps, "dark", kind=kind)


def test_a_long_text_is_no_large_file() -> None:
    assert len(drawn(some_maps("owl " * 64, heads=4))) < 2_000_000
