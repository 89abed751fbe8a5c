"""`attn generate`: text from a run's best checkpoint, streamed as it is generated."""

from __future__ import annotations

import dataclasses
import itertools
import re
import secrets
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_cli.cli.blanks import note_blank
from attn_cli.cli.evaluation_text import hint_on_missing_text
from attn_cli.cli.flags import given_options, options_from_dataclass
from attn_cli.cli.generate_options import DeviceName, GenerateOptions
from attn_cli.cli.options import load_runs
from attn_cli.cli.run_or_text import note_normal_form, note_prompt_is_a_path
from attn_cli.cli.sample_output import SamplePrinter, print_overlap, sample_record
from attn_cli.cli.terminal import notice, result_json
from attn_cli.cli.translate import translate
from attn_cli.errors import InputError, PromptError

if TYPE_CHECKING:
    from pathlib import Path

    from attn_cli.generation.config import GenerationConfig
    from attn_cli.generation.memorization import Overlap
    from attn_cli.generation.selection import Selection
    from attn_cli.generation.text_generator import TextGenerator
    from attn_cli.generation.text_stream import GeneratedText
    from attn_cli.runs.loaded_model import TrainedModel
    from attn_cli.text.corpus import Corpus

MAX_PROMPT_CHARS = 10_000_000  # a pipe may never end


@options_from_dataclass
def generate(options: GenerateOptions) -> None:
    r"""Generate text with a trained model.

    An encoder-decoder writes the target of each source: the most probable one, unless options ask
    for sampling or beams. For a group of several seeds, probabilities are averaged.

    Examples:
      attn generate "Once" --num-samples 3 --stop "\n"
      attn generate --num-samples 20 --new           # a run of --lines
      attn generate "27 March 2026" --num-beams 4    # a run of attn train dates
    """
    from attn_cli.generation.memorization import overlap_with
    from attn_cli.generation.selection import check_found, make_selection
    from attn_cli.generation.text_generator import load_text_generator

    runs = load_runs(options.run)
    options.check()
    device = _check_device(options.device)
    if len(runs) > 1 or runs[0].config.task == "seq2seq":
        translate(options, runs, device)
        return
    (loaded,) = runs
    _refuse_sources(options)
    config = options.generation_config(loaded.config.sample.model_dump())
    generator = load_text_generator(loaded, device)
    if options.interactive:
        _converse(options, generator, config, loaded.folder.path)
        return
    prompts = _read_prompts(options, generator)
    _note_ranges(options)
    # First, so that a missing training text is reported before anything is generated.
    corpus = _training_corpus(loaded) if options.check_copy else None
    with hint_on_missing_text("--new needs it where it was and as it was"):
        selection = make_selection(loaded, config, prompts)
    if options.run is None and not (options.as_json or sys.stderr.isatty()):
        notice(f"newest run: {loaded.description}")  # which a terminal is told at the end
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    begin = time.perf_counter()
    if config.num_beams > 1:
        samples = _beam_search(generator, prompts, config, options)
    else:
        samples = _sample(generator, prompts, seed, config, options, selection)
    chars_per_second = sum(len(each.text) for each in samples) / (time.perf_counter() - begin)
    for prompt in prompts:  # once it is known that they can be read
        note_blank(prompt, loaded)
    overlap = None if corpus is None else overlap_with([each.text for each in samples], corpus)
    if options.as_json:
        left_out = selection.left_out if selection and (config.new or config.unique) else None
        _print_json(loaded, samples, overlap, left_out, chars_per_second)
    else:
        sys.stdout.flush()
        if overlap:
            print_overlap(overlap)
        seeded = "" if config.num_beams > 1 else f", seed {seed}"
        how = f"({loaded.folder.path}{seeded}, {chars_per_second:,.0f} characters a second)"
        _tell_of_end(selection, how)
    if selection:
        check_found(len(samples), options.num_samples * len(prompts))


def _converse(
    options: GenerateOptions, generator: TextGenerator, config: GenerationConfig, run: Path
) -> None:
    """Continues what the user types until they leave."""
    from attn_cli.cli.interactive import InteractiveSession

    InteractiveSession(generator, config, options.seed, run).run(*options.prompt or ("",))


def _tell_of_end(selection: Selection | None, how: str) -> None:
    """What was left out; and to a terminal, how the samples were made."""
    if selection and any(selection.left_out.values()):
        notice(f"left out: {selection.summary}")
    if sys.stderr.isatty():
        notice(how)


def _refuse_sources(options: GenerateOptions) -> None:
    """Refuses options that only an encoder-decoder has."""
    for name in given_options(options) & {"file", "tsv"}:
        raise InputError(
            f"`{name}` is of sources and targets, and this run continues texts",
            "leave it out, or name a run of task seq2seq",
        )


