import json
import string
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import CheckpointError, PromptError
from attn_cli.text.tokenizer import (
    Tokenizer,
    UnknownPolicy,
    bytes_tokenizer,
    corpus_tokenizer,
    printable_tokenizer,
    tokenizer_from_json,
)

ALL = [printable_tokenizer(), corpus_tokenizer("añ中\U0001f600\n"), bytes_tokenizer()]
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def by_kind(tokenizer: Tokenizer) -> str:
    return tokenizer.kind


def test_printable_is_the_index_in_string_printable() -> None:
    tokenizer = printable_tokenizer()
    assert tokenizer.encode("Hello").tolist() == [43, 14, 21, 21, 24]
    assert tokenizer.encode(string.printable).tolist() == list(range(100))
    assert tokenizer.vocab_size == 100
    assert tokenizer.document_separator_id == 99


def test_corpus_is_the_sorted_distinct_characters() -> None:
    tokenizer = corpus_tokenizer("banana split")
    assert tokenizer.symbols == tuple(" abilnpst")
    assert tokenizer.encode("nab").tolist() == [5, 1, 2]


@given(st.text(string.printable))
def test_printable_round_trip(text: str) -> None:
    tokenizer = printable_tokenizer()
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert [tokenizer.symbols[token] for token in ids] == list(text)


@given(any_text.filter(bool))
def test_corpus_round_trip(text: str) -> None:
    tokenizer = corpus_tokenizer(text)
    ids = tokenizer.encode(text)
    assert len(ids) == len(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids.tolist()) == text


@pytest.mark.parametrize("tokenizer", ALL, ids=by_kind)
def test_characters_and_how_many_ids_each_is_written_with(tokenizer: Tokenizer) -> None:
    text = "añ中\U0001f600\n" if tokenizer.kind != "printable" else "a \n\f"
    sizes = [len(tokenizer.encode(character)) for character in text]
    assert list(tokenizer.characters(tokenizer.encode(text))) == list(zip(text, sizes, strict=True))


@given(
    st.lists(st.sampled_from([*b"a\x80\x8f\x90\x9f\xa0\xbf\xc0\xc3\xe0\xe2\xed\xf0\xf1\xf4\xf5"]))
)
def test_bytes_that_are_no_character_come_one_by_one(some: list[int]) -> None:
    characters = list(bytes_tokenizer().characters(np.array(some, dtype=np.uint8)))
    # Python's own decoder says which bytes are a character.
    assert "".join(text for text, _ in characters) == bytes(some).decode(errors="backslashreplace")
    for text, size in characters:
        assert size == (1 if text.startswith("\\x") else len(text.encode()))


@given(any_text)
def test_bytes_round_trip(text: str) -> None:
    tokenizer = bytes_tokenizer()
    ids = tokenizer.encode(text)
    assert bytes(ids) == text.encode("utf-8")
    assert tokenizer.decode(ids) == text


@given(any_text)
def test_a_stream_of_bytes_gives_whole_characters(text: str) -> None:
    tokenizer = bytes_tokenizer()
    decode = tokenizer.stream_decoder()
    pieces = [decode(int(token)) for token in tokenizer.encode(text)]
    assert [piece for piece in pieces if piece] == list(text)
    assert decode.flush() == ""


def test_an_unfinished_character_leaves_at_the_end() -> None:
    decode = bytes_tokenizer().stream_decoder()
    assert [decode(0xE4), decode(0xB8)] == ["", ""]
    assert decode.flush() == "\ufffd"


def test_a_stream_of_bytes_replaces_what_is_not_utf8() -> None:
    decode = bytes_tokenizer().stream_decoder()
    assert "".join([decode(0xFF), decode(0x61), decode.flush()]) == "\ufffda"


def test_a_stream_of_characters() -> None:
    tokenizer = printable_tokenizer()
    decode = tokenizer.stream_decoder()
    assert [decode(int(token)) for token in tokenizer.encode("a\n")] == ["a", "\n"]
    assert decode.flush() == ""


@pytest.mark.parametrize("tokenizer", ALL, ids=by_kind)
def test_no_text_is_no_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("").shape == (0,)
    assert tokenizer.decode([]) == ""


@pytest.mark.parametrize(
    ("size", "dtype"), [(1, "uint8"), (256, "uint8"), (257, "uint16"), (65_537, "uint32")]
)
def test_ids_have_the_smallest_type(size: int, dtype: str) -> None:
    characters = [chr(code) for code in range(0x10000, 0x10000 + size)]
    tokenizer = corpus_tokenizer(characters)
    ids = tokenizer.encode("".join(characters))
    assert tokenizer.dtype == ids.dtype == np.dtype(dtype)
    assert ids.tolist() == list(range(size))


@pytest.mark.parametrize(
    ("characters", "separator"), [("b\n\fa", "\f"), ("b\na", "\n"), ("ba", "a")]
)
def test_separator_of_a_corpus(characters: str, separator: str) -> None:
    tokenizer = corpus_tokenizer(characters)
    assert tokenizer.symbols[tokenizer.document_separator_id] == separator


