"""The report as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attn_cli.config.diff import shown
from attn_cli.inspection.page.template import PageTemplate, as_json
from attn_cli.inspection.report.curves import Plot, run_plots
from attn_cli.inspection.report.run_report import RunReport
from attn_cli.text.display import escape_control_characters

FOLDER = Path(__file__).parent
STYLES = ("theme", "layout", "parts", "report", "save_picture")
SCRIPTS = (
    "elements",
    "formatting",
    "palette",
    "canvas",
    "svg_context",
    "drawn_svg",
    "picture",
    "save_picture",
    "theme_button",
    "curves",
    "report",
)
MOST_LABELS = 30  # of a matrix of confusions that is shown whole


@dataclass(frozen=True)
class ComparedArms:
    """Runs beside each other, as a report shows them.

    Attributes:
        headings: Of the table's columns.
        rows: The cells of each arm.
        lines: What the table means, and what to know of it.
        plots: The arms' curves.
    """

    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()
    plots: Sequence[Plot] = ()


def report_page(
    title: str, reports: Sequence[RunReport], compared: ComparedArms | None = None
) -> str:
    """The HTML of the report, to be saved as UTF-8.

    Args:
        title: Its heading.
        reports: The runs; a single one is shown in full.
        compared: Several runs beside each other, which comes first.
    """
    plots = {str(number): run_plots(report) for number, report in enumerate(reports)}
    if compared is not None:
        plots["compared"] = list(compared.plots)
    template = PageTemplate("report.html", STYLES, SCRIPTS, FOLDER)
    html = template.render(
        title,
        reports=reports,
        compared=compared,
        plots=plots,
        payload=as_json(plots),
        shown=shown,
        printable=escape_control_characters,
        most_labels=MOST_LABELS,
    )
    return html.encode(errors="replace").decode()  # names of files may hold what is no text
