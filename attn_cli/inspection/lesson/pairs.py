"""The lesson on an encoder-decoder: one text looks at another.

Shapes: T target, S source, C channels = n_embd, D head size, V vocabulary.
"""

import math
from collections.abc import Iterable, Iterator

from attn_cli.inspection.lesson import stages
from attn_cli.inspection.lesson.blocks import Formula, LessonStep
from attn_cli.inspection.lesson.declared import (
    Declared,
    DotProduct,
    PairMaps,
    PairTable,
    PositionTable,
    VectorTable,
    WeightedSum,
    WorkedSoftmax,
)
from attn_cli.inspection.lesson.logits_and_sampling import TRAINING
from attn_cli.inspection.lesson.pair_context import PairContext
from attn_cli.inspection.lesson.quantities import (
    CUT,
    FOLLOWED,
    TOP_KEY,
    WEIGHTS,
    T,
    at,
    head_tensor,
    layer_tensor,
)
from attn_cli.inspection.lesson.rendering import rendered_step, rendered_way
from attn_cli.inspection.lesson.rounding import FACTOR, SUM
from attn_cli.inspection.lesson.rounding import rounded_number as known_number
from attn_cli.inspection.lesson.said import (
    Expression,
    factors,
    in_parentheses,
    rounded,
    rounded_number,
    say,
    say_if,
    symbol,
)
from attn_cli.inspection.lesson.stages import CROSS_ATTENTION, DECODER, ENCODER, NEXT, SOURCE
from attn_cli.inspection.pair_pass import PairPass
from attn_cli.inspection.supported import check_supported
from attn_cli.text.tokenizer import Tokenizer

S = "S"
WRITTEN: Expression = at("target ids", FOLLOWED)  # at the step that is followed


def pair_lesson(
    activations: PairPass,
    tokenizer: Tokenizer,
    *,
    layer: int = 0,
    head: int = 0,
    foreword: str = "",
) -> list[LessonStep]:
    """The steps from a source to its target, with the numbers of one forward pass.

    Args:
        activations: The forward pass of both.
        tokenizer: The model's vocabulary.
        layer: The layer that is followed, from 0.
        head: The head of that layer's cross-attention, from 0.
        foreword: A paragraph about this model, early in the first step.

    Raises:
        InputError: The model has a kind of block or position that the lesson does not know.
    """
    check_supported(activations.model.config, "the lesson")
    context = PairContext(activations, tokenizer, layer, head)
    way = rendered_way(stages.pair_way(context), context)
    steps: tuple[tuple[str, str, Iterable[Declared]], ...] = (
        (SOURCE, "Two texts", _question(context, foreword)),
        (ENCODER, "The encoder reads the source", _encoder()),
        (DECODER, "The decoder reads what is written", _decoder()),
        (CROSS_ATTENTION, "One text looks at another", _one_score(context)),
        (CROSS_ATTENTION, "Softmax over the source", _softmax()),
        (CROSS_ATTENTION, "What is taken from the source", _values()),
        (CROSS_ATTENTION, "The alignment", _alignment()),
        (CROSS_ATTENTION, "Residual connection", _residual()),
        (NEXT, "What is written", _probabilities(context)),
        (NEXT, "Where the weights come from", _losses()),
    )
    return [rendered_step(context, stage, title, tuple(plan), way) for stage, title, plan in steps]


def _of_target() -> str:
    return f"‘{symbol(WRITTEN)}’ at position {say(FOLLOWED)} of the target"


def _of_source() -> str:
    return f"‘{symbol(at('source ids', TOP_KEY))}’ at position {say(TOP_KEY)} of the source"


def _question(context: PairContext, foreword: str) -> Iterator[Declared]:
    yield (
        f"The source is “{say('source text')}”, the target “{say('target text')}”. With its end, "
        f"⏎, the source has S = {say(S)} characters and the target T = {say(T)}. An encoder reads "
        "the source, and a decoder writes the target, one character at a time: "
        "what links the two is cross-attention, in which one text looks at another."
    )
    if foreword:
        yield foreword
    so_far = say_if(
        ["<", 0, FOLLOWED],
        f"So far “{say('written')}” is written, and",
        "Nothing is written yet, and",
    )
    yield (
        f"This lesson follows head {context.head + 1} of layer {context.layer + 1} while the "
        f"decoder writes ‘{symbol(WRITTEN)}’ at position {say(FOLLOWED)}: the step at which this "
        f"head looks most sharply at one place. {so_far} all that follows leads to that character."
    )


def _encoder() -> Iterator[Declared]:
    yield (
        "The encoder sees the whole source at once: its self-attention has no mask, so that "
        "each character looks to both sides. It runs once for a source, however long the "
        "target becomes. What it hands over is a vector for each character, and ⏎ has one too."
    )
    yield VectorTable("the encoder's vectors", "S, C", ["activation", "encoder.final norm"])


