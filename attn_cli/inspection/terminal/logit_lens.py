"""The logit lens in a terminal: a line a character, a column a layer."""

from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.logit_lens import LayerPredictions
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table
from attn_cli.text.display import printable_symbol

CORRECT = "="  # before a prediction that came true


def lens_view(lens: LayerPredictions, unit: str) -> RenderableType:
    """One line a character: what came next, and what each layer would have predicted."""
    headings = ("after", "came", "bits", *lens.layers)
    bits = lens.surprisal_bits
    rows = [_row(lens, position) for position in range(len(lens.characters))]
    if not bits:
        return Table(headings, rows, text_columns=2)
    means = [sum(column) / len(bits) for column in zip(*bits, strict=True)]
    rows.append(("mean", "", f"{means[-1]:.2f}", *(f"{mean:.2f}" for mean in means)))
    legend = (
        f"bits: the surprisal of the {unit} that came. {CORRECT} marks a prediction that came "
        "true. The last line: the mean surprisal in bits, read after each layer."
    )
    return Group(Table(headings, rows, text_columns=2), Text(), Paragraph(legend, style="dim"))


def _row(lens: LayerPredictions, position: int) -> tuple[str, ...]:
    known, actual = ("", ""), None
    if position < len(lens.surprisal_bits):
        actual = lens.characters[position + 1]
        known = (printable_symbol(actual), f"{lens.surprisal_bits[position][-1]:.2f}")
    cells = [
        f"{CORRECT if prediction == actual else ''}{printable_symbol(prediction)} {p:4.0%}"
        for prediction, p in zip(
            lens.predictions[position], lens.probabilities[position], strict=True
        )
    ]
    return (printable_symbol(lens.characters[position]), *known, *cells)
