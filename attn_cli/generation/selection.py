"""Which generated texts to keep: new ones, each once, and no blank lines."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attn_cli.errors import InputError, OperationError
from attn_cli.generation.config import GenerationConfig
from attn_cli.text.examples import Examples
from attn_cli.text.lines import LineSet

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

MAX_LEFT_OUT = 1000  # texts in a row of which none is kept; then no more are sampled


@dataclass
class Selection:
    """Decides which texts to keep, and counts those that it leaves out.

    Attributes:
        known: Texts that are not new.
        unique: Whether to leave out what came before.
        lines: Whether the texts are lines, of which blank ones are left out uncounted.
        in_text: How many were left out because they are known.
        repeated: How many were left out because they came before.
    """

    known: Container[str] = ()
    unique: bool = False
    lines: bool = False
    in_text: int = 0
    repeated: int = 0
    _kept: set[str] = field(default_factory=set)

    def keep(self, text: str) -> bool:
        """Whether to keep a text, prompt and continuation."""
        if self.lines and not text.strip():
            return False
        if text in self.known:
            self.in_text += 1
            return False
        if self.unique and text in self._kept:
            self.repeated += 1
            return False
        self._kept.add(text)
        return True

    @property
    def left_out(self) -> dict[str, int]:
        """How many were left out, by the reason."""
        return {"in_text": self.in_text, "repeated": self.repeated}

    @property
    def summary(self) -> str:
        """The same for people, without zeros."""
        counts = ((self.in_text, "in the text"), (self.repeated, "generated before"))
        return ", ".join(f"{count:,} {why}" for count, why in counts if count)


def check_found(found: int, wanted: int) -> None:
    """Refuses to end with fewer texts than were asked for.

    Raises:
        OperationError: There are fewer.
    """
    if found < wanted:
        raise OperationError(
            f"found {found:,} of {wanted:,}: of {MAX_LEFT_OUT:,} samples in a row none was kept",
            "ask for fewer, or raise `temperature`",
        )


def make_selection(
    loaded: LoadedModel, config: GenerationConfig, prompts: Collection[str]
) -> Selection | None:
    """Which of a model's texts to keep; None where all are, as of beam search.

    Args:
        loaded: The model.
        config: Says whether to keep only new texts, or each only once.
        prompts: What will be continued.

    Raises:
        InputError: Only new texts are wanted of a model that did not learn line by line.
        DatasetError: They are, and its text is missing or has changed.
    """
    if config.new and not loaded.lines:
        raise InputError(
            "`new` looks for whole lines, and this model did not learn line by line",
            "train it with `lines`; `check_copy` finds what a text has copied",
        )
    may_be_blank = loaded.lines and "" in prompts and config.num_beams == 1
    if not (config.new or config.unique or may_be_blank):
        return None
    known: Container[str] = ()
    if config.new:
        train = loaded.corpus().train
        assert isinstance(train, Examples)
        known = LineSet(train, loaded.tokenizer)
    return Selection(known, config.unique, loaded.lines)
