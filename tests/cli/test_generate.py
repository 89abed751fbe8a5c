"""`attn generate` as a user calls it."""

import itertools
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import OperationError
from attn_cli.generation import numpy_model
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.run_corpus import load_run_corpus
from tests.conftest import VERSE, Outcome, Trained, train_in

Attn = Callable[..., Outcome]


@pytest.fixture
def write(attn: Attn, trained: Trained) -> Callable[..., Any]:
    """Calls `attn generate ... --json` with the shared run; returns the samples."""

    def call(*arguments: str) -> list[dict[str, Any]]:
        outcome = attn("generate", *arguments, "--run", trained.run.path, "--json")
        assert outcome.code == 0, outcome.err
        samples: list[dict[str, Any]] = outcome.json["samples"]
        return samples

    return call


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run whose text has many documents."""
    folder = tmp_path_factory.mktemp("documents")
    text = folder / "short.txt"
    text.write_text("\f".join(["The fox met the owl.\n"] * 90), encoding="utf-8")
    return train_in(folder / "run", text, "train.steps=160")


def test_generate_continues_the_prompt(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--max-new-chars", "30")
    outcome = attn("generate", "The fox", *at, "--temperature", "0")
    assert outcome.out.startswith("The fox met the ")
    assert len(outcome.out) == len("The fox") + 30 + len("\n")


def test_generate_json(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--json", "--max-new-chars", "50", "--temperature", "1")
    result = attn("generate", "The", *at, "--seed", "3", "--num-samples", "2").json
    assert result["run"] == str(trained.run.path)
    assert result["chars_per_second"] > 0
    first, second = result["samples"]
    keys = {"prompt", "text", "seed", "finish_reason", "log_probs"}
    assert set(first) == keys
    assert len(first["log_probs"]) == 50
    assert (first["prompt"], first["seed"], first["finish_reason"]) == ("The", 3, "length")
    assert len(first["text"]) == 50
    assert first["text"] != second["text"]
    # Any sample can be had again by its own seed.
    again = attn("generate", "The", *at, "--seed", str(second["seed"])).json
    assert again["samples"][0]["text"] == second["text"]


def test_generate_reads_a_prompt_from_standard_input(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--max-new-chars", "5", "--temperature", "0")
    assert attn("generate", "-", *at, stdin=b"The owl").out == attn("generate", "The owl", *at).out


def test_generate_beyond_the_window(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--max-new-chars", "60", "--temperature", "0")
    outcome = attn("generate", VERSE.strip(), *at)
    assert outcome.out.startswith(VERSE.strip())
    assert "sees at most 16 at once" in outcome.err
    short = attn("generate", "The fox", *at)
    assert "sees at most" not in short.err


def test_generate_without_a_prompt_begins_a_document(attn: Attn, trained: Trained) -> None:
    outcome = attn("generate", "--run", trained.run.path, "--max-new-chars", "8", "--json").json
    assert outcome["samples"][0]["prompt"] == ""
    assert len(outcome["samples"][0]["text"]) == 8


def test_several_samples_are_told_apart(attn: Attn, trained: Trained) -> None:
    """By a line for people on standard error, and by a form feed for programs."""
    at = ("--run", trained.run.path, "--num-samples", "2", "--seed", "8")
    outcome = attn("generate", "The", *at)
    assert "--- 1 of 2 (seed 8)" in outcome.err
    assert "--- 2 of 2 (seed 9)" in outcome.err
    samples = outcome.out.split("\f")
    assert [sample[:3] for sample in samples] == ["The", "The"]


def test_a_prompt_from_a_pipe_is_read_by_the_rules_for_texts(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--json", "--max-new-chars", "1")
    written_on_windows = "\ufeffThe fox\r\nmet\r\n".encode()
    sample = attn("generate", "-", *at, stdin=written_on_windows).json["samples"][0]
    assert sample["prompt"] == "The fox\nmet"
    broken = attn("generate", "-", *at, stdin=b"The \xff")
    assert broken.code == 2
    assert "UTF-8" in broken.err


def test_a_sample_does_not_depend_on_how_many_there_are(write: Any) -> None:
    many = write("The", "--seed", "7", "--num-samples", "5", "--temperature", "1")
    assert [sample["seed"] for sample in many] == [7, 8, 9, 10, 11]
    (alone,) = write("The", "--seed", "10", "--temperature", "1")
    assert many[3]["text"] == alone["text"]
    assert many[3]["log_probs"] == pytest.approx(alone["log_probs"], abs=1e-4)


def test_prompts_side_by_side_give_the_same_as_alone(write: Any) -> None:
    prompts = ("T", "The owl met the fox. They sat", "They")
    together = write(*prompts, "--seed", "4", "--num-samples", "2", "--temperature", "1")
    assert [sample["prompt"] for sample in together] == [p for p in prompts for _ in range(2)]
    alone = [write(prompt, "--seed", "4", "--temperature", "1")[0] for prompt in prompts]
    for theirs, ours in zip(together[::2], alone, strict=True):
        assert theirs["text"] == ours["text"]
        assert theirs["log_probs"] == pytest.approx(ours["log_probs"], abs=1e-4)


def test_log_probabilities_are_before_the_filters_and_probabilities_after(write: Any) -> None:
    (plain,) = write("The", "--temperature", "1", "--seed", "1", "--alternatives", "5")
    for char, log_prob, others in zip(
        plain["text"], plain["log_probs"], plain["alternatives"], strict=True
    ):
        probs = {other["char"]: other["prob"] for other in others}
        assert sorted(probs.values(), reverse=True) == list(probs.values())
        if char in probs:
            assert math.exp(log_prob) == pytest.approx(probs[char], rel=1e-3)
    assert plain["probs"] == pytest.approx(
        [math.exp(each) for each in plain["log_probs"]], rel=1e-3
    )
    (sharp,) = write("The", "--temperature", "0", "--alternatives", "5")
    assert all(len(others) == 1 and others[0]["prob"] == 1 for others in sharp["alternatives"])
    assert sum(sharp["log_probs"]) < 0


def test_alternatives_shows_the_text_and_a_line_for_each_character(
    attn: Attn, trained: Trained
) -> None:
    at = ("--run", trained.run.path, "--temperature", "0", "--max-new-chars", "6")
    outcome = attn("generate", "The fox", *at, "--alternatives", "5")
    text, _, _, *lines = outcome.out.splitlines()
    assert text == attn("generate", "The fox", *at).out.rstrip("\n") == "The fox met t"
    assert [line[0] for line in lines] == list("␣met␣t")
    assert all("100.0%" in line for line in lines)


def test_a_stop_ends_the_text_and_is_no_part_of_it(write: Any) -> None:
    greedy = ("The fox", "--temperature", "0", "--max-new-chars", "40")
    (whole,) = write(*greedy)
    (stopped,) = write(*greedy, "--stop", "never", "--stop", "owl")
    assert stopped["finish_reason"] == "stop"
    assert stopped["text"] == whole["text"].partition("owl")[0]
    assert len(stopped["log_probs"]) == len(stopped["text"])


def test_escapes_in_options_stand_for_characters(write: Any) -> None:
    verse = ("The fox met the owl. The owl met the fox. They sat", "--temperature", "0")
    (line,) = write(*verse, "--stop", r"\n", "--max-new-chars", "60")
    assert line["text"] == " and talked until the moon was up."
    (sample,) = write("The", "--allow", r"\\\n\t", "--temperature", "9")
    assert set(sample["text"]) == set("\\\n\t")


def test_alternatives_keep_a_character_on_its_line(attn: Attn, documents: Trained) -> None:
    at = ("--run", documents.run.path, "--temperature", "0", "--max-new-chars", "3")
    outcome = attn("generate", "The fox met the owl.", *at, "--alternatives", "5")
    assert [line[0] for line in outcome.out.rstrip("\n").split("\n")[-3:]] == list("⏎␌T")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_never_sees_any_of_a_stop(trained: Trained) -> None:
    import pty

    command = [sys.executable, "-m", "attn_cli", "generate", "The fox", "--temperature", "0",
               "--run", str(trained.run.path), "--stop", "the owl.", "--stop", "zzz"]  # fmt: skip
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # nobody holds the other end any more
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert shown.decode().split() == ["The", "fox", "met"]


def test_until_end(attn: Attn, documents: Trained, write: Any) -> None:
    at = ("--run", documents.run.path, "--json", "--temperature", "0")
    sample = attn("generate", "The fox met", "--until-end", *at).json["samples"][0]
    assert (sample["text"], sample["finish_reason"]) == (" the owl.\n", "end")
    without = attn("generate", "The fox met", *at).json["samples"][0]
    assert without["text"].startswith(" the owl.\n\f")
    assert without["finish_reason"] == "length"


def test_until_end_needs_documents(attn: Attn, trained: Trained) -> None:
    outcome = attn("generate", "--until-end", "--run", trained.run.path)
    assert outcome.code == 2
    assert "has no documents" in outcome.err


def test_allow_and_forbid(write: Any) -> None:
    (sample,) = write("The", "--allow", "teh ", "--temperature", "2")
    assert set(sample["text"]) <= set("teh ")
    assert len(sample["text"]) == 40
    (sample,) = write("The", "--forbid", "teh ", "--temperature", "2")
    assert not set(sample["text"]) & set("teh ")


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9]+",
        "[A-Z][a-z ]{4,9}\n[A-Z][a-z ]{6,9}\n[A-Z][a-z ]{4,9}",
        "O.*\nW.*\nL.*",
        "(met|sat)( the (fox|owl))*",
    ],
)
def test_a_continuation_matches_as_a_whole_whatever_its_length(write: Any, pattern: str) -> None:
    for length in ("30", "37"):
        for sample in write(
            "The", "--regex", pattern, "--num-samples", "4", "--seed", "1",
            "--temperature", "1.5", "--max-new-chars", length,
        ):  # fmt: skip
            assert re.fullmatch(pattern, sample["text"]), sample["text"]


def test_a_complete_match_ends_the_text(write: Any) -> None:
    (sample,) = write("The", "--regex", "[0-9]{4}")
    assert (len(sample["text"]), sample["finish_reason"]) == (4, "match")


def test_where_a_match_may_end_the_model_decides(attn: Attn, documents: Trained) -> None:
    at = ("--run", documents.run.path, "--json", "--temperature", "0")
    sample = attn("generate", "The fox met", "--regex", r"[a-z .\n]*", *at).json["samples"][0]
    assert (sample["text"], sample["finish_reason"]) == (" the owl.\n", "end")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--regex", "[0-9"), "unterminated character set"),
        (("--regex", r"\bfox"), "not supported"),
        (("--regex", r"(a|b)\1"), "not supported"),
        (("--regex", "^a$"), "not supported"),
        (("--regex", "[0-9]{50}"), "needs at least 50 characters, and --max-new-chars is 40"),
        (("--regex", "é"), "no text"),
        (("--regex", "a+", "--forbid", "a"), "no text"),
        (("--regex", "a+", "--stop", "b"), "--stop would cut off a text that --regex"),
        (("--allow", "a", "--forbid", "a"), "leave no character"),
        (("--allow", ""), "leave no character"),
        (("--stop", ""), "--stop '' would"),
        (("--stop", "é"), "--stop 'é'"),
        (("--stop", r"\d"), r"--stop \d: \d stands for no character"),
        (("--allow", "a\\"), "--allow a\\: \\ stands for no character"),
        (("--num-beams", "0"), "--num-beams 0 is below 1"),
        (
            ("--num-beams", "2", "--temperature", "1"),
            "does not work with --temperature",
        ),
        (("--num-beams", "2", "--num-samples", "3"), "--num-samples is 3"),
        (
            ("--num-beams", "2", "--alternatives", "5"),
            "does not work with --num-beams",
        ),
        (("--min-p", "2"), "--min-p 2 is"),
        (("--typical-p", "0"), "--typical-p 0 is"),
        (("--repetition-penalty", "0"), "--repetition-penalty 0 is"),
        (("--interactive", "--json"), "--interactive does not work with --json"),
        (("--interactive", "--num-samples", "2"), "--num-samples"),
        (("--interactive", "--check-copy"), "--check-copy"),
        (("é",), "'é' at position 1"),
        (("--num-samples", "0"), "--num-samples 0"),
        (("--max-new-chars", "0"), "--max-new-chars 0"),
        (("--seed", "-1"), "--seed -1 is"),
        (("--num-beams", "100000000"), "--num-beams 100,000,000 are too many"),
        (("-", "-"), "once"),
        (("--interactive", "a", "b"), "--interactive takes at most one prompt"),
        (("--alternatives", "-1"), "--alternatives -1 is below 0"),
        (("--device", "cuda"), "device cuda is not available"),
        (("--allow", "é"), "--allow 'é'"),
    ],
)
def test_wrong_options_get_a_line(
    attn: Attn, trained: Trained, arguments: tuple[str, ...], said: str
) -> None:
    outcome = attn("generate", *arguments, "--run", trained.run.path)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) <= 2
    assert "Traceback" not in outcome.err


def test_separators_stand_between_texts_where_both_streams_are_one(trained: Trained) -> None:
    command = [sys.executable, "-m", "attn_cli", "generate", "The", "--num-samples", "2",
               "--seed", "1", "--run", str(trained.run.path)]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    shown = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ).stdout
    assert re.fullmatch(
        r"--- 1 of 2 \(seed 1\)\nThe.*\n\f--- 2 of 2 \(seed 2\)\nThe.*\n", shown, re.DOTALL
    )


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_are_no_defect(trained: Trained, closed: str) -> None:
    command = f"'{sys.executable}' -m attn_cli generate - --run '{trained.run.path}' {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, input="The")
    assert (done.returncode, done.stderr) == (0, "")


def test_beams_find_a_text_at_least_as_likely_as_greedy(write: Any) -> None:
    prompt = ("They sat", "--max-new-chars", "12")
    (greedy,) = write(*prompt, "--temperature", "0")
    found = write(*prompt, "--num-beams", "8", "--num-samples", "3")
    assert found == write(*prompt, "--num-beams", "8", "--num-samples", "3")
    sums = [sum(sample["log_probs"]) for sample in found]
    assert sums == sorted(sums, reverse=True)
    assert sums[0] >= sum(greedy["log_probs"]) - 1e-6
    assert [sample["seed"] for sample in found] == [None] * 3


def test_beams_for_people(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--num-beams", "3", "--max-new-chars", "8")
    outcome = attn("generate", "The fox", *at, "--num-samples", "2")
    assert [text[:7] for text in outcome.out.split("\f")] == ["The fox"] * 2
    assert "--- 2 of 2 (by beam search)" in outcome.err


def test_beams_count_the_texts_that_a_pattern_has(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--num-beams", "5", "--num-samples", "5", "--regex", "ab|cd")
    outcome = attn("generate", "x", *at)
    assert sorted(text.strip() for text in outcome.out.split("\f")) == ["xab", "xcd"]
    assert "--- 2 of 2" in outcome.err


@pytest.mark.parametrize(
    "control", [("--top-k", "1"), ("--top-p", "1e-9"), ("--min-p", "1"), ("--typical-p", "1e-9")]
)
def test_filters_at_their_limit_leave_one_character(write: Any, control: tuple[str, str]) -> None:
    hot = ("The", "--temperature", "3", "--alternatives", "5")
    (sample,) = write(*hot, *control)
    assert all(len(others) == 1 for others in sample["alternatives"])
    (free,) = write(*hot)
    assert all(len(others) == 5 for others in free["alternatives"])


def test_the_penalty_discourages_what_was_written_lately(write: Any) -> None:
    greedy = ("The fox", "--temperature", "0", "--max-new-chars", "30")
    (plain,), (penalised,) = write(*greedy), write(*greedy, "--repetition-penalty", "1000")
    # Each of the few characters that the text has comes once before any comes again.
    assert len(set(penalised["text"][:12])) == 12
    assert len(set(plain["text"][:12])) < 12
    # Only the last character counts: it never comes twice in a row, but soon again.
    (narrow,) = write(*greedy, "--repetition-penalty", "1000", "--repetition-window", "1")
    text = narrow["text"]
    assert all(before != after for before, after in itertools.pairwise(text))
    assert len(set(text[:12])) < 12


def test_a_model_of_bytes(attn: Attn, tmp_path: Path) -> None:
    text = tmp_path / "mine.txt"
    text.write_text("Ça a été là. " * 120, encoding="utf-8")
    run = train_in(tmp_path / "run", text, "data.tokenizer=bytes", "train.steps=120").run
    at = ("--run", run.path, "--temperature", "0")
    whole = attn("generate", "Ça a ", *at, "--max-new-chars", "5", "--json").json["samples"][0]
    assert whole["text"] == "été"
    assert len(whole["log_probs"]) == 5
    stopped = attn("generate", "Ça a ", *at, "--stop", "té")
    assert stopped.out == "Ça a é\n"
    explained = attn("generate", "Ça a ", *at, "--max-new-chars", "2", "--alternatives", "5").out
    assert [line.split()[0] for line in explained.splitlines()[-2:]] == [r"\xc3", r"\xa9"]
    for option in ("--regex", "--allow", "--forbid"):
        refused = attn("generate", "Ça a ", *at, option, "é")
        assert refused.code == 2
        assert f"{option} needs" in refused.err


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_ends_it_with_130(trained: Trained) -> None:
    command = [sys.executable, "-m", "attn_cli", "generate", "The", "--run", str(trained.run.path),
               "--max-new-chars", "1000000000"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(100).startswith(b"The")
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    assert process.stderr.read().strip() == b""
    assert process.wait(timeout=60) == 130


def test_check_copy_tells_what_stands_in_the_training_text(
    attn: Attn, trained: Trained, write: Any
) -> None:
    (sample,) = write("The", "--temperature", "1", "--seed", "2", "--check-copy")
    checkpoint = read_checkpoint(trained.run.checkpoint("best"))
    corpus = load_run_corpus(trained.run, checkpoint)
    training, copy = checkpoint.tokenizer.decode(corpus.train), sample["copy"]
    end = copy["start"] + copy["length"]
    assert copy["text"] == sample["text"][copy["start"] : end]
    assert training[copy["source"] :].startswith(copy["text"])
    longer = range(len(sample["text"]) - copy["length"])
    assert all(sample["text"][i : i + copy["length"] + 1] not in training for i in longer)
    told = attn("generate", "The", "--temperature", "1", "--seed", "2", "--check-copy",
                "--run", trained.run.path)  # fmt: skip
    assert f"longest copy: {copy['length']} characters" in told.err
    assert told.out == "The" + sample["text"] + "\n"


def test_check_copy_of_several_and_where_there_is_none(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--check-copy", "--max-new-chars", "5")
    outcome = attn("generate", "The fox", *at, "--temperature", "0", "--num-samples", "2")
    assert "2 of 2: longest copy: 5 characters" in outcome.err
    outcome = attn("generate", "The fox", *at, "--allow", "@#")
    assert outcome.err.startswith("no verbatim overlap with the training text\n")


def test_check_copy_tells_what_held_out_text_shares_by_chance(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path, "--check-copy", "--max-new-chars", "5")
    held_out = attn("generate", "The fox", *at, "--json").json["held_out_copy"]
    chars = len(VERSE) * 30 - int(len(VERSE) * 30 * 0.9)
    # The verse repeats itself.
    assert held_out == {"longest": chars, "typical": 5, "stretch": 5, "chars": chars}
    assert attn("generate", "The fox", *at).err.splitlines()[-1] == (
        "for comparison: a held-out stretch of 5 typically shares 5 characters in a row with the "
        f"training text; the most in {chars} is {chars}"
    )


def test_check_copy_without_the_text(attn: Attn, tmp_path: Path) -> None:
    text = tmp_path / "mine.txt"
    text.write_text(VERSE * 30, encoding="utf-8")
    run = train_in(tmp_path / "run", text, "train.steps=1").run
    text.rename(tmp_path / "elsewhere.txt")
    outcome = attn("generate", "The", "--check-copy", "--run", run.path)
    assert outcome.code == 2
    assert "mine.txt" in outcome.err
    assert "--check-copy needs it" in outcome.err
    assert outcome.out == ""  # told before anything is written


def test_a_block_that_numpy_does_not_know_is_run_by_torch(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("The", "T", "--temperature", "1", "--seed", "3", "--num-samples", "3")
    in_numpy = write(*asked)
    monkeypatch.setitem(numpy_model.KNOWN, "block", frozenset({"qwen3"}))
    with pytest.raises(OperationError, match="does not know block: gpt2"):
        numpy_model.NumpyModel(ModelConfig(), {})
    in_torch = write(*asked)
    assert [each["text"] for each in in_torch] == [each["text"] for each in in_numpy]
    for one, other in zip(in_torch, in_numpy, strict=True):
        assert one["log_probs"] == pytest.approx(other["log_probs"], abs=1e-4)
        assert one["log_probs"] != other["log_probs"]  # not the same arithmetic twice


def test_it_needs_no_torch(trained: Trained) -> None:
    """What a user waits for: torch's import takes longer than writing a page."""
    program = (
        "import sys\n"
        "from attn_cli.cli.main import main\n"
        f"sys.argv = ['attn', 'generate', 'The', '--run', {str(trained.run.path)!r}]\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code\n"
        "print([m for m in ('torch', 'matplotlib', 'tqdm') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
