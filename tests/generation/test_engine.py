"""A text depends on its prompt and its seed alone."""

import numpy as np
import pytest
import torch

from attn_cli.errors import OperationError
from attn_cli.generation.engine import Text, write
from attn_cli.generation.rules import Rules
from attn_cli.generation.sampling import Controls
from attn_cli.model.transformer import Transformer
from tests.generation.conftest import decoder_of


def written(
    model: Transformer,
    texts: list[Text],
    rules: Rules,
    controls: Controls = Controls(),  # noqa: B008 - it cannot change
    alternatives: int | None = None,
) -> list[list[int]]:
    for _ in write(decoder_of(model), texts, controls, rules, alternatives=alternatives):
        pass
    return [text.ids for text in texts]


@pytest.mark.parametrize("count", [2, 7, 64])
def test_a_sample_is_the_same_in_a_batch_of_any_size(model: Transformer, count: int) -> None:
    together = written(model, [Text([7], seed) for seed in range(count)], Rules(25))
    for seed in (0, count // 2, count - 1):
        assert written(model, [Text([7], seed)], Rules(25)) == [together[seed]]
    assert len({tuple(ids) for ids in together}) > count // 2


def test_prompts_of_unequal_length_give_the_same_as_alone(model: Transformer) -> None:
    prompts = [[3], [1, 2, 3, 4, 5, 6], list(range(15)), [4, 4]]
    together = written(model, [Text(p, 5) for p in prompts], Rules(25))
    assert together == [written(model, [Text(p, 5)], Rules(25))[0] for p in prompts]


def test_texts_that_end_leave_the_others_as_they_were(one_model: Transformer) -> None:
    whole = written(one_model, [Text([7], seed) for seed in range(9)], Rules(25))
    end = whole[0][10]
    texts = [Text([7], seed) for seed in range(9)]
    for ids, text, before in zip(
        written(one_model, texts, Rules(25, document=end)), texts, whole, strict=True
    ):
        expected = before[: before.index(end)] if end in before else before
        assert ids == expected
        assert text.finish_reason == ("end" if end in before else "length")


def test_how_a_text_came_about_does_not_matter(one_model: Transformer) -> None:
    """Writing on from what was written gives what one go would have given."""
    greedy = Controls(temperature=0.0)
    (once,) = written(one_model, [Text([1, 2, 3])], Rules(40), greedy)
    (half,) = written(one_model, [Text([1, 2, 3])], Rules(20), greedy)
    (rest,) = written(one_model, [Text([1, 2, 3, *half])], Rules(20), greedy)
    assert half + rest == once


def test_writing_leaves_the_global_random_states_alone(one_model: Transformer) -> None:
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    written(one_model, [Text([1], 3)], Rules(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpys).all()


def test_details_are_the_models_own_log_probabilities(one_model: Transformer) -> None:
    controls = Controls(temperature=0.5, top_k=3)
    text = Text([1, 2], 4)
    (ids,) = written(one_model, [text], Rules(8), controls, alternatives=2)
    with torch.no_grad():
        logits = one_model(torch.tensor([[1, 2, *ids[:-1]]]))[0, 1:]
    expected = logits.log_softmax(-1)[range(8), ids]
    torch.testing.assert_close(
        torch.tensor([d.log_prob for d in text.details]), expected, rtol=1e-3, atol=1e-3
    )
    for detail, row, id_ in zip(text.details, logits, ids, strict=True):
        kept = torch.softmax(row.topk(3).values / 0.5, -1)
        assert [odds for _, odds in detail.alternatives] == pytest.approx(
            kept[:2].tolist(), rel=1e-3
        )
        assert detail.odds == pytest.approx(
            kept[row.topk(3).indices.tolist().index(id_)].item(), rel=1e-3
        )


def test_broken_weights_are_told(one_model: Transformer) -> None:
    with torch.no_grad():
        one_model.blocks[0].feed_forward.up.weight[0, 0] = float("nan")
    with pytest.raises(OperationError, match="weights are broken"):
        written(one_model, [Text([1])], Rules(5))
