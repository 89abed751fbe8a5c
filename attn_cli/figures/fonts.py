"""Which fonts have which characters, so that nothing is drawn as a box or with a warning."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # come with matplotlib
UNSHOWN = "▯"  # in a running text, for a character that no font has
# Tried first for what those lack; the others of the system after them, by name.
_PREFERRED = ("Noto Sans", "Arial Unicode", "WenQuanYi", "Droid Sans Fallback", "PingFang")
_PRIVATE = "Co"  # category of characters that mean something in one font only


def families(text: str, first: str = SANS) -> list[str]:
    """The fonts, in order, that together have all characters of a text that any font has."""
    found = [first]
    for character in sorted(set(text)):
        name = _font_with(character)
        if name is not None and name not in found and not _has(first, character):
            found.append(name)
    return found


def is_drawable(character: str) -> bool:
    """Whether some font of this machine has a character."""
    return _font_with(character) is not None


def code_point(character: str) -> str:
    """A character by its number, `U+1F98A`."""
    return f"U+{ord(character):04X}"


@cache
def _font_with(character: str) -> str | None:
    if unicodedata.category(character) == _PRIVATE:
        return None
    return next((name for name in _names() if _has(name, character)), None)


@cache
def _names() -> tuple[str, ...]:
    """The names of all fonts, those of matplotlib first."""
    from matplotlib.font_manager import fontManager

    names = {entry.name for entry in fontManager.ttflist} - {SANS, MONO}
    return (SANS, MONO, *sorted(names, key=_rank))


def _rank(name: str) -> tuple[bool, str]:
    return not name.startswith(_PREFERRED), name


@cache
def _characters(name: str) -> frozenset[int]:
    """The characters of a font; none of one that cannot be drawn, as those of coloured pictures."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    try:
        font = get_font(findfont(FontProperties(family=name), fallback_to_default=False))
        font.set_size(10, 72)
    except (OSError, RuntimeError, ValueError):
        return frozenset()
    return frozenset(font.get_charmap())


def _has(name: str, character: str) -> bool:
    return ord(character) in _characters(name)


def shown_text(text: str) -> str:
    """A text in which a sign stands for each character that no font has."""
    return "".join(_shown(text))


def _shown(text: Iterable[str]) -> Iterator[str]:
    for character in text:
        yield character if character.isspace() or is_drawable(character) else UNSHOWN
