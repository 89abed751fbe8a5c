"""The lesson on an encoder-decoder: one text looks at another.

Shapes: T target, S source, C channels = n_embd, D head size, V vocabulary.
"""

import math
from collections.abc import Iterator, Sequence

import torch

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Part, Table
from attn_cli.inspection.lesson.context import CANDIDATES, MAX_SHOWN, matrix_table, shape_text
from attn_cli.inspection.lesson.logits_and_sampling import TRAINING, loss_columns
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
from attn_cli.inspection.lesson.worked_arithmetic import (
    dot_product,
    sum_formula,
    with_others,
    worked_softmax,
)
from attn_cli.inspection.pair_pass import PairPass
from attn_cli.inspection.supported import check_supported
from attn_cli.text.display import printable_symbol
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
    lesson = _PairLesson(activations, tokenizer, layer, head)
    steps = {
        "Two texts": lesson.question(foreword),
        "The encoder reads the source": lesson.encoder(),
        "The decoder reads what is written": lesson.decoder(),
        "One text looks at another": lesson.one_score(),
        "Softmax over the source": lesson.softmax(),
        "What is taken from the source": lesson.values(),
        "The alignment": lesson.alignment(),
        "Residual connection": lesson.residual(),
        "What is written": lesson.probabilities(),
        "Where the weights come from": lesson.losses(),
    }
    return [LessonStep(title, tuple(parts)) for title, parts in steps.items()]


