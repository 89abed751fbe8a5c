"""`attn generate`: text out of a checkpoint, as it is written."""

from __future__ import annotations

import itertools
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.samples import Teller, sample_record, tell_of_copies
from attn_cli.cli.terminal import notice, result_json

if TYPE_CHECKING:
    from attn_cli.generation.copying import Copy
    from attn_cli.generation.wishes import Wishes
    from attn_cli.generation.writer import Sample, Writer
    from attn_cli.runs.loaded_model import TrainedModel

MOST_PROMPT = 10_000_000  # characters; what a pipe sends may have no end


def generate(
    prompt: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]...",
            help="Text to continue; several are written side by side; - reads standard input.",
        ),
    ] = None,
    run: RunOption = None,
    max_new_chars: Annotated[
        int | None, typer.Option("--max-new-chars", help="The most characters to write.")
    ] = None,
    num_samples: Annotated[
        int, typer.Option("--num-samples", help="How many texts to write of each prompt.")
    ] = 1,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Same seed, same text; sample k has seed + k - 1.")
    ] = None,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", "-i", help="Play: type prompts, change controls; /help."),
    ] = False,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", help="0 is greedy, 1 the model's own odds, higher is wilder."
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", help="Choose among the K likeliest characters.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option("--top-p", help="Choose among the likeliest that together have this share."),
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option("--min-p", help="Choose among those this share as likely as the likeliest."),
    ] = None,
    typical_p: Annotated[
        float | None,
        typer.Option(
            "--typical-p", help="Choose among the least unusual that together have this share."
        ),
    ] = None,
    repetition_penalty: Annotated[
        float,
        typer.Option(
            "--repetition-penalty", help="Above 1: less of the characters written lately."
        ),
    ] = 1.0,
    repetition_window: Annotated[
        int, typer.Option("--repetition-window", help="How many characters count as lately.")
    ] = 64,
    beams: Annotated[
        int,
        typer.Option("--beams", help="Search the likeliest text, with this many in sight."),
    ] = 1,
    stop: Annotated[
        list[str] | None,
        typer.Option("--stop", help="End before this string; may be given several times."),
    ] = None,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="End where the model ends the document.")
    ] = False,
    allow: Annotated[
        str | None, typer.Option("--allow", metavar="CHARS", help="Write these characters only.")
    ] = None,
    forbid: Annotated[
        str | None, typer.Option("--forbid", metavar="CHARS", help="Write none of these.")
    ] = None,
    regex: Annotated[
        str | None,
        typer.Option(
            "--regex", metavar="PATTERN", help="Write what this pattern matches as a whole."
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show what else might have come at each character."),
    ] = False,
    check_copy: Annotated[
        bool,
        typer.Option("--check-copy", help="Tell the longest run that stands in the training text."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write text, with the newest run's best checkpoint."""
    from attn_cli.errors import InputError
    from attn_cli.runs.loaded_model import load_model

    loaded = load_model(run)
    if num_samples < 1:
        raise InputError(f"--num-samples {num_samples} is below 1")

    from attn_cli.generation.sampling import Controls, require_seed
    from attn_cli.generation.wishes import Wishes
    from attn_cli.generation.writer import Writer

    if seed is not None:
        require_seed(seed)
    if (prompt or []).count("-") > 1 or (interactive and prompt and (prompt[1:] or "-" in prompt)):
        raise InputError(
            "--interactive begins with one prompt, not of standard input"
            if interactive
            else "standard input is one prompt: - may come once"
        )
    if interactive and (as_json or explain or check_copy or max(beams, num_samples) > 1):
        raise InputError(
            "--interactive has no --json, --explain, --check-copy, --num-samples or --beams",
            "leave them out",
        )
    if num_samples > beams > 1:
        raise InputError(
            f"--beams {beams} finds {beams} texts, and --num-samples is {num_samples}",
            "give as many beams at least",
        )
    if beams > 1 and (temperature, top_k, top_p, min_p, typical_p, seed) != (None,) * 6:
        raise InputError(
            "--beams searches the likeliest text, and draws nothing",
            "leave out --temperature, --top-k, --top-p, --min-p, --typical-p and --seed",
        )
    # The run's own taste, where the command line does not say.
    taste = loaded.config.sample
    controls = Controls(
        taste.temperature if temperature is None else temperature,
        taste.top_k if top_k is None else top_k,
        taste.top_p if top_p is None else top_p,
        min_p,
        typical_p,
        repetition_penalty,
        repetition_window,
    )
    wishes = Wishes(
        taste.max_new_chars if max_new_chars is None else max_new_chars,
        controls,
        tuple(stop or ()),
        until_end,
        allow,
        forbid,
        regex,
        beams,
        explain,
    )
    writer = Writer(loaded.config.model, loaded.weights, loaded.tokenizer, loaded.bos_id)
    if interactive:
        from attn_cli.cli.play import Play

        Play(writer, wishes, seed, loaded.folder.path).run(*prompt or ("",))
        return
    prompts = [_read_prompt() if each == "-" else each for each in prompt or [""]]
    for each in prompts:
        _tell_of_long_prompt(each, writer)
    # First, so that a text that is gone is told before anything is written.
    training = _training_text(loaded) if check_copy else None
    first_seed = secrets.randbelow(2**31) if seed is None else seed
    begin = time.perf_counter()
    if beams > 1:
        # A pattern may have fewer texts than were asked for: what there is, is found first.
        found = [writer.likeliest(each, wishes)[:num_samples] for each in prompts]
        samples = list(itertools.chain.from_iterable(found))
        Teller(len(samples), explain=False, silent=as_json).told(samples)
    else:
        teller = Teller(len(prompts) * num_samples, explain=explain, silent=as_json)
        seeds = range(first_seed, first_seed + num_samples)
        samples = list(_drawn(writer, prompts, seeds, wishes, teller))
    seconds = time.perf_counter() - begin
    speed = sum(len(sample.text) for sample in samples) / seconds
    copies = [] if training is None else _copies(samples, training)
    if as_json:
        records = itertools.starmap(sample_record, itertools.zip_longest(samples, copies))
        result_json(
            {
                "run": str(loaded.folder.path),
                "step": loaded.step,
                "unit": loaded.tokenizer.unit,
                "samples": list(records),
                "chars_per_second": round(speed, 1),
            }
        )
        return
    sys.stdout.flush()
    tell_of_copies(copies)
    if sys.stderr.isatty():
        drawn = "" if beams > 1 else f", seed {first_seed}"
        notice(f"({loaded.folder.path}{drawn}, {speed:,.0f} characters a second)")


def _drawn(
    writer: Writer, prompts: Sequence[str], seeds: Iterable[int], wishes: Wishes, teller: Teller
) -> Iterator[Sample]:
    """A sample of each prompt with each seed, in as few batches as fit into memory."""
    requests = ((prompt, seed) for prompt in prompts for seed in seeds)
    at_once = writer.batch_size(prompts, wishes)
    while batch := list(itertools.islice(requests, at_once)):
        its_prompts, its_seeds = zip(*batch, strict=True)
        writings, steps = writer.begin(its_prompts, its_seeds, wishes, log_probs=teller.silent)
        # The first is told as it comes; the others have come when it is their turn.
        for writing in writings:
            teller.tell(writing, steps)
        yield from (writing.sample() for writing in writings)


def _training_text(loaded: TrainedModel) -> str:
    """What the model learned from.

    Raises:
        DatasetError: It is not there, or it is not the same any more.
    """
    from attn_cli.errors import DatasetError

    try:
        corpus = loaded.corpus()
    except DatasetError as error:
        hint = "--check-copy needs it where it was and as it was"
        raise DatasetError(error.message, hint) from None
    return loaded.tokenizer.decode(corpus.train)


def _copies(samples: Sequence[Sample], training: str) -> list[Copy]:
    from attn_cli.generation.copying import longest_copies

    return longest_copies([sample.text for sample in samples], training)


def _read_prompt() -> str:
    """Standard input, by the rules for every text; the newline that ends it is not part of it."""
    from attn_cli.errors import PromptError
    from attn_cli.text.decoding import decode_stream

    prompt = ""
    for piece in decode_stream(sys.stdin.buffer, "standard input"):
        prompt += piece
        if len(prompt) > MOST_PROMPT:
            raise PromptError(
                f"the prompt on standard input has more than {MOST_PROMPT:,} characters",
                "give its end: a model sees no more than its block_size at once",
            )
    return prompt.removesuffix("\n")


def _tell_of_long_prompt(prompt: str, writer: Writer) -> None:
    """A prompt that does not fit is continued from its end, and the user should know."""
    length, seen = writer.seen(prompt)
    if seen < length:
        notice(
            f"the prompt has {length:,} {writer.tokenizer.unit}s and the model sees at most "
            f"{writer.decoder.config.block_size:,} at once: it continues from the last {seen:,}"
        )
