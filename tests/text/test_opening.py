"""The text that a view of a model opens with, and that a next step names."""

from __future__ import annotations

from pathlib import Path

import pytest

from attn_cli.text.corpus import load_corpus
from attn_cli.text.opening import fitting_prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Hello, he said. They all sat.\n" * 20, "Hello"),
        ("%\n\n--\nпривет, мир\n" * 20, "привет, мир"),
        ("ACGT" * 100, "ACGT" * 4),
        ("1 2 3\n" * 50, ""),
    ],
)
def test_a_prompt_is_in_the_letters_of_the_text(tmp_path: Path, text: str, prompt: str) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    found = fitting_prompt(load_corpus([str(path)], "auto"))
    assert found == prompt
