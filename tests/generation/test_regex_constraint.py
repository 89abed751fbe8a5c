"""What a pattern allows, against Python's own `re`."""

import re
import string
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import InputError, PromptError
from attn_cli.generation import regex_constraint as regex_module
from attn_cli.generation.regex_constraint import (
    Automaton,
    allowed_ids,
    compile_regex,
    unconstrained,
)
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer, printable_tokenizer

PRINTABLE = printable_tokenizer()
ALL = allowed_ids(PRINTABLE, None, None, None)

PATTERNS = (
    r"[0-9]{4}", r"a|bc|def", r"(ab)*c?", r"[^a-z]{2,3}", r".{5}\n.{7}\n.{5}", r"\d+\.\d{2}",
    r"(?i)hello", r"H.*\nE.*\nY", r"(a|b)*a(a|b){3}", r"\w+( \w+)*", r"[+*]+|[?]\+", r"[\s\S]{3}",
    r"[a[]{1,3}", r"a{,3}b", r"[{a}]{2}",
)  # fmt: skip


def random_text(automaton: Automaton, length: int, random: np.random.Generator) -> str:
    """A text drawn evenly from what the automaton allows."""
    state, ids = 0, []
    for left in range(length, 0, -1):
        allowed = np.flatnonzero(automaton.allowed(state, left))
        if not len(allowed) or (automaton.may_end(state) and random.random() < 0.1):
            break
        ids.append(int(random.choice(allowed)))
        state = automaton.next_state(state, ids[-1])
    assert automaton.may_end(state)
    return PRINTABLE.decode(ids)


@pytest.mark.parametrize("expression", PATTERNS)
def test_whatever_is_drawn_matches_whatever_the_length(expression: str) -> None:
    automaton, random = compile_regex(expression, PRINTABLE, ALL), np.random.default_rng(0)
    for length in range(automaton.shortest, automaton.shortest + 25):
        text = random_text(automaton, length, random)
        assert re.fullmatch(expression, text), text
        assert len(text) <= length


@given(st.sampled_from(PATTERNS), st.text(st.sampled_from("abcdefhloHELOY 019.\n_"), max_size=9))
def test_a_text_is_allowed_exactly_if_it_matches(expression: str, text: str) -> None:
    automaton = compile_regex(expression, PRINTABLE, ALL)
    state, possible = 0, True
    for character in text:
        id_ = string.printable.index(character)
        if not automaton.allowed(state, 10**6)[id_]:
            possible = False
            break
        state = automaton.next_state(state, id_)
    accepted = possible and automaton.may_end(state)
    assert accepted == bool(re.fullmatch(expression, text))


def test_characters_that_may_not_be_written_are_no_way_out() -> None:
    usable = allowed_ids(PRINTABLE, None, "b", None)
    automaton = compile_regex("ab|cd", PRINTABLE, usable)
    assert PRINTABLE.decode(np.flatnonzero(automaton.allowed(0, 9))) == "c"
    with pytest.raises(InputError, match="no text"):
        compile_regex("ab", PRINTABLE, usable)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("[0-9", "unterminated character set at position 0"),
        (r"(a)\1", "not supported"),
        (r"\bword\b", "not supported"),
        ("^a$", "not supported"),
        # The library would read these otherwise than Python does, and say nothing.
        ("a?+a", "not supported: ?+"),
        ("a.*(?!b)", "not supported: (?!"),
        ("a(?=b)", "not supported: (?="),
        ("(?<=a)b", "not supported: (?<="),
        ("(?#no)a", "not supported: (?#"),
        ("[]a]", "] at the beginning of a set"),
        ("[^]a]", "] at the beginning of a set"),
        ("a{}", "{ that is not a count"),
        ("a{b}", "{ that is not a count"),
        ("(" * 300 + "a" + ")" * 300, "regex"),
        ("é", "no text"),
        ("", "only the empty text"),
        ("a{99999999999}", "regex"),
    ],
)
def test_what_cannot_be_matched_is_told(expression: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        compile_regex(expression, PRINTABLE, ALL)
    assert said in refused.value.message
    assert "\n" not in refused.value.message


def test_a_regex_that_explodes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for any regex whose automaton is not built in time."""
    ended = threading.Event()
    monkeypatch.setattr("interegular.parse_pattern", lambda _: ended.wait())
    monkeypatch.setattr(regex_module, "MAX_COMPILE_SECONDS", 0.0)
    with pytest.raises(InputError, match="too large"):
        compile_regex("(a|b)*a(a|b){99}", PRINTABLE, ALL)
    ended.set()


def test_allow_and_forbid() -> None:
    def usable(allow: str | None, forbid: str | None, end: int | None = None) -> str:
        return PRINTABLE.decode(np.flatnonzero(allowed_ids(PRINTABLE, allow, forbid, end)))

    assert usable("cab", None) == "abc"
    assert usable("cab", "b") == "ac"
    assert usable(None, string.printable[1:]) == "0"
    assert usable("a\f", None, end=99) == "a"
    with pytest.raises(InputError, match="leave no character"):
        usable("a", "a")
    with pytest.raises(PromptError, match="outside the printable vocabulary"):
        usable("é", None)
    assert unconstrained(ALL).allowed(0, 1).all()


def test_bytes_have_no_patterns_and_one_byte_characters_only() -> None:
    tokenizer = bytes_tokenizer()
    with pytest.raises(InputError, match="bytes"):
        compile_regex("a", tokenizer, allowed_ids(tokenizer, None, None, None))
    with pytest.raises(InputError, match="one byte"):
        allowed_ids(tokenizer, "é", None, None)
    assert np.flatnonzero(allowed_ids(tokenizer, "az", None, None)).tolist() == [97, 122]


def test_a_vocabulary_of_its_own() -> None:
    tokenizer = corpus_tokenizer("aéł")
    automaton = compile_regex("[éł]+a", tokenizer, allowed_ids(tokenizer, None, None, None))
    assert automaton.shortest == 2
    assert tokenizer.decode(np.flatnonzero(automaton.allowed(0, 2))) == "éł"
