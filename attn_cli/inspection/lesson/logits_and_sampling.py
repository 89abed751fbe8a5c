"""From the last vector to the next character: final norm, logits, probabilities, sampling, loss.

Shapes: T time (characters), C channels = n_embd, V vocabulary.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import (
    Declared,
    DotProduct,
    PositionTable,
    Temperatures,
    When,
    WorkedSoftmax,
)
from attn_cli.inspection.lesson.norms import norm_of_vector
from attn_cli.inspection.lesson.quantities import FOLLOWED, T, at
from attn_cli.inspection.lesson.rounding import SUM
from attn_cli.inspection.lesson.said import (
    factors,
    in_parentheses,
    quoted,
    rounded_number,
    say,
    say_if,
    symbol,
)
from attn_cli.inspection.lesson.tables import small_matrix

TEMPERATURES = (0.5, 1.0, 2.0)
TRAINING = (
    "Training shows the model thousands of such texts, and each time moves every weight a little "
    "in the direction that lowers this mean. In a trained model, what queries ask for and what "
    "values give came about in this way alone."
)


def logits(context: LessonContext) -> Iterator[Declared]:
    """A logit for each character of the vocabulary."""
    model = context.model
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
    yield norm_of_vector(
        f"the vector of {quoted(FOLLOWED)}",
        at(["stream", context.L], FOLLOWED),
        model.final_norm,
        "final_norm",
    )
    yield from small_matrix("weights of the output layer, (V, C)", model.head.weight, names)
    yield f"The highest logit, that of ‘{symbol('best')}’:"
    yield DotProduct(
        f"the row of ‘{symbol('best')}’, times the vector after the norm",
        ("weight", at(["weight", "head.weight"], "best")),
        ("vector", at(["activation", "final norm"], FOLLOWED)),
    )


def probabilities(context: LessonContext) -> Iterator[Declared]:
    """Logits to probabilities, by hand."""
    yield (
        "Softmax again, as in attention: e to the power of each logit, divided by the sum. The "
        "results add up to 1 over the whole vocabulary: they are the probabilities of each "
        f"{'character in the blank' if context.encoder else 'next character'}, the model's answer."
        + " What stands for a hidden character is no answer, and is left out."
        * context.encoder
    )
    yield WorkedSoftmax(
        f"softmax of the {len(context.answer_logits)} logits; the most probable first",
        "logit",
        "answer",
        "candidates",
    )


def sampling(context: LessonContext) -> Iterator[Declared]:
    """Drawing the next character, and temperature."""
    first, probability = symbol("best"), say("drawn")
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
    yield Temperatures(TEMPERATURES)
    if len(context.candidates) > 1:
        one, two = at("answer", "best"), at("answer", "second")
        a, b = factors(one, two)
        yield (
            f"The probability of ‘{symbol('second')}’ divided by that of ‘{first}’, at "
            "each of these temperatures:"
        )
        yield Formula(
            tuple(
                f"exp(({b} - {in_parentheses(a)}) / {temperature:g}) = "
                f"{rounded_number(['exp', ['/', ['-', two, one], temperature]], SUM)}"
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
    return f"The most probable, ‘{symbol('best')}’, is what attn fill takes. With a temperature, "


def loss(context: LessonContext) -> Iterator[Declared]:
    """The loss of each position whose next character is known; of an encoder, of each hidden."""
    if context.encoder:
        yield from _loss_of_hidden(context)
        return
    cut = say_if(["<", "shown", T], f"; {say('shown answers')} of them")
    explanation = (
        "Inside the text the next character is known. The loss of a position is -ln of the "
        "probability that it gave to the character that did come (cross-entropy): 0 for certainty, "
        "more for more surprise."
    )
    table = PositionTable(
        f"losses, (T - 1) = ({say(['-', T, 1])}){cut}",
        {"next": "answer", "probability": "probability", "-ln(probability)": "loss"},
    )
    mean = f"The mean over all of them is {rounded_number('mean loss', SUM)}. {TRAINING}"
    yield When(["<", 1, T], (explanation, table, mean))


def _loss_of_hidden(context: LessonContext) -> Iterator[Declared]:
    """The loss of each character of a text when it is hidden."""
    yield (
        "The loss of a hidden character is -ln of the probability that it gets where it was hidden "
        "(cross-entropy): 0 for certainty, more for more surprise."
    )
    unknown = f"What is hidden in this text is not known. {TRAINING}"
    cut = say_if(["<", "shown", T], f"; {say('shown answers')} of them")
    table = PositionTable(
        f"losses of each character, hidden alone, ({say('answers')}){cut}",
        {"hidden": "answer", "probability": "probability", "-ln(probability)": "loss"},
    )
    mean = f"The mean over all of them is {rounded_number('mean loss', SUM)}. {TRAINING}"
    yield When(["=", "answers", 0], (unknown,))
    yield When(["<", 0, "answers"], (table, mean))
