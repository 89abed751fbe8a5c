"""The text that a view of a model opens with where the user names none."""

from attn_cli.text.tokenizer import Tokenizer

HELLO = "Hello"
MAX_LENGTH = 16  # characters of a text of the model's own


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
