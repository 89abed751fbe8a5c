"""Streams of texts: what they yield, and what they refuse."""

import pytest

from attn_cli.errors import InputError
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.text_generator import TextGenerator
from attn_cli.model.transformer import Transformer
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.generation.conftest import in_numpy

TOKENIZER = corpus_tokenizer("abcdefghijklmnopqr\f")


@pytest.fixture
def generator(one_model: Transformer) -> TextGenerator:
    return TextGenerator(in_numpy(one_model), TOKENIZER, TOKENIZER.document_separator_id)


def test_a_stream_yields_the_text_of_its_result_in_any_order(generator: TextGenerator) -> None:
    config = GenerationConfig(max_new_chars=9, temperature=2.0)
    prompts, seeds = ["a", "bcd", ""], [1, 2, 3]
    expected = [each.result().text for each in generator.stream(prompts, seeds, config)]
    assert [len(text) for text in expected] == [9, 9, 9]
    streams = generator.stream(prompts, seeds, config)
    pieces = list(streams[1])
    assert [len(piece) for piece in pieces] == [1] * 9 + [0]
    assert "".join(pieces) == expected[1]
    assert ["".join(streams[0]), "".join(streams[2])] == [expected[0], expected[2]]


def test_a_stop_string_is_never_yielded(generator: TextGenerator) -> None:
    config = GenerationConfig(max_new_chars=30, temperature=2.0)
    (whole,) = generator.stream(["a"], [5], config)
    text = whole.result().text
    stop = text[7:10]
    config = GenerationConfig(max_new_chars=30, temperature=2.0, stop_strings=(stop,))
    (stopped,) = generator.stream(["a"], [5], config)
    assert "".join(stopped) == text[: text.index(stop)]
    assert stopped.result().finish_reason == "stop"


def test_the_same_characters_have_other_constraints_where_a_document_may_end(
    generator: TextGenerator,
) -> None:
    """With the form feed allowed, it is a character, unless the text ends by it."""
    allowed = {"allowed_chars": "\f", "max_new_chars": 4}
    (plain,) = generator.stream(["a"], [1], GenerationConfig(**allowed))
    assert plain.result().text == "\f" * 4
    with pytest.raises(InputError, match="leave no character"):
        generator.stream(["a"], [1], GenerationConfig(**allowed, stop_at_eos=True))


def test_a_stream_refuses_beam_search(generator: TextGenerator) -> None:
    with pytest.raises(InputError, match="`num_beams`"):
        generator.stream(["a"], [1], GenerationConfig(num_beams=2))
