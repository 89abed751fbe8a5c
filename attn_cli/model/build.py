"""From a configuration to a model: the one place that constructs them."""

from attn_cli.config.schema import ModelConfig
from attn_cli.model.transformer import Transformer


def build_model(config: ModelConfig, vocab_size: int) -> Transformer:
    """A new model with initial weights, drawn from torch's global generator.

    Args:
        config: The `model` section of a configuration.
        vocab_size: V, of the tokenizer.

    Raises:
        ConfigError: `config.block` is no known kind.
    """
    return Transformer(config, vocab_size)
