"""How much of a validation text also stands in the training text."""

from collections.abc import Iterator

import numpy as np

from attn_cli.text.corpus import Corpus
from attn_cli.text.examples import Examples
from attn_cli.text.lines import count_shared_lines
from attn_cli.text.pairs import PairExamples
from attn_cli.text.tokenizer import TokenIds

PASSAGES = 10  # looked for, evenly spaced in the validation text
LENGTH = 100  # tokens of each
_CHUNK = 2**26  # ids of the training text searched at a time


def notes_on_overlap(corpus: Corpus) -> Iterator[str]:
    """A line for the user where lines or passages of the validation text were trained on."""
    if corpus.validation_text is None:
        return
    if isinstance(corpus.train, Examples) and isinstance(corpus.validation, Examples):
        shared = count_shared_lines(corpus.train, corpus.validation)
        what = "sources" if isinstance(corpus.train, PairExamples) else "lines"
        if shared:
            yield (
                f"{shared:,} of {len(corpus.validation):,} validation {what} are also training "
                f"{what}: the validation loss will be lower than on new {what}"
            )
        return
    passages = _passages(corpus.validation_text.ids)
    shared = sum(occurs(corpus.train_ids, passage) for passage in passages)
    if shared:
        yield (
            f"{shared} of {len(passages)} passages of the validation text stand word for word in "
            "the training text: the validation loss will be lower than on a new text"
        )


def _passages(ids: TokenIds) -> list[TokenIds]:
    """Up to ten passages of a text; one that is all of it, where it is short."""
    starts = np.linspace(0, max(len(ids) - LENGTH, 0), PASSAGES, dtype=np.int64)
    return [ids[start : start + LENGTH] for start in dict.fromkeys(starts.tolist())]


def occurs(ids: TokenIds, passage: TokenIds) -> bool:
    """Whether a passage stands in a text, which may be mapped from disk."""
    wanted, size = passage.tobytes(), ids.itemsize
    for first in range(0, len(ids), _CHUNK):
        chunk = ids[first : first + _CHUNK + len(passage)].tobytes()
        found = chunk.find(wanted)
        while found >= 0:
            if found % size == 0:  # else it begins within an id
                return True
            found = chunk.find(wanted, found + 1)
    return False
