"""What an SVG file of a figure says."""

from __future__ import annotations

import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(svg: bytes) -> list[str]:
    """Each text in a file, in order."""
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter(f"{SVG}text")]


def size_of(svg: bytes) -> tuple[float, float]:
    """Its width and height in points."""
    root = ET.fromstring(svg)
    return float(root.attrib["width"][:-2]), float(root.attrib["height"][:-2])


def type_sizes(svg: bytes) -> set[float]:
    """The sizes of its type."""
    found = set()
    for each in ET.fromstring(svg).iter(f"{SVG}text"):
        for part in each.attrib.get("style", "").split(";"):
            name, _, value = part.strip().partition(":")
            words = value.split() if name in ("font", "font-size") else []
            found |= {float(word[:-2]) for word in words if word.endswith("px")}
    return found
