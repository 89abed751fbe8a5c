"""The corpus of tales is what its script says, and the checker sees each kind of damage."""

from __future__ import annotations

import hashlib
import io
import json
import math
import random
import re
import string
import sys
from pathlib import Path
from typing import Any

import pytest

from attn_cli.config.load import load_config
from attn_cli.config.presets import find_config
from tests.data.scripts import DATA, load_script

SHA256 = "f0dcf6f2914d1ec26d963ed57db795858b8fc7bc4ae19dd625c648a5a66971a4"


tales = load_script("make_tales")


@pytest.fixture(scope="module")
def corpus() -> str:
    return (DATA / "tales.txt").read_bytes().decode()


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / "tales.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def sample() -> list[tuple[str, float]]:
    """Tales that the corpus does not hold, each with the probability that it was drawn with."""
    chance = random.Random(20)
    return [tales.derive(chance) for _ in range(2000)]


def first_tale(text: str, *, holding: str) -> str:
    return next(tale for tale in text.splitlines(keepends=True) if re.search(holding, tale))


# ------------------------------------------------------------------------------- the corpus


def test_the_script_writes_the_corpus_that_is_here(corpus: str, tmp_path: Path) -> None:
    assert hashlib.sha256(corpus.encode()).hexdigest() == SHA256
    assert tales.main(["write", "--out", str(tmp_path / "again.txt")]) == 0
    assert (tmp_path / "again.txt").read_bytes() == corpus.encode()
    assert (tmp_path / "again.json").read_bytes() == (DATA / "tales.json").read_bytes()


def test_the_facts_are_those_of_the_corpus(corpus: str, facts: dict[str, Any]) -> None:
    assert facts["sha256"] == SHA256
    assert facts["chars"] == len(corpus)
    assert facts["tales"] == corpus.count("\n")
    assert facts["words"] == len(set(re.findall(r"[a-z]+", corpus.lower())))


def test_the_corpus_is_printable_and_of_the_promised_size(corpus: str) -> None:
    assert set(corpus) <= set(string.printable) - set("\r\t\v\f")
    assert 1_000_000 <= len(corpus) <= 1_500_000
    lengths = [len(tale) for tale in corpus.splitlines()]
    assert min(lengths) >= 250
    assert max(lengths) < load_config(find_config("tales")).model.block_size


def test_each_tale_is_a_line(corpus: str) -> None:
    assert corpus.endswith("\n")
    for tale in corpus.splitlines():
        assert re.fullmatch(
            r"(The|[A-Z][a-z, ]+: the|You asked for the) [^.]+\. "
            r"One .+[.\"] (And so|Moral|Remember|The lesson): .+\.",
            tale,
        )


def test_no_tale_is_told_twice(corpus: str) -> None:
    lines = corpus.splitlines()
    assert len(set(lines)) == len(lines)


def test_the_english_of_articles_and_spaces(corpus: str) -> None:
    assert not re.search(r"\b[Aa] [aeiou]", corpus)
    assert not re.search(r"\b[Aa]n [^aeiou]", corpus)
    assert "  " not in corpus
    assert not re.search(r" [.,?!\n]", corpus)
    assert not re.search(r"[.!?] [a-z]", corpus)
    assert not re.search(r"\b(\w+) \1\b", corpus.lower())
    assert all(paragraph.count('"') % 2 == 0 for paragraph in corpus.split("\n"))


# ------------------------------------------------------------------------------ the entropy


def test_each_text_has_one_derivation() -> None:
    assert tales.ambiguities() == []


def test_parsing_gives_back_the_probability_of_generating(
    sample: list[tuple[str, float]],
) -> None:
    for tale, probability in sample[:500]:
        assert tales.derivations(tale) == 1
        assert math.isclose(tales.probability(tale), probability, rel_tol=1e-9)


def test_the_expected_entropy_and_length_are_those_of_samples(
    sample: list[tuple[str, float]],
) -> None:
    expected = tales.expected()
    for mean, values in (
        (expected.bits, [-math.log2(probability) for _, probability in sample]),
        (expected.chars, [float(len(tale)) for tale, _ in sample]),
    ):
        average = sum(values) / len(values)
        variance = sum((value - average) ** 2 for value in values) / len(values)
        assert abs(average - mean) < 4 * math.sqrt(variance / len(values))
    assert expected.bits_per_char == expected.bits / expected.chars


