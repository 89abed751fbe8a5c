"""The commands that look inside, of an encoder-decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from attn_cli.inspection.pair_pass import pair_pass
from attn_cli.runs.load_model import load_model
from tests.conftest import Trained


@pytest.fixture
def at(trained_translator: Trained) -> tuple[str, str]:
    return "--run", str(trained_translator.run.path)


def test_alignment_for_programs(attn: Any, at: tuple[str, str]) -> None:
    found = attn("inspect-attention", "face", *at, "--target", "ecaf", "--json").json
    assert (found["part"], found["source"]) == ("cross", ["f", "a", "c", "e", "\n"])
    assert found["target"] == found["characters"] == ["e", "c", "a", "f", "\n"]
    expected = pair_pass(load_model(Path(at[1])), "face", "ecaf").cross_attention.numpy()
    np.testing.assert_allclose(found["weights"], expected, atol=1e-6)
    assert np.shape(found["alignment_bits"]) == expected.shape[:2]
    one = ("--layer", "2", "--head", "3")
    few = attn("inspect-attention", "face", *at, "--target", "ecaf", *one, "--json").json
    assert few["weights"] == [[found["weights"][1][2]]]


@pytest.mark.parametrize(("part", "characters"), [("encoder", "face\n"), ("decoder", "\nab")])
def test_self_attention_of_either_side(
    attn: Any, at: tuple[str, str], part: str, characters: str
) -> None:
    command = ("inspect-attention", "face", *at, "--target", "ab", "--part", part)
    found = attn(*command, "--json").json
    assert found["characters"] == list(characters)
    n = len(characters)
    assert np.shape(found["weights"]) == (2, 3, n, n)
    later = np.triu(np.array(found["weights"]), 1)
    assert later.any() == (part == "encoder")
    lines = attn(*command).out.splitlines()
    assert lines[0].startswith("Head ")
    assert lines[1].startswith("share of attention:")


def test_the_overview_begins_with_the_legend_and_the_most_aligned_head(
    attn: Any, at: tuple[str, str]
) -> None:
    bits = np.array(attn("inspect-attention", "face", *at, "--json").json["alignment_bits"])
    layer, head = (1 + int(place) for place in np.unravel_index(bits.argmax(), bits.shape))
    outcome = attn("inspect-attention", "face", *at)
    lines = outcome.out.splitlines()
    assert lines[0].startswith("Down: the target")
    assert lines[1].startswith("share of attention:")
    assert lines[2].startswith(f"Most aligned: head {layer}.{head}. ")
    assert f"shares {bits.max():.1f} bits of" in lines[2]
    first = lines.index(f"head {layer}.{head}")
    small = [line.split() for line in lines if line.lstrip().startswith(("1.1", "2.1"))]
    assert small == [["1.1", "1.2", "1.3"], ["2.1", "2.2", "2.3"]]
    assert first < lines.index("mean of all heads")
    assert lines[first + 1].split() == ["f", "a", "c", "e", "⏎"]
    assert "on 'face' to '" in outcome.err


def test_the_alignment_of_one_head_has_every_number(attn: Any, at: tuple[str, str]) -> None:
    command = ("inspect-attention", "face", *at, "--target", "ab", "--layer", "1", "--head", "2")
    weights = attn(*command, "--json").json["weights"][0][0]
    lines = attn(*command, "--values").out.splitlines()
    start = lines.index("head 1.2") + 1
    assert lines[start].split() == ["f", "a", "c", "e", "⏎"]
    assert [line.split()[0] for line in lines[start + 1 :]] == ["a", "b", "⏎"]
    for line, row in zip(lines[start + 1 :], weights, strict=True):
        assert [float(cell) for cell in line.split()[1:]] == pytest.approx(row, abs=0.0051)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("face", "--target", "ö"), "--target: characters outside the corpus vocabulary: 'ö'"),
        (("fäce",), "the source: characters outside the corpus vocabulary: 'ä' at position 2"),
        (("face" * 20,), "the source has 80 characters, and the model sees at most"),
    ],
)
def test_what_cannot_be_read(
    attn: Any, at: tuple[str, str], arguments: tuple[str, ...], message: str
) -> None:
    outcome = attn("inspect-attention", *arguments, *at)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert len(outcome.err.splitlines()) <= 2


def test_figures_have_every_symbol_and_the_same_bytes(
    attn: Any, at: tuple[str, str], tmp_path: Path
) -> None:
    command = ("inspect-attention", "face", *at, "--target", "ab")
    written = attn(*command, "--svg", "all.svg", "--png", "all.png").out.splitlines()
    assert written == ["all.svg", "all.png"]
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "all.svg").read_text(encoding="utf-8")
    texts = ["".join(each.itertext()) for each in ET.fromstring(svg).iter() if "text" in each.tag]
    named = ("layer 1", "layer 2", "head 1", "head 2", "head 3", "attention weight")
    assert [texts.count(name) for name in named] == [1] * 6
    assert "backwards, step" in svg
    assert str(tmp_path.parent) not in svg  # a figure is shared
    one = ("--layer", "1", "--head", "2", "--part", "encoder", "--json")
    assert len(attn(*command, *one, "--svg", "one.svg").json["characters"]) == 5
    drawn = (tmp_path / "one.svg").read_text(encoding="utf-8")
    letters = [
        "".join(each.itertext()) for each in ET.fromstring(drawn).iter() if "text" in each.tag
    ]
    assert [letters.count(each) for each in "face⏎"] == [2] * 5  # of a row, and of a column
    assert {"source: query", "source: key"} < set(letters)
    first = (tmp_path / "one.svg").read_bytes()
    attn(*command, *one, "--svg", "one.svg")
    assert (tmp_path / "one.svg").read_bytes() == first


def test_a_figure_of_a_decoder(attn: Any, trained: Trained, tmp_path: Path) -> None:
    attn("inspect-attention", "The $x$", "--run", trained.run.path, "--svg", "fox.svg")
    assert "verse, step" in (tmp_path / "fox.svg").read_text(encoding="utf-8")
    outcome = attn("inspect-attention", "The", "--run", trained.run.path, "--svg", "no/fox.svg")
    assert (outcome.code, "there is no folder no" in outcome.err) == (2, True)
    both = attn("inspect-attention", "The", "--svg", "a.svg", "--html", "a.html")
    assert (both.code, "--html and --svg exclude each other" in both.err) == (2, True)


@pytest.mark.parametrize("option", [("--target", "owl"), ("--part", "cross")])
def test_a_decoder_has_no_cross_attention(
    attn: Any, trained: Trained, option: tuple[str, str]
) -> None:
    outcome = attn("inspect-attention", "The", *option, "--run", trained.run.path)
    assert outcome.code == 2
    assert f"{option[0]} needs an encoder-decoder" in outcome.err


def test_shapes_of_both_stacks(attn: Any, at: tuple[str, str]) -> None:
    found = attn("inspect-shapes", "face", *at, "--json").json
    assert found["source"] == ["f", "a", "c", "e", "\n"]
    assert (found["dims"]["S"], found["dims"]["T"]) == (5, len(found["characters"]))
    assert found["checks"]["parameters_of_rows"] == found["totals"]["parameters"]
    assert found["checks"]["flops_by_torch"] == found["totals"]["flops"]
    outcome = attn("inspect-shapes", *at, "--depth", "1", "--explain")  # a source of its own
    assert "NOT" not in outcome.out
    assert "S=" in outcome.out.splitlines()[0]
    headings = [line for line in outcome.out.splitlines() if " · block" in line]
    assert [line.split(" (")[0] for line in headings] == [
        "encoder · block 1-2", "decoder · block 1-2"
    ]  # fmt: skip
    assert "One text looks at another" in outcome.out


def test_the_lesson(attn: Any, at: tuple[str, str]) -> None:
    found = attn("explain", "face", *at, "--json").json
    assert found["text"] == "face"
    assert "One text looks at another" in [step["title"] for step in found["steps"]]
    outcome = attn("explain", *at, "--layer", "2", "--head", "3", "--all")
    assert outcome.out.startswith("Contents\n")
    assert "\n1/10  Two texts\n" in outcome.out
    assert "follows head 3 of layer 2" in " ".join(outcome.out.split())
    assert "attn explain needs" not in outcome.err
    refused = attn("explain", "face", *at, "--beside", at[1])
    assert (refused.code, "--beside needs an encoder" in refused.err) == (2, True)


def test_the_logit_lens_reads_the_decoder(attn: Any, at: tuple[str, str]) -> None:
    command = ("inspect-logits", "face", *at, "--target", "ecaf")
    found = attn(*command, "--json").json
    assert found["characters"] == ["\n", *"ecaf"]
    assert found["layers"] == ["embedding", "layer 1", "layer 2"]
    loaded = load_model(Path(at[1]))
    seen = pair_pass(loaded, "face", "ecaf")
    probs, best = seen["logits"].softmax(-1).max(-1)
    assert [row[-1] for row in found["predictions"]] == loaded.symbols(best.tolist())
    last = [row[-1] for row in found["probabilities"]]
    np.testing.assert_allclose(last, probs.numpy(), atol=1e-5)
    bits = [row[-1] for row in found["surprisal_bits"]]
    np.testing.assert_allclose(bits, seen.losses[:-1].numpy() / np.log(2), atol=1e-4)
    shown = attn(*command)
    assert "on 'face' to 'ecaf'" in shown.err
    assert shown.out.splitlines()[1].split()[:2] == ["⏎", "e"]


def test_heads_of_cross_attention(attn: Any, at: tuple[str, str]) -> None:
    found = attn("inspect-heads", *at, "--json").json
    assert [(head["layer"], head["head"]) for head in found["heads"]] == [
        (layer, head) for layer in (1, 2) for head in (1, 2, 3)
    ]
    assert all(-1 <= head["direction"] <= 1 for head in found["heads"])
    assert all(head["loss_increase_se"] > 0 for head in found["heads"])
    lines = attn("inspect-heads", *at, "--chars", "40").out.splitlines()
    names, *rows = [line for line in lines if not line.startswith(("Most relied", "No head"))]
    assert names.split()[-2:] == ["direction", "bits"]
    assert [line.split()[0] for line in rows[:7]] == [
        "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "uniform"
    ]  # fmt: skip
