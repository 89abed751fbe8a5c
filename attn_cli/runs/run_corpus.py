"""The text that a run was trained on, read again and checked to be the same."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from attn_cli.errors import DatasetError
from attn_cli.runs.checkpoint import Checkpoint
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import Corpus, load_corpus


def load_run_corpus(
    run: RunFolder, checkpoint: Checkpoint, names: Sequence[str] | None = None
) -> Corpus:
    """The corpus of a run, read and split as the run did.

    Args:
        run: Its folder; a text that was saved in it is read from there.
        checkpoint: A checkpoint of the run, which identifies the text.
        names: Where the text is now; None for where it was.

    Raises:
        DatasetError: It is missing, has changed, or was never known.
    """
    data, known = checkpoint.config.data, checkpoint.metadata.data
    if not known.chars:
        raise DatasetError(
            f"the training text of {run.path} is not known: the model was imported",
            f"start from its weights: attn train TEXT --init-from {shlex.quote(str(run.path))}",
        )
    if names is None:
        names = [str(run.text)] if run.text.is_file() else data.text
    try:
        return load_corpus(
            names,
            checkpoint.tokenizer,
            data.unknown,
            data.validation_fraction,
            expected=(known.sha256, known.chars),
        )
    except DatasetError as error:
        raise DatasetError(f"the text of {run.path}: {error.message}", error.hint) from None
