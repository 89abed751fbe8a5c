"""The model in the page against torch: logits, attention, probs, writing, ablation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.fill import fill
from attn_cli.generation.sampling import probabilities
from attn_cli.inspection.ablation import ablate_heads
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.hidden_characters import hidden_characters
from attn_cli.inspection.history import snapshots
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer
from tests.browser.conftest import contents, encoded, random_model, torch_logits
from tests.conftest import Outcome, Trained

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=20")
GPT2, QWEN3 = "model.block=gpt2", "model.block=qwen3"
NGRAMS = ("model.ngrams=[2,5]", "model.ngram_embd=7")  # a row each of the 101² pairs, or a hash


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def test_typed_text_gives_the_logits_that_torch_gives(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    for text in ("The fox", "owl", "The fox met the", "T", "\n\n"):
        page.type(text)
        wanted = forward_pass(tiny.model, tiny.encode_prompt(text))
        torch.testing.assert_close(page.logits(text), wanted["logits"], atol=1e-4, rtol=0)
        weights = torch.tensor(page.run("() => attn.attention()"), dtype=torch.float32)
        torch.testing.assert_close(weights, wanted.attention, atol=1e-5, rtol=0)


@pytest.mark.parametrize("task", ["lm", "mlm"])
@pytest.mark.parametrize("position", ["learned", "sinusoidal", "rope", "none"])
@pytest.mark.parametrize(
    ("block", "tied"),
    [
        ((GPT2, "model.bias=true", *NGRAMS, "model.ngram_rows=10201"), "false"),
        ((GPT2, "model.bias=false"), "true"),
        ((QWEN3, "model.bias=false"), "true"),
        ((QWEN3, "model.bias=false", "model.n_inner=37"), "false"),
        ((QWEN3, "model.bias=false", *NGRAMS, "model.ngram_embd=20"), "false"),
    ],
)
def test_every_shape_of_model_runs_as_it_does_in_torch(
    block: tuple[str, ...], tied: str, position: str, task: str, opened: Callable[..., Any]
) -> None:
    shape = (*SMALL, *block, f"model.position={position}", f"model.tie_embeddings={tied}")
    loaded = random_model(*shape, f"task={task}")
    page = opened(contents(loaded, "Hello"))
    text = "To be, or not to be:" if task == "lm" else "To _e, or n_t to be_"
    wanted = torch_logits(loaded, list(encoded(loaded, text)))
    assert wanted.std() > 0.5  # errors would show
    torch.testing.assert_close(page.logits(text), wanted, atol=1e-3, rtol=0)
    # What is typed at the end, and in the middle, finds the rest already computed.
    page.type("To be")
    page.type("To be, or not")
    page.type("To bee, or not")
    weights = torch.tensor(page.run("() => attn.attention()"), dtype=torch.float32)
    wanted_weights = forward_pass(loaded.model, loaded.encode_prompt("To bee, or not")).attention
    torch.testing.assert_close(weights, wanted_weights, atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def encoder(trained_encoder: Trained) -> TrainedModel:
    return load_model(trained_encoder.run.path)


def test_an_encoder_fills_blanks_as_attn_fill_does(
    encoder: TrainedModel, opened: Callable[..., Any]
) -> None:
    from playwright.sync_api import expect

    text = "The f_x m_t t_e"
    ids = encoded(encoder, text)
    page = opened(contents(encoder, text))
    weights = torch.tensor(page.run("() => attn.attention()"), dtype=torch.float32)
    wanted = forward_pass(encoder.model, ids).attention
    assert (wanted[..., 0, 1:] > 0).all()
    torch.testing.assert_close(weights, wanted, atol=1e-4, rtol=0)
    # The first blank is chosen, and what is shown for it is what the model says.
    assert page.run("() => attn.chosen().query") == 5
    blanks = hidden_characters(encoder.model, ids, encoder.tokenizer.mask_id)  # type: ignore[arg-type]
    best = encoder.tokenizer.symbols[int(blanks.log_probs[0].argmax())]
    assert f"In the blank at 5: ‘{best}’ with" in page.page.inner_text("#next-caption")
    filled = fill(encoder.model, ids, encoder.tokenizer)
    page.page.click("#fill-one")
    first = filled.blanks[0]
    told = page.page.locator("#fill-note")
    expect(told).to_contain_text(f"‘{first.char}’ at {first.position}")
    page.page.click("#fill-all")
    expect(page.page.locator("#typed")).to_have_value(encoder.tokenizer.decode(filled.ids))
    page.page.click("#fill-all")
    expect(told).to_have_text("There is no blank: type _ for one.")


def test_an_encoder_hides_the_chosen_character_of_a_text_without_blanks(
    encoder: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(encoder, "The f_x"))
    page.type("The fox")
    page.page.locator("#surprisal-strip > *").nth(4).click()
    assert page.run("() => attn.chosen().query") == 4
    hidden = hidden_characters(
        encoder.model, encoded(encoder, "The fox"), encoder.tokenizer.mask_id
    )  # type: ignore[arg-type]
    bits = float(hidden.losses[4]) / np.log(2)
    assert f": {bits:.2f} bits." in page.page.inner_text("#surprisal-readout")
    assert "‘f’ at 4, hidden:" in page.page.inner_text("#next-caption")
    # A backslash makes a blank an ordinary character.
    page.type(r"a_\_", shown="a▢_")
    assert page.run("() => attn.ids()") == list(encoded(encoder, r"a_\_"))
    page.page.keyboard.press("Home")
    for selector in ("#lens", "#ablation", "#history", "#write"):
        assert page.page.locator(selector).count() == 0


def test_the_default_model_with_its_weights_as_integers(opened: Callable[..., Any]) -> None:
    loaded = random_model(
        QWEN3, "model.n_layer=3", "model.position=rope", "model.block_size=256", spread=3.0
    )
    page = opened(contents(loaded, "x" * 64))
    form = page.run(
        "() => JSON.parse(document.getElementById('payload').textContent)"
        ".weights['blocks.0.attention.query.weight'].form"
    )
    assert form == "integers"
    for text in ("Once upon a time", "a" * 256, "The quick brown fox jumps. " * 9):
        wanted = torch_logits(loaded, list(loaded.encode_prompt(text)))
        assert wanted.std() > 0.5
        torch.testing.assert_close(page.logits(text), wanted, atol=1e-3, rtol=0)


def test_the_vocabularies_of_a_text_and_of_bytes(opened: Callable[..., Any]) -> None:
    greek = random_model(*SMALL, tokenizer=corpus_tokenizer("αβγδε \n😀"))
    page = opened(contents(greek, "αβγ"))
    page.type("δ😀 αxz", shown="δ😀␣α")
    assert (
        page.page.locator("#typed-note")
        .inner_text()
        .endswith("model: ‘x’ (character 5), ‘z’ (character 6).")
    )
    wanted = torch_logits(greek, list(greek.encode_prompt("δ😀 α")))
    torch.testing.assert_close(page.logits("δ😀 α"), wanted, atol=1e-3, rtol=0)

    every_text = random_model(*SMALL, tokenizer=bytes_tokenizer())
    page = opened(contents(every_text, "é😀"))
    page.type("aé😀", shown="ac3a9f09f9880")
    wanted = torch_logits(every_text, list("aé😀".encode()))
    torch.testing.assert_close(page.logits("aé😀"), wanted, atol=1e-3, rtol=0)


def test_a_long_text_and_none_at_all(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, "The fox"))
    page.type(
        "They sat and talked until the moon", shown="d until the moon"[-16:].replace(" ", "␣")
    )
    assert "longer than that: the model sees the last 16." in page.page.inner_text("#typed-note")
    page.type("", shown="␌" if tiny.tokenizer.symbols[tiny.bos_id] == "\f" else "⏎")
    assert "Without a text, the model begins after" in page.page.inner_text("#typed-note")
    wanted = torch_logits(tiny, [tiny.bos_id])
    torch.testing.assert_close(page.logits(""), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, None, None), (0.0, None, None), (0.5, 5, None), (1.7, None, 0.9), (0.8, 12, 0.35)],
)
def test_the_odds_after_temperature_top_k_and_top_p(
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    tiny: TrainedModel,
    opened: Callable[..., Any],
) -> None:
    page = opened(contents(tiny, "The fox"))
    logits = torch_logits(tiny, list(tiny.encode_prompt("The fox")))[-1].double().numpy()
    wanted = probabilities(
        logits, GenerationConfig(temperature=temperature, top_k=top_k, top_p=top_p)
    )
    given = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    probs = page.run(
        "([logits, given]) => attn.probabilities(logits, given)", [logits.tolist(), given]
    )
    np.testing.assert_allclose(probs, wanted, atol=1e-9)

    page.page.fill("#temperature", f"{temperature:g}")
    page.page.fill("#top-k", f"{top_k or tiny.tokenizer.vocab_size}")
    page.page.fill("#top-p", f"{top_p or 1:g}")
    shares = page.page.locator("#next-probs .percent").all_inner_texts()
    best = np.argsort(-logits, kind="stable")[: len(shares)]
    assert [float(share.strip("<%")) for share in shares] == pytest.approx(
        (100 * wanted[best]).tolist(), abs=0.51
    )


def test_writing_takes_the_likeliest_as_attn_generate_does(
    tiny: TrainedModel, opened: Callable[..., Any], attn: Callable[..., Outcome]
) -> None:
    how = ("--temperature", "0", "--max-new-chars", "40", "--json")
    (sample,) = attn("generate", "The fox", "--run", tiny.folder.path, *how).json["samples"]
    page = opened(contents(tiny, "The fox"))
    page.page.fill("#temperature", "0")
    assert write(page, 40) == "The fox" + sample["text"]


def test_a_seed_always_writes_the_same(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, "The fox", generate_first=True))
    page.page.fill("#temperature", "1.5")

    def afresh(seed: int) -> str:
        if page.page.locator("#first-text").is_visible():
            page.page.click("#first-text")
        page.page.fill("#seed", str(seed))
        return write(page, 30)

    first, other, again = afresh(3), afresh(4), afresh(3)
    assert first == again != other
    page.page.click("#first-text")
    for _ in range(3):
        page.page.click("#write-one")
    assert page.page.input_value("#typed") == first[: len("The fox") + 3]


def write(page: Any, count: int) -> str:
    from playwright.sync_api import expect

    page.page.fill("#how-many", str(count))
    page.page.click("#write")
    expect(page.page.locator("#write-note")).to_contain_text(f"Wrote {count}")
    text: str = page.page.input_value("#typed")
    return text


def test_without_a_head_before_and_in_the_page(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    from playwright.sync_api import expect

    ids = tiny.encode_prompt("The fox met")
    ablations = ablate_heads(tiny.model, ids)
    page = opened(contents(tiny, "The fox met", ablations=ablations))
    cells = page.page.locator("#ablation-grid [role=radio]")

    def numbers() -> list[float]:
        return [float(text.replace("−", "-")) for text in cells.all_inner_texts()]

    beforehand = [(ablation.loss_increase or 0.0) / np.log(2) for ablation in ablations]
    assert numbers() == pytest.approx(beforehand, abs=6e-4)
    page.page.click("#ablation-grid [role=radio] >> nth=4")
    assert page.run("() => attn.chosen()")["layer"] == 1
    expect(page.page.locator("#ablation-caption")).to_contain_text("without layer 2, head 2")

    page.type("The owl")
    assert cells.first.inner_text() == "·"
    page.page.click("#ablate-all")
    expect(page.page.locator("#ablation-note")).to_contain_text("6 of 6 heads")
    live = [
        (one.loss_increase or 0.0) / np.log(2)
        for one in ablate_heads(tiny.model, tiny.encode_prompt("The owl"))
    ]
    assert numbers() == pytest.approx(live, abs=6e-4)
    page.page.click("#first-text")
    assert numbers() == pytest.approx(beforehand, abs=6e-4)


def test_the_slider_over_checkpoints(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    ids = tiny.encode_prompt("The fox met")
    seen = list(snapshots(tiny.folder, ids, pytest.fail))
    assert len(seen) > 1
    page = opened(contents(tiny, "The fox met", snapshots=seen))
    slider, readout = page.page.locator("#checkpoint"), page.page.locator("#history-readout")
    for place, snapshot in enumerate(seen):
        slider.fill(str(place))
        mean = snapshot.losses.mean().item() / np.log(2)
        expect(readout).to_contain_text(f"step {snapshot.step:,}")
        expect(readout).to_contain_text(f"this text {mean:.2f} bits")
    slider.focus()
    slider.press("Home")
    expect(page.page.locator("#checkpoint-shown")).to_have_text(f"step {seen[0].step:,}")

    page.type("The owl")
    expect(page.page.locator("#history-other")).to_be_visible()
    page.page.click("#history-back")
    expect(page.page.locator("#history-other")).to_be_hidden()
    assert page.run("() => attn.ids()") == list(ids)

    alone = opened(contents(tiny, "The fox met", snapshots=seen[:1]))
    expect(alone.page.locator("#history")).to_be_hidden()
