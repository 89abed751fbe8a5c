"""The pages of docs/reference that are made from the program itself, so that they cannot drift.

    python docs/make_reference.py            writes them
    python docs/make_reference.py --check    exit code 1, and which, where one is not up to date

commands.md is made from the options as Typer declares them, configuration.md from the schema,
and json.md from what each command prints with `--json` on small runs.
"""

import argparse
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/make_reference.py from the program itself: edit that, not this page. -->"


def commands_page() -> str:
    """Every command: what it does, its arguments and options."""
    from attn_cli.cli.main import app

    root = typer.main.get_command(app)
    context = root.make_context("attn", [], resilient_parsing=True)
    parts = ["# Commands", NOTE, "What `attn COMMAND --help` prints, on one page."]
    for name, command in sorted(_leaves(root, context, "attn")):
        of_command = command.make_context(name, [], resilient_parsing=True)
        parts += [f"## {name}", _paragraphs(command.help or "")]
        usage = " ".join([name, *command.collect_usage_pieces(of_command)])
        parts.append(f"```text\n{usage}\n```")
        rows = [_parameter_row(each, of_command) for each in command.get_params(of_command)]
        shown = [row for row in rows if row is not None and not row.startswith("| `--help`")]
        if shown:
            parts.append("\n".join(["| argument or option | meaning |", "|---|---|", *shown]))
        if command.epilog:
            parts.append(f"```text\n{_plain(command.epilog)}\n```")
    return _page(parts)


