"""`attn check`: what is worth knowing about a text before training on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli import completion
from attn_cli.cli.flags import with_flags
from attn_cli.cli.options import ConfigOption, JsonOption, SettingsOption
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import result, result_json
from attn_cli.cli.working import working
from attn_cli.text.display import replacements

if TYPE_CHECKING:
    from attn_cli.training.text_check import TextReport, UnreadableFile


@working("checking the text")
def check(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT...",
            autocompletion=completion.text_names,
            help="What you would give to attn train.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="TASK",
            autocompletion=completion.one_of("lm", "mlm", "classify"),
            help="lm, mlm or classify, as for attn train.",
        ),
    ] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Learn each line of the text by itself.")
    ] = False,
    config: ConfigOption = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a text before training on it.

    Size, alphabet, files in other encodings, repeated passages, an end that is unlike the rest,
    baselines, what --minutes 1, 5 and 15 would choose (a few steps are timed), and the loss to
    expect.

    For example: attn check my.txt
    """
    from attn_cli.config.load import parse_override
    from attn_cli.training.request import make_request
    from attn_cli.training.text_check import check_text, open_text, unreadable_files

    for name in text:
        check_text_is_no_run(name, "give the text that it was trained on")
    overrides = [parse_override(each, f"--set {each or repr(each)}") for each in settings or ()]
    request = make_request(text, task=task, config=config, settings=overrides, lines=lines)
    source = open_text(request)
    unreadable = list(unreadable_files(request, source))
    if unreadable:
        _print_unreadable(unreadable, as_json=as_json)
        raise typer.Exit(2)
    report = check_text(request, source)
    warnings = [with_flags(warning) for warning in report.warnings]
    if as_json:
        result_json({"usable": True, **dataclasses.asdict(report), "warnings": warnings})
        return
    for line in _lines(report):
        result(line)
    for warning in warnings:
        result(f"warning: {warning}")
    if not warnings:
        result("no warnings: it is ready to be trained on")


def _print_unreadable(files: list[UnreadableFile], *, as_json: bool) -> None:
    if as_json:
        result_json({"usable": False, "unreadable": [dataclasses.asdict(file) for file in files]})
        return
    for file in files:
        result(f"cannot be used: {file.problem}")
        if file.remedy:
            result(f"  {with_flags(file.remedy)}")


def _lines(report: TextReport) -> Iterator[str]:
    yield (
        f"{report.chars:,} characters ({report.utf8_bytes:,} bytes), "
        f"{_count(report.lines, 'line')}, {_count(report.documents, 'document')}"
    )
    for note in report.notes:
        yield with_flags(note)
    if report.changed:
        shown = replacements(report.changed_examples.items())
        yield f"changed: {shown}"
    if report.byte_order_marks:
        yield f"byte-order mark: in {report.byte_order_marks:,} of the files; it is dropped"
    if report.carriage_returns:
        yield f"CR LF or CR: in {report.carriage_returns:,} of the files; they are read as LF"
    of = "the text"
    if report.repeats_in < report.chars:
        of = f"the first {report.repeats_in:,} characters"
    yield f"repeated: {report.repeated.fraction:.1%} of {of} repeats an earlier passage"
    if report.tail is not None:
        yield (
            f"end of the text: {report.tail.tail_bits:.2f} bits per character by a 3-gram model; "
            f"parts from all over it: {report.tail.spread_bits:.2f}"
        )
    if report.baselines is not None:
        listed = ", ".join(f"{key} {value:.2f}" for key, value in report.baselines.by_name.items())
        yield f"baselines: {listed} bits per character"
    for plan in report.plans:
        expected = ""
        if plan.expected_bits is not None:
            low, high = plan.expected_bits
            expected = f"; expect {low:.1f} to {high:.1f} bits per character"
        yield (
            f"--minutes {plan.minutes:g}: {plan.n_layer} layers, width {plan.n_embd}, context "
            f"{plan.block_size}, {plan.chars:,} characters, {plan.epochs:.1f} epochs{expected}"
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
