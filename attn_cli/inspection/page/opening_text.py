"""The text that a page opens with where nobody names one.

Shapes: T time (characters), V vocabulary.
"""

from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.runs.loaded_model import LoadedModel

SHORTEST, LONGEST = 8, 32  # characters


def open_ended_text(loaded: LoadedModel) -> tuple[int, ...]:
    """The ids of a text of the model's own, cut where the model is least sure what comes next.

    After most characters of a text the next one is a foregone conclusion, and a page that opened
    there would have nothing to show. A model without a text of its own gets what any prompt of it
    defaults to.
    """
    begin = loaded.line_beginning
    longest = min(LONGEST, loaded.config.model.block_size - len(begin))
    own = loaded.tokenizer.encode(loaded.own_text(), unknown="drop").tolist()[:longest]
    if len(own) <= SHORTEST:
        return loaded.encode_prompt(None)
    ids = (*begin, *own)
    log_probs = forward_pass(loaded.model, ids)["logits"].log_softmax(-1)  # (T, V)
    entropy = -(log_probs.exp() * log_probs).sum(-1)  # (T,)
    first = len(begin) + SHORTEST - 1
    return ids[: first + int(entropy[first:].argmax()) + 1]


def text_with_blanks(loaded: LoadedModel) -> tuple[int, ...]:
    """The ids of a text of an encoder's own in which two letters are hidden."""
    ids = list(loaded.encode_prompt(None))
    mask_id = loaded.tokenizer.mask_id
    assert mask_id is not None
    symbols = loaded.tokenizer.symbols
    letters = [place for place, id_ in enumerate(ids) if symbols[id_].isalpha()]
    for third in (1, 2):
        if letters:
            ids[letters[len(letters) * third // 3]] = mask_id
    return tuple(ids)