def test_the_expected_entropy_of_a_grammar_small_enough_to_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [tales._entry(name, his=his) for name, his in (("Al", "his"), ("Bo", "her"))]
    names.append(tales._entry("Cleo", his="her"))
    monkeypatch.setitem(tales.POOLS, "name", names)
    nodes = tales._nodes("{A} [and {B}.|met {B}, [one|two] of {A.his} [friends|aunts].] {B.his}")
    monkeypatch.setattr(tales, "grammar", lambda: tales.Grammar(nodes, ()))
    tales._by_text.cache_clear()
    chance = random.Random(0)
    texts = dict(tales.derive(chance) for _ in range(2000))
    assert len(texts) == 6 * (1 + 4)
    assert math.isclose(sum(texts.values()), 1)
    expected = tales.expected()
    assert math.isclose(expected.bits, -sum(p * math.log2(p) for p in texts.values()))
    assert math.isclose(expected.chars, sum(p * len(text) for text, p in texts.items()))
    assert all(math.isclose(tales.probability(text), p) for text, p in texts.items())
    for prefix in ("", "A", "Bo met", "Cleo and A", "Bo met Cleo, one of h", "Bo met Bo"):
        total = sum(p for text, p in texts.items() if text.startswith(prefix))
        assert math.isclose(tales.prefix_probability(prefix), total)
    tales._by_text.cache_clear()


def test_the_probabilities_of_the_next_characters_add_up(
    sample: list[tuple[str, float]],
) -> None:
    for tale, _ in sample[:2]:
        for end in range(0, len(tale), 53):
            continued = sum(
                tales.prefix_probability(tale[:end] + sign) for sign in string.printable
            )
            assert math.isclose(continued, tales.prefix_probability(tale[:end]))


def test_the_entropy_in_the_facts_is_that_of_the_grammar(facts: dict[str, Any]) -> None:
    assert facts["entropy_bits_per_char"] == pytest.approx(tales.expected().bits_per_char, abs=1e-6)


def test_a_text_that_is_no_tale_has_no_probability() -> None:
    assert tales.probability("Once upon a time.\n") == 0
    assert tales.prefix_probability("Twice") == 0
    assert tales.prefix_probability("") == 1


# ------------------------------------------------------------------------------ the checker


def test_the_corpus_is_faultless(corpus: str) -> None:
    report = tales.check(corpus)
    assert report.words == report.valid_words > 100_000
    assert report.sentences == report.derived_sentences > 10_000
    assert report.tales == corpus.count("\n")
    assert report.consistent_tales == report.derived_tales == report.verbatim_tales == report.tales
    assert report.examples == ()
    assert set(report.shares().values()) == {1.0}


def test_every_sentence_of_a_tale_is_one_on_its_own(sample: list[tuple[str, float]]) -> None:
    for tale, _ in sample[:40]:
        for sentence in tales.split_sentences(tale):
            assert tales.derives_sentence(sentence)


def test_new_tales_are_not_verbatim(sample: list[tuple[str, float]]) -> None:
    report = tales.check("".join(tale for tale, _ in sample[:50]))
    assert report.derived_tales == report.consistent_tales == report.tales == 50
    assert report.verbatim_tales == 0


def damaged(corpus: str, old: str, new: str, *, holding: str) -> tuple[Any, Any]:
    """The reports of 20 tales, before and after one thing is replaced in one more tale."""
    others = "".join(corpus.splitlines(keepends=True)[-20:])
    tale = first_tale(corpus, holding=holding)
    harmed = re.sub(old, new, tale, count=1)
    assert harmed != tale
    return tales.check(others + tale), tales.check(others + harmed)


def test_a_misspelt_word(corpus: str) -> None:
    before, after = damaged(corpus, r"\.\n", "le.\n", holding="")
    assert after.valid_words == before.valid_words - 1
    assert after.derived_sentences == before.derived_sentences - 1
    assert after.derived_tales == before.derived_tales - 1
    assert after.consistent_tales == before.consistent_tales
    assert after.verbatim_tales == before.verbatim_tales - 1


def test_a_name_that_was_not_introduced(corpus: str) -> None:
    tale = first_tale(corpus, holding=r"pulled \w+ out")
    stranger = next(name for name in tales.HE.split() if name not in tale)
    before, after = damaged(
        corpus, r"pulled \w+ out", f"pulled {stranger} out", holding=re.escape(tale)
    )
    assert after.valid_words == before.valid_words
    assert after.derived_sentences == before.derived_sentences
    assert after.consistent_tales == before.consistent_tales - 1
    assert after.derived_tales == before.derived_tales - 1
    assert f"{stranger} is not introduced" in after.examples[0]


