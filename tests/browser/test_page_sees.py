"""What a reader sees, against torch: shades, predictions, surprisal, arcs, sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from attn_cli.inspection.forward_pass import ForwardPass, forward_pass
from attn_cli.inspection.history import Snapshot, snapshots
from attn_cli.inspection.logit_lens import logit_lens, surprisal_bits
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from tests.browser.conftest import PICTURES, contents
from tests.conftest import Trained

pytestmark = pytest.mark.browser

TEXT = "The fox met"
T = len(TEXT)
# Cells whose mirror images, in the map and in their row, are others and inside the triangle.
CELLS = ((9, 1), (8, 5), (10, 3))

Colour = tuple[int, ...]

PIXEL = """([selector, x, y]) => {
    const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    copy.drawImage(document.querySelector(selector), -x, -y);
    return Array.from(copy.getImageData(0, 0, 1, 1).data).slice(0, 3);
}"""
# Every arc and dot with its line and its shade, as the canvas is asked to draw it.
RECORD = """() => {
    window.drawn = [];
    const context = CanvasRenderingContext2D.prototype;
    for (const name of ["arc", "ellipse"]) {
        const draw = context[name];
        context[name] = function (x, y, radius, ...rest) {
            window.drawn.push([name, x, radius, this.globalAlpha, this.lineWidth]);
            return draw.call(this, x, y, radius, ...rest);
        };
    }
}"""


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


@pytest.fixture(scope="module")
def seen(tiny: TrainedModel) -> ForwardPass:
    return forward_pass(tiny.model, tiny.encode_prompt(TEXT))


def shade(page: Any, value: float, theme: str = "light", hue: str = "blue") -> Colour:
    """The colour of a value from 0 to 1."""
    place = round(255 * min(1.0, max(0.0, value)))
    colour = "([hue, theme, place]) => attn.palettes[hue][theme][place]"
    return tuple(page.run(colour, [hue, theme, place]))


def ground(locator: Any) -> Colour:
    css = locator.evaluate("(one) => getComputedStyle(one).backgroundColor")
    return tuple(map(int, re.findall(r"\d+", css)[:3]))


def near(one: Colour, other: Colour, most: int = 2) -> bool:
    """Whether two colours are at most a shade apart: page and torch round on their own."""
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


def most_probable(tiny: TrainedModel, log_probs: torch.Tensor) -> tuple[str, float]:
    """How the page shows the most probable character, and its probability."""
    best = int(log_probs.argmax())
    return tiny.tokenizer.symbols[best].translate(PICTURES), log_probs[best].exp().item()


def test_the_lens_shows_what_each_layer_predicts(
    tiny: TrainedModel, seen: ForwardPass, opened: Callable[..., Any]
) -> None:
    lens = logit_lens(seen)  # (L + 1, T, V)
    page = opened(contents(tiny, TEXT))
    rows = page.page.locator("#lens-grid tbody tr")
    assert rows.count() == len(lens) == 3
    for level in range(3):
        cells = rows.nth(2 - level).locator("td")  # the last layer comes first
        for t in range(T):
            symbol, prob = most_probable(tiny, lens[level, t])
            assert cells.nth(t).inner_text() == symbol
            assert near(ground(cells.nth(t)), shade(page, prob))
    # Layers that agree everywhere would prove nothing.
    assert len({tuple(level.argmax(-1).tolist()) for level in lens}) > 1


def test_the_lens_names_the_surprisal_of_each_layer(
    tiny: TrainedModel, seen: ForwardPass, opened: Callable[..., Any]
) -> None:
    bits = surprisal_bits(logit_lens(seen), tiny.encode_prompt(TEXT))  # (L + 1, T - 1)
    page = opened(contents(tiny, TEXT))
    for t in (2, 7):
        assert len({f"{value:.2f}" for value in bits[:, t].tolist()}) == 3
        for level in range(3):
            page.page.locator("#lens-grid tbody tr").nth(2 - level).locator("td").nth(t).click()
            readout = page.page.inner_text("#lens-readout")
            assert readout.endswith(f": {bits[level, t]:.2f} bits.")
            symbol, prob = most_probable(tiny, logit_lens(seen)[level, t])
            detail = page.page.locator("#lens-detail > div").nth(level)
            assert detail.locator(".symbol").first.inner_text() == symbol
            shown = float(detail.locator(".percent").first.inner_text().strip("%"))
            assert shown == pytest.approx(100 * prob, abs=0.51)
            assert detail.locator("p").last.inner_text().endswith(f" {bits[level, t]:.2f} bits")


def test_each_character_has_the_shade_and_the_probability_of_its_surprisal(
    tiny: TrainedModel, seen: ForwardPass, opened: Callable[..., Any]
) -> None:
    probs = seen["logits"].softmax(-1)  # (T, V)
    ids = tiny.encode_prompt(TEXT)
    page = opened(contents(tiny, TEXT))
    characters = page.page.locator("#surprisal-strip [role=option]")
    shades = set()
    for t in range(1, T):
        share = probs[t - 1, ids[t]].item()
        wanted = shade(page, -math.log2(share) / 8, hue="green")
        assert near(ground(characters.nth(t)), wanted, most=4)
        shades.add(wanted)
        characters.nth(t).click()
        readout = page.page.inner_text("#surprisal-readout")
        assert f"{-math.log2(share):.2f} bits (" in readout
        found = re.search(r"bits \(<?([\d.]+)%\)", readout)
        assert found
        assert float(found[1]) == pytest.approx(100 * share, abs=0.51)
        best = int(probs[t - 1].argmax())
        if best == ids[t]:
            assert re.search("the most probable; next came|Nothing else reached 0.1%", readout)
        else:
            named = {" ": "space", "\n": "newline"}.get(symbol := tiny.tokenizer.symbols[best])
            assert f"The most probable were {named or f'‘{symbol}’'} (" in readout
    assert len(shades) > 5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_cells_of_the_map_and_of_the_small_maps_are_the_weights(
    theme: str, tiny: TrainedModel, seen: ForwardPass, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT, layer=1, head=2), color_scheme=theme)
    size = page.run("() => document.querySelector('#map-cells').width") / T
    for t, j in CELLS:
        weights = seen.attention[..., t, :]  # (L, H, T)
        assert abs(weights[1, 2, j].sqrt() - weights[1, 2, t - j].sqrt()) > 0.02
        middle = [math.floor((j + 0.5) * size), math.floor((t + 0.5) * size)]
        pixel = tuple(page.run(PIXEL, ["#map-cells", *middle]))
        assert near(pixel, shade(page, weights[1, 2, j].sqrt().item(), theme))
        for place in range(6):
            canvas = f"#thumbnails button:nth-of-type({place + 1}) canvas"
            wanted = shade(page, weights[place // 3, place % 3, j].sqrt().item(), theme)
            assert near(tuple(page.run(PIXEL, [canvas, j, t])), wanted)


def test_the_table_has_the_same_shades(
    tiny: TrainedModel, seen: ForwardPass, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT))
    page.page.check("[name=view][value=table]", force=True)
    for t, j in CELLS:
        cell = page.page.locator("#weights-table tbody tr").nth(t).locator("td").nth(j)
        weight = seen.attention[0, 0, t, j].item()
        assert weight >= 0.006  # less is left out of the table
        assert near(ground(cell), shade(page, math.sqrt(weight)))


def test_the_arcs_are_as_strong_as_the_weights(
    tiny: TrainedModel, seen: ForwardPass, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT, layer=0, head=1))
    page.run(RECORD)
    page.page.check("[name=view][value=lines]", force=True)
    step = page.run("() => parseFloat(document.querySelector('#lines canvas').style.width)") / T
    weights = seen.attention[0, 1]
    drawn = {}
    for kind, x, radius, alpha, width in page.run("() => window.drawn"):
        reach = radius if kind == "ellipse" else 0.0
        t, j = round((x + reach) / step - 0.5), round((x - reach) / step - 0.5)
        assert (kind == "arc") == (t == j)
        assert alpha == pytest.approx(0.12 + 0.88 * weights[t, j].item(), abs=1e-3)
        assert width == pytest.approx(0.75 + 5 * weights[t, j].item(), abs=1e-3)
        drawn[t, j] = alpha
    strong = {(t, j) for t in range(T) for j in range(t + 1) if weights[t, j] > 0.041}
    assert strong <= set(drawn)
    assert len({round(alpha, 2) for alpha in drawn.values()}) > 5


def test_a_row_is_told_from_the_most_looked_at_down(
    tiny: TrainedModel, seen: ForwardPass, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT))
    page.page.check("[name=view][value=lines]", force=True)
    for head in range(3):
        told = page.page.get_attribute("#lines canvas", "aria-valuetext")
        places = [int(place) for place in re.findall(r" at (\d+) \(", told)]
        row = seen.attention[0, head, T - 1]
        assert places == row.argsort(descending=True)[:3].tolist()
        keys = page.page.locator("#row-steps .scores tbody tr:not(.rest) th").all_inner_texts()
        shown = [int(key.rpartition(" ")[2]) for key in keys]
        assert shown == sorted(row.argsort(descending=True)[:6].tolist())
        page.page.keyboard.press("]")


def test_the_past_shows_the_chosen_head(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    seen: list[Snapshot] = list(snapshots(tiny.folder, tiny.encode_prompt(TEXT), pytest.fail))
    page = opened(contents(tiny, TEXT, snapshots=seen))
    for place in (0, len(seen) - 1):
        page.page.fill("#checkpoint", str(place))
        for layer, head in ((0, 0), (1, 2), (0, 1)):
            page.page.click(f"#history-maps [role=radio] >> nth={3 * layer + head}")
            small = f"#history-maps button:nth-of-type({3 * layer + head + 1}) canvas"
            for t, j in CELLS:
                kept = round(255 * seen[place].attention[layer, head, t, j].item()) / 255
                wanted = shade(page, math.sqrt(kept))
                # A step of what travels is some shades where weights are small.
                for canvas in ("#history-map", small):
                    assert near(tuple(page.run(PIXEL, [canvas, j, t])), wanted, most=8)
