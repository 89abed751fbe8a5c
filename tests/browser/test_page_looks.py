"""How the page looks: widths, themes, the palette, motion, and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Table
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.tokenizer import bytes_tokenizer
from tests.browser.conftest import contents, random_model
from tests.conftest import Trained

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=6", "model.block_size=64")


# Of one colour on another: text has to differ by 4.5, what marks or bounds something by 3 (WCAG
# 2.2, 1.4.3 and 1.4.11). A ring lies against the paper's colour, whatever shade is beneath.
TEXTS = [
    (text, ground) for text in ("ink", "quiet", "accent", "line") for ground in ("paper", "panel")
] + [("ink", "accent-ground"), ("quiet", "accent-ground"), ("accent", "accent-ground")]
MARKS = [
    ("strong-rule", "paper"),
    ("strong-rule", "panel"),
    ("bar", "paper"),
    ("ink", "bar"),
    ("accent", "paper"),
]

# The contrast of pairs of variables as they are computed in the page.
CONTRASTS = """(pairs) => {
    const probe = document.body.appendChild(document.createElement("i"));
    const luminance = (name) => {
        probe.style.color = `var(--${name})`;
        const parts = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
        return attn.luminance(parts);
    };
    return pairs.map((pair) => {
        const [low, high] = pair.map(luminance).sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    });
}"""


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("view", ["map", "lines", "table"])
def test_no_part_is_wider_than_the_page(
    view: str, width: int, theme: str, opened: Callable[..., Any]
) -> None:
    loaded = random_model(*SMALL, tokenizer=bytes_tokenizer())
    table = Table("numbers", tuple("abcdefgh"), (("row", ("−0.12345",) * 8),))
    lesson = [LessonStep("Numbers", ("word " * 50, Formula(("0.5 × 0.25 + " * 20,)), table))]
    page = opened(contents(loaded, "x" * 64, lesson=lesson), width=width, color_scheme=theme)
    page.page.check(f"[name=view][value={view}]", force=True)
    page.page.click("text=Show all 64 keys")
    for element in ("document.documentElement", "document.body"):
        wider = page.run(f"() => {element}.scrollWidth - {element}.clientWidth")
        assert wider <= 0


@pytest.mark.parametrize("hue", ["blue", "green"])
def test_the_palette_changes_in_one_direction_in_both_themes(
    hue: str, tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"), color_scheme="dark")
    light, dark = page.run(
        "hue => ['light', 'dark'].map((theme) => attn.palettes[hue][theme].map(attn.luminance))",
        hue,
    )
    # Whole numbers of red, green and blue leave neighbours equal here and there.
    assert all(a >= b - 2e-3 for a, b in pairwise(light))
    assert all(a <= b + 2e-3 for a, b in pairwise(dark))
    assert light[0] > 0.85 > 0.05 > light[-1]
    assert dark[-1] > 0.8 > 0.05 > dark[0]


def test_the_theme_follows_the_system_until_it_is_chosen(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"), color_scheme="dark")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    cell = (
        "() => getComputedStyle(document.querySelectorAll('#surprisal-strip span')[2])"
        ".backgroundColor"
    )
    dark = page.run(ground), page.run(cell)
    page.page.click("#theme-button")
    light = page.run(ground), page.run(cell)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    page.page.click("#theme-button")
    assert (page.run(ground), page.run(cell)) == dark


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_differ_enough_from_what_is_beneath(
    theme: str, tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"), color_scheme=theme)
    for pairs, least in ((TEXTS, 4.5), (MARKS, 3.0)):
        for pair, contrast in zip(pairs, page.run(CONTRASTS, pairs), strict=True):
            assert contrast >= least, pair
    # Nothing makes them paler, not even what may not come.
    page.page.fill("#top-k", "2")
    bars = page.page.locator("#next-probs li").count()
    assert page.page.locator("#next-probs .none").count() == bars - 2 > 0
    faded = page.run(
        "() => Array.from(document.querySelectorAll('main *')).filter("
        "(one) => getComputedStyle(one).opacity < 1 && !one.matches('.switch input')).length"
    )
    assert faded == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_chosen_and_focused_can_be_seen_on_any_shade(
    theme: str, tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"), color_scheme=theme)
    paper = page.run("() => getComputedStyle(document.body).backgroundColor")
    for marked in (
        ".map-row",
        ".map-row [aria-selected=true]",
        "#surprisal-strip [aria-selected=true]",
        "#row-strip .query",
        "#lens-grid td.chosen",
        ".map-row :focus-visible",
    ):
        if "focus" in marked:
            page.page.locator("#map-grid [tabindex='0']").focus()
            page.page.keyboard.press("Home")
        style = page.run(
            "(one) => { const { boxShadow, outlineColor, outlineStyle } = "
            "getComputedStyle(document.querySelector(one));"
            "return boxShadow + (outlineStyle === 'none' ? '' : outlineColor); }",
            marked,
        )
        assert len(set(re.findall(r"rgb\([^)]*\)", style)) - {paper}) == 1, (marked, style)
        assert paper in style, (marked, style)


def test_nothing_moves_where_less_motion_is_wished(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    duration = "() => getComputedStyle(document.querySelector('.bars i')).transitionDuration"
    still = opened(contents(tiny, "The fox"), reduced_motion="reduce")
    assert still.run(duration) == "0s"
    moving = opened(contents(tiny, "The fox"), reduced_motion="no-preference")
    assert moving.run(duration) == "0.12s"


def test_without_javascript_the_page_says_so(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"), java_script_enabled=False)
    assert "needs JavaScript" in page.page.inner_text("body")
