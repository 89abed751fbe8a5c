import json
import string
from pathlib import Path

import pytest

from attn_cli.errors import DatasetError
from attn_cli.resources import resource_folder
from attn_cli.text.builtin import (
    DOWNLOADS,
    best_guesses,
    builtin_path,
    download_path,
    entropy_floor,
    generated_text,
)
from attn_cli.text.paths import cache_folder


def test_the_cache_folder_can_be_chosen(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("ATTN_CACHE")
    assert cache_folder().is_absolute()
    assert cache_folder().name in ("attn", "Cache")


def test_python_docs_are_the_topics_of_the_running_python() -> None:
    topics = generated_text("python-docs").split("\f")
    assert len(topics) > 50
    assert any("lambda" in topic for topic in topics)


def test_unicode_names_are_one_a_line() -> None:
    names = generated_text("unicode-names").splitlines()
    assert "LATIN SMALL LETTER A" in names
    assert "PILE OF POO" in names
    assert len(names) == len(set(names)) > 30_000
    assert set("".join(names)) <= set(string.ascii_uppercase + string.digits + " -")


@pytest.mark.parametrize(
    "computed",
    ["CJK UNIFIED IDEOGRAPH-", "CJK COMPATIBILITY IDEOGRAPH-", "HANGUL SYLLABLE ", "TANGUT IDEO"],
)
def test_unicode_names_leave_out_those_that_are_computed(computed: str) -> None:
    assert f"\n{computed}" not in generated_text("unicode-names")


@pytest.mark.parametrize("name", DOWNLOADS)
def test_what_was_not_fetched_says_how(name: str) -> None:
    with pytest.raises(DatasetError, match="not on this machine yet") as caught:
        builtin_path(name)
    assert caught.value.hint == f"fetch it with: attn data fetch {name}"


def test_what_was_fetched_and_cut_short_says_so() -> None:
    path = download_path("names")
    path.parent.mkdir(parents=True)
    path.write_text("emma\n")
    with pytest.raises(DatasetError, match="it has the wrong length"):
        builtin_path("names")
    with path.open("ab") as stream:
        stream.truncate(DOWNLOADS["names"].size)
    assert builtin_path("names") == path


def test_the_floor_of_tales_is_what_its_maker_wrote() -> None:
    facts = json.loads((resource_folder("data") / "tales.json").read_text(encoding="utf-8"))
    assert entropy_floor("tales") == facts["entropy_bits_per_char"]


def test_other_texts_have_no_known_floor() -> None:
    assert entropy_floor("python-docs") is None


def test_the_best_guesses_are_those_of_the_languages_alone() -> None:
    guesses = best_guesses("languages")
    assert guesses is not None
    assert guesses["hoot"] == "owl"
    assert best_guesses("tales") is None
