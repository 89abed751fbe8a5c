"""The commands that look inside, as a user calls them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import attn_cli as attn_api
from attn_cli.text.display import format_bytes
from tests.conftest import Trained, train_in


def test_shapes_for_programs(attn: Any) -> None:
    whole = attn("inspect-shapes", "Hi", "--config", "lesson", "--json", "--batch", "2").json
    assert whole["dims"] | {"B": 2, "T": 2, "C": 16, "H": 2, "D": 8} == whole["dims"]
    assert whole["checks"]["parameters_of_rows"] == whole["totals"]["parameters"] == 6912
    assert whole["checks"]["flops_by_torch"] == whole["totals"]["flops"]
    assert "description" not in whole["rows"][0]
    few = attn("inspect-shapes", "--config", "lesson", "--json", "--depth", "0", "--explain").json
    assert [row["operation"] for row in few["rows"]][-3:] == ["block 1", "final norm", "logits"]
    assert all(row["description"].endswith(".") for row in few["rows"])


def test_shapes_for_people(attn: Any) -> None:
    outcome = attn("inspect-shapes", "--config", "lesson", "--explain", "--dtype", "bf16")
    assert "rows' parameters are the 6,912 of the model" in outcome.out
    assert "NOT" not in outcome.out
    assert "Each row becomes shares that sum to 1" in outcome.out
    assert "bf16" in outcome.out
    assert all(line == line.rstrip() for line in outcome.out.splitlines())
    assert attn("inspect-shapes", "--depth", "3").code == 2
    assert attn("inspect-shapes", "--batch", "0").code == 2


def test_fresh_weights_are_the_same_each_time(attn: Any) -> None:
    command = ("inspect-attention", "Hello", "--config", "lesson", "--json")
    one, other = (attn(*command).json["weights"] for _ in range(2))
    assert one == other


@pytest.fixture
def at(trained: Trained) -> tuple[str, str]:
    return "--run", str(trained.run.path)


def test_attention_for_programs(attn: Any, at: tuple[str, str]) -> None:
    whole = attn("inspect-attention", "The fox", *at, "--json").json
    assert whole["characters"] == list("The fox")
    weights = whole["weights"]  # [layer][head][query][key]
    assert (len(weights), len(weights[0]), len(weights[0][0]), len(weights[0][0][0])) == (
        2,
        3,
        7,
        7,
    )
    for row in (row for layer in weights for head in layer for row in head):
        assert sum(row) == pytest.approx(1, abs=1e-5)
    assert weights[1][2][3][4:] == [0, 0, 0]
    one = attn("inspect-attention", "The fox", *at, "--layer", "2", "--head", "3", "--json").json
    assert (one["layers"], one["heads"]) == ([2], [3])
    assert one["weights"] == [[weights[1][2]]]


def test_attention_as_small_maps(attn: Any, at: tuple[str, str]) -> None:
    telling, legend, *lines = attn("inspect-attention", "The fox", *at).out.splitlines()
    head = re.match(
        r"Head (\d)\.(\d): '.' at \d gives .* In full: --layer (\d) --head (\d)$", telling
    )
    assert head is not None
    assert head[1] + head[2] == head[3] + head[4]
    assert legend.startswith("share of attention:")
    assert [lines[0].split(), lines[9].split()] == [["1.1", "1.2", "1.3"], ["2.1", "2.2", "2.3"]]
    assert lines[1].split() == ["The␣fox"] * 3
    # The first character sees itself alone.
    assert lines[2].split() == ["T", "█", "█", "█"]
    assert "".join(line[0] for line in lines[2:9]) == "The␣fox"
    assert all(set(line[2:]) <= set("█▓▒░· ") for line in lines[2:9])


def test_attention_without_the_mask(attn: Any, at: tuple[str, str], trained: Trained) -> None:
    command = ("inspect-attention", "The fox", *at)
    found, masked = attn(*command, "--no-mask", "--json").json, attn(*command, "--json").json
    assert [found["mask"], masked["mask"]] == [False, True]
    weights = np.array(found["weights"])
    assert weights.sum(-1) == pytest.approx(1, abs=1e-5)
    assert found["future_share"] == pytest.approx(np.triu(weights, 1).sum(-1).mean(), abs=1e-5)
    # The first layer's are those of the same scores, without what the mask makes of them.
    scores = attn_api.load(trained.run.path).trace("The fox")["block 1.attention.scaled scores"]
    of_scores = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    assert weights[0] == pytest.approx(of_scores, abs=1e-5)
    said = attn(*command, "--no-mask").out.replace("\n", " ")
    assert (
        f"{found['future_share']:.0%} of all attention goes to characters that come later" in said
    )
    assert f"{found['loss']:.2f} nats per character with the mask" in said
    assert f"{found['loss_without_mask']:.2f} without it, means nothing" in said
    # The mask is back.
    assert attn(*command, "--json").json == masked


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("trained_encoder", (), "--no-mask needs a decoder"),
        ("trained", ("--html", "a.html"), "the page has a switch for it"),
    ],
)
def test_where_there_is_no_mask_to_take_away(
    attn: Any, request: pytest.FixtureRequest, kind: str, arguments: tuple[str, ...], words: str
) -> None:
    run = request.getfixturevalue(kind).run.path
    outcome = attn("inspect-attention", "The fox", "--no-mask", "--run", run, *arguments)
    assert (outcome.code, words in outcome.err) == (2, True)


def test_attention_of_one_head_has_every_number(attn: Any, at: tuple[str, str]) -> None:
    head = ("--layer", "1", "--head", "2")
    weights = attn("inspect-attention", "a b\nc", *at, *head, "--json").json["weights"][0][0]
    lines = attn("inspect-attention", "a b\nc", *at, *head, "--values").out.splitlines()
    assert lines[1].split() == ["a", "␣", "b", "⏎", "c"]
    for line, row in zip(lines[2:], weights, strict=True):
        shown = [float(cell) for cell in line.split()[1:]]
        assert shown == pytest.approx(row[: len(shown)], abs=0.0051)
    assert "█" in attn("inspect-attention", "a b\nc", *at, *head).out


def test_a_map_that_is_too_wide_shows_its_end_and_sums_up_the_rest(
    attn: Any, at: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from attn_cli.inspection.terminal import attention_map

    text = "The fox met the "
    values = ("--layer", "1", "--head", "1", "--values")
    weights = attn("inspect-attention", text, *at, *values[:4], "--json").json["weights"][0][0]
    monkeypatch.setattr("attn_cli.cli.inspect_attention.console", lambda: narrow(42))
    lines = attn("inspect-attention", text, *at, *values).out.splitlines()
    assert attention_map.EARLIER in lines[1]
    assert all(len(line) <= 42 for line in lines[1:])
    last = [float(cell) for cell in lines[-3].split("␣", 1)[1].split()]
    hidden = len(text) + 1 - len(last)
    assert last[0] == pytest.approx(sum(weights[-1][:hidden]), abs=0.0051)
    assert last[1:] == pytest.approx(weights[-1][hidden:], abs=0.0051)


def narrow(width: int) -> Any:
    import sys

    from rich.console import Console

    return Console(file=sys.stdout, width=width, highlight=False, markup=False)


@pytest.mark.parametrize("kind", ["trained", "trained_encoder"])
def test_heads(attn: Any, request: pytest.FixtureRequest, kind: str, verse_file: Path) -> None:
    at = ("--run", str(request.getfixturevalue(kind).run.path))
    found = attn("inspect-heads", *at, "--json").json
    assert [(head["layer"], head["head"]) for head in found["heads"]] == [
        (layer, head) for layer in (1, 2) for head in (1, 2, 3)
    ]
    assert found["text"] == "validation split"
    shares = [head["previous"] for head in found["heads"]]
    assert all(0 <= share <= 1 for share in shares)
    assert len(set(shares)) == 6
    increases = [head["loss_increase"] for head in found["heads"]]
    assert max(increases) > 0  # a model that was trained uses its heads
    assert all(head["loss_increase_se"] > 0 for head in found["heads"])
    few = attn("inspect-heads", verse_file, *at, "--chars", "50", "--json").json
    assert few["chars"] == 50
    people = attn("inspect-heads", verse_file, *at, "--chars", "50")
    assert re.findall(r"^(\d\.\d) ", people.out, re.MULTILINE) == [
        "1.1", "1.2", "1.3", "2.1", "2.2", "2.3"
    ]  # fmt: skip
    assert "50 of 2,550" in people.err


def test_logits(attn: Any, at: tuple[str, str]) -> None:
    found = attn("inspect-logits", "The fox", *at, "--json").json
    assert found["layers"] == ["embedding", "layer 1", "layer 2"]
    predictions, probabilities = found["predictions"], found["probabilities"]
    bits = found["surprisal_bits"]
    assert [len(predictions), len(probabilities), len(bits)] == [7, 7, 6]
    correct = [
        (position, layer)
        for position, following in enumerate("he fox")
        for layer in range(3)
        if predictions[position][layer] == following
    ]
    assert correct
    for position, layer in correct:
        probability = pytest.approx(2 ** -bits[position][layer], rel=1e-4)
        assert probabilities[position][layer] == probability
    lines = attn("inspect-logits", "The fox", *at).out.splitlines()
    assert lines[0].split() == ["after", "came", "bits", "embedding", "layer", "1", "layer", "2"]
    assert [line.split()[0] for line in lines[1:8]] == list("The␣fox")
    # In a text that was learned by heart, most of the last predictions come true.
    assert sum(line.split()[-2].startswith("=") for line in lines[1:7]) >= 3


def test_logits_of_an_encoder(attn: Any, trained_encoder: Trained) -> None:
    at = ("--run", str(trained_encoder.run.path))
    found = attn("inspect-logits", "The fox", *at, "--json").json
    assert found["characters"] == list("The fox")
    assert found["hidden"] == list(range(7))
    predictions, probabilities = found["predictions"], found["probabilities"]
    bits = found["surprisal_bits"]
    right = [t for t, symbol in enumerate("The fox") if predictions[t][-1] == symbol]
    assert len(right) >= 3
    for t in right:
        assert probabilities[t][-1] == pytest.approx(2 ** -bits[t][-1], rel=1e-4)
    lines = attn("inspect-logits", "The fox", *at).out.splitlines()
    assert lines[0].split() == ["hidden", "bits", "embedding", "layer", "1", "layer", "2"]
    assert [line.split()[0] for line in lines[1:8]] == list("The␣fox")

    # Blanks are what attn fill begins with.
    blanks = attn("inspect-logits", "The f_x met t_e", *at, "--json").json
    assert blanks["hidden"] == [5, 13]
    assert blanks["characters"][5] == "▢"
    assert blanks["surprisal_bits"] == []
    filled = attn("fill", "The f_x met t_e", *at, "--json").json["samples"][0]["blanks"][0]
    row = blanks["hidden"].index(filled["position"] - 1)
    assert blanks["predictions"][row][-1] == filled["char"]
    assert blanks["probabilities"][row][-1] == pytest.approx(filled["prob"], rel=1e-4)
    lines = attn("inspect-logits", "The f_x met t_e", *at).out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["blank", "6", "14"]


def test_blanks_and_underscores_that_are_none(attn: Any, trained_encoder: Trained) -> None:
    at = ("--run", str(trained_encoder.run.path), "--json")
    shown = attn("inspect-attention", "a_b", *at).json
    assert shown["characters"] == ["a", "▢", "b"]
    assert attn("inspect-attention", r"a\_b", *at).json["characters"] == ["a", "_", "b"]
    outcome = attn("inspect-logits", "a_é", *at)
    assert (outcome.code, "'é' at position 3" in outcome.err) == (2, True)


def test_training_of_an_encoder(attn: Any, trained_encoder: Trained) -> None:
    run = trained_encoder.run.path
    found = attn("inspect-training", run, "--text", "The fox", "--json").json["checkpoints"]
    assert found[-1]["next"] is None
    lens = attn("inspect-logits", "The fox", "--run", run, "--json").json["surprisal_bits"]
    mean = sum(row[-1] for row in lens) / len(lens)
    assert found[-1]["bits_per_char"] == pytest.approx(mean, abs=1e-4)
    assert found[-1]["attention_shift"] > 0
    blanks = ("--text", "The f_x", "--json")
    found = attn("inspect-training", run, *blanks).json["checkpoints"][-1]
    lens = attn("inspect-logits", "The f_x", "--run", run, "--json").json
    assert (found["next"], found["bits_per_char"]) == (lens["predictions"][0][-1], None)
    shown = attn("inspect-training", run, *blanks[:2]).out
    assert f" · blank {found['next']} with " in shown


def test_training(attn: Any, trained: Trained) -> None:
    found = attn("inspect-training", trained.run.path, "--json").json
    steps = [checkpoint["step"] for checkpoint in found["checkpoints"]]
    assert steps == sorted(steps)
    assert steps[-1] == 240
    assert found["checkpoints"][0]["attention_shift"] is None
    assert found["checkpoints"][-1]["attention_shift"] > 0
    people = attn("inspect-training", trained.run.path, "--text", "The", "--layer", "1").out
    assert people.count("1.1") == len(steps)
    assert "layer 2" not in people
    assert "step 240 · val loss" in people
    # The shift is that of the heads that are shown.
    one = attn("inspect-training", trained.run.path, "--layer", "2", "--head", "3", "--json").json
    before, after = (np.array(c["weights"])[0, 0] for c in one["checkpoints"][-2:])
    distance = np.abs(after - before).sum(-1)[1:].mean() / 2
    assert one["checkpoints"][-1]["attention_shift"] == pytest.approx(distance, abs=1e-6)
    assert one["checkpoints"][-1]["attention_shift"] != found["checkpoints"][-1]["attention_shift"]
    lines = attn("inspect-training", trained.run.path, "--layer", "2", "--head", "3").out
    assert f"{distance:.0%} of the attention shifted" in lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("inspect-attention", "é"), "'é' at position 1"),
        (("inspect-attention", "The fox met the owl"), "the model sees at most 16"),
        (("inspect-attention", "The", "--layer", "3"), "layer 3: the model has 2 layers"),
        (("inspect-attention", "The", "--head", "9"), "head 9: the model has 3 heads"),
        (("inspect-attention", "The", "--head", "0"), "--head"),
        (("inspect-attention",), "TEXT"),
        (("inspect-logits", "é"), "'é' at position 1"),
        (("inspect-heads", "nowhere.txt"), "nowhere.txt"),
        (("inspect-heads", "--chars", "1"), "--chars"),
        (("inspect-shapes", "x", "--config", "lesson"), "exclude each other"),
        (("inspect-attention", "x", "--html", "x.html", "--values"), "--values"),
    ],
)
def test_what_cannot_be_looked_at_is_told_in_a_line(
    attn: Any, at: tuple[str, str], arguments: tuple[str, ...], said: str
) -> None:
    outcome = attn(*arguments, *at)
    assert outcome.code == 2
    assert outcome.out == ""
    assert said in outcome.err
    assert len(outcome.err.splitlines()) <= 2


def test_without_a_run_there_is_still_something_to_see(attn: Any) -> None:
    assert "config tales, untrained weights" in attn("inspect-logits", "Hi").err
    assert (
        len(attn("inspect-heads", "--config", "lesson", "--chars", "99", "--json").json["heads"])
        == 2
    )
    for command in (("inspect-training",), ("export", "page", "page.html")):
        outcome = attn(*command)
        assert outcome.code == 2
        assert "attn train" in outcome.err


def test_a_run_whose_text_is_gone_says_what_to_type(
    attn: Any, verse_file: Path, tmp_path: Path
) -> None:
    text = Path(shutil.copy(verse_file, tmp_path / "mine.txt"))
    run = train_in(tmp_path / "run", text, "train.steps=20").run.path
    text.unlink()
    outcome = attn("inspect-heads", "--run", run)
    assert outcome.code == 2
    assert "attn inspect-heads FILE" in outcome.err
    assert attn("inspect-heads", verse_file, "--run", run, "--chars", "40").code == 0
    outcome = attn("inspect-training", run)
    assert outcome.code == 2
    assert "--text TEXT" in outcome.err
    assert attn("inspect-training", run, "--text", "The fox").code == 0


@pytest.mark.parametrize(
    ("kind", "name"), [("trained", b"verse, step 240"), ("trained_encoder", b"encoder, step 400")]
)
def test_a_page_is_written_and_written_again(
    attn: Any, request: pytest.FixtureRequest, kind: str, name: bytes, tmp_path: Path
) -> None:
    at = ("--run", str(request.getfixturevalue(kind).run.path))
    page = tmp_path / "attention.html"
    first = attn("inspect-attention", "The fox", *at, "--html", page)
    assert (first.code, first.out) == (0, f"{page}\n")
    assert f"{format_bytes(page.stat().st_size)}; it opens in a browser" in first.err
    before = page.read_bytes()
    assert before.startswith(b"<!doctype html>")
    assert name in before
    assert str(tmp_path).encode() not in before  # nor any other folder of the user's
    assert at[1].encode() not in before
    again = attn("inspect-attention", "The owl", *at, "--html", page, "--json").json
    assert again["bytes"] == page.stat().st_size
    assert page.read_bytes() != before
    assert attn("explain", "The fox", *at, "--html", page).code == 0
    assert "One score, by hand" in page.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [page]


def test_a_page_takes_the_place_of_nothing_else(
    attn: Any, at: tuple[str, str], tmp_path: Path
) -> None:
    notes = tmp_path / "notes.html"
    notes.write_text("<p>my notes</p>")
    for out, said in [
        (notes, "notes.html exists and is not a page of attn"),
        (tmp_path, "cannot write"),
        (tmp_path / "no" / "page.html", "there is no folder"),
    ]:
        outcome = attn("inspect-attention", "The fox", *at, "--html", out)
        assert outcome.code == 2
        assert said in outcome.err
        assert attn("export", "page", out, *at).code == 2
    assert notes.read_text() == "<p>my notes</p>"


def test_a_model_to_play_with(attn: Any, at: tuple[str, str], tmp_path: Path) -> None:
    page = tmp_path / "play.html"
    assert attn("export", "page", page, *at).code == 0
    assert "Write with the model" in page.read_text(encoding="utf-8")
    # Weights that were never trained have no past to show.
    assert attn("inspect-attention", "Hi", "--config", "lesson", "--html", page).code == 0
    assert attn("export", "pages", page, *at).code == 2
    assert attn("export", "page", page, *at, "--text", "é").code == 2


def test_a_model_of_bytes_counts_bytes(attn: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Ça déjà été écrit à Zürich. " * 60, encoding="utf-8")
    options = ("--config", "lesson", "--steps", "3", "--set", "data.tokenizer=bytes")
    assert attn("train", "mine.txt", *options).code == 0
    for command, said in {
        ("inspect-attention", "été"): "share of attention",
        ("inspect-logits", "été"): "the surprisal of the byte that came",
        ("inspect-shapes", "été"): "T=5 bytes.*FLOPs per byte",
        ("inspect-heads", "--chars", "60"): "nats per byte",
        ("inspect-training", "--text", "été"): "bits per byte",
        ("evaluate",): "nats per byte",
    }.items():
        outcome = attn(*command)
        assert outcome.code == 0
        assert re.search(said, outcome.out, re.DOTALL), command
        assert "per character" not in outcome.out
        if "été" in command:
            assert "on 'été' (5 bytes)" in outcome.err
        assert attn(*command, "--json").json["unit"] == "byte"
