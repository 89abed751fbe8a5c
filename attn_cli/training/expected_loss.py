"""What validation loss to expect of a text, before a model is trained on it."""

import math

from attn_cli.text.baselines import Baselines

# Fitted by benchmarks/expected_loss.py to runs on natural text and code; see benchmarks/LOG.md.
# Text by a small grammar comes lower, and a validation split that is unlike the rest, higher.
_PPMD, _CONSTANT, _HARDNESS, _EXPONENT = 0.814, 0.697, 1.205, 0.3
_CHARS = 100_000
# Of 18 runs on texts that the fit had not seen, 17 came within this fraction.
SPREAD = 0.1


def expected_bits(baselines: Baselines, chars: float) -> float:
    """The expected validation loss in bits per character.

    Args:
        baselines: Of the text.
        chars: How many characters the model will be trained on.
    """
    harder = baselines.five_gram - baselines.ppmd
    excess = (_CONSTANT + _HARDNESS * harder) * math.pow(chars / _CHARS, -_EXPONENT)
    return min(_PPMD * baselines.ppmd + excess, baselines.single_characters)
