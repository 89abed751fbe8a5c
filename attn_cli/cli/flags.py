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


def options_from_dataclass(function: Callable[..., Result]) -> Callable[..., Result]:
    """A function with an option for each field of every dataclass that `function` takes.

    Typer reads a command's options from its signature. Each field is annotated as a parameter
    would be, `Annotated[int, typer.Option(...)]`; the options stand where the dataclass does.
    """
    hints = get_type_hints(function, include_extras=True)
    fields_of: dict[str, tuple[type, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints[name]
        if not dataclasses.is_dataclass(hint):
            parameters.append(parameter.replace(annotation=hint))
            continue
        assert isinstance(hint, type)
        # Evaluated in the module of the class that has the field, perhaps one it inherits from.
        field_hints = get_type_hints(hint, include_extras=True)
        fields = inspect.signature(hint).parameters
        fields_of[name] = (hint, list(fields))
        parameters += [each.replace(annotation=field_hints[key]) for key, each in fields.items()]

    @functools.wraps(function)
    def command(**options: Any) -> Result:
        made = {
            name: options_class(**{field: options.pop(field) for field in fields})
            for name, (options_class, fields) in fields_of.items()
        }
        return function(**made, **options)

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
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
