"""The logit lens in a terminal: a line a character, a column a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attn_cli.inspection.columns import Columns
from attn_cli.inspection.paragraph import Paragraph
from attn_cli.text.display import printable_symbol

RIGHT = "="  # before a guess that is what came


@dataclass(frozen=True)
class LensTable:
    """What each layer would say.

    Attributes:
        characters: Of the text, T of them.
        stages: The name of each place that is read.
        guesses: The likeliest next character, [character][stage].
        odds: Its probability, [character][stage].
        bits: The surprise of what came, [character][stage], of all characters but the last.
    """

    characters: Sequence[str]
    stages: Sequence[str]
    guesses: Sequence[Sequence[str]]
    odds: Sequence[Sequence[float]]
    bits: Sequence[Sequence[float]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = []
        following = [*self.characters[1:], None]
        for place, (here, came) in enumerate(zip(self.characters, following, strict=True)):
            said = [
                f"{RIGHT if guess == came else ''}{printable_symbol(guess)} {odds:4.0%}"
                for guess, odds in zip(self.guesses[place], self.odds[place], strict=True)
            ]
            known = (
                ("", "")
                if came is None
                else (printable_symbol(came), f"{self.bits[place][-1]:.2f}")
            )
            rows.append((printable_symbol(here), *known, *said))
        if self.bits:
            means = [sum(column) / len(self.bits) for column in zip(*self.bits, strict=True)]
            rows.append(("mean", "", f"{means[-1]:.2f}", *(f"{mean:.2f}" for mean in means)))
        yield Columns(("after", "came", "bits", *self.stages), rows, words=frozenset({0, 1}))
        if self.bits:
            yield Text()
            yield Paragraph(
                f"bits: the surprise of what came. {RIGHT} marks a guess that is what came. The "
                "last line: the mean surprise in bits, read after each layer.",
                style="dim",
            )
