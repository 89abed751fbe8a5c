"""The commands as a user calls them, and the JSON that programs rely on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli import __version__
from tests.conftest import VERSE, Outcome, Trained

Attn = Callable[..., Outcome]

QUICK = ("--config", "lesson", "--steps", "20", "--set", "sample.max_new_chars=30")


def test_train_leaves_everything_that_a_run_has(
    attn: Attn, tmp_path: Path, verse_file: Path
) -> None:
    outcome = attn("train", verse_file, *QUICK, "--out", "mine", "--set", "train.eval_every=10")
    assert outcome.code == 0, outcome.err
    assert "val loss" in outcome.out
    assert "bits" in outcome.out
    assert "next: attn generate 'The fox met the' --run mine" in outcome.out
    assert "step 10 " in outcome.err
    assert "step 20 " in outcome.err
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {
        "config.yaml", "tokenizer.json", "metrics.jsonl", "samples.txt", "loss.svg", "checkpoints",
    }  # fmt: skip
    samples = (tmp_path / "mine" / "samples.txt").read_text()
    assert samples.count("=== step") == 2
    assert "<svg" in (tmp_path / "mine" / "loss.svg").read_text()


def test_train_json(attn: Attn, verse_file: Path) -> None:
    outcome = attn("train", verse_file, *QUICK, "--json", "--quiet")
    assert outcome.err == ""
    result = outcome.json
    assert result["unit"] == "character"
    assert result["steps"] == 20
    assert result["chars"] == 20 * 32 * 25
    assert result["val_bits_per_char"] == pytest.approx(result["val_loss"] / 0.6931471805599453)
    assert result["best_step"] == 20
    assert result["parameters"] > 1000
    assert result["seconds"] > 0
    assert Path(result["run"]).is_dir()


def test_the_saved_config_trains_the_same_again(
    attn: Attn, verse_file: Path, tmp_path: Path
) -> None:
    first = attn("train", verse_file, *QUICK, "--out", "one", "--json", "--seed", "5").json
    # From another folder, too: the saved config names its text by an absolute path.
    (tmp_path / "sub").mkdir()
    os.chdir(tmp_path / "sub")
    again = attn("train", "--config", tmp_path / "one" / "config.yaml", "--json").json
    assert again["val_loss"] == first["val_loss"]


def test_train_on_a_folder_and_on_standard_input(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "texts" / "deep").mkdir(parents=True)
    (tmp_path / "texts" / "a.txt").write_text(VERSE * 9)
    (tmp_path / "texts" / "deep" / "b.md").write_text(VERSE * 9)
    assert attn("train", "texts", *QUICK).code == 0
    outcome = attn("train", "-", *QUICK, "--out", "piped", stdin=(VERSE * 20).encode())
    assert outcome.code == 0, outcome.err
    # Standard input is nowhere else: the run keeps it, and can be evaluated and trained again.
    assert (tmp_path / "piped" / "text.txt").read_text() == VERSE * 20
    (tmp_path / "piped").rename(tmp_path / "moved")
    assert attn("evaluate", "--run", "moved").code == 0
    (tmp_path / "moved").rename(tmp_path / "piped")
    assert attn("train", "--config", "piped/config.yaml", "--steps", "2").code == 0


def test_train_tells_what_it_changed_in_a_text(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text((VERSE + "Caf\u00e9 \u201cna\u00efve\u201d.\n") * 20)
    outcome = attn("train", "mine.txt", *QUICK)
    assert outcome.code == 0
    assert "80 characters outside the vocabulary were changed" in outcome.err
    assert "'é' as 'e'" in outcome.err


def test_a_bytes_model_counts_bytes_and_writes_characters(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Ça déjà été écrit à Zürich. " * 60, encoding="utf-8")
    trained = attn("train", "mine.txt", *QUICK, "--set", "data.tokenizer=bytes")
    assert "bits (best" in trained.out
    assert "nats per byte" in trained.out
    ids = len(("Ça déjà été écrit à Zürich. " * 60).encode())
    assert f"mine: 1,680 characters in {ids:,} bytes, 256 symbols (bytes)" in trained.err
    assert " bytes/s" in trained.err
    assert " chars" not in trained.err
    write = ("generate", "é", "--max-new-chars", "40", "--seed", "1")
    text = attn(*write, "--json").json["samples"][0]["text"]
    # It streams byte by byte, and prints what decoding all of them at once would give.
    assert attn(*write).out == f"é{text}\n"
    assert attn("evaluate", "--json").json["unit"] == "byte"
    assert (
        attn("train", "mine.txt", *QUICK, "--set", "data.tokenizer=bytes", "--json").json["unit"]
        == "byte"
    )


def test_a_model_of_another_alphabet(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("мороз и солнце день чудесный. " * 60, encoding="utf-8")
    outcome = attn("train", "mine.txt", *QUICK, "--set", "data.tokenizer=corpus")
    # The line to type next has to work: this vocabulary has no "Hello".
    assert "\nnext: attn generate 'мороз и солнце'\n" in outcome.out
    assert attn("generate", "мороз и солнце").code == 0
    assert attn("inspect-shapes").code == 0


def test_the_next_command_names_a_run_that_is_elsewhere(attn: Attn, verse_file: Path) -> None:
    outcome = attn("train", verse_file, *QUICK, "--out", "else where/a$_$")
    assert outcome.code == 0, outcome.err
    assert outcome.out.endswith(" --run 'else where/a$_$'\n")


def test_evaluate(attn: Attn, trained: Trained, tmp_path: Path) -> None:
    at = ("--run", trained.run.path)
    result = attn("evaluate", *at, "--json").json
    assert result["loss"] == pytest.approx(trained.result.val_loss, abs=1e-6)
    assert result["bits_per_char"] == pytest.approx(result["loss"] / 0.6931471805599453)
    assert result["perplexity"] == pytest.approx(2.718281828459045 ** result["loss"])
    (tmp_path / "mine.txt").write_text(VERSE)
    own = attn("evaluate", "mine.txt", *at, "--json").json
    assert own["chars"] == len(VERSE) - 1
    assert "loss" in attn("evaluate", "mine.txt", *at).out
    # A file of the user's with the name of a built-in text is named by its path.
    (tmp_path / "tales").write_text(VERSE)
    assert attn("evaluate", "./tales", *at, "--json").json["chars"] == len(VERSE) - 1


def test_the_floor_stands_beside_the_loss_on_tales(attn: Attn, verse_file: Path) -> None:
    trained = attn("train", *QUICK)
    assert "floor 0.1363 bits" in trained.out
    validation = attn("evaluate", "--json").json
    assert validation["floor_bits_per_char"] == pytest.approx(0.136308, abs=1e-6)
    assert "floor       0.1363 bits" in attn("evaluate").out
    other = attn("train", *QUICK, "--set", f"data.validation={verse_file}")
    assert "floor" not in other.out


def test_inspect_shapes_of_a_run(attn: Attn, trained: Trained) -> None:
    result = attn("inspect-shapes", "The fox", "--run", trained.run.path, "--json").json
    assert result["dims"] == {"B": 1, "T": 7, "C": 24, "H": 3, "D": 8, "F": 96, "V": 100, "L": 2}
    assert result["totals"]["parameters"] == trained.result.parameters
    for row in result["rows"]:
        assert {"operation", "symbolic", "shape", "parameters"} <= set(row)
        assert [result["dims"][symbol] for symbol in row["symbolic"]] == row["shape"]
    table = attn("inspect-shapes", "The fox", "--run", trained.run.path).out
    assert "(B, H, T, T)" in table
    assert "(1, 3, 7, 7)" in table
    assert f"{trained.result.parameters:,} parameters" in table


def test_inspect_shapes_without_a_run(attn: Attn) -> None:
    outcome = attn("inspect-shapes", "--json")
    assert "config tales" in outcome.json["model"]
    assert attn("inspect-shapes", "", "--json").json["characters"] == ["\n"]
    lesson = attn("inspect-shapes", "--config", "lesson", "--json").json
    assert lesson["dims"]["D"] == 8
    assert lesson["characters"] == list("Hello")


def test_runs(attn: Attn, verse_file: Path, tmp_path: Path) -> None:
    assert "make one with: attn train" in attn("runs").err
    attn("train", verse_file, *QUICK)
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "config.yaml").write_text("")
    listed = attn("runs")
    assert "verse" in listed.out
    assert "no checkpoint" in listed.out
    described = attn("runs", "--json").json["runs"]
    assert described[1]["steps"] == 20
    assert described[1]["val_loss"] > 0


def test_configs(attn: Attn) -> None:
    listed = attn("configs").out
    for name in ("tales", "lesson", "nanogpt-cpu"):
        assert name in listed
    assert "n_layer" in attn("configs", "lesson").out
    assert attn("configs", "lesson", "--json").json["model"]["n_embd"] == 16
    explained = attn("configs", "--explain").out
    assert "train.learning_rate" in explained
    facts = attn("configs", "--explain", "--json").json
    assert facts["model.n_layer"] == {
        "default": 4, "values": "whole number, 1 to 1,000", "meaning": "Transformer blocks (L)."
    }  # fmt: skip
    assert all(fact["meaning"] and fact["values"] for fact in facts.values())


def test_data_list(attn: Attn) -> None:
    listed = attn("data", "list").out
    assert "tales" in listed
    assert "attn data fetch shakespeare" in listed
    assert attn("data", "list", "--json").json["tales"]["here"] is True


def test_version_and_help(attn: Attn) -> None:
    assert attn("--version").out == f"attn {__version__}\n"
    shown = attn("--help")
    assert shown.code == 0
    for command in ("train", "generate", "inspect-shapes", "evaluate", "runs", "configs", "data"):
        assert command in shown.out
        assert attn(*([command] if command != "data" else ["data", "list"]), "--help").code == 0


def test_help_imports_nothing_heavy() -> None:
    """What a user waits for: `attn --help` has to answer at once."""
    program = (
        "import sys; sys.argv = ['attn', '--help']\n"
        "from attn_cli.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'pydantic', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[]\n")


def test_a_closed_pipe_ends_quietly(trained: Trained) -> None:
    command = [sys.executable, "-m", "attn_cli", "generate", "The", "--run", str(trained.run.path),
               "--max-new-chars", "20000"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(3) == b"The"
    process.stdout.close()
    assert process.stderr.read() == b""
    # Not 0, because not all was written; Python's own convention for a reader that left.
    assert process.wait(timeout=60) == 1


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_an_interrupt_while_the_program_is_still_being_read_is_quiet(tmp_path: Path) -> None:
    """Ctrl-C comes within the first import of the commands: a library that sends it."""
    sent = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "typer.py").write_text(sent)
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
    done = subprocess.run(
        [sys.executable, "-m", "attn_cli", "train"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, cwd=tmp_path,
        # What starts the tests in the background may have told them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupt_saves(name: str, code: int, verse_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attn_cli", "train", str(verse_file), "--config", "lesson",
               "--steps", "1000000", "--out", str(tmp_path / "run"), "--json",
               "--set", "train.eval_every=25"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stdout is not None
    while "step 25 " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(getattr(signal, name))
    result = json.loads(process.stdout.read())
    assert process.wait(timeout=60) == code
    assert result["interrupted"]
    latest = (tmp_path / "run" / "checkpoints" / "latest").read_text().strip()
    assert latest == f"step-{result['steps']:08d}"


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_sees_a_bar_and_a_pipe_does_not(verse_file: Path, tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    command = [sys.executable, "-m", "attn_cli", "train", str(verse_file), *QUICK]
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, cwd=tmp_path)
    os.close(theirs)
    shown = b""
    # Reading a pseudo-terminal that nobody holds open any more is an error on Linux, and empty
    # elsewhere.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert "100%|" in text
    assert "20/20, train" in text
    assert "chars/s" in text
    piped = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "%|" not in piped.stderr
    assert "step 20" in piped.stderr


def test_a_machine_that_became_slower_is_told(
    attn: Attn, verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "long.txt").write_text(verse_file.read_text() * 50)  # too long to be read again
    monkeypatch.setattr("attn_cli.training.auto_size._chars_per_second", lambda *_: 5e5)
    outcome = attn("train", "long.txt", "--minutes", "0.05", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert "\nslower than measured at the start: " in outcome.out
    assert " characters a second, not 500,000; so " in outcome.out
    assert "busy-machine.md" in outcome.out


def test_minutes_choose_a_size_and_say_why(attn: Attn, verse_file: Path) -> None:
    outcome = attn("train", verse_file, "--minutes", "0.05", "--out", "run", "--device", "cpu")
    assert outcome.code == 0
    # How much of the text fits into the time, which may be a line more, is up to the machine.
    lines = iter(outcome.err.splitlines())
    for beginning in (
        "vocabulary: printable",
        "0.05 min: about ",
        "chosen: 1 layer, width 128, context 64",
        "and embeddings of the last 2, 3, 4, 5, 6 characters (model.ngrams)",
        "to choose the size yourself",
    ):
        assert any(line.startswith(f"  {beginning}") for line in lines), beginning
    assert "n_embd: 128" in Path("run/config.yaml").read_text()


def test_what_the_user_sets_wins_over_minutes(attn: Attn, verse_file: Path) -> None:
    settings = ("--set", "train.batch_size=3", "--set", "train.micro_batch_size=3")
    settings += ("--set", "train.learning_rate=1e-3", "--device", "cpu")
    outcome = attn("train", verse_file, "--minutes", "0.05", "--out", "a", *settings)
    assert outcome.code == 0
    config = Path("a/config.yaml").read_text()
    assert "batch 3, learning rate 0.001" in outcome.err
    assert "batch_size: 3" in config
    assert "learning_rate: 0.001" in config

    # Without n-grams, as for an export to gguf, the size is chosen all the same.
    without = ("--set", "model.ngrams=[]", "--device", "cpu")
    outcome = attn("train", verse_file, "--minutes", "0.05", "--out", "plain", *without)
    assert "chosen: 2 layers, width 128, context 64" in outcome.err
    assert "model.ngrams" not in outcome.err
    assert "ngrams: []" in Path("plain/config.yaml").read_text()

    # A size that the user gives a part of is the user's, and a configuration is taken as it is.
    for options in (("--set", "model.n_layer=1"), ("--config", "lesson")):
        outcome = attn("train", verse_file, "--minutes", "0.05", "--out", options[1][:6], *options)
        assert outcome.code == 0
        assert "to choose the size yourself" not in outcome.err
        assert "n_layer: 1" in Path(options[1][:6], "config.yaml").read_text()
