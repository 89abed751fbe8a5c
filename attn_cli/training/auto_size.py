"""Model size, batch size and learning rate for a text, a time and this machine.

The larger of two models learns more from each character, the smaller reads more of them
in the same time. Which of the two wins was measured (benchmarks/sizes.py, benchmarks/LOG.md)
and is written down here as the number of characters from which each size is worth having;
how many can be read in the time is measured on the spot.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from attn_cli.config.schema import Config, Task
from attn_cli.model.build import build_model
from attn_cli.objectives.labels import label_loss
from attn_cli.objectives.pair_loss import pair_loss
from attn_cli.objectives.text_objective import token_loss
from attn_cli.text.batches import Batch
from attn_cli.text.corpus import Corpus, check_length
from attn_cli.text.display import counted
from attn_cli.text.example_batches import labelled_batch, padded_batch
from attn_cli.text.examples import Examples
from attn_cli.text.pair_batches import pair_batch
from attn_cli.training.compile_policy import (
    WORTHWHILE_SECONDS,
    WORTHWHILE_SECONDS_IF_LENGTHS_VARY,
)
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.micro_batch import check_batch_divides, choose_micro_batch
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import MixedPrecisionModel, choose_precision
from attn_cli.training.size_recipes import (
    NGRAM_RECIPE,
    REREAD_EPOCHS,
    REREAD_SETTINGS,
    ModelSize,
    SizeRecipe,
    recipe_for,
)
from attn_cli.training.step import LossFunction, train_step
from attn_cli.training.threads import ThreadPolicy

# Seconds for the start, these measurements and the end; evaluations on the way take a share.
OVERHEAD_SECONDS = 6.0
STEPS_FRACTION = 0.95
# Lines of so many characters show how long lines are.
MEASURED_CHARS = 1_000_000
# With fewer steps than that, smaller batches are better; with a handful nothing is learned.
ENOUGH_STEPS, FEWEST_STEPS, SMALLEST_BATCH = 200, 20, 2
EVALUATIONS = 20
# The first is slower than the rest.
SPEED_STEPS = 3
_LOSSES: dict[Task, LossFunction] = {
    "lm": token_loss,
    "mlm": token_loss,
    "classify": label_loss,
    "seq2seq": pair_loss,
}


@dataclass(frozen=True)
class SizeChoice:
    """What was chosen, and why."""

    config: Config  # the configuration to train with
    reasons: tuple[str, ...]  # a few lines for the user
    chars: float  # how many characters it will be trained on
    speed: float  # characters a second, measured


def choose_size(
    configure: Callable[[dict[str, Any]], Config],
    corpus: Corpus,
    seconds: float,
    device: torch.device,
    threads: ThreadPolicy,
    world: World = SINGLE_PROCESS,
) -> SizeChoice:
    """The largest size that the time is long enough for.

    Args:
        configure: Makes a configuration of the settings of a size, under all that the
            user set.
        corpus: The text.
        seconds: For the whole run.
        device: Where it will be trained.
        threads: How many torch computes with.
        world: The processes that will train it together; the first one's clock decides.

    Raises:
        DatasetError: The text is too short for the smallest size.
        ConfigError: No batch of these sizes can be shared among the processes.
    """
    return choose_sizes(configure, corpus, [seconds], device, threads, world)[0]


def choose_sizes(
    configure: Callable[[dict[str, Any]], Config],
    corpus: Corpus,
    times: Sequence[float],
    device: torch.device,
    threads: ThreadPolicy,
    world: World = SINGLE_PROCESS,
) -> list[SizeChoice]:
    """What `choose_size` chooses for each of several times; each speed is measured once."""
    check_length(corpus, NGRAM_RECIPE.sizes[0].block_size)

    config = configure({})
    if config.task == "lm":  # the others have none, or recipes that do not need them
        config = configure(dict(NGRAM_RECIPE.settings))  # unless the user set `model.ngrams`
    recipe = recipe_for(corpus, config)

    @cache
    def speed_of(size: ModelSize) -> float:
        settings = configure({**size.settings(), **recipe.settings})
        check_batch_divides(settings, world)
        return world.broadcast(_chars_per_second(settings, corpus, device, threads, world))

    choices = []
    for seconds in times:
        plan = _plan(recipe, corpus, seconds, speed_of)
        config = configure(plan.settings(world.world_size))
        reasons = tuple(plan.reasons(config, seconds, corpus.tokenizer.unit))
        choices.append(SizeChoice(config, reasons, plan.chars, plan.speed))
    return choices


def _plan(
    recipe: SizeRecipe, corpus: Corpus, seconds: float, speed_of: Callable[[ModelSize], float]
) -> Plan:
    """The largest size of a recipe that the time is long enough for."""
    train = corpus.train
    lines = isinstance(train, Examples)
    train_chars = train.n_targets if isinstance(train, Examples) else len(train)
    for_steps = STEPS_FRACTION * max(seconds - OVERHEAD_SECONDS, seconds / 2)
    plan = None
    for size in recipe.sizes:
        speed = speed_of(size)
        chars = train_chars / len(train) if lines else size.block_size
        larger = Plan(recipe, size, train_chars, chars, speed * for_steps, speed)
        if plan is not None and not plan.yields_to(larger):
            break
        plan = larger
    assert plan is not None
    return plan


@dataclass(frozen=True)
class Plan:
    """A size for a text and a time."""

    recipe: SizeRecipe  # for texts of this kind
    size: ModelSize  # the model and its settings
    train_chars: int  # characters of the training text
    chars_per_sequence: float  # characters of a sequence, or of a line on average
    chars_in_time: float  # how many characters the time is enough for
    speed: float  # characters a second

    @property
    def most_epochs(self) -> float:
        """After how many epochs the text would only be memorised."""
        if self.recipe.has_ngrams and self.chars_in_time < REREAD_EPOCHS * self.train_chars:
            return 1.0
        return self.recipe.most_epochs_of_small if self.is_small else self.recipe.most_epochs

    @property
    def is_small(self) -> bool:
        """Whether the text is a small one."""
        return self.train_chars < self.recipe.small_chars

    @property
    def needs_dropout(self) -> bool:
        """Whether the text is so small and read so often that dropout pays."""
        often = self.chars > self.recipe.dropout_epochs * self.train_chars
        small_enough = self.recipe.dropout_chars
        return often and (small_enough is None or self.train_chars < small_enough)

    @property
    def chars(self) -> float:
        """Characters to train on, as far as time and text go."""
        return min(self.chars_in_time, self.most_epochs * self.train_chars)

    def yields_to(self, larger: Plan) -> bool:
        """Whether a larger size is worth having in the same time."""
        if larger.chars >= larger.size.min_train_chars:
            return True
        # This one would read the text again, the larger one often enough, too.
        least, text = larger.size.min_text_chars, self.train_chars
        often = larger.chars_in_time > larger.size.min_epochs * text
        return least is not None and text >= least and self.chars_in_time > text and often

    def settings(self, processes: int) -> dict[str, Any]:
        """As keys of a configuration, for a batch that so many processes can share."""
        batch, recipe = self.size.batch_size, self.recipe
        while self.chars / (batch * self.chars_per_sequence) < ENOUGH_STEPS:
            if batch <= SMALLEST_BATCH or (batch // 2) % processes:
                break
            batch //= 2
        steps = self.chars / (batch * self.chars_per_sequence)
        highest = recipe.small_learning_rate if self.is_small else math.inf
        return {
            **self.size.settings(),
            **recipe.settings,
            "model.dropout": recipe.dropout if self.needs_dropout else 0.0,
            **(REREAD_SETTINGS if recipe.has_ngrams and self.chars > self.train_chars else {}),
            "train.batch_size": batch,
            "train.learning_rate": min(self.size.learning_rate, highest),
            "train.max_epochs": self.most_epochs,
            "train.eval_every": max(1, round(steps / EVALUATIONS)),
            "train.patience": EVALUATIONS // 2,
        }

    def reasons(self, config: Config, seconds: float, unit: str) -> Iterator[str]:
        """Lines for the user: what the time allows, what was chosen, and how to choose."""
        model, train = config.model, config.train
        lines = config.data.records == "lines"
        enough = WORTHWHILE_SECONDS_IF_LENGTHS_VARY if lines else WORTHWHILE_SECONDS
        before = ", before compiling" if seconds > enough else ""
        yield (
            f"{seconds / 60:g} min: about {self.chars_in_time:,.0f} {unit}s at {self.speed:,.0f} "
            f"a second here{before}, {self.chars_in_time / self.train_chars:.1f} epochs"
        )
        if self.chars < self.chars_in_time:
            yield (
                f"it ends after {counted(round(self.most_epochs), 'epoch')}, about "
                f"{self.chars / self.speed:.0f} s, since more would only learn the text by heart "
                "(train.max_epochs); more text is what helps"
            )
        yield (
            f"chosen: {counted(model.n_layer, 'layer')}, width {model.n_embd}, "
            f"context {model.block_size}, batch {train.batch_size}, "
            f"learning rate {train.learning_rate:g}, dropout {model.dropout:g}"
        )
        if model.ngrams:
            least = train.table_min_count
            yield (
                f"and embeddings of the last {', '.join(map(str, model.ngrams))} {unit}s "
                f"(model.ngrams), dropout {model.ngram_dropout:g}"
                + f", those that the text has {least} times or more"
                * bool(least)
            )
        if self.chars / (train.batch_size * self.chars_per_sequence) < FEWEST_STEPS:
            yield "only a handful of steps fit into this time on this machine: give it more"
        yield "to choose the size yourself, give `config`, or `settings` model.…"


def _chars_per_second(
    config: Config,
    corpus: Corpus,
    device: torch.device,
    threads: ThreadPolicy,
    world: World,
) -> float:
    """How fast a model trains here, uncompiled: the fastest of three steps or a few more.

    What processes have to send one another is not in it.
    """
    vocab_size, n_labels = corpus.tokenizer.vocab_size, len(corpus.labels)
    with torch.random.fork_rng(devices=[]):
        model = build_model(config.model, vocab_size, config.task, n_labels).to(device)
        batch = _typical_batch(config, corpus, world).to(device)
    mp_model = MixedPrecisionModel(model, choose_precision(config.train.precision, device))
    optimizers = make_optimizers(model, config.train)
    micro_batch = choose_micro_batch(config, device, world.world_size, batch.inputs.shape[1])
    took: list[float] = []
    search = threads.new_search()
    while len(took) < SPEED_STEPS or not search.done:
        begin = time.perf_counter()
        with threads.using(search.threads):
            train_step(
                mp_model,
                optimizers,
                batch,
                step=len(took),
                micro_batch=micro_batch,
                lr_scale=0.0,
                grad_clip=1.0,
                loss_function=_LOSSES[config.task],
            )
        took.append(time.perf_counter() - begin)
        if not search.done:
            search.record(took[-1])
    return world.world_size * batch.char_count / min(took)


def _typical_batch(config: Config, corpus: Corpus, world: World) -> Batch:
    """A process's part of a batch: random ids, or lines of about the mean length."""
    batch_size, train = config.train.batch_size // world.world_size, corpus.train
    if not isinstance(train, Examples):
        ids = torch.randint(corpus.tokenizer.vocab_size, (batch_size, config.model.block_size))
        return Batch(ids, ids)
    some = train.fit(config.model.block_size, "cut").spread(MEASURED_CHARS).by_length()
    counts = some.target_counts
    middle = int(np.searchsorted(counts, counts.mean()))
    rows = np.arange(middle - batch_size // 2, middle - batch_size // 2 + batch_size)
    typical = some[rows.clip(0, len(some) - 1)]
    make_batch = {"classify": labelled_batch, "seq2seq": pair_batch}.get(config.task, padded_batch)
    return make_batch(typical, None)
