"""From prompts to generated texts: `attn generate`, and the samples of a training run."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attn_cli.errors import InputError, PromptError
from attn_cli.generation.beam_search import beam_search
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints, build_constraints
from attn_cli.generation.generate import GenerationState, generate, window_start
from attn_cli.generation.next_token_model import NextTokenModel, load_next_token_model
from attn_cli.generation.sampling import SeededStreams
from attn_cli.generation.selection import MAX_LEFT_OUT, Selection
from attn_cli.generation.text_stream import GeneratedText, TextStream
from attn_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

MAX_BATCH_BYTES = 2**29  # more texts become several batches


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
        """The constraints of a configuration, in ids; a line always ends at its end.

        Raises:
            InputError: This vocabulary cannot satisfy them.
        """
        if self.lines:
            config = dataclasses.replace(config, stop_at_eos=True)
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
        selection: Selection | None = None,
        *,
        log_probs: bool = False,
    ) -> Iterator[TextStream]:
        """The streams of each prompt with each seed, in batches that fit into memory.

        Args:
            prompts: What to continue.
            first_seed: The seed of the first sample of each prompt; the next has the next.
            num_samples: How many texts of each prompt.
            config: How to generate.
            selection: Which texts to keep; their streams are finished. More are sampled in place
                of the others, until a long row of them leaves none to be hoped for. None for all.
            log_probs: Whether to record each token's log-probability.

        Raises:
            InputError: As `stream` does.
        """
        if selection is not None:
            for prompt in prompts:
                yield from self._select(
                    prompt, first_seed, num_samples, config, selection, log_probs
                )
            return
        size = self.max_batch_size(prompts, config)
        requests = itertools.product(prompts, range(first_seed, first_seed + num_samples))
        while batch := list(itertools.islice(requests, size)):
            its_prompts, its_seeds = zip(*batch, strict=True)
            yield from self.stream(its_prompts, its_seeds, config, log_probs=log_probs)

    def _select(
        self,
        prompt: str,
        seed: int,
        num_samples: int,
        config: GenerationConfig,
        selection: Selection,
        log_probs: bool,
    ) -> Iterator[TextStream]:
        """The finished streams of a prompt that a selection keeps."""
        most = self.max_batch_size([prompt], config)
        tried = found = left_out = 0  # the last in a row
        while left_out < MAX_LEFT_OUT:
            # What is missing, and as many more as were left out of those so far.
            size = (num_samples - found) * (tried + 1) // (found + 1)
            size = min(size, most, MAX_LEFT_OUT - left_out)
            for stream in self.stream(
                [prompt] * size, range(seed, seed + size), config, log_probs=log_probs
            ):
                if not selection.keep(prompt + stream.result().text):
                    left_out += 1
                    continue
                yield stream
                found, left_out = found + 1, 0
                if found == num_samples:
                    return
            tried, seed = tried + size, seed + size

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
        if self.lines and "\n" in prompt:
            raise PromptError(
                "the prompt has a newline, and this model writes single lines",
                "give the beginning of one line",
            )
        ids = self._encode(prompt)
        return [self.bos_id, *ids] if self.lines or not ids else ids

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, unknown="error").tolist()
        return ids


def load_text_generator(loaded: LoadedModel, device: str = "cpu") -> TextGenerator:
    """The generator of a loaded model, on a device that torch knows by this name."""
    loaded.require("lm", "generating text")
    model = load_next_token_model(loaded, device)
    return TextGenerator(model, loaded.tokenizer, loaded.bos_id, lines=loaded.lines)
