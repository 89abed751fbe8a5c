"""`attn generate`: text out of a checkpoint, as it is written."""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.terminal import harmless, notice, result_json

if TYPE_CHECKING:
    from attn_cli.generation.engine import Sample
    from attn_cli.generation.sampling import Controls
    from attn_cli.model.transformer import Transformer
    from attn_cli.runs.checkpoint import Checkpoint
    from attn_cli.text.tokenizer import Tokenizer

MOST_PROMPT = 10_000_000  # characters; what a pipe sends may have no end


def generate(
    prompt: Annotated[
        str, typer.Argument(metavar="[PROMPT]", help="Text to continue; - reads standard input.")
    ] = "",
    run: RunOption = None,
    max_new_chars: Annotated[
        int | None, typer.Option("--max-new-chars", help="The most characters to write.")
    ] = None,
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
    seed: Annotated[int | None, typer.Option("--seed", help="Same seed, same text.")] = None,
    num_samples: Annotated[int, typer.Option("--num-samples", help="How many texts to write.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Write text, with the newest run's best checkpoint."""
    from attn_cli.errors import InputError
    from attn_cli.runs.checkpoint import read_checkpoint
    from attn_cli.runs.finding import find_run

    folder = find_run(run)
    checkpoint = read_checkpoint(folder.to_use())
    # The run's own taste, where the command line does not say.
    taste = checkpoint.config.sample
    max_new = taste.max_new_chars if max_new_chars is None else max_new_chars
    for name, number in (("--max-new-chars", max_new), ("--num-samples", num_samples)):
        if number < 1:
            raise InputError(f"{name} {number} is below 1")
    if seed is not None and not 0 <= seed < 2**63:
        raise InputError(f"--seed {seed} is not from 0 to 2^63 - 1")

    from attn_cli.generation.engine import prompt_ids
    from attn_cli.generation.sampling import Controls

    controls = Controls(
        taste.temperature if temperature is None else temperature,
        taste.top_k if top_k is None else top_k,
        taste.top_p if top_p is None else top_p,
    )
    if prompt == "-":
        prompt = _read_prompt()
    ids = prompt_ids(checkpoint.tokenizer, prompt, checkpoint.state.data.start_id)
    _tell_of_long_prompt(len(ids), checkpoint)

    first_seed = secrets.randbelow(2**31) if seed is None else seed
    model = checkpoint.load_model()
    begin = time.perf_counter()
    samples = []
    for number in range(num_samples):
        if num_samples > 1 and not as_json:
            _separate(number, num_samples, first_seed + number)
        samples.append(
            _write(
                model,
                checkpoint.tokenizer,
                prompt,
                ids,
                max_new,
                controls,
                first_seed + number,
                stream=not as_json,
            )
        )
    seconds = time.perf_counter() - begin
    speed = sum(len(sample.text) for sample in samples) / seconds
    if as_json:
        result_json(
            {
                "run": str(folder.path),
                "step": checkpoint.state.step,
                "samples": [vars(sample) for sample in samples],
                "chars_per_second": round(speed, 1),
            }
        )
    elif sys.stderr.isatty():
        notice(f"({folder.path}, seed {first_seed}, {speed:,.0f} characters a second)")


def _write(
    model: Transformer,
    tokenizer: Tokenizer,
    prompt: str,
    ids: list[int],
    max_new: int,
    controls: Controls,
    seed: int,
    *,
    stream: bool,
) -> Sample:
    """One sample; with `stream`, each character goes to standard output as it is chosen."""
    from attn_cli.generation.engine import Sample, write

    def show(text: str) -> None:
        if stream:
            sys.stdout.write(harmless(text, sys.stdout))
            sys.stdout.flush()

    show(prompt)
    decode = tokenizer.decoder()
    pieces = []
    for token in write(model, ids, max_new, controls, seed):
        pieces.append(decode(token))
        show(pieces[-1])
    pieces.append(decode.flush())
    show(pieces[-1] + "\n")
    return Sample(prompt, "".join(pieces), seed, "length")


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


def _separate(number: int, count: int, seed: int) -> None:
    """A line before each sample, for people; a form feed between two, for programs."""
    notice(f"--- {number + 1} of {count} (seed {seed})")
    if number and not sys.stdout.isatty():
        sys.stdout.write("\f")


def _tell_of_long_prompt(length: int, checkpoint: Checkpoint) -> None:
    """A prompt that does not fit is continued from its end, and the user should know."""
    from attn_cli.generation.engine import window_start

    block_size = checkpoint.config.model.block_size
    start = window_start(length, block_size)
    if start:
        notice(
            f"the prompt has {length:,} characters and the model sees at most {block_size:,} "
            f"at once: it continues from the last {length - start:,}"
        )
