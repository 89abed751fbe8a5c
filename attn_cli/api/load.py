"""From a run to its model."""

from pathlib import Path
from typing import Literal

from attn_cli.api.arguments import as_path
from attn_cli.api.model import Model
from attn_cli.runs.load_model import load_model

Device = Literal["cpu", "cuda", "mps", "auto"]


def load(run: str | Path | None = None, *, device: Device = "cpu") -> Model:
    """A checkpoint, or the best one of a run.

    Args:
        run: The run's folder or name, or a checkpoint's folder; of a group of several seeds the
            best model. None for the newest run.
        device: Where to generate. On the CPU that needs no torch; a GPU pays off for large models.

    Raises:
        CheckpointError: There is no such run, or it is damaged.
        DeviceError: This machine does not have the device.
    """
    loaded = load_model(as_path("run", run))
    if device == "cpu":
        return Model(loaded)
    from attn_cli.training.device import choose_device

    return Model(loaded, str(choose_device(device)))
