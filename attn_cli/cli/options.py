"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunOption = Annotated[
    Path | None,
    typer.Option("--run", help="A run's folder or name; the newest run when left out."),
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE|NAME", help="A YAML file, or a name from `attn configs`."
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")
]
LayerOption = Annotated[int | None, typer.Option(min=1, help="One layer, from 1.")]
HeadOption = Annotated[int | None, typer.Option(min=1, help="One head of a layer, from 1.")]
