"""Training from Python: the same runs as the command line's."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import attn_cli as attn_api
from attn_cli.runs.metrics import StepMetrics
from tests.conftest import TINY, Outcome

SETTINGS: dict[str, Any] = {
    key: float(value) if "e-" in value else int(value) if value.isdigit() else value
    for key, value in (setting.split("=") for setting in TINY)
} | {"train.eval_every": 20, "train.log_every": 10}


def files(run: Path) -> set[str]:
    return {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}


def test_a_run_from_python_is_the_command_lines(
    attn: Callable[..., Outcome], verse_file: Path, tmp_path: Path
) -> None:
    options = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    typed = attn("train", verse_file, "--out", "typed", "--steps", 40, "--logger", "csv", *options)
    assert typed.code == 0, typed.err
    run = attn_api.train(
        verse_file,
        settings=SETTINGS,
        out=tmp_path / "called",
        steps=40,
        loggers=["csv"],
        quiet=True,
    )
    called, typed_run = run.path, tmp_path / "typed"
    assert files(called) == files(typed_run) >= {"samples.txt", "loss.svg", "metrics.csv"}
    for name in ("config.yaml", "samples.txt", "checkpoints/step-00000040/model.safetensors"):
        assert (called / name).read_bytes() == (typed_run / name).read_bytes()
    assert (
        run.metrics[-1].val_loss
        == json.loads((typed_run / "metrics.jsonl").read_text().splitlines()[-1])["val_loss"]
    )


def test_the_callers_random_numbers_stay(verse_file: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    attn_api.train(verse_file, settings=SETTINGS, out=tmp_path / "run", steps=2, quiet=True)
    assert torch.equal(torch.rand(2), expected)


class Interrupt(attn_api.Callback):
    """Presses Ctrl-C at the line of a step, and keeps what it was told."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.steps: list[int] = []

    def on_log(self, metrics: StepMetrics) -> None:
        self.steps.append(metrics.step)
        if metrics.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_that_was_interrupted_is_saved_and_resumed(
    verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = attn_api.train(verse_file, settings=SETTINGS, out="whole", steps=40, quiet=True)
    callback = Interrupt(30)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="after step 30"):
        attn_api.train(
            verse_file, settings=SETTINGS, out="stopped", steps=40, callbacks=[callback], quiet=True
        )
    assert signal.getsignal(signal.SIGINT) is before
    assert callback.steps == [10, 20, 30]
    resumed = attn_api.train(resume="stopped", quiet=True)
    weights = "checkpoints/step-00000040/model.safetensors"
    assert (resumed.path / weights).read_bytes() == (whole.path / weights).read_bytes()
    longer = attn_api.train(resume=resumed.path, more_steps=20, quiet=True)
    assert (longer.metrics[-1].step, longer.config.train.steps) == (60, 60)


class Failing(attn_api.Callback):
    """Raises when it is started, told of a line, or ended."""

    def __init__(self, when: str) -> None:
        self.when = when
        self.calls: list[str] = []

    def on_train_start(self, trainer: object) -> None:
        self.calls.append("start")
        if self.when == "start":
            raise ValueError("at its start")

    def on_log(self, metrics: StepMetrics) -> None:
        if self.when == "log":
            raise ValueError("at a line")

    def on_train_end(self) -> None:
        self.calls.append("end")
        if self.when == "end":
            raise ValueError("at its end")


def test_callbacks_that_were_started_are_ended(verse_file: Path, tmp_path: Path) -> None:
    callbacks = [Failing("never"), Failing("start"), Failing("never")]
    with pytest.raises(ValueError, match="at its start"):
        attn_api.train(
            verse_file, settings=SETTINGS, out=tmp_path / "run", steps=2, callbacks=callbacks
        )
    assert [callback.calls for callback in callbacks] == [["start", "end"], ["start"], []]


def test_what_ends_a_run_is_told_whatever_a_callback_raises_at_its_end(
    verse_file: Path, tmp_path: Path
) -> None:
    last = Failing("log")
    with pytest.raises(ValueError, match="at a line"):
        attn_api.train(
            verse_file,
            settings=SETTINGS,
            out=tmp_path / "run",
            steps=20,
            callbacks=[Failing("end"), last],
        )
    assert last.calls == ["start", "end"]
    with pytest.raises(ValueError, match="at its end"):
        attn_api.train(
            verse_file, settings=SETTINGS, out=tmp_path / "b", steps=2, callbacks=[Failing("end")]
        )