def _decoder() -> Iterator[Declared]:
    yield (
        "The decoder reads ⏎ and then what is written so far, with a causal mask; at each "
        "position it writes the next character. Both texts have a newline at the end, and the "
        "decoder stops when it writes one."
    )
    columns = {"reads": "read", "writes": "answer"}
    yield PositionTable(f"the target, T = {say(T)}{CUT}", columns)


def _one_score(context: PairContext) -> Iterator[Declared]:
    query, key = map(head_tensor, context.compared)
    D = context.head_tensor(context.compared[0]).shape[1]
    yield (
        "In self-attention queries, keys and values come from one text. Here the queries are "
        "made from the target, the keys and values from the encoder's vectors: a query says "
        "what the decoder needs in order to write, a key what a place in the source has. The "
        "arithmetic is the same."
    )
    if context.has("rotated query"):
        yield (
            "Queries and keys are rotated by their positions, each in its own text (rotary "
            "positions). So a head can look for the place that is as far from the beginning of the "
            "source as this one is from that of the target."
        )
    yield (
        f"The query that writes {_of_target()} meets the key of {_of_source()}: none gives a "
        "higher score."
    )
    yield DotProduct(
        f"query times key, head {context.head + 1}, D = {D} channels",
        ("query of the target", at(query, FOLLOWED)),
        ("key of the source", at(key, TOP_KEY)),
    )
    (one,) = factors(at(head_tensor("scores"), FOLLOWED, TOP_KEY))
    other = rounded_number(at(head_tensor("scaled scores"), FOLLOWED, TOP_KEY), SUM)
    root = known_number(math.sqrt(D), FACTOR)
    yield f"Divided by √D = √{D} = {root}, as in every attention:"
    yield Formula((f"{one} / √{D} = {other}",))


def _softmax() -> Iterator[Declared]:
    yield (
        f"Each query has a score for each of the S = {say(S)} characters of the source. Nothing is "
        "masked: the source is known from the beginning. Softmax turns the scores into numbers "
        "from 0 to 1 that add up to 1, the attention weights: it raises e to the power of each "
        f"score, and divides by the sum. The row of {_of_target()}:"
    )
    row = at(head_tensor("scaled scores"), FOLLOWED)
    yield WorkedSoftmax("softmax of one row of scores", "score", row, "keys")


def _values() -> Iterator[Declared]:
    yield (
        "The values, too, are made from the encoder's vectors. What the decoder takes is their "
        "weighted sum: each value times its attention weight, added up. Channel 0:"
    )
    yield WeightedSum()


def _alignment() -> Iterator[Declared]:
    yield (
        "These are the weights of the head for each character of the target: the alignment of the "
        "two texts. Read a row from left to right: it says where in the source the head looked "
        "when that character was written. attn inspect-attention draws the alignment of every head."
    )
    weights = PairTable("weights: target down, source across", WEIGHTS, axes="T, S")
    yield PairMaps((PairTable("target down, source across", WEIGHTS),))
    yield weights
    yield (
        "A weight says how much of a value is taken, but not what the value holds: the "
        "encoder's vector of a character has seen all of the source."
    )


def _residual() -> Iterator[Declared]:
    operations = ("attention residual", "cross-attention.projection", "cross-attention residual")
    before, added, after = (at(layer_tensor(name), FOLLOWED, 0) for name in operations)
    one, other = rounded(before, added, decimals=FACTOR)
    yield (
        "The heads are merged and projected, and the result is added to the decoder's residual "
        f"stream, between self-attention and feed-forward. Channel 0 of {_of_target()}:"
    )
    yield Formula((f"{one} + {in_parentheses(other)} = {rounded_number(after, SUM)}",))


def _probabilities(context: PairContext) -> Iterator[Declared]:
    V = len(context.answer_logits)
    yield (
        f"After the last layer a linear layer gives each of the V = {V} symbols a score, its "
        "logit, and softmax turns the logits into probabilities:"
    )
    caption = f"softmax of the {V} logits; the most probable first"
    yield WorkedSoftmax(caption, "logit", "answer", "candidates")
    yield (
        say_if(
            ["=", "best", WRITTEN],
            f"attn generate writes the most probable, ‘{symbol('best')}’.",
            f"attn generate would write the most probable, ‘{symbol('best')}’; the target that was "
            f"given has ‘{symbol(WRITTEN)}’.",
        )
        + " The decoder reads it at the next position, and looks at the source again."
    )


def _losses() -> Iterator[Declared]:
    yield (
        "In training the target is known: the decoder reads the target's characters rather than "
        "those that it would have written (teacher forcing), and so learns from all T positions at "
        "once. The loss of each is -ln of its probability (cross-entropy): 0 for certainty, more "
        "for more surprise. If this were the target:"
    )
    columns = {"probability": "probability", "-ln(probability)": "loss"}
    yield PositionTable(f"losses, (T) = ({say(T)}){CUT}", columns)
    yield f"The mean over all of them is {rounded_number('mean loss', SUM)}. {TRAINING}"
