"""What can be said of a text before a model is trained on it: facts, warnings, plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attn_cli.errors import DatasetError, InputError
from attn_cli.text.baselines import Baselines, text_baselines
from attn_cli.text.corpus import Corpus
from attn_cli.text.display import counted, quoted
from attn_cli.text.encoding_check import MAX_INVALID, EncodingFacts, check_encoding
from attn_cli.text.examples import Examples, target_count
from attn_cli.text.overlap import notes_on_overlap
from attn_cli.text.read_options import read_options
from attn_cli.text.read_text import ReadText, read_text
from attn_cli.text.repeats import MAX_READ, Repeats, find_repeats
from attn_cli.text.sources import Source, open_source
from attn_cli.text.tail import TailComparison, compare_tail
from attn_cli.training.auto_size import choose_sizes
from attn_cli.training.device import choose_device
from attn_cli.training.distributed.world import SINGLE_PROCESS
from attn_cli.training.expected_loss import SPREAD, expected_bits
from attn_cli.training.new_run import STDIN_NAME, RunStart, new_run, run_config
from attn_cli.training.request import RunRequest
from attn_cli.training.threads import choose_threads

MINUTES = (1.0, 5.0, 15.0)
# Fractions of the text from which repeats are worth a warning, and of the validation split.
_REPEATED, _REPEATED_VALIDATION = 0.05, 0.1
_SHOWN = 40  # characters of a passage
_SMALL = 20_000  # characters


@dataclass(frozen=True)
class Plan:
    """What training for some minutes would choose, and come to."""

    minutes: float
    n_layer: int
    n_embd: int
    block_size: int
    chars: int  # to train on
    epochs: float
    expected_bits: tuple[float, float] | None  # of two texts in three; None where not known


@dataclass(frozen=True)
class UnreadableFile:
    """A file that is not a text in UTF-8."""

    name: str
    problem: str
    remedy: str | None


@dataclass(frozen=True)
class TextReport:
    """What `attn check` says of a text."""

    text: tuple[str, ...]
    chars: int
    utf8_bytes: int
    lines: int  # that are not empty
    documents: int
    byte_order_marks: int  # files with one
    carriage_returns: int  # files in which lines end with CR LF or CR
    vocabulary: str
    symbols: int
    changed: int  # characters outside the vocabulary
    changed_examples: dict[str, str]
    repeated: Repeats
    repeats_in: int  # characters in which repeats were looked for: of a long text, the first
    tail: TailComparison | None  # None where the validation split is not the end of the text
    baselines: Baselines | None  # None where the text is too short to be split
    plans: tuple[Plan, ...]  # none where the text is too short, or the size is not left open
    notes: tuple[str, ...]
    warnings: tuple[str, ...]  # each with what to do


def open_text(request: RunRequest) -> Source:
    """The text that a request names, of which only the beginnings of files are read.

    Raises:
        AttnError: The configuration cannot be used, or a name names nothing.
    """
    config = run_config(request)[0]
    data = config.data
    if STDIN_NAME in (*data.text, *(data.validation or ())):
        raise InputError(
            "standard input can be read only once, and a check reads a text several times",
            "save the text to a file and name that",
        )
    return open_source(data.text, options=read_options(config))


def unreadable_files(request: RunRequest, source: Source) -> Iterator[UnreadableFile]:
    """The files of a text, and of the one to validate on, that cannot be read: all of them."""
    config = run_config(request)[0]
    documents = source.documents
    if config.data.validation:
        documents += open_source(config.data.validation, options=read_options(config)).documents
    for document in documents:
        try:
            for _ in document.chunks():
                pass
        except DatasetError as error:
            facts = [*_encodings(request, [document.name])]
            more = _places(facts[0]) if facts and facts[0].invalid > 1 else ""
            yield UnreadableFile(document.name, error.message + more, error.hint)


def _encodings(request: RunRequest, names: Iterable[str]) -> Iterator[EncodingFacts]:
    """How those documents are written that are files of UTF-8."""
    data = run_config(request)[0].data
    if data.encoding == "utf-8" and data.column is None:
        yield from (check_encoding(path) for path in map(Path, names) if path.is_file())


def _places(facts: EncodingFacts) -> str:
    many = "at least " if facts.invalid == MAX_INVALID else ""
    places = ", ".join(f"line {line:,} (0x{byte:02x})" for line, byte in facts.places)
    return f"; {many}{facts.invalid:,} bytes are invalid: {places}, ..."


def check_text(request: RunRequest, source: Source) -> TextReport:
    """What can be said of a text, all of whose files can be read.

    Args:
        request: What would be trained, as for a run.
        source: The text.

    Raises:
        AttnError: The configuration or the text cannot be used.
    """
    start = new_run(request, SINGLE_PROCESS)
    corpus = start.corpus
    read = read_text(source, MAX_READ)
    by_end = corpus.validation_text is None and not isinstance(corpus.train, Examples)
    n_train = round(read.chars * (1 - corpus.validation_fraction)) if by_end else read.chars
    repeats = find_repeats(read.codes, min(n_train, len(read.codes)))
    tail = None
    if by_end:
        tail = compare_tail(corpus.ids, len(corpus.train), corpus.tokenizer.vocab_size)
    baselines = None
    if target_count(corpus.train) > 0 and target_count(corpus.validation) > 0:
        baselines = text_baselines(corpus.tokenizer, corpus.train, corpus.validation)
    plans: tuple[Plan, ...] = ()
    warnings = [*_warnings(read, repeats, tail, corpus), *notes_on_overlap(corpus)]
    try:
        plans = tuple(_plans(start, None if tail is not None and tail.is_unlike else baselines))
    except DatasetError as error:  # it is too short
        warnings.append(f"{error.message}; {error.hint}")
    encodings = [*_encodings(request, read.names)]
    return TextReport(
        text=source.names,
        chars=read.chars,
        utf8_bytes=read.utf8_bytes,
        lines=read.lines,
        documents=len(read.names),
        byte_order_marks=sum(facts.byte_order_mark for facts in encodings),
        carriage_returns=sum(facts.carriage_returns > 0 for facts in encodings),
        vocabulary=corpus.tokenizer.kind,
        symbols=corpus.tokenizer.vocab_size,
        changed=corpus.n_unknown,
        changed_examples=dict(corpus.examples),
        repeated=repeats,
        repeats_in=len(read.codes),
        tail=tail,
        baselines=baselines,
        plans=plans,
        notes=(*start.notes, *source.notes(), *(corpus.line_notes() if corpus.labels else ())),
        warnings=tuple(warnings),
    )


def _warnings(
    read: ReadText, repeats: Repeats, tail: TailComparison | None, corpus: Corpus
) -> Iterator[str]:
    """What would mislead, each with what to do about it."""
    if corpus.n_unknown:
        yield (
            f"{counted(corpus.n_unknown, 'character')} outside the vocabulary will be changed; "
            "to keep them, set data.tokenizer=corpus"
        )
    if repeats.fraction >= _REPEATED:
        yield from _repeat_warnings(read, repeats)
    if repeats.validation_fraction >= _REPEATED_VALIDATION:
        yield (
            f"{repeats.validation_fraction:.0%} of the validation split also occurs word for word "
            "in the training text, so its loss will look too good: delete the copies, or set "
            "data.validation=FILE to another text"
        )
    if tail is not None and tail.is_unlike:
        bits = (
            f"a 3-gram model needs {tail.tail_bits:.2f} bits per character for it and "
            f"{tail.spread_bits:.2f} for parts from all over the text"
        )
        if read.is_sorted:
            yield (
                f"its lines are sorted, so that its end, the validation split, is unlike the rest: "
                f"{bits}; give `lines`, which draws the validation split from all lines, or "
                "shuffle them"
            )
        else:
            yield (
                f"its end, the validation split, is unlike the rest: {bits}. The validation loss "
                "will mislead: shuffle the text, or give `lines` if each line stands by itself, or "
                "set data.validation=FILE"
            )
    if read.chars < _SMALL:
        yield (
            f"it is small: {read.chars:,} characters teach little more than spelling, and the "
            "validation loss will be uncertain; more text is what helps"
        )


def _repeat_warnings(read: ReadText, repeats: Repeats) -> Iterator[str]:
    named = 0.0
    for passage in repeats.passages:
        if passage.fraction < _REPEATED / 5:
            break
        named += passage.fraction
        places = ", ".join(read.lines_of(begin, passage.chars) for begin in passage.begins)
        more = ", ..." if passage.copies > len(passage.begins) else ""
        shown = quoted(read.text(passage.begins[0], min(_SHOWN, passage.chars)) + "...")
        yield (
            f"a passage of {passage.chars:,} characters occurs {_times(passage.copies)}, "
            f"{passage.fraction:.0%} of the text: {shown} ({places}{more}); keep one copy and "
            "delete the others, or the model will learn it by heart"
        )
    if repeats.fraction - named >= 2 * _REPEATED:
        yield (
            f"{repeats.fraction:.0%} of the text repeats earlier passages word for word, so there "
            "is less to learn than its size suggests: delete the copies if they are not wanted"
        )


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number:,} times"


def _plans(start: RunStart, baselines: Baselines | None) -> Iterator[Plan]:
    """What the minutes would choose, by the speed that is measured here.

    Args:
        start: What a run would start from.
        baselines: From which the loss is expected; None where nothing can be.
    """
    corpus = start.corpus
    if start.resize is None:
        return
    device = choose_device(start.config.train.device, SINGLE_PROCESS)
    threads = choose_threads(start.config.train.threads, device, SINGLE_PROCESS)
    try:
        choices = choose_sizes(
            start.resize, corpus, [60 * minutes for minutes in MINUTES], device, threads
        )
    finally:
        threads.release()
    for minutes, choice in zip(MINUTES, choices, strict=True):
        expected = None
        # Neither lines nor texts as small as this were among those of the fit.
        known = corpus.chars >= _SMALL and not isinstance(corpus.train, Examples)
        known = known and start.config.task == "lm"
        if baselines is not None and known:
            bits = expected_bits(baselines, choice.chars)
            expected = (bits * (1 - SPREAD), bits * (1 + SPREAD))
        model = choice.config.model
        yield Plan(
            minutes=minutes,
            n_layer=model.n_layer,
            n_embd=model.n_embd,
            block_size=model.block_size,
            chars=round(choice.chars),
            epochs=choice.chars / target_count(corpus.train),
            expected_bits=expected,
        )
