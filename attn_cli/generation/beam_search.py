"""Beam search: the most probable continuations that a beam of a given width finds.

Shapes: B beams, V vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints
from attn_cli.generation.generate import (
    ContextWindow,
    GenerationState,
    TokenInfo,
    process_logits,
)
from attn_cli.generation.next_token_model import NextTokenModel
from attn_cli.generation.sampling import log_probabilities


@dataclass(frozen=True)
class _Beam:
    """One continuation."""

    ids: tuple[int, ...] = ()  # its tokens
    log_probs: tuple[float, ...] = ()  # the model's own log-probability of each
    total: float = 0.0  # their sum after the repetition penalty, by which beams are ranked
    fsm_state: int = 0  # the automaton's, after it


def beam_search(
    model: NextTokenModel,
    prompt: Sequence[int],
    config: GenerationConfig,
    constraints: Constraints,
) -> list[GenerationState]:
    """The best continuations, at most `num_beams`, by their mean log-probability per token.

    A sum would prefer short ones (Wu et al. 2016, section 7). The end of a document counts as
    a token here.

    Args:
        model: Gives the logits.
        prompt: The ids to continue; at least one.
        config: Of it, the number of beams and the repetition penalty.
        constraints: What may come, and when a text is finished.

    Raises:
        OperationError: The model's logits are not finite.
    """
    width, beams = config.num_beams, [_Beam()]
    finished: list[tuple[float, GenerationState]] = []
    window = ContextWindow(model, 1, len(prompt) + constraints.max_new_chars)
    for n_generated in range(constraints.max_new_chars):
        sequences = [[*prompt, *beam.ids] for beam in beams]
        fsm_states = [beam.fsm_state for beam in beams]
        log_probs = log_probabilities(window.next_logits(sequences))  # (B, V)
        # Not normalised again after the constraints: what is forced is not probable.
        totals = process_logits(log_probs, sequences, config, constraints, fsm_states, n_generated)
        totals = totals + np.array([[beam.total] for beam in beams])
        # Of twice the width, either enough are unfinished or as many have finished.
        order = (-totals).argsort(axis=None, kind="stable")[: 2 * width]
        previous, beams, parents = beams, [], []
        for parent, id_ in zip(*np.unravel_index(order, totals.shape), strict=True):
            before, total = previous[parent], float(totals[parent, id_])
            if total == -np.inf or len(beams) == width:
                break
            beam = _Beam(
                (*before.ids, int(id_)),
                (*before.log_probs, float(log_probs[parent, id_])),
                total,
                constraints.next_state(before.fsm_state, int(id_)),
            )
            ids = list(beam.ids)
            reason = constraints.check_stop(ids, beam.fsm_state)
            if reason is None:
                beams.append(beam)
                parents.append(int(parent))
            else:
                tokens = [TokenInfo(each, math.exp(each)) for each in beam.log_probs[: len(ids)]]
                text = GenerationState(prompt, 0, ids, tokens, reason)
                finished.append((beam.total / len(beam.ids), text))
        if not beams or len(finished) >= width:
            break
        window.select_rows(parents)
    finished.sort(key=lambda each: each[0], reverse=True)
    return [text for _, text in finished[:width]]
