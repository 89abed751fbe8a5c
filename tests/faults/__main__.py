"""The table of faults: `python -m tests.faults`, or with `--full` in its full form.

A few trials of each fault take three minutes on two cores; the full form, with at least
200 kills and 100,000 inputs for each loader, takes about half an hour. Small disks are
mounted where this user may do that; elsewhere those faults are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.faults import breakdown, damage, disk, fuzz, interrupts, kills, processes
from tests.faults.harness import Fault, Tally, fresh, tally

# How many trials of each kind: as a test of every change, and in full. A fault may stand
# here twice, with other seeds, to be tried on two processor cores at once.
FAULTS: tuple[tuple[Fault, int, int], ...] = (
    (kills.kills, 6, 105),
    (partial(kills.kills, seed=101), 0, 105),
    (interrupts.signals, 1, 8),
    (interrupts.two_processes, 1, 5),
    (processes.processes, 1, 8),
    (disk.full_disk, 2, 20),
    (disk.file_size_limit, 1, 5),
    (disk.read_only, 1, 3),
    (disk.removed_folder, 2, 10),
    (damage.flipped_bits, 20, 1_000),
    (damage.broken_checkpoints, 2, 24),
    (damage.torn_lines, 2, 20),
    (damage.changed_text, 1, 5),
    (damage.cut_cache, 1, 3),
    (breakdown.no_numbers, 1, 5),
    (breakdown.too_large, 1, 2),
    (fuzz.configs, 2_000, 110_000),
    (fuzz.tokenizers, 2_000, 110_000),
    (fuzz.checkpoints, 1_000, 55_000),
    (partial(fuzz.checkpoints, seed=111), 0, 55_000),
)


def try_all(folder: Path, *, full: bool, only: str = "") -> list[Tally]:
    """All trials, two faults at a time; tallies of one name are added up.

    Args:
        folder: An empty one.
        full: Whether in full form.
        only: The one function whose faults to try; empty for all.
    """
    wanted = [
        (fault, number[full])
        for fault, *number in FAULTS
        if number[full] and only in ("", getattr(fault, "func", fault).__name__)
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = [
            pool.submit(tally, fault, fresh(folder / str(place)), number)
            for place, (fault, number) in enumerate(wanted)
        ]
        done = [each for future in running for each in future.result()]
    together: dict[str, Tally] = {}
    for each in done:
        known = together.setdefault(each.fault, Tally(each.fault))
        known.tried += each.tried
        known.survived += each.survived
        known.lost += each.lost
        known.problems += each.problems
    return list(together.values())


def table(tallies: list[Tally]) -> str:
    """One row a fault, and what was not as promised below."""
    rows = [f"{'fault':44} {'tried':>8} {'survived':>9} {'data lost':>10}"]
    rows += [f"{t.fault:44} {t.tried:8,} {t.survived:9,} {t.lost:10,}" for t in tallies]
    tried, survived, lost = (
        sum(getattr(t, k) for t in tallies) for k in ("tried", "survived", "lost")
    )
    rows.append(f"{'all':44} {tried:8,} {survived:9,} {lost:10,}")
    problems = [problem for each in tallies for problem in each.problems]
    return "\n".join([*rows, *problems[:50]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every fault in its full form")
    parser.add_argument("--only", default="", metavar="NAME", help="one of them, such as signals")
    given = parser.parse_args()
    if os.name != "posix":
        print("the faults are signals and file systems of POSIX", file=sys.stderr)
        return 2
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tallies = try_all(Path(folder), full=given.full, only=given.only)
    print(table(tallies))
    print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
    return int(any(each.survived < each.tried or each.lost for each in tallies))


if __name__ == "__main__":
    sys.exit(main())
