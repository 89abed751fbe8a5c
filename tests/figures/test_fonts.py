"""Characters that no font of this machine has: a readable sign."""

from __future__ import annotations

import pytest

from attn_cli.figures.canvas import Canvas, Kind, render
from attn_cli.figures.fonts import families, is_drawable, shown_text
from attn_cli.figures.style import style_named

NOWHERE = "\U0001fbff\ue000"  # a private character means something in one font only


def test_a_character_without_a_glyph_has_a_sign() -> None:
    assert is_drawable("a")
    assert is_drawable("⏎")
    assert not is_drawable("\ue000")
    assert shown_text("a\ue000 b") == "a▯ b"
    png, svg = (Canvas(kind, style_named()) for kind in ("png", "svg"))
    assert (png.label("\ue000"), svg.label("\ue000")) == ("U+E000", "\ue000")
    assert png.label("\x07") == "\\x07"
    assert png.label("\n") == "⏎"


def test_fonts_have_all_characters_that_any_has() -> None:
    assert families("owl") == ["DejaVu Sans"]
    assert families("\ue000") == ["DejaVu Sans"]


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
@pytest.mark.parametrize("text", [NOWHERE, "北京 👩‍🚀", "a\u0301\u200d", "\udc80", "نص", "$x^2$"])
def test_any_text_is_drawn(kind: Kind, text: str) -> None:
    render(lambda canvas: canvas.text(1, 1, text), kind, style_named())
