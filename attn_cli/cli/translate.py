"""`attn generate` with an encoder-decoder: a target for each source."""

from __future__ import annotations

import dataclasses
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attn_cli.cli.flags import given_options
from attn_cli.cli.generate_options import GenerateOptions
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.errors import AttnError, InputError
from attn_cli.text.display import replacements

if TYPE_CHECKING:
    from attn_cli.generation.config import GenerationConfig
    from attn_cli.generation.translation import Translation, Translator
    from attn_cli.runs.loaded_model import TrainedModel

# Options that only texts to be continued have.
_OF_TEXTS = ("new", "unique", "check_copy", "alternatives", "stop_at_eos")


def translate(options: GenerateOptions, runs: Sequence[TrainedModel], device: str) -> None:
    """Prints the target of each source, in their order."""
    from attn_cli.generation.translation import Translator, target_defaults

    _check(options)
    defaults = target_defaults(given_options(options), runs[0].config.model.block_size)
    config = options.generation_config(defaults)
    # As `attn evaluate` reads a file; what is typed is refused, and can be typed again.
    is_file = options.file is not None or "-" in (options.prompt or ())
    translator = Translator(runs, device, runs[0].config.data.unknown if is_file else "error")
    translator.constraints(config)  # an impossible one is refused before anything is read
    if len(runs) > 1:
        notice(f"mean probabilities of {len(runs)} runs: {options.run}")
    elif options.run is None and not options.as_json:
        notice(f"newest run: {runs[0].description}")
    if options.interactive:
        _converse(translator, config, options, str(options.run or runs[0].folder.path))
        return
    begin, chars = time.perf_counter(), 0
    records: list[dict[str, Any]] = []
    sources = list(_sources(options, runs[0]))
    if not sources:
        raise InputError("there is no source to write a target for", "give a line at least")
    translations = translator.translate(sources, config, options.num_samples, _seed(options))
    for translation in _with_progress(translations, len(sources)):
        chars += sum(len(target.text) for target in translation.targets)
        if options.as_json:
            records += _records(translation)
            continue
        for line in _lines(translation, options):
            result(line)
    if translator.changed:
        shown = replacements(translator.changed.items())
        notice(f"characters of sources outside the vocabulary: {shown}")
    if options.as_json:
        seconds = time.perf_counter() - begin
        result_json(
            {
                "run": str(options.run or runs[0].folder.path),
                "step": runs[0].step if len(runs) == 1 else None,
                "runs": [str(each.folder.path) for each in runs],
                "unit": runs[0].tokenizer.unit,
                "samples": records,
                "chars_per_second": round(chars / seconds, 1),
            }
        )


def _check(options: GenerateOptions) -> None:
    """Refuses options for continued texts, and several targets without beams or sampling.

    Raises:
        InputError: There is one.
    """
    given = given_options(options)
    for name in _OF_TEXTS:
        if name in given:
            raise InputError(
                f"`{name}` is of texts that are continued, and this run writes targets for sources",
                "leave it out",
            )
    if options.tsv and options.as_json:
        raise InputError("`tsv` and `as_json` exclude each other", "give one of the two")
    if options.file is not None and (options.prompt or options.interactive):
        raise InputError("`file` excludes sources on the command line", "give one of the two")


def _seed(options: GenerateOptions) -> int:
    return secrets.randbelow(2**31) if options.seed is None else options.seed


def _sources(options: GenerateOptions, run: TrainedModel) -> Iterator[str]:
    """The sources on the command line, the lines of standard input, or those of a file."""
    if options.file is not None:
        check_text_is_no_run(options.file, "did you mean: attn generate --file FILE --run RUN")
        yield from _file_sources(options.file, run)
        return
    if not options.prompt:
        raise InputError(
            "there is no source to write a target for",
            "give one or more, - for the lines of standard input, or `file`",
        )
    for prompt in options.prompt:
        if prompt == "-":
            yield from _file_sources("-", run)
        else:
            yield prompt


def _file_sources(file: str, run: TrainedModel) -> Iterator[str]:
    """The sources of a file: of a table those in the columns of the run, else its lines."""
    from attn_cli.text.source_texts import source_texts

    yield from source_texts(file, run.config.data)


def _with_progress(translations: Iterable[Translation], total: int) -> Iterator[Translation]:
    """The translations, with a bar on a terminal where it takes longer than two seconds."""
    with working("writing targets") as work:
        yield from work.count(translations, total)


def _lines(translation: Translation, options: GenerateOptions) -> Iterator[str]:
    for target in translation.targets:
        if options.tsv:
            yield f"{translation.source}\t{target.text}\t{target.score:.4f}"
        elif options.num_samples > 1:
            yield f"{target.text}\t{target.score:.4f}"
        else:
            yield target.text


def _records(translation: Translation) -> Iterator[dict[str, Any]]:
    for target in translation.targets:
        score = {"score": target.score}
        record = {"prompt": translation.source, **dataclasses.asdict(target), **score}
        del record["ids"]
        yield record


def _converse(
    translator: Translator, config: GenerationConfig, options: GenerateOptions, runs_named: str
) -> None:
    """Reads sources from the terminal, and prints the target of each, until the input ends."""
    notice(f"{runs_named}. Type a source; /quit or Ctrl-D ends.")
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    typed = options.prompt or []
    while True:
        try:
            source = typed.pop(0) if typed else input("> " if is_terminal else "")
        except (EOFError, KeyboardInterrupt):
            notice("")
            return
        if source.strip() == "/quit":
            return
        if not source.strip():
            continue
        try:
            if source.startswith("/"):
                raise InputError(
                    f"there is no {source.split()[0]} in a session with sources",
                    "settings are options of the command, as --num-beams; /quit ends",
                )
            found = translator.translate([source], config, 1, _seed(options))
            for line in _lines(next(found), options):
                result(line)
        except AttnError as error:
            notice(error.message)
            if error.hint:
                notice(f"  {error.hint}")