def _read_prompts(options: GenerateOptions, generator: TextGenerator) -> list[str]:
    """The prompts, of which one may be standard input; says what may be wrong with them."""
    prompts = [_read_prompt() if each == "-" else each for each in options.prompt or [""]]
    for prompt in options.prompt or ():
        note_prompt_is_a_path(prompt, "attn generate")
    for prompt in prompts:
        note_normal_form(prompt, generator.tokenizer)
        _warn_of_long_prompt(prompt, generator)
    return prompts


def _check_device(name: DeviceName) -> str:
    """The device to generate on; torch is imported only where it is not the CPU."""
    if name == "cpu":
        return name
    from attn_cli.training.device import choose_device

    return str(choose_device(name))


def _sample(
    generator: TextGenerator,
    prompts: Sequence[str],
    first_seed: int,
    config: GenerationConfig,
    options: GenerateOptions,
    selection: Selection | None,
) -> list[GeneratedText]:
    """A sample of each prompt with each seed, printed while it is generated."""
    count, silent = options.num_samples, options.as_json
    lines = generator.lines and not config.alternatives
    printer = SamplePrinter(len(prompts) * count, silent=silent, lines=lines)
    samples = []
    for stream in generator.sample(
        prompts, first_seed, count, config, selection, log_probs=options.as_json
    ):
        # The first of a batch is printed as it is generated; the others are finished by their turn.
        printer.stream(stream, alternatives=config.alternatives > 0)
        samples.append(stream.result())
    return samples


def _beam_search(
    generator: TextGenerator,
    prompts: Sequence[str],
    config: GenerationConfig,
    options: GenerateOptions,
) -> list[GeneratedText]:
    """The best texts of each prompt; a regex may match fewer than were asked for."""
    found = [generator.beam_search(each, config)[: options.num_samples] for each in prompts]
    samples = list(itertools.chain.from_iterable(found))
    printer = SamplePrinter(len(samples), silent=options.as_json, lines=generator.lines)
    printer.print(samples)
    return samples


def _print_json(
    loaded: TrainedModel,
    samples: Sequence[GeneratedText],
    overlap: Overlap | None,
    left_out: dict[str, int] | None,
    chars_per_second: float,
) -> None:
    matches = overlap.matches if overlap else ()
    records = itertools.starmap(sample_record, itertools.zip_longest(samples, matches))
    held_out = overlap and overlap.held_out
    result_json(
        {
            "run": str(loaded.folder.path),
            "step": loaded.step,
            "unit": loaded.tokenizer.unit,
            "samples": list(records),
            **({} if left_out is None else {"left_out": left_out}),
            **({"held_out_copy": dataclasses.asdict(held_out)} if held_out else {}),
            "chars_per_second": round(chars_per_second, 1),
        }
    )


def _training_corpus(loaded: TrainedModel) -> Corpus:
    """What the model was trained on."""
    with hint_on_missing_text("--check-copy needs it where it was and as it was"):
        return loaded.corpus()


def _read_prompt() -> str:
    """Standard input, decoded as every text is, without the newline at its end."""
    from attn_cli.text.decoding import decode_stream

    prompt = ""
    for chunk in decode_stream(sys.stdin.buffer, "standard input"):
        prompt += chunk
        if len(prompt) > MAX_PROMPT_CHARS:
            raise PromptError(
                f"the prompt on standard input has more than {MAX_PROMPT_CHARS:,} characters",
                "give its end: a model sees no more than its block_size at once",
            )
    return prompt.removesuffix("\n")


def _note_ranges(options: GenerateOptions) -> None:
    """A notice where `a-z` was given to an option that takes characters one by one."""
    for flag, chars, pattern in (
        ("--allow", options.allowed_chars, "[{}]*"),
        ("--forbid", options.forbidden_chars, "[^{}]*"),
    ):
        found = re.search(r"(\w)-(\w)", chars or "")
        if found and found[1] < found[2]:
            notice(
                f"{flag} takes characters one by one, {', '.join(map(repr, found[0]))}; "
                f"for a range: --regex '{pattern.format(found[0])}'"
            )


def _warn_of_long_prompt(prompt: str, generator: TextGenerator) -> None:
    """A notice where a prompt is continued from its end alone."""
    length, visible = generator.prompt_lengths(prompt)
    if visible < length:
        notice(
            f"the prompt has {length:,} {generator.tokenizer.unit}s and the model sees at most "
            f"{generator.model.config.block_size:,} at once: it continues from the last "
            f"{visible:,}"
        )
