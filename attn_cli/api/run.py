"""A run's folder as an object."""

from pathlib import Path

from attn_cli.api.arguments import as_path
from attn_cli.api.html import run_html
from attn_cli.api.load import load
from attn_cli.api.model import Model
from attn_cli.config.load import load_config
from attn_cli.config.schema import Config
from attn_cli.figures.loss import loss_svg
from attn_cli.runs import run_lookup
from attn_cli.runs.metrics import StepMetrics, read_metrics
from attn_cli.text.builtin import loss_floor

SHOWN_SAMPLES = 2


class Run:
    """What a training run has left in its folder, read anew each time it is asked for.

    Args:
        path: Its folder or name; None for the newest run.

    Raises:
        CheckpointError: There is no such run.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._folder = run_lookup.find_run(as_path("path", path))

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._folder.path

    @property
    def config(self) -> Config:
        """Every setting that it was trained with."""
        return load_config(self._folder.config)

    @property
    def metrics(self) -> list[StepMetrics]:
        """What was measured, oldest first."""
        return list(read_metrics(self._folder.metrics))

    @property
    def samples(self) -> list[tuple[int, str]]:
        """The texts generated at the evaluations, each with its step, oldest first."""
        return self._folder.last_samples()

    def load(self) -> Model:
        """The model of its best checkpoint.

        Raises:
            CheckpointError: There is none, or it is damaged.
        """
        return load(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        metrics = self.metrics
        plot = loss_svg(metrics, self.path.name, loss_floor(self.config)) if metrics else None
        return run_html(str(self.path), metrics, plot, self.samples[-SHOWN_SAMPLES:])


def list_runs() -> list[Run]:
    """All runs in `runs/`, or in `$ATTN_RUNS`, newest first."""
    return [Run(folder.path) for folder in run_lookup.list_runs()]
