"""`attn train --logger`: what a logger has is what metrics.jsonl and samples.txt have, always."""

from __future__ import annotations

import csv
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from attn_cli.config.schema import Config, TrainConfig
from attn_cli.runs.loggers.collection import LoggerCollection
from attn_cli.runs.loggers.csv_file import CsvLogger
from attn_cli.runs.metrics import StepMetrics, append_metrics, metrics_line
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import VERSE, Outcome

Attn = Callable[..., Outcome]

RECIPE = ("--config", "lesson", "--steps", "20", "--set", "sample.max_new_chars=30",
          "--set", "train.eval_every=5", "--set", "train.checkpoint_every=5",
          "--set", "train.keep_checkpoints=99", "--set", "train.log_every=1")  # fmt: skip
LIBRARIES = ("tensorboard", "trackio", "wandb")


def measured(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def in_csv(run: Path) -> list[dict[str, Any]]:
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: json.loads(value) for name, value in row.items() if value} for row in rows]


def after_a_kill(run: Path, step: int) -> None:
    """Takes the checkpoints back to a step, while the metrics and the loggers are further."""
    for folder in (run / "checkpoints").glob("step-*"):
        if int(folder.name[5:]) > step:
            shutil.rmtree(folder)
    (run / "checkpoints" / "latest").write_text(f"step-{step:08d}\n")


