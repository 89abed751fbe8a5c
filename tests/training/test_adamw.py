"""AdamW equals torch's."""

import torch

from attn_cli.training.adamw import AdamW


def test_equals_torch_adamw_over_several_steps() -> None:
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in ((13, 7), (5,), (3, 2))]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in ours]
    adamw = AdamW(ours, 0.02, betas=(0.8, 0.95), weight_decay=0.1)
    of_torch = torch.optim.AdamW(theirs, 0.01, betas=(0.8, 0.95), weight_decay=0.1)
    for step in range(5):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        adamw.step(step, lr_scale=0.5)
        of_torch.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_parameter_without_gradient_stays() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    AdamW([parameter], 0.1, betas=(0.9, 0.99), weight_decay=0.5).step(0, lr_scale=1.0)
    assert torch.equal(parameter, torch.ones(3))
