"""What the engine writes is what the model says, beyond the window too."""

import pytest
import torch

from attn_cli.generation.engine import next_logits, window_start, write, write_document
from attn_cli.generation.sampling import Controls
from attn_cli.model.transformer import Transformer
from attn_cli.text.tokenizer import printable_tokenizer
from tests.conftest import tiny_config


def make(position: str, block_size: int = 9) -> Transformer:
    torch.manual_seed(0)
    settings = (f"model.position={position}", f"model.block_size={block_size}")
    model = Transformer(tiny_config(*settings).model, 100)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return model.eval()


@pytest.mark.parametrize("position", ["learned", "rope", "sinusoidal", "none"])
@pytest.mark.parametrize("prompt_length", [1, 8, 9, 10, 40])
def test_logits_equal_those_of_a_whole_pass_over_the_window(
    position: str, prompt_length: int
) -> None:
    model = make(position)
    ids = list(range(prompt_length))
    for _, logits in zip(range(30), next_logits(model, ids), strict=False):
        window = ids[window_start(len(ids), 9) :]
        with torch.no_grad():
            expected = model(torch.tensor([window]))[0, -1]
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
        ids.append(int(logits.argmax()))


@pytest.mark.parametrize("block_size", [1, 2, 3, 64, 65])
def test_window_fits_and_never_moves_back(block_size: int) -> None:
    starts = [window_start(length, block_size) for length in range(1, 4 * block_size + 3)]
    assert starts == sorted(starts)
    for length, start in enumerate(starts, start=1):
        assert 1 <= length - start <= block_size
        assert length > block_size or start == 0
        # At least half of what can be seen is seen.
        assert length <= block_size or length - start > (block_size - 1) // 2


def test_same_seed_same_text_and_another_seed_another() -> None:
    model = make("learned")
    controls = Controls(temperature=1.0)
    first, again, other = (list(write(model, [7], 50, controls, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_how_a_text_came_about_does_not_matter() -> None:
    """Writing on from what was written gives what one go would have given."""
    model = make("learned")
    greedy = Controls(temperature=0.0)
    once = list(write(model, [1, 2, 3], 40, greedy, 0))
    half = list(write(model, [1, 2, 3], 20, greedy, 0))
    assert half + list(write(model, [1, 2, 3, *half], 20, greedy, 0)) == once


def test_writing_leaves_the_global_random_state_alone() -> None:
    model = make("learned")
    before = torch.get_rng_state()
    list(write(model, [1], 5, Controls(), 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_document_ends_at_the_separator() -> None:
    """A model of which the head always prefers one symbol."""
    tokenizer = printable_tokenizer()
    model = make("none")
    favourite = tokenizer.separator_id
    with torch.no_grad():
        model.head.weight = torch.nn.Parameter(torch.zeros_like(model.head.weight))
    sample = write_document(model, tokenizer, 7, Controls(temperature=0.0), 0, 10)
    assert (sample.text, sample.finish_reason) == ("0" * 10, "length")

    class Favouring(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (
                torch.nn.functional.one_hot(torch.tensor(favourite), 100)
                .float()
                .expand(*x.shape[:-1], 100)
            )

    model.head = Favouring(24, 100)
    sample = write_document(model, tokenizer, 7, Controls(temperature=0.0), 0, 10)
    assert (sample.text, sample.finish_reason) == ("", "end")
