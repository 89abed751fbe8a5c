"""Answers a shell that asks what the Tab key should offer.

`attn --install-completion` makes bash, zsh, fish and PowerShell call `attn` with the variable
`_ATTN_COMPLETE`, and Typer answers from the commands' options.
"""

import contextlib
import io
import os
import sys
from typing import NoReturn

import typer

VARIABLE = "_ATTN_COMPLETE"


def answer_shell(app: typer.Typer) -> NoReturn:
    """Prints what fits the words so far, and leaves; prints nothing where that fails."""
    printed, code = io.StringIO(), 1
    os.environ["COLUMNS"] = "2000"  # a help text of two lines would be two words to choose from
    # A line in the middle of what is being typed would be worse than no completion.
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            typed = _join_words_of_bash() if os.environ[VARIABLE] == "complete_bash" else ""
            app(prog_name="attn")
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
        except Exception:
            printed = io.StringIO()
    for line in filter(None, printed.getvalue().splitlines()):
        print(line.removeprefix(typed))
    sys.stdout.flush()
    sys.exit(code)


def _join_words_of_bash() -> str:
    """Joins what bash split at `=`: the setting `train.seed=1` comes as three words.

    Returns:
        What the current word has up to its last `=`: bash completes what is after it.
    """
    words = os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1]
    joined = words[:1]
    for word in words[1:]:
        if word == "=" or joined[-1].endswith("="):
            joined[-1] += word
        else:
            joined.append(word)
    if joined[-1].startswith("--") and "=" in joined[-1]:  # an option and its value
        option, _, value = joined[-1].partition("=")
        joined[-1:] = [option, value]
    os.environ.update(COMP_WORDS="\n".join(joined), COMP_CWORD=str(len(joined) - 1))
    typed, equals, _ = joined[-1].rpartition("=")
    return typed + equals
