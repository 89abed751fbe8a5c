"""The lesson on an encoder-decoder: one text looks at another.

Shapes: T target, S source, C channels = n_embd, D head size, V vocabulary.
"""

import math
from collections.abc import Iterable, Iterator

from attn_cli.inspection.lesson import stages
from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Map, Maps, Part, Table
from attn_cli.inspection.lesson.context import CANDIDATES, MAX_SHOWN, matrix_table, shape_text
from attn_cli.inspection.lesson.logits_and_sampling import TRAINING
from attn_cli.inspection.lesson.pair_context import PairContext
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    OMITTED,
    PRODUCT,
    SUM,
    in_parentheses,
    rounded,
    rounded_factors,
    rounded_number,
    rounded_rows,
)
from attn_cli.inspection.lesson.stages import CROSS_ATTENTION, DECODER, ENCODER, NEXT, SOURCE
from attn_cli.inspection.lesson.worked_arithmetic import (
    dot_product,
    loss_columns,
    sum_formula,
    with_others,
    worked_softmax,
)
from attn_cli.inspection.pair_pass import PairPass
from attn_cli.inspection.supported import check_supported
from attn_cli.text.tokenizer import Tokenizer


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
    way = stages.pair_way(context)
    steps: tuple[tuple[str, str, Iterable[Part]], ...] = (
        (SOURCE, "Two texts", _question(context, foreword)),
        (ENCODER, "The encoder reads the source", _encoder(context)),
        (DECODER, "The decoder reads what is written", _decoder(context)),
        (CROSS_ATTENTION, "One text looks at another", _one_score(context)),
        (CROSS_ATTENTION, "Softmax over the source", _softmax(context)),
        (CROSS_ATTENTION, "What is taken from the source", _values(context)),
        (CROSS_ATTENTION, "The alignment", _alignment(context)),
        (CROSS_ATTENTION, "Residual connection", _residual(context)),
        (NEXT, "What is written", _probabilities(context)),
        (NEXT, "Where the weights come from", _losses(context)),
    )
    return [LessonStep(title, tuple(parts), stage, way) for stage, title, parts in steps]


def _question(context: PairContext, foreword: str) -> Iterator[Part]:
    S, T = len(context.source), len(context.target)
    source, target = "".join(context.source[:-1]), "".join(context.read[1:])
    written = "".join(context.target[: context.followed])
    yield (
        f"The source is “{source}”, the target “{target}”. With its end, ⏎, the source has S = {S} "
        f"characters and the target T = {T}. An encoder reads the source, and a decoder writes the "
        "target, one character at a time: "
        "what links the two is cross-attention, in which one text looks at another."
    )
    if foreword:
        yield foreword
    so_far = f"So far “{written}” is written, and" if written else "Nothing is written yet, and"
    yield (
        f"This lesson follows head {context.head + 1} of layer {context.layer + 1} while it writes "
        f"‘{context.target[context.followed]}’ at position {context.followed}, where it looks most "
        f"sharply at one place. {so_far} all that follows leads to that character."
    )


def _encoder(context: PairContext) -> Iterator[Part]:
    encoded = context.activations["encoder.final norm"]  # (S, C)
    yield (
        "The encoder sees the whole source at once: its self-attention has no mask, so that "
        "each character looks to both sides. It runs once for a source, however long the "
        "target becomes. What it hands over is a vector for each character, and ⏎ has one too."
    )
    yield matrix_table(
        f"the encoder's vectors, {shape_text('S, C', encoded)}{context.truncation('S')}",
        context.key_names,
        encoded[list(context.keys)].tolist(),
    )


def _decoder(context: PairContext) -> Iterator[Part]:
    yield (
        "The decoder reads ⏎ and then what is written so far, with a causal mask; at each "
        "position it writes the next character. Both texts have a newline at the end, and the "
        "decoder stops when it writes one."
    )
    columns = {
        "reads": [context.read[t] for t in context.steps],
        "writes": [context.target[t] for t in context.steps],
    }
    caption = f"the target, T = {len(context.target)}{context.truncation('T')}"
    yield Table.of_columns(caption, list(map(str, context.steps)), columns)


def _one_score(context: PairContext) -> Iterator[Part]:
    query, key = context.queries_and_keys()
    score = float(context.head_tensor("scores")[context.followed, context.top_key])
    D = query.shape[1]
    yield (
        "In self-attention queries, keys and values come from one text. Here the queries are "
        "made from the target, the keys and values from the encoder's vectors: a query says "
        "what the decoder needs in order to write, a key what a place in the source has. The "
        "arithmetic is the same."
    )
    if context.has("rotated query"):
        yield (
            "Queries and keys are rotated by their positions, each in its own text, so that a head "
            "can look for the place that is as far in the source as this one in the target."
        )
    yield (
        f"The query that writes {context.quoted_target(context.followed)} meets the key of "
        f"{context.quoted_source(context.top_key)}: none gives a higher score."
    )
    yield from dot_product(
        f"query times key, head {context.head + 1}, D = {D} channels",
        ("query of the target", query[context.followed].tolist()),
        ("key of the source", key[context.top_key].tolist()),
    )
    ((one,),) = rounded_factors([score])
    root = rounded_number(math.sqrt(D), FACTOR)
    yield f"Divided by √D = √{D} = {root}, as in every attention:"
    yield Formula((f"{one} / √{D} = {rounded_number(score / math.sqrt(D), SUM)}",))


