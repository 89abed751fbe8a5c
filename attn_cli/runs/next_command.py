"""The commands that a run is used with, and looked into with, first."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from attn_cli.text.examples import Examples
from attn_cli.text.opening import fitting_prompt, opening_words
from attn_cli.text.pairs import PairExamples

if TYPE_CHECKING:
    from attn_cli.config.schema import Task
    from attn_cli.text.corpus import Corpus


def next_command(corpus: Corpus, task: Task) -> str:
    """The command that uses the newest run: generates, fills blanks, or labels."""
    command, prompt = "attn generate", fitting_prompt(corpus)
    if isinstance(corpus.validation, PairExamples):
        command += f" {_quoted_for_shell(_first_source(corpus, corpus.validation))}"
    elif task == "mlm":
        command = f"attn fill {shlex.quote(_with_blanks(prompt))}"
    elif task == "classify":
        assert isinstance(corpus.validation, Examples)
        command = f"attn classify {shlex.quote(next(corpus.validation.texts()))}"
    elif isinstance(corpus.train, Examples):
        command += " --num-samples 20 --new"
    elif _can_be_typed(prompt):
        command += f' "{prompt}"' if prompt.isalpha() else f" {shlex.quote(prompt)}"
    return command


def look_inside_command(corpus: Corpus, context: int) -> str:
    """The command that shows the newest run at work in a page, on words of its text.

    Empty where the text has no words.

    Args:
        corpus: The text.
        context: How many tokens the model sees at most.
    """
    if isinstance(corpus.validation, PairExamples):
        text = _quoted_for_shell(_first_source(corpus, corpus.validation))
    else:
        text = opening_words(corpus, context)
        if not _can_be_typed(text):
            return ""
        text = shlex.quote(text)
    return f"attn inspect-attention {text} --html attention.html"


def _first_source(corpus: Corpus, pairs: PairExamples) -> str:
    """The source of the first pair, in its columns."""
    assert corpus.source.pair_format is not None
    return corpus.source.pair_format.readable_source(next(pairs.sources()))


def _can_be_typed(text: str) -> bool:
    """Whether a text is on one line, and no option."""
    return bool(text) and text.isprintable() and text[0] != "-"


def _quoted_for_shell(text: str) -> str:
    """A text as an argument of a shell's command, in which a tab can be seen."""
    if "\t" not in text:
        return shlex.quote(text)
    shown = text.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t")
    return f"$'{shown}'"


def _with_blanks(text: str) -> str:
    """A text in which every third character is a blank, or a blank alone."""
    return "".join("_" if place % 3 == 2 else char for place, char in enumerate(text)) or "_"
