"""A text depends on its prompt and its seed alone."""

import numpy as np
import pytest
import torch

from attn_cli.errors import OperationError
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints
from attn_cli.generation.generate import GenerationState, generate
from attn_cli.model.transformer import Transformer
from tests.generation.conftest import in_numpy


def generated(
    model: Transformer,
    texts: list[GenerationState],
    constraints: Constraints,
    config: GenerationConfig = GenerationConfig(),  # noqa: B008 - it cannot change
) -> list[list[int]]:
    for _ in generate(in_numpy(model), texts, config, constraints):
        pass
    return [text.ids for text in texts]


@pytest.mark.parametrize("count", [2, 7, 64])
def test_a_sample_is_the_same_in_a_batch_of_any_size(model: Transformer, count: int) -> None:
    together = generated(
        model, [GenerationState([7], seed) for seed in range(count)], Constraints(25)
    )
    for seed in (0, count // 2, count - 1):
        assert generated(model, [GenerationState([7], seed)], Constraints(25)) == [together[seed]]
    assert len({tuple(ids) for ids in together}) > count // 2


def test_prompts_of_unequal_length_give_the_same_as_alone(model: Transformer) -> None:
    prompts = [[3], [1, 2, 3, 4, 5, 6], list(range(15)), [4, 4]]
    together = generated(model, [GenerationState(p, 5) for p in prompts], Constraints(25))
    assert together == [
        generated(model, [GenerationState(p, 5)], Constraints(25))[0] for p in prompts
    ]


def test_texts_that_end_leave_the_others_as_they_were(one_model: Transformer) -> None:
    whole = generated(one_model, [GenerationState([7], seed) for seed in range(9)], Constraints(25))
    end = whole[0][10]
    texts = [GenerationState([7], seed) for seed in range(9)]
    for ids, text, before in zip(
        generated(one_model, texts, Constraints(25, eos_id=end)), texts, whole, strict=True
    ):
        expected = before[: before.index(end)] if end in before else before
        assert ids == expected
        assert text.finish_reason == ("end" if end in before else "length")


def test_how_a_text_came_about_does_not_matter(one_model: Transformer) -> None:
    """Continuing what was generated gives what one go would have given."""
    greedy = GenerationConfig(temperature=0.0)
    (once,) = generated(one_model, [GenerationState([1, 2, 3])], Constraints(40), greedy)
    (half,) = generated(one_model, [GenerationState([1, 2, 3])], Constraints(20), greedy)
    (rest,) = generated(one_model, [GenerationState([1, 2, 3, *half])], Constraints(20), greedy)
    assert half + rest == once


def test_generation_leaves_the_global_random_states_alone(one_model: Transformer) -> None:
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    generated(one_model, [GenerationState([1], 3)], Constraints(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpys).all()


def test_details_are_the_models_own_log_probabilities(one_model: Transformer) -> None:
    config = GenerationConfig(temperature=0.5, top_k=3, alternatives=2)
    text = GenerationState([1, 2], 4)
    (ids,) = generated(one_model, [text], Constraints(8), config)
    with torch.no_grad():
        logits = one_model(torch.tensor([[1, 2, *ids[:-1]]]))[0, 1:]
    expected = logits.log_softmax(-1)[range(8), ids]
    torch.testing.assert_close(
        torch.tensor([d.log_prob for d in text.tokens]), expected, rtol=1e-3, atol=1e-3
    )
    for detail, row, id_ in zip(text.tokens, logits, ids, strict=True):
        kept = torch.softmax(row.topk(3).values / 0.5, -1)
        assert [prob for _, prob in detail.alternatives] == pytest.approx(
            kept[:2].tolist(), rel=1e-3
        )
        assert detail.prob == pytest.approx(
            kept[row.topk(3).indices.tolist().index(id_)].item(), rel=1e-3
        )


def test_broken_weights_are_told(one_model: Transformer) -> None:
    with torch.no_grad():
        one_model.blocks[0].feed_forward.up.weight[0, 0] = float("nan")
    with pytest.raises(OperationError, match="weights are broken"):
        generated(one_model, [GenerationState([1])], Constraints(5))
