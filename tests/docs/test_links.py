"""Every relative link of the README and the documentation leads to a file and a heading."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# A text in brackets, which may hold an image; the target; maybe a title.
LINK = re.compile(r"\]\(\s*([^)\s]+)(?:\s+\"[^\"]*\")?\s*\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The headings' anchors, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in words}


def broken(page: Path) -> list[str]:
    found = []
    for target in LINK.findall(prose(page)):
        address = urlsplit(target)
        if address.scheme:
            if address.scheme not in ("http", "https") or "." not in address.netloc:
                found.append(target)
            continue
        file = (page.parent / address.path) if address.path else page
        if not file.exists() or (address.fragment and address.fragment not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `a`: two\n\n[x](page.md#one-a-two) [y](none.md) [z](#none) [w](htp://a)\n"
    )
    assert broken(page) == ["none.md", "#none", "htp://a"]