class _PairLesson:
    """The steps, each a method; followed is the step of writing in which the head is clearest."""

    def __init__(self, activations: PairPass, tokenizer: Tokenizer, layer: int, head: int) -> None:
        self.activations, self.model = activations, activations.model
        self.layer, self.head = layer, head
        symbols = [printable_symbol(symbol) for symbol in tokenizer.symbols]
        self.symbols = symbols
        self.read, self.target, self.source = (
            [symbols[id_] for id_ in ids]
            for ids in (activations.ids, activations.target_ids, activations.source_ids)
        )
        self.weights = self._of_head("softmax weights")  # (T, S)
        self.followed, self.top_key = divmod(int(self.weights.argmax()), len(self.source))
        self.steps = _around(self.followed, len(self.target))
        self.keys = _around(self.top_key, len(self.source))

    def question(self, foreword: str) -> Iterator[Part]:
        S, T = len(self.source), len(self.target)
        written = "".join(self.target[: self.followed])
        yield (
            f"The source is “{''.join(self.source[:-1])}”, the target “{''.join(self.read[1:])}”. "
            f"With its end, ⏎, the source has S = {S} characters and the target T = {T}. An "
            "encoder reads the source, and a decoder writes the target, one character at a time: "
            "what links the two is cross-attention, in which one text looks at another."
        )
        if foreword:
            yield foreword
        so_far = f"So far “{written}” is written, and" if written else "Nothing is written yet, and"
        yield (
            f"This lesson follows head {self.head + 1} of layer {self.layer + 1} while it writes "
            f"‘{self.target[self.followed]}’ at position {self.followed}, where it looks most "
            f"sharply at one place. {so_far} all that follows leads to that character."
        )

    def encoder(self) -> Iterator[Part]:
        encoded = self.activations["encoder.final norm"]  # (S, C)
        yield (
            "The encoder sees the whole source at once: its self-attention has no mask, so that "
            "each character looks to both sides. It runs once for a source, however long the "
            "target becomes. What it hands over is a vector for each character, and ⏎ has one too."
        )
        names = self._key_names()
        yield matrix_table(
            f"the encoder's vectors, {shape_text('S, C', encoded)}{self._cut('S')}",
            names,
            encoded[list(self.keys)].tolist(),
        )

    def decoder(self) -> Iterator[Part]:
        yield (
            "The decoder reads ⏎ and then what is written so far, with a causal mask; at each "
            "position it writes the next character. Both texts have a newline at the end, and the "
            "decoder stops when it writes one."
        )
        names = [str(t) for t in self.steps]
        columns = {
            "reads": [self.read[t] for t in self.steps],
            "writes": [self.target[t] for t in self.steps],
        }
        yield Table.of_columns(
            f"the target, T = {len(self.target)}{self._cut('T')}", names, columns
        )

    def one_score(self) -> Iterator[Part]:
        query, key = self._queries_and_keys()
        score = float(self._of_head("scores")[self.followed, self.top_key])
        D = query.shape[1]
        yield (
            "In self-attention queries, keys and values come from one text. Here the queries are "
            "made from the target, the keys and values from the encoder's vectors: a query says "
            "what the decoder needs in order to write, a key what a place in the source has. The "
            "arithmetic is the same."
        )
        if self._has("rotated query"):
            yield (
                "Queries and keys are rotated by their positions, each in its own text: so a head "
                "can look for the place that is as far in the source as this one in the target."
            )
        yield (
            f"The query that writes {self._step(self.followed)} meets the key of "
            f"{self._key(self.top_key)}: none gives a higher score."
        )
        yield from dot_product(
            f"query times key, head {self.head + 1}, D = {D} channels",
            ("query of the target", query[self.followed].tolist()),
            ("key of the source", key[self.top_key].tolist()),
        )
        ((one,),) = rounded_factors([score])
        root = rounded_number(math.sqrt(D), FACTOR)
        yield f"Divided by √D = √{D} = {root}, as in every attention:"
        yield Formula((f"{one} / √{D} = {rounded_number(score / math.sqrt(D), SUM)}",))

    def softmax(self) -> Iterator[Part]:
        S = len(self.source)
        yield (
            f"Each query has a score for all S = {S} characters of the source. Nothing is masked: "
            "the source is known from the beginning. Softmax makes shares of them that add up to "
            f"1. The row of {self._step(self.followed)}:"
        )
        yield from worked_softmax(
            "softmax of one row of scores",
            "score",
            self._of_head("scaled scores")[self.followed].tolist(),
            list(zip(self.keys, self._key_names(), strict=True)),
        )

    def values(self) -> Iterator[Part]:
        weights = self.weights[self.followed].tolist()
        values = self._of_head("value heads")[:, 0].tolist()
        products = [weight * value for weight, value in zip(weights, values, strict=True)]
        rest = math.fsum(product for s, product in enumerate(products) if s not in self.keys)
        one, other = rounded_factors(
            [weights[s] for s in self.keys], [values[s] for s in self.keys]
        )
        yield (
            "The values are the source's as well. What the decoder takes is their sum, each times "
            "its weight. Channel 0:"
        )
        yield Table.of_columns(
            "weight times value",
            with_others(self._key_names(), len(self.source)),
            {
                "weight": (*one, OMITTED),
                "value": (*other, OMITTED),
                "product": rounded([*(products[s] for s in self.keys), rest], PRODUCT),
            },
        )
        yield sum_formula(math.fsum(products))

    def alignment(self) -> Iterator[Part]:
        rows = self.weights[list(self.steps)][:, list(self.keys)].tolist()
        cut = self._cut("T") or self._cut("S")
        yield (
            "The same for each character of the target. Read a row from left to right: where the "
            "head looked in the source when it wrote that character. This table is the alignment; "
            "attn inspect-attention draws it for every head."
        )
        yield Table(
            f"weights: target down, source across, {shape_text('T, S', self.weights)}{cut}",
            tuple(self.source[s] for s in self.keys),
            tuple(zip((self._row(t) for t in self.steps), rounded_rows(rows), strict=True)),
        )
        yield (
            "A weight says how much of a value is taken, but not what the value holds: the "
            "encoder's vector of a character has seen all of the source."
        )

    def residual(self) -> Iterator[Part]:
        before, added, after = (
            float(self._of_layer(operation)[self.followed, 0])
            for operation in (
                "attention residual",
                "cross-attention.projection",
                "cross-attention residual",
            )
        )
        one, other = rounded([before, added], FACTOR)
        yield (
            "The heads are merged and projected, and the result is added to the decoder's residual "
            "stream, between self-attention and feed-forward. Channel 0 of "
            f"{self._step(self.followed)}:"
        )
        yield Formula((f"{one} + {in_parentheses(other)} = {rounded_number(after, SUM)}",))

    def probabilities(self) -> Iterator[Part]:
        logits = self.activations["logits"][self.followed]  # (V,)
        order = logits.argsort(descending=True, stable=True).tolist()
        shown = order if len(order) <= MAX_SHOWN else order[:CANDIDATES]
        best, target = self.symbols[order[0]], self.target[self.followed]
        yield (
            f"After the last layer each of the V = {len(logits)} symbols has a logit, and softmax "
            "makes probabilities of them:"
        )
        yield from worked_softmax(
            f"softmax of the {len(logits)} logits; the most probable first",
            "logit",
            logits.tolist(),
            [(id_, self.symbols[id_]) for id_ in shown],
        )
        yield (
            f"attn generate writes the most probable, ‘{best}’."
            if best == target
            else f"attn generate would write the most probable, ‘{best}’; the target that was "
            f"given has ‘{target}’."
        ) + " The decoder reads it at the next position, and looks at the source again."

    def losses(self) -> Iterator[Part]:
        losses = self.activations.losses
        yield (
            "In training the target is known: the decoder reads its own characters, not what it "
            "would have written (teacher forcing), so that all T are learned from at once. The "
            "loss of each is -ln of its probability (cross-entropy); if this were the target:"
        )
        yield Table.of_columns(
            f"losses, (T) = ({len(losses)}){self._cut('T')}",
            [self._row(t) for t in self.steps],
            loss_columns([float(losses[t]) for t in self.steps]),
        )
        mean = rounded_number(float(losses.mean()), SUM)
        yield f"The mean over all of them is {mean}. {TRAINING}"

    def _of_layer(self, operation: str) -> torch.Tensor:
        return self.activations[f"decoder.block {self.layer + 1}.{operation}"]

    def _of_head(self, operation: str) -> torch.Tensor:
        return self._of_layer(f"cross-attention.{operation}")[self.head]

    def _has(self, operation: str) -> bool:
        return f"decoder.block {self.layer + 1}.cross-attention.{operation}" in self.activations

    def _queries_and_keys(self) -> tuple[torch.Tensor, torch.Tensor]:
        """As the scores compare them, (T, D) and (S, D)."""
        for query, key in (("rotated query", "rotated key"), ("query norm", "key norm")):
            if self._has(query):
                return self._of_head(query), self._of_head(key)
        return self._of_head("query heads"), self._of_head("key heads")

    def _step(self, t: int) -> str:
        return f"‘{self.target[t]}’ at position {t} of the target"

    def _key(self, s: int) -> str:
        return f"‘{self.source[s]}’ at position {s} of the source"

    def _row(self, t: int) -> str:
        return f"{t:{len(str(len(self.target) - 1))}} {self.target[t]}"

    def _key_names(self) -> Sequence[str]:
        digits = len(str(len(self.source) - 1))
        return [f"{s:{digits}} {self.source[s]}" for s in self.keys]

    def _cut(self, axis: str) -> str:
        """The end of a caption where a table shows only some of a text."""
        shown, text = (self.keys, self.source) if axis == "S" else (self.steps, self.target)
        return f"; {len(shown)} of them" if len(shown) < len(text) else ""


def _around(place: int, count: int) -> range:
    """All places, or as many as a table shows, with this one near their middle."""
    shown = min(MAX_SHOWN, count)
    first = min(max(0, place - shown // 2), count - shown)
    return range(first, first + shown)
