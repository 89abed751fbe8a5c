"""The `tensorboard` logger: an event file in the run's folder, for `tensorboard --logdir runs`.

The records are written here and not by a `SummaryWriter`, which writes in a thread: errors
would be reported too late, and what it buffers would be lost with the process.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from attn_cli.config.schema import Config
from attn_cli.runs.metrics import read_metrics
from attn_cli.runs.run_folder import RunFolder


class TensorBoardLogger:
    """Scalars, the configuration as hyperparameters, and samples as text."""

    def __init__(self, run: RunFolder, config: Config) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter
        from torch.utils.tensorboard import summary

        self._event: Any = event_pb2
        self._summary: Any = summary
        folder = run.tensorboard
        folder.mkdir(exist_ok=True)
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        # The usual name of an event file; readers sort by it.
        path = folder / f"events.out.tfevents.{int(time.time()):010d}.{os.getpid()}.attn"
        # Wall times follow the run's own clock, on which there are no interruptions.
        taken = max((metrics.seconds for metrics in read_metrics(run.metrics)), default=0.0)
        self._start = time.time() - taken
        self._seconds = 0.0
        self._file: Any = RecordWriter(path.open("xb"))
        self._write(file_version="brain.Event:2")
        # Makes a reader forget the files of before a resume.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(session_log=start)
        *begin, self._end = self._summary.hparams(_flat(config), {"val_loss": 0.0})
        for part in begin:
            self._write(summary=part)

    def log_metrics(self, step: int, record: Mapping[str, float]) -> None:
        self._seconds = record["seconds"]
        for name, value in record.items():
            self._write(step, summary=self._summary.scalar(name, value, new_style=False))
        self._file.flush()

    def log_text(self, step: int, text: str) -> None:
        # TensorBoard renders Markdown; indented text stays verbatim.
        shown = "".join(f"    {line}\n" for line in text.split("\n"))
        self._write(step, summary=self._summary.text("sample", shown))
        self._file.flush()

    def close(self) -> None:
        self._write(summary=self._end)
        self._file.close()

    def _write(self, step: int = 0, **what: Any) -> None:
        event = self._event.Event(wall_time=self._start + self._seconds, step=step, **what)
        self._file.write(event.SerializeToString())


def _flat(config: Config) -> dict[str, bool | float | str]:
    """The configuration by dotted keys; hyperparameters are numbers or strings."""
    return {
        name: value if isinstance(value, bool | int | float) else str(value)
        for name, value in config.flat().items()
    }
