"""What a step of a table's optimizer changes."""

import torch

from attn_cli.training.table_sgd import TableSGD

ROWS, E = 11, 3


def set_gradient(table: torch.nn.Parameter, rows: torch.Tensor, values: torch.Tensor) -> None:
    """Makes the gradient that of a loss that sums `values` times the table's `rows`."""
    looked_up = torch.nn.functional.embedding(rows, table, sparse=True)
    table.grad = None
    (looked_up * values).sum().backward()


def test_rows_move_by_their_gradients_over_one_root_mean_square() -> None:
    torch.manual_seed(0)
    table = torch.nn.Parameter(torch.randn(ROWS, E))
    optimizer = TableSGD([table], 0.02, beta2=0.9)
    expected, mean_square, weight = table.detach().clone(), 0.0, 0.0
    for step in range(4):
        rows, values = torch.randint(ROWS, (6,)), torch.randn(6, E)
        set_gradient(table, rows, values)
        optimizer.step(step, lr_scale=0.5)
        mean_square = 0.9 * mean_square + 0.1 * values.square().mean().item()
        weight = 0.9 * weight + 0.1
        for row, value in zip(rows.tolist(), values, strict=True):
            expected[row] -= 0.01 * value / (mean_square / weight) ** 0.5
    torch.testing.assert_close(table.detach(), expected)


def test_rows_that_are_not_learned_stay_as_they_are() -> None:
    tables = [torch.nn.Parameter(torch.zeros(ROWS, E)) for _ in range(2)]
    frequent = torch.arange(ROWS) < 7
    for table, learned in zip(tables, (None, frequent), strict=True):
        set_gradient(table, torch.tensor([4, 7, 4]), torch.ones(3, E))
        TableSGD([table], 0.02, beta2=0.9, frequent=learned).step(0, lr_scale=1.0)
    everything, some = (table.detach() for table in tables)
    assert (everything[7] != 0).all()
    assert torch.equal(some, everything * frequent[:, None])  # the others as without it


def test_other_rows_stay_as_they_are() -> None:
    table = torch.nn.Parameter(torch.randn(ROWS, E))
    before = table.detach().clone()
    optimizer = TableSGD([table], 0.02, beta2=0.9)
    set_gradient(table, torch.tensor([4, 7, 4]), torch.ones(3, E))
    optimizer.step(0, lr_scale=1.0)
    changed = (table.detach() != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == [4, 7]
