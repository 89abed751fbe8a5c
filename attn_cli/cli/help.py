"""The help of `attn` and of its commands, laid out for a terminal of 80 columns.

Typer groups commands only in its boxes, which plain help does not have; and it shows the type of
a value, `<int range>`, where a name says more. The group of a command is Typer's own
`rich_help_panel`. What follows `Examples:` in a command's docstring is printed line by line.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

DOCUMENTATION = "Documentation: README.md and docs/, in the source of attn."
_EXAMPLES = "\n\nExamples:\n"
# What a value is called where the option does not say it.
_VALUE_NAMES = {"int": "N", "float": "X", "str": "TEXT", "Path": "FILE"}


class Command(TyperCommand):
    """A command whose help names values, shows defaults, and ends with examples."""

    def __init__(self, name: str | None, *, help: str | None = None, **options: Any) -> None:
        text, self.examples = _take_examples(help)
        super().__init__(name, help=text, **options)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = (each for each in self.params if each.param_type_name == "argument")
        return ["[OPTIONS]", *map(_in_usage, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self, ctx, formatter, "argument", "Arguments")
        _write_parameters(self, ctx, formatter, "option", "Options")

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_end(self.examples, formatter)

    def get_short_help_str(self, limit: int = 0) -> str:
        return _summary(self)


class CommandGroup(TyperGroup):
    """Commands under the headings that their `rich_help_panel` names; above the options."""

    def __init__(self, *, help: str | None = None, **options: Any) -> None:
        text, self.examples = _take_examples(help)
        super().__init__(help=text, **options)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.format_commands(ctx, formatter)
        _write_parameters(self, ctx, formatter, "option", "Options")

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, self.commands))
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            groups.setdefault(heading, []).append((f"{name:{width}}", _summary(command)))
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_end(self.examples, formatter)

    def get_short_help_str(self, limit: int = 0) -> str:
        return _summary(self)


def _take_examples(help: str | None) -> tuple[str, list[str]]:
    """A help text without its examples, and the examples."""
    text, _, examples = (help or "").partition(_EXAMPLES)
    return text, [line.strip() for line in examples.splitlines()]


def _summary(command: Any) -> str:
    """The first paragraph of a command's help."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


def _in_usage(argument: Any) -> str:
    """`TEXT`, `[TEXT]` where it can be left out, `TEXT...` where there may be several."""
    name = argument.display_name_raw if argument.required else f"[{argument.display_name_raw}]"
    return name if argument.nargs == 1 else f"{name}..."


def _write_parameters(command: Any, ctx: Any, formatter: Any, kind: str, heading: str) -> None:
    """Arguments or options, each with what it is called, what it does, and its default."""
    rows = [
        (_names(parameter, ctx), _description(parameter))
        for parameter in command.get_params(ctx)
        if parameter.param_type_name == kind and not parameter.hidden
    ]
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)


def _names(parameter: Any, ctx: Any) -> str:
    """`-o, --out DIR`: how a parameter is written, with the name of its value."""
    if parameter.param_type_name == "argument":
        return _in_usage(parameter)
    names = ", ".join(sorted(parameter.opts, key=len))
    if parameter.is_flag:
        return " / ".join([names, *parameter.secondary_opts])
    return f"{names} {_value_name(parameter, ctx)}"


def _value_name(option: Any, ctx: Any) -> str:
    """What an option's value is called: its own metavar, its choices, or the name of its type."""
    if option.metavar:
        return str(option.metavar)
    kind: str = option.display_type(ctx).strip("<>").removesuffix(" range")
    kind = kind.removeprefix("list[").removesuffix("]")
    return _VALUE_NAMES.get(kind, kind)


def _description(parameter: Any) -> str:
    """What a parameter does, then in brackets its default and the numbers that it takes."""
    facts = []
    if default := _default(parameter):
        facts.append(f"default: {default}")
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if low is not None:
        facts.append(f"at least {low:g}" if high is None else f"{low:g} to {high:g}")
    if parameter.param_type_name == "argument" and parameter.required:
        facts.append("required")
    help: str = parameter.help or ""
    return f"{help}  [{'; '.join(facts)}]" if facts else help


def _default(parameter: Any) -> str:
    """A default in words (`show_default`) or as it is; empty where there is none."""
    if isinstance(in_words := getattr(parameter, "show_default", None), str):
        return in_words
    value = parameter.default
    if isinstance(value, bool) and (others := getattr(parameter, "secondary_opts", ())):
        return str(parameter.opts[0] if value else others[0])
    if value is None or isinstance(value, bool) or callable(value):
        return ""
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)


def _write_end(examples: list[str], formatter: Any) -> None:
    """The examples as they are typed, and where there is more to read."""
    if examples:
        with formatter.section("Examples"):
            for line in examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
    formatter.write_paragraph()
    formatter.write(f"{DOCUMENTATION}\n")
