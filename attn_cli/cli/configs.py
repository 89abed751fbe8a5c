"""`attn configs`: the named configurations, and what each key means."""

from typing import Annotated, Any

import typer

from attn_cli.cli.completion import config_names
from attn_cli.cli.options import JsonOption
from attn_cli.cli.terminal import console, result, result_json


def configs(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG", autocompletion=config_names, help="Print this configuration."
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="List every key: its default, its meaning and the values that it takes.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the configurations, print one, or explain its keys.

    Examples:
      attn configs
      attn configs lesson
      attn configs --explain
    """
    from attn_cli.config.presets import find_config, presets

    if name is not None:
        from attn_cli.config.load import load_config, read_text

        if as_json:
            result_json(load_config(find_config(name)).model_dump())
        else:
            result(read_text(find_config(name)).rstrip())
    elif explain:
        _explain(as_json)
    elif as_json:
        result_json({preset.name: preset.summary for preset in presets()})
    else:
        from rich.table import Table

        table = Table("config", "what it is", box=None, pad_edge=False)
        for preset in presets():
            table.add_row(preset.name, preset.summary)
        console().print(table)


def _explain(as_json: bool) -> None:
    from attn_cli.config.allowed_values import allowed_values, value_schemas
    from attn_cli.config.schema import Config

    schemas = value_schemas()
    explained: dict[str, dict[str, Any]] = {
        key: {
            "default": field.get_default(),
            "values": allowed_values(schemas[key]),
            "meaning": " ".join((field.description or "").split()),
        }
        for key, field in Config.fields().items()
    }
    if as_json:
        result_json(explained)
        return
    from rich.table import Column, Table

    key, default = Column("key", no_wrap=True), Column("default", no_wrap=True)
    table = Table(key, default, "meaning  [values]", box=None, pad_edge=False)
    for dotted, facts in explained.items():
        meaning = f"{facts['meaning']}  [{facts['values']}]"
        table.add_row(dotted, _as_yaml(facts["default"]), meaning)
    console().print(table)


def _as_yaml(value: object) -> str:
    """A default as a user would write it after the key; `-` where there is none."""
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)
