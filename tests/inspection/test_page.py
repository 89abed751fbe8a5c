"""The HTML page as a file: whole, small, and nothing but data where a user's text stands."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attn_cli.config.load import load_config, parse_override
from attn_cli.errors import InputError
from attn_cli.inspection.ablation import ablate_heads
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.history import Snapshot, snapshots
from attn_cli.inspection.lesson.blocks import Formula, LessonStep, SideBySide, Table
from attn_cli.inspection.page import projection, translation
from attn_cli.inspection.page.build import (
    LESSON_SCRIPTS,
    LESSON_STYLES,
    MAX_BYTES,
    PageContents,
    noted_page,
    page,
)
from attn_cli.inspection.page.packing import (
    Packed,
    packed,
    packed_fractions,
    packed_rows,
    packed_table,
)
from attn_cli.inspection.page.payload import evenly_spaced
from attn_cli.inspection.page.rounding import LARGE, OTHER_BITS
from attn_cli.inspection.page.template import FOLDER, as_json
from attn_cli.model.build import build_model
from attn_cli.runs.load_model import fresh_model, load_model
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.tokenizer import Tokenizer, bytes_tokenizer, corpus_tokenizer
from tests.conftest import Trained

HOSTILE = "</script><script>alert(1)</script><!-- ' \" & \u2028\u2029 {{ 7 * 7 }}"


class Scripts(HTMLParser):
    """What stands in each `<script>` and `<style>`, and every attribute of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[tuple[dict[str, str | None], str]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: dict[str, str | None] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self._open = {"tag": tag, **dict(attrs)} if tag in ("script", "style") else None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.texts.append((self._open, data))
            self._open = None


def payload(html: str, name: str = "payload") -> Any:
    return json.loads(next(text for of, text in Scripts(html).texts if of.get("id") == name))


def unpacked(packed: Packed) -> np.ndarray[Any, Any]:
    """What the page makes of a packed array, written anew."""
    if packed["form"] == "table":
        row_bits = np.frombuffer(base64.b64decode(packed["bits"]), np.uint8)
        table = np.zeros(packed["shape"])
        for bits, data in packed["data"].items():
            rows = row_bits == int(bits)
            scales = np.full(rows.sum(), packed["scale"], "<f4")
            shape = [len(scales), packed["shape"][1]]
            part = {"form": "integers", "shape": shape, "bits": int(bits), "data": data}
            table[rows] = unpacked({**part, "scales": base64.b64encode(scales)})
        return table
    data = np.frombuffer(base64.b64decode(packed["data"]), np.uint8)
    if packed["form"] == "float32":
        return data.view("<f4").reshape(packed["shape"])
    if packed["form"] == "fractions":
        return (data / 255).reshape(packed["shape"])
    count, width = int(np.prod(packed["shape"])), packed["bits"]
    each_bit = np.unpackbits(data)[: count * width].reshape(count, width).astype(np.int64)
    steps = each_bit @ (1 << np.arange(width - 1, -1, -1)) - (2 ** (width - 1) - 1)
    scales = np.frombuffer(base64.b64decode(packed["scales"]), "<f4")
    return steps.reshape(packed["shape"]) * scales[:, None]


@pytest.fixture(scope="module")
def contents(trained: Trained) -> PageContents:
    loaded = load_model(trained.run.path)
    ids = loaded.encode_prompt("The fox met")
    return PageContents(
        loaded,
        ids,
        ablate_heads(loaded.model, ids),
        list(snapshots(loaded.folder, ids, pytest.fail)),
        "Inside a tiny transformer",
    )


def fresh(tokenizer: Tokenizer, *overrides: str) -> LoadedModel:
    config = load_config(None, [parse_override(override) for override in overrides])
    model = build_model(config.model, tokenizer.vocab_size, config.task).eval()
    return LoadedModel(config, tokenizer, tokenizer.document_separator_id, "nowhere", lambda: model)


def test_the_default_model_at_64_characters_stays_under_two_and_a_half_megabytes() -> None:
    loaded = fresh_model(None)
    ids = loaded.encode_prompt("x" * 64)
    seen = forward_pass(loaded.model, ids)
    shots = [
        Snapshot(step, 1.0, seen.attention, seen.losses, seen["logits"][-1].softmax(-1), "w" * 700)
        for step in range(12)
    ]
    html = page(PageContents(loaded, ids, ablate_heads(loaded.model, ids), shots, "A page"))
    assert len(html.encode()) < MAX_BYTES == 2_500_000
    kept = [shot["step"] for shot in payload(html, "snapshots")]
    assert 2 <= len(kept) <= 8
    assert (kept[0], kept[-1]) == (0, 11)


CHINESE = "".join(map(chr, range(0x4E00, 0x4E00 + 4000))) + "\n"


def test_a_vocabulary_of_four_thousand_symbols_stays_under_four_megabytes_and_says_how() -> None:
    loaded = fresh(corpus_tokenizer(CHINESE), "model.tie_embeddings=false")
    ids = loaded.encode_prompt(CHINESE[7:400:13])
    made = noted_page(PageContents(loaded, ids, ablate_heads(loaded.model, ids), (), "A page"))
    assert len(made.html.encode()) < LARGE == 4 * 2**20
    (note,) = made.notes
    assert f'<p class="left-out">{note}</p>' in made.html
    # The model as the page has it is as near to the model as the note says.
    rounded = copy.deepcopy(loaded.model)
    named = payload(made.html)["weights"]
    with torch.no_grad():
        for name, parameter in rounded.named_parameters():
            parameter.copy_(torch.tensor(unpacked(named[name])))
        text = torch.tensor([ids])
        difference = float((rounded(text) - loaded.model(text)).abs().max())
    said = re.search(r"off by more than ([\d.e-]+)\.$", note)
    assert said is not None
    assert difference <= float(said[1]) < 1.1 * difference + 1e-6
    assert 1e-4 < difference < 0.1


def test_the_page_of_a_large_encoder_decoder_is_rounded_and_says_how() -> None:
    shape = ("task=seq2seq", "model.n_layer=1", "model.n_embd=128", "model.n_head=2")
    tokenizer = corpus_tokenizer(CHINESE)
    loaded = replace(
        fresh(tokenizer, *shape, "model.tie_embeddings=false"),
        bos_id=tokenizer.symbols.index("\n"),
    )
    made = translation.translation_page(loaded, (1, 2, 3), "A page")
    assert len(made.html.encode()) < LARGE
    (note,) = made.notes
    assert "weights are rounded" in note
    assert f'<p class="left-out">{note}</p>' in made.html


def test_weights_that_no_rounding_makes_small_are_left_as_they_are() -> None:
    shape = ("model.n_embd=512", "model.n_head=4", "model.n_layer=3")
    loaded = fresh(corpus_tokenizer("ab\n"), *shape)
    made = noted_page(PageContents(loaded, (0, 1), (), (), "A page"))
    (note,) = made.notes
    assert "larger than 4 MiB" in note
    assert f"{loaded.model.parameter_count():,} parameters" in note
    assert len(made.html.encode()) > LARGE
    bits = payload(made.html)["weights"]["blocks.0.feed_forward.up.weight"]["bits"]
    assert bits == OTHER_BITS


def test_checkpoints_that_are_left_out_are_counted(contents: PageContents) -> None:
    snapshot = contents.snapshots[0]
    many = replace(contents, snapshots=[replace(snapshot, step=step) for step in range(11)])
    (note,) = noted_page(many).notes
    assert "8 of the run’s 11 checkpoints" in note
    assert len(payload(page(many), "snapshots")) == 8
    assert noted_page(contents).notes == ()


def test_a_page_needs_nothing_from_anywhere(contents: PageContents) -> None:
    html = page(contents)
    own = [text for of, text in Scripts(html).texts if of.get("type") != "application/json"]
    for source in (*own, re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)):
        assert not re.search(
            r"(?:https?:)?//[a-z]|(?<!Object)url\(|@import|\bimport\(|fetch\(", source, re.I
        )
        assert "XMLHttpRequest" not in source
        assert "innerHTML" not in source
    loading = {"src", "href", "srcset", "data", "action", "poster", "background"}
    for name, value in Scripts(html).attributes:
        assert name not in loading or (value or "").startswith("#"), (name, value)
        assert not name.startswith("on")
        assert name != "style"  # the policy would refuse it


