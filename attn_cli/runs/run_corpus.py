"""The text of a run, read and split as the run did."""

from __future__ import annotations

import shlex
from pathlib import Path

from attn_cli.config.schema import Config, DataConfig
from attn_cli.errors import DatasetError
from attn_cli.runs.checkpoint import Checkpoint
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import Corpus, load_configured_corpus


def load_run_corpus(
    run: RunFolder, checkpoint: Checkpoint, moved: DataConfig | None = None
) -> Corpus:
    """The corpus of a run, read and split as the run did.

    Args:
        run: Its folder; a text that was saved in it is read from there.
        checkpoint: A checkpoint of the run, which identifies the text.
        moved: Names the texts where they are now; None for where they were.

    Raises:
        DatasetError: It is missing, has changed, or was never known.
    """
    config = config_of_text(run, checkpoint, moved)
    data, known = config.data, checkpoint.metadata.data
    validation = known.validation
    try:
        corpus = load_configured_corpus(
            config,
            checkpoint.tokenizer,
            expected=(known.sha256, known.chars),
            expected_validation=(validation.sha256, validation.chars) if validation else None,
            labels=known.labels or None,
        )
        return corpus.fit(checkpoint.config.model.block_size, data.too_long)
    except DatasetError as error:
        names = [*data.text, *(data.validation or ())]
        missing = [name for name in names if Path(name).is_absolute() and not Path(name).exists()]
        if missing:
            is_text = missing[0] in data.text
            new_path = "NEW_PATH" if is_text else "--set data.validation=NEW_PATH"
            raise DatasetError(
                f"{run.path} was trained on {missing[0]}, which is not there any more",
                f"if it was moved: attn train {new_path} --resume {shlex.quote(str(run.path))}",
            ) from None
        raise DatasetError(f"the text of {run.path}: {error.message}", error.hint) from None


def config_of_text(
    run: RunFolder, checkpoint: Checkpoint, moved: DataConfig | None = None
) -> Config:
    """The configuration of a run, which names its text where it is read; see `load_run_corpus`.

    Raises:
        DatasetError: The text was never known.
    """
    data = checkpoint.config.data
    if not checkpoint.metadata.data.chars:
        raise DatasetError(
            f"the training text of {run.path} is not known: the model was imported",
            f"start from its weights: attn train TEXT --init-from {shlex.quote(str(run.path))}",
        )
    is_saved = run.text.is_file() and (moved is None or moved.text == data.text)
    saved = {"text": [str(run.text)]} if is_saved else {}
    data = (moved or data).model_copy(update=saved)
    return checkpoint.config.model_copy(update={"data": data})
