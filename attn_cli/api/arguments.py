"""What a caller gave, checked: an error names the argument."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, get_type_hints

from pydantic import TypeAdapter, ValidationError

from attn_cli.errors import InputError
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.exclusions import BEAM_SEARCH


class GenerationOptions(TypedDict, total=False):
    """How to generate; what is left out is as the run's configuration says.

    Each option is described at the field of its name in `GenerationConfig`.
    """

    max_new_chars: int
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    typical_p: float | None
    repetition_penalty: float
    repetition_window: int
    num_beams: int
    stop_strings: list[str] | tuple[str, ...]
    stop_at_eos: bool
    allowed_chars: str | None
    forbidden_chars: str | None
    regex: str | None
    alternatives: int
    new: bool
    unique: bool


CONFIG = TypeAdapter(GenerationConfig)  # checks the types of its fields


def generation_config(
    defaults: Mapping[str, object], options: Mapping[str, object], seed: int | None
) -> GenerationConfig:
    """The configuration of some options, with a run's own for those left out.

    Raises:
        InputError: An option is unknown, of the wrong type or out of its range, or two of them
            exclude each other.
    """
    known = get_type_hints(GenerationConfig)
    for name in options:
        if name not in known:
            raise InputError(f"no option `{name}`", f"there are: {', '.join(known)}")
    try:
        config = CONFIG.validate_python({**defaults, **options})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"`{first['loc'][0]}`: {first['msg']}, not {first['input']!r}") from None
    if config.num_beams > 1:
        BEAM_SEARCH.check({*options, *(() if seed is None else ("seed",))})
    return config


def check_text(name: str, value: object) -> None:
    """Refuses what is no text.

    Raises:
        InputError: It is of another type than str.
    """
    if not isinstance(value, str):
        raise wrong_type(name, value, "a str")


def check_texts(name: str, values: object) -> None:
    """Refuses what is no list of texts; a single text, too, whose characters would be taken.

    Raises:
        InputError: It is no list or tuple, or something in it is no str.
    """
    if not isinstance(values, (list, tuple)):
        raise wrong_type(name, values, "a list of str")
    for index, value in enumerate(values):
        check_text(f"{name}[{index}]", value)


def check_integers(**values: object) -> None:
    """Refuses what is no integer, NumPy's included; None is left out.

    Raises:
        InputError: A value is of another type.
    """
    for name, value in values.items():
        if value is not None and not hasattr(value, "__index__"):
            raise wrong_type(name, value, "an int")


def as_path(name: str, value: str | Path | None) -> Path | None:
    """A path, or None where None was given.

    Raises:
        InputError: It is no path.
    """
    if value is None or isinstance(value, Path):
        return value
    check_text(name, value)
    return Path(value)


def wrong_type(name: str, value: object, wanted: str) -> InputError:
    """The error that an argument is of another type than what is wanted."""
    return InputError(f"`{name}` is of type {type(value).__name__}, not {wanted}")
