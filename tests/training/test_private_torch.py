"""The private parts of torch are where they are expected, and nowhere else is one used."""

import inspect
import re
from pathlib import Path

import pytest
import torch
from torch.distributed import distributed_c10d

from attn_cli.training import private_torch

HOME = Path(inspect.getfile(private_torch))
PACKAGE = HOME.parents[1]


@pytest.mark.parametrize("name", ["_foreach_copy_", "_foreach_lerp_", "_foreach_lerp"])
def test_torch_still_has_operations_on_lists(name: str) -> None:
    assert hasattr(torch, name), f"torch has no {name} any more: see private_torch.py"


def test_operations_on_lists_do_what_their_names_say() -> None:
    starts, ends = [torch.zeros(2), torch.ones(3)], [torch.ones(2), torch.full((3,), 5.0)]
    moved = private_torch.lerp_all(starts, ends, 0.25)
    assert [tensor.tolist() for tensor in moved] == [[0.25] * 2, [2.0] * 3]
    private_torch.lerp_all_(starts, ends, 0.5)
    assert [tensor.tolist() for tensor in starts] == [[0.5] * 2, [3.0] * 3]
    halves = [tensor.bfloat16() for tensor in starts]
    private_torch.copy_all_(halves, ends)
    assert [tensor.tolist() for tensor in halves] == [[1.0] * 2, [5.0] * 3]


def test_the_timeout_of_a_group_can_be_changed() -> None:
    function = getattr(distributed_c10d, "_set_pg_timeout", None)
    assert function, "torch has no _set_pg_timeout any more: see private_torch.py"
    names = list(inspect.signature(function).parameters)
    assert names == ["timeout", "group"], f"_set_pg_timeout now takes {names}"


def test_no_other_file_uses_what_is_private() -> None:
    private = re.compile(r"\btorch[\w.]*\._[a-z]|from torch[\w.]* import .*\b_[a-z]")
    found = [
        f"{file.relative_to(PACKAGE)}: {line.strip()}"
        for file in PACKAGE.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if file != HOME and private.search(line)
    ]
    assert found == []
