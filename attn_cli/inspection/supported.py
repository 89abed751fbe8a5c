"""Which kinds of model the lesson, the page and the exports know; others are refused by name."""

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import InputError

BLOCKS = ("gpt2", "qwen3")
POSITIONS = ("learned", "sinusoidal", "rope", "none")


def check_supported(config: ModelConfig, what: str) -> None:
    """Refuses a model that would be taken for another; `what` is about to show or write it.

    Raises:
        InputError: Its block or its position is none of those known here.
    """
    for key, value, known in (
        ("model.block", config.block, BLOCKS),
        ("model.position", config.position, POSITIONS),
    ):
        if value not in known:
            raise InputError(
                f"{what} does not support {key}: {value}", f"it supports {', '.join(known)}"
            )
