"""`attn compare`: arms of runs beside each other, and how sure a difference is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli import completion
from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles, write_beside
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.options import JsonOption, run_or_group_option
from attn_cli.cli.terminal import console, notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.errors import InputError
from attn_cli.text.display import escape_control_characters

if TYPE_CHECKING:
    from attn_cli.experiments.comparison import Comparison
    from attn_cli.experiments.text_bootstrap import TextBootstrap

_OF_CHARACTERS = ("lm", "mlm")

ArmsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN",
        parser=run_or_group_option,
        autocompletion=completion.run_names,
        help="Runs, groups of several seeds, sweeps, or patterns of names in quotes. Runs "
        "that differ in nothing but their seed are one arm. Or the folders of two checkpoints.",
    ),
]
RequireOption = Annotated[
    str | None,
    typer.Option(
        metavar="better|not-worse[=TOLERANCE]",
        autocompletion=completion.one_of("better", "not-worse"),
        help="Exit with code 1 unless all arms are shown to be better than the reference, or not "
        "worse by TOLERANCE (default: 1 % of the reference).",
    ),
]


@options_from_dataclass
@working("comparing")
def compare(
    arms: ArmsArgument,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            autocompletion=completion.run_names,
            show_default="the first",
            help="What the others are compared with.",
        ),
    ] = None,
    require: RequireOption = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV line for each arm.")] = False,
    figures: FigureFiles = NO_FIGURES,
    as_json: JsonOption = False,
) -> None:
    """Compare runs over their seeds: is B better than A?

    Runs of the same seeds are compared in pairs, others by Welch's test; with more than two arms,
    p-values are Holm-corrected. For two single runs, it tests whether the validation text is long
    enough to tell the two models apart. A figure shows the validation loss of each arm by
    step, in a band of one standard deviation.

    Examples:
      attn compare learned rope
      attn compare "runs/rope-*" "runs/learned-*" --svg curves.svg
    """
    figures.check()
    from attn_cli.experiments import comparison_text
    from attn_cli.experiments.arms import find_arms
    from attn_cli.experiments.comparison import compare_arms, unmet
    from attn_cli.experiments.curves_plot import draw_arms
    from attn_cli.runs.run_lookup import is_checkpoint

    if markdown + as_csv + as_json > 1:
        raise InputError("`markdown`, `as_csv` and `as_json` exclude each other")
    required = None if require is None else _requirement(require)
    if len(arms) == 2 and all(map(is_checkpoint, arms)):
        if reference or figures or require or markdown or as_csv:
            problem = "of two checkpoints there is only one comparison, that on their text"
            raise InputError(problem, "leave out all options but --json")
        _compare_checkpoints(*arms, as_json=as_json)
        return
    compared = compare_arms(find_arms(arms), reference)
    on_text = _on_text(compared)
    if as_json:
        _print_json(compared, on_text)
    elif as_csv:
        result(comparison_text.as_csv(compared))
    elif markdown:
        result(comparison_text.markdown(compared, on_text))
    else:
        print_table(*comparison_text.table(compared))
        result("\n".join(comparison_text.all_lines(compared, on_text)))
    write_beside(figures, lambda canvas: draw_arms(canvas, compared.arms))
    if required is not None and (reason := unmet(compared, *required)) is not None:
        notice(f"attn: {reason}")
        raise typer.Exit(1)


def _requirement(text: str) -> tuple[bool, float | None]:
    """Whether arms have to be better, and else by how much they may be worse."""
    if text == "better":
        return True, None
    parts = re.fullmatch(r"not-worse(?:=([0-9.]+(?:e-?[0-9]+)?))?", text)
    try:
        if parts is not None:
            return False, None if parts[1] is None else float(parts[1])
    except ValueError:
        pass
    raise InputError(
        f"`require` is better, not-worse or not-worse=TOLERANCE, and not {text}",
        "as in: --require not-worse=0.01",
    )


def _on_text(compared: Comparison) -> TextBootstrap | str | None:
    """Of two single runs that predict characters, whether the text tells them apart."""
    from attn_cli.errors import AttnError

    runs = [run for arm in compared.arms for run in arm.runs]
    if len(runs) != 2 or len(compared.arms) != 2 or runs[0].task not in _OF_CHARACTERS:
        return None
    from attn_cli.experiments.text_bootstrap import compare_checkpoints

    notice("measuring both models on the validation text ...")
    (other,) = compared.differences
    try:
        return compare_checkpoints(compared.reference.runs[0].run.path, other.arm.runs[0].run.path)
    except AttnError as error:
        return error.message


def _compare_checkpoints(reference: Path, other: Path, *, as_json: bool) -> None:
    """Prints whether the validation text tells two checkpoints apart, perhaps of one run."""
    from dataclasses import asdict

    from attn_cli.experiments.comparison_text import text_lines
    from attn_cli.experiments.text_bootstrap import compare_checkpoints

    notice("measuring both models on the validation text ...")
    found = compare_checkpoints(reference, other)
    if as_json:
        result_json({"on_text": None if isinstance(found, str) else asdict(found)})
        return
    for line in text_lines(str(reference), str(other), found):
        result(line)


def _print_json(compared: Comparison, on_text: TextBootstrap | str | None) -> None:
    from dataclasses import asdict

    from attn_cli.experiments import comparison_text

    found = None if on_text is None or isinstance(on_text, str) else asdict(on_text)
    result_json({**comparison_text.record(compared), "on_text": found})


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table; the first column is text, the others are numbers."""
    from rich.cells import cell_len
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(escape_control_characters, row))
    columns = zip(headings, *rows, strict=True)
    # Wider than a narrow terminal where it has to be: a terminal wraps what does not fit.
    out.width = max(out.width, sum(max(map(cell_len, column)) + 2 for column in columns))
    out.print(table)
    result()
