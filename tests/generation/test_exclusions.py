"""Options that do not work together are refused by name, where both are given."""

from __future__ import annotations

import pytest

from attn_cli.errors import InputError
from attn_cli.generation.exclusions import Exclusion

EXCLUSION = Exclusion("num_beams", ("seed", "top_k"), "leave them out")


@pytest.mark.parametrize("given", [(), ("num_beams",), ("seed", "top_k"), ("num_beams", "regex")])
def test_others_are_accepted(given: tuple[str, ...]) -> None:
    EXCLUSION.check(given)


@pytest.mark.parametrize(
    ("given", "named"),
    [(("top_k", "num_beams"), "`top_k`"), (("num_beams", "top_k", "seed"), "`seed`, `top_k`")],
)
def test_those_that_clash_are_named(given: tuple[str, ...], named: str) -> None:
    with pytest.raises(InputError) as refused:
        EXCLUSION.check(given)
    assert refused.value.message == f"`num_beams` does not work with {named}"
    assert refused.value.hint == "leave them out"
