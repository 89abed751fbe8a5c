"""From the last vector to the next character: final norm, logits, probabilities, sampling, loss.

Shapes: T time (characters), C channels = n_embd, V vocabulary.
"""

import math
from collections.abc import Iterator, Sequence

from attn_cli.inspection.lesson.blocks import Formula, Part, Table
from attn_cli.inspection.lesson.context import LessonContext, small_matrix
from attn_cli.inspection.lesson.norms import worked_norm
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    SUM,
    in_parentheses,
    rounded,
    rounded_factors,
    rounded_number,
)
from attn_cli.inspection.lesson.worked_arithmetic import dot_product, with_others, worked_softmax

TEMPERATURES = (0.5, 1.0, 2.0)
TRAINING = (
    "Training shows the model thousands of such texts, and each time moves every weight a little "
    "in the direction that lowers this mean. In a trained model, what queries ask for and what "
    "values give came about in this way alone."
)


def logits(context: LessonContext) -> Iterator[Part]:
    """A logit for each character of the vocabulary."""
    model, last = context.model, context.followed
    best = context.candidates[0]
    final = context.activations["final norm"]
    tied = (
        " In this model these rows are the token embeddings again (tied weights): the logit says "
        "how much the vector points in the direction of that character's embedding."
        if model.config.tie_embeddings
        else ""
    )
    names = [context.symbol(id_) for id_ in range(context.V)]
    yield (
        "After the last layer the residual stream is normalised once more. Then the output layer, "
        f"a linear layer with a row of weights for each of the V = {context.V} "
        f"{context.tokenizer.unit}s, gives each a score: its logit.{tied} Every position has its "
        f"own logits; to {'fill the blank' if context.encoder else 'continue the text'}, those of "
        f"{'its' if context.encoder else 'the last'} position count."
    )
    yield from worked_norm(
        f"the vector of {context.quoted(last)}",
        context.activations.residual_stream[-1, last],
        model.final_norm,
    )
    yield from small_matrix("weights of the output layer, (V, C)", model.head.weight, names)
    yield f"The highest logit, that of ‘{context.symbol(best)}’:"
    yield from dot_product(
        f"the row of ‘{context.symbol(best)}’, times the vector after the norm",
        ("weight", model.head.weight[best].tolist()),
        ("vector", final[last].tolist()),
    )


def probabilities(context: LessonContext) -> Iterator[Part]:
    """Logits to probabilities, by hand."""
    yield (
        "Softmax again, as in attention: e to the power of each logit, divided by the sum. The "
        "results add up to 1 over the whole vocabulary: they are the probabilities of each "
        f"{'character in the blank' if context.encoder else 'next character'}, the model's answer."
        + " What stands for a hidden character is no answer, and is left out."
        * context.encoder
    )
    yield from worked_softmax(
        f"softmax of the {len(context.answer_logits)} logits; the most probable first",
        "logit",
        context.answer_logits.tolist(),
        [(id_, context.symbol(id_)) for id_ in context.candidates],
    )


