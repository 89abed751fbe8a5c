"""Trains the runs of a plan: each is a process of its own, and a crash hurts one run.

What is finished, begun or not begun is read from the folders of the runs.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from attn_cli.errors import AttnError, CheckpointError, InputError
from attn_cli.experiments.measurement import Measurement, read_measurement
from attn_cli.experiments.plan import Plan, PlannedRun, setting_words
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_folder import RunFolder, is_run
from attn_cli.text.display import counted

_POLL_SECONDS = 0.1
# Such settings decide on others that a first run has chosen: each arm chooses for itself.
_CHOOSES_ANEW = "data."


@contextmanager
def lock_experiment(folder: Path) -> Iterator[None]:
    """Context manager: no other process trains the runs of this experiment.

    Raises:
        InputError: One does.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{folder} is in use: another process trains its runs", "wait until it has ended"
        ) from None
    try:
        yield
    finally:
        lock.release()


def finished_run(run: RunFolder) -> Measurement | None:
    """What was measured of a run that has ended; None of any other."""
    try:
        measured = read_measurement(run)
    except CheckpointError:
        return None
    return measured if measured.state.finished else None


class RunQueue:
    """The runs of a plan that are not finished yet, and the processes that train them.

    Attributes:
        failed: The runs whose processes failed.

    Args:
        folder: The experiment's, locked by this process.
        plan: How each run is trained.
        quiet: Whether the processes show no progress.
        tell: Called with a line for the user.
        stop_wanted: Whether a stop was asked for.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        *,
        quiet: bool,
        tell: Callable[[str], None],
        stop_wanted: Callable[[], bool],
    ) -> None:
        self.failed: list[PlannedRun] = []
        self._folder, self._plan = folder, plan
        self._quiet = quiet or plan.jobs > 1
        self._tell, self._stop_wanted = tell, stop_wanted
        self._processes: dict[subprocess.Popen[bytes], PlannedRun] = {}
        self._seconds: list[float] = []  # of the runs that have ended

    def train(self, runs: Sequence[PlannedRun]) -> None:
        """Trains those of the runs that are not finished, to their end or until a stop."""
        waiting = []
        for each in runs:
            if (measured := finished_run(each.run)) is None:
                waiting.append(each)
            else:
                self._seconds.append(measured.seconds)
        told = False
        while (waiting or self._processes) and not self._stop_wanted():
            while waiting and len(self._processes) < self._plan.jobs and self._may_start():
                ready = next((each for each in waiting if not _is_in_use(each.run)), None)
                if ready is not None:
                    waiting.remove(ready)
                    self._start(ready)
                    continue
                if not told and not self._processes:
                    told = True
                    self._tell(f"{waiting[0].title} is being trained by another process: waiting")
                break
            time.sleep(_POLL_SECONDS)
            for planned in self._ended():
                if _is_in_use(planned.run):
                    waiting.append(planned)  # of a process that outlived a queue which was killed
                else:
                    self._report(planned, len(waiting) + len(self._processes))
        if self._stop_wanted():
            self.end()

    def end(self) -> None:
        """Asks the processes to save and to end, and waits; a second time, to end at once."""
        for process in self._processes:
            with contextlib.suppress(OSError):
                process.terminate()
        for process in self._processes:
            process.wait()
        self._processes.clear()

    def _may_start(self) -> bool:
        """Whether the next run could know what the first one has chosen."""
        return not self._processes or any(
            each.run.config.is_file() for each in self._plan.runs(self._folder)
        )

    def _start(self, planned: PlannedRun) -> None:
        if finished_run(planned.run) is not None:  # meanwhile, by another process
            return
        if not self._quiet or self._plan.jobs > 1:
            self._tell(planned.title)
        # A group of its own: Ctrl-C reaches this process, which asks the others to end.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "attn_cli", "train", *self._arguments(planned)],
            cwd=self._working_folder(),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0 if os.name == "posix" else None,
        )
        self._processes[process] = planned

    def _arguments(self, planned: PlannedRun) -> Iterator[str]:
        """The arguments of `attn train` that begin a run, or resume it."""
        path = planned.run.path
        if self._working_folder() is not None:
            path = path.absolute()
        if is_run(planned.run.path):
            yield from ("--resume", str(path))
        else:
            yield from self._configuration(planned)
            yield from setting_words(planned.arm.settings)
            yield from ("--seed", str(planned.seed), "--out", str(path))
        if self._quiet:
            yield "--quiet"

    def _configuration(self, planned: PlannedRun) -> Iterator[str]:
        """What a run has in common with others; as the first run has it, once that has begun.

        The size of the model, the precision and the like may depend on what was measured.
        """
        plan = self._plan
        own = any(key.startswith(_CHOOSES_ANEW) for key in planned.arm.settings)
        for other in plan.runs(self._folder):
            if other.run.config.is_file() and (not own or other.arm == planned.arm):
                yield from ("--config", str(other.run.config.absolute()))
                return
        if plan.config is not None:
            yield from ("--config", plan.config)
        if plan.init_from is not None:
            yield from ("--init-from", plan.init_from)
        yield from setting_words(plan.settings)

    def _working_folder(self) -> Path | None:
        """Where the processes run: where the experiment was begun, if that is another folder."""
        folder = Path(self._plan.working_folder)
        return folder if folder.is_dir() and folder != Path.cwd() else None

    def _ended(self) -> list[PlannedRun]:
        """The runs whose processes have ended since the last call."""
        ended = [process for process in self._processes if process.poll() is not None]
        return [self._processes.pop(process) for process in ended]

    def _report(self, planned: PlannedRun, left: int) -> None:
        """Says what came of a run, and how long the others will take."""
        measured = finished_run(planned.run)
        if measured is None:
            if self._stop_wanted():
                return
            self.failed.append(planned)
            self._tell(f"{planned.title} failed")
            return
        self._seconds.append(measured.seconds)
        line = planned.title
        if measured.val_loss is not None:
            line += f": val loss {measured.val_loss:.4f}"
        line += f", {measured.seconds:.0f} s"
        if left:
            seconds = sum(self._seconds) / len(self._seconds) * left / self._plan.jobs
            line += f"; {counted(left, 'run')} left, about {duration(seconds)}"
        self._tell(line)


def duration(seconds: float) -> str:
    """A time as people say it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def _is_in_use(run: RunFolder) -> bool:
    """Whether a process trains the run."""
    if not run.lock.exists():
        return False
    try:
        with lock_run(run):
            return False
    except AttnError:
        return True
