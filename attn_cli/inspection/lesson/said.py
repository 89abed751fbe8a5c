"""Sentences with places for what depends on the text, so that a page can say them of another.

A place is an expression, as `quantities.py` evaluates them, between two control characters that
no shown character of a text is. It can stand in an f-string as a number can.
"""

import json
from collections.abc import Callable
from typing import Any

BEGIN, END = "\x02", "\x03"

# What JSON can hold: a number, a name, or a list that begins with the name of an operation.
Expression = Any


def say(expression: Expression) -> str:
    """A place for the value of an expression."""
    return BEGIN + json.dumps(expression, ensure_ascii=False, separators=(",", ":")) + END


def say_if(condition: Expression, text: str, otherwise: str = "") -> str:
    """A text where a condition holds; both may have places of their own."""
    return say(["if", condition, pieces(text), pieces(otherwise)])


def pieces(text: str) -> list[Expression]:
    """A text as strings, and between them expressions in a list of one: ["At ", ["T"], "."]."""
    before, *places = text.split(BEGIN)
    found: list[Expression] = [before] if before else []
    for place in places:
        expression, after = place.split(END)
        found.append([json.loads(expression)])
        if after:
            found.append(after)
    return found


def depends_on_text(text: str) -> bool:
    """Whether there are places in it."""
    return BEGIN in text


def said(text: str, value: Callable[[Expression], Any]) -> str:
    """The text with values in its places."""
    return joined(pieces(text), value) if BEGIN in text else text


def joined(found: list[Expression], value: Callable[[Expression], Any]) -> str:
    """The same of pieces."""
    return "".join(str(value(one[0])) if isinstance(one, list) else one for one in found)


def expression_of(place: str) -> Expression:
    """The expression of a text that is nothing but a place."""
    return json.loads(place.removeprefix(BEGIN).removesuffix(END))


def rounded(*quantities: Expression, decimals: int) -> list[str]:
    """Places for numbers that belong together, as `rounding.rounded` writes them."""
    return [say(["rounded", list(quantities), decimals, i]) for i in range(len(quantities))]


def rounded_number(quantity: Expression, decimals: int) -> str:
    """A place for a number by itself."""
    return rounded(quantity, decimals=decimals)[0]


def factors(*quantities: Expression) -> list[str]:
    """Places for numbers that will be multiplied with each other."""
    return [say(["factors", list(quantities), i]) for i in range(len(quantities))]


def in_parentheses(place: str) -> str:
    """A place for a number that stands after an operator: negative ones in parentheses."""
    return say(["parentheses", expression_of(place)])


def quoted(position: Expression) -> str:
    """A place for a character with its position: ‘l’ at position 3."""
    return say(["quoted", position])


def symbol(id_: Expression) -> str:
    """A place for a character of the vocabulary, made visible."""
    return say(["symbol", id_])
