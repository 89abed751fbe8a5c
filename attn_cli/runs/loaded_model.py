"""A model ready to use, with its vocabulary: the best checkpoint of a run, or fresh weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.schema import Config, Task
from attn_cli.errors import DatasetError, InputError
from attn_cli.runs.checkpoint import Checkpoint
from attn_cli.runs.run_corpus import config_of_text, load_run_corpus
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import Corpus, load_configured_corpus
from attn_cli.text.display import quoted
from attn_cli.text.examples import Examples, Split
from attn_cli.text.lines import find_lines
from attn_cli.text.opening import HELLO, beginning, writes_hello
from attn_cli.text.pair_format import PairFormat, encode_source, encode_target
from attn_cli.text.pairs import find_pairs
from attn_cli.text.read_options import read_options
from attn_cli.text.sources import Source, open_source
from attn_cli.text.tokenizer import TokenIds, Tokenizer

if TYPE_CHECKING:  # torch takes a second to import, and only `LoadedModel.model` needs it
    from attn_cli.model.classifier import Classifier
    from attn_cli.model.encoder_decoder import EncoderDecoder
    from attn_cli.model.stack import Stack

OWN_TEXT_LENGTH = 200  # characters
# What each task makes of a model, and the command that it is for.
KINDS = {
    "lm": ("a decoder, which writes text", "attn generate"),
    "mlm": ("an encoder, which fills blanks", "attn fill"),
    "classify": ("a classifier, which labels texts", "attn classify"),
    "seq2seq": ("an encoder-decoder, which writes targets for sources", "attn generate"),
}
MAX_SHOWN_TEXT = 60  # characters of a text that `describe` shows


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model and all that is needed to use it.

    Attributes:
        config: Its whole configuration.
        tokenizer: Its vocabulary.
        bos_id: The id that a document begins after; an empty prompt is this one.
        description: Where the model is from, `runs/tales, step 900`.
        make_model: Makes the torch model: on the CPU, in fp32, in evaluation mode.
        labels: Of a classifier, the names of its labels, in the order of its outputs.
    """

    config: Config
    tokenizer: Tokenizer
    bos_id: int
    description: str
    make_model: Callable[[], Stack]
    labels: tuple[str, ...] = field(default=(), kw_only=True)

    @cached_property
    def model(self) -> Stack:
        """The torch model, on the CPU, in fp32, in evaluation mode; made when first used.

        Raises:
            CheckpointError: The file of its weights is missing or damaged.
        """
        return self.make_model()

    @property
    def classifier(self) -> Classifier:
        """The same, of task classify."""
        from attn_cli.model.classifier import Classifier

        assert isinstance(self.model, Classifier)
        return self.model

    @property
    def encoder_decoder(self) -> EncoderDecoder:
        """The same, of task seq2seq."""
        from attn_cli.model.encoder_decoder import EncoderDecoder

        assert isinstance(self.model, EncoderDecoder)
        return self.model

    @property
    def pair_format(self) -> PairFormat:
        """How the sources and targets of task seq2seq are written."""
        return PairFormat.configured(self.config.data)

    def encode_source(self, text: str) -> TokenIds:
        """The ids of a source that a user typed, of task seq2seq, without its end, of shape (S,).

        Raises:
            PromptError: It is empty or has another number of columns, or a character or feature
                of it is outside the vocabulary.
        """
        return encode_source(text, self.pair_format, self.tokenizer)

    def encode_target(self, text: str) -> TokenIds:
        """The ids of a target that a user typed, likewise.

        Raises:
            PromptError: A character or word of it is outside the vocabulary.
        """
        return encode_target(text, self.pair_format, self.tokenizer)

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Its parameters by name, as NumPy arrays.

        Raises:
            CheckpointError: The file of its weights is missing or damaged.
        """
        return self.model.state_arrays()

    @property
    def lines(self) -> bool:
        """Whether it was trained on lines, each of which begins and ends with a newline."""
        return self.config.data.records == "lines"

    @property
    def eos_id(self) -> int | None:
        """The id that ends a document; None where the training text was a single document."""
        return self.bos_id if self.lines else self.tokenizer.eos_id(self.bos_id)

    @property
    def line_beginning(self) -> tuple[int, ...]:
        """What stands before a text: of a model of lines, the newline; else nothing."""
        return (self.bos_id,) if self.lines else ()

    def require(self, task: Task | tuple[Task, ...], what: str) -> None:
        """Makes sure that the model was trained for a task.

        Args:
            task: The task, or those that will do.
            what: A command, or what else needs it, for the message.

        Raises:
            InputError: It was trained for another.
        """
        tasks = task if isinstance(task, tuple) else (task,)
        if self.config.task not in tasks:
            needed = " or ".join(KINDS[each][0].partition(",")[0] for each in tasks)
            kind, command = KINDS[self.config.task]
            raise InputError(
                f"{what} needs {needed}, and {self.description}, is {kind}",
                f"use {command}, or another run (`attn runs` lists them), or train one: "
                f"attn train TEXT --task {tasks[0]}",
            )

    def encode_prompt(self, text: str | None, *, blank: str = "") -> tuple[int, ...]:
        """The ids of a text that fits into the context, at least one; of a line, after a newline.

        Args:
            text: None for "Hello", or where the vocabulary is of another script or the model of
                lines, for the beginning of a text of its own; as much as the context holds.
            blank: What stands for a hidden character in a text for an encoder, unless a backslash
                stands before it; nothing does where empty.

        Raises:
            InputError: The text is longer than the context, or has an unknown character.
        """
        unit = self.tokenizer.unit
        begin = list(self.line_beginning)
        context = self.config.model.block_size - len(begin)
        if text is None:
            hello = writes_hello(self.tokenizer) and not self.lines
            opening = HELLO if hello else beginning(self.own_text())
            ids = self.tokenizer.encode(opening, unknown="drop").tolist()[:context]
        elif blank:
            ids = self.encode_blanks(text, blank)
        else:
            ids = self.tokenizer.encode(text, unknown="error").tolist()
        if len(ids) > context:
            raise InputError(
                f"the text has {len(ids):,} {unit}s, and the model sees at most {context:,}",
                f"give at most {context:,} {unit}s",
            )
        return (*begin, *ids) or (self.bos_id,)

    def encode_blanks(self, text: str, blank: str) -> list[int]:
        """The ids of a text for an encoder, with that of a hidden character for each blank.

        Args:
            text: Of any length.
            blank: What stands for a hidden character, unless a backslash stands before it.

        Raises:
            PromptError: The text has an unknown character.
        """
        tokenizer, mask_id, escaped = self.tokenizer, self.tokenizer.mask_id, f"\\{blank}"
        assert mask_id is not None
        known = next(filter(str.isalpha, tokenizer.symbols), tokenizer.symbols[0])
        # So that an error names the position in all of the text.
        tokenizer.encode(text.replace(escaped, blank).replace(blank, known), unknown="error")
        parts = re.split(rf"(?<!\\){re.escape(blank)}", text)
        encoded = [tokenizer.encode(part.replace(escaped, blank)).tolist() for part in parts]
        ids: list[int] = encoded[0]
        for part in encoded[1:]:
            ids += [mask_id, *part]
        return ids

    def symbols(self, ids: Sequence[int]) -> list[str]:
        """The symbol of each id."""
        return [self.tokenizer.symbols[id_] for id_ in ids]

    def describe(self, ids: Sequence[int]) -> str:
        """One line about the model and a text, `runs/tales, step 900, on 'Owl' (3 characters)`."""
        array = np.array(ids, dtype=self.tokenizer.dtype)
        text = "".join(character for character, _ in self.tokenizer.characters(array))
        shown = text if len(text) <= MAX_SHOWN_TEXT else text[: MAX_SHOWN_TEXT - 1] + "…"
        unit = self.tokenizer.unit + "s" * (len(ids) != 1)
        return f"{self.description}, on {quoted(shown)} ({len(ids)} {unit})"

    def select(self, what: Literal["layer", "head"], number: int | None) -> range:
        """The numbers, from 1, of all layers or of a layer's heads; or only the one given.

        Raises:
            InputError: There is none of that number.
        """
        model = self.config.model
        count = model.n_layer if what == "layer" else model.n_head
        if number is None:
            return range(1, count + 1)
        if not 1 <= number <= count:
            raise InputError(
                f"{what} {number}: the model has {count} {what}{'s' * (count > 1)}",
                f"give a number from 1 to {count}, or leave it out"
                if count > 1
                else "leave it out",
            )
        return range(number, number + 1)

    def own_text(self) -> str:
        """Some text in the model's script: the beginning of its validation split.

        Of a model of lines, it is one line. Where the split cannot be read, the letters of the
        vocabulary.
        """
        try:
            opening = self.corpus().opening(OWN_TEXT_LENGTH)
        except DatasetError:
            symbols = self.tokenizer.symbols
            return "".join(filter(str.isalpha, symbols)) or "".join(symbols)
        return self.tokenizer.decode(opening)

    def as_split(self, ids: TokenIds, cache_key: str | None = None) -> Split:
        """Another text as the model is to predict it: its ids, or all of its lines.

        Args:
            ids: The text, in the model's vocabulary.
            cache_key: What the ids are stored under where they are mapped from disk.

        Raises:
            DatasetError: All lines are blank, or one is too long and `data.too_long` is "error".
        """
        if not self.lines:
            return ids
        if self.config.task == "seq2seq":
            lines: Examples = find_pairs(ids, self.tokenizer)
        else:
            lines = find_lines(ids, self.tokenizer, cache_key)
        return lines.fit(self.config.model.block_size, self.config.data.too_long)

    def source(self) -> Source:
        """The text that it was trained on, of which little is read so far.

        Raises:
            DatasetError: The text is missing, or was never known.
        """
        return open_source(self.config.data.text, options=read_options(self.config))

    def corpus(self) -> Corpus:
        """Its text, both splits.

        Raises:
            DatasetError: The text is missing, has changed, or was never known.
        """
        corpus = load_configured_corpus(self.config, self.tokenizer)
        return corpus.fit(self.config.model.block_size, self.config.data.too_long)


@dataclass(frozen=True, eq=False)
class TrainedModel(LoadedModel):
    """The model of a run."""

    folder: RunFolder  # the run
    checkpoint: Checkpoint  # which of the run's checkpoints

    @property
    def name(self) -> str:
        """The name of the run's folder, without its parents: fit to be published."""
        return self.folder.path.resolve().name

    @property
    def step(self) -> int:
        """The optimizer steps that the checkpoint has been trained for."""
        return self.checkpoint.metadata.step

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        return self.checkpoint.weights

    def own_text(self) -> str:
        """The sample that the run wrote at this checkpoint; else as of any model."""
        if self.config.task != "lm":  # whose samples have blanks, or labels
            return super().own_text()
        sample = self.folder.sample(self.step).strip()
        return (sample.partition("\n")[0] if self.lines else sample) or super().own_text()

    def source(self) -> Source:
        config = config_of_text(self.folder, self.checkpoint)
        return open_source(config.data.text, options=read_options(config))

    def corpus(self) -> Corpus:
        return load_run_corpus(self.folder, self.checkpoint)
