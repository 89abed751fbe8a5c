"""`attn fill`: the blanks of a text, filled by an encoder."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.blanks import BLANK, note_known_blank
from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.run_or_text import note_normal_form
from attn_cli.cli.terminal import notice, result, result_json, sanitize
from attn_cli.cli.working import end_working, working
from attn_cli.errors import InputError
from attn_cli.text.display import printable_symbol, quoted

if TYPE_CHECKING:
    from attn_cli.generation.fill import FilledText
    from attn_cli.runs.loaded_model import TrainedModel


BlankOption = Annotated[
    str | None,
    typer.Option(
        "--blank",
        metavar="CHAR",
        help="What stands for a blank; a backslash before it makes it an ordinary character.",
        show_default=BLANK,
    ),
]


@working("filling blanks")
def fill(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT",
            help="Texts with blanks, as in 'The _wl m_t the f_x'; - for lines of standard input.",
        ),
    ],
    run: RunOption = None,
    blank: BlankOption = None,
    alternatives: Annotated[
        int, typer.Option(min=0, max=50, help="Show this many candidates for each blank.")
    ] = 0,
    temperature: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="0 takes the most probable character.")
    ] = 0.0,
    num_samples: Annotated[
        int, typer.Option("--num-samples", min=1, help="Fill each text this many times.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what a temperature draws.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Fill the blanks of a text with an encoder.

    The most certain blank is filled first, and the others are then filled given what it got. An
    encoder is trained by: attn train TEXT --task mlm

    Examples:
      attn fill "The _wl m_t the f_x" --alternatives 3
    """
    from attn_cli.generation.fill import fill as fill_blanks
    from attn_cli.runs.load_model import load_model

    _check_options(blank, num_samples, temperature)
    loaded = load_model(run)
    loaded.require("mlm", "attn fill")
    filled = [
        fill_blanks(
            loaded.model,
            ids,
            loaded.tokenizer,
            temperature=temperature,
            seed=each_seed,
            n_alternatives=max(alternatives, 1),
        )
        for ids in _encode_all(_lines(text), blank, loaded)
        for each_seed in range(seed, seed + num_samples)
    ]
    if as_json:
        samples = [_record(each, loaded, alternatives) for each in filled]
        result_json({"run": str(loaded.folder.path), "step": loaded.step, "samples": samples})
    else:
        _print(filled, loaded, alternatives=alternatives > 0)


def _check_options(blank: str | None, num_samples: int, temperature: float) -> None:
    """Refuses what means nothing.

    Raises:
        InputError: The blank is not one character, or all samples would be the same.
    """
    if blank is not None and len(blank) != 1:
        raise InputError(f"`blank` {blank!r} is not one character", "as in --blank '?'")
    if num_samples > 1 and not temperature:
        raise InputError(f"`num_samples` {num_samples} would be equal", "add --temperature 1")


def _print(texts: Sequence[FilledText], loaded: TrainedModel, *, alternatives: bool) -> None:
    """Prints each text, and below it what each blank could have been."""
    end_working()
    for filled in texts:
        sys.stdout.write(sanitize(_text(filled, loaded) + "\n", sys.stdout))
        for blank in filled.blanks if alternatives else ():
            listed = "  ".join(
                f"{printable_symbol(each.char)} {each.prob:.1%}" for each in blank.alternatives
            )
            result(f"  position {blank.position + 1 - len(loaded.line_beginning):,}: {listed}")


def _lines(texts: Sequence[str]) -> list[str]:
    """The texts themselves; for "-", the lines of standard input."""
    from attn_cli.text.decoding import decode_stream, split_lines

    found: list[str] = []
    for text in texts:
        if text == "-":
            lines = split_lines(decode_stream(sys.stdin.buffer, "standard input"))
            found += (line.removesuffix("\n") for line in lines)
        else:
            found.append(text)
    return found


def _encode_all(texts: Sequence[str], blank: str | None, loaded: TrainedModel) -> list[list[int]]:
    """The ids of the texts, of which one at least has a blank; see `_encode`.

    Raises:
        InputError: None has, or one cannot be encoded.
    """
    char = blank or BLANK
    encoded = [_encode(each, char, loaded) for each in texts]
    if not any(loaded.tokenizer.mask_id in ids for ids in encoded):
        where = quoted(texts[0]) if len(texts) == 1 else "any of the texts"
        raise InputError(f"no blank in {where}", f"write {char} for each character that is missing")
    if blank is None:
        note_known_blank(texts, loaded)
    return encoded


def _encode(text: str, blank: str, loaded: TrainedModel) -> list[int]:
    """The ids of a text, with that of a hidden character for each blank.

    Raises:
        InputError: It has an unknown character, or is more than the one line that a model of
            lines takes.
    """
    if loaded.lines and "\n" in text:
        raise InputError(f"{text!r} has a newline", "a model of lines fills one line: give one")
    note_normal_form(text, loaded.tokenizer)
    ids = loaded.encode_blanks(text, blank)
    room = loaded.config.model.block_size - len(loaded.line_beginning)
    if len(ids) > room:
        too_long = f"the text has {len(ids):,} characters, and the model sees at most {room:,}"
        if loaded.lines:
            raise InputError(too_long, "give a shorter line")
        notice(f"{too_long}: each blank is filled from as many around it")
    return [*loaded.line_beginning, *ids]


def _text(filled: FilledText, loaded: TrainedModel) -> str:
    return loaded.tokenizer.decode(filled.ids[len(loaded.line_beginning) :])


def _record(filled: FilledText, loaded: TrainedModel, alternatives: int) -> dict[str, object]:
    blanks = [dataclasses.asdict(each) for each in filled.blanks]
    for each in blanks:
        each["position"] += 1 - len(loaded.line_beginning)
        if not alternatives:
            del each["alternatives"]
    return {"text": _text(filled, loaded), "log_prob": filled.log_prob, "blanks": blanks}
