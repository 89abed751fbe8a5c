"""The page of texts as points in a browser: by pointer and by keyboard, narrow and wide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from attn_cli.inspection.page.projection import projection_page

pytestmark = pytest.mark.browser

# Four corners of a rectangle, three texts at each.
CORNERS = {"east": (9, 1), "north": (1, 5), "south": (-1, -5), "west": (-9, -1)}
TEXTS = [f"{name} {number}" for name in CORNERS for number in range(3)]
PLACES = [(x + 0.3 * n, y, 0.1 * n) for x, y in CORNERS.values() for n in range(3)]
TOLD = "() => document.getElementById('readout').textContent"


def html(*, labelled: bool = True) -> str:
    labels = [text.split()[0] if labelled else None for text in TEXTS]
    return projection_page("Corners", "a model", TEXTS, labels, np.array(PLACES, np.float32))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_page(width: int, theme: str, opened: Callable[..., Any]) -> None:
    page = opened(html(), width=width, color_scheme=theme)
    assert page.run("() => document.documentElement.scrollWidth") <= width
    assert page.page.locator("#categories button").count() == len(CORNERS)


def test_arrow_keys_lead_to_the_next_text_in_their_direction(opened: Callable[..., Any]) -> None:
    page = opened(html())
    page.page.focus("#plot")
    for _ in range(12):
        page.page.keyboard.press("ArrowRight")
    assert page.run(TOLD) == "east 2 · east"
    page.page.keyboard.press("ArrowLeft")
    assert page.run(TOLD) == "east 1 · east"
    page.page.keyboard.press("Escape")
    assert page.run(TOLD) == "No text is chosen."


def test_a_text_is_told_where_it_is_pointed_at_and_where_it_is_found(
    opened: Callable[..., Any],
) -> None:
    page = opened(html(labelled=False))
    assert page.page.locator("#categories").is_hidden()
    page.page.fill("#search", "north 1")
    assert page.run(TOLD) == "north 1"
    tip = page.page.locator("#tip").bounding_box()
    page.page.fill("#search", "th")
    assert page.run(TOLD) == "6 texts found"
    page.page.fill("#search", "")
    page.page.mouse.move(tip["x"] - 8, tip["y"] + 36)  # where the point is that it was beside
    assert page.run(TOLD) == "north 1"


def test_a_label_that_is_picked_leaves_only_its_texts_to_choose(opened: Callable[..., Any]) -> None:
    page = opened(html())
    page.page.click("#categories button:has-text('west')")
    page.page.focus("#plot")
    page.page.keyboard.press("ArrowRight")
    assert page.run(TOLD).endswith(" · west")
    page.page.click("#axes button:nth-child(2)")
    page.page.click("#closer")
    assert page.run(TOLD).endswith(" · west")
