"""From a configuration to a model: the one place that constructs them."""

from attn_cli.config.schema import ModelConfig, Task
from attn_cli.errors import OperationError
from attn_cli.model.classifier import Classifier
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.parameter_shapes import parameter_shapes
from attn_cli.model.stack import Stack
from attn_cli.model.transformer import Transformer


def build_model(
    config: ModelConfig, vocab_size: int, task: Task = "lm", n_labels: int = 0
) -> Stack:
    """A new model with initial weights, drawn from torch's global generator.

    Args:
        config: The `model` section of a configuration.
        vocab_size: V, of the tokenizer.
        task: Decides the architecture: a decoder for "lm", an encoder for "mlm", one with a head
            for labels for "classify", an encoder-decoder for "seq2seq".
        n_labels: Y, how many labels there are; 0 for the other tasks.

    Raises:
        ConfigError: `config` names a kind of block or a position encoding that is not known.
        OperationError: Its parameters are others than `parameter_shapes` lists, by which
            checkpoints are read.
    """
    model: Stack
    if task == "classify":
        model = Classifier(config, vocab_size, n_labels)
    elif task == "seq2seq":
        model = EncoderDecoder(config, vocab_size)
    else:
        model = Transformer(config, vocab_size, causal=task == "lm")
    listed = parameter_shapes(config, vocab_size, n_labels, task)
    built = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    for name in sorted(listed.keys() | built.keys()):
        if listed.get(name) != built.get(name):
            raise OperationError(
                f"{name} is {built.get(name, 'not')} in a model of block {config.block}, position "
                f"{config.position}, and {listed.get(name, 'not')} in model/parameter_shapes.py",
                "make the two agree: a checkpoint could not be read",
            )
    return model