def _leaves(command: Any, context: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The commands that do something, by their full names: `attn data list`, not `attn data`."""
    if not hasattr(command, "list_commands"):
        yield name, command
        return
    for each in command.list_commands(context):
        yield from _leaves(command.get_command(context, each), context, f"{name} {each}")


def _parameter_row(parameter: Any, context: Any) -> str | None:
    if getattr(parameter, "hidden", False):
        return None
    record = parameter.get_help_record(context)
    name, meaning = record or (parameter.make_metavar(context), "")
    return f"| {_code(name)} | {_cell(meaning)} |"


def configuration_page() -> str:
    """Every key of a configuration: its default, what it may be, and what it means."""
    from attn_cli.config.schema import Config

    parts = [
        "# Configuration",
        NOTE,
        "A YAML file has any of these keys, in sections; `--set KEY=VALUE` sets one, as in "
        "`--set train.steps=100`. `attn configs --explain` prints the same.",
    ]
    section = None
    for key, field in Config.fields().items():
        first, _, rest = key.partition(".")
        title = first if rest else "task"
        if title != section:
            section = title
            parts.append(f"## {title}\n\n| key | default | values | meaning |\n|---|---|---|---|")
        default, values = _yaml(field.get_default()), _values(field.annotation, field.metadata)
        meaning = _cell(field.description or "")
        parts[-1] += f"\n| `{key}` | {default} | {_cell(values)} | {meaning} |"
    return _page(parts)


def _values(annotation: Any, metadata: list[Any]) -> str:
    """What a key may be: `auto or a number from 1`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{_yaml_word(value)}`" for value in arguments)
    if hasattr(annotation, "__metadata__"):
        return _values(arguments[0], [*metadata, *annotation.__metadata__])
    if origin is list:
        return f"list of {_values(arguments[0], [])}"
    if arguments:  # a union
        some = [_values(each, metadata) for each in arguments if each is not type(None)]
        return " or ".join(dict.fromkeys(some))
    names = {bool: "`true`, `false`", int: "integer", float: "number", str: "text"}
    return names.get(annotation, "text") + _range(metadata)


def _range(metadata: list[Any]) -> str:
    """The bounds of a number: ` from 0, below 1`."""
    flat = [each for part in metadata for each in getattr(part, "metadata", [part])]
    words = {Ge: ("from", "ge"), Gt: ("above", "gt"), Le: ("to", "le"), Lt: ("below", "lt")}
    bounds = [
        f"{word} {getattr(each, name):g}"
        for kind, (word, name) in words.items()
        for each in flat
        if isinstance(each, kind)
    ]
    return f", {', '.join(bounds)}" if bounds else ""


def _yaml_word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _yaml(value: object) -> str:
    if value is None or value == []:
        return ""
    return (
        f"`{', '.join(map(str, value))}`" if isinstance(value, list) else f"`{_yaml_word(value)}`"
    )


# A name for the run of each task, and how it is made.
RUNS = {
    "decoder": ["tales", "--config", "lesson"],
    "encoder": ["tales", "--config", "lesson", "--task", "mlm"],
    "classifier": ["languages", "--config", "lesson", "--task", "classify"],
    "translator": ["dates", "--config", "lesson", "--task", "seq2seq"],
}
EVALUATED = "evaluate --run runs/"
JSON_COMMANDS = (
    "train tales --config lesson --steps 2 --name another",
    "train tales --config lesson --steps 2 --seeds 2 --name group --quiet",
    "sweep tales --config lesson --steps 2 --seeds 2 --set model.n_head=1,2 --name heads --quiet",
    "generate Hello --run runs/decoder --max-new-chars 5 --alternatives 2",
    "generate 27.3.2026 --run runs/translator",
    "fill He_lo --run runs/encoder",
    "classify hoohoo --run runs/classifier",
    "embed my.txt --run runs/decoder --out vectors.npz",
    *(f"{EVALUATED}{run}" for run in RUNS),
    "check my.txt",
    "compare decoder another",
    "runs",
    "inspect-shapes Hello --run runs/decoder",
    "inspect-attention Hello --run runs/decoder",
    "inspect-attention 27.3.2026 --run runs/translator",
    "inspect-heads --run runs/decoder",
    "inspect-logits Hello --run runs/decoder",
    "inspect-training runs/decoder",
    "explain Hello --run runs/decoder",
    "report decoder --html report.html",
    "export page page.html --run runs/decoder",
    "configs",
    "configs --explain",
    "data list",
)


def json_page() -> str:
    """What each command prints with `--json`: the keys, and the type of each value."""
    parts = [
        "# JSON output",
        NOTE,
        "With `--json` a command prints exactly one object on standard output. These are its keys, "
        "from small runs, with the type of each value; `...` stands for more of the same. Losses "
        "are in nats per character, accuracies fractions of 1.",
    ]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("my.txt").write_text("The rain in Spain stays mainly in the plain.\n" * 60)
        for name, words in RUNS.items():
            _attn(["train", *words, "--steps", "2", "--out", f"runs/{name}", "--quiet"])
        for line in JSON_COMMANDS:
            shape = json.dumps(_shape(json.loads(_attn([*line.split(), "--json"]))), indent=2)
            parts.append(f"## attn {line}\n\n```json\n{shape}\n```")
    return _page(parts)


def _attn(words: list[str]) -> str:
    """What `attn` prints on standard output."""
    from attn_cli.cli.main import main

    printed, notices = io.BytesIO(), io.BytesIO()
    before, sys.argv = sys.argv, ["attn", *words]
    streams = [io.TextIOWrapper(each, encoding="utf-8") for each in (printed, notices)]
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            main()
    except SystemExit as end:
        for stream in streams:
            stream.flush()
        if end.code:
            raise RuntimeError(f"{' '.join(words)}: {notices.getvalue().decode()}") from None
    finally:
        sys.argv = before
    return printed.getvalue().decode()


def _shape(value: Any) -> Any:
    """The same with the name of its type in place of each value, and one item for a list's."""
    if isinstance(value, dict):
        kept = {} if _keys_are_data(value) else value
        shown = {key: _shape(each) for key, each in kept.items()}
        if not kept and value:
            shown["..."] = _shape(next(iter(value.values())))
        return shown
    if isinstance(value, list):
        return [_merged([_shape(each) for each in value]), "..."] if value else []
    names: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "text"}
    return names.get(type(value), "null")


def _keys_are_data(value: dict[str, Any]) -> bool:
    """Whether the keys are those of a configuration, presets or baselines, not of this program."""
    return any(not key.isidentifier() for key in value) and len(value) > 2


def _merged(shapes: list[Any]) -> Any:
    """The fullest of several shapes: an item of a list may lack what another has."""
    return max(shapes, key=lambda shape: len(json.dumps(shape)))


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(each.split()) for each in _plain(text).split("\n\n"))


def _plain(text: str) -> str:
    return re.sub("\b\n?", "", text).strip()


def _code(text: str) -> str:
    return f"`{' '.join(text.split())}`".replace("|", "\\|")


def _cell(text: str) -> str:
    """Text in a cell of a table, in which `<`, `|` and `*` mean themselves."""
    escaped = re.sub(r"([|<*])", r"\\\1", " ".join(text.split()))
    return re.sub(r"`[^`]*`", lambda code: re.sub(r"\\([<*])", r"\1", code.group()), escaped)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "configuration.md": configuration_page,
    "json.md": json_page,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say what is not up to date")
    arguments = parser.parse_args()
    # Help is laid out for the terminal, which is not to decide on what stands in a file.
    os.environ.update(COLUMNS="100", NO_COLOR="1")
    old = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        old.append(name)
        if not arguments.check:
            path.write_text(text, encoding="utf-8", newline="\n")
    print("\n".join(old) or "all up to date")
    sys.exit(1 if old and arguments.check else 0)


if __name__ == "__main__":
    main()
