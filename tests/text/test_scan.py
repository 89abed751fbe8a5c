import hashlib
import random
import string
from pathlib import Path

import pytest

from attn_cli.text.corpus import load_corpus
from attn_cli.text.scan import scan
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
        "vocabulary: printable (ASCII), which has all of the text; "
        "for another, set data.tokenizer=corpus"
    )
    assert "printable (ASCII), as only 1 character in 2,000 is outside it" in note("é" + "a" * 1999)
    assert note("éaaa" * 9) == (
        "vocabulary: corpus, the text's own characters, as 25 % of the text is not ASCII; "
        "for another, set data.tokenizer=bytes"
    )


def test_what_was_named_needs_no_explanation(tmp_path: Path) -> None:
    assert load_corpus([str(source_of(tmp_path, "Привет"))], "corpus").notes == ()
