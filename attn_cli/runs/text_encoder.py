"""Any number of texts as ids that a model can read: cut to its context, in its characters."""

from __future__ import annotations

from collections.abc import Iterator

from attn_cli.errors import DatasetError, PromptError
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.display import counted, replacements
from attn_cli.text.encoded_text import MAX_UNKNOWN
from attn_cli.text.tokenizer import EXAMPLES, TokenIds


class TextEncoder:
    """Encodes one text after the other, and counts what was changed.

    Args:
        loaded: The model; how its `data.unknown` says, unknown characters are treated.
        name: Where the texts are from, for errors.

    Attributes:
        n_cut: How many texts were longer than the model's context, and cut there.
        n_empty: How many had no characters.
    """

    def __init__(self, loaded: LoadedModel, name: str) -> None:
        self.n_cut = self.n_empty = 0
        self._loaded = loaded
        self._name = name
        self._room = loaded.config.model.block_size - len(loaded.line_beginning)
        self._n_chars = self._n_unknown = 0
        self._examples: dict[str, str] = {}

    def __call__(self, text: str) -> TokenIds:
        """The ids of a text, without the newline that a line begins with.

        Raises:
            DatasetError: A character is outside the vocabulary, and `data.unknown` is "error"; or
                the text is longer than the context, and `data.too_long` is.
        """
        data, tokenizer = self._loaded.config.data, self._loaded.tokenizer
        try:
            encoded = tokenizer.encode_with_report(text, data.unknown)
        except PromptError as error:
            raise DatasetError(f"{self._name}: {error.message} of {text!r}", error.hint) from None
        if len(encoded.ids) > self._room and data.too_long == "error":
            raise DatasetError(
                f"{self._name}: {text!r:.60} has {tokenizer.count(len(encoded.ids))}, and the "
                f"model sees at most {self._room:,}",
                "give a shorter text: the model was trained with data.too_long=error",
            )
        self._n_chars += len(text)
        self._n_unknown += encoded.n_unknown
        for old, new in encoded.examples:
            if len(self._examples) < EXAMPLES:
                self._examples[old] = new
        self.n_empty += not len(encoded.ids)
        self.n_cut += len(encoded.ids) > self._room
        return encoded.ids[: self._room]

    def check_known(self) -> None:
        """Makes sure that the texts so far are in the model's characters.

        Raises:
            DatasetError: Over 5 % of their characters are not.
        """
        if self._n_unknown > MAX_UNKNOWN * self._n_chars:
            raise DatasetError(
                f"over {MAX_UNKNOWN:.0%} of the characters of {self._name} are outside the "
                f"vocabulary of {self._loaded.description}",
                "give texts in the characters of the training text: a model's vocabulary is fixed",
            )

    def notes(self) -> Iterator[str]:
        """What was changed of the texts so far, a line each."""
        if self.n_cut:
            room = self._loaded.tokenizer.count(self._room)
            yield f"{counted(self.n_cut, 'text')} cut to {room}, which the model sees at most"
        if self.n_empty:
            texts = counted(self.n_empty, "text")
            yield f"{texts} without characters: read as the beginning of a text"
        if self._n_unknown:
            what = f"{counted(self._n_unknown, 'character')} outside the vocabulary"
            shown = replacements(self._examples.items())
            yield f"{what} {'was' if self._n_unknown == 1 else 'were'} changed: {shown}"
