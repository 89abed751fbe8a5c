"""What saving costs: the share of a run's time that goes into its checkpoints.

    python benchmarks/checkpoint_cost.py
    python benchmarks/checkpoint_cost.py --text tinyshakespeare.txt --config shakespeare-1min

A whole run in a temporary folder, of which every save is timed: writing, checksums,
syncing to the disk, pointers, deleting old ones.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from attn_cli.config.load import Override, load_config, parse_override
from attn_cli.config.presets import DEFAULT, find_config
from attn_cli.model.transformer import Transformer
from attn_cli.runs.metrics import StepMetrics
from attn_cli.runs.run_folder import RunFolder
from attn_cli.training.setup import begun
from attn_cli.training.trainer import Trainer


class Silence:
    """A Callback that does nothing."""

    def on_train_start(self, model: Transformer, precision: str, device: str) -> None: ...
    def on_log(self, metrics: StepMetrics, total_steps: float) -> None: ...
    def on_evaluate(self, metrics: StepMetrics, model: Transformer) -> None: ...
    def on_message(self, message: str) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", help="a text; the config's own if left out")
    parser.add_argument("--config", default=DEFAULT)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    overrides = [parse_override(each) for each in given.set]
    if given.text:
        overrides.append(Override("data.text", given.text, "--text"))
    config = load_config(find_config(given.config), overrides)

    took: list[float] = []
    save = Trainer._save

    def timed(self: Trainer, run: RunFolder) -> None:
        begin = time.perf_counter()
        save(self, run)
        took.append(time.perf_counter() - begin)

    Trainer._save = timed  # type: ignore[method-assign]
    with (
        tempfile.TemporaryDirectory() as folder,
        begun(config, Path(folder) / "run", time.monotonic()) as session,
    ):
        result = session.trainer.fit(session.run, Silence())
        files = [p for p in session.run.checkpoint("latest").iterdir() if p.is_file()]
        size = sum(path.stat().st_size for path in files)
    print(
        f"{given.config}: {result.parameters:,} parameters, {result.seconds:.1f} s, "
        f"{len(took)} checkpoints of {size / 2**20:.1f} MiB, "
        f"median {statistics.median(took):.3f} s "
        f"each, {sum(took):.2f} s in all: {sum(took) / result.seconds:.2%} of the run"
    )


if __name__ == "__main__":
    main()
