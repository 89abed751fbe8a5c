"""Options from dataclasses, and arguments named as flags.

The library names arguments, in backticks: `num_beams`. The command line shows their flags:
--num-beams.
"""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

import typer

Result = TypeVar("Result")


def options_from_dataclass(function: Callable[[Any], Result]) -> Callable[..., Result]:
    """A function with an option for each field of the dataclass that `function` takes.

    Typer reads a command's options from its signature. Each field is annotated as a parameter
    would be, `Annotated[int, typer.Option(...)]`.
    """
    (parameter,) = inspect.signature(function).parameters
    options_class = get_type_hints(function)[parameter]

    @functools.wraps(function)
    def command(**options: Any) -> Result:
        return function(options_class(**options))

    # Evaluated in the module of the class that has the field, perhaps one that it inherits from.
    hints = get_type_hints(options_class, include_extras=True)
    signature = inspect.signature(options_class)
    fields = [each.replace(annotation=hints[name]) for name, each in signature.parameters.items()]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=fields, return_annotation=None
    )
    return command


def given_options(options: Any) -> set[str]:
    """The fields of a dataclass of options that have other values than their defaults."""
    return {
        field.name
        for field in dataclasses.fields(options)
        if getattr(options, field.name) != field.default
    }


def name_arguments(text: str, names: Mapping[str, str]) -> str:
    """A message in which each argument in backticks has the name that a user knows it by."""
    return re.sub(r"`(\w+)`", lambda match: names.get(match[1], match[0]), text)


def flags_of(app: typer.Typer) -> dict[str, str]:
    """The flag of each argument of an app's commands: `as_json` is --json."""
    command = typer.main.get_command(app)
    commands = getattr(command, "commands", {}).values()
    return {
        parameter.name: next(flag for flag in parameter.opts if flag.startswith("--"))
        for each in commands
        for parameter in each.params
        if any(flag.startswith("--") for flag in parameter.opts)
    }


def with_flags(text: str) -> str:
    """A message of the library with its arguments named as the flags of `attn`."""
    if "`" not in text:
        return text
    from attn_cli.cli.main import app  # which imports the commands that print messages

    return name_arguments(text, flags_of(app))
