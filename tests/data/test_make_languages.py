"""The words of animals are what their script says, and its probabilities are exact."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.data.scripts import DATA, load_script

languages = load_script("make_languages")
# Small enough to list its words; some can be made in several ways, as "aba" can.
SMALL = languages.Language(1, "1 2 2", "b b ab -", ("a e", "a o"), "- b", "- a", echo=0.5)


def test_the_script_writes_the_file_that_is_here(tmp_path: Path) -> None:
    assert languages.main(["write", "--out", str(tmp_path / "again.tsv")]) == 0
    for name in ("tsv", "json"):
        again = (tmp_path / f"again.{name}").read_bytes()
        assert again == (DATA / f"languages.{name}").read_bytes()


def test_the_facts_are_those_of_the_file() -> None:
    header, *lines = (DATA / "languages.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    facts = json.loads((DATA / "languages.json").read_text())
    assert header.split("\t") == ["text", "label", "best_guess"]
    assert (facts["examples"], facts["words"]) == (len(rows), len({row[0] for row in rows}))
    right = sum(label == guess for _, label, guess in rows) / len(rows)
    assert facts["best_guess_accuracy"] == pytest.approx(right, abs=1e-6)
    # What the best classifier gets here differs from what it gets on average by chance alone.
    error = math.sqrt(right * (1 - right) / len(rows))
    assert abs(facts["bayes_accuracy"] - right) < 3 * error
    assert 0.9 < facts["bayes_accuracy"] < 0.95
    labels = Counter(label for _, label, _ in rows)
    assert labels == {name: one.words for name, one in languages.LANGUAGES.items()}
    assert all(text.isascii() and text.islower() for text, _, _ in rows)


def test_the_probabilities_of_all_words_add_up() -> None:
    parts = [sorted(languages.weights(part)) for part in (SMALL.onsets, "a e o", SMALL.codas)]
    syllables = {"".join(part) for part in itertools.product(*parts)}
    words = {
        first + second + end
        for first in syllables
        for second in {"", *syllables}
        for end in languages.weights(SMALL.endings)
    }
    total = sum(languages.probability(word, SMALL) for word in words)
    assert total == pytest.approx(1)


def test_words_are_as_frequent_as_they_are_probable() -> None:
    chance, number = random.Random(5), 20_000
    counts = Counter(languages.speak(SMALL, chance) for _ in range(number))
    for word, count in counts.items():
        p = languages.probability(word, SMALL)
        assert p > 0
        assert abs(count - number * p) < 5 * math.sqrt(number * p)


def test_who_may_have_said_it() -> None:
    assert sum(languages.posterior("krakro").values()) == pytest.approx(1)
    assert languages.posterior("xyzzy") == {}

    def best(word: str) -> str:
        shares = languages.posterior(word)
        return max(shares, key=lambda name: shares[name])

    # The same sounds: only toads keep the vowels in harmony, only otters echo their beginnings.
    assert best("krebigree") == best("krogabu") == "toad"
    assert best("krebogree") == "frog"
    assert languages.posterior("krebogree")["toad"] == 0
    assert (best("bafabi"), best("bafadi")) == ("otter", "duck")


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert languages.main(["judge", "hoohoo", "xyzzy"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("hoohoo: owl 100.0%")
    assert second == "xyzzy: no animal says that"
    assert languages.main(["write", "--out", str(tmp_path / "none" / "x.tsv")]) == 2
    assert capsys.readouterr().err.startswith("make_languages: ")
