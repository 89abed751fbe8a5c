"""The options of `attn generate`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attn_cli.cli.flags import given_options
from attn_cli.cli.options import JsonOption, RunOrGroupOption
from attn_cli.errors import InputError
from attn_cli.generation.config import check_num_samples
from attn_cli.generation.exclusions import BEAM_SEARCH, Exclusion

if TYPE_CHECKING:
    from attn_cli.generation.config import GenerationConfig


def from_config(value: object) -> str:
    """How help says that an option's default is that of the run's configuration."""
    return f"the run's config, else {value}"


DeviceName = Literal["cpu", "cuda", "mps", "auto"]

ESCAPES = {r"\n": "\n", r"\t": "\t", r"\f": "\f", r"\r": "\r", r"\\": "\\"}

INTERACTIVE = Exclusion(
    "interactive",
    ("as_json", "alternatives", "check_copy", "num_samples", "num_beams", "new", "unique"),
    "an interactive session samples one text at a time, for people: leave them out",
)


@dataclass(frozen=True)
class GenerateOptions:
    """What `attn generate` was called with; what `GenerationConfig` has, has its name there."""

    prompt: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROMPT",
            help="Text to continue, or source to write a target for; several become one batch; "
            "- reads standard input.",
        ),
    ] = None
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Sources for an encoder-decoder: each line of a file, or row of a table.",
        ),
    ] = None
    tsv: Annotated[
        bool,
        typer.Option(
            "--tsv",
            help="For an encoder-decoder, print source, target and score (the mean "
            "log-probability of a symbol) with tabs.",
        ),
    ] = False
    run: RunOrGroupOption = None
    max_new_chars: Annotated[
        int | None,
        typer.Option(
            show_default=from_config(500), help="Maximum number of characters to generate."
        ),
    ] = None
    num_samples: Annotated[
        int,
        typer.Option(help="Texts per prompt; for a run with --lines, one per line."),
    ] = 1
    new: Annotated[
        bool,
        typer.Option(
            "--new", help="Only lines that are not in the training text; for a run with --lines."
        ),
    ] = False
    unique: Annotated[bool, typer.Option("--unique", help="Never write the same text twice.")] = (
        False
    )
    seed: Annotated[
        int | None,
        typer.Option(
            show_default="drawn at random", help="Same seed, same text; sample k has seed + k - 1."
        ),
    ] = None
    interactive: Annotated[
        bool,
        typer.Option("--interactive", "-i", help="Type prompts and change settings; /help."),
    ] = False
    temperature: Annotated[
        float | None,
        typer.Option(
            show_default=from_config(0.8),
            help="0 is greedy, 1 leaves the probabilities unchanged, higher is random.",
        ),
    ] = None
    top_k: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            show_default=from_config("all"),
            help="Sample from the K most probable characters.",
        ),
    ] = None
    top_p: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            show_default=from_config("all"),
            help="Nucleus sampling: from the smallest set with this probability.",
        ),
    ] = None
    min_p: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Sample from those at least this fraction as probable as the first."
        ),
    ] = None
    typical_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Locally typical sampling with this probability mass."),
    ] = None
    repetition_penalty: Annotated[
        float, typer.Option(help="Above 1: recent characters become less probable.")
    ] = 1.0
    repetition_window: Annotated[
        int, typer.Option(help="How many of the last characters are recent.")
    ] = 64
    num_beams: Annotated[int, typer.Option(help="Beam search with this many beams.")] = 1
    stop_strings: Annotated[
        list[str] | None,
        typer.Option(
            "--stop",
            help=r"End before this string, in which \n, \t, \f, \r and \\ stand for characters; "
            "may be given several times.",
        ),
    ] = None
    stop_at_eos: Annotated[
        bool, typer.Option("--until-end", help="End where the model ends the document.")
    ] = False
    allowed_chars: Annotated[
        str | None,
        typer.Option(
            "--allow", metavar="CHARS", help="Generate only these characters; escapes as in --stop."
        ),
    ] = None
    forbidden_chars: Annotated[
        str | None,
        typer.Option(
            "--forbid", metavar="CHARS", help="Generate none of these characters; likewise."
        ),
    ] = None
    regex: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="Generate a text that matches this as a whole."),
    ] = None
    alternatives: Annotated[
        int, typer.Option(help="Show the N most probable characters at each position.")
    ] = 0
    check_copy: Annotated[
        bool,
        typer.Option(
            "--check-copy",
            help="Report the longest substring copied verbatim from the training text.",
        ),
    ] = False
    device: Annotated[
        DeviceName, typer.Option(help="Where to run; a GPU pays off for large models.")
    ] = "cpu"
    as_json: JsonOption = False

    def check(self) -> None:
        """Refuses what cannot be together.

        Raises:
            InputError: Two options exclude each other, or a value is out of its range.
        """
        from attn_cli.generation.sampling import check_seed

        given = given_options(self)
        INTERACTIVE.check(given)
        BEAM_SEARCH.check(given)
        prompts = self.prompt or []
        if self.seed is not None:
            check_seed(self.seed)
        if prompts.count("-") > 1:
            raise InputError("standard input is one prompt: - may be given only once")
        if self.interactive and (len(prompts) > 1 or "-" in prompts):
            raise InputError(
                "`interactive` takes at most one prompt, and none from standard input",
                "type the other prompts during the session",
            )
        check_num_samples(self.num_samples, self.num_beams)

    def generation_config(self, defaults: Mapping[str, Any]) -> GenerationConfig:
        """The configuration for the generator.

        Args:
            defaults: Settings by name, for those that were left out.

        Raises:
            InputError: A value is out of its range, or has an unknown escape.
        """
        from attn_cli.generation.config import GenerationConfig

        given = {
            field.name: value
            for field in dataclasses.fields(GenerationConfig)
            if (value := getattr(self, field.name)) is not None
        }
        given["stop_strings"] = tuple(
            unescape(each, "stop_strings") for each in self.stop_strings or ()
        )
        for name in ("allowed_chars", "forbidden_chars"):
            if name in given:
                given[name] = unescape(given[name], name)
        return GenerationConfig(**{**defaults, **given})


def unescape(text: str, name: str) -> str:
    r"""A text with the characters that its escapes stand for, as of `\n`.

    Raises:
        InputError: It has another escape; the message has the option's `name`.
    """

    def character(match: re.Match[str]) -> str:
        if match[0] not in ESCAPES:
            raise InputError(
                f"`{name}` {text}: {match[0]} stands for no character",
                f"there are {' '.join(ESCAPES)}, the last for a backslash",
            )
        return ESCAPES[match[0]]

    return re.sub(r"\\.?", character, text, flags=re.DOTALL)
