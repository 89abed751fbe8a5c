"""What validation loss to expect of a text, before a model is trained on it."""

import math

from attn_cli.text.baselines import Baselines

# Fitted by benchmarks/expected_loss.py to measured runs; see benchmarks/LOG.md.
_FACTOR, _EXPONENT = 1.0, 0.09
# Of texts that the fit had not seen, two of three came within this fraction.
SPREAD = 0.1
_CHARS = 600_000


def expected_bits(baselines: Baselines, chars: float) -> float:
    """The expected validation loss in bits per character.

    Args:
        baselines: Of the text.
        chars: How many characters the model will be trained on.
    """
    return baselines.five_gram * _FACTOR * math.pow(chars / _CHARS, -_EXPONENT)
