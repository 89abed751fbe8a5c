"""The table of faults in its small form."""

import os
from pathlib import Path

import pytest

from tests.faults.__main__ import table, try_all


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals and file systems of POSIX")
def test_every_fault_is_survived_and_nothing_is_lost(tmp_path: Path) -> None:
    tallies = try_all(tmp_path, full=False)
    shown = table(tallies)
    assert len(tallies) >= 20, shown
    for each in tallies:
        assert each.tried > 0, shown
        assert each.survived == each.tried, shown
        assert each.lost == 0, shown
