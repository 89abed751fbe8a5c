"""`attn report`: what happened in a run, or in several, as a page to keep and to send to others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attn_cli.cli import completion
from attn_cli.cli.options import JsonOption, path_option, run_or_group_option
from attn_cli.cli.page_file import check_page_file, write_html
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.text.display import counted

EXAMPLES = """For example: attn report tales --html report.html

attn report learned rope"""


@working("writing the report")
def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN ...]",
            parser=run_or_group_option,
            autocompletion=completion.run_names,
            help="Runs, groups of several seeds, sweeps, or patterns of names in quotes; the "
            "newest when left out.",
        ),
    ] = None,
    html: Annotated[
        Path,
        typer.Option(
            "--html",
            metavar="FILE",
            parser=path_option,
            help="The page; it may replace a page of attn, and no other file.",
        ),
    ] = Path("report.html"),
    as_json: JsonOption = False,
) -> None:
    """Write what happened in a run as a page: one file, which opens without a network.

    Curves, samples over time and how much of them is copied, the text and what simple methods
    need for it, what each head does, all settings, the machine, and the commands to do it again.
    Several runs are compared as by attn compare, then each is shown in short.
    """
    check_page_file(html)

    from attn_cli.experiments.arms import find_arms, find_matching
    from attn_cli.experiments.compared_arms import compared_arms
    from attn_cli.inspection.report.build import report_page
    from attn_cli.inspection.report.read_run import measured_run, read_run
    from attn_cli.runs.run_folder import RunFolder
    from attn_cli.runs.run_lookup import find_newest, find_run

    found = find_matching(runs or ()) or [find_newest(trained=False) or find_run(None)]
    folders = [
        run for each in found for run in ([each] if isinstance(each, RunFolder) else each.runs)
    ]
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
    notice(f"{counted(len(folders), 'run')}, {len(page):,} bytes; it opens in a browser")
    result(str(html))
