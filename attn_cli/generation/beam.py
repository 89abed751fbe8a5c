"""Beam search: the likeliest continuation that can be found by keeping several in sight.

Shapes: B beams, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.generation.decoder import Decoder
from attn_cli.generation.engine import Detail, Text, controlled
from attn_cli.generation.reader import Reader
from attn_cli.generation.rules import Rules
from attn_cli.generation.sampling import Controls, log_probabilities


@dataclass(frozen=True)
class _Beam:
    """One continuation in sight.

    Attributes:
        ids: What it is.
        log_probs: The model's own log-probability of each.
        total: Their sum after the penalty, by which it is ranked.
        state: The automaton's, after it.
    """

    ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    total: float = 0.0
    state: int = 0


def search(
    decoder: Decoder, prompt: Sequence[int], width: int, controls: Controls, rules: Rules
) -> list[Text]:
    """The likeliest continuations, at most `width`, by their mean log-probability an id.

    A sum would prefer what ends early (Wu et al. 2016, section 7). The end of a document
    counts as an id here.

    Args:
        decoder: The model.
        prompt: The ids to continue; at least one.
        width: How many are kept in sight.
        controls: Of these the repetition penalty alone.
        rules: What may come, and when a text is over.

    Raises:
        OperationError: The model's scores are not numbers.
    """
    beams = [_Beam()]
    over: list[tuple[float, Text]] = []
    reader = Reader(decoder, 1, len(prompt) + rules.max_new)
    for written in range(rules.max_new):
        whole = [[*prompt, *beam.ids] for beam in beams]
        states = [beam.state for beam in beams]
        log_probs = log_probabilities(reader.scores(whole))  # (B, V)
        # Not made to add up to 1 again after the rules: what is forced is not likely.
        totals = controlled(log_probs, whole, controls, rules, states, written)
        totals = totals + np.array([[beam.total] for beam in beams])
        # Of twice the width either enough go on, or as many are over and the search ends.
        order = (-totals).argsort(axis=None, kind="stable")[: 2 * width]
        beams_before, beams, parents = beams, [], []
        for parent, id_ in zip(*np.unravel_index(order, totals.shape), strict=True):
            before, total = beams_before[parent], float(totals[parent, id_])
            if total == -np.inf or len(beams) == width:
                break
            beam = _Beam(
                (*before.ids, int(id_)),
                (*before.log_probs, float(log_probs[parent, id_])),
                total,
                rules.after(before.state, int(id_)),
            )
            ids = list(beam.ids)
            reason = rules.finish(ids, beam.state)
            if reason is None:
                beams.append(beam)
                parents.append(int(parent))
            else:
                details = [Detail(each, math.exp(each)) for each in beam.log_probs[: len(ids)]]
                text = Text(prompt, 0, ids, details, reason)
                over.append((beam.total / len(beam.ids), text))
        if not beams or len(over) >= width:
            break
        reader.select(parents)
    over.sort(key=lambda each: each[0], reverse=True)
    return [text for _, text in over[:width]]
