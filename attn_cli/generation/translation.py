"""From sources to targets: `attn generate` with an encoder-decoder, or several together.

Shapes: N sources, B of a batch, S source, T target.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import torch

from attn_cli.errors import InputError, PromptError
from attn_cli.generation.beam_search import beam_search
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints, FinishReason, build_constraints
from attn_cli.generation.generate import GenerationState, generate
from attn_cli.generation.next_token_model import NextTokenModel
from attn_cli.generation.source_model import EnsembleModel, SourceModel
from attn_cli.generation.target_scores import target_log_probs
from attn_cli.runs.load_model import check_ensemble
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.display import quoted
from attn_cli.text.padded_texts import PaddedTexts, padded_batches
from attn_cli.text.tokenizer import TokenIds, UnknownPolicy

MAX_BEAMS = 1024
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "typical_p")
MAX_SHOWN = 60  # characters of a source in an error
CHUNK = 1024  # sources that are read at once; those of about the same length go together


@dataclass(frozen=True)
class Target:
    """What a model wrote for a source."""

    text: str  # as a user writes a target
    ids: tuple[int, ...]  # the same in ids, without its end
    log_prob: float  # of all of it with its end, natural
    seed: int | None  # of its random numbers; None where nothing was sampled
    finish_reason: FinishReason  # why it ended

    @property
    def score(self) -> float:
        """The mean log-probability of its symbols with the end, by which beams are ranked.

        The sum would prefer short targets (Wu et al. 2016, section 7).
        """
        return self.log_prob / (len(self.ids) + 1)


@dataclass(frozen=True)
class Translation:
    """A source and what was written for it, the best first."""

    source: str
    targets: tuple[Target, ...]


def target_defaults(given: Collection[str], block_size: int) -> dict[str, Any]:
    """What of a `GenerationConfig` is other for targets than for texts, where it is left out.

    The most probable characters are written, unless something is given that is of sampling; and
    a target is as long as the context allows.

    Args:
        given: The names of what is given.
        block_size: The context, in tokens.
    """
    return {
        "temperature": float(any(name in given for name in _SAMPLING)),
        "max_new_chars": block_size,
    }


class Translator:
    """An encoder-decoder with its vocabulary, or several of which the probabilities are averaged.

    Args:
        loaded: At least one, of task seq2seq; all of one vocabulary and with the same columns.
        device: Where to compute, by torch's name for it.
        unknown: What to do with characters of sources that are outside the vocabulary.

    Attributes:
        changed: Such characters so far, each with what was read instead.

    Raises:
        InputError: One of them is of another task, vocabulary or kind of table.
    """

    def __init__(
        self,
        loaded: Sequence[LoadedModel],
        device: str = "cpu",
        unknown: UnknownPolicy = "error",
    ) -> None:
        self._loaded = first = loaded[0]
        check_ensemble(loaded)
        self._device = device
        self._unknown: UnknownPolicy = unknown
        self.changed: dict[str, str] = {}
        self.models = [each.encoder_decoder.to(device) for each in loaded]
        self.tokenizer = first.tokenizer

    @cached_property
    def block_size(self) -> int:
        """The shortest context of the models."""
        return min(model.config.block_size for model in self.models)

    def constraints(self, config: GenerationConfig) -> Constraints:
        """The constraints of a configuration, in ids; a target ends with its end.

        Raises:
            InputError: This vocabulary cannot satisfy them.
        """
        if config.regex is not None and self._loaded.pair_format.target_words:
            raise InputError(
                "`regex` is of characters, and the targets of this model are words",
                "leave it out",
            )
        if config.num_beams > MAX_BEAMS:
            raise InputError(
                f"`num_beams` {config.num_beams:,} are too many", f"give at most {MAX_BEAMS:,}"
            )
        length = min(config.max_new_chars, self.block_size)
        config = dataclasses.replace(config, stop_at_eos=True, max_new_chars=length)
        return build_constraints(config, self.tokenizer, self._loaded.bos_id)

    def translate(
        self, sources: Iterable[str], config: GenerationConfig, num_targets: int = 1, seed: int = 0
    ) -> Iterator[Translation]:
        """What is written for each of any number of sources, in order and in constant memory.

        A target depends on its own source and seed alone, not on the others.

        Args:
            sources: As a user types them, features behind a tab; read while this is iterated.
            config: How to choose characters; at temperature 0 the most probable ones.
            num_targets: How many targets of each source; more than one are sampled, or found by
                beam search.
            seed: Of the first target of each source, where they are sampled.

        Raises:
            InputError: A source or the configuration does not fit the vocabulary.
        """
        if num_targets > 1 and config.num_beams == 1 and config.temperature == 0:
            raise InputError(
                f"`num_samples` {num_targets}: the most probable target is one",
                "give `num_beams` for several, the best first, or `temperature` to sample them",
            )
        constraints = self.constraints(config)
        sources, done = iter(sources), 0
        while chunk := list(islice(sources, CHUNK)):
            ids = [self._encode(source, done + place) for place, source in enumerate(chunk)]
            found: dict[int, tuple[Target, ...]] = {}
            for batch in padded_batches(ids):
                written = self._write(batch, config, constraints, num_targets, seed)
                found |= dict(zip(batch.indices, written, strict=True))
            for place, source in enumerate(chunk):
                yield Translation(source, found[place])
            done += len(chunk)

    def _encode(self, source: str, place: int) -> list[int]:
        """The ids of a source with its end."""
        try:
            ids: list[int] = self._source_ids(source).tolist()
            if len(ids) >= self.block_size:
                raise PromptError(
                    f"it has {len(ids):,} characters, and the model reads at most "
                    f"{self.block_size - 1:,}",
                    "give a shorter one",
                )
        except PromptError as error:
            dots = "..." * (len(source) > MAX_SHOWN)
            shown = f"source {place + 1:,}, {quoted(source[:MAX_SHOWN])}{dots}"
            raise PromptError(f"{shown}: {error.message}", error.hint) from None
        return [*ids, self._loaded.bos_id]

    def _source_ids(self, source: str) -> TokenIds:
        """The ids of a source without its end; what is unknown of it is treated as was asked."""
        if self._unknown == "error":
            return self._loaded.encode_source(source)
        typed = self._loaded.pair_format.typed_source(source)
        encoded = self.tokenizer.encode_with_report(typed, self._unknown)
        self.changed |= dict(encoded.examples)
        return encoded.ids

    def _write(
        self,
        batch: PaddedTexts,
        config: GenerationConfig,
        constraints: Constraints,
        num_targets: int,
        seed: int,
    ) -> list[tuple[Target, ...]]:
        """The targets of each source of a batch."""
        if config.num_beams > 1:
            states = [
                beam_search(self._model(batch, [row]), [self._loaded.bos_id], config, constraints)
                for row in range(len(batch.indices))
            ]
            of_each = [found[:num_targets] for found in states]
        else:
            rows = [row for row in range(len(batch.indices)) for _ in range(num_targets)]
            seeds = [seed + number for _ in batch.indices for number in range(num_targets)]
            sampled = [GenerationState([self._loaded.bos_id], each) for each in seeds]
            for _ in generate(self._model(batch, rows), sampled, config, constraints):
                pass
            firsts = range(0, len(rows), num_targets)
            of_each = [sampled[first : first + num_targets] for first in firsts]
        rows = [row for row, states in enumerate(of_each) for _ in states]
        ids = [state.ids for states in of_each for state in states]
        log_probs = iter(
            target_log_probs(self.models, *self._sources(batch, rows), ids, self._loaded.bos_id)
        )
        sampled_at_random = config.num_beams == 1 and config.temperature > 0
        return [
            tuple(self._target(state, next(log_probs), sampled_at_random) for state in states)
            for states in of_each
        ]

    def _target(self, state: GenerationState, log_prob: float, is_random: bool) -> Target:
        assert state.finish_reason is not None
        text = self._loaded.pair_format.readable_target(self.tokenizer.decode(state.ids))
        seed = state.seed if is_random else None
        return Target(text, tuple(state.ids), log_prob, seed, state.finish_reason)

    def _model(self, batch: PaddedTexts, rows: Sequence[int]) -> NextTokenModel:
        """The next-token model of some rows of a batch."""
        models = [SourceModel(model, *self._sources(batch, rows)) for model in self.models]
        return models[0] if len(models) == 1 else EnsembleModel(models)

    def _sources(
        self, batch: PaddedTexts, rows: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Some sources of a batch, (B, S), and where there is no padding."""
        chosen, mask = list(rows), batch.mask
        ids = batch.ids[chosen].to(self._device)
        return ids, None if mask is None else mask[chosen].to(self._device)
