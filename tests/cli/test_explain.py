"""`attn explain` as a user calls it, and at a real pseudo-terminal."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.handmade_model import handmade_model
from attn_cli.inspection.lesson.blocks import Map, Maps, SideBySide, Table
from attn_cli.inspection.lesson.build import lesson
from attn_cli.inspection.lesson.maps_view import maps_lines
from attn_cli.inspection.lesson.terminal_view import part_lines, show_contents, show_step
from tests.cli.terminal import Terminal
from tests.conftest import Outcome, Trained, train_in

Attn = Callable[..., Outcome]

PROMPT = "a number: that step; q: quit. "
WAY = "text > embedding > [attention] > feed-forward > next character"


def headings(text: str) -> list[str]:
    return re.findall(r"^\d+/\d+  (.+)$", text, re.MULTILINE)


def test_all_steps_where_nobody_can_press_enter(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path)
    outcome = attn("explain", "The fox", *at)
    assert outcome.code == 0
    assert outcome.out == attn("explain", "The fox", *at, "--all").out
    told = headings(outcome.out)
    assert told[0] == "What comes next?"
    assert told[-1] == "Where the weights come from"
    assert len(told) == len(set(told)) == int(outcome.out.partition("/")[2].split()[0])
    order = ["From characters to ids", "Embeddings", "Positions", "Query, key and value",
             "One score, by hand", "Scaled scores", "The causal mask", "Softmax, by hand",
             "With and without the mask", "The weighted sum of values", "The other heads",
             "Merge and projection", "Residual connection", "Feed-forward", "Logits",
             "Sampling"]  # fmt: skip
    assert [title for title in told if title in order] == order
    assert "on 'The fox'" in outcome.err
    assert "\x1b" not in outcome.out
    assert all(line == line.rstrip() for line in outcome.out.splitlines())


def test_for_programs(attn: Attn, trained: Trained) -> None:
    whole = attn("explain", "The fox", "--run", trained.run.path, "--json").json
    assert whole["text"] == "The fox"
    assert str(trained.run.path) in whole["model"]
    kinds = {part["kind"] for step in whole["steps"] for part in step["parts"]}
    assert kinds == {"text", "formula", "table", "side by side"}
    (both,) = [
        part for step in whole["steps"] for part in step["parts"] if part["kind"] == "side by side"
    ]
    assert both["left"]["columns"] == list("The␣fox")
    assert both["left"]["rows"][0][0] == "0 T"


def test_an_encoder_beside_a_decoder(
    attn: Attn, trained: Trained, trained_encoder: Trained
) -> None:
    at = ("--run", trained_encoder.run.path)
    alone = headings(attn("explain", "The f_x", *at).out)
    assert alone[0] == "Which character is missing?"
    outcome = attn("explain", "The f_x", *at, "--beside", trained.run.path)
    assert "on 'The f▢x'" in outcome.err
    assert [title for title in headings(outcome.out) if title not in alone] == ["Beside a decoder"]
    for wrong, message in {
        ("--run", trained.run.path, "--beside", trained.run.path): "--beside needs an encoder",
        (*at, "--beside", trained_encoder.run.path): "--beside needs a decoder",
        ("--tiny", "--beside", trained.run.path): "--beside needs an encoder",
    }.items():
        refused = attn("explain", "The", *wrong)
        assert (refused.code, refused.out) == (2, "")
        assert message in refused.err


def test_layer_and_head(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path)
    second = attn("explain", "The", *at, "--layer", "2", "--head", "3").out
    assert "followed in layer 2 of 2, head 3 of 3" in second
    assert "Layer 1 has already done" in second
    assert "queries of head 3, (T, D) = (3, 8)" in second
    first = attn("explain", "The", *at).out
    assert first == attn("explain", "The", *at, "--layer", "1", "--head", "1").out != second


def test_tiny(attn: Attn) -> None:
    outcome = attn("explain", "--tiny")
    assert "the tiny model, on 'mama'" in outcome.err
    assert "This model was not trained" in outcome.out
    assert "‘m’ is hit from 0 to 0.7" in outcome.out
    assert "‘p’ is hit from 0 to 0.7" in attn("explain", "--tiny", "papa").out


@pytest.mark.parametrize(("config", "opening"), [("lesson", "'Hello'"), ("tales", "'\\nThe ")])
def test_fresh_weights_are_said_to_be_fresh(attn: Attn, config: str, opening: str) -> None:
    outcome = attn("explain", "--config", config)
    assert "has not been trained" in outcome.out
    assert f"config {config}, untrained weights, on {opening}" in outcome.err
    # The last digit may differ with how a product is shared among threads.
    again = attn("explain", "--config", config).out
    assert headings(outcome.out) == headings(again)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Hello" * 6, "--config", "lesson"], "has 30 characters, and the model sees at most 25"),
        (["mamam", "--tiny"], "has 5 characters, and the model sees at most 4"),
        (["maz", "--tiny"], "'z' at position 3\n  the tiny model knows only a, b, m, p"),
        (["é", "--config", "lesson"], "'é' at position 1"),
        (["--config", "lesson", "--layer", "2"], "layer 2: the model has 1 layer\n"),
        (["--config", "lesson", "--head", "3"], "head 3: the model has 2 heads\n"),
        (["--config", "lesson", "--head", "0"], "--head"),
        (["--tiny", "--run", "runs/x"], "--tiny is a model of its own"),
        (["--tiny", "--config", "lesson"], "--tiny is a model of its own"),
        (["--run", "nowhere"], "nowhere"),
        (["--tiny", "--step", "99"], "step 99: the lesson has 24 steps\n"),
        (["--tiny", "--from", "25", "--json"], "step 25: the lesson has 24 steps\n"),
        (["--tiny", "--step", "0"], "--step"),
        (["--step", "3", "--from", "4"], "--step and --from cannot go together"),
        (["--step", "3", "--contents"], "--step and --contents cannot go together"),
        (["--step", "2", "--html", "x.html"], "--step is for reading in the terminal"),
        (["--contents", "--html", "x.html"], "--contents is for reading in the terminal"),
    ],
)
def test_what_cannot_be_explained(attn: Attn, arguments: list[str], said: str) -> None:
    outcome = attn("explain", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) <= 2


@pytest.mark.parametrize(
    "settings",
    [
        ["model.block=qwen3", "model.position=rope", "data.tokenizer=bytes"],
        ["model.position=none", "model.n_head=1", "data.tokenizer=corpus"],
        ["model.position=sinusoidal", "model.bias=true"],
    ],
    ids=["qwen3", "none", "sinusoidal"],
)
def test_every_kind_of_run(
    attn: Attn, verse_file: Path, tmp_path: Path, settings: list[str]
) -> None:
    train_in(tmp_path / "run", verse_file, "train.steps=2", *settings)
    for text in ("T", "The owl met the "):
        outcome = attn("explain", text, "--run", tmp_path / "run")
        assert outcome.code == 0, outcome.err
    if "data.tokenizer=bytes" in settings:
        assert "\\xc3" in attn("explain", "é", "--run", tmp_path / "run").out


def test_the_page(attn: Attn, tmp_path: Path) -> None:
    outcome = attn("explain", "--tiny", "--html", tmp_path / "lesson.html")
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{tmp_path / 'lesson.html'}\n"
    page = (tmp_path / "lesson.html").read_text(encoding="utf-8")
    assert "With and without the mask" in page


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
class TestAtATerminal:
    @pytest.fixture
    def reader(self, tmp_path: Path) -> Iterator[Terminal]:
        reader = Terminal(tmp_path, "explain", "--tiny")
        yield reader
        reader.close()

    def test_enter_shows_the_next_step(self, reader: Terminal) -> None:
        seen = reader.until(PROMPT)
        assert headings(seen) == ["What comes next?"]
        reader.type("\n")
        assert headings(reader.until(PROMPT)) == ["From characters to ids"]
        for _ in range(22):
            reader.type("\n")
            last = reader.until(PROMPT)
        assert headings(last) == ["Where the weights come from"]
        reader.type("\n")
        assert headings(reader.rest()) == []
        assert reader.code() == 0

    def test_back_and_anywhere(self, reader: Terminal) -> None:
        reader.until(PROMPT)
        for keys, seen in {
            "10": ["The causal mask"],
            "b": ["Scaled scores"],
            "back": ["One score, by hand"],
            "": ["Scaled scores"],
            "1": ["What comes next?"],
        }.items():
            reader.type(f"{keys}\n")
            assert headings(reader.until(PROMPT)) == seen
        for keys, said in {
            "b": "This is the first step.",
            "25": "There is no step 25: they are 1 to 24.",
            "0": "There is no step 0",
            "-1": "none of these keys",
            "next": "none of these keys",
            "c": "15 Merge and projection",
        }.items():
            reader.type(f"{keys}\n")
            seen_there = reader.until(PROMPT)
            assert said in seen_there
            assert headings(seen_there) == []

    @pytest.mark.parametrize(("keys", "code"), [("q\n", 0), ("\x04", 0), ("\x03", 130)])
    def test_it_ends_quietly(self, reader: Terminal, keys: str, code: int) -> None:
        reader.until(PROMPT)
        reader.type(keys)
        left = reader.rest()
        assert "From characters" not in left
        assert "Traceback" not in left
        assert left.endswith("\n")
        assert reader.code() == code


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_reading_begins_at_a_step(tmp_path: Path) -> None:
    reader = Terminal(tmp_path, "explain", "--tiny", "--from", "12")
    seen = reader.until(PROMPT)
    assert headings(seen) == ["With and without the mask"]
    assert "Contents" not in seen
    reader.type("b\n")
    assert headings(reader.until(PROMPT)) == ["Softmax, by hand"]
    reader.type("q\n")
    assert headings(reader.rest()) == []
    assert reader.code() == 0
    reader.close()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_one_step_asks_nothing(tmp_path: Path) -> None:
    reader = Terminal(tmp_path, "explain", "--tiny", "--step", "3")
    seen = reader.rest()
    assert headings(seen) == ["Embeddings"]
    assert "Enter:" not in seen
    assert reader.code() == 0
    reader.close()


def test_one_step_some_or_their_titles(attn: Attn) -> None:
    whole = headings(attn("explain", "--tiny").out)
    one = attn("explain", "--tiny", "--step", "8").out
    assert headings(one) == [whole[7]]
    assert one.splitlines()[0] == WAY
    assert one.splitlines()[1].split("  ")[0] == "(4)"
    assert headings(attn("explain", "--tiny", "--from", "20").out) == whole[19:]
    contents = attn("explain", "--tiny", "--contents").out
    assert headings(contents) == []
    assert all(f"{number} {title}" in contents for number, title in enumerate(whole, start=1))
    told = attn("explain", "--tiny", "--from", "23", "--json").json
    assert [(step["number"], step["title"]) for step in told["steps"]] == [
        (23, whole[22]),
        (24, whole[23]),
    ]
    assert told["steps"][0]["stage"] == told["way"][-1]["name"] == "next character"
    titles = attn("explain", "--tiny", "--contents", "--json").json["steps"]
    assert [step["title"] for step in titles] == whole
    assert not any("parts" in step for step in titles)


def test_an_encoder_decoder_step_by_step(attn: Attn, trained_translator: Trained) -> None:
    at = ("explain", "--run", trained_translator.run.path)
    outcome = attn(*at, "--step", "7")
    seen = outcome.out
    assert headings(seen) == ["The alignment"]
    assert re.match(r"source +> +encoder +> +decoder +> +\[cross-attention\] +> +feed", seen)
    assert "target down, source across" in seen
    refused = attn(*at, "--step", "11")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("attn: step 11: the lesson has 10 steps\n")


def test_the_page_of_an_encoder_decoder(
    attn: Attn, trained_translator: Trained, tmp_path: Path
) -> None:
    page = tmp_path / "lesson.html"
    outcome = attn("explain", "abc", "--run", trained_translator.run.path, "--html", page)
    assert outcome.out == f"{page}\n"
    html = page.read_text(encoding="utf-8")
    assert "The alignment" in html
    assert "The source is “abc”" in html
    assert str(trained_translator.run.path.parent) not in html


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("colour", [True, False])
def test_it_fits_a_terminal(width: int, colour: bool) -> None:
    loaded = handmade_model()
    steps = lesson(forward_pass(loaded.model, loaded.encode_prompt("mama")), loaded.tokenizer)
    screen = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system="standard",
        no_color=not colour, highlight=False, markup=False,
    )  # fmt: skip
    for number, step in enumerate(steps, start=1):
        show_step(screen, step, number, len(steps))
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert bool(re.search(r"\x1b\[[0-9;]*3\dm", shown)) == colour
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert headings(plain) == [step.title for step in steps]
    assert plain.count("0.02") > 4
    for line in plain.splitlines():
        if "feed-forward >" in line or "> [" in line:
            assert len(line) <= width
    # Captions and arithmetic are set as they are, and wrapped by a narrower terminal itself.
    rows = [line for line in plain.splitlines() if re.match(r"  \d [abmp] |  \d  +\S", line)]
    assert max(map(len, rows)) <= width
    if width >= 80:
        assert max(map(len, plain.splitlines())) <= width


def test_two_tables_stand_side_by_side_where_they_fit() -> None:
    table = Table("left", ("a", "b"), (("x", ("1.00", "0.00")), ("yy", ("0.50", "0.50"))))
    both = SideBySide(table, Table("right", table.columns, table.rows))
    assert [line for line, _ in part_lines(both, 40)] == [
        "  left                right",
        "         a     b             a     b",
        "  x   1.00  0.00      x   1.00  0.00",
        "  yy  0.50  0.50      yy  0.50  0.50",
    ]
    stacked = [line.strip() for line, _ in part_lines(both, 30)]
    assert stacked.index("right") == 5


def test_columns_that_do_not_fit_come_below() -> None:
    words = Table("words", ("n", "said"), (("x", ("1", "one")), ("y", ("22", "twenty-two"))))
    assert [line for line, _ in part_lines(words, 40)] == [
        "  words",
        "      n  said      ",
        "  x   1  one       ",
        "  y  22  twenty-two",
    ]
    assert [line.rstrip() for line, _ in part_lines(words, 16)] == [
        "  words",
        "      n",
        "  x   1",
        "  y  22",
        "     said",
        "  x  one",
        "  y  twenty-two",
    ]


def drawn(*maps: Map, width: int, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    options = Console(file=file, width=width).options
    return [line.rstrip() for line, _ in maps_lines(Maps(maps), options)]


def test_maps_with_and_without_the_mask() -> None:
    both = (((1.0, 0.0), (0.5, 0.5)), ((0.1, 0.9), (0.5, 0.5)))
    causal, square = (Map("a map", ("x", "␣"), ("x", "␣"), weights) for weights in both)
    assert drawn(causal, square, width=60) == [
        "  a map     a map",
        "    x ␣       x ␣",
        "  x ██      x ░░██",
        "  ␣ ▓▓▓▓    ␣ ▓▓▓▓",
        "",
        "  weight:  · below 0.05  ░ to 0.2  ▒ to 0.4  ▓ to 0.7  █ above",
    ]
    assert drawn(causal, square, width=60, encoding="latin-1")[1:4] == [
        "    x _       x _",
        "  x ##      x --##",
        "  _ xxxx    _ xxxx",
    ]
    below = drawn(causal, square, width=30)
    assert below.count("  a map") == 2  # not beside each other


def test_a_map_of_a_long_text_shares_cells() -> None:
    T = 100
    rows = tuple(tuple(float(key == 7 and query == 50) for key in range(T)) for query in range(T))
    lines = drawn(Map("a map", ("x",) * T, ("x",) * T, rows), width=44)
    assert "  Each cell is the largest weight among 3 × 3." in lines
    assert max(map(len, lines[:-2])) <= 44
    assert [line.index("█") for line in lines[1:-3] if "█" in line] == [2 + 7 // 3]


def test_a_terminal_without_unicode() -> None:
    loaded = handmade_model()
    steps = lesson(forward_pass(loaded.model, loaded.encode_prompt("mama")), loaded.tokenizer)
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")  # which refuses all else
    screen = Console(file=file, width=80, highlight=False, markup=False)
    show_contents(screen, steps)
    for number, step in enumerate(steps, start=1):
        show_step(screen, step, number, len(steps))
    file.flush()
    shown = file.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "2 x (4, 4)" in shown
    assert "/ sqrt 4 =" in shown