def test_separator_of_bytes() -> None:
    assert bytes_tokenizer().document_separator_id == ord("\f")


class TestUnknownCharacters:
    def test_transliterate_counts_what_changed(self) -> None:
        tokenizer = printable_tokenizer()
        encoded = tokenizer.encode_with_report("“café” – Ærø, ¡é!", "transliterate")
        assert tokenizer.decode(encoded.ids) == '"cafe" - Aero, !e!'
        assert encoded.n_unknown == 8
        assert encoded.examples == (("“", '"'), ("é", "e"), ("”", '"'), ("–", "-"), ("Æ", "Ae"))

    def test_transliterate_writes_only_what_the_vocabulary_has(self) -> None:
        tokenizer = corpus_tokenizer("abcdef")
        encoded = tokenizer.encode_with_report("àæx", "transliterate")
        assert tokenizer.decode(encoded.ids) == "aae"
        assert encoded.n_unknown == 3
        assert encoded.examples == (("à", "a"), ("æ", "ae"), ("x", ""))

    def test_drop(self) -> None:
        tokenizer = printable_tokenizer()
        encoded = tokenizer.encode_with_report("a\x00bé", "drop")
        assert tokenizer.decode(encoded.ids) == "ab"
        assert encoded.n_unknown == 2

    @pytest.mark.parametrize(
        ("characters", "written"), [("ab ?", "a?"), ("ab ", "a "), ("ba", "aa")]
    )
    def test_replace(self, characters: str, written: str) -> None:
        tokenizer = corpus_tokenizer(characters)
        assert tokenizer.decode(tokenizer.encode("aé", "replace")) == written

    def test_error_names_characters_and_positions(self) -> None:
        with pytest.raises(PromptError) as caught:
            printable_tokenizer().encode("naïve\x00 中ï中中中")
        assert caught.value.message == (
            "characters outside the printable vocabulary: 'ï' at positions 3, 9; "
            "'\\x00' at position 6; '中' at positions 8, 10, 11, ..."
        )

    def test_error_names_only_the_first_five(self) -> None:
        with pytest.raises(
            PromptError, match=r"'ä' at position 1; .*'ë' at position 5; and 2 more"
        ):
            printable_tokenizer().encode("äöüéëàè")

    def test_error_counts_positions_from_where_it_is_told(self) -> None:
        with pytest.raises(PromptError, match=r"'é' at position 102\b"):
            printable_tokenizer().encode_with_report("aé", first_position=101)

    @pytest.mark.parametrize("tokenizer", ALL, ids=by_kind)
    def test_lone_surrogates_of_a_command_line_are_unknown(self, tokenizer: Tokenizer) -> None:
        with pytest.raises(PromptError, match=r"'\\udce9' at position 2"):
            tokenizer.encode("a\udce9")
        assert tokenizer.decode(tokenizer.encode("a\udce9", "drop")) == "a"

    def test_characters_that_mean_something_to_a_regular_expression(self) -> None:
        tokenizer = corpus_tokenizer("ab")
        assert tokenizer.decode(tokenizer.encode("a]b^a-b\\a[&&b", "drop")) == "abab" + "ab"

    @given(any_text)
    def test_nothing_known_is_changed(self, text: str) -> None:
        tokenizer = printable_tokenizer()
        kept = "".join(character for character in text if character in string.printable)
        encoded = tokenizer.encode_with_report(text, "drop")
        assert tokenizer.decode(encoded.ids) == kept
        assert encoded.n_unknown == len(text) - len(kept)


class TestJson:
    @pytest.mark.parametrize("tokenizer", ALL, ids=by_kind)
    def test_round_trip(self, tokenizer: Tokenizer) -> None:
        assert tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer

    @pytest.mark.parametrize(
        ("obj", "what"),
        [
            (["a"], "not a mapping"),
            ({}, "kind is None"),
            ({"kind": "words"}, "kind is 'words', not one of printable, corpus, bytes"),
            ({"kind": ["corpus"]}, r"kind is \['corpus'\]"),
            ({"kind": "corpus"}, "not a list of characters"),
            ({"kind": "corpus", "symbols": "ab"}, "not a list of characters"),
            ({"kind": "corpus", "symbols": []}, "not a list of characters"),
            ({"kind": "corpus", "symbols": ["a", "b\x1fc"]}, r"symbol 1 .*: 'b\\x1fc'"),
            ({"kind": "corpus", "symbols": ["a", ""]}, "symbol 1 is not of characters: ''"),
            ({"kind": "corpus", "symbols": ["a", 7]}, "symbol 1 is not of characters: 7"),
            ({"kind": "corpus", "symbols": ["\ud800"]}, r"not of characters: '\\ud800'"),
            ({"kind": "corpus", "symbols": ["a", "b", "a"]}, "symbol 2 occurs twice: 'a'"),
            ({"kind": "corpus", "symbols": ["a"] * 1_114_113}, "1,114,113 symbols"),
            ({"kind": "printable", "symbols": ["a"]}, "not those of the printable kind"),
        ],
    )
    def test_what_is_damaged(self, obj: object, what: str) -> None:
        with pytest.raises(CheckpointError, match=what) as caught:
            tokenizer_from_json(obj)
        assert "\n" not in caught.value.message

    def test_a_long_symbol_is_shown_short(self) -> None:
        with pytest.raises(CheckpointError) as caught:
            tokenizer_from_json({"kind": "corpus", "symbols": ["x\x1f" * 10_000]})
        assert len(caught.value.message) < 200


