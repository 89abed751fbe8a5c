"""The logit lens in a terminal: a line a character, a column a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table
from attn_cli.text.display import printable_symbol

CORRECT = "="  # before a prediction that came true


@dataclass(frozen=True)
class LensTable:
    """The predictions of each layer.

    Attributes:
        characters: The text, T of them.
        layers: The name of each layer, the embedding first.
        predictions: The most probable next character, [character][layer].
        probabilities: Its probability, [character][layer].
        surprisal_bits: Of the actual next character, [character][layer]; none for the last.
    """

    characters: Sequence[str]
    layers: Sequence[str]
    predictions: Sequence[Sequence[str]]
    probabilities: Sequence[Sequence[float]]
    surprisal_bits: Sequence[Sequence[float]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bits = self.surprisal_bits
        rows = []
        for position, here in enumerate(self.characters):
            predictions = self.predictions[position]
            cells = [
                f"{printable_symbol(prediction)} {probability:4.0%}"
                for prediction, probability in zip(
                    predictions, self.probabilities[position], strict=True
                )
            ]
            known = ["", ""]
            if position < len(bits):
                actual = self.characters[position + 1]
                known = [printable_symbol(actual), f"{bits[position][-1]:.2f}"]
                for layer, prediction in enumerate(predictions):
                    if prediction == actual:
                        cells[layer] = CORRECT + cells[layer]
            rows.append((printable_symbol(here), *known, *cells))
        if bits:
            means = [sum(column) / len(bits) for column in zip(*bits, strict=True)]
            rows.append(("mean", "", f"{means[-1]:.2f}", *(f"{mean:.2f}" for mean in means)))
        yield Table(("after", "came", "bits", *self.layers), rows, text_columns=2)
        if bits:
            yield Text()
            yield Paragraph(
                f"bits: the surprisal of the character that came. {CORRECT} marks a prediction "
                "that came true. The last line: the mean surprisal in bits, read after each layer.",
                style="dim",
            )
