"""From prompts to texts in characters: what `attn generate` and a run's samples are made by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import InputError, PromptError
from attn_cli.generation.automaton import Automaton, anything, pattern, usable_ids
from attn_cli.generation.beam import search
from attn_cli.generation.decoder import Decoder
from attn_cli.generation.engine import Text, write
from attn_cli.generation.reader import window_start
from attn_cli.generation.rules import FinishReason, Rules
from attn_cli.generation.sampling import Controls, RandomStreams
from attn_cli.generation.weights import Named
from attn_cli.generation.wishes import Wishes
from attn_cli.text.tokenizer import Tokenizer

# Bytes that one batch may take; more samples become several batches.
BATCH_BYTES = 2**29
ALTERNATIVES = 5  # how many `explain` tells of


@dataclass(frozen=True)
class Alternative:
    """A character that might have come, and its odds after the controls."""

    char: str
    odds: float


@dataclass(frozen=True)
class Sample:
    """A text that a model wrote.

    Attributes:
        prompt: What it was given.
        text: What it wrote after that.
        seed: What its choices were drawn from; None of beam search.
        finish_reason: Why it ended; see `Text`.
        log_probs: The model's own log-probability (natural, before all controls) of each
            character that it wrote; of each byte with a vocabulary of bytes.
        odds: How likely each was after the controls, where that was asked for.
        alternatives: What else might have come in place of each, likewise.
    """

    prompt: str
    text: str
    seed: int | None
    finish_reason: FinishReason
    log_probs: tuple[float, ...] = ()
    odds: tuple[float, ...] = ()
    alternatives: tuple[tuple[Alternative, ...], ...] = ()


class Writing:
    """A text on its way, to be told as it comes."""

    def __init__(self, prompt: str, text: Text, rules: Rules, tokenizer: Tokenizer) -> None:
        self.prompt = prompt
        self._text = text
        self._rules = rules
        self._tokenizer = tokenizer
        self._decode = tokenizer.stream_decoder()
        self._told = 0

    @property
    def seed(self) -> int:
        """What its choices are drawn from."""
        return self._text.seed

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._text.finish_reason is not None

    def news(self) -> str:
        """The characters that have come since the last call, and will stay."""
        text, begin = self._text, self._told
        self._told = len(text.ids)
        if not self.over:
            # The last ones may turn out to be a stop.
            self._told -= self._rules.held(text.ids)
        pieces = "".join(map(self._decode, text.ids[begin : self._told]))
        return pieces + self._decode.flush() if self.over else pieces

    def explained(self) -> Iterator[tuple[str, float, tuple[Alternative, ...]]]:
        """Of each character: itself, its odds after the controls, and the likeliest ones."""
        symbols = self._tokenizer.symbols
        for id_, detail in zip(self._text.ids, self._text.details, strict=True):
            others = (Alternative(symbols[other], odds) for other, odds in detail.alternatives)
            yield symbols[id_], detail.odds, tuple(others)

    def sample(self, *, drawn: bool = True) -> Sample:
        """All of it, when it is over."""
        text = self._text
        assert text.finish_reason is not None
        explains = any(detail.alternatives for detail in text.details)
        return Sample(
            self.prompt,
            self._tokenizer.decode(text.ids),
            text.seed if drawn else None,
            text.finish_reason,
            tuple(detail.log_prob for detail in text.details),
            tuple(detail.odds for detail in text.details) if explains else (),
            tuple(others for _, _, others in self.explained()) if explains else (),
        )


class Writer:
    """A model and its vocabulary.

    Args:
        config: The `model` section of the run.
        named: Its parameters by name, as a checkpoint has them.
        tokenizer: Its vocabulary.
        bos_id: What a document begins after; an empty prompt is this.
    """

    def __init__(
        self, config: ModelConfig, named: Named, tokenizer: Tokenizer, bos_id: int
    ) -> None:
        self.decoder = Decoder(config, named)
        self.tokenizer = tokenizer
        self.bos_id = bos_id
        self._automata: dict[tuple[str | None, ...], Automaton] = {}

    def rules(self, wishes: Wishes) -> Rules:
        """The wishes in ids.

        Raises:
            InputError: They cannot be fulfilled with this vocabulary.
        """
        document = self._end_of_documents()
        if wishes.until_end and document is None:
            raise InputError(
                "--until-end: the text that this model learned from has no documents",
                "their separator is the form feed; --stop ends a text at any string",
            )
        if "\f" in (wishes.forbid or ""):
            if wishes.until_end:
                raise InputError("--forbid has the form feed, which --until-end waits for")
            document = None
        # Where a pattern may end, the model decides whether it does, by the end of a document.
        ends = document if wishes.until_end or wishes.regex is not None else None
        stops = (tuple(self._encoded(stop, "--stop ")) for stop in wishes.stops)
        # Of two that end together the longer began first.
        return Rules(
            wishes.max_new,
            ends,
            tuple(sorted(stops, key=len, reverse=True)),
            self._automaton(wishes, ends),
        )

    def _automaton(self, wishes: Wishes, ends: int | None) -> Automaton | None:
        """What a continuation has to match; a large one is slow to build, and built once."""
        key = (wishes.allow, wishes.forbid, wishes.regex)
        if key == (None, None, None):
            return None
        if key not in self._automata:
            usable = usable_ids(self.tokenizer, wishes.allow, wishes.forbid, ends)
            self._automata[key] = (
                anything(usable)
                if wishes.regex is None
                else pattern(wishes.regex, self.tokenizer, usable)
            )
        automaton = self._automata[key]
        if automaton.shortest > wishes.max_new:
            raise InputError(
                f"--regex {wishes.regex!r} needs {automaton.shortest:,} characters at "
                f"least, and --max-new-chars is {wishes.max_new:,}"
            )
        return automaton

    def seen(self, prompt: str) -> tuple[int, int]:
        """How long a prompt is, and how much of its end the model sees; in ids."""
        length = len(self._encoded(prompt))
        return length, length - window_start(length, self.decoder.config.block_size)

    def begin(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        wishes: Wishes,
        *,
        log_probs: bool = False,
    ) -> tuple[list[Writing], Iterator[None]]:
        """Texts that continue prompts, and the steps that write them.

        Each of the steps adds a character to every text that is not over.

        Args:
            prompts: One for each text.
            seeds: One for each text.
            wishes: How to write them.
            log_probs: Whether to keep each character's log-probability.

        Raises:
            InputError: A prompt or a wish does not fit the vocabulary.
        """
        rules = self.rules(wishes)
        texts = [
            Text(self._encoded(prompt) or [self.bos_id], seed)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        writings = [
            Writing(prompt, text, rules, self.tokenizer)
            for prompt, text in zip(prompts, texts, strict=True)
        ]
        alternatives = ALTERNATIVES if wishes.explain else 0 if log_probs else None
        return writings, write(
            self.decoder, texts, wishes.controls, rules, alternatives=alternatives
        )

    def batch_size(self, prompts: Sequence[str], wishes: Wishes) -> int:
        """How many texts of these prompts are written at once."""
        config = self.decoder.config
        longest = max(self.seen(prompt)[0] for prompt in prompts) + wishes.max_new
        cached = 2 * config.n_layer * config.n_embd * min(longest, config.block_size)
        # Some rows of odds in double precision, and the random numbers drawn ahead.
        others = 4 * self.decoder.vocab_size + 2 * RandomStreams.AHEAD
        return max(1, BATCH_BYTES // (4 * cached + 8 * others))

    def likeliest(self, prompt: str, wishes: Wishes) -> list[Sample]:
        """The likeliest continuations that beam search finds, best first.

        Raises:
            InputError: The prompt or a wish does not fit the vocabulary.
        """
        most = self.batch_size([prompt], wishes)
        if wishes.beams > most:
            raise InputError(f"--beams {wishes.beams:,} are too many", f"{most:,} fit into memory")
        rules, ids = self.rules(wishes), self._encoded(prompt) or [self.bos_id]
        found = search(self.decoder, ids, wishes.beams, wishes.controls, rules)
        return [Writing(prompt, text, rules, self.tokenizer).sample(drawn=False) for text in found]

    def document(self, seed: int, max_new: int, controls: Controls) -> str:
        """One document from its beginning, as a run writes it while it trains."""
        wishes = Wishes(max_new, controls, until_end=self._end_of_documents() is not None)
        (writing,), steps = self.begin([""], [seed], wishes)
        for _ in steps:
            pass
        return writing.sample().text

    def _encoded(self, text: str, option: str = "") -> list[int]:
        try:
            ids: list[int] = self.tokenizer.encode(text, unknown="error").tolist()
        except PromptError as error:
            named = f"{option}{text!r}: " if option else ""
            raise PromptError(f"{named}{error.message}", error.hint) from None
        return ids

    def _end_of_documents(self) -> int | None:
        """The id that ends a document, where the model has learned from several."""
        separator = self.tokenizer.document_separator_id
        is_form_feed = self.tokenizer.symbols[separator] == "\f"
        return separator if is_form_feed and self.bos_id == separator else None
