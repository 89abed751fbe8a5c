"""The logit lens in a terminal: a line a character, a column a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from attn_cli.inspection.paragraph import Paragraph
from attn_cli.text.visible import visible

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
        table = Table(box=None, pad_edge=False)
        table.add_column("after")
        table.add_column("came")
        for stage in self.stages:
            table.add_column(stage, justify="right", no_wrap=True)
        table.add_column("bits", justify="right")
        following = [*self.characters[1:], None]
        for place, (here, came) in enumerate(zip(self.characters, following, strict=True)):
            said = [
                f"{RIGHT if guess == came else ''}{visible(guess)} {odds:4.0%}"
                for guess, odds in zip(self.guesses[place], self.odds[place], strict=True)
            ]
            bits = f"{self.bits[place][-1]:.2f}" if came is not None else ""
            name = "" if came is None else visible(came)
            table.add_row(visible(here), name, *map(Text, said), bits)
        if self.bits:
            means = [sum(column) / len(self.bits) for column in zip(*self.bits, strict=True)]
            table.add_section()
            table.add_row("", "", *(f"{mean:.2f}" for mean in means), f"{means[-1]:.2f}")
        yield table
        if self.bits:
            yield Paragraph(
                f"{RIGHT} is what came. The last line is the mean surprise in bits, read after "
                "each layer; the last column, that of each character after all of them.",
                style="dim",
            )
