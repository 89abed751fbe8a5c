"""Options that do not work together."""

from collections.abc import Collection
from dataclasses import dataclass

from attn_cli.errors import InputError


@dataclass(frozen=True)
class Exclusion:
    """An option, the options that do not work with it, and why."""

    option: str
    others: tuple[str, ...]
    reason: str

    def check(self, given: Collection[str]) -> None:
        """Refuses options that exclude each other.

        Args:
            given: The names of the options that were given.

        Raises:
            InputError: The option is among them, and so is another that does not work with it.
        """
        clashing = [other for other in self.others if other in given]
        if self.option in given and clashing:
            names = ", ".join(f"`{name}`" for name in clashing)
            raise InputError(f"`{self.option}` does not work with {names}", self.reason)


BEAM_SEARCH = Exclusion(
    "num_beams",
    ("temperature", "top_k", "top_p", "min_p", "typical_p", "seed", "new", "unique"),
    "beam search does not sample: leave them out",
)