@pytest.mark.parametrize(("known", "typed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_prompt_in_another_normal_form(known: str, typed: str) -> None:
    tokenizer = corpus_tokenizer(unicodedata.normalize(known, "schön"))
    prompt = unicodedata.normalize(typed, "ön")
    expected = tokenizer.encode(unicodedata.normalize(known, "ön"))
    assert tokenizer.encode(prompt).tolist() == expected.tolist()
    with pytest.raises(PromptError, match="at position 1"):
        tokenizer.encode(unicodedata.normalize("NFC", "ôn"))  # no form of it is known


def test_a_text_is_not_changed_to_another_normal_form() -> None:
    """Only a prompt is: `data.unknown: error` promises the text as it is."""
    tokenizer = corpus_tokenizer("ö")
    with pytest.raises(PromptError):
        tokenizer.encode_with_report(unicodedata.normalize("NFD", "ö"), "error")


@pytest.mark.parametrize("tokenizer", [printable_tokenizer(), corpus_tokenizer("ab▢é")])
def test_a_hidden_character_has_an_id_that_no_text_has(tokenizer: Tokenizer) -> None:
    masked = tokenizer.with_mask()
    assert masked.mask_id == tokenizer.vocab_size == masked.vocab_size - 1
    text = "".join(tokenizer.symbols)
    assert masked.encode(text).tolist() == tokenizer.encode(text).tolist()
    assert masked.decode([0, tokenizer.vocab_size]) == f"{tokenizer.symbols[0]}▢"
    assert tokenizer_from_json(json.loads(json.dumps(masked.to_json()))) == masked
    assert masked.with_mask() is masked


def test_unknown_special_symbols_are_refused() -> None:
    with pytest.raises(CheckpointError, match="special symbols"):
        tokenizer_from_json({"kind": "corpus", "symbols": ["a"], "specials": ["<x>"]})


def lines_of_symbols() -> Tokenizer:
    return corpus_tokenizer(["aː", "[V]", "[PST]", *"\n\tVabo"])


class TestSymbolsOfSeveralCharacters:
    def test_they_come_after_the_characters(self) -> None:
        assert lines_of_symbols().symbols == (*"\t\nVabo", "[PST]", "[V]", "aː")

    @pytest.mark.parametrize(
        ("text", "symbols"),
        [
            ("abba\x1f[V]\x1f\x1f[PST]\x1f\tb\x1faː\x1f", [*"abba", "[V]", "[PST]", *"\tb", "aː"]),
            ("\x1faː\x1fa\x1faː\x1f\n", ["aː", "a", "aː", "\n"]),
            ("Va", ["V", "a"]),  # the character V is not the feature
            ("", []),
        ],
    )
    def test_a_marked_symbol_is_one_id(self, text: str, symbols: list[str]) -> None:
        tokenizer = lines_of_symbols()
        ids = tokenizer.encode(text)
        assert ids.dtype == tokenizer.dtype
        assert [tokenizer.symbols[id_] for id_ in ids] == symbols
        assert list(tokenizer.units(text)) == symbols
        assert tokenizer.decode(ids) == text
        decode = tokenizer.stream_decoder()
        assert "".join(map(decode, ids.tolist())) == text

    def test_what_is_unknown_is_named_with_its_position(self) -> None:
        with pytest.raises(PromptError) as caught:
            lines_of_symbols().encode("abx\x1f[FUT]\x1f\x1f[V]\x1f\x1foː\x1f\x1f[FUT]\x1f")
        assert caught.value.message == (
            "symbols outside the corpus vocabulary: 'x' at position 3; "
            "the feature [FUT] at positions 4, 7; 'oː' at position 6"
        )

    @pytest.mark.parametrize(
        ("unknown", "expected"),
        [
            ("drop", "a\x1f[V]\x1f"),
            ("transliterate", "ao\x1f[V]\x1f"),
            ("replace", "a??\x1f[V]\x1f"),
        ],
    )
    def test_what_is_unknown_is_replaced(self, unknown: UnknownPolicy, expected: str) -> None:
        tokenizer = corpus_tokenizer(["[V]", *"ao?:"])
        encoded = tokenizer.encode_with_report("aò\x1foː\x1f\x1f[V]\x1f", unknown)
        assert tokenizer.decode(encoded.ids) == expected
        assert encoded.n_unknown == 2

    def test_they_are_kept_with_a_run(self) -> None:
        tokenizer = lines_of_symbols()
        assert tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer

    @given(any_text.filter(bool))
    def test_no_other_vocabulary_has_marks(self, text: str) -> None:
        """The unit separator of a text that is read as it is stays a character."""
        tokenizer = corpus_tokenizer(f"{text}\x1f")
        assert tokenizer.decode(tokenizer.encode(f"\x1f{text}\x1f")) == f"\x1f{text}\x1f"
