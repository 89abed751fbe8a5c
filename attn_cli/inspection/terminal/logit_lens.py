"""The logit lens in a terminal: a line a character, a column a layer."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.logit_lens import LayerPredictions
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table
from attn_cli.text.display import printable_symbol

CORRECT = "="  # before a prediction that is right


def lens_view(lens: LayerPredictions, unit: str, first: int = 0) -> RenderableType:
    """One line a prediction: what came or was hidden, and what each layer would have predicted.

    Args:
        lens: Of a text.
        unit: What it consists of, character or byte.
        first: How many characters stand before the text itself, a newline in a model of lines.
    """
    if lens.hidden is not None:
        return _hidden_view(lens, lens.hidden, unit, first)
    came = [*lens.characters[1:], None]
    rows = [
        (printable_symbol(after), *_known(lens, row, came[row]), *_cells(lens, row, came[row]))
        for row, after in enumerate(lens.characters)
    ]
    legend = (
        f"bits: the surprisal of the {unit} that came. {CORRECT} marks a prediction that came "
        "true. The last line: the mean surprisal in bits, read after each layer."
    )
    return _view(lens, ("after", "came"), rows, legend)


def _hidden_view(
    lens: LayerPredictions, hidden: Sequence[int], unit: str, first: int
) -> RenderableType:
    """The same of an encoder, a line a hidden character."""
    if not lens.surprisal_bits:
        blanks = [(f"{t + 1 - first}", *_cells(lens, row, None)) for row, t in enumerate(hidden)]
        legend = "What each layer would put into each blank, by its position in the text, from 1."
        return _with_legend(Table(("blank", *lens.layers), blanks, text_columns=1), legend)
    rows = []
    for row, t in enumerate(hidden):
        symbol = lens.characters[t]
        rows.append((*_known(lens, row, symbol), *_cells(lens, row, symbol)))
    legend = (
        f"Each {unit} was hidden in turn, alone, and predicted from all the others, on both sides. "
        f"bits: its surprisal. {CORRECT} marks a prediction that is right. The last line: the mean "
        "surprisal in bits, read after each layer."
    )
    return _view(lens, ("hidden",), rows, legend)


def _view(
    lens: LayerPredictions, headings: tuple[str, ...], rows: list[tuple[str, ...]], legend: str
) -> RenderableType:
    """The table with the mean surprisal of each layer below it, where any is known."""
    bits, headings = lens.surprisal_bits, (*headings, "bits", *lens.layers)
    if not bits:
        return Table(headings, rows, text_columns=2)
    means = [f"{sum(column) / len(bits):.2f}" for column in zip(*bits, strict=True)]
    before = ("mean", *[""] * (len(headings) - len(lens.layers) - 2))
    rows.append((*before, means[-1], *means))
    return _with_legend(Table(headings, rows, text_columns=len(before)), legend)


def _with_legend(table: Table, legend: str) -> Group:
    return Group(table, Text(), Paragraph(legend, style="dim"))


def _known(lens: LayerPredictions, row: int, actual: str | None) -> tuple[str, str]:
    """What was to be predicted, and its surprisal; nothing where that is not known."""
    if actual is None:
        return "", ""
    return printable_symbol(actual), f"{lens.surprisal_bits[row][-1]:.2f}"


def _cells(lens: LayerPredictions, row: int, actual: str | None) -> list[str]:
    """What each layer would have predicted, with its probability."""
    predicted = zip(lens.predictions[row], lens.probabilities[row], strict=True)
    return [
        f"{CORRECT if prediction == actual else ''}{printable_symbol(prediction)} {p:4.0%}"
        for prediction, p in predicted
    ]
