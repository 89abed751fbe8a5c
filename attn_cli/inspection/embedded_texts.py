"""The vectors of any number of texts, computed while they are read, in constant memory.

Shapes: T time (characters), C channels = n_embd.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from attn_cli.errors import DatasetError, PromptError
from attn_cli.inspection.embedding import Embedder, Level, Pool, Vectors
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.display import counted
from attn_cli.text.encoded_text import MAX_UNKNOWN
from attn_cli.text.labelled_texts import LabelledText
from attn_cli.text.tokenizer import EXAMPLES, TokenIds
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
        n_empty: How many of them had no characters.
        n_cut: How many were longer than the model's context, and cut there.

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
        self.n_texts = self.n_empty = self.n_cut = 0
        self._n_chars = self._n_unknown = 0
        self._examples: dict[str, str] = {}

    def __iter__(self) -> Iterator[EmbeddedText]:
        """The texts in order.

        Raises:
            DatasetError: There are none, or over 5 % of their characters are outside the model's
                vocabulary, or one is and `data.unknown` is "error".
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

    def notes(self) -> Iterator[str]:
        """What was changed of the texts, a line each; complete when they have been iterated."""
        if self.n_cut:
            room = self._loaded.tokenizer.count(self._room)
            yield f"{counted(self.n_cut, 'text')} cut to {room}, which the model sees at most"
        if self.n_empty:
            yield f"{counted(self.n_empty, 'text')} without characters, as the beginning of one"
        if self._n_unknown:
            what = f"{counted(self._n_unknown, 'character')} outside the vocabulary"
            shown = ", ".join(f"{old!r} as {new!r}" for old, new in self._examples.items())
            yield f"{what} {'was' if self._n_unknown == 1 else 'were'} changed: {shown}"

    @property
    def _room(self) -> int:
        return self._loaded.config.model.block_size - len(self._loaded.line_beginning)

    def _embedded(self, rows: list[tuple[LabelledText, TokenIds]]) -> Iterator[EmbeddedText]:
        if self._n_unknown > MAX_UNKNOWN * self._n_chars:
            raise DatasetError(
                f"over {MAX_UNKNOWN:.0%} of the characters of {self._name} are outside the "
                f"vocabulary of {self._loaded.description}",
                "give texts in the characters of the training text: a model's vocabulary is fixed",
            )
        vectors = self.embedder([ids.tolist() for _, ids in rows])
        for (text, ids), of_text in zip(rows, vectors, strict=True):
            self.n_texts += 1
            characters = self._loaded.symbols(ids.tolist())
            yield EmbeddedText(self.n_texts, *text, characters, np.atleast_2d(of_text))

    def _encode(self, text: str) -> TokenIds:
        tokenizer = self._loaded.tokenizer
        try:
            encoded = tokenizer.encode_with_report(text, self._loaded.config.data.unknown)
        except PromptError as error:
            raise DatasetError(f"{self._name}: {error.message} of {text!r}", error.hint) from None
        self._n_chars += len(text)
        self._n_unknown += encoded.n_unknown
        for old, new in encoded.examples:
            if len(self._examples) < EXAMPLES:
                self._examples[old] = new
        self.n_empty += not len(encoded.ids)
        self.n_cut += len(encoded.ids) > self._room
        return encoded.ids[: self._room]