def test_a_pronoun_of_the_other_sex(corpus: str) -> None:
    # alone, "When she came ..." is a good sentence: only the tale shows that it is wrong
    back = r"When he (?=came to)"
    before, after = damaged(corpus, back, "When she ", holding=back)
    assert after.valid_words == before.valid_words
    assert after.derived_sentences == before.derived_sentences
    assert after.consistent_tales == before.consistent_tales - 1
    assert after.derived_tales == before.derived_tales - 1


def test_an_animal_that_becomes_another(corpus: str) -> None:
    assert tales.inconsistencies("T. Otto the mole met Ida the owl. The mole bowed.") == []
    assert tales.inconsistencies("T. Otto the mole sang. The owl bowed.") == ["there is no owl"]
    assert tales.inconsistencies("T. Otto the mole met Otto the owl.") == [
        "Otto is a mole and an owl"
    ]


def test_pronouns_stand_for_the_character_last_mentioned() -> None:
    start = "T. Otto the mole met Ida the owl. "
    assert tales.inconsistencies(start + "She bowed.") == []
    assert tales.inconsistencies(start + "He bowed.") == ['"He" stands for Ida']
    assert tales.inconsistencies(start + "The mole took his hat.") == []
    assert tales.inconsistencies(start + '"Good day, Otto, he said," said Ida in her hat.') == []
    assert tales.inconsistencies("T. He met Otto the mole.") == ['"He" stands for nobody']
    assert tales.inconsistencies("T. Otto met Otto the mole.") == ["Otto is not introduced"]


def test_a_moral_that_does_not_follow(corpus: str) -> None:
    sharing = first_tale(corpus, holding="when shared")
    fear = first_tale(corpus, holding="a friend makes any")
    moral = tales.split_sentences(sharing)[-1]
    theirs = tales.split_sentences(fear)[-1]
    before, after = damaged(corpus, re.escape(theirs), moral, holding=re.escape(fear))
    assert after.valid_words == after.words
    assert after.derived_sentences == before.derived_sentences
    assert after.consistent_tales == before.consistent_tales
    assert after.derived_tales == before.derived_tales - 1


def test_what_is_cut_off_is_not_counted(corpus: str) -> None:
    one, two, last = corpus.splitlines(keepends=True)[:3]
    three = one + two + last
    whole = tales.check(three)
    start = one.index(" ") - 1  # in "The"
    end = three.rindex(":") - 2  # in the word before the colon
    cut = tales.check(three[start:end])
    assert cut.tales == cut.derived_tales == cut.consistent_tales == cut.verbatim_tales == 1
    assert cut.words == cut.valid_words < whole.words
    assert cut.sentences == cut.derived_sentences == whole.sentences - 2
    moral = tales.split_sentences(one)[-1] + "\n"
    assert tales.check(moral + two).tales == 1  # a line, but not a tale from its title on
    assert tales.check(two[:-1]).tales == 0  # without its newline nobody knows that it is over


@pytest.mark.parametrize("text", ["", "\n", "x", "\n\n\n", '"', "The"])
def test_texts_with_nothing_to_count(text: str) -> None:
    report = tales.check(text)
    assert report.tales == report.sentences == report.words == 0
    assert set(report.shares().values()) == {None}


def test_every_piece_of_the_corpus_is_faultless(corpus: str) -> None:
    chance = random.Random(3)
    for _ in range(15):
        start = int(chance.random() * len(corpus))
        report = tales.check(corpus[start : start + 1500], corpus=None)
        assert report.examples == ()
        assert report.verbatim_tales is None


# ------------------------------------------------------------------------- the command line


def test_check_prints_shares_or_json(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.txt").write_text(corpus[:3000], encoding="utf-8")
    assert tales.main(["check", str(tmp_path / "text.txt")]) == 0
    assert re.search(r"tales of the grammar +100.0%", capsys.readouterr().out)
    assert tales.main(["check", str(tmp_path / "text.txt"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["shares"]["valid_words"] == 1
    assert report["tales"] == corpus[:3000].count("\n")


def test_check_reads_standard_input(
    corpus: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(corpus[:3000].encode())))
    assert tales.main(["check", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tales"] == corpus[:3000].count("\n")


def test_a_missing_file_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tales.main(["check", str(tmp_path / "none.txt")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
