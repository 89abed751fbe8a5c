"""A page that shows texts as points: their vectors along their first principal components.

Shapes: N texts, C channels, P components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attn_cli.inspection.embedding import Vectors
from attn_cli.inspection.page.template import PageTemplate, as_json

STYLES = ("theme", "layout", "parts", "projection", "save_picture")
SCRIPTS = (
    "elements",
    "formatting",
    "palette",
    "canvas",
    "theme_button",
    "categories",
    "scatter_plot",
    "svg_context",
    "drawn_svg",
    "picture",
    "save_picture",
    "projection",
)
COMPONENTS = 3  # P
_TINY = np.finfo(np.float32).tiny
_SCALE = 10_000  # of coordinates, which the page has as integers


@dataclass(frozen=True)
class Projection:
    """Vectors along their first principal components (Pearson 1901).

    Attributes:
        points: (N, P).
        explained: Each component's fraction of the variance, (P,).
    """

    points: Vectors
    explained: Vectors


def principal_components(vectors: Vectors, count: int = COMPONENTS) -> Projection:
    """The projection of vectors (N, C) to their first P components.

    The sign of a component is that by which its largest weight is positive.
    """
    count = min(count, vectors.shape[1])
    deviations = vectors - vectors.mean(axis=0)
    values, axes = np.linalg.eigh(deviations.T @ deviations)  # ascending; (C,), (C, C)
    axes = axes[:, ::-1][:, :count]  # (C, P)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    values = np.maximum(values[::-1], 0)
    explained = values[:count] / values.sum(initial=_TINY)
    return Projection(deviations @ axes, explained)


def projection_page(
    title: str,
    description: str,
    texts: Sequence[str],
    labels: Sequence[str | None],
    vectors: Vectors,
) -> str:
    """The HTML of the page, to be saved as UTF-8.

    Args:
        title: Its heading.
        description: Which model the vectors are of.
        texts: N of them.
        labels: Of each text, by which it is coloured; None where there are none.
        vectors: (N, C).
    """
    template = PageTemplate("projection.html", STYLES, SCRIPTS)
    return template.render(title, payload=as_json(_payload(description, texts, labels, vectors)))


def _payload(
    description: str, texts: Sequence[str], labels: Sequence[str | None], vectors: Vectors
) -> dict[str, Any]:
    projection = principal_components(vectors)
    largest = float(np.abs(projection.points).max(initial=_TINY))
    names = sorted({label for label in labels if label is not None})
    number = {name: index for index, name in enumerate(names)}
    return {
        "description": description,
        "texts": list(texts),
        "points": np.rint(projection.points / largest * _SCALE).astype(int).tolist(),
        "explained": [round(float(fraction), 4) for fraction in projection.explained],
        "labels": names,
        "label_of": [number[label] for label in labels if label is not None],
    }
