"""Writes texts on, one character of each a step, all of them in one batch.

What a text becomes depends on its own prompt and seed alone, not on those beside it.

Shapes: B texts, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from attn_cli.generation.decoder import Decoder
from attn_cli.generation.reader import Reader
from attn_cli.generation.rules import FinishReason, Rules
from attn_cli.generation.sampling import (
    Controls,
    Floats,
    RandomStreams,
    choose,
    log_probabilities,
    penalised,
    probabilities,
    require_numbers,
)


@dataclass(frozen=True)
class Detail:
    """How a character came about.

    Attributes:
        log_prob: The model's own log-probability of it, before all controls; natural.
        odds: How likely it was after the controls.
        alternatives: The likeliest ids and their odds after the controls, likeliest first.
    """

    log_prob: float
    odds: float
    alternatives: tuple[tuple[int, float], ...] = ()


@dataclass
class Text:
    """A text that is being written.

    Attributes:
        prompt: The ids that it begins with; at least one.
        seed: What its choices are drawn from.
        ids: What was written after the prompt.
        details: One for each of `ids`, where they are asked for.
        finish_reason: None while it is being written. `length`: as many ids as asked for;
            `end`: the document ended; `stop`: a stop came; `match`: the pattern is complete.
    """

    prompt: Sequence[int]
    seed: int = 0
    ids: list[int] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    finish_reason: FinishReason | None = None


def write(
    decoder: Decoder,
    texts: Sequence[Text],
    controls: Controls,
    rules: Rules,
    *,
    alternatives: int | None = None,
) -> Iterator[None]:
    """Writes texts on; yields after each step, when each unfinished text has one id more.

    Args:
        decoder: The model.
        texts: What to write on, none of it begun; they grow in place.
        controls: How freely to choose.
        rules: What may come, and when a text is over.
        alternatives: How many other ids to tell of each; None for no details at all.

    Raises:
        OperationError: The model's scores are not numbers.
    """
    live = list(texts)
    whole = [list(text.prompt) for text in live]  # prompt and continuation
    states = [0] * len(live)
    reader = Reader(decoder, len(live), max(map(len, whole)) + rules.max_new)
    random = RandomStreams([text.seed for text in live])
    for written in range(rules.max_new):
        logits = reader.scores(whole)
        require_numbers(logits)
        odds = probabilities(controlled(logits, whole, controls, rules, states, written), controls)
        chosen = choose(odds, random.numbers()).tolist()
        if alternatives is not None:
            for text, detail in zip(
                live, _details(logits, odds, chosen, alternatives), strict=True
            ):
                text.details.append(detail)
        for row, (text, id_) in enumerate(zip(live, chosen, strict=True)):
            text.ids.append(id_)
            whole[row].append(id_)
            states[row] = rules.after(states[row], id_)
            text.finish_reason = rules.finish(text.ids, states[row])
            del text.details[len(text.ids) :]
        yield
        kept = _unfinished(live)
        if not kept:
            return
        if len(kept) < len(live):
            live, whole = [live[row] for row in kept], [whole[row] for row in kept]
            states = [states[row] for row in kept]
            reader.select(kept)
            random.select(kept)


def _unfinished(texts: Sequence[Text]) -> list[int]:
    """The rows of the texts that are not over; the last ones in the places of those that are."""
    rows = [row for row, text in enumerate(texts) if text.finish_reason is None]
    beyond = reversed([row for row in rows if row >= len(rows)])
    return [row if texts[row].finish_reason is None else next(beyond) for row in range(len(rows))]


def controlled(
    logits: Floats,
    whole: Sequence[Sequence[int]],
    controls: Controls,
    rules: Rules,
    states: Sequence[int],
    written: int,
) -> Floats:
    """The scores (B, V) after what looks back at each text: the penalty, and the rules."""
    if controls.repetition_penalty != 1.0:
        lately = [ids[-controls.repetition_window :] for ids in whole]
        logits = penalised(logits, lately, controls.repetition_penalty)
    masks = [mask for state in states if (mask := rules.allowed(state, written)) is not None]
    return np.where(np.stack(masks), logits, -np.inf) if masks else logits


def _details(
    logits: Floats, odds: Floats, chosen: Sequence[int], alternatives: int
) -> Iterator[Detail]:
    rows = np.arange(len(chosen))
    log_probs = log_probabilities(logits)[rows, chosen].tolist()
    shares_of_chosen = odds[rows, chosen].tolist()
    if not alternatives:  # to order V odds a character takes longer than the rest
        yield from (Detail(*pair, ()) for pair in zip(log_probs, shares_of_chosen, strict=True))
        return
    likeliest = (-odds).argsort(axis=-1, kind="stable")[:, :alternatives]
    others = np.take_along_axis(odds, likeliest, axis=-1)
    for log_prob, own, ids, shares in zip(
        log_probs, shares_of_chosen, likeliest.tolist(), others.tolist(), strict=True
    ):
        pairs = zip(ids, shares, strict=True)
        yield Detail(log_prob, own, tuple((id_, share) for id_, share in pairs if share > 0))
