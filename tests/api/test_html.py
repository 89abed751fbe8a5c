"""What a notebook shows, and that nothing in it can be more than text."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import attn_cli as attn_api
from attn_cli.api.html import attention_html, run_html, text_html
from attn_cli.runs.metrics import StepMetrics
from tests.conftest import VERSE, Trained

HOSTILE = "</span><script>alert(1)</script>\"'&\x00\x1b"


class Page(HTMLParser):
    """The elements of a piece of HTML and its text; every element has to be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "img":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_a_text_has_each_character_with_its_probability(model: attn_api.Model) -> None:
    text = model.generate("The", seed=7)
    page = Page(text._repr_html_())
    shown = text.prompt + text.continuation.replace("\n", " \n")
    assert page.text.startswith(shown + "seed 7, finish_reason length")
    spans = page.of("span")
    assert len(spans) == len(text.continuation)
    for span, (_, prob) in zip(spans, text.characters, strict=True):
        assert str(span["title"]).endswith(f" {prob:.1%}")


def test_the_less_probable_the_stronger_the_shade() -> None:
    characters = [("a", 1.0), ("b", 0.5), ("c", 0.01), ("d", 1e-9), ("e", 0.0)]
    spans = Page(text_html("", characters, "")).of("span")
    opacities = [float(str(span["style"]).split("/")[1].rstrip(") ")) for span in spans]
    assert opacities == sorted(opacities)
    assert opacities[0] == 0.0
    assert len(set(opacities)) == 4  # from 8 bits on it gets no stronger


def test_attention_has_a_map_for_each_head(model: attn_api.Model) -> None:
    trace = model.trace("The fox")
    html = trace._repr_html_()
    assert Page(html).text.count("layer 2, head 3") == 1
    maps = [ET.fromstring(part + "</svg>") for part in _svgs(html)]
    assert len(maps) == 6
    titles = ["".join(each.itertext()) for each in maps[4].iter() if each.tag.endswith("title")]
    weights = trace.attention[1, 1]
    assert len(titles) == (weights >= 0.01).sum()
    assert titles[0] == "T to T: 1.000"
    assert titles[-1].endswith(f": {weights[-1][weights[-1] >= 0.01][-1]:.3f}")


def test_an_alignment_has_the_source_across_and_the_target_down(
    translator: attn_api.Model,
) -> None:
    trace = translator.trace("face", target="ab")
    assert isinstance(trace, attn_api.PairTrace)
    html = trace._repr_html_()
    maps = [ET.fromstring(part + "</svg>") for part in _svgs(html)]
    assert len(maps) == 6
    titles = ["".join(each.itertext()) for each in maps[0].iter() if each.tag.endswith("title")]
    weights = trace.cross_attention[0, 0]
    assert titles == [
        f"{query} to {key}: {weights[row, column]:.3f}"
        for row, query in enumerate("ab⏎")
        for column, key in enumerate("face⏎")
        if weights[row, column] >= 0.01
    ]
    assert "a column of the source" in Page(html).text
    turned = attention_html(weights[None, None], ["x", "aː", "⏎"], ["a", "b", "[PL]", "c", "d"])
    assert turned.count("rotate(-90)") == 5
    assert "rotate" not in html


def _svgs(html: str) -> list[str]:
    return ["<svg" + part.partition("</svg>")[0] for part in html.split("<svg")[1:]]


def test_a_run_shows_its_losses_and_its_last_samples(trained: Trained) -> None:
    page = Page(attn_api.Run(trained.run.path)._repr_html_())
    assert str(trained.run.path) in page.text
    assert f"step 240, validation loss {trained.result.val_loss:.4f}" in page.text
    (image,) = page.of("img")
    kind, _, data = str(image["src"]).partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert "nats per character" in "".join(ET.fromstring(base64.b64decode(data)).itertext())


def test_a_run_without_metrics_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    page = Page(attn_api.Run(tmp_path)._repr_html_())
    assert "has not been trained yet" in page.text
    assert page.of("img") == []


@pytest.mark.parametrize("text", [HOSTILE, VERSE, "\udce9 \ufffd 😀\n\t"])
def test_whatever_a_model_writes_is_text(text: str) -> None:
    metrics = [StepMetrics(1, 10, 0.1, 2.0, 0.1, 1.0, 100.0, val_loss=2.0)]
    pages = [
        text_html(text, [(character, 0.5) for character in text], "seed 7"),
        attention_html(np.full((1, 1, len(text), len(text)), 0.5, np.float32), list(text)),
        run_html(text, metrics, b"<svg/>", [(1, text)]),
    ]
    for html in pages:
        html.encode()  # no lone surrogate
        assert "\x00" not in html
        tags = {tag for tag, _ in Page(html).elements}
        assert tags <= {"div", "span", "strong", "img", "svg", "g", "text", "path", "title"}
        assert "<script" not in html
