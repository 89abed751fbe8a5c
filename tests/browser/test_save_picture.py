"""Saved pictures: SVG of vectors alone, with labels, cells and shades; PNG at twice its size."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from attn_cli.inspection.history import snapshots
from attn_cli.inspection.page.projection import projection_page
from attn_cli.inspection.report.build import report_page
from attn_cli.inspection.report.read_run import measured_run
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.browser.conftest import contents, random_model
from tests.conftest import Trained

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"
# What any program for vector graphics reads; no bitmap, no HTML, no style sheet.
ELEMENTS = {f"{SVG}{name}" for name in ("svg", "title", "rect", "path", "text")}
TEXT = "the fox met"
SHADES = """theme => attn.palettes.blue[theme].map(
    parts => "#" + parts.map(part => part.toString(16).padStart(2, "0")).join(""))"""
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def lettered(*overrides: str) -> LoadedModel:
    small = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=64")
    return random_model(*small, *overrides, tokenizer=corpus_tokenizer("the fox met <&\"'>"))


def save(page: Any, what: str, kind: str, folder: Path) -> Path:
    """The file that a button of the page saves."""
    button = page.page.locator(f"[aria-label='Save {what} as {kind}']")
    button.focus()
    with page.page.expect_download() as download:
        page.page.keyboard.press("Enter")
    path: Path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def parsed(path: Path) -> ElementTree.Element:
    root = ElementTree.parse(path).getroot()
    assert {one.tag for one in root.iter()} <= ELEMENTS
    for one in root.iter():
        for value in one.attrib.values():
            assert not re.search("NaN|undefined|url|var\\(|rgb|oklch", value), one.attrib
    return root


def labels(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


@THEMES
def test_the_map_has_a_cell_for_each_weight_in_its_shade(
    theme: str, opened: Callable[..., Any], tmp_path: Path
) -> None:
    page = opened(contents(lettered(), TEXT, layer=1, head=2), color_scheme=theme)
    path = save(page, "this head", "SVG", tmp_path)
    assert path.name == "a-model-of-random-numbers-layer-2-head-3-map.svg"
    root = parsed(path)
    shades = page.run(SHADES, theme)
    attention = np.array(page.run("() => attn.attention()"))[1, 2]
    wanted = [
        shades[round(255 * weight**0.5)]
        for t, row in enumerate(attention)
        for weight in row[: t + 1]
    ]
    cells = [one for one in root.iter(f"{SVG}rect") if one.get("width") == "27"]
    found = [cell.get("fill") for cell in cells]
    # Python rounds a half to the even number.
    assert len(found) == len(wanted) == 11 * 12 // 2
    differing = [(a, b) for a, b in zip(found, wanted, strict=True) if a != b]
    assert all(abs(shades.index(a) - shades.index(b)) == 1 for a, b in differing)
    assert len(differing) < 4
    told = labels(root)
    assert told[:2] == ["Layer 2, head 3: attention weights", "a model of random numbers"]
    signs = [sign if sign != " " else "␣" for sign in TEXT]
    assert [label for label in told if len(label) == 1][:22] == signs * 2
    assert page.page.inner_text("#map-readout") in told
    assert {"attention weight", "0", "0.05", "0.25", "0.5", "1"} <= set(told)  # the legend
    ground, ink = (next(root.iter(f"{SVG}{name}")).attrib["fill"] for name in ("rect", "text"))
    assert (ground > ink) == (theme == "light")


def test_a_png_is_twice_as_large_as_the_svg(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened(contents(lettered(), TEXT))
    for what in ("this head", "all heads", "logit lens"):
        root = parsed(save(page, what, "SVG", tmp_path))
        path = save(page, what, "PNG", tmp_path)
        with Image.open(path) as image:
            assert image.size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
            assert len(np.unique(np.asarray(image.convert("L")))) > 20


def test_every_figure_of_the_page_can_be_saved(
    tiny: TrainedModel, opened: Callable[..., Any], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    seen = list(snapshots(tiny.folder, tiny.encode_prompt("The fox"), pytest.fail))
    page = opened(contents(tiny, "The fox", snapshots=seen))
    page.page.fill("#how-many", "3")
    page.page.click("#write")
    page.page.click("#ablate-all")
    expect(page.page.locator("#ablation-note")).to_contain_text("6 of 6")
    wanted = {
        "surprisal": "#surprisal-readout",
        "all heads": "#attention-legend .legend-title",
        "probabilities": "#next-caption",
        "written text": "#drawn-caption",
        "logit lens": "#lens-readout",
        "loss without each head": "#ablation-grid button >> nth=4",
        "probabilities without this head": "#ablation-caption",
        "this head at this step": "#history-map-title",
        "probabilities at this step": "#history-probs .percent >> nth=0",
    }
    names = set()
    for what, told in wanted.items():
        path = save(page, what, "SVG", tmp_path)
        names.add(path.name)
        text = " ".join(labels(parsed(path)))  # a long one takes several lines
        assert " ".join(page.page.inner_text(told).split()) in " ".join(text.split()), what
    assert len(names) == len(wanted)
    buttons = page.page.locator(".save-picture button[aria-label$=SVG]:visible").count()
    assert buttons == len(wanted) + 2  # this head, and all heads at this step


def test_lines_and_tables_are_saved_as_they_are_chosen(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    page = opened(contents(lettered(), TEXT))
    page.page.click("text=Lines")
    root = parsed(save(page, "this head", "SVG", tmp_path))
    attention = np.array(page.run("() => attn.attention()"))[0, 0]
    least = np.full((11, 1), 0.04)
    least[10] = 0.005
    arcs = [one for one in root.iter(f"{SVG}path") if "A" in one.attrib["d"]]
    assert len(arcs) == int((attention >= least).sum())
    page.page.click("text=Table")
    path = save(page, "this head", "SVG", tmp_path)
    assert path.name.endswith("layer-1-head-1-table.svg")
    assert len(labels(parsed(path))) > 66


def test_what_lies_out_of_the_window_is_in_the_picture_and_the_scroll_stays(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    page = opened(contents(lettered(), "the fox met the fox met the fox"), width=390)
    page.page.evaluate("() => (document.querySelector('#lens-grid').scrollLeft = 150)")
    root = parsed(save(page, "logit lens", "SVG", tmp_path))
    cells = [label for label in labels(root) if len(label) == 1]
    assert len(cells) >= 31 * 4
    assert page.run("() => document.querySelector('#lens-grid').scrollLeft") == 150
    left = min(float(one.get("x", "20")) for one in root.iter(f"{SVG}rect"))
    assert left >= 20


def test_signs_of_markup_are_text(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened(contents(lettered(), "<&\"'>"))
    assert "".join(labels(parsed(save(page, "surprisal", "SVG", tmp_path)))[2:7]) == "<&\"'>"


def test_the_curves_of_a_report(
    trained: Trained, opened: Callable[..., Any], tmp_path: Path
) -> None:
    html = report_page("A run", [measured_run(trained.run, lambda _: None)])
    page = opened(html)
    root = parsed(save(page, "the curves of Training", "SVG", tmp_path))
    told = labels(root)
    assert told[0] == "A run: Training"
    shown = page.page.locator("svg.plot text").all_text_contents()
    assert set(shown) <= set(told)
    assert page.run("() => document.querySelector('.readout').textContent") in " ".join(told)
    curves = [one for one in root.iter(f"{SVG}path") if one.get("stroke-width") == "1.75"]
    assert len(curves) == page.page.locator("path.curve").count() > 1


def test_texts_as_points(opened: Callable[..., Any], tmp_path: Path) -> None:
    vectors = np.random.default_rng(3).normal(size=(12, 5)).astype(np.float32)
    names = [f"text {number}" for number in range(12)]
    page = opened(projection_page("Names", "a model", names, ["a", "b"] * 6, vectors))
    root = parsed(save(page, "the plot", "SVG", tmp_path))
    dots = [one for one in root.iter(f"{SVG}path") if one.get("fill-opacity") == "0.8"]
    assert len(dots) == 12
    assert len({dot.get("fill") for dot in dots}) == 2
    told = labels(root)
    assert told[:2] == ["Names", "a model"]
    assert "of the variance" in told[2]
    assert set(names) & set(told)
    assert {"a", "b"} <= set(told)
