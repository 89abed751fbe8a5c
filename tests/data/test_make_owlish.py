"""The words of the owls are what their script says, and its grammar does what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.scripts import DATA, load_script

owlish = load_script("make_owlish")
ROWS = [line.split("\t") for line in (DATA / "owlish.tsv").read_text("utf-8").splitlines()][1:]


def test_the_script_writes_the_file_that_is_here(tmp_path: Path) -> None:
    assert owlish.main(["write", "--out", str(tmp_path / "again.tsv")]) == 0
    assert (tmp_path / "again.tsv").read_bytes() == (DATA / "owlish.tsv").read_bytes()


def test_every_form_is_that_of_the_grammar() -> None:
    assert len({(lemma, features) for lemma, features, _ in ROWS}) == len(ROWS) == owlish.ROWS
    assert {features for _, features, _ in ROWS} == set(owlish.FEATURES)
    for lemma, features, form in ROWS:
        assert owlish.inflect(lemma, features) == form


@pytest.mark.parametrize(
    ("lemma", "features", "form"),
    [
        ("hut", "N;NOM;SG", "hut"),
        ("hut", "N;ACC;SG", "huda"),  # t softens
        ("heet", "N;ACC;SG", "heede"),  # a bright vowel
        ("towi", "N;GEN;SG", "towihin"),  # vowels apart
        ("hut", "N;LOC;SG", "hutta"),
        ("hul", "N;LOC;SG", "hulda"),
        ("mes", "N;ABL;SG", "mesten"),  # s does not soften, and is voiceless
        ("hut", "N;ABL;PL", "huhuttan"),
        ("twookim", "N;NOM;PL", "twootwookim"),  # a long vowel is one
        ("hoolek", "V;PRS;1;SG", "hoolegim"),  # the last vowel counts
        ("hoolek", "V;PST;1;PL", "hoolektimek"),
        ("kuta", "V;PST;2;SG", "kutaduhus"),
        ("pen", "V;FUT;3;PL", "pepeneelle"),
        ("milo", "ADJ;CMPR", "milora"),
        ("milo", "ADJ;SPRL", "mimilora"),
        ("at", "N;ACC;PL", "aada"),
    ],
)
def test_a_form_by_each_rule(lemma: str, features: str, form: str) -> None:
    assert owlish.inflect(lemma, features) == form


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert owlish.main(["inflect", "hulop", "N;ACC;PL"]) == 0
    assert capsys.readouterr().out == "huhuloba\n"
    assert owlish.main(["inflect", "hulop", "N;VOC"]) == 2
    assert capsys.readouterr().err == "make_owlish: no features of owlish: N;VOC\n"
    (tmp_path / "t.tsv").write_text("hut\tN;ACC;SG\thuda\t-0.1\nhut\tN;ACC;SG\thuta\nhut\thut\n")
    assert owlish.main(["check", str(tmp_path / "t.tsv")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 of 3 forms are right",
        "wrong: hut N;ACC;SG huta",
        "wrong: hut hut",
    ]
