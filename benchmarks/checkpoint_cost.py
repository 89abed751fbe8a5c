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

from attn_cli.config.load import parse_override
from attn_cli.config.presets import DEFAULT
from attn_cli.training.prepare import prepare_run
from attn_cli.training.request import make_request
from attn_cli.training.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", help="a text; the config's own if left out")
    parser.add_argument("--config", default=DEFAULT)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    settings = [parse_override(each) for each in given.set]
    text = [given.text] if given.text else []

    took: list[float] = []
    save = Trainer._save

    def timed(self: Trainer) -> None:
        begin = time.perf_counter()
        save(self)
        took.append(time.perf_counter() - begin)

    Trainer._save = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        request = make_request(text, config=given.config, settings=settings, out=out)
        with prepare_run(request, time.monotonic()) as prepared:
            result = prepared.trainer.fit()
            files = [p for p in prepared.run.checkpoint("latest").iterdir() if p.is_file()]
            size = sum(path.stat().st_size for path in files)
    print(
        f"{given.config}: {result.parameters:,} parameters, {result.seconds:.1f} s, "
        f"{len(took)} checkpoints of {size / 2**20:.1f} MiB, "
        f"median {statistics.median(took):.3f} s "
        f"each, {sum(took):.2f} s in all: {sum(took) / result.seconds:.2%} of the run"
    )


if __name__ == "__main__":
    main()
