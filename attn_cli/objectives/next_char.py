"""The objective of a language model: every character, from those before it."""

from attn_cli.config.schema import Config
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.next_token_model import as_next_token_model
from attn_cli.generation.text_generator import TextGenerator
from attn_cli.model.stack import Stack
from attn_cli.objectives.text_objective import TextObjective
from attn_cli.text.batches import TrainingBatches
from attn_cli.text.corpus import Corpus

# Of the validation split, what is read at an evaluation during training: enough that its
# standard error, about 0.003 nats, is below what two seeds differ by. `attn evaluate` reads all.
STEERING_CHARS = 500_000
SAMPLE_LINES = 10  # that a run of lines writes at an evaluation


class NextChar(TextObjective):
    """The `Objective` of a decoder; the arguments are those of `TextObjective`."""

    def __init__(self, config: Config, corpus: Corpus) -> None:
        super().__init__(config, corpus, corpus.tokenizer, STEERING_CHARS)
        self._sampling = GenerationConfig(**config.sample.model_dump())

    def batches(self, part: int = 0, parts: int = 1) -> TrainingBatches:
        return self.next_char_batches(part, parts)

    def sample(self, model: Stack, seed: int) -> str:
        """A new document, or some new lines, by the configuration's `sample` section."""
        generator = TextGenerator(
            as_next_token_model(model), self.tokenizer, self.corpus.bos_id, lines=self.of_lines
        )
        if self.of_lines:
            return generator.sample_lines(seed, SAMPLE_LINES, self._sampling)
        return generator.sample_document(seed, self._sampling)
