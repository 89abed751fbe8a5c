"""The vectors of any number of texts, computed while they are read, in constant memory.

Shapes: T time (characters), C channels = n_embd.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from attn_cli.errors import DatasetError
from attn_cli.inspection.embedding import Embedder, Level, Pool, Vectors
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.text_encoder import TextEncoder
from attn_cli.text.labelled_texts import LabelledText
from attn_cli.text.tokenizer import TokenIds
from attn_cli.training.device import choose_device

_CHUNK = 2**16  # tokens of texts whose vectors are in memory at once


@dataclass(frozen=True, eq=False)
class EmbeddedText:
    """A text with its vectors.

    Attributes:
        line: Its number, from 1.
        text: As it was given.
        label: Its label; None where it has none.
        characters: As the model read it, T of them: cut, and without unknown ones.
        vectors: (1, C) of the whole text, or (T, C) of its characters.
    """

    line: int
    text: str
    label: str | None
    characters: list[str]
    vectors: Vectors


class EmbeddedTexts:
    """Some texts with their vectors, for `text in texts`: once, in their order.

    Args:
        loaded: The model.
        name: Where the texts are from, for errors.
        texts: Of any length; they are read while this is iterated.
        level: See `Embedder`, as of `layer` and `pool`.

    Attributes:
        n_texts: How many there were, when they have been iterated.

    Raises:
        InputError: There is no such level, layer or pool.
    """

    def __init__(
        self,
        loaded: TrainedModel,
        name: str,
        texts: Iterable[LabelledText],
        level: Level = "text",
        layer: int | None = None,
        pool: Pool | None = None,
    ) -> None:
        model = loaded.checkpoint.load_model(choose_device("auto"))
        self.embedder = Embedder(loaded, level, layer, pool, model=model)
        self._loaded = loaded
        self._name = name
        self._texts = texts
        self._encode = TextEncoder(loaded, name)
        self.n_texts = 0

    def __iter__(self) -> Iterator[EmbeddedText]:
        """The texts in order.

        Raises:
            DatasetError: There are none, or over 5 % of their characters are outside the model's
                vocabulary, or `TextEncoder` refuses one.
        """
        rows: list[tuple[LabelledText, TokenIds]] = []
        n_tokens = 0
        for text in self._texts:
            ids = self._encode(text.text)
            rows.append((text, ids))
            n_tokens += 1 + len(ids)
            if n_tokens >= _CHUNK:
                yield from self._embedded(rows)
                rows, n_tokens = [], 0
        yield from self._embedded(rows)
        if not self.n_texts:
            raise DatasetError(f"{self._name} has no texts", "give a line at least")

    @property
    def description(self) -> str:
        """What the vectors are of, without the folders around the run."""
        layer, pool = self.embedder.layer, self.embedder.pool
        where = {None: "the final norm", 0: "the embeddings"}.get(layer, f"layer {layer}")
        vectors = "vectors" if pool is None else f"{pool} of the vectors"
        loaded = self._loaded
        return f"{loaded.name}, step {loaded.step:,}: {vectors} after {where}"

    def notes(self) -> Iterator[str]:
        """What was changed of the texts, a line each; complete when they have been iterated."""
        return self._encode.notes()

    @property
    def n_cut(self) -> int:
        """How many texts were longer than the model's context, and cut there."""
        return self._encode.n_cut

    def _embedded(self, rows: list[tuple[LabelledText, TokenIds]]) -> Iterator[EmbeddedText]:
        self._encode.check_known()
        vectors = self.embedder([ids.tolist() for _, ids in rows])
        for (text, ids), of_text in zip(rows, vectors, strict=True):
            self.n_texts += 1
            characters = self._loaded.symbols(ids.tolist())
            yield EmbeddedText(self.n_texts, *text, characters, np.atleast_2d(of_text))
