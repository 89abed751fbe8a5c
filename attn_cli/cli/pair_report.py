"""How an encoder-decoder does on some pairs, in lines for the user and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_cli.cli.surprisal import can_colour
from attn_cli.text.display import counted, escape_control_characters

if TYPE_CHECKING:
    from rich.text import Text

    from attn_cli.objectives.pair_evaluation import PairEvaluation, WrittenTarget
    from attn_cli.text.pair_format import PairFormat
    from attn_cli.text.pairs import PairExamples
    from attn_cli.text.tokenizer import Tokenizer

LENGTHS = 4  # groups of sources by their lengths
_GAP = "·"  # where the output or the target has nothing


def pair_lines(
    evaluation: PairEvaluation, pairs: PairExamples, written: Sequence[WrittenTarget]
) -> Iterator[str]:
    """Lines about an evaluation: accuracy, error rate, loss, and both by the length of sources.

    Args:
        evaluation: Of one model or several.
        pairs: What it is of.
        written: What was written for each source.
    """
    yield accuracy_line(evaluation)
    if len(pairs) > evaluation.examples:
        yield (
            f"            sources with several targets count once: {len(pairs):,} pairs, and any "
            "of a source's targets is right"
        )
    yield (
        f"loss        {evaluation.loss:.4f} nats per symbol, {evaluation.bits_per_char:.4f} bits"
    )
    groups = list(by_length(pairs, written))
    for name, group in groups if len(groups) > 1 else ():
        right = sum(each.edits == 0 for each in group)
        edits = sum(each.edits for each in group) / sum(len(each.target) for each in group)
        yield (
            f"{name:>10}  {right / len(group):6.1%} right, error rate {edits:6.2%}, "
            f"{counted(len(group), 'source')}"
        )


def accuracy_line(evaluation: PairEvaluation) -> str:
    """The line about accuracy, with its interval."""
    low, high = evaluation.accuracy_interval
    return (
        f"accuracy    {evaluation.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}), "
        f"error rate {evaluation.error_rate:.2%}, {counted(evaluation.examples, 'example')}"
    )


def by_length(
    pairs: PairExamples, written: Sequence[WrittenTarget]
) -> Iterator[tuple[str, list[WrittenTarget]]]:
    """What was written for sources of about the same length, the shortest first, and its name."""
    lengths = (pairs.source_counts - 1).tolist()
    ordered = sorted(written, key=lambda each: lengths[each.place])
    first = 0
    for number in range(1, LENGTHS + 1):
        end = len(ordered) * number // LENGTHS
        # Sources of one length are not parted.
        while 0 < end < len(ordered) and (
            lengths[ordered[end].place] == lengths[ordered[end - 1].place]
        ):
            end += 1
        if end > first:
            low, high = (lengths[ordered[place].place] for place in (first, end - 1))
            yield f"{low}" if low == high else f"{low} to {high}", ordered[first:end]
            first = end


def error_lines(
    errors: Sequence[WrittenTarget],
    pairs: PairExamples,
    tokenizer: Tokenizer,
    pair_format: PairFormat,
) -> Iterator[Text]:
    """Each error with its source: output and target one above the other, aligned by edits."""
    from rich.text import Text

    for each in errors:
        (source,) = pairs[np.array([each.place])].sources()
        yield Text()
        yield Text(f"source  {escape_control_characters(pair_format.readable_source(source))}")
        output, target = (
            [tokenizer.symbols[id_] for id_ in ids] for ids in (each.written, each.target)
        )
        yield from _alignment(aligned(output, target), " " * pair_format.target_words)


def aligned(output: Sequence[str], target: Sequence[str]) -> list[tuple[str, str]]:
    """The symbols of an output and of its target in pairs, by edit distance; "" for a gap."""
    from rapidfuzz.distance import Levenshtein

    columns: list[tuple[str, str]] = []
    for edit in Levenshtein.opcodes(output, target):
        left = list(output[edit.src_start : edit.src_end])
        right = list(target[edit.dest_start : edit.dest_end])
        length = max(len(left), len(right))
        left += [""] * (length - len(left))
        right += [""] * (length - len(right))
        columns += zip(left, right, strict=True)
    return columns


def _alignment(columns: Sequence[tuple[str, str]], between: str) -> Iterator[Text]:
    """The lines of an alignment: differences in colour, or marked below where there is none."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    shown = [[escape_control_characters(text) or _GAP for text in column] for column in columns]
    widths = [max(map(cell_len, column)) for column in shown]
    differ = [output != target for output, target in columns]
    for row, (name, style) in enumerate((("output", "red"), ("target", "green"))):
        line = Text(f"{name}  ")
        for column, width, differs in zip(shown, widths, differ, strict=True):
            line.append(set_cell_size(column[row], width), style if differs else "")
            line.append(between)
        yield line
    if not can_colour():
        marks = (("^" if each else " ") * width for each, width in zip(differ, widths, strict=True))
        yield Text(f"        {between.join(marks)}".rstrip())


def pair_record(evaluation: PairEvaluation, pairs: PairExamples) -> dict[str, Any]:
    """The same as `pair_lines` for `--json`."""
    finite = evaluation.loss < math.log(2) * 1000
    return {
        "loss": evaluation.loss,
        "bits_per_char": evaluation.bits_per_char,
        "perplexity": math.exp(evaluation.loss) if finite else None,
        "chars": evaluation.chars,
        "accuracy": evaluation.accuracy,
        "accuracy_interval": list(evaluation.accuracy_interval),
        "error_rate": evaluation.error_rate,
        "examples": evaluation.examples,
        "left_out": pairs.n_dropped,  # which do not fit into the context
    }


def error_record(
    error: WrittenTarget, pairs: PairExamples, tokenizer: Tokenizer, pair_format: PairFormat
) -> dict[str, Any]:
    """An error for `--json`."""
    (source,) = pairs[np.array([error.place])].sources()
    return {
        "source": pair_format.readable_source(source),
        "output": pair_format.readable_target(tokenizer.decode(error.written)),
        "target": pair_format.readable_target(tokenizer.decode(error.target)),
        "edits": error.edits,
    }
