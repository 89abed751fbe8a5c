"""How to generate: one dataclass for the command line, a run's samples and Python."""

from dataclasses import dataclass

from attn_cli.errors import InputError


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """How to choose the next character, what may come, and when a text ends.

    What changes the probabilities is applied in this order, each to what those before it
    left: repetition penalty, temperature, top-k, top-p, min-p, typical-p.

    Attributes:
        max_new_chars: The most characters to generate; bytes with a vocabulary of bytes.
        temperature: Divides the logits: 0 is greedy, 1 leaves the probabilities unchanged.
        top_k: Sample from the k most probable characters.
        top_p: Nucleus sampling: from the smallest set of characters with this cumulative
            probability (Holtzman et al. 2020).
        min_p: Sample from the characters that are at least this fraction as probable as the
            most probable one (Nguyen et al. 2024).
        typical_p: Locally typical sampling: from the smallest set with this cumulative
            probability, in order of how near their surprisal is to the entropy (Meister et
            al. 2023).
        repetition_penalty: Divides the positive logits of recent characters and multiplies the
            negative ones (Keskar et al. 2019, section 4.1); 1 changes nothing.
        repetition_window: How many of the last characters are recent, the prompt's included.
        num_beams: How many beams beam search keeps; 1 samples instead.
        stop_strings: Strings that end the text and are not part of it.
        stop_at_eos: Whether the end of a document ends the text.
        allowed_chars: The only characters to generate; None for all.
        forbidden_chars: Characters not to generate.
        regex: What the whole continuation has to match.
        alternatives: How many of the most probable characters to return at each position.
        new: Whether to keep only lines that do not stand in the text, held-out ones included.
        unique: Whether to keep each text only once.

    Raises:
        InputError: A value is out of its range, or two exclude each other.
    """

    max_new_chars: int = 500
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float = 1.0
    repetition_window: int = 64
    num_beams: int = 1
    stop_strings: tuple[str, ...] = ()
    stop_at_eos: bool = False
    allowed_chars: str | None = None
    forbidden_chars: str | None = None
    regex: str | None = None
    alternatives: int = 0
    new: bool = False
    unique: bool = False

    def __post_init__(self) -> None:
        self._check_ranges()
        if self.num_beams > 1 and self.alternatives:
            raise InputError(
                "`alternatives` does not work with `num_beams`",
                "beam search does not sample: leave one of them out",
            )
        if "" in self.stop_strings:
            raise InputError("`stop_strings` '' would end every text before it begins")
        if self.regex is not None and self.stop_strings:
            raise InputError(
                "`stop_strings` would cut off a text that `regex` has to match as a whole",
                "leave one of them out",
            )

    def _check_ranges(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise InputError(
                f"`temperature` {self.temperature:g} is out of range",
                "0 is greedy, 1 leaves the probabilities unchanged, higher is more random",
            )
        for name in ("top_p", "min_p", "typical_p"):
            probability = getattr(self, name)
            if probability is not None and not 0.0 < probability <= 1.0:
                raise InputError(
                    f"`{name}` {probability:g} is not above 0 and at most 1",
                    "leave it out for no limit",
                )
        if not 0.001 <= self.repetition_penalty <= 1000.0:
            raise InputError(
                f"`repetition_penalty` {self.repetition_penalty:g} is not from 0.001 to 1000",
                "1 changes nothing, 1.2 discourages recent characters, below 1 encourages them",
            )
        smallest = {"max_new_chars": 1, "num_beams": 1, "repetition_window": 1, "alternatives": 0}
        if self.top_k is not None:
            smallest["top_k"] = 1
        for name, least in smallest.items():
            if getattr(self, name) < least:
                raise InputError(f"`{name}` {getattr(self, name)} is below {least}")


def check_num_samples(num_samples: int, num_beams: int) -> None:
    """Refuses a number of texts that cannot be generated.

    Raises:
        InputError: It is below 1, or above the number of beams of beam search.
    """
    if num_samples < 1:
        raise InputError(f"`num_samples` {num_samples} is below 1")
    if num_samples > num_beams > 1:
        raise InputError(
            f"`num_beams` {num_beams} finds {num_beams} texts, and `num_samples` is {num_samples}",
            "give at least as many beams as samples",
        )