def test_the_policy_names_the_hashes_of_the_page_s_own_style_and_script(
    contents: PageContents,
) -> None:
    html = page(contents)
    policy = next(
        value for _, value in Scripts(html).attributes if value and "default-src" in value
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    hashes = {
        of["tag"]: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for of, text in Scripts(html).texts
        if of.get("type") != "application/json"
    }
    assert f"script-src 'sha256-{hashes['script']}'" in policy
    assert f"style-src 'sha256-{hashes['style']}'" in policy


@pytest.mark.parametrize("kind", ["block", "position"])
def test_a_model_of_an_unknown_kind_is_refused_by_name(kind: str) -> None:
    loaded = fresh(bytes_tokenizer(), "model.n_layer=1")
    loaded.model.config = loaded.model.config.model_copy(update={kind: "mamba"})
    with pytest.raises(InputError, match=f"the page does not support model.{kind}: mamba"):
        page(PageContents(loaded, loaded.encode_prompt("Hello"), (), (), "A page"))


def test_every_asset_is_in_the_page(contents: PageContents) -> None:
    scripts = {*LESSON_SCRIPTS, *projection.SCRIPTS, *translation.LESSON_SCRIPTS}
    styles = {*LESSON_STYLES, *projection.STYLES, *translation.LESSON_STYLES}
    for folder, names in (("scripts", scripts), ("styles", styles)):
        assert {path.stem for path in (FOLDER / folder).iterdir()} == names
        for path in (FOLDER / folder).iterdir():
            assert "</s" not in path.read_text("utf-8")  # would end the element it stands in
    # What is for a decoder alone, or for an encoder alone, is in the page of that one.
    encoder = fresh(corpus_tokenizer("ab").with_mask(), "task=mlm", "model.n_layer=1")
    classifier = replace(encoder, labels=("a", "b"))
    others = (page(PageContents(each, (0, 1), (), (), "A page")) for each in (encoder, classifier))
    lesson = (LessonStep("One", ("of it",)),)
    html = page(replace(contents, lesson=lesson)) + "".join(others)
    for identifier in re.findall(r'byId\("([a-z-]+)"\)', html):
        assert f'id="{identifier}"' in html


def test_hostile_texts_are_data() -> None:
    loaded = fresh(corpus_tokenizer(HOSTILE), "model.n_layer=1")
    table = Table(HOSTILE, (HOSTILE,), ((HOSTILE, (HOSTILE,)),))
    lesson = (LessonStep(HOSTILE, (HOSTILE, Formula((HOSTILE,)), table, SideBySide(table, table))),)
    # Names from a command line may hold what UTF-8 cannot write.
    html = page(
        PageContents(loaded, loaded.encode_prompt(HOSTILE), (), (), HOSTILE + "\ud800", lesson)
    )
    html.encode()
    assert len(Scripts(html).texts) == 4  # the style, two pieces of data and the script
    assert "alert(1)</script>" not in html
    assert "{{ 7 * 7 }}" in html
    assert payload(html)["tokenizer"]["symbols"] == list(loaded.tokenizer.symbols)


def test_json_cannot_end_its_element_and_is_the_same_afterwards() -> None:
    value = {"<!--</script>": ["&amp; \u2028 \u2029 \ud800 😀 \x00 \\u003c", 1.5, None, True]}
    text = as_json(value)
    assert not set(text) & set("<>&\u2028\u2029\n")
    assert text.isascii()
    assert json.loads(text) == value


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 9)),
        elements=st.floats(-9, 9, width=32),
    ),
    st.sampled_from([16, 17, 20]),
)
@example(np.array([[1e-45, 0.0]], np.float32), 16)
def test_packed_rows_come_back_within_half_a_step(matrix: np.ndarray[Any, Any], bits: int) -> None:
    step = np.abs(matrix).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    error = np.abs(unpacked(packed_rows(matrix, bits)) - matrix)
    # Below the smallest normal number, a scale has fewer digits.
    assert (error <= 0.5 * step + 1e-6 * np.abs(matrix) + 2e-38).all()


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 3)),
        elements=st.sampled_from([0.0, 1e-6, -0.004, 0.5, 1.0, -9.0]),
    ),
    st.sampled_from([8, 16]),
)
def test_a_packed_table_has_one_scale_and_no_bits_for_zeros(
    matrix: np.ndarray[Any, Any], bits: int
) -> None:
    table = packed_table(matrix, bits)
    step = np.abs(matrix).max() / (2 ** (bits - 1) - 1)
    np.testing.assert_allclose(unpacked(table), matrix, rtol=1e-6, atol=0.51 * step)
    numbers = sum(len(base64.b64decode(data)) for data in table["data"].values())
    needed = (np.abs(matrix).max(axis=1) >= 0.5 * step).sum() * matrix.shape[1] * bits / 8
    assert numbers <= needed + len(table["data"])