def _softmax(context: PairContext) -> Iterator[Part]:
    yield (
        f"Each query has a score for all S = {len(context.source)} characters of the source. "
        "Nothing is masked: the source is known from the beginning. Softmax turns the scores into "
        f"shares that add up to 1. The row of {context.quoted_target(context.followed)}:"
    )
    yield from worked_softmax(
        "softmax of one row of scores",
        "score",
        context.head_tensor("scaled scores")[context.followed].tolist(),
        list(zip(context.keys, context.key_names, strict=True)),
    )


def _values(context: PairContext) -> Iterator[Part]:
    weights = context.weights[context.followed].tolist()
    values = context.head_tensor("value heads")[:, 0].tolist()
    products = [weight * value for weight, value in zip(weights, values, strict=True)]
    rest = math.fsum(product for s, product in enumerate(products) if s not in context.keys)
    one, other = rounded_factors(
        [weights[s] for s in context.keys], [values[s] for s in context.keys]
    )
    yield (
        "The values are the source's as well. What the decoder takes is their sum, each times "
        "its weight. Channel 0:"
    )
    yield Table.of_columns(
        "weight times value",
        with_others(context.key_names, len(context.source)),
        {
            "weight": (*one, OMITTED),
            "value": (*other, OMITTED),
            "product": rounded([*(products[s] for s in context.keys), rest], PRODUCT),
        },
    )
    yield sum_formula(math.fsum(products))


def _alignment(context: PairContext) -> Iterator[Part]:
    rows = context.weights[list(context.steps)][:, list(context.keys)].tolist()
    cut = context.truncation("T") or context.truncation("S")
    yield (
        "The same for each character of the target. Read a row from left to right: where the "
        "head looked in the source when it wrote that character. This is the alignment; "
        "attn inspect-attention draws it for every head."
    )
    alignment = Map(
        "target down, source across",
        tuple(context.target),
        tuple(context.source),
        tuple(map(tuple, context.weights.tolist())),
    )
    yield Maps((alignment,))
    yield Table(
        f"weights: target down, source across, {shape_text('T, S', context.weights)}{cut}",
        tuple(context.source[s] for s in context.keys),
        tuple(zip(context.step_names, rounded_rows(rows), strict=True)),
    )
    yield (
        "A weight says how much of a value is taken, but not what the value holds: the "
        "encoder's vector of a character has seen all of the source."
    )


def _residual(context: PairContext) -> Iterator[Part]:
    operations = ("attention residual", "cross-attention.projection", "cross-attention residual")
    before, added, after = (
        float(context.layer_tensor(operation)[context.followed, 0]) for operation in operations
    )
    one, other = rounded([before, added], FACTOR)
    yield (
        "The heads are merged and projected, and the result is added to the decoder's residual "
        "stream, between self-attention and feed-forward. Channel 0 of "
        f"{context.quoted_target(context.followed)}:"
    )
    yield Formula((f"{one} + {in_parentheses(other)} = {rounded_number(after, SUM)}",))


def _probabilities(context: PairContext) -> Iterator[Part]:
    logits = context.activations["logits"][context.followed]  # (V,)
    order = logits.argsort(descending=True, stable=True).tolist()
    shown = order if len(order) <= MAX_SHOWN else order[:CANDIDATES]
    best, target = context.symbols[order[0]], context.target[context.followed]
    yield (
        f"After the last layer each of the V = {len(logits)} symbols has a logit, and softmax "
        "turns the logits into probabilities:"
    )
    yield from worked_softmax(
        f"softmax of the {len(logits)} logits; the most probable first",
        "logit",
        logits.tolist(),
        [(id_, context.symbols[id_]) for id_ in shown],
    )
    yield (
        f"attn generate writes the most probable, ‘{best}’."
        if best == target
        else f"attn generate would write the most probable, ‘{best}’; the target that was "
        f"given has ‘{target}’."
    ) + " The decoder reads it at the next position, and looks at the source again."


def _losses(context: PairContext) -> Iterator[Part]:
    losses = context.activations.losses
    yield (
        "In training the target is known: the decoder reads its own characters, not what it "
        "would have written (teacher forcing), so that it learns from all T at once. The "
        "loss of each is -ln of its probability (cross-entropy); if this were the target:"
    )
    yield Table.of_columns(
        f"losses, (T) = ({len(losses)}){context.truncation('T')}",
        context.step_names,
        loss_columns([float(losses[t]) for t in context.steps]),
    )
    mean = rounded_number(float(losses.mean()), SUM)
    yield f"The mean over all of them is {mean}. {TRAINING}"
