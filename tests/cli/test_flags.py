"""Options from dataclasses, and the flags that messages name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from attn_cli.cli.flags import (
    flags_of,
    given_options,
    name_arguments,
    options_from_dataclass,
)
from attn_cli.cli.main import app as attn_app


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
    ("options", "given"),
    [
        (Options("x"), {"text"}),
        (Options("x", how_many=3), {"text"}),
        (Options("x", how_many=4, as_json=True), {"text", "how_many", "as_json"}),
    ],
)
def test_what_has_another_value_than_its_default_was_given(
    options: Options, given: set[str]
) -> None:
    assert given_options(options) == given


def test_arguments_in_backticks_get_their_flags() -> None:
    flags = flags_of(attn_app)
    assert (
        name_arguments("`stop_strings`: 'a', `num_beams` 2", flags) == "--stop: 'a', --num-beams 2"
    )
    assert name_arguments("`as_json` and `nothing` of `attn runs`", flags) == (
        "--json and `nothing` of `attn runs`"
    )
    assert "prompt" not in flags
