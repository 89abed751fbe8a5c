"""How a text is to be written, in a user's terms."""

from __future__ import annotations

from dataclasses import dataclass, field

from attn_cli.errors import InputError
from attn_cli.generation.sampling import Controls


@dataclass(frozen=True)
class Wishes:
    """How to write, in a user's terms.

    Attributes:
        max_new: The most characters to write.
        controls: How freely to choose.
        stops: Strings that end the text, and are not part of it.
        until_end: Whether the end of a document ends the text.
        allow: The only characters to write; None for all.
        forbid: Characters not to write.
        regex: What the whole continuation has to match.
        beams: How many continuations beam search keeps in sight; 1 draws instead.
        explain: Whether to tell what else might have come.
    """

    max_new: int
    controls: Controls = field(default_factory=Controls)
    stops: tuple[str, ...] = ()
    until_end: bool = False
    allow: str | None = None
    forbid: str | None = None
    regex: str | None = None
    beams: int = 1
    explain: bool = False

    def __post_init__(self) -> None:
        if self.max_new < 1:
            raise InputError(f"--max-new-chars {self.max_new} is below 1")
        if self.beams < 1:
            raise InputError(f"--beams {self.beams} is below 1")
        if self.beams > 1 and self.explain:
            raise InputError(
                "--explain tells of choices, and --beams makes none", "leave one of them out"
            )
        if "" in self.stops:
            raise InputError("--stop '' would end every text before it begins")
        if self.regex is not None and self.stops:
            raise InputError(
                "--stop would cut a text short that --regex has to match as a whole",
                "leave one of them out",
            )
