"""What an encoder is asked about a text is what it answers for the text with characters hidden."""

from __future__ import annotations

import math

import pytest
import torch

from attn_cli.inspection.hidden_characters import hidden_characters
from attn_cli.inspection.logit_lens import hidden_lens
from attn_cli.model.build import build_model
from attn_cli.model.stack import Stack
from tests.conftest import tiny_config


def an_encoder(block: str, position: str) -> Stack:
    torch.manual_seed(0)
    settings = (f"model.block={block}", f"model.position={position}", "model.n_head=2")
    model = build_model(tiny_config(*settings).model, 100, "mlm").eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # so that nothing is nearly zero
    return model


@pytest.mark.parametrize(("block", "position"), [("gpt2", "learned"), ("qwen3", "rope")])
def test_each_hidden_character_is_predicted_from_both_sides(block: str, position: str) -> None:
    model = an_encoder(block, position)
    ids, mask_id = (7, 8, 9, 7, 5), 99
    seen = hidden_characters(model, ids, mask_id, first=1)
    assert seen.positions == (1, 2, 3, 4)
    with torch.no_grad():
        for row, t in enumerate(seen.positions):
            logits = model(torch.tensor([[*ids[:t], mask_id, *ids[t + 1 :]]]))[0, t]
            logits[mask_id] = -math.inf
            own = logits.log_softmax(-1)
            torch.testing.assert_close(seen.log_probs[row], own)
            torch.testing.assert_close(seen.losses[row], -own[ids[t]])
            torch.testing.assert_close(hidden_lens(seen)[-1, row], own)
    # Blanks are hidden together, and nobody knows what was there.
    blanks = hidden_characters(model, (7, mask_id, 9, mask_id), mask_id)
    assert (blanks.positions, blanks.known, len(blanks.losses)) == ((1, 3), False, 0)
    with torch.no_grad():
        together = model(torch.tensor([[7, mask_id, 9, mask_id]]))[0, [1, 3]]
    together[:, mask_id] = -math.inf
    torch.testing.assert_close(blanks.log_probs, together.log_softmax(-1))
