"""A decoder without its causal mask: what the page computes then, says, and puts away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from attn_cli.inspection.forward_pass import ForwardPass, forward_pass
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from tests.browser.conftest import Opened, contents, encoded, random_model
from tests.conftest import Trained

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=20")
TEXT = "To be, or not"
AWAY = ("#write", "#ablation-grid", "#checkpoint")  # what makes no sense without the mask


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def without_mask(loaded: LoadedModel, text: str) -> ForwardPass:
    """The reference: the same weights in torch, where each attention sees every character."""
    attentions = [module for module in loaded.model.modules() if hasattr(module, "causal")]
    assert attentions
    for module in attentions:
        module.causal = False
    try:
        return forward_pass(loaded.model, encoded(loaded, text))
    finally:
        for module in attentions:
            module.causal = True


def attention(page: Opened) -> torch.Tensor:
    return torch.tensor(page.run("() => attn.attention()"), dtype=torch.float32)


@pytest.mark.parametrize("position", ["learned", "rope"])
@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
def test_without_the_mask_the_page_computes_what_torch_does(
    block: str, position: str, opened: Callable[..., Any]
) -> None:
    loaded = random_model(*SMALL, f"model.block={block}", f"model.position={position}")
    page = opened(contents(loaded, TEXT))
    with_mask = attention(page)
    page.page.locator("h1").click()
    page.page.keyboard.press("m")
    for text in (TEXT, "To be, or not to be", "To bee, or not"):
        if text != TEXT:
            page.type(text)
        wanted = without_mask(loaded, text)
        torch.testing.assert_close(page.logits(text), wanted["logits"], atol=1e-3, rtol=0)
        weights = attention(page)
        torch.testing.assert_close(weights, wanted.attention, atol=1e-4, rtol=0)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    page.page.keyboard.press("Control+a")
    page.page.keyboard.type("mm")  # the key is a letter in the field
    assert page.page.is_visible("#mask-mark")
    page.type(TEXT)
    page.page.click("#mask-back")
    assert page.run("() => document.activeElement.id") == "mask-switch"
    torch.testing.assert_close(attention(page), with_mask)


def test_the_page_says_what_changes_with_the_text_s_own_numbers(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox met"))
    page.page.focus("#mask-switch")
    page.page.keyboard.press("Enter")
    assert page.page.get_attribute("#mask-switch", "aria-checked") == "false"
    masked = forward_pass(tiny.model, encoded(tiny, "The fox met"))
    wanted = without_mask(tiny, "The fox met")
    note = page.page.inner_text("#mask-note")
    L, H, T, _ = wanted.attention.shape
    assert f"the sums of all {L * H * T} rows are 1.00000." in note
    future = wanted.attention.triu(1).sum((-2, -1)) / T  # (L, H)
    of_all, of_head = re.findall(r"([\d.]+)%", note)[:2]
    assert abs(float(of_all) - 100 * float(future.mean())) < 0.51
    assert abs(float(of_head) - 100 * float(future[0, 0])) < 0.51
    bits = [float(seen.losses.mean()) / 0.6931472 for seen in (wanted, masked)]
    assert f"{bits[0]:.2f} bits per character, with the mask {bits[1]:.2f} bits" in note
    # Another head has its own share.
    page.page.keyboard.press("]")
    shown = re.findall(r"([\d.]+)%", page.page.inner_text("#mask-note"))[1]
    assert abs(float(shown) - 100 * float(future[0, 1])) < 0.51


def test_the_maps_become_square_and_the_keyboard_leads_into_the_future(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox met"))
    page.page.locator("#map-grid [tabindex='0']").focus()
    page.page.keyboard.press("Control+Home")
    page.page.keyboard.press("m")
    cells = page.page.locator("#map-grid [role=gridcell]")
    assert cells.count() == len(encoded(tiny, "The fox met"))
    page.page.keyboard.press("End")
    key = page.run("() => attn.chosen().key")
    assert (page.run("() => attn.chosen().query"), key) == (0, cells.count() - 1)
    weight = float(without_mask(tiny, "The fox met").attention[0, 0, 0, key])
    found = re.search(r" gives ([\d.]+)% of its attention", page.page.inner_text("#map-readout"))
    assert found is not None
    assert abs(float(found[1]) - 100 * weight) < 0.51
    assert "softmax, without a mask" in page.page.inner_text("#row-steps")
    page.page.keyboard.press("m")
    assert cells.count() == 1
    assert "mask, then softmax" in page.page.inner_text("#row-steps")


def test_what_makes_no_sense_without_the_mask_is_put_away(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    from attn_cli.inspection.history import snapshots

    ids = encoded(tiny, "The fox met")
    history = tuple(snapshots(tiny.folder, ids, lambda _: None))
    page = opened(contents(tiny, "The fox met", snapshots=history)).page
    assert "Mean surprisal" in page.inner_text("#typed-facts")
    assert all(page.is_visible(part) for part in AWAY)
    page.locator("h1").click()
    page.keyboard.press("m")
    assert not any(page.is_visible(part) for part in AWAY)
    assert all("mask" in reason for reason in page.locator(".mask-reason").all_inner_texts())
    assert "Mean surprisal" not in page.inner_text("#typed-facts")
    assert not page.is_visible("#surprisal-legend")
    assert page.locator("#surprisal-strip .character:not(.blank)").count() == 0
    assert "its surprisal means nothing" in page.inner_text("#surprisal-readout")
    assert "bits" not in page.inner_text("#lens-readout")
    page.keyboard.press("m")
    assert all(page.is_visible(part) for part in AWAY)
    assert not page.is_visible("#mask-mark")
    assert "bits" in page.inner_text("#surprisal-readout")


def test_the_switch_reads_first_what_was_just_typed(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    page.page.fill("#typed", "The owl 中")
    page.page.click("#mask-switch")
    assert page.page.text_content("#surprisal-strip") == "The␣owl␣"
    assert page.page.input_value("#typed") == "The owl 中"
    assert "‘中’" in page.page.inner_text("#typed-warning")


def test_the_focus_and_what_was_written_are_not_lost(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox")).page
    page.fill("#how-many", "100000")
    page.focus("#write")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('typed').value.length > 20")
    page.keyboard.press("m")
    assert page.evaluate("() => document.activeElement.id") == "mask-back"
    page.wait_for_function("() => attn.ids().length > 20")
    written = page.evaluate("() => attn.ids()")
    assert page.input_value("#typed") == tiny.tokenizer.decode(written)
    page.keyboard.press("Enter")
    assert page.is_visible("#write")
    assert page.evaluate("() => attn.ids()") == written


def test_an_encoder_has_no_mask_to_take_away(opened: Callable[..., Any]) -> None:
    page = opened(contents(random_model(*SMALL, "task=mlm"), "To _e")).page
    before = page.inner_text("#map-readout")
    page.locator("h1").click()
    page.keyboard.press("m")
    assert page.locator("#mask-switch, #mask-mark").count() == 0
    assert page.inner_text("#map-readout") == before
