"""What is looked at: a model, where it came from, and a text for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from attn_cli.config.load import load_config
from attn_cli.config.presets import DEFAULT, find_config
from attn_cli.config.schema import Config, DataConfig
from attn_cli.errors import InputError
from attn_cli.model.transformer import Transformer
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.finding import find_run, list_runs
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.training_text import load_training_text
from attn_cli.text.corpus import load_corpus
from attn_cli.text.tokenizer import Ids, Tokenizer, bytes_tokenizer, printable_tokenizer

DEFAULT_TEXT = "Hello"
LONGEST_SHOWN = 60  # characters of a text in a line about it


@dataclass(frozen=True)
class Subject:
    """A model to look inside.

    Attributes:
        model: On the CPU, in fp32, in evaluation mode.
        tokenizer: Its vocabulary.
        config: All of its configuration.
        origin: Where it came from, for people.
        start_id: The character that a text begins after; an empty text is this one.
    """

    model: Transformer
    tokenizer: Tokenizer
    config: Config
    origin: str
    start_id: int

    def ids(self, text: str | None) -> tuple[int, ...]:
        """The characters of a text, one at least; of "Hello", as far as it is known, for None.

        Raises:
            InputError: It has more characters than the model can see, or an unknown one.
        """
        most, unit = self.model.config.block_size, self.tokenizer.unit
        if text is None:
            # A vocabulary of another alphabet, or a tiny window, still has something to show.
            ids = self.tokenizer.encode(DEFAULT_TEXT, unknown="drop").tolist()[:most]
        else:
            ids = self.tokenizer.encode(text, unknown="error").tolist()
        if len(ids) > most:
            raise InputError(
                f"the text has {len(ids):,} {unit}s, and the model sees at most {most:,}",
                f"give at most {most:,} {unit}s",
            )
        return tuple(ids) or (self.start_id,)

    def validation(self) -> Ids:
        """The part of the text that is never trained on.

        Raises:
            TextError: The text is not there, or it is not the same any more.
        """
        data = self.config.data
        corpus = load_corpus(data.text, self.tokenizer, data.unknown, data.validation_fraction)
        return corpus.validation

    def numbers(self, what: Literal["layer", "head"], chosen: int | None) -> range:
        """The numbers of the layers, or of a layer's heads, from 1; or only the chosen one.

        Raises:
            InputError: There is none of that number.
        """
        most = self.model.config.n_layer if what == "layer" else self.model.config.n_head
        if chosen is None:
            return range(1, most + 1)
        if not 1 <= chosen <= most:
            raise InputError(
                f"--{what} {chosen}: the model has {most} {what}{'s' * (most > 1)}",
                f"give a number from 1 to {most}, or leave it out" if most > 1 else "leave it out",
            )
        return range(chosen, chosen + 1)

    def on(self, ids: Sequence[int]) -> str:
        """A line for people: what is looked at, and on which text."""
        text = "".join(self.characters(ids))
        shown = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
        return f"{self.origin}, on {shown!r}"

    def characters(self, ids: Sequence[int]) -> list[str]:
        """The symbol of each id."""
        return [self.tokenizer.symbols[id_] for id_ in ids]


@dataclass(frozen=True)
class TrainedSubject(Subject):
    """The model of a run.

    Attributes:
        folder: The run.
        checkpoint: The one of its checkpoints that the model is of.
    """

    folder: RunFolder
    checkpoint: Checkpoint

    def validation(self) -> Ids:
        return load_training_text(self.folder, self.checkpoint).validation


def find_subject(run: Path | None, config: str | None) -> Subject:
    """The model that the user named, or the newest run's, or the default one with fresh weights.

    Raises:
        InputError: Both were named, or what was named is not there or is damaged.
    """
    if run is not None and config is not None:
        raise InputError("--run and --config exclude each other", "give one of the two")
    # Without a run there is still something to see; a run that was named has to be there.
    if run is not None or (config is None and any(found.step_folders() for found in list_runs())):
        return trained_subject(run)
    return fresh_subject(config)


def trained_subject(run: Path | None) -> TrainedSubject:
    """The best checkpoint of a run, the newest run when None.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    folder = find_run(run)
    checkpoint = read_checkpoint(folder.to_use())
    return TrainedSubject(
        checkpoint.load_model(),
        checkpoint.tokenizer,
        checkpoint.config,
        f"{folder.path}, step {checkpoint.state.step:,}",
        checkpoint.state.data.start_id,
        folder,
        checkpoint,
    )


def fresh_subject(name: str | None) -> Subject:
    """The model of a configuration, the default one when None, as it is before training.

    Raises:
        ConfigError: There is no such configuration, or it is wrong.
    """
    config = load_config(find_config(name or DEFAULT))
    tokenizer = _tokenizer(config.data)
    torch.manual_seed(config.train.seed)
    return Subject(
        Transformer(config.model, tokenizer.vocab_size).eval(),
        tokenizer,
        config,
        f"config {name or DEFAULT}, fresh weights that have learned nothing",
        tokenizer.separator_id,
    )


def _tokenizer(data: DataConfig) -> Tokenizer:
    """The vocabulary of a configuration; only that of `corpus` has to read the text."""
    if data.tokenizer == "printable":
        return printable_tokenizer()
    if data.tokenizer == "bytes":
        return bytes_tokenizer()
    return load_corpus(data.text, data.tokenizer, data.unknown).tokenizer
