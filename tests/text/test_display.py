import pytest
from rich.cells import cell_len

from attn_cli.text.display import (
    counted,
    escape_control_characters,
    format_bytes,
    map_symbol,
    printable_symbol,
    quoted,
)
from attn_cli.text.opening import MAX_LENGTH, beginning, writes_hello
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer, printable_tokenizer
from tests.alphabets import SENTENCES

UNSAFE = "\x1b\x00\r\x7f\x9b\u2028\u202e\u2066\ud800\U000e0041"


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_what_readers_of_a_script_see_is_written_as_it_is(sentence: str) -> None:
    assert escape_control_characters(sentence) == sentence
    assert quoted(sentence) == "'" + sentence.replace("\n", "\\n") + "'"


@pytest.mark.parametrize("character", UNSAFE, ids=ascii)
def test_what_moves_a_cursor_or_hides_text_is_escaped(character: str) -> None:
    escaped = character.encode("unicode_escape").decode()
    assert escape_control_characters(f"a{character}b") == f"a{escaped}b"
    assert printable_symbol(character) == escaped
    assert quoted(character) == f"'{escaped}'"
    assert map_symbol(character) == "▯"


def test_a_form_feed_between_documents_is_an_empty_line() -> None:
    assert escape_control_characters("one\n\ftwo\n\tthree") == "one\n\ntwo\n\tthree"


def test_a_symbol_by_itself_can_be_seen() -> None:
    shown = {
        " ": "␣", "\u00a0": "⍽", "\u3000": "□", "\u200c": "¦", "\u200d": "⁀", "\u2003": r"\u2003",
        "🏽": r"\U0001f3fd",
        "\u093f": "◌\u093f", "\ufe0f": "◌\ufe0f", "é": "é", "中": "中", r"\xe9": r"\xe9",
    }  # fmt: skip
    assert {symbol: printable_symbol(symbol) for symbol in shown} == shown


@pytest.mark.parametrize("symbol", sorted({*"".join(SENTENCES.values()), *UNSAFE}), ids=ascii)
def test_in_a_map_a_symbol_takes_one_cell_or_two(symbol: str) -> None:
    assert cell_len(map_symbol(symbol)) in (1, 2)


def test_quotes() -> None:
    for text in ("plain", "it's", 'say "hi"', "both ' and \"", "back\\slash\ttab"):
        assert quoted(text) == repr(text)


def test_which_vocabularies_write_hello() -> None:
    assert writes_hello(printable_tokenizer())
    assert writes_hello(bytes_tokenizer())
    assert writes_hello(corpus_tokenizer("Hello, où déjà"))
    assert not writes_hello(corpus_tokenizer("ACGT"))
    assert not writes_hello(corpus_tokenizer("Hello, мир и солнце"))


def test_the_beginning_of_a_text() -> None:
    assert beginning("\n  Старый кот писал письмо") == "Старый кот писал"
    assert beginning("Моя бабушка читала") == "Моя бабушка"
    assert beginning("天" * 40) == "天" * MAX_LENGTH
    assert beginning("one two three 16 four") == "one two three 16"
    assert beginning("short\n") == "short"


def test_one_thing_is_no_plural() -> None:
    assert [counted(n, "row") for n in (0, 1, 1280)] == ["0 rows", "1 row", "1,280 rows"]


def test_sizes_are_for_people() -> None:
    sizes = (1, 512, 3482, 1_966_119, 12 * 2**20, 3 * 2**29)
    assert [format_bytes(size) for size in sizes] == [
        "1 byte", "512 bytes", "3.4 KiB", "1.9 MiB", "12 MiB", "1.5 GiB",
    ]  # fmt: skip
