"""What generation asks of a model, and the choice between the two that answer.

`NumpyModel` runs a decoder on a CPU and starts without torch; `TorchModel` runs everything
else: another device, or a kind of block that NumPy does not know.

Shapes: B batch, T new ids, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.schema import ModelConfig
from attn_cli.generation.numpy_model import NumpyModel, unknown_to_numpy

if TYPE_CHECKING:
    from attn_cli.model.stack import Stack
    from attn_cli.runs.loaded_model import LoadedModel


class NextTokenModel(Protocol):
    """A model that gives the logits of the next token, with a cache of what it has seen.

    A cache belongs to the model that made it, and nothing else looks into it.
    """

    config: ModelConfig
    vocab_size: int

    def new_cache(self, batch: int = 1, max_length: int | None = None) -> Any:
        """An empty cache of B texts of up to `max_length` ids, or `block_size`."""

    def forward(self, ids: NDArray[np.intp], cache: Any) -> NDArray[np.float32]:
        """The logits after the last of new ids (B, T), which are added to the cache: (B, V).

        T is 1 where the cached texts differ in length.
        """

    def copy_rows(self, cache: Any, rows: Sequence[int], other: Any, row: int) -> None:
        """Replaces these rows of a cache by one row of another cache."""

    def select_rows(self, cache: Any, rows: Sequence[int]) -> None:
        """Keeps these rows of a cache, in this order; a row may come more than once."""


def load_next_token_model(loaded: LoadedModel, device: str = "cpu") -> NextTokenModel:
    """The fastest implementation on a device of torch's: NumPy, unless it cannot run the model."""
    if device == "cpu" and unknown_to_numpy(loaded.config.model) is None:
        return NumpyModel(loaded.config.model, loaded.weights)

    from attn_cli.generation.torch_model import TorchModel

    return TorchModel(loaded.make_model().to(device))


def as_next_token_model(model: Stack) -> NextTokenModel:
    """A torch model, ready to generate with the weights that it has now."""
    if unknown_to_numpy(model.config) is None:
        return NumpyModel(model.config, model.state_arrays())

    from attn_cli.generation.torch_model import TorchModel

    return TorchModel(model)
