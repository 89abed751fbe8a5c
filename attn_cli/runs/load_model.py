"""From a run, a group of runs or a configuration to a model ready to use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.config.load import load_config
from attn_cli.config.presets import DEFAULT, find_config
from attn_cli.config.schema import Config
from attn_cli.errors import InputError
from attn_cli.runs.checkpoint import read_current
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from attn_cli.runs.run_group import RunGroup, Sweep, best_run
from attn_cli.runs.run_lookup import find_checkpoint, find_group, find_newest, resolve_name
from attn_cli.text.corpus import load_configured_corpus
from attn_cli.text.tokenizer import Tokenizer, bytes_tokenizer, printable_tokenizer

if TYPE_CHECKING:  # torch takes a second to import
    from attn_cli.model.stack import Stack


def find_model(run: Path | None, config: str | None) -> LoadedModel:
    """The model of a run or a configuration; of the newest run, or fresh, when both are None.

    Raises:
        InputError: Both were given, or what was named is missing or damaged.
    """
    if run is not None and config is not None:
        raise InputError("`run` and `config` exclude each other", "give one of the two")
    # Without any run there is still a model to show; a run that was named has to exist.
    if run is not None or (config is None and find_newest() is not None):
        return load_model(run)
    return fresh_model(config)


def load_model(run: Path | None = None) -> TrainedModel:
    """A checkpoint, or the best one of a run; of the newest run when None.

    Args:
        run: A run's folder or name, or the folder of one of its checkpoints; of a group or a
            sweep it is the best run.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    folder, checkpoint = read_current(lambda: find_checkpoint(run), with_weights=True)
    return TrainedModel(
        checkpoint.config,
        checkpoint.tokenizer,
        checkpoint.metadata.data.bos_id,
        f"{folder.path}, step {checkpoint.metadata.step:,}",
        checkpoint.load_model,
        folder,
        checkpoint,
        labels=tuple(checkpoint.metadata.data.labels),
    )


def load_group(run: Path | None = None) -> tuple[list[TrainedModel], str]:
    """The models of a group of encoder-decoders; of any other group the best, of a run its own.

    Args:
        run: A group's folder or name, or what `load_model` takes.

    Returns:
        The models, at least one, and a line for the user where one of several was chosen.

    Raises:
        CheckpointError: There is none, or one is damaged.
    """
    found = find_newest() if run is None else find_group(resolve_name(run)[0])
    if not isinstance(found, RunGroup | Sweep):
        return [load_model(run)], ""
    best, note = best_run(found)
    model = load_model(best.path)
    if model.config.task != "seq2seq" or isinstance(found, Sweep):
        return [model], note
    return [load_model(each.path) for each in found.runs if each.step_folders()], ""


def check_ensemble(loaded: Sequence[LoadedModel]) -> None:
    """Makes sure that the probabilities of some models are of the same targets.

    Args:
        loaded: At least one.

    Raises:
        InputError: One of them is no encoder-decoder, or has another vocabulary or other columns.
    """
    first = loaded[0]
    for each in loaded:
        each.require("seq2seq", "writing targets")
        if (each.tokenizer, each.pair_format) != (first.tokenizer, first.pair_format):
            raise InputError(
                f"{each.description}, and {first.description}, have different vocabularies "
                "or columns: their probabilities cannot be averaged",
                "name one of the two, or train both on the same table",
            )


def fresh_model(name: str | None = None) -> LoadedModel:
    """The untrained model of a configuration, of the default one when None.

    Raises:
        ConfigError: There is no such configuration, or it is wrong.
    """
    name = DEFAULT if name is None else name
    config = load_config(find_config(name))
    tokenizer, labels = _vocabulary(config)

    def make_model() -> Stack:
        import torch

        from attn_cli.model.build import build_model

        torch.manual_seed(config.train.seed)
        return build_model(config.model, tokenizer.vocab_size, config.task, len(labels)).eval()

    lines = config.data.records == "lines"
    return LoadedModel(
        config,
        tokenizer,
        tokenizer.symbols.index("\n") if lines else tokenizer.document_separator_id,
        f"config {name}, untrained weights",
        make_model,
        labels=labels,
    )


def _vocabulary(config: Config) -> tuple[Tokenizer, tuple[str, ...]]:
    """The vocabulary of a configuration and its labels, read from the text where it has them."""
    labels: tuple[str, ...] = ()
    kind = config.data.tokenizer
    if config.task in ("classify", "seq2seq") or kind in ("corpus", "auto"):
        corpus = load_configured_corpus(config)
        tokenizer, labels = corpus.tokenizer, corpus.labels
    else:
        tokenizer = bytes_tokenizer() if kind == "bytes" else printable_tokenizer()
    hides = config.task in ("mlm", "classify")
    return (tokenizer.with_mask() if hides else tokenizer), labels
