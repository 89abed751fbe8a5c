"""What a step of a table's optimizer changes."""

import torch

from attn_cli.training.row_adam import RowAdam

ROWS, E = 11, 3


def with_gradient(table: torch.nn.Parameter, rows: torch.Tensor, values: torch.Tensor) -> None:
    """Sets the gradient of a loss that sums `values` over the table's `rows`."""
    looked_up = torch.nn.functional.embedding(rows, table, sparse=True)
    table.grad = None
    (looked_up * values).sum().backward()


def test_it_is_adam_of_the_touched_rows_whatever_their_order() -> None:
    torch.manual_seed(0)
    table = torch.nn.Parameter(torch.randn(ROWS, E))
    optimizer = RowAdam([table], 0.02, beta2=0.9)
    expected, mean_square = table.detach().clone(), torch.zeros(ROWS, E)
    for step in range(4):
        rows = torch.randint(ROWS, (6,))
        values = torch.randn(6, E)
        with_gradient(table, rows, values)
        optimizer.step(step, lr_scale=0.5)
        for row in set(rows.tolist()):
            gradient = values[rows == row].sum(dim=0)
            mean_square[row] = 0.9 * mean_square[row] + 0.1 * gradient**2
            expected[row] -= 0.01 * gradient / mean_square[row].sqrt()
    torch.testing.assert_close(table.detach(), expected)


def test_other_rows_and_their_state_stay_as_they_are() -> None:
    table = torch.nn.Parameter(torch.randn(ROWS, E))
    before = table.detach().clone()
    optimizer = RowAdam([table], 0.02, beta2=0.9)
    with_gradient(table, torch.tensor([4, 7, 4]), torch.ones(3, E))
    optimizer.step(0, lr_scale=1.0)
    changed = (table.detach() != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == [4, 7]
    assert optimizer.state[table]["exp_avg_sq"].any(dim=1).nonzero().flatten().tolist() == [4, 7]
