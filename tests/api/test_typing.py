"""The interface is typed: a user's program is checked against it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_python_page import BLOCKS

REPOSITORY = Path(__file__).parents[2]

WRONG = """\
import attn_cli as attn
attn.lode
attn.load(3)
model = attn.load()
model.generate("a", temprature=1)
model.generate("a", top_k="5")
model.generate(["a"]).seed
model.embed(["a"], pool="sum")
model.trace("a").attention.nothing
attn.MultiHeadAttention("16")
"""


@pytest.mark.slow
def test_the_code_of_the_page_is_typed_and_mistakes_are_found(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    # An attention may have no projection, which mypy cannot rule out.
    code = "".join(BLOCKS).replace("attention.projection(", "(attention.projection or attention)(")
    right.write_text(code, encoding="utf-8")
    wrong.write_text(WRONG, encoding="utf-8")
    # The page's own functions have no annotations.
    how = ("--strict", "--allow-untyped-defs", "--config-file=")
    command = [sys.executable, "-m", "mypy", *how, str(right), str(wrong)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    errors = re.findall(r"^(?:.*/)?(\w+)\.py:(\d+): error:", done.stdout, flags=re.MULTILINE)
    found = {(name, int(line)) for name, line in errors}
    assert found == {("wrong", line) for line in (2, 3, 5, 6, 7, 8, 9, 10)}, done.stdout
