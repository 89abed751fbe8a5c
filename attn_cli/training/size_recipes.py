"""The sizes that `auto_size` chooses among, and how long each learns: measured constants.

Those of a text were measured in benchmarks/sizes.py; see benchmarks/LOG.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from attn_cli.config.schema import Config
from attn_cli.text.corpus import Corpus
from attn_cli.text.example_batches import padded_length
from attn_cli.text.examples import Examples
from attn_cli.text.pairs import PairExamples

# The longest context of a model of lines; longer lines are cut.
MAX_LINE_BLOCK_SIZE = 256
# A text with n-grams is read once, or so often that it pays to leave most of them out, and those
# that it has only once or twice altogether: what is read again is learned by heart.
REREAD_EPOCHS = 1.75
REREAD_SETTINGS = {"model.ngram_dropout": 0.6, "train.table_min_count": 3}


@dataclass(frozen=True)
class ModelSize:
    """A model and its recipe."""

    n_layer: int
    n_embd: int
    n_head: int
    block_size: int  # characters a sequence; of lines, as long as the longest, up to this
    batch_size: int  # sequences a step, or lines
    learning_rate: float  # AdamW's peak learning rate
    min_train_chars: int  # characters of training from which it beats the size before it
    # Of a text of so many characters, epochs from which it beats that size, which reads more often.
    min_text_chars: int | None = None
    min_epochs: float = 0.8

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


@dataclass(frozen=True)
class SizeRecipe:
    """What to choose for a text of a kind."""

    sizes: tuple[ModelSize, ...]  # from the smallest to the largest
    most_epochs: float  # after which a model only memorises a text
    most_epochs_of_small: float  # the same of a small text
    small_chars: int  # fewer characters make a small text
    small_learning_rate: float  # the highest for a small text
    dropout_chars: int | None  # with fewer, dropout pays; None: with any number
    dropout_epochs: float  # and only where a text is read more often
    dropout: float
    settings: Mapping[str, Any] = field(default_factory=dict)  # of all sizes, as keys

    @property
    def has_ngrams(self) -> bool:
        """Whether its models have embeddings of n-grams."""
        return "model.ngrams" in self.settings


# Without n-grams. The second and third size are between two measured lengths of training, one on
# either side of where they win or come level; the last is an estimate.
PLAIN_RECIPE = SizeRecipe(
    sizes=(
        ModelSize(2, 128, 2, 64, 8, 2e-2, min_train_chars=0),
        ModelSize(4, 192, 3, 128, 16, 1e-2, min_train_chars=350_000),
        ModelSize(6, 192, 3, 256, 16, 1e-2, min_train_chars=2_000_000),
        ModelSize(6, 384, 6, 256, 32, 4e-3, min_train_chars=20_000_000),
    ),
    most_epochs=6.0,
    most_epochs_of_small=4.0,
    small_chars=200_000,
    small_learning_rate=1e-2,
    dropout_chars=20_000,
    dropout_epochs=0.0,
    dropout=0.1,
)
# What n-grams leave to be learned needs no large model while a text is fresh. The last two sizes
# are estimates.
NGRAM_RECIPE = replace(
    PLAIN_RECIPE,
    sizes=(
        ModelSize(1, 128, 2, 64, 8, 2e-2, min_train_chars=0),
        ModelSize(2, 128, 2, 128, 8, 1e-2, min_train_chars=250_000),
        ModelSize(4, 192, 3, 128, 16, 1e-2, min_train_chars=2_500_000, min_text_chars=200_000),
        ModelSize(6, 192, 3, 256, 8, 1e-2, 5_000_000, min_text_chars=200_000, min_epochs=1.75),
        ModelSize(6, 384, 6, 256, 32, 4e-3, min_train_chars=20_000_000),
    ),
    most_epochs=4.0,
    dropout_chars=0,
    settings={"model.ngrams": [2, 3, 4, 5, 6], "model.ngram_rows": 65_536},
)
# An encoder learns from the hidden characters alone, and is better shallow for longer. The second
# and the last are estimates.
ENCODER_SIZES = (
    ModelSize(2, 128, 2, 64, 8, 2e-2, min_train_chars=0),
    ModelSize(2, 192, 3, 128, 16, 1e-2, min_train_chars=350_000),
    ModelSize(4, 192, 3, 128, 16, 1e-2, min_train_chars=3_000_000),
    ModelSize(6, 384, 6, 256, 32, 4e-3, min_train_chars=30_000_000),
)
# A batch is of lines, whose characters are fewer than block_size.
LINES_RECIPE = SizeRecipe(
    sizes=(
        ModelSize(2, 64, 2, MAX_LINE_BLOCK_SIZE, 64, 1e-2, min_train_chars=0),
        ModelSize(4, 96, 4, MAX_LINE_BLOCK_SIZE, 256, 5e-3, min_train_chars=1_000_000),
        ModelSize(4, 128, 4, MAX_LINE_BLOCK_SIZE, 256, 5e-3, min_train_chars=4_000_000),
        ModelSize(6, 192, 3, MAX_LINE_BLOCK_SIZE, 256, 5e-3, min_train_chars=20_000_000),
    ),
    most_epochs=20.0,
    most_epochs_of_small=20.0,
    small_chars=200_000,
    small_learning_rate=1e-2,
    dropout_chars=1_000_000,
    dropout_epochs=10.0,
    dropout=0.1,
)
# Of labelled records: what n-grams say by themselves, and an encoder for what they do not.
LABELS_RECIPE = SizeRecipe(
    sizes=(ModelSize(1, 64, 4, MAX_LINE_BLOCK_SIZE, 128, 6e-3, min_train_chars=0),),
    most_epochs=14.0,
    most_epochs_of_small=14.0,
    small_chars=0,
    small_learning_rate=6e-3,
    dropout_chars=None,
    dropout_epochs=0.0,
    dropout=0.3,
    settings={
        "model.label_ngrams": [2, 3, 4, 5],
        "model.label_ngram_rows": 65_536,
        "model.label_ngram_dropout": 0.5,
        "train.beta2": 0.99,
        "train.label_smoothing": 0.1,
        # In bf16 each step would convert all tables to and fro: half as fast.
        "train.precision": "fp32",
        "train.best_by": "accuracy",
    },
)


# Of pairs: an encoder and a decoder. The number of characters from which the second size pays is
# an estimate.
PAIRS_RECIPE = SizeRecipe(
    sizes=(
        ModelSize(2, 64, 4, MAX_LINE_BLOCK_SIZE, 32, 5e-3, min_train_chars=0),
        ModelSize(2, 128, 4, MAX_LINE_BLOCK_SIZE, 64, 3e-3, min_train_chars=2_500_000),
    ),
    most_epochs=200.0,
    most_epochs_of_small=200.0,
    small_chars=0,
    small_learning_rate=5e-3,
    dropout_chars=None,
    dropout_epochs=10.0,
    dropout=0.2,
    settings={
        "model.block": "gpt2",
        "model.source_neighbours": True,
        # Matrices so small are converted to bf16 for longer than they take.
        "train.precision": "fp32",
        "train.best_by": "last",
    },
)


def record_settings(corpus: Corpus) -> dict[str, Any]:
    """The recipe for labels or targets, by key, where steps and not time end a run."""
    recipe = _recipe_of_text(corpus, PLAIN_RECIPE)
    return {**recipe.sizes[0].settings(), "model.dropout": recipe.dropout, **recipe.settings}


def recipe_for(corpus: Corpus, config: Config) -> SizeRecipe:
    """The recipe for a text, or for its lines: with the sizes that fit it.

    An encoder predicts only what is hidden, other characters in each epoch, so it takes more
    epochs to predict each as often.

    Args:
        corpus: The text.
        config: With what the user set; `model.ngrams` only where n-grams are welcome.
    """
    recipe = NGRAM_RECIPE if config.model.ngrams else PLAIN_RECIPE
    if config.task != "mlm":
        return _recipe_of_text(corpus, recipe)
    recipe = _recipe_of_text(corpus, replace(PLAIN_RECIPE, sizes=ENCODER_SIZES))
    epochs = recipe.most_epochs / config.train.mask_fraction
    of_small = recipe.most_epochs_of_small / config.train.mask_fraction
    return replace(recipe, most_epochs=epochs, most_epochs_of_small=of_small)


def _recipe_of_text(corpus: Corpus, of_stream: SizeRecipe) -> SizeRecipe:
    train = corpus.train
    if not isinstance(train, Examples):
        fitting = (size for size in of_stream.sizes if size.block_size < len(train))
        return replace(of_stream, sizes=tuple(fitting))
    recipe = LABELS_RECIPE if corpus.labels else LINES_RECIPE
    if isinstance(train, PairExamples):
        recipe = PAIRS_RECIPE
    longest = padded_length(train.longest)
    sizes = (replace(size, block_size=min(size.block_size, longest)) for size in recipe.sizes)
    return replace(recipe, sizes=tuple(sizes))
