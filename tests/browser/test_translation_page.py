"""The page of an encoder-decoder: its model against torch, the alignment, and what is typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.inspection.page.translation import translation_page
from attn_cli.model.trace import TraceRecorder
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from attn_cli.text.pair_format import PairFormat
from attn_cli.text.tokenizer import Tokenizer, corpus_tokenizer, printable_tokenizer
from tests.browser.conftest import Opened, random_model
from tests.conftest import Outcome, Trained

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=20")
FEATURES = ("data.features=[features]",)
SYMBOLS = ("\t", "\n", *"abcdefghij ö", "[N]", "[GEN]", "[SG]", "aː")


def random_translator(*overrides: str, tokenizer: Tokenizer | None = None) -> LoadedModel:
    """An encoder-decoder that nobody trained."""
    tokenizer = tokenizer or printable_tokenizer()
    loaded = random_model("task=seq2seq", *SMALL, *overrides, tokenizer=tokenizer)
    return replace(loaded, bos_id=tokenizer.symbols.index("\n"))


def opened_on(open_page: Callable[..., Any], loaded: LoadedModel, source: str, **more: Any) -> Any:
    layer, head = more.pop("layer", None), more.pop("head", None)
    ids = loaded.encode_source(source)
    made = translation_page(loaded, ids, "A page", layer=layer, head=head)
    return open_page(made.html, **more)


def type_source(page: Opened, text: str, shown: str) -> None:
    """Types another source, and waits until the model has read it."""
    from playwright.sync_api import expect

    page.page.locator("#typed input").first.fill(text)
    expect(page.page.locator("#source-strip")).to_have_text(shown)


@torch.no_grad()
def reference(loaded: LoadedModel, source: str) -> dict[str, Any]:
    """What torch writes for a source, its logits (T, V), and the weights of both sides."""
    model = loaded.encoder_decoder
    source_ids = torch.tensor([[*loaded.encode_source(source).tolist(), loaded.bos_id]])
    target = greedy_targets([model], source_ids, None, newline_id=loaded.bos_id)[0]
    inputs = torch.tensor([[loaded.bos_id, *target][: loaded.config.model.block_size]])
    trace = TraceRecorder()
    logits = model(inputs, source_ids, trace=trace)[0]
    tensors = {record.full_name: record.tensor for record in trace.records}

    def weights(name: str) -> torch.Tensor:
        layers = range(1, loaded.config.model.n_layer + 1)
        return torch.cat([tensors[name.format(layer)] for layer in layers])

    return {
        "target": target,
        "logits": logits,
        "alignment": weights("decoder.block {}.cross-attention.softmax weights"),
        "source": weights("encoder.block {}.attention.softmax weights"),
    }


def shown_percent(share: torch.Tensor) -> str:
    """As the page writes it, for shares of which neither nothing nor all is left by rounding."""
    assert 0.1 < share < 0.995
    return f"{100 * share:.0f}%"


def assert_as_in_torch(page: Opened, loaded: LoadedModel, source: str) -> None:
    wanted = reference(loaded, source)
    written = page.run("() => attn.target()")
    assert [id_ for id_ in written if id_ != loaded.bos_id] == wanted["target"]
    logits = torch.tensor(page.run("() => attn.logits()"))
    torch.testing.assert_close(logits, wanted["logits"], atol=1e-3, rtol=0)
    for side in ("alignment", "source"):
        weights = torch.tensor(page.run("(side) => attn.attention(side)", side))
        torch.testing.assert_close(weights, wanted[side], atol=1e-3, rtol=0)


@pytest.mark.parametrize("position", ["learned", "sinusoidal", "rope", "none"])
@pytest.mark.parametrize(
    "block",
    [
        ("model.block=gpt2", "model.source_neighbours=true", "model.tie_embeddings=false"),
        ("model.block=gpt2", "model.bias=true", "model.tie_embeddings=false"),
        ("model.block=gpt2", "model.bias=false", "model.tie_embeddings=true"),
        ("model.block=qwen3", "model.bias=false", "model.tie_embeddings=true"),
        ("model.block=qwen3", "model.n_inner=37", "model.cross_rope=false"),
    ],
)
def test_every_shape_of_model_writes_what_it_writes_in_torch(
    block: tuple[str, ...], position: str, opened: Callable[..., Any]
) -> None:
    loaded = random_translator(*block, f"model.position={position}")
    page = opened_on(opened, loaded, "Hello")
    assert reference(loaded, "Hello")["logits"].std() > 0.4  # errors would show
    assert_as_in_torch(page, loaded, "Hello")
    type_source(page, "To be or not to be", "To␣be␣or␣not␣to␣be⏎")
    assert_as_in_torch(page, loaded, "To be or not to be")


def test_weights_as_integers_are_exact_enough(opened: Callable[..., Any]) -> None:
    loaded = random_translator("model.n_embd=96", "model.n_head=4", "model.block_size=64")
    page = opened_on(opened, loaded, "27th of March 2026")
    assert loaded.model.parameter_count() > 190_000
    assert_as_in_torch(page, loaded, "27th of March 2026")


@pytest.fixture(scope="module")
def translator(trained_translator: Trained) -> TrainedModel:
    return load_model(trained_translator.run.path)


def test_a_typed_source_is_translated_live(
    translator: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened_on(opened, translator, "abcd")
    for source in ("fade", "be", "cafe"):
        type_source(page, source, f"{source}⏎")
        assert_as_in_torch(page, translator, source)
        written = translator.tokenizer.decode(reference(translator, source)["target"])
        assert page.page.inner_text("#written") == written
        assert page.page.locator("#target-strip > *").count() == len(written) + 1
        assert page.page.inner_text("#written-note") == ""


def test_it_opens_with_the_head_in_which_most_of_the_source_is_looked_at(
    translator: TrainedModel, opened: Callable[..., Any]
) -> None:
    weights = reference(translator, "abcdef")["alignment"]  # (L, H, T, S)
    coverage = weights[..., :-1].amax(dim=2).mean(dim=-1)  # (L, H)
    chosen = opened_on(opened, translator, "abcdef").run("() => attn.chosen()")
    assert (chosen["layer"], chosen["head"]) == divmod(int(coverage.argmax()), coverage.shape[1])
    chosen = opened_on(opened, translator, "abcdef", layer=0).run("() => attn.chosen()")
    assert (chosen["layer"], chosen["head"]) == (0, int(coverage[0].argmax()))
    chosen = opened_on(opened, translator, "abcdef", layer=0, head=1).run("() => attn.chosen()")
    assert (chosen["layer"], chosen["head"]) == (0, 1)


def test_a_chosen_character_of_the_target_says_where_it_looks(
    translator: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened_on(opened, translator, "abcdef", layer=1, head=0)
    weights = reference(translator, "abcdef")["alignment"][1]  # (H, T, S)
    strip = page.page.locator("#target-strip > *")
    strip.nth(2).click()
    page.page.keyboard.press("ArrowRight")
    key = int(weights[0, 3].argmax())
    assert page.run("() => [attn.chosen().query, attn.chosen().key]") == [3, key]
    assert f"gives {shown_percent(weights[0, 3, key])} of its attention" in page.page.inner_text(
        "#map-readout"
    )
    # The pointer shows another for as long as it is there.
    strip.nth(1).hover()
    assert " at 1 of the target looks at " in page.page.inner_text("#translation-readout")
    page.page.locator("h1").hover()
    assert " at 3 of the target looks at " in page.page.inner_text("#translation-readout")
    # The last column is the mean of the layer's heads.
    page.page.locator("#thumbnails [aria-checked=true]").focus()
    page.page.keyboard.press("End")
    mean = weights.mean(dim=0)[3, key]
    assert page.page.inner_text("#map-title") == "Decoder layer 2, mean of its heads"
    assert f"gives {shown_percent(mean)} of its attention" in page.page.inner_text("#map-readout")
    # In the map, arrows move over the target and the source.
    page.page.locator("#map-grid [tabindex='0']").focus()
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("Home")
    assert page.run("() => [attn.chosen().query, attn.chosen().key]") == [2, 0]


def test_probabilities_are_those_at_the_chosen_place(
    translator: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened_on(opened, translator, "abcdef")
    page.page.locator("#target-strip > *").nth(2).click()
    probs = reference(translator, "abcdef")["logits"][2].softmax(dim=-1)
    symbol = translator.tokenizer.symbols[int(probs.argmax())]
    digits = 1 if probs.max() > 0.995 else 0  # it is never rounded to all of it
    shown = f"{100 * probs.max():.{digits}f}%"
    assert f"‘{symbol}’ with {shown}" in page.page.inner_text("#next-caption")
    assert page.page.inner_text("#next-probs li:first-child .symbol") == symbol


@pytest.mark.parametrize("overrides", [(), ("data.target_tokens=words",)])
def test_the_strip_shows_the_beginning_of_what_is_written(
    overrides: tuple[str, ...], opened: Callable[..., Any]
) -> None:
    page = opened_on(opened, random_translator(*overrides), "abcdef")
    written = page.page.inner_text("#written")
    assert (" " in written) or not overrides
    assert len(written) > 12
    shown = page.page.text_content("#stages .picture.answer")
    assert shown == f"{written[:11]}…"
    assert page.page.text_content("#stages .picture.first") == "abcdef"


def test_the_maps_of_the_encoder_are_square(
    translator: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened_on(opened, translator, "abcdef", layer=0, head=2)
    page.page.locator("#target-strip > *").nth(4).click()
    page.page.check("[name=side][value=source]", force=True)
    assert page.page.get_attribute("#map-grid", "aria-rowcount") == "7"
    assert page.page.get_attribute("#map-grid", "aria-colcount") == "7"
    chosen = page.run("() => attn.chosen()")
    weight = reference(translator, "abcdef")["source"][0, 2, chosen["query"], chosen["key"]]
    assert f"gives {shown_percent(weight)} of its attention" in page.page.inner_text("#map-readout")
    assert chosen["target"] == 4
    # A character of the target leads back to the alignment.
    page.page.locator("#target-strip > *").nth(1).click()
    chosen = page.run("() => attn.chosen()")
    assert (chosen["side"], chosen["query"]) == ("alignment", 1)


def test_what_is_typed_stays_text_and_what_is_unknown_is_told(opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    loaded = random_translator()
    page = opened_on(opened, loaded, "<img src=x>")
    assert page.page.locator("img").count() == 0
    type_source(page, "<b onx=1>é</b>", "<b␣onx=1></b>⏎")
    warning = page.page.locator("#typed-warning")
    expect(warning).to_have_text("Left out, unknown to the model: ‘é’ (character 10).")
    assert page.page.locator("main #source-strip b, main #written b").count() == 0
    type_source(page, "x" * 30, "x" * 19 + "⏎")
    expect(warning).to_contain_text("the model reads the first 19")
    page.page.locator("#typed input").fill("  ")
    expect(warning).to_contain_text("The source is empty")
    expect(page.page.locator("#written-note")).to_contain_text("did not end it within 20")


def test_features_are_typed_or_chosen(opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    loaded = random_translator(*FEATURES, tokenizer=corpus_tokenizer(SYMBOLS))
    page = opened_on(opened, loaded, "ab\tN;GEN")
    assert_as_in_torch(page, loaded, "ab\tN;GEN")
    strip = page.page.locator("#source-strip")
    page.page.click("#feature-buttons button[value=SG]")
    expect(strip).to_have_text("ab[N][GEN][SG]⏎")
    assert_as_in_torch(page, loaded, "ab\tN;GEN;SG")
    page.page.click("#feature-buttons button[value=N]")
    expect(strip).to_have_text("ab[GEN][SG]⏎")
    assert page.page.locator("#feature-buttons [aria-pressed=true]").count() == 2
    # An ö of two characters is the one that the vocabulary has; an unknown feature is named.
    page.page.locator("#typed input").first.fill("o\u0308b")
    page.page.locator("#typed input").last.fill("GEN; DU")
    expect(strip).to_have_text("öb[GEN]⏎")
    unknown = page.page.locator("#typed-warning")
    expect(unknown).to_have_text("Left out, unknown to the model: ‘DU’ (feature).")


@pytest.mark.parametrize("typed", ["ab\tcd", " a b \tö"])
def test_sources_of_several_columns_are_those_of_python(
    typed: str, opened: Callable[..., Any]
) -> None:
    tokenizer = corpus_tokenizer((*SYMBOLS, "[⇥]"))
    loaded = random_translator("data.column=[word, place]", tokenizer=tokenizer)
    assert loaded.pair_format == PairFormat(n_columns=2)
    page = opened_on(opened, loaded, typed)
    assert page.page.locator("#typed label").all_inner_texts() == ["word", "place"]
    assert page.run("() => attn.source()") == [*loaded.encode_source(typed), loaded.bos_id]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("view", ["map", "table"])
def test_no_part_is_wider_than_the_page(
    view: str, width: int, theme: str, opened: Callable[..., Any]
) -> None:
    symbols = (*SYMBOLS, *(f"[FEATURE{number}]" for number in range(40)))
    shape = ("model.n_head=6", "model.block_size=64")
    loaded = random_translator(*FEATURES, *shape, tokenizer=corpus_tokenizer(symbols))
    source = "abcdefghij" * 5 + "\tN;FEATURE1;FEATURE22;GEN"
    page = opened_on(opened, loaded, source, width=width, color_scheme=theme)
    page.page.check(f"[name=view][value={view}]", force=True)
    wider = page.run("() => document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0


def test_the_command_writes_it(
    translator: TrainedModel,
    attn: Callable[..., Outcome],
    opened: Callable[..., Any],
) -> None:
    arguments = ("--run", translator.folder.path, "--html", "page.html", "--head", "2", "--json")
    written = attn("inspect-attention", "abcdef", *arguments)
    assert written.code == 0, written.err
    html = Path("page.html").read_text(encoding="utf-8")
    assert written.json["bytes"] == len(html.encode())
    assert str(translator.folder.path.parent) not in html
    page = opened(html)
    assert page.run("() => attn.chosen().head") == 1
    assert_as_in_torch(page, translator, "abcdef")
