"""Model size, batch size and learning rate for a text, a time and this machine.

The larger of two models learns more from each character, the smaller reads more of them
in the same time. Which of the two wins was measured (benchmarks/sizes.py, benchmarks/LOG.md)
and is written down here as the number of characters from which each size is worth having;
how many can be read in the time is measured on the spot.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from attn_cli.config.schema import Config
from attn_cli.model.build import build_model
from attn_cli.text.batches import Batch
from attn_cli.text.corpus import Corpus, check_length
from attn_cli.training.compile_policy import WORTHWHILE_SECONDS
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.micro_batch import check_batch_divides, choose_micro_batch
from attn_cli.training.parameter_groups import make_optimizers
from attn_cli.training.precision import MixedPrecisionModel, choose_precision
from attn_cli.training.step import train_step
from attn_cli.training.threads import ThreadPolicy

# Seconds for the start, these measurements and the end; evaluations on the way take a share.
OVERHEAD_SECONDS = 6.0
STEPS_FRACTION = 0.95
# Epochs after which a model only memorises a text: fewer where the text is small.
MOST_EPOCHS, MOST_EPOCHS_OF_SMALL = 6.0, 4.0
SMALL_CHARS = 200_000
# Below this many characters dropout pays even so.
DROPOUT_CHARS, DROPOUT = 20_000, 0.1
# With fewer steps than that, smaller batches are better; with a handful nothing is learned.
ENOUGH_STEPS, FEWEST_STEPS, SMALLEST_BATCH = 200, 20, 2
EVALUATIONS = 20
# The first is slower than the rest.
SPEED_STEPS = 3


@dataclass(frozen=True)
class ModelSize:
    """A model and its recipe."""

    n_layer: int
    n_embd: int
    n_head: int
    block_size: int  # characters a sequence
    batch_size: int  # sequences a step
    learning_rate: float  # AdamW's peak learning rate
    min_train_chars: int  # characters of training from which it beats the size before it

    def settings(self) -> dict[str, Any]:
        """As keys of a configuration."""
        return {
            "model.block": "qwen3",
            "model.position": "rope",
            "model.n_layer": self.n_layer,
            "model.n_embd": self.n_embd,
            "model.n_head": self.n_head,
            "model.block_size": self.block_size,
            "model.tie_embeddings": False,
            "train.optimizer": "muon",
            "train.batch_size": self.batch_size,
            "train.learning_rate": self.learning_rate,
            "train.min_learning_rate": 0.0,
            "train.lr_schedule": "linear",
            "train.warmup_steps": 10,
            "train.weight_decay": 0.1,
            "train.beta2": 0.95,
        }


# The second and third are between two measured lengths of training, one on either side of
# where they win or come level; the last is an estimate, in proportion to its parameters.
SIZES = (
    ModelSize(2, 128, 2, 64, 8, 2e-2, min_train_chars=0),
    ModelSize(4, 192, 3, 128, 16, 1e-2, min_train_chars=350_000),
    ModelSize(6, 192, 3, 256, 16, 1e-2, min_train_chars=2_000_000),
    ModelSize(6, 384, 6, 256, 32, 4e-3, min_train_chars=20_000_000),
)


@dataclass(frozen=True)
class SizeChoice:
    """What was chosen, and why."""

    config: Config  # the configuration to train with
    reasons: tuple[str, ...]  # a few lines for the user


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
    check_length(corpus, SIZES[0].block_size)
    fitting = [size for size in SIZES if size.block_size < len(corpus.train)]
    for_steps = STEPS_FRACTION * max(seconds - OVERHEAD_SECONDS, seconds / 2)
    plan = None
    for size in fitting:
        settings = configure(size.settings())
        check_batch_divides(settings, world)
        speed = world.broadcast(_chars_per_second(settings, corpus, device, threads, world))
        larger = Plan(size, len(corpus.train), speed * for_steps, speed)
        if plan is not None and larger.chars < size.min_train_chars:
            break
        plan = larger
    assert plan is not None
    config = configure(plan.settings(world.world_size))
    return SizeChoice(config, tuple(plan.reasons(config, seconds, corpus.tokenizer.unit)))


@dataclass(frozen=True)
class Plan:
    """A size for a text and a time."""

    size: ModelSize  # the model and its recipe
    train_chars: int  # characters of the training text
    chars_in_time: float  # how many characters the time is enough for
    speed: float  # characters a second

    @property
    def most_epochs(self) -> float:
        """After how many epochs the text would only be memorised."""
        return MOST_EPOCHS_OF_SMALL if self.train_chars < SMALL_CHARS else MOST_EPOCHS

    @property
    def chars(self) -> float:
        """Characters to train on, as far as time and text go."""
        return min(self.chars_in_time, self.most_epochs * self.train_chars)

    def settings(self, processes: int) -> dict[str, Any]:
        """As keys of a configuration, for a batch that so many processes can share."""
        batch = self.size.batch_size
        while self.chars / (batch * self.size.block_size) < ENOUGH_STEPS:
            if batch <= SMALLEST_BATCH or (batch // 2) % processes:
                break
            batch //= 2
        steps = self.chars / (batch * self.size.block_size)
        small = self.train_chars < SMALL_CHARS
        return {
            **self.size.settings(),
            "model.dropout": DROPOUT if self.train_chars < DROPOUT_CHARS else 0.0,
            "train.batch_size": batch,
            "train.learning_rate": min(self.size.learning_rate, 1e-2 if small else math.inf),
            "train.max_epochs": self.most_epochs,
            "train.eval_every": max(1, round(steps / EVALUATIONS)),
            "train.patience": EVALUATIONS // 2,
        }

    def reasons(self, config: Config, seconds: float, unit: str) -> Iterator[str]:
        """Lines for the user: what the time allows, what was chosen, and how to choose."""
        model, train = config.model, config.train
        before = ", before compiling" if seconds > WORTHWHILE_SECONDS else ""
        yield (
            f"{seconds / 60:g} min: about {self.chars_in_time:,.0f} {unit}s at {self.speed:,.0f} "
            f"a second here{before}, {self.chars_in_time / self.train_chars:.1f} epochs"
        )
        if self.chars < self.chars_in_time:
            yield (
                f"the text is small: it ends after {self.most_epochs:g} epochs, about "
                f"{self.chars / self.speed:.0f} s, since more would only learn it by heart "
                "(train.max_epochs); more text is what helps"
            )
        yield (
            f"chosen: {model.n_layer} layers, width {model.n_embd}, context {model.block_size}, "
            f"batch {train.batch_size}, learning rate {train.learning_rate:g}, "
            f"dropout {model.dropout:g}"
        )
        if self.chars / (train.batch_size * model.block_size) < FEWEST_STEPS:
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
    vocab_size = corpus.tokenizer.vocab_size
    with torch.random.fork_rng(devices=[]):
        model = build_model(config.model, vocab_size).to(device)
        shape = (config.train.batch_size // world.world_size, config.model.block_size)
        ids = torch.randint(vocab_size, shape, device=device)
    mp_model = MixedPrecisionModel(model, choose_precision(config.train.precision, device))
    optimizers = make_optimizers(model, config.train)
    took: list[float] = []
    search = threads.new_search()
    while len(took) < SPEED_STEPS or not search.done:
        begin = time.perf_counter()
        with threads.using(search.threads):
            train_step(
                mp_model,
                optimizers,
                Batch(ids, ids),
                step=len(took),
                micro_batch=choose_micro_batch(config, device, world.world_size),
                lr_scale=0.0,
                grad_clip=1.0,
            )
        took.append(time.perf_counter() - begin)
        if not search.done:
            search.record(took[-1])
    return world.world_size * ids.numel() / min(took)
