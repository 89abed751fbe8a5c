"""A model in Python says what the command line says."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

import attn_cli as attn_api
from attn_cli.api.arguments import GenerationOptions
from attn_cli.errors import CheckpointError, DatasetError, InputError, OperationError, PromptError
from attn_cli.generation.config import GenerationConfig
from tests.conftest import VERSE, Outcome, Trained, train_in

Attn = Callable[..., Outcome]

OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "nothing": ((), {}),
    "length": (("--max-new-chars", "17"), {"max_new_chars": 17}),
    "temperature": (("--temperature", "1.5"), {"temperature": 1.5}),
    "greedy": (("--temperature", "0"), {"temperature": 0}),
    "filters": (
        ("--top-k", "5", "--top-p", "0.9", "--min-p", "0.01", "--typical-p", "0.9"),
        {"top_k": 5, "top_p": 0.9, "min_p": 0.01, "typical_p": 0.9},
    ),
    "repetition": (
        ("--repetition-penalty", "1.5", "--repetition-window", "9"),
        {"repetition_penalty": 1.5, "repetition_window": 9},
    ),
    "stop": (("--stop", "w", "--stop", "."), {"stop_strings": ["w", "."]}),
    "allowed": (("--allow", "abc "), {"allowed_chars": "abc "}),
    "forbidden": (("--forbid", "eo"), {"forbidden_chars": "eo"}),
    "regex": (("--regex", "[a-z]{3,9}!"), {"regex": "[a-z]{3,9}!"}),
    "alternatives": (("--alternatives", "3"), {"alternatives": 3}),
    "unique": (("--unique",), {"unique": True}),
}


@pytest.fixture(scope="module")
def generate_json(trained: Trained) -> Callable[[Attn, tuple[str, ...]], list[dict[str, Any]]]:
    def call(attn: Attn, arguments: tuple[str, ...]) -> list[dict[str, Any]]:
        samples = attn("generate", *arguments, "--run", trained.run.path, "--json").json["samples"]
        assert isinstance(samples, list)
        return samples

    return call


@pytest.mark.parametrize(("flags", "options"), OPTIONS.values(), ids=OPTIONS)
def test_generates_what_the_command_line_generates(
    model: attn_api.Model,
    attn: Attn,
    generate_json: Callable[..., list[dict[str, Any]]],
    flags: tuple[str, ...],
    options: dict[str, Any],
) -> None:
    (expected,) = generate_json(attn, ("The", "--seed", "7", *flags))
    text = model.generate("The", seed=7, **options)
    assert text == expected["prompt"] + expected["text"]
    assert (text.prompt, text.continuation) == (expected["prompt"], expected["text"])
    assert (text.seed, text.finish_reason) == (7, expected["finish_reason"])
    assert text.log_probs.tolist() == expected["log_probs"]
    shown = [[vars(each) for each in others] for others in text.alternatives]
    assert shown == expected.get("alternatives", [])


def test_beam_search_finds_the_same(
    model: attn_api.Model, attn: Attn, generate_json: Callable[..., list[dict[str, Any]]]
) -> None:
    asked = ("The", "--num-beams", "3", "--num-samples", "2", "--max-new-chars", "9")
    expected = generate_json(attn, asked)
    texts = model.generate("The", num_beams=3, num_samples=2, max_new_chars=9)
    assert [text.continuation for text in texts] == [each["text"] for each in expected]
    assert [text.seed for text in texts] == [None, None]
    assert model.generate("The", num_beams=3, max_new_chars=9) == texts[0]


def test_several_prompts_and_samples_come_in_the_order_of_the_command_line(
    model: attn_api.Model, attn: Attn, generate_json: Callable[..., list[dict[str, Any]]]
) -> None:
    expected = generate_json(attn, ("The", "fox", "--seed", "3", "--num-samples", "2"))
    texts = model.generate(["The", "fox"], seed=3, num_samples=2)
    assert [(text.prompt, text.continuation, text.seed) for text in texts] == [
        (each["prompt"], each["text"], each["seed"]) for each in expected
    ]
    assert model.generate(("The", "fox"), seed=3) == texts[::2]
    assert model.generate("The", seed=3, num_samples=1) == texts[:1]
    assert model.generate([], seed=3) == []


def test_without_a_seed_each_text_has_its_own_which_gives_it_again(model: attn_api.Model) -> None:
    texts = [model.generate(temperature=1.5) for _ in range(3)]
    assert len({text.seed for text in texts}) == 3
    for text in texts:
        assert model.generate(seed=text.seed, temperature=1.5) == text


def test_a_stream_is_the_continuation_in_pieces(model: attn_api.Model) -> None:
    pieces = list(model.stream("The", seed=7, temperature=0.9))
    assert "".join(pieces) == model.generate("The", seed=7, temperature=0.9).continuation
    assert len(pieces) > 10
    assert all(pieces)


def test_a_stream_refuses_at_once(model: attn_api.Model) -> None:
    with pytest.raises(InputError, match="`num_beams`"):
        model.stream("The", num_beams=2)
    with pytest.raises(InputError, match="`unique` choose among whole texts"):
        model.stream("The", unique=True)


def test_a_text_is_a_string_that_can_be_kept(model: attn_api.Model) -> None:
    text = model.generate("The", seed=7)
    assert f"{text}" == text.prompt + text.continuation
    again = pickle.loads(pickle.dumps(text))
    assert (again, again.seed, again.finish_reason) == (text, 7, text.finish_reason)
    characters = text.characters
    assert "".join(character for character, _ in characters) == text.continuation
    assert [prob for _, prob in characters] == pytest.approx(np.exp(text.log_probs))


def test_bytes_of_one_character_are_one_character(verse_file: Path, tmp_path: Path) -> None:
    """Characters outside ASCII are several tokens, and one entry of `characters`."""
    path = tmp_path / "words.txt"
    path.write_text("größe übt Ärger; " * 60, encoding="utf-8")
    run = train_in(tmp_path / "run", path, "data.tokenizer=bytes", "train.steps=120")
    text = attn_api.load(run.run.path).generate("gr", temperature=0, max_new_chars=20)
    assert any(len(character.encode()) == 2 for character, _ in text.characters)
    assert "".join(character for character, _ in text.characters) == text.continuation
    assert len(text.log_probs) == len(text.continuation.encode())
    together = math.prod(prob for _, prob in text.characters)
    assert together == pytest.approx(math.exp(text.log_probs.sum()))


def test_loss_is_what_evaluate_measures(
    model: attn_api.Model, trained: Trained, attn: Attn, tmp_path: Path
) -> None:
    text = VERSE * 3
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    expected = attn("evaluate", "text.txt", "--run", trained.run.path, "--json").json
    evaluation = model.loss(text)
    for key in ("loss", "bits_per_char", "perplexity", "chars"):
        assert getattr(evaluation, key) == expected[key]
    own = attn("evaluate", "--run", trained.run.path, "--json").json
    assert model.loss().loss == own["loss"]


def test_a_model_can_learn_a_text_as_it_reads_it(
    model: attn_api.Model, trained: Trained, attn: Attn, tmp_path: Path
) -> None:
    text = "Zq#7 vX%kw9! " * 20
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    at = ("--run", trained.run.path, "--dynamic", "--json")
    evaluation = model.loss(text, dynamic=True)
    assert evaluation.loss == pytest.approx(attn("evaluate", "text.txt", *at).json["loss"])
    assert evaluation.loss < model.loss(text).loss
    assert model.token_losses(text, dynamic=True).mean() == pytest.approx(evaluation.loss)


def test_only_a_decoder_learns_a_text_as_it_reads_it(trained_encoder: Trained) -> None:
    encoder = attn_api.load(trained_encoder.run.path)
    with pytest.raises(InputError, match="`dynamic` needs a decoder"):
        encoder.loss("The fox", dynamic=True)


def test_token_losses_are_the_surprisals_of_evaluate(
    model: attn_api.Model, trained: Trained, attn: Attn, tmp_path: Path
) -> None:
    text = VERSE * 3
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    per_char = attn("evaluate", "text.txt", "--per-char", "--run", trained.run.path, "--json").json
    losses = model.token_losses(text)
    assert losses.shape == (len(text) - 1,)
    assert losses / math.log(2) == pytest.approx(per_char["per_char"]["surprisal_bits"], abs=1e-4)
    assert losses.mean() == pytest.approx(model.loss(text).loss)
    assert model.token_losses("x").shape == (0,)


@pytest.mark.parametrize("layer", [None, 0, 1, 2])
@pytest.mark.parametrize("pool", ["mean", "last", "max"])
def test_embeddings_are_pooled_activations(
    model: attn_api.Model, layer: int | None, pool: Any
) -> None:
    texts = ["The fox", "owl", ""]
    vectors = model.embed(texts, pool=pool, layer=layer)
    assert vectors.shape == (3, 24)
    assert vectors.dtype == np.float32
    for text, vector in zip(texts, vectors, strict=True):
        trace = model.trace(text)
        hidden = trace["final norm"] if layer is None else trace.residual_stream[layer]
        expected = {"mean": hidden.mean(0), "last": hidden[-1], "max": hidden.max(0)}[pool]
        np.testing.assert_allclose(vector, expected, rtol=1e-5, atol=1e-6)


def test_each_character_has_a_vector(model: attn_api.Model) -> None:
    texts = ["The fox", "", "owl"]
    vectors = model.embed(texts, level="char")
    assert [each.shape for each in vectors] == [(7, 24), (0, 24), (3, 24)]
    np.testing.assert_allclose(vectors[2], model.trace("owl")["final norm"], rtol=1e-5, atol=1e-6)


def test_no_texts_have_no_vectors(model: attn_api.Model) -> None:
    assert model.embed([]).shape == (0, 24)


def test_the_options_are_those_of_the_generation_config() -> None:
    assert GenerationOptions.__annotations__.keys() == {
        field.name for field in fields(GenerationConfig)
    }
    wanted = get_type_hints(GenerationConfig)
    given = get_type_hints(GenerationOptions)
    del wanted["stop_strings"], given["stop_strings"]  # a list will do
    assert given == wanted


def test_numpy_numbers_are_numbers(model: attn_api.Model) -> None:
    text = model.generate(
        "The", seed=np.int64(7), temperature=np.float32(0.5), top_k=np.int64(5), num_samples=None
    )
    assert text == model.generate("The", seed=7, temperature=0.5, top_k=5)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m: m.generate(5), InputError, "`prompt` is of type int"),
        (lambda m: m.generate(["a", 5]), InputError, r"`prompt\[1\]` is of type int"),
        (lambda m: m.generate("é"), PromptError, "'é' at position 1"),
        (lambda m: m.generate(temprature=1), InputError, "no option `temprature`"),
        (lambda m: m.generate(temperature="hot"), InputError, "`temperature`: .*'hot'"),
        (lambda m: m.generate(temperature=-1), InputError, "`temperature` -1 is out of range"),
        (lambda m: m.generate(stop_strings="."), InputError, "`stop_strings`: "),
        (lambda m: m.generate(seed=0.5), InputError, "`seed` is of type float"),
        (lambda m: m.generate(seed=-1), InputError, "`seed` -1"),
        (lambda m: m.generate(num_samples=0), InputError, "`num_samples` 0 is below 1"),
        (lambda m: m.generate(num_samples=2.0), InputError, "`num_samples` is of type float"),
        (lambda m: m.generate(num_beams=2, num_samples=3), InputError, "`num_beams` 2 finds 2"),
        (lambda m: m.generate(num_beams=2, seed=1), InputError, "`num_beams` .* with `seed`"),
        (lambda m: m.generate(num_beams=2, top_k=1), InputError, "`num_beams` .* with `top_k`"),
        (lambda m: m.generate(num_beams=2, unique=True), InputError, "does not work with `unique`"),
        (lambda m: m.generate(new=True), InputError, "`new` looks for whole lines"),
        (
            lambda m: m.generate(unique=True, regex="a", num_samples=2),
            OperationError,
            "found 1 of 2: .* none was kept",
        ),
        (lambda m: m.stream(["a"]), InputError, "`prompt` is of type list"),
        (lambda m: m.loss(5), InputError, "`text` is of type int"),
        (lambda m: m.loss("a"), DatasetError, "at least 2"),
        (lambda m: m.token_losses("aé"), PromptError, "'é' at position 2"),
        (lambda m: m.trace(b"a"), InputError, "`text` is of type bytes"),
        (lambda m: m.trace("a" * 17), InputError, "17 characters, .* at most 16"),
        (lambda m: m.embed("abc"), InputError, "`texts` is of type str"),
        (lambda m: m.embed(["a", "a" * 17]), InputError, r"`texts\[1\]`: .*17 characters"),
        (lambda m: m.embed(["é"]), PromptError, r"`texts\[0\]`: .*'é'"),
        (lambda m: m.embed(["a"], pool="sum"), InputError, "`pool` 'sum' is none of"),
        (lambda m: m.embed(["a"], level="word"), InputError, "`level` 'word' is none of"),
        (lambda m: m.embed(["a"], level="char", pool="max"), InputError, "`pool` max makes one"),
        (lambda m: m.embed(["a"], layer=3), InputError, "`layer` 3 is not from 0 to 2"),
        (lambda m: m.embed(["a"], layer="1"), InputError, "`layer` '1' is not from 0 to 2"),
    ],
)
def test_errors_name_the_argument(
    model: attn_api.Model,
    call: Callable[[Any], object],
    kind: type[attn_api.AttnError],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        call(model)


def test_a_hint_is_shown_below_the_message(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run") as caught:
        attn_api.load(tmp_path / "nowhere")
    assert caught.value.__notes__ == [caught.value.hint]


def test_runs_are_found_as_by_the_command_line(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTN_RUNS", str(trained.run.path.parent))
    expected = attn_api.load(str(trained.run.path)).generate("The", seed=1)
    for model in (attn_api.load(), attn_api.load("verse"), attn_api.load(trained.run.path)):
        assert model.generate("The", seed=1) == expected
    with pytest.raises(InputError, match="`run` is of type int"):
        attn_api.load(3)  # type: ignore[arg-type]


def test_a_device_that_is_not_there_is_refused(trained: Trained) -> None:
    with pytest.raises(InputError, match="tpu"):
        attn_api.load(trained.run.path, device="tpu")  # type: ignore[arg-type]
    auto = attn_api.load(trained.run.path, device="auto")
    assert auto.generate("The", temperature=0) == attn_api.load(trained.run.path).generate(
        "The", temperature=0
    )


def _imported(program: str, names: tuple[str, ...]) -> list[str]:
    """Which of some packages a program has imported at its end."""
    program += f"\nimport sys; print(*[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()


def test_the_package_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "pydantic", "typer", "matplotlib")
    assert _imported("import attn_cli as attn; dir(attn)", heavy) == []


def test_generating_on_a_cpu_needs_no_torch(trained: Trained) -> None:
    program = (
        f"import attn_cli as attn; model = attn.load({str(trained.run.path)!r})\n"
        "print(model.generate('The', seed=7)); print(*model.stream('The'))"
    )
    assert _imported(program, ("torch", "matplotlib", "typer")) == []


def test_every_public_name_is_there() -> None:
    assert set(attn_api.__all__) <= set(dir(attn_api))
    for name in attn_api.__all__:
        assert getattr(attn_api, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        attn_api.lode  # noqa: B018


def test_labels_come_with_their_probabilities_the_most_probable_first(
    trained_classifier: Trained,
) -> None:
    model = attn_api.load(trained_classifier.run.path)

    found = model.classify(["Bastin", "Kodelia"])

    assert [next(iter(probs)) for probs in found] == ["stin", "delia"]
    for probs in found:
        assert list(probs.values()) == sorted(probs.values(), reverse=True)
        assert sum(probs.values()) == pytest.approx(1, abs=1e-5)
    assert model.classify([]) == []
    assert model.classify(["\nBastin \n"])[0] == pytest.approx(found[0], abs=1e-5)


def test_an_encoder_decoder_translates(trained_translator: Trained) -> None:
    model = attn_api.load(trained_translator.run.path)
    first, second = model.translate(["facade", "ab"])
    assert (first.source, [each.text for each in first.targets]) == ("facade", ["edacaf"])
    assert second.targets[0].log_prob < 0
    (best,) = model.translate(["facade"], num_beams=4, num_samples=2)
    assert best.targets[0].text == "edacaf"
    assert len(best.targets) == 2
    with pytest.raises(InputError, match="the most probable target is one"):
        model.translate(["ab"], num_samples=2)


@pytest.mark.parametrize("method", ["generate", "loss", "token_losses"])
def test_an_encoder_decoder_neither_continues_nor_measures_texts(
    trained_translator: Trained, method: str
) -> None:
    model = attn_api.load(trained_translator.run.path)
    with pytest.raises(InputError, match="is an encoder-decoder"):
        getattr(model, method)("ab")
    with pytest.raises(InputError, match="is an encoder-decoder"):
        model.embed(["ab"])


def test_top_k_samples_targets_as_on_the_command_line(trained_translator: Trained) -> None:
    model = attn_api.load(trained_translator.run.path)
    (found,) = model.translate(["facade"], seed=3, num_samples=2, top_k=3)
    assert [target.seed for target in found.targets] == [3, 4]


def test_generate_names_the_method_of_an_encoder_decoder(trained_translator: Trained) -> None:
    with pytest.raises(InputError, match="is an encoder-decoder") as refused:
        attn_api.load(trained_translator.run.path).generate("facade")
    assert "`translate`" in (refused.value.hint or "")


def test_only_an_encoder_decoder_translates(trained: Trained) -> None:
    with pytest.raises(InputError, match="`translate` needs an encoder-decoder"):
        attn_api.load(trained.run.path).translate(["ab"])
