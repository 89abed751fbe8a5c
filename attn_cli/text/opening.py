"""The text that a view of a model opens with where the user names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attn_cli.text.examples import head, joined
from attn_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attn_cli.text.corpus import Corpus

HELLO = "Hello"
MAX_LENGTH = 16  # characters of a text of the model's own
_OPENING = 500  # ids of the validation split in which a line is looked for
_SEARCHED = 2**20  # ids of a text in which the letters of "Hello" are looked for


def writes_hello(tokenizer: Tokenizer) -> bool:
    """Whether a vocabulary has the letters of "Hello", and most of its letters are like them.

    A Chinese novel may have all of them, and still its model knows nothing of English.
    """
    letters = [symbol for symbol in tokenizer.symbols if symbol.isalpha()]
    ascii_letters = sum(letter.isascii() for letter in letters)
    return set(HELLO) <= set(tokenizer.symbols) and 2 * ascii_letters >= len(letters)


def beginning(text: str) -> str:
    """The first words of a text, up to 16 characters; a long word is cut."""
    text = text.strip()
    head = text[:MAX_LENGTH]
    blank = max(map(head.rfind, " \n"))
    in_word = len(text) > MAX_LENGTH and not text[MAX_LENGTH].isspace()
    return (head[:blank] if in_word and blank > MAX_LENGTH // 2 else head).rstrip()


def fitting_prompt(corpus: Corpus) -> str:
    """A prompt of characters that the text has: "Hello", or a beginning of its validation split.

    It is within one line, the first one with a letter; empty where none has any.
    """
    tokenizer = corpus.tokenizer
    if writes_hello(tokenizer):
        hello = tokenizer.encode(HELLO)
        if np.isin(hello, joined(head(corpus.train, _SEARCHED))).all():
            return HELLO
    return opening_words(corpus, _OPENING)


def opening_words(corpus: Corpus, context: int) -> str:
    """The beginning of a line of the validation split, one with a letter; empty where none has any.

    Args:
        corpus: The text.
        context: Of how many tokens it is at most, with the newline before a line.
    """
    lines = corpus.tokenizer.decode(corpus.opening(_OPENING)).splitlines()
    words = beginning(next((line for line in lines if any(map(str.isalpha, line))), ""))
    ids = corpus.tokenizer.encode(words, unknown="drop")[: context - 1]
    return corpus.tokenizer.decode(ids).rstrip("\ufffd").rstrip()
