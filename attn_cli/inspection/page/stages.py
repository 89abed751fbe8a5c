"""What a page says first: a sentence on the model, and the stages that a character passes through.

Shapes: C channels, F feed-forward, H heads, L layers, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attn_cli.runs.loaded_model import LoadedModel

Purpose = Literal["look", "write", "fill", "lesson"]  # what a page is for


@dataclass(frozen=True)
class Stage:
    """A stage of the forward pass: a link to the section of the page that shows it."""

    section: str  # that section's id
    picture: str  # what is drawn: "first", "vector", "heads" or "answer"
    name: str
    detail: str  # its shape; the page's script may put what it holds now in its place


def model_sentence(loaded: LoadedModel, purpose: Purpose = "look") -> str:
    """A sentence on what the model does, and one on what to do with the page."""
    does, map_shows = _task_words(loaded)
    unit = loaded.tokenizer.unit
    what = "source" if loaded.config.task == "seq2seq" else "text"
    shows = {
        "look": map_shows,
        "write": f"Let it write, and see below how it chose each {unit}.",
        "fill": f"Let it fill in what is missing, and see below how it chose each {unit}.",
        "lesson": f"The lesson follows a {what} through it, step by step, with its own numbers.",
    }
    return f"This model of {loaded.model.parameter_count():,} parameters {does}. {shows[purpose]}"


def _task_words(loaded: LoadedModel) -> tuple[str, str]:
    """What the model does, and what a map of its attention shows."""
    unit = loaded.tokenizer.unit
    if loaded.config.task == "seq2seq":
        symbol = "symbol" if loaded.pair_format.target_words else unit
        return (
            f"writes a target for a source, one {symbol} at a time",
            "The map shows where in the source it looks as it writes each of them.",
        )
    if loaded.config.task == "classify":
        return (
            "reads a text and names its label",
            f"The map shows which {unit}s look at which others.",
        )
    if loaded.tokenizer.mask_id is not None:
        return (
            f"fills in the {unit}s that are missing from a text",
            "The map shows where in the text it looks, before them and after, to do so.",
        )
    return (
        f"predicts the next {unit} of a text",
        f"The map shows which earlier {unit}s it looks at to do so.",
    )


def stages(loaded: LoadedModel) -> Sequence[Stage]:
    """The stages of the model, with its shapes, in the order of the forward pass."""
    config, tokenizer = loaded.config.model, loaded.tokenizer
    L, H, C = config.n_layer, config.n_head, config.n_embd
    layers = f"{_counted(L, 'layer')} × {_counted(H, 'head')}"
    within = f"each layer: attention, {config.inner_width:,} neurons"
    if loaded.config.task == "seq2seq":
        return (
            Stage("text", "first", "Source", f"at most {config.block_size - 1:,} symbols"),
            Stage("attention", "heads", f"Encoder and decoder, {layers} each", within),
            Stage("next", "answer", "Target", f"{tokenizer.vocab_size:,} scores"),
        )
    answers = len(loaded.labels) if loaded.labels else tokenizer.vocab_size
    return (
        Stage("text", "first", "Text", f"at most {config.block_size:,} {tokenizer.unit}s"),
        Stage(
            "embedding",
            "vector",
            "Embedding",
            f"{C:,} numbers each{' + n-grams' if config.ngrams else ''}",
        ),
        Stage("attention", "heads", layers, within),
        Stage(
            "labels" if loaded.labels else "next", "answer", _answer(loaded), f"{answers:,} scores"
        ),
    )


def _answer(loaded: LoadedModel) -> str:
    if loaded.labels:
        return "Label"
    return "The blank" if loaded.tokenizer.mask_id is not None else f"Next {loaded.tokenizer.unit}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
