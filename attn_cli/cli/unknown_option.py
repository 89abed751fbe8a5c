"""What to type in place of an option that there is not."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click  # whose classes Typer has of its own, by the same names

# Options of other programs that are no keys of a configuration.
_OTHER_FLAGS = {
    "max_new_tokens": "--max-new-chars",
    "max_tokens": "--max-new-chars",
    "length": "--max-new-chars",
    "n": "--num-samples",
    "num_beam": "--num-beams",
    "beams": "--num-beams",
    "out_dir": "--out",
    "output_dir": "--out",
    "stop_strings": "--stop",
    "max_iters": "--steps",
    "max_steps": "--steps",
    "iters": "--steps",
    "log": "--logger",
    "model": "--run",
    "checkpoint": "--run",
    "ckpt": "--run",
    "from": "--init-from",
    "figure": "--svg",
    "plot": "--svg",
}


_TEXTS = ("text", "prompt")  # arguments that may be any words


def hint_for_unknown_option(
    name: str, command: click.Command, path: str, arguments: Sequence[str]
) -> str:
    """What was probably meant by an option that a command does not have.

    Args:
        name: The option, as the parser read it: `--lr`; `-m` of `-milk`.
        command: The command.
        path: How it is called: `attn data fetch`.
        arguments: The whole command line.
    """
    flags = [flag for parameter in command.params for flag in parameter.opts]
    word = next((each for each in arguments if each.startswith(name)), name)
    see = f"see: {path} --help"
    if not name.startswith("--") or len(word.split()) > 1:
        takes_text = any(parameter.name in _TEXTS for parameter in command.params)
        text = f"a text that begins with - comes after --: {path} -- "
        return f"{text}{shlex.quote(word)}" if takes_text else see
    plain = name.lstrip("-").replace("-", "_").lower()
    flag = _OTHER_FLAGS.get(plain, f"--{plain.replace('_', '-')}")
    if flag in flags:
        return f"did you mean {flag}?"
    if "--set" in flags and (setting := _setting(plain, word, arguments)):
        return f"did you mean --set {setting}?"
    near = difflib.get_close_matches(name, flags, n=1)
    return f"did you mean {near[0]}?" if near else see


def _setting(plain: str, word: str, arguments: Sequence[str]) -> str | None:
    """The `KEY=VALUE` that an option stands for whose name is that of a key."""
    from attn_cli.config.load import key_named

    key = key_named(plain)
    if key is None:
        return None
    _, equals, value = word.partition("=")
    if not equals:
        following = arguments[arguments.index(word) + 1 :][:1] if word in arguments else []
        value = following[0] if following and not following[0].startswith("--") else "VALUE"
    return shlex.quote(f"{key}={value}")
