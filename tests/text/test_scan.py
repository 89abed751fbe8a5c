import hashlib
import random
import string
from pathlib import Path

import pytest

from attn_cli.text.corpus import load_corpus
from attn_cli.text.read_options import ReadOptions
from attn_cli.text.scan import looks_like_a_list, scan
from attn_cli.text.sources import open_source
from tests.alphabets import SENTENCES


def source_of(folder: Path, text: str) -> Path:
    path = folder / "text.txt"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("text", SENTENCES.values(), ids=SENTENCES)
def test_auto_writes_every_alphabet_as_it_is(tmp_path: Path, text: str) -> None:
    corpus = load_corpus([str(source_of(tmp_path, text * 3))], "auto")
    assert corpus.tokenizer.kind == "corpus"
    assert corpus.tokenizer.decode(corpus.ids) == text * 3
    assert corpus.n_unknown == 0


@pytest.mark.parametrize(
    ("outside", "kind"),
    [("", "printable"), ("é", "printable"), ("éé", "corpus"), ("\x01é", "corpus")],
)
def test_auto_takes_one_character_in_a_thousand(tmp_path: Path, outside: str, kind: str) -> None:
    path = source_of(tmp_path, outside + "a" * (1000 - len(outside)))
    assert load_corpus([str(path)], "auto").tokenizer.kind == kind


def test_one_pass_counts_and_collects(tmp_path: Path) -> None:
    symbols = string.printable.replace("\r", "") + "é\x01中\U0001f469\x7f"
    text = "".join(random.Random(0).choices(symbols, k=3_000_000))  # more than one chunk
    stats = scan(open_source([str(source_of(tmp_path, text))]), counted=True)
    assert stats.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert (stats.chars, stats.utf8_bytes) == (len(text), len(text.encode()))
    assert stats.outside == sum(character not in string.printable for character in text)
    assert stats.alphabet == set(text)


def test_a_line_says_what_auto_chose_and_why(tmp_path: Path) -> None:
    def note(text: str) -> str:
        (line,) = load_corpus([str(source_of(tmp_path, text))], "auto").notes
        return line

    assert note("abc" * 9) == (
        "vocabulary: printable (ASCII), which covers the whole text; "
        "for another, set data.tokenizer=corpus"
    )
    assert "printable (ASCII), as only 1 character in 2,000 is outside it" in note("é" + "a" * 1999)
    assert note("éaaa" * 9) == (
        "vocabulary: corpus, the text's own characters, as 25 % of the text is not ASCII; "
        "for another, set data.tokenizer=bytes"
    )


def random_towns() -> str:
    """5,000 names of towns, some of two or three words."""
    random_ = random.Random(0)
    first = ("Nether", "Upper", "St. Mary", "Market", "Kirk", "Llan", "Great")
    ends = ("by", "ham", "ton", "gogerychwyrn", "ford", "mouth", "-on-Sea")

    def town() -> str:
        middle = "".join(random_.choices("aeioulnrst", k=random_.randint(2, 9))).title()
        before = f"{random_.choice(first)} " if random_.random() < 0.3 else ""
        return before + middle + random_.choice(ends)

    return "".join(f"{town()}\n" for _ in range(5000))


LISTS = {
    "towns": random_towns(),
    "names": "emma\nolivia\nava\n" * 30,
    "surnames in groups": "\f".join(["Müller\nSchmidt\nO'Neill\n\n" + "Khoury\n" * 40] * 3),
    "names in Chinese": "王小明\n李雷\n韓梅梅\n" * 30,
    "a table": "id;name;population\n" + "7;Sankt Peter-Ording;4,123\n" * 60,
    "words that end with a stop here and there": ("etc.\n" + "word\n" * 40) * 5,
}
VERSE = """\
My mistress' eyes are nothing like the sun;
Coral is far more red, than her lips red:
If snow be white, why then her breasts are dun;
If hairs be wires, black wires grow on her head.
"""
NO_LISTS = {
    "verse": VERSE * 30,
    "verse without stops": VERSE.translate(str.maketrans("", "", ",.;:")) * 30,
    "verse in Chinese": "床前明月光，\n疑是地上霜。\n" * 50,
    "a play": "GREMIO:\nGood morrow, neighbour\nBaptista.\n\nBAPTISTA:\nGod save you!\n\n" * 30,
    "a diary": "1 May\nRain. Wrote to Anna.\n\n2 May\nWent to the lake with Tom again.\n\n" * 30,
    "prose in lines of 70": ("the fox met the owl and " * 3 + "\n") * 60,
    "prose in long lines": ("The fox met the owl. " * 30 + "\n") * 60,
    "source code": Path(__file__).read_text(encoding="utf-8"),
    "one line": "ACGT" * 5000,
    "a few lines": "emma\nolivia\n" * 20,
    "nothing": "",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_lists_look_like_lists(tmp_path: Path, text: str) -> None:
    stats = scan(open_source([str(source_of(tmp_path, text))]), counted=False)
    assert stats.list_lines == text.count("\n")


@pytest.mark.parametrize("text", NO_LISTS.values(), ids=NO_LISTS)
def test_other_texts_do_not(text: str) -> None:
    assert not looks_like_a_list(text)


def test_the_last_line_of_a_list_counts_without_its_end(tmp_path: Path) -> None:
    source = open_source([str(source_of(tmp_path, "emma\n" * 99 + "ava"))])
    assert scan(source, counted=False).list_lines == 100


def test_built_in_texts_do_not_look_like_lists() -> None:
    for name in ("tales", "python-docs"):
        assert scan(open_source([name]), counted=False).list_lines == 0


def test_what_was_named_needs_no_explanation(tmp_path: Path) -> None:
    assert load_corpus([str(source_of(tmp_path, "Привет"))], "corpus").notes == ()


def test_a_symbol_of_pairs_is_counted_as_one(tmp_path: Path) -> None:
    path = source_of(tmp_path, "afar\taː v a r\nb\tb\n")
    options = ReadOptions(lines=True, pairs=True, target_tokens="words")
    stats = scan(open_source([str(path)], options=options), counted=True)
    assert stats.alphabet == {*"afrvb\t\n", "aː"}
    assert stats.chars == len("afar\tAvar\nb\tb")
    assert stats.fitting_kind == "corpus"
    assert stats.reason.endswith("symbols, such as aː")