def test_float32_comes_back_bit_by_bit_and_shares_within_a_step() -> None:
    array = np.random.default_rng(1).normal(size=(3, 5, 7)).astype(np.float32)
    np.testing.assert_array_equal(unpacked(packed(array)), array)
    fractions = np.random.default_rng(2).random((4, 6))
    np.testing.assert_allclose(
        unpacked(packed_fractions(fractions)), fractions, atol=0.5 / 255 + 1e-12
    )


def test_the_payload_holds_the_model_the_text_and_what_was_computed(
    contents: PageContents,
) -> None:
    html = page(contents)
    data = payload(html)
    named = contents.loaded.model.state_arrays()
    assert data["weights"].keys() == named.keys()
    for name, array in named.items():
        np.testing.assert_array_equal(unpacked(data["weights"][name]), array)
    assert tuple(data["ids"]) == contents.ids
    places = [(one["layer"], one["head"]) for one in data["ablations"]]
    assert places == [(one.layer, one.head) for one in contents.ablations]
    T = len(contents.ids)
    for packed_shot, shot in zip(payload(html, "snapshots"), contents.snapshots, strict=True):
        assert packed_shot["attention"]["shape"] == [2, 3, T * (T + 1) // 2]
        triangle = unpacked(packed_shot["attention"])[1, 2]
        wanted = shot.attention[1, 2][torch.ones(T, T).tril().bool()]
        np.testing.assert_allclose(triangle, wanted, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("tokenizer", [bytes_tokenizer(), corpus_tokenizer("αβ\n"), None])
def test_any_vocabulary_and_a_text_of_one_character(tokenizer: Tokenizer | None) -> None:
    loaded = fresh_model(None) if tokenizer is None else fresh(tokenizer, "model.n_layer=1")
    ids = loaded.encode_prompt("")
    ablations = ablate_heads(loaded.model, ids)
    assert [ablation.loss_increase for ablation in ablations] == [None] * len(ablations)
    data = payload(page(PageContents(loaded, ids, ablations, (), "A page", generate_first=True)))
    assert data["ids"] == []  # a text of its own is something else than none
    assert (data["generate_first"], data["layer"], data["head"]) == (True, 0, 0)


def test_a_head_s_ablation_is_a_model_without_its_columns(contents: PageContents) -> None:
    model, ids = contents.loaded.model, contents.ids
    before = forward_pass(model, ids)
    ablations = ablate_heads(model, ids)
    torch.testing.assert_close(forward_pass(model, ids)["logits"], before["logits"], atol=0, rtol=0)
    assert [(one.layer, one.head) for one in ablations] == [
        (i, j) for i in (0, 1) for j in range(3)
    ]
    D = model.config.n_embd // 3
    for one in ablations:
        ablated = copy.deepcopy(model)
        with torch.no_grad():
            weight = ablated.get_parameter(f"blocks.{one.layer}.attention.projection.weight")
            weight[:, one.head * D : (one.head + 1) * D] = 0
        wanted = forward_pass(ablated, ids)
        assert one.loss_increase == pytest.approx(
            float(wanted.losses.mean() - before.losses.mean()), abs=1e-5
        )
        torch.testing.assert_close(one.next_probs, wanted["logits"][-1].softmax(-1))
    assert max(abs(one.loss_increase or 0.0) for one in ablations) > 0.01


def test_evenly_spaced_keeps_the_ends() -> None:
    for length in range(1, 30):
        for count in range(2, 9):
            chosen = evenly_spaced(list(range(length)), count)
            assert chosen[0] == 0
            assert chosen[-1] == length - 1
            assert len(set(chosen)) == len(chosen) == min(count, length)
