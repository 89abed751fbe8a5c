"""`attn generate` with a run of lines: one item a line, only new ones, none twice."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import attn_cli as attn_api
from tests.conftest import Outcome, Trained, train_in

Attn = Callable[..., Outcome]

TOWNS = ("Alden", "Barrow", "Birham", "Calder", "Corham", "Dalby", "Elmden", "Farrow", "Grimsby")


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run that has learned a list of few towns, line by line."""
    folder = tmp_path_factory.mktemp("towns")
    text = folder / "towns.txt"
    text.write_text("\n".join(TOWNS * 20) + "\n", encoding="utf-8")
    return train_in(folder / "run", text, "data.records=lines", "train.steps=160")


@pytest.fixture
def generate(attn: Attn, towns: Trained) -> Callable[..., Outcome]:
    """Calls `attn generate` with the run of towns, at a temperature that also makes new ones."""

    def call(*arguments: str | Path) -> Outcome:
        hot = ("--temperature", "1.2", "--seed", "1", "--run", towns.run.path)
        return attn("generate", *hot, *arguments)

    return call


def texts(outcome: Outcome) -> list[str]:
    """What was generated, prompt and continuation."""
    return [sample["prompt"] + sample["text"] for sample in outcome.json["samples"]]


def test_samples_are_one_a_line_and_nothing_else(generate: Any) -> None:
    outcome = generate("--num-samples", "20")
    lines = outcome.out[:-1].split("\n")
    assert len(lines) == 20
    assert all(line.strip() for line in lines)
    assert set(lines) & set(TOWNS)
    assert "---" not in outcome.err
    assert lines == texts(generate("--num-samples", "20", "--json"))


def test_a_line_ends_at_its_end(generate: Any) -> None:
    (sample,) = generate("Grims", "--temperature", "0", "--json").json["samples"]
    assert (sample["text"], sample["finish_reason"]) == ("by", "end")
    (sample,) = generate("Grims", "--max-new-chars", "1", "--json").json["samples"]
    assert sample["finish_reason"] == "length"


def test_with_a_prompt_lines_begin_so(generate: Any) -> None:
    lines = generate("B", "Gri", "--num-samples", "5").out[:-1].split("\n")
    assert [line[:1] for line in lines] == ["B"] * 5 + ["G"] * 5


def test_a_prompt_is_within_one_line(generate: Any) -> None:
    outcome = generate("Alden\nBar")
    assert outcome.code == 2
    assert "the prompt has a newline" in outcome.err
    assert outcome.out == ""


def test_new_and_unique_keep_what_is_left_of_all_samples(generate: Any) -> None:
    """The seeds go on until enough are kept: the same texts, whatever was sampled at once."""
    samples = texts(generate("--num-samples", "400", "--json"))
    new = [text for text in samples if text not in TOWNS]
    assert 10 < len(new) < 400
    outcome = generate("--new", "--num-samples", "10", "--json")
    assert texts(outcome) == new[:10]
    tried = samples.index(new[9]) + 1
    assert outcome.json["left_out"]["in_text"] >= tried - 10 - samples[:tried].count("")
    unique = list(dict.fromkeys(new))
    both = generate("--new", "--unique", "--num-samples", "8", "--json")
    assert texts(both) == unique[:8]
    assert (
        texts(generate("--unique", "--num-samples", "8", "--json"))
        == list(dict.fromkeys(samples))[:8]
    )


def test_python_generates_the_same_lines(generate: Any, towns: Trained) -> None:
    model = attn_api.load(towns.run.path)
    options = {"new": True, "unique": True, "num_samples": 5, "temperature": 1.2, "seed": 1}
    lines = generate("--new", "--unique", "--num-samples", "5").out[:-1].split("\n")
    assert model.generate(**options) == lines


def test_what_was_left_out_is_counted(generate: Any) -> None:
    left_out = generate("--new", "--num-samples", "5", "--json").json["left_out"]
    assert left_out["in_text"] > 0
    assert left_out["repeated"] == 0
    outcome = generate("--new", "--num-samples", "5")
    assert f"left out: {left_out['in_text']} in the text\n" in outcome.err
    assert "left out" not in generate("--num-samples", "5").err
    assert "left_out" not in generate("--json").json


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_search_without_hope_ends_with_what_it_found(generate: Any, options: Any) -> None:
    few = ("--unique", "--regex", "[ab]", "--temperature", "9", "--num-samples", "3")
    outcome = generate(*few, *options)
    assert outcome.code == 1
    found = texts(outcome) if options else outcome.out.split()
    assert sorted(found) == ["a", "b"]
    assert "found 2 of 3: of 1,000 samples in a row none was kept" in outcome.err
    assert "ask for fewer, or raise --temperature" in outcome.err


def test_beam_search_finds_lines(attn: Attn, towns: Trained) -> None:
    few = ("--regex", "[ab]", "--num-beams", "4", "--run", towns.run.path)
    outcome = attn("generate", *few, "--num-samples", "4")
    assert outcome.code == 0, outcome.err
    assert sorted(outcome.out.split()) == ["a", "b"]  # there are no more


def test_new_needs_a_run_of_lines(attn: Attn, trained: Trained) -> None:
    outcome = attn("generate", "The", "--new", "--run", trained.run.path)
    assert outcome.code == 2
    assert "--new looks for whole lines" in outcome.err


def test_unique_works_on_any_run(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--regex", "[ab]", "--temperature", "9")
    outcome = attn("generate", "The", *at, "--unique", "--num-samples", "2")
    assert sorted(outcome.out.split("\f")) == ["Thea\n", "Theb\n"]


@pytest.mark.parametrize("other", ["--num-beams=2", "--interactive"])
def test_what_does_not_go_with_new(generate: Any, other: str) -> None:
    outcome = generate("--new", other)
    assert outcome.code == 2
    assert "does not work with --" in outcome.err


def test_new_needs_the_text_and_the_rest_does_not(
    attn: Attn, towns: Trained, tmp_path: Path
) -> None:
    text = Path(towns.config.data.text[0])
    text.rename(text.with_suffix(".moved"))
    try:
        outcome = attn("generate", "--new", "--run", towns.run.path)
        assert attn("generate", "--run", towns.run.path).code == 0
    finally:
        text.with_suffix(".moved").rename(text)
    assert outcome.code == 2
    assert "was trained on" in outcome.err
    assert "--new needs it where it was" in outcome.err


def test_new_starts_without_torch(towns: Trained) -> None:
    code = (
        "import sys; from attn_cli.cli.main import main\n"
        "try: main()\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    )
    arguments = ["generate", "--new", "--run", str(towns.run.path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "False"


def test_a_newline_cannot_be_forbidden(generate: Any) -> None:
    outcome = generate("--forbid", r"\n")
    assert outcome.code == 2
    assert r"--forbid contains '\n', which has to end each text" in outcome.err


def test_enter_alone_writes_another_line_that_begins_so(towns: Trained) -> None:
    command = [sys.executable, "-m", "attn_cli", "generate", "--interactive", "--temperature",
               "0", "--run", str(towns.run.path)]  # fmt: skip
    done = subprocess.run(command, input="Grim\n\n\n", capture_output=True, text=True, check=True)
    assert done.stdout == "Grimsby\n" * 3
    assert "Type the beginning of a line" in done.stderr