def test_ctrl_c_at_the_last_step_is_not_lost(verse_file: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        attn_api.train(
            verse_file,
            settings=SETTINGS,
            out=tmp_path / "run",
            steps=20,
            callbacks=[Interrupt(20)],
            quiet=True,
        )


def test_a_refused_run_leaves_torchs_threads(verse_file: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        settings = {"train.threads": 1, "model.block_size": 100_000}
        with pytest.raises(attn_api.AttnError, match="too short"):
            attn_api.train(verse_file, settings=settings, out=tmp_path / "run")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_paths_of_the_home_folder(
    verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "verse.txt").write_bytes(verse_file.read_bytes())
    run = attn_api.train("~/verse.txt", settings=SETTINGS, out="~/run", steps=2, quiet=True)
    assert run.path == tmp_path / "run"
    assert attn_api.Run("~/run").metrics == run.metrics


@pytest.mark.parametrize(
    ("line", "told"), [("Ω and Ω", "2 characters {} were"), ("Ω", "1 character {} was")]
)
def test_what_was_changed_in_the_text_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(f"A line of {line}.\n" + "A line like others.\n" * 300, encoding="utf-8")
    attn_api.train(text, settings=SETTINGS, out=tmp_path / "run", steps=2)
    told = told.format("outside the vocabulary")
    assert f"{told} changed: 'Ω' as 'O'" in capsys.readouterr().err


def test_it_trains_outside_the_main_thread(verse_file: Path, tmp_path: Path) -> None:
    def train() -> None:
        attn_api.train(verse_file, settings=SETTINGS, out=tmp_path / "run", steps=2, quiet=True)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert attn_api.Run(tmp_path / "run").load().generate(max_new_chars=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minutes": 1, "steps": 5}, "`minutes` and `steps` exclude each other"),
        ({"resume": "a", "out": "b"}, "`resume` and `out` exclude each other"),
        ({"steps": 0}, "`steps` 0: should be greater than or equal to 1"),
        ({"minutes": "long"}, "`minutes` long: should be a valid number"),
        ({"settings": {"train.step": 3}}, "`settings` train.step=3: unknown key"),
        ({"loggers": "csv"}, "`loggers` is of type str, not a list of str"),
        ({"settings": ["train.steps=3"]}, "`settings` is of type list, not a dict"),
        (
            {"settings": {"train.min_learning_rate": 9}, "steps": 2},
            "`settings` train.min_learning_rate=9: min_learning_rate (9) is above",
        ),
        ({"loggers": ["mlflow"]}, "`loggers` mlflow: should be 'csv'"),
        ({"text": 5}, "`text` is of type int, not a str"),
        ({"config": 5}, "`config` is of type int"),
        ({"text": "nowhere.txt"}, "nowhere.txt"),
        ({"init_from": "nowhere"}, "no run nowhere"),
        ({"more_steps": 5}, "`more_steps` 5 is for a run to resume"),
        ({"more_minutes": "long", "resume": "a"}, "`more_minutes` long: should be a number"),
        ({"more_steps": 5, "resume": "a", "steps": 9}, "`more_steps` 5 and `steps` 9 exclude"),
        ({"name": "a", "out": "b"}, "`name` and `out` exclude each other"),
        ({"name": 5}, "`name` is of type int, not a str"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(attn_api.AttnError) as caught:
        attn_api.train(**arguments)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_it_says_how_it_goes_unless_told_not_to(
    verse_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = attn_api.train(verse_file, settings=SETTINGS, out=tmp_path / "run", steps=20)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{run.path}: " in printed.err
    assert "step 20 · " in printed.err


def test_lines_are_learned_and_measured_one_by_one(names_file: Path, tmp_path: Path) -> None:
    run = attn_api.train(
        names_file, settings=SETTINGS, out=tmp_path / "run", steps=4, lines=True, quiet=True
    )
    model = attn_api.load(run.path)
    names = ["Bala", "Doruret"]
    together, alone = model.loss("\n".join(names)), [model.loss(name) for name in names]
    assert (together.chars, [each.chars for each in alone]) == (13, [5, 8])
    mean = sum(each.loss * each.chars for each in alone) / 13
    assert together.loss == pytest.approx(mean, rel=1e-5)
    assert model.token_losses("\n".join(names)).mean() == pytest.approx(mean, rel=1e-5)
    assert model.trace("Bala").characters == tuple("\nBala")