class TestCsv:
    def test_it_has_what_metrics_jsonl_has(
        self, attn: Attn, tmp_path: Path, verse_file: Path
    ) -> None:
        outcome = attn("train", verse_file, *RECIPE, "--logger", "csv", "--out", "mine")
        assert outcome.code == 0, outcome.err
        assert len(measured(tmp_path / "mine")) == 20
        assert in_csv(tmp_path / "mine") == measured(tmp_path / "mine")
        config = yaml.safe_load((tmp_path / "mine" / "config.yaml").read_text())
        assert config["train"]["loggers"] == ["csv"], "its configuration trains the same again"

    def test_after_a_kill_it_resumes(self, attn: Attn, tmp_path: Path, verse_file: Path) -> None:
        run = tmp_path / "mine"
        assert attn("train", verse_file, *RECIPE, "--logger", "csv", "--out", run).code == 0
        after_a_kill(run, 10)
        before = in_csv(run)
        outcome = attn("train", "--resume", run)
        assert outcome.code == 0, outcome.err
        assert in_csv(run) == measured(run)
        assert in_csv(run)[:10] == before[:10]
        assert [row["step"] for row in in_csv(run)] == list(range(1, 21))

    def test_a_run_may_begin_and_end_to_log(
        self, attn: Attn, tmp_path: Path, verse_file: Path
    ) -> None:
        run = tmp_path / "mine"
        assert attn("train", verse_file, *RECIPE, "--out", run).code == 0
        assert not (run / "metrics.csv").exists()
        outcome = attn("train", "--resume", run, "--logger", "csv", "--steps", "25")
        assert outcome.code == 0, outcome.err
        assert "train.loggers none -> csv" in outcome.err
        assert in_csv(run) == measured(run)
        assert len(in_csv(run)) == 25, "with all that was before"
        outcome = attn("train", "--resume", run, "--set", "train.loggers=[]", "--steps", "30")
        assert outcome.code == 0, outcome.err
        assert len(in_csv(run)) == 25

    @pytest.mark.skipif(os.name != "posix", reason="Windows ends a process without asking it")
    def test_an_interrupted_run_has_all_its_lines(self, tmp_path: Path, verse_file: Path) -> None:
        command = [sys.executable, "-m", "attn_cli", "train", verse_file, *RECIPE,
                   "--steps", "1000000", "--logger", "csv", "--out", "mine"]  # fmt: skip
        environment = os.environ | {"ATTN_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=environment)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(b"step "):  # it is in the middle of training
                process.terminate()
                break
        process.stderr.read()
        assert process.wait() == 143
        assert in_csv(tmp_path / "mine") == measured(tmp_path / "mine")
        assert in_csv(tmp_path / "mine")


class TestWhatFails:
    def test_a_logger_that_cannot_begin_costs_no_run(
        self, attn: Attn, tmp_path: Path, verse_file: Path
    ) -> None:
        run = tmp_path / "mine"
        assert attn("train", verse_file, *RECIPE, "--out", run).code == 0
        (run / "metrics.csv").mkdir()
        outcome = attn("train", "--resume", run, "--logger", "csv", "--steps", "25", "--quiet")
        assert outcome.code == 0, outcome.err
        assert outcome.err.startswith("logger csv could not start and was dropped: ")
        assert len(outcome.err.splitlines()) == 1
        assert len(measured(run)) == 25

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    def test_one_that_fails_on_the_way_is_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "metrics.csv").symlink_to("/dev/full")
        said: list[str] = []
        config = Config(train=TrainConfig(loggers=["csv"]))
        loggers = LoggerCollection(RunFolder(tmp_path), config, said.append, said.append)
        for step in (1000, 2000):
            loggers.log_metrics(StepMetrics(step, 1, 1.0, 2.0, 0.1, 1.0, 10.0))
        loggers.log_text(2000, "text")
        loggers.close()
        assert said == [
            "logger csv could not log step 1,000 and was dropped: "
            "[Errno 28] No space left on device"
        ]

    def test_each_gets_the_history_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run, logged = RunFolder(tmp_path), []
        for step in (1, 2):
            val_loss = 2.0 if step == 2 else None
            metrics = StepMetrics(step, 1, 1.0, 2.0, 0.1, 1.0, 10.0, val_loss=val_loss)
            append_metrics(run.metrics, metrics_line(metrics))
            run.append_sample(step, 2.0, f"sample {step}")  # of step 1 by another run's evaluation

        class Recorder(CsvLogger):
            def log_metrics(self, step: int, record: Mapping[str, float]) -> None:
                logged.append(step)

            def log_text(self, step: int, text: str) -> None:
                logged.append(text)

        monkeypatch.setattr("attn_cli.runs.loggers.csv_file.CsvLogger", Recorder)
        config = Config(train=TrainConfig(loggers=["csv", "csv"]))
        LoggerCollection(run, config, logged.append, logged.append).close()
        assert logged == [1, 2, "sample 2"]

    @pytest.mark.parametrize("name", LIBRARIES)
    def test_without_its_package_nothing_is_begun(
        self, attn: Attn, tmp_path: Path, verse_file: Path, monkeypatch: pytest.MonkeyPatch,
        name: str,
    ) -> None:  # fmt: skip
        monkeypatch.setitem(sys.modules, name, None)
        outcome = attn("train", verse_file, *RECIPE, "--logger", "csv", "--logger", name)
        assert outcome.code == 2
        assert outcome.err.splitlines() == [
            f"attn: logger {name} needs the package {name}, which is not installed",
            f"  python -m pip install {name}",
        ]
        assert not (tmp_path / "runs").exists()

    def test_an_unknown_one(self, attn: Attn, verse_file: Path) -> None:
        outcome = attn("train", verse_file, *RECIPE, "--logger", "mlflow")
        assert outcome.code == 2
        assert (
            "--logger mlflow: should be 'csv', 'tensorboard', 'trackio' or 'wandb'" in outcome.err
        )

    @pytest.mark.parametrize("name", ["metrics.csv", "tensorboard", "trackio", "wandb"])
    def test_a_link_out_of_the_run_is_not_followed(
        self, attn: Attn, tmp_path: Path, verse_file: Path, name: str
    ) -> None:
        run, precious = tmp_path / "mine", tmp_path / "precious"
        assert attn("train", verse_file, *RECIPE, "--steps", "5", "--out", run).code == 0
        precious.write_text("mine")
        try:
            (run / name).symlink_to(precious)
        except OSError:
            pytest.skip("this system lets no user make links")
        outcome = attn("train", "--resume", run, "--logger", "csv", "--steps", "9")
        assert outcome.code == 2
        assert "is a link out of the run's folder" in outcome.err
        assert precious.read_text() == "mine"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every logger, resumed at step 10 as if it had been killed after step 20."""
    folder = tmp_path_factory.mktemp("logged")
    (folder / "verse.txt").write_text(VERSE * 30)
    train = ("train", "verse.txt", *RECIPE, "--out", "mine", "--json", "--logger", "csv")
    done = attn_process(folder, *train, *(f"--logger={name}" for name in LIBRARIES))
    after_a_kill(folder / "mine", 10)
    again = attn_process(folder, "train", "--resume", "mine", "--json")
    for process in (done, again):
        assert "was dropped" not in process.stderr
        assert "wandb logs offline; to upload it: wandb sync mine/wandb/offline" in process.stderr
        assert "TRACKIO_DIR=mine/trackio trackio show --project attn" in process.stderr
        assert json.loads(process.stdout)["steps"] == 20, "and nothing else on standard output"
    return folder / "mine"


def attn_process(
    folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Each in a process of its own: these libraries keep state, and read it once."""
    done = subprocess.run(
        [sys.executable, "-m", "attn_cli", *arguments],
        cwd=folder, env=quiet_environment(folder) | variables, capture_output=True, text=True,
        encoding="utf-8", stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def quiet_environment(home: Path) -> dict[str, str]:
    """Nobody's login, and nothing that leads elsewhere."""
    names = ("WANDB_", "TRACKIO_", "HF_", "ATTN_", "NETRC")
    own = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return own | {"HOME": str(home), "ATTN_CACHE": str(home), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_reads_what_was_measured(logged: Path, name: str) -> None:
    reader = Path(__file__).with_name("read_back.py")
    done = subprocess.run(
        [sys.executable, reader, name, logged], env=quiet_environment(logged.parent),
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = []
    for record in measured(logged):
        step = record.pop("step")
        # TensorBoard keeps 32 bits of a number.
        kept = {key: as_float32(value) for key, value in record.items()}
        expected.append([step, kept if name == "tensorboard" else record])
    assert [step for step, _ in expected] == list(range(1, 21))
    assert found["steps"] == expected
    samples = [list(sample) for sample in RunFolder(logged).last_samples()]
    assert [step for step, _ in samples] == [5, 10, 15, 20]
    assert found["samples"] == samples
    config = yaml.safe_load((logged / "config.yaml").read_text())
    for section in ("data", "model", "train", "sample"):
        for key, value in config[section].items():
            plain = value if isinstance(value, bool | int | float) else str(value)
            assert found["config"][section][key] == (plain if name == "tensorboard" else value)


def as_float32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


@pytest.mark.slow
def test_csv_beside_them(logged: Path) -> None:
    assert in_csv(logged) == measured(logged)


@pytest.mark.slow
def test_what_was_logged_offline_before_is_kept_where_no_upload_looks(logged: Path) -> None:
    parts = [path.parent.name for path in (logged / "wandb").rglob("*.wandb")]
    assert len(list((logged / "wandb").glob("offline-run-*"))) == 1
    assert len(parts) == 2


@pytest.mark.slow
def test_wandb_with_a_key_that_is_none_logs_offline_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 30)
    words = ("train", "verse.txt", *RECIPE, "--steps", "2", "--logger", "wandb", "--out", "mine")
    said = attn_process(tmp_path, *words, WANDB_API_KEY="short").stderr
    assert "wandb cannot log online: WANDB_API_KEY invalid" in said
    assert "wandb logs offline; to upload it: wandb sync mine/wandb/offline-run-" in said
    assert len(list((tmp_path / "mine" / "wandb").glob("offline-run-*/*.wandb"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("names", [(), ("csv",), ("tensorboard",)])
def test_only_what_is_used_is_imported(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 30)
    words = ["train", "verse.txt", *RECIPE[:2], "--steps", "1", "--quiet"]
    words += [f"--logger={name}" for name in names]
    code = (
        "import sys; from attn_cli.cli.main import main\n"
        f"sys.argv = {['attn', *words]}\n"
        "try: main()\n"
        "except SystemExit as left: assert not left.code\n"
        f"print(sorted({LIBRARIES} & sys.modules.keys()))"
    ).replace(f"{LIBRARIES}", f"set({LIBRARIES})")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=quiet_environment(tmp_path),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == str([name for name in names if name != "csv"])
