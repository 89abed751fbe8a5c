"""What `attn` suggests for an option of another program, or a text that looks like an option."""

from collections.abc import Callable

import pytest

from tests.cli.test_errors import refused
from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("train", "--batch_size=8"), "did you mean --set train.batch_size=8?"),
        (("train", "--n_layer", "2"), "did you mean --set model.n_layer=2?"),
        (("train", "--lr", "1e-3"), "did you mean --set train.learning_rate=1e-3?"),
        (("train", "--learning-rate", "1"), "did you mean --set train.learning_rate=1?"),
        (("train", "--compile=False"), "did you mean --set train.compile=False?"),
        (("train", "--eval_interval"), "did you mean --set train.eval_every=VALUE?"),
        (("train", "--max_iters=9"), "did you mean --steps?"),
        (("train", "--init_from", "x"), "did you mean --init-from?"),
        (("train", "--out_dir=x"), "did you mean --out?"),
        (("generate", "--max_new_tokens", "5"), "did you mean --max-new-chars?"),
        (("generate", "--top_k", "3"), "did you mean --top-k?"),
        (("evaluate", "--jsn"), "did you mean --json?"),
        (("generate", "- milk"), "comes after --: attn generate -- '- milk'"),
        (("generate", "--- milk"), "comes after --: attn generate -- '--- milk'"),
        (("explain", "-milk"), "comes after --: attn explain -- -milk"),
        (("runs", "-x"), "see: attn runs --help"),
        (("--foo",), "see: attn --help"),
        (("data", "fetch", "--foo"), "see: attn data fetch --help"),
        (("data", "foo"), "see: attn data --help"),
        (("export", "page"), "see: attn export --help"),
    ],
)
def test_what_was_meant(attn: Attn, arguments: tuple[str, ...], meant: str) -> None:
    outcome = attn(*arguments)
    refused(outcome, meant)
    assert "Possible options" not in outcome.err  # one guess is enough


@pytest.mark.parametrize(
    ("option", "chars", "meant"),
    [
        ("--allow", "a-z", "--regex '[a-z]*'"),
        ("--allow", "A-Za-z ", "--regex '[A-Z]*'"),
        ("--forbid", "0-9", "--regex '[^0-9]*'"),
        ("--allow", "z-a", None),
        ("--allow", "abc-", None),
    ],
)
def test_a_range_of_characters(
    attn: Attn, trained: Trained, option: str, chars: str, meant: str | None
) -> None:
    outcome = attn("generate", option, chars, "--run", trained.run.path)
    assert outcome.code == 0, outcome.err
    assert (meant is not None) == ("takes characters one by one" in outcome.err)
    assert meant is None or meant in outcome.err
