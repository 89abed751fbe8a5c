"""The command that a run is used with first."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from attn_cli.text.examples import Examples
from attn_cli.text.opening import fitting_prompt
from attn_cli.text.pairs import PairExamples

if TYPE_CHECKING:
    from attn_cli.config.schema import Task
    from attn_cli.text.corpus import Corpus


def next_command(corpus: Corpus, task: Task) -> str:
    """The command that uses the newest run: generates, fills blanks, or labels."""
    command, prompt = "attn generate", fitting_prompt(corpus)
    if isinstance(corpus.validation, PairExamples):
        assert corpus.source.pair_format is not None
        source = corpus.source.pair_format.readable_source(next(corpus.validation.sources()))
        command += f" {_quoted_for_shell(source)}"
    elif task == "mlm":
        command = f"attn fill {shlex.quote(_with_blanks(prompt))}"
    elif task == "classify":
        assert isinstance(corpus.validation, Examples)
        command = f"attn classify {shlex.quote(next(corpus.validation.texts()))}"
    elif isinstance(corpus.train, Examples):
        command += " --num-samples 20 --new"
    elif prompt and prompt.isprintable() and prompt[0] != "-":
        command += f' "{prompt}"' if prompt.isalpha() else f" {shlex.quote(prompt)}"
    return command


def _quoted_for_shell(text: str) -> str:
    """A text as an argument of a shell's command, in which a tab can be seen."""
    if "\t" not in text:
        return shlex.quote(text)
    shown = text.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t")
    return f"$'{shown}'"


def _with_blanks(text: str) -> str:
    """A text in which every third character is a blank, or a blank alone."""
    return "".join("_" if place % 3 == 2 else char for place, char in enumerate(text)) or "_"
