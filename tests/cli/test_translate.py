"""`attn generate` with an encoder-decoder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]


def test_each_source_gets_a_line(attn: Attn, trained_translator: Trained) -> None:
    run = trained_translator.run.path
    assert attn("generate", "facade", "ab", "--run", run).out == "edacaf\nba\n"
    assert attn("generate", "-", "--run", run, stdin=b"facade\n\nab\n").out == "edacaf\nba\n"


@pytest.mark.parametrize(
    ("name", "content"), [("words.txt", "facade\nab\n"), ("words.tsv", "facade\tx\nab\ty\n")]
)
def test_a_file_has_sources_in_lines_or_in_the_column_of_the_run(
    attn: Attn, trained_translator: Trained, name: str, content: str
) -> None:
    Path(name).write_text(content, encoding="utf-8")
    run = trained_translator.run.path
    out = attn("generate", "--file", name, "--tsv", "--run", run).out
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:2] for row in rows] == [["facade", "edacaf"], ["ab", "ba"]]
    samples = attn("generate", "facade", "ab", "--json", "--run", run).json["samples"]
    assert [row[2] for row in rows] == [f"{each['score']:.4f}" for each in samples]


def test_several_targets_have_scores_and_json_has_all(
    attn: Attn, trained_translator: Trained
) -> None:
    run = trained_translator.run.path
    beams = ("--num-beams", "4", "--num-samples", "2")
    lines = attn("generate", "facade", "--run", run, *beams).out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("edacaf\t-")
    got = attn("generate", "facade", "--run", run, *beams, "--json").json
    assert got["run"] == str(run)
    assert got["chars_per_second"] > 0
    assert [each["prompt"] for each in got["samples"]] == ["facade"] * 2
    assert got["samples"][0]["text"] == "edacaf"
    assert got["samples"][0]["finish_reason"] == "end"


def test_a_folder_of_runs_is_asked_together(
    attn: Attn, trained_translator: Trained, tmp_path: Path
) -> None:
    group = tmp_path / "group"
    group.mkdir()
    for seed in (1, 2):
        (group / f"seed-{seed}").symlink_to(trained_translator.run.path)
    outcome = attn("generate", "facade", "--run", group)
    assert outcome.out == "edacaf\n"
    assert "of 2 runs" in outcome.err
    assert len(attn("generate", "ab", "--run", group, "--json").json["runs"]) == 2


def test_a_session_answers_and_goes_on_after_an_error(
    attn: Attn, trained_translator: Trained
) -> None:
    run = trained_translator.run.path
    outcome = attn("generate", "-i", "ab", "--run", run, stdin=b"fade\nx\n/back\nbe\n/quit\nab\n")
    assert "there is no /back" in outcome.err
    assert outcome.out.split() == ["ba", "edaf", "eb"]
    assert "'x' at position 1" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is no source"),
        (("ab", "--new"), "--new is of texts that are continued"),
        (("ab", "--until-end"), "--until-end is of texts"),
        (("ab", "--num-samples", "3"), "the most probable target is one"),
        (("ab", "--file", "x"), "--file excludes sources"),
        (("ab", "--tsv", "--json"), "--tsv and --json exclude each other"),
        (("--file", "missing.txt"), "missing.txt"),
        (("axb",), "'x' at position 2"),
        (("ab", "--num-beams", "99999999"), "--num-beams 99,999,999 are too many"),
    ],
)
def test_what_cannot_be_done_is_refused(
    attn: Attn, trained_translator: Trained, arguments: tuple[str, ...], message: str
) -> None:
    outcome = attn("generate", *arguments, "--run", trained_translator.run.path)
    assert outcome.code == 2
    assert outcome.out == ""
    assert message in outcome.err


@pytest.mark.parametrize("option", [("--tsv",), ("--file", "x.txt")])
def test_options_of_sources_are_refused_where_texts_are_continued(
    attn: Attn, trained: Trained, option: tuple[str, ...]
) -> None:
    outcome = attn("generate", "the", *option, "--run", trained.run.path)
    assert outcome.code == 2
    assert f"{option[0]} is of sources and targets" in outcome.err


@pytest.mark.parametrize(
    "command",
    [
        ("fill", "a_b"),
        ("classify", "ab"),
        ("embed", "texts.txt", "--out", "v.npz"),
        ("inspect-training",),
    ],
    ids=lambda command: command[0],
)
def test_commands_of_other_tasks_name_the_one_for_this(
    attn: Attn, trained_translator: Trained, command: tuple[str, ...]
) -> None:
    Path("texts.txt").write_text("ab\n", encoding="utf-8")
    outcome = attn(*command, "--run", trained_translator.run.path)
    assert outcome.code == 2
    assert "attn generate" in outcome.err
    assert not Path("v.npz").exists()


def test_the_source_of_a_table_is_found_by_its_name(
    attn: Attn, trained_translator: Trained
) -> None:
    Path("words.csv").write_text("target,source\nx,facade\ny,ab\n", encoding="utf-8")
    out = attn("generate", "--file", "words.csv", "--run", trained_translator.run.path).out
    assert out == "edacaf\nba\n"


def test_unknown_characters_of_a_file_are_read_as_in_evaluation(
    attn: Attn, trained_translator: Trained
) -> None:
    Path("words.txt").write_text("facade\nabç\nafx\n", encoding="utf-8")
    outcome = attn("generate", "--file", "words.txt", "--run", trained_translator.run.path)
    assert outcome.out == "edacaf\ncba\nfa\n"
    assert "outside the vocabulary: 'ç' as 'c', 'x' left out" in outcome.err
