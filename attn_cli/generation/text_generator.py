"""From prompts to generated texts: `attn generate`, and the samples of a training run."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attn_cli.errors import InputError
from attn_cli.generation.beam_search import beam_search
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints, FinishReason, build_constraints
from attn_cli.generation.generate import GenerationState, generate, window_start
from attn_cli.generation.next_token_model import NextTokenModel, load_next_token_model
from attn_cli.generation.sampling import SeededStreams
from attn_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

MAX_BATCH_BYTES = 2**29  # more texts become several batches


@dataclass(frozen=True)
class Alternative:
    """A character that could have come, and its probability after the sampling filters."""

    char: str
    prob: float


@dataclass(frozen=True)
class GeneratedText:
    """A text that a model generated."""

    prompt: str  # what it continues
    text: str  # what was generated after that
    ids: tuple[int, ...]  # the same in ids
    seed: int | None  # of its random numbers; None of beam search
    finish_reason: FinishReason  # why it ended
    log_probs: tuple[float, ...] = ()  # the model's own, natural, of each token, where asked for
    probs: tuple[float, ...] = ()  # that each was sampled with, where alternatives were asked for
    alternatives: tuple[tuple[Alternative, ...], ...] = ()  # to each, the most probable first


@dataclass(eq=False)
class TextStream:
    """A text while it is generated; iterating over it yields the new characters.

    The texts of a batch are generated together: iterating over one advances them all.
    """

    prompt: str
    _state: GenerationState
    _constraints: Constraints
    _tokenizer: Tokenizer
    _steps: Iterator[None]
    _yielded: int = 0

    def __post_init__(self) -> None:
        self._decode = self._tokenizer.stream_decoder()

    @property
    def seed(self) -> int:
        """The seed of its random numbers."""
        return self._state.seed

    def __iter__(self) -> Iterator[str]:
        while self._state.finish_reason is None:
            next(self._steps)
            yield self._new_text()
        yield self._new_text()  # everything, if it finished while another text was read

    def token_details(self) -> Iterator[tuple[str, float, tuple[Alternative, ...]]]:
        """Each token: its symbol, the probability it was sampled with, the alternatives."""
        symbols = self._tokenizer.symbols
        for id_, token in zip(self._state.ids, self._state.tokens, strict=True):
            others = (Alternative(symbols[other], prob) for other, prob in token.alternatives)
            yield symbols[id_], token.prob, tuple(others)

    def result(self) -> GeneratedText:
        """The finished text; generates what is missing."""
        while self._state.finish_reason is None:
            next(self._steps)
        tokens = self._state.tokens
        detailed = any(token.alternatives for token in tokens)
        return GeneratedText(
            self.prompt,
            self._tokenizer.decode(self._state.ids),
            tuple(self._state.ids),
            self.seed,
            self._state.finish_reason,
            tuple(token.log_prob for token in tokens),
            tuple(token.prob for token in tokens) if detailed else (),
            tuple(others for _, _, others in self.token_details()) if detailed else (),
        )

    def _new_text(self) -> str:
        """The characters since the last call that no stop string can take back."""
        ids, begin = self._state.ids, self._yielded
        finished = self._state.finish_reason is not None
        self._yielded = len(ids)
        if not finished:
            self._yielded -= self._constraints.pending_stop_length(ids)
        text = "".join(map(self._decode, ids[begin : self._yielded]))
        return text + self._decode.flush() if finished else text


@dataclass(frozen=True, eq=False)
class TextGenerator:
    """A model with its vocabulary: prompts in, texts out."""

    model: NextTokenModel
    tokenizer: Tokenizer
    bos_id: int  # that a document begins after; an empty prompt is this one
    lines: bool = False  # whether it was trained on lines, each after `bos_id` and before another

    @property
    def eos_id(self) -> int | None:
        """The id that ends a document; None where the training text was a single document."""
        return self.bos_id if self.lines else self.tokenizer.eos_id(self.bos_id)

    def constraints(self, config: GenerationConfig) -> Constraints:
        """The constraints of a configuration, in ids.

        Raises:
            InputError: This vocabulary cannot satisfy them.
        """
        return build_constraints(config, self.tokenizer, self.eos_id)

    def prompt_lengths(self, prompt: str) -> tuple[int, int]:
        """The length of a prompt, and of the end of it that the model sees; in tokens."""
        length = len(self._encode(prompt))
        return length, length - window_start(length, self.model.config.block_size)

    def stream(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        config: GenerationConfig,
        *,
        log_probs: bool = False,
    ) -> list[TextStream]:
        """One stream for each prompt with its seed; nothing is generated before it is read.

        Raises:
            InputError: A prompt or the configuration does not fit the vocabulary, or the
                configuration asks for beam search.
        """
        if config.num_beams > 1:
            raise InputError("`num_beams` needs beam search, and a stream is sampled")
        constraints = self.constraints(config)
        states = [
            GenerationState(self._begin(prompt), seed)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        steps = generate(self.model, states, config, constraints, log_probs=log_probs)
        return [
            TextStream(prompt, state, constraints, self.tokenizer, steps)
            for prompt, state in zip(prompts, states, strict=True)
        ]

    def sample(
        self,
        prompts: Sequence[str],
        first_seed: int,
        num_samples: int,
        config: GenerationConfig,
        *,
        log_probs: bool = False,
    ) -> Iterator[list[TextStream]]:
        """The streams of each prompt with each seed, in batches that fit into memory.

        Args:
            prompts: What to continue.
            first_seed: The seed of the first sample of each prompt; the next has the next.
            num_samples: How many texts of each prompt.
            config: How to generate.
            log_probs: Whether to record each token's log-probability.

        Raises:
            InputError: As `stream` does.
        """
        size = self.max_batch_size(prompts, config)
        requests = itertools.product(prompts, range(first_seed, first_seed + num_samples))
        while batch := list(itertools.islice(requests, size)):
            its_prompts, its_seeds = zip(*batch, strict=True)
            yield self.stream(its_prompts, its_seeds, config, log_probs=log_probs)

    def max_batch_size(self, prompts: Sequence[str], config: GenerationConfig) -> int:
        """How many texts of these prompts fit into memory at once, at least one."""
        model = self.model.config
        longest = max((self.prompt_lengths(prompt)[0] for prompt in prompts), default=0)
        longest += config.max_new_chars
        cached = 2 * model.n_layer * model.n_embd * min(longest, model.block_size)
        # Some rows of probabilities in double precision, and the random numbers drawn ahead.
        others = 4 * self.model.vocab_size + 2 * SeededStreams.DRAWN_AHEAD
        return max(1, MAX_BATCH_BYTES // (4 * cached + 8 * others))

    def beam_search(self, prompt: str, config: GenerationConfig) -> list[GeneratedText]:
        """The most probable continuations that beam search finds, best first.

        Of what changes the probabilities, only the repetition penalty applies.

        Raises:
            InputError: The prompt or the configuration does not fit the vocabulary.
        """
        most = self.max_batch_size([prompt], config)
        if config.num_beams > most:
            raise InputError(
                f"`num_beams` {config.num_beams:,} are too many", f"{most:,} fit into memory"
            )
        constraints, ids = self.constraints(config), self._begin(prompt)
        found = beam_search(self.model, ids, config, constraints)
        return [
            dataclasses.replace(
                TextStream(prompt, state, constraints, self.tokenizer, iter(())).result(), seed=None
            )
            for state in found
        ]

    def sample_document(self, seed: int, config: GenerationConfig) -> str:
        """One document from its beginning, as a training run samples it."""
        config = dataclasses.replace(config, stop_at_eos=self.eos_id is not None)
        return self.stream([""], [seed], config)[0].result().text

    def sample_lines(self, seed: int, count: int, config: GenerationConfig) -> str:
        """Some lines, each from its beginning, as a training run of lines samples them."""
        longest = min(config.max_new_chars, self.model.config.block_size)
        config = dataclasses.replace(config, stop_at_eos=True, max_new_chars=longest)
        streams = self.stream([""] * count, range(seed, seed + count), config)
        return "\n".join(stream.result().text for stream in streams)

    def _begin(self, prompt: str) -> list[int]:
        """The ids that a text with this prompt begins with."""
        ids = self._encode(prompt)
        return [self.bos_id, *ids] if self.lines or not ids else ids

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, unknown="error").tolist()
        return ids


def load_text_generator(loaded: LoadedModel, device: str = "cpu") -> TextGenerator:
    """The generator of a loaded model, on a device that torch knows by this name."""
    model = load_next_token_model(loaded, device)
    return TextGenerator(model, loaded.tokenizer, loaded.bos_id, lines=loaded.lines)