def sampling(context: LessonContext) -> Iterator[Part]:
    """Drawing the next character, and temperature."""
    chosen, row = context.candidates, context.answer_logits.double()
    columns = {}
    for temperature in TEMPERATURES:
        shown = (row / temperature).softmax(dim=-1)[chosen].tolist()
        columns[f"{temperature:g}"] = rounded([*shown, max(1 - math.fsum(shown), 0.0)], SUM)
    first, probability = context.symbol(chosen[0]), columns["1"][0]
    yield (
        f"{_to_draw(context)}one character is drawn at random with these probabilities. Lay them "
        f"end to end from 0 to 1 and throw a dart: ‘{first}’ is hit from 0 to {probability}, and "
        "the others have the rest."
    )
    yield (
        "Temperature makes the draw bolder or calmer: the logits are divided by it before the "
        "softmax. Below 1, probable characters become more probable; above 1, improbable ones do; "
        "at 0 the most probable is always chosen."
    )
    names = with_others([context.symbol(id_) for id_ in chosen], len(row))
    yield Table.of_columns("probabilities at temperature", names, columns)
    if len(chosen) > 1:
        one, two = (row[id_].item() for id_ in chosen[:2])
        (a, b), *_ = rounded_factors([one, two])
        yield (
            f"The probability of ‘{context.symbol(chosen[1])}’ divided by that of ‘{first}’, at "
            "each of these temperatures:"
        )
        yield Formula(
            tuple(
                f"exp(({b} - {in_parentheses(a)}) / {temperature:g}) = "
                f"{rounded_number(math.exp((two - one) / temperature), SUM)}"
                for temperature in TEMPERATURES
            )
        )
    unit = context.tokenizer.unit
    yield (
        f"The {unit} takes the place of the blank. Where a text has several, the one that the "
        "model is most certain of is filled first, and the text goes through the model again. That "
        "is all there is to filling blanks."
        if context.encoder
        else f"The drawn {unit} is appended to the text, and the longer text goes through the "
        "model again. That is all there is to generating text."
    )


def _to_draw(context: LessonContext) -> str:
    """What is drawn for, as the beginning of a sentence."""
    if not context.encoder:
        return "To generate text, "
    best = context.symbol(context.candidates[0])
    return f"The most probable, ‘{best}’, is what attn fill takes. With a temperature, "


def loss(context: LessonContext) -> Iterator[Part]:
    """The loss of each position whose next character is known; of an encoder, of each hidden."""
    if context.encoder:
        yield from _loss_of_hidden(context)
        return
    if context.T < 2:
        return
    losses = context.activations.losses
    positions = [position for position in context.shown if position < context.followed]
    cut = f"; {len(positions)} of them" if context.omitted else ""
    columns = {
        "next": [context.symbol(context.ids[position + 1]) for position in positions],
        **loss_columns([float(losses[position]) for position in positions]),
    }
    mean = float(losses.mean())
    yield (
        "Inside the text the next character is known. The loss of a position is -ln of the "
        "probability that it gave to the character that did come (cross-entropy): 0 for certainty, "
        "more for more surprise."
    )
    # The last position, whose row comes last, has no loss.
    yield Table.of_columns(f"losses, (T - 1) = ({len(losses)}){cut}", context.row_names, columns)
    yield f"The mean over all of them is {rounded_number(mean, SUM)}. {TRAINING}"


def _loss_of_hidden(context: LessonContext) -> Iterator[Part]:
    """The loss of each character of a text when it is hidden."""
    yield (
        "The loss of a hidden character is -ln of the probability that it gets where it was hidden "
        "(cross-entropy): 0 for certainty, more for more surprise."
    )
    if context.hidden is None:
        yield f"What is hidden in this text is not known. {TRAINING}"
        return
    ids, losses = context.hidden.ids, context.hidden.losses.tolist()
    by_position = dict(zip(context.hidden.positions, losses, strict=True))
    shown = [position for position in context.shown if position in by_position]
    digits = len(str(context.T - 1))
    cut = f"; {len(shown)} of them" if context.omitted else ""
    yield Table.of_columns(
        f"losses of each character, hidden alone, ({len(losses)}){cut}",
        [f"{position:{digits}} {context.symbol(ids[position])}" for position in shown],
        loss_columns([by_position[position] for position in shown]),
    )
    mean = math.fsum(losses) / len(losses)
    yield f"The mean over all of them is {rounded_number(mean, SUM)}. {TRAINING}"


def loss_columns(losses: Sequence[float]) -> dict[str, Sequence[str]]:
    """Losses, each beside the probability that it comes from."""
    predicted = [math.exp(-loss) for loss in losses]
    return {
        # The logarithm of a small probability needs its leading digits, wherever these are.
        "probability": [f"{p:.{FACTOR}f}" if p >= 0.01 else f"{p:.4g}" for p in predicted],
        "-ln(probability)": rounded(losses, SUM),
    }
