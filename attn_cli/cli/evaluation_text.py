"""The text that `attn evaluate` and `attn inspect-heads` measure a model on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import notice
from attn_cli.errors import DatasetError

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel
    from attn_cli.text.examples import Split

VALIDATION = "validation split"  # its name, where no file is given


def read_text(file: str, loaded: LoadedModel) -> Split:
    """A whole text to measure a model on: two ids at least; its lines, for a model of lines.

    Raises:
        DatasetError: It is missing, or cannot be used.
    """
    from attn_cli.text.builtin import BUILTIN_NAMES
    from attn_cli.text.corpus import labelled_lines
    from attn_cli.text.encoded_text import load_evaluation_text
    from attn_cli.text.pair_notes import notes_on_measured_pairs
    from attn_cli.text.pairs import PairExamples, as_pairs
    from attn_cli.text.read_options import read_options
    from attn_cli.text.tables import table_ending

    data = loaded.config.data
    options = read_options(loaded.config)
    if not (options.labelled or options.pairs or table_ending(Path(file)) or Path(file).is_dir()):
        options = replace(options, column=None)
    elif data.column is not None and not options.labelled and not options.pairs:
        notice(f"{file}: its column {data.column[0]}, as of the training text")
    if data.encoding != "utf-8" and file not in BUILTIN_NAMES:
        notice(f"{file} is read as {data.encoding}, as the training text was")
    text = load_evaluation_text([file], loaded.tokenizer, data.unknown, options=options)
    for note in (*text.source.notes(), *text.notes_on_unknown):
        notice(note)
    if not loaded.labels:
        split = loaded.as_split(text.ids, text.cache_key)
        if isinstance(split, PairExamples):
            training = None
            with suppress(DatasetError):  # a text that is gone cannot be compared
                training = as_pairs(loaded.corpus().train)
            for note in notes_on_measured_pairs(split, training):
                notice(note)
        return split
    return labelled_lines(text, loaded.labels).fit(loaded.config.model.block_size, data.too_long)


@contextmanager
def hint_on_missing_text(hint: str) -> Iterator[None]:
    """Context manager: an error about the model's own text gets this hint."""
    try:
        yield
    except DatasetError as error:
        raise DatasetError(error.message, hint) from None
