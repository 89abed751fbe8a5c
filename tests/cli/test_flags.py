"""Options from dataclasses, exclusions, and the flags that messages name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from attn_cli.cli.flags import (
    Exclusion,
    check_exclusions,
    flags_of,
    name_arguments,
    options_from_dataclass,
)
from attn_cli.cli.main import app as attn_app
from attn_cli.errors import InputError


@dataclass(frozen=True)
class Options:
    text: Annotated[str, typer.Argument()]
    how_many: Annotated[int, typer.Option(help="A number.")] = 3
    as_json: Annotated[bool, typer.Option("--json", "-j")] = False


def called(*arguments: str) -> tuple[Options | None, str]:
    """What a command of `Options` is called with, and what it prints."""
    got: list[Options] = []
    app = typer.Typer()

    @app.command()
    @options_from_dataclass
    def command(options: Options) -> None:
        """Does something."""
        got.append(options)

    outcome = CliRunner().invoke(app, arguments)
    return (got[0] if got else None), outcome.output


def test_each_field_is_an_option_and_the_function_gets_the_dataclass() -> None:
    assert called("x")[0] == Options("x", 3, False)
    assert called("x", "--how-many", "5", "-j")[0] == Options("x", 5, True)
    assert called()[0] is None


def test_help_has_the_function_and_the_fields() -> None:
    said = called("--help")[1]
    for part in ("Does something.", "--how-many", "A number.", "default: 3", "-j", "--json"):
        assert part in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options("x"), None),
        (Options("x", as_json=True), None),
        (Options("x", how_many=4), None),
        (Options("x", how_many=4, as_json=True), "`as_json` does not work with `how_many`"),
    ],
)
def test_options_exclude_each_other_where_both_are_given(
    options: Options, said: str | None
) -> None:
    exclusions = (Exclusion("as_json", ("text_file", "how_many"), "leave one out"),)
    if said is None:
        check_exclusions(options, exclusions)
        return
    with pytest.raises(InputError) as refused:
        check_exclusions(options, exclusions)
    assert (refused.value.message, refused.value.hint) == (said, "leave one out")


def test_arguments_in_backticks_get_their_flags() -> None:
    flags = flags_of(attn_app)
    assert (
        name_arguments("`stop_strings`: 'a', `num_beams` 2", flags) == "--stop: 'a', --num-beams 2"
    )
    assert name_arguments("`as_json` and `nothing` of `attn runs`", flags) == (
        "--json and `nothing` of `attn runs`"
    )
    assert "prompt" not in flags
