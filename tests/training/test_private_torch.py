"""The private parts of torch are where they are expected, and nowhere else is one used."""

import ast
import inspect
import re
from collections.abc import Iterator
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


def test_a_sparse_gradient_has_each_row_as_often_as_it_was_looked_up() -> None:
    table = torch.nn.Parameter(torch.zeros(5, 2))
    for rows in ([3, 1], [3]):  # two micro-batches
        looked_up = torch.nn.functional.embedding(torch.tensor(rows), table, sparse=True)
        (looked_up * torch.tensor([[1.0, 2.0]])).sum().backward()
    assert table.grad is not None
    rows, values = private_torch.sparse_rows(table.grad)
    total = torch.zeros(5, 2).index_add_(0, rows, values)
    assert total.tolist() == [[0, 0], [1, 2], [0, 0], [2, 4], [0, 0]]


def test_torch_still_keeps_parameters_out_of_ddp_by_name() -> None:
    model = torch.nn.Linear(2, 2)
    private_torch.ignore_in_ddp(model, ["bias"])
    # What DistributedDataParallel reads; tests of several processes see that it does.
    assert model._ddp_params_and_buffers_to_ignore == ["bias"]


def private_uses(tree: ast.AST) -> Iterator[str]:
    """The names with an underscore that a file takes from torch."""
    of_torch: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [name for name in node.names if name.name.partition(".")[0] == "torch"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "torch":
            names = node.names
            yield from (name.name for name in names if name.name.startswith("_"))
        else:
            continue
        of_torch |= {name.asname or name.name.partition(".")[0] for name in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in of_torch:
                yield node.attr


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch._foreach_add(a, b)",
        "from torch.nn import (\n    functional as F,\n    _reduction,\n)",
        "from torch import distributed as dist\ndist.c10d._store()",
    ],
)
def test_private_uses_are_found(code: str) -> None:
    assert list(private_uses(ast.parse(code)))


def test_no_other_file_uses_what_is_private() -> None:
    found = {
        str(file.relative_to(PACKAGE)): list(private_uses(ast.parse(file.read_text("utf-8"))))
        for file in PACKAGE.rglob("*.py")
        if file != HOME
    }
    assert {file: names for file, names in found.items() if names} == {}
