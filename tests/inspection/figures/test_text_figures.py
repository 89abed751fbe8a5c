"""The logit lens, a text by surprisal, and confusions as figures."""

from __future__ import annotations

import numpy as np
import pytest

from attn_cli.figures.canvas import Draw, render
from attn_cli.figures.style import SizeName, style_named
from attn_cli.inspection.figures.confusion import draw_confusion
from attn_cli.inspection.figures.logit_lens import draw_lens
from attn_cli.inspection.figures.surprisal import draw_surprisal
from attn_cli.inspection.logit_lens import LayerPredictions
from tests.figures.read_svg import size_of, texts_of, type_sizes


def svg(draw: Draw, size: SizeName = "slide") -> bytes:
    return render(draw, "svg", style_named("light", size))


def lens_of(text: str) -> LayerPredictions:
    """Two layers, of which the second is right."""
    came = [*text[1:], "?"]
    return LayerPredictions(
        list(text),
        ["embedding", "layer 1"],
        [[symbol, after] for symbol, after in zip(text, came, strict=True)],
        [[0.9, 0.5]] * len(text),
        [[4.0, 1.0]] * (len(text) - 1),
    )


def test_the_lens_has_every_prediction() -> None:
    texts = texts_of(svg(lambda canvas: draw_lens(canvas, lens_of("owl"), "a run", "character")))
    # Read, come, predicted by the embedding and by the layer.
    assert [texts.count(symbol) for symbol in "owl?"] == [2, 4, 4, 1]
    assert {"embedding", "layer 1", "probability"} < set(texts)
    assert "Mean surprisal in bits: embedding 4.00, layer 1 1.00." in texts


def test_a_single_character_has_no_surprisal() -> None:
    texts = texts_of(svg(lambda canvas: draw_lens(canvas, lens_of("o"), "a run", "character")))
    assert not any("surprisal" in text for text in texts)


@pytest.mark.parametrize("length", [1, 20, 256])
def test_the_lens_fits_its_sheet(length: int) -> None:
    lens = lens_of(("The owl met the fox " * 13)[:length])
    column = svg(lambda canvas: draw_lens(canvas, lens, "a run", "character"), "column")
    assert size_of(column)[1] <= 8.8 * 72
    assert max(type_sizes(column)) <= 9


def test_each_character_of_a_text_is_shown() -> None:
    text = [("\n", None), ("o", None), ("w", 0.5), ("\n", 9.0), ("北", 3.0)]
    texts = texts_of(svg(lambda canvas: draw_surprisal(canvas, text, 5, "a run", "2 bits")))
    assert [texts.count(each) for each in "ow⏎北"] == [1] * 4
    assert "2 bits." in texts
    assert not any(each.startswith("Shown") for each in texts)


@pytest.mark.parametrize("size", ["slide", "column"])
def test_of_a_long_text_as_much_is_shown_as_has_room(size: SizeName) -> None:
    text = [(character, 1.0) for character in "owl " * 1000]
    file = svg(lambda canvas: draw_surprisal(canvas, text, 9000, "a run", "2 bits"), size)
    texts = texts_of(file)
    (note,) = [each for each in texts if each.startswith("Shown: the first ")]
    shown = int(note.split()[3].replace(",", ""))
    assert 1000 < shown < 4000
    # Each but the blanks has its text.
    assert abs(sum(each in ("o", "w", "l") for each in texts) - shown * 3 / 4) <= 1
    assert note.endswith("of 9,000 characters.")


def test_confusions_have_their_counts() -> None:
    confusion = np.array([[50, 3], [0, 1234]])
    texts = texts_of(
        svg(lambda canvas: draw_confusion(canvas, confusion, ["owl", "a" * 60], "a run"))
    )
    assert {"50", "3", "1,234", "owl", "label", "predicted"} < set(texts)
    assert texts.count("a" * 23 + "…") == 2
    assert "1,284 of 1,287 examples are right." in texts


def test_of_many_labels_the_counts_give_way() -> None:
    confusion = np.full((120, 120), 777)
    labels = [f"label {number}" for number in range(120)]
    texts = texts_of(
        svg(lambda canvas: draw_confusion(canvas, confusion, labels, "a run"), "column")
    )
    assert "777" not in texts
    assert "predicted, by position" in texts
