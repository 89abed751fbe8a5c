import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.config.load import load_config, parse_override
from attn_cli.errors import PromptError
from attn_cli.text.pair_format import PairFormat, are_features, are_words, encode_source
from attn_cli.text.tokenizer import corpus_tokenizer, marked_units

PLAIN = PairFormat()
INFLECTED = PairFormat(has_features=True)
SPOKEN = PairFormat(target_words=True)
TWO_COLUMNS = PairFormat(n_columns=2, has_features=True)


def test_a_feature_is_a_symbol_that_no_character_is() -> None:
    source = INFLECTED.source(["Vase"], "V; PST;;3")
    assert source == "Vase\x1f[V]\x1f\x1f[PST]\x1f\x1f[3]\x1f"
    assert INFLECTED.readable_source(source) == "Vase\tV;PST;3"


def test_a_word_of_one_character_is_that_character() -> None:
    target = SPOKEN.target("aː v  a r")
    assert target == "\x1faː\x1fvar"
    assert SPOKEN.readable_target(target) == "aː v a r"
    assert PLAIN.target("aː v") == PLAIN.readable_target("aː v") == "aː v"


any_field = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.tuples(any_field, any_field), any_field, any_field, st.booleans())
def test_what_a_line_says_can_be_read_back(
    columns: tuple[str, str], features: str, target: str, words: bool
) -> None:
    form = PairFormat(n_columns=2, has_features=True, target_words=words)
    source = form.source(columns, features)
    line = f"{source}\t{form.target(target)}"
    assert line.count("\t") == 1
    assert not set(line) & {"\n", "\r", "\f"}
    *again, features = form.source_fields(source)
    assert form.source(again, features) == source
    written = form.readable_target(form.target(target))
    assert form.target(written) == form.target(target)
    assert form.typed_source(form.readable_source(source)) == source


@pytest.mark.parametrize(
    ("form", "typed", "units"),
    [
        (PLAIN, "ab", ["a", "b"]),
        (PLAIN, "ab\r\n", ["a", "b"]),
        (INFLECTED, "ab\tV;PST", ["a", "b", "[V]", "[PST]"]),
        (INFLECTED, "ab\t", ["a", "b"]),
        (TWO_COLUMNS, "a\tb\tV", ["a", "[⇥]", "b", "[V]"]),
    ],
)
def test_a_typed_source(form: PairFormat, typed: str, units: list[str]) -> None:
    tokenizer = corpus_tokenizer([*"ab", "[V]", "[PST]", "[⇥]"])
    ids = encode_source(typed, form, tokenizer)
    assert (
        [tokenizer.symbols[id_] for id_ in ids]
        == units
        == list(marked_units(form.typed_source(typed)))
    )


@pytest.mark.parametrize(
    ("form", "typed", "message"),
    [
        (PLAIN, "a\tb", "the source has 1 tab, and needs none"),
        (PLAIN, " ", "the source is empty"),
        (INFLECTED, "ab", "the source has 0 tabs, and needs 1: source TAB features"),
        (
            INFLECTED,
            "axb\tV;FUT",
            "symbols outside the corpus vocabulary: 'x' at position 2; the feature [FUT] at "
            "position 5",
        ),
        (PLAIN, "aé", "characters outside the corpus vocabulary: 'é' at position 2"),
    ],
)
def test_what_is_wrong_with_a_typed_source(form: PairFormat, typed: str, message: str) -> None:
    with pytest.raises(PromptError) as caught:
        encode_source(typed, form, corpus_tokenizer([*"ab", "[V]", "[PST]"]))
    assert caught.value.message == message


def test_the_format_of_a_configuration() -> None:
    settings = ("data.column=[lemma,tag]", "data.features=3", "data.target_tokens=words")
    config = load_config(None, [parse_override(each) for each in ("task=seq2seq", *settings)])
    assert PairFormat.configured(config.data) == PairFormat(2, True, True)
    assert PairFormat.configured(load_config(None, []).data) == PLAIN


SPELLED_IN_WORDS = {
    "IPA": ["aː v", "a v k r e iː ð a", "ø y s t ʏ r r iː c ɪ", "t͡ʃ iː"],
    "ARPABET": ["HH AH0 L OW1", "K AE1 T", "S T R EH1 NG K TH", "AY1"],
    "mora": ["ka ta na", "sa ku ra", "to u kyo u"],
}
CHARACTERS = {
    "dates": ["2026-03-27", "1999-12-31"],
    "dates between blanks": ["27 03 2026", "31 12 1999"],
    "inflected words": ["ayıldık", "zorluğun", "en büyük ortak bölenlerine"],
    "sentences": ["I am an owl.", "It is so.", "He is in the old house of his family."],
    "Roman numerals": ["XIV", "MCMXCIX"],
    "numbers": ["two hundred and one", "six"],
    "nothing": [],
}


@pytest.mark.parametrize("targets", SPELLED_IN_WORDS.values(), ids=SPELLED_IN_WORDS)
def test_targets_that_are_spelled_in_words(targets: list[str]) -> None:
    assert are_words(targets)


@pytest.mark.parametrize("targets", CHARACTERS.values(), ids=CHARACTERS)
def test_targets_that_are_characters(targets: list[str]) -> None:
    assert not are_words(targets)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [(["N;GEN;SG", "V;PST"], True), (["N", "V"], False), (["a; b", "c"], False), ([], False)],
)
def test_a_column_of_features(fields: list[str], expected: bool) -> None:
    assert are_features(fields) == expected
