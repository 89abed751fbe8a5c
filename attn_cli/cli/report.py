"""`attn report`: what happened in a run, or in several, as a page to keep and to send to others."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli import completion
from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles, write_beside, write_in_place
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.options import JsonOption, path_option, run_or_group_option
from attn_cli.cli.page_file import check_page_file, write_html
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.errors import InputError
from attn_cli.text.display import counted, format_bytes

if TYPE_CHECKING:
    from attn_cli.runs.run_folder import RunFolder
    from attn_cli.runs.run_group import RunGroup, Sweep


@options_from_dataclass
@working("writing the report")
def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            parser=run_or_group_option,
            autocompletion=completion.run_names,
            show_default="the newest",
            help="Runs, groups of several seeds, sweeps, or patterns of names in quotes.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            parser=path_option,
            help="The page, report.html unless a figure is asked for; it may replace a page of "
            "attn, and no other file.",
        ),
    ] = None,
    figures: FigureFiles = NO_FIGURES,
    as_json: JsonOption = False,
) -> None:
    """Write a page about a run, or one that compares several.

    Curves, samples over time and how much of them is copied, the text and what simple methods
    need for it, what each head does, all settings, the machine, and the commands that reproduce it.
    Several runs are compared as attn compare does, then each is summarised. A figure shows the
    curves of one run.

    Examples:
      attn report tales --html report.html
      attn report learned rope
      attn report tales --pdf curves.pdf --size column
    """
    figures.check()
    if html is None and not figures:
        html = Path("report.html")
    if html is not None:
        check_page_file(html)

    from attn_cli.experiments.arms import find_matching
    from attn_cli.runs.run_folder import RunFolder
    from attn_cli.runs.run_lookup import find_newest, find_run

    found = find_matching(runs or ()) or [find_newest(trained=False) or find_run(None)]
    folders = [
        run for each in found for run in ([each] if isinstance(each, RunFolder) else each.runs)
    ]
    _write_curves(figures, folders, beside=as_json or html is not None)
    if html is None:
        if as_json:
            result_json({"runs": [str(each.path) for each in folders]})
        return
    _write_page(html, found, folders, as_json=as_json)


def _write_page(
    html: Path,
    found: Sequence[RunFolder | RunGroup | Sweep],
    folders: Sequence[RunFolder],
    *,
    as_json: bool,
) -> None:
    """Writes the page of one run, or of several beside each other, and prints its path."""
    from attn_cli.experiments.arms import find_arms
    from attn_cli.experiments.compared_arms import compared_arms
    from attn_cli.inspection.report.build import report_page
    from attn_cli.inspection.report.read_run import measured_run, read_run

    compared = None
    if len(folders) == 1:
        reports = [measured_run(folders[0], notice)]
        title = reports[0].name
    else:
        compared = compared_arms(find_arms([each.path for each in found]))
        reports = [read_run(folder) for folder in folders]
        title = ", ".join(each.path.resolve().name for each in found)
    page = report_page(title, reports, compared).encode()
    write_html(html, page)
    if as_json:
        result_json(
            {"page": str(html), "bytes": len(page), "runs": [str(each.path) for each in folders]}
        )
        return
    notice(f"{counted(len(folders), 'run')}, {format_bytes(len(page))}; it opens in a browser")
    result(str(html))


def _write_curves(figures: FigureFiles, folders: Sequence[RunFolder], *, beside: bool) -> None:
    """Writes the losses of a run as figures, where these were asked for.

    Args:
        figures: Perhaps none.
        folders: The runs.
        beside: Whether something else is the command's result.

    Raises:
        InputError: There are several runs.
    """
    if not figures:
        return
    if len(folders) > 1:
        names = " ".join(shlex.quote(str(each.path)) for each in folders)
        raise InputError(
            "a figure of attn report has the curves of one run",
            f"for those of several: attn compare {names} --svg FILE",
        )
    from attn_cli.config.load import load_config
    from attn_cli.figures.loss import draw_losses
    from attn_cli.runs.metrics import read_metrics
    from attn_cli.text.builtin import loss_floor

    run = folders[0]
    metrics, name = list(read_metrics(run.metrics)), run.path.resolve().name
    floor = loss_floor(load_config(run.config))
    write = write_beside if beside else write_in_place
    write(figures, lambda canvas: draw_losses(canvas, metrics, name, floor))
