"""Long texts: a map that shows a part in full and all of it in small, and its other views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.runs.loaded_model import LoadedModel
from tests.browser.conftest import Opened, contents, encoded, random_model

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=1", "model.n_embd=24", "model.n_head=2", "model.block_size=256")
TEXT = ("The owl met the fox, and both of them knew why. " * 6)[:256]
PIXEL = """([selector, x, y]) => {
  const canvas = document.querySelector(selector), ratio = canvas.width / canvas.clientWidth;
  const pixel = document.createElement("canvas").getContext("2d");
  pixel.drawImage(canvas, x * ratio, y * ratio, 1, 1, 0, 0, 1, 1);
  return Array.from(pixel.getImageData(0, 0, 1, 1).data.slice(0, 3));
}"""
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return random_model(*SMALL)


def attention(loaded: LoadedModel) -> torch.Tensor:
    return forward_pass(loaded.model, encoded(loaded, TEXT)).attention[0, 0]


def shade(page: Opened, weight: float) -> list[int]:
    colours: list[list[int]] = page.run("() => attn.palettes.blue.light")
    return colours[round(weight**0.5 * (len(colours) - 1))]


def assert_the_chosen_cell_is_sharp(page: Opened, weights: torch.Tensor) -> None:
    """In sight, large enough to be told from its neighbours, and of its weight's shade."""
    page.run(NEXT_FRAME)
    chosen = page.run("() => attn.chosen()")
    cell = page.page.locator("#map-grid [tabindex='0']").bounding_box()
    cells = page.page.locator("#map-cells").bounding_box()
    assert cell is not None
    assert cells is not None
    assert min(cell["width"], cell["height"]) >= 9
    x, y = cell["x"] - cells["x"], cell["y"] - cells["y"]
    assert 0 <= x <= cells["width"] - cell["width"] + 1
    assert 0 <= y <= cells["height"] - cell["height"] + 1
    wanted = shade(page, float(weights[chosen["query"], chosen["key"]]))
    seen = page.run(PIXEL, ["#map-cells", x + 4, y + 4])
    assert max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) <= 3


@pytest.mark.parametrize("width", [1280, 390])
def test_the_part_in_sight_follows_the_chosen_cell(
    width: int, loaded: LoadedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(loaded, TEXT), width=width, color_scheme="light")
    weights = attention(loaded)
    assert page.page.is_visible("#map-overview")
    assert_the_chosen_cell_is_sharp(page, weights)
    page.page.locator("#map-grid [tabindex='0']").focus()
    for key in ("Control+Home", "Control+End", "Home", "ArrowUp", "ArrowRight"):
        page.page.keyboard.press(key)
        assert_the_chosen_cell_is_sharp(page, weights)
    assert page.page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_frame_of_the_overview_is_moved_by_keys_and_pointer(
    loaded: LoadedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(loaded, TEXT), color_scheme="light")
    weights, frame = attention(loaded), page.page.locator("#overview-frame")
    chosen = page.run("() => attn.chosen()")

    def in_sight() -> list[int]:
        page.run(NEXT_FRAME)
        words = page.page.inner_text("#overview-range").replace(",", "").split()
        assert frame.get_attribute("aria-valuetext") == page.page.inner_text("#overview-range")
        return [int(word) for word in words if word.isdigit()]  # first and last query, key

    frame.focus()
    page.page.keyboard.press("Control+Home")
    top = in_sight()
    assert top[0] == top[2] == 0
    assert top[1] >= 31
    assert top[3] >= 31
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowRight")
    assert in_sight() == [top[0] + 16, top[1] + 16, 8, top[3] + 8]
    # The cell in the corner is that of the 16th query and 8th key.
    seen = page.run(PIXEL, ["#map-cells", 4, 4])
    assert seen == pytest.approx(shade(page, float(weights[16, 8])), abs=3)
    page.page.keyboard.press("Control+End")
    assert in_sight()[1::2] == [255, 255]
    small = page.page.locator("#overview-cells").bounding_box()
    assert small is not None
    page.page.mouse.move(small["x"] + 84, small["y"] + 84)
    page.page.mouse.down()
    middle = in_sight()
    assert abs((middle[0] + middle[1]) / 2 - 128) <= 2
    page.page.mouse.move(small["x"] + 84, small["y"] + 126)
    assert in_sight()[0] - middle[0] in (63, 64, 65)
    page.page.mouse.up()
    assert page.run("() => attn.chosen()") == chosen  # to look is not to choose


def test_a_short_text_has_no_overview(loaded: LoadedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(loaded, TEXT[:40])).page
    assert not page.is_visible("#map-overview")
    assert page.locator("#map").evaluate("(map) => map.scrollWidth <= map.clientWidth")


def test_the_other_views_show_what_is_around_the_chosen_cell(
    loaded: LoadedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(loaded, TEXT))
    weights = attention(loaded)
    page.page.check("[name=view][value=table]", force=True)
    assert not page.page.is_visible("#map-overview")
    for place in (255, 100):
        page.page.locator("#surprisal-strip > *").nth(place).click()
        key = page.run("() => attn.chosen().key")
        table = page.page.locator("#weights-table")
        assert table.locator("tbody tr").count() <= 64
        row = table.locator("tbody tr.chosen")
        assert row.locator("th").get_attribute("title") == f"‘{TEXT[place]}’ at {place}".replace(
            "‘ ’", "space"
        )
        name = f" at {key}"
        column = table.locator("thead th").evaluate_all(
            "(heads, name) => heads.findIndex((head) => head.title.endsWith(name))", name
        )
        cell = row.locator("td").nth(column).inner_text()
        wanted = float(weights[place, key])
        assert cell == (f"{wanted:.2f}".lstrip("0") if wanted >= 0.005 else "")
    page.page.check("[name=view][value=lines]", force=True)
    lines = page.page.locator("#lines")
    left, wide = lines.evaluate("(box) => [box.scrollLeft, box.clientWidth]")
    assert left <= 100 * 12 <= left + wide
