"""The `trackio` logger: a database in the run's folder, for trackio's dashboard."""

import contextlib
import io
import os
import shlex
import shutil
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from attn_cli.config.schema import Config
from attn_cli.runs.run_folder import RunFolder

PROJECT = "attn"


class TrackioLogger:
    """Metrics, the configuration, and samples as Markdown.

    trackio logs in a thread, where a failure is only a warning: it is raised at the next call.

    Args:
        run: The run whose folder the database goes into.
        config: The run's configuration.
        on_info: Called with the command that opens the dashboard.
    """

    def __init__(self, run: RunFolder, config: Config, on_info: Callable[[str], None]) -> None:
        shutil.rmtree(run.trackio, ignore_errors=True)
        # trackio reads these when it is imported. The database is rewritten on resume, so it has
        # to be in the run's own folder, and on no server.
        os.environ["TRACKIO_DIR"] = str(run.trackio.resolve())
        os.environ["HF_HUB_OFFLINE"] = "1"
        for name in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
            os.environ.pop(name, None)
        self._failure: str | None = None
        self._showwarning: Any = warnings.showwarning
        warnings.showwarning = self._on_warning  # type: ignore[assignment]
        try:
            import trackio

            self._trackio: Any = trackio
            with contextlib.redirect_stdout(io.StringIO()):  # where it greets
                self._run = trackio.init(
                    project=PROJECT,
                    name=run.path.resolve().name,
                    config=config.model_dump(),
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
        except BaseException:
            warnings.showwarning = self._showwarning
            raise
        folder = shlex.quote(str(run.trackio))
        on_info(f"to see it in trackio: TRACKIO_DIR={folder} trackio show --project {PROJECT}")

    def log_metrics(self, step: int, record: Mapping[str, float]) -> None:
        self._run.log(dict(record), step=step)
        self._raise_failure()

    def log_text(self, step: int, text: str) -> None:
        # Indented text stays verbatim in Markdown.
        shown = "".join(f"    {line}\n" for line in text.split("\n"))
        self._run.log({"sample": self._trackio.Markdown(shown)}, step=step)
        self._raise_failure()

    def close(self) -> None:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._trackio.finish()
            self._raise_failure()
        finally:
            warnings.showwarning = self._showwarning

    def _on_warning(
        self, message: Warning | str, category: type[Warning], filename: str, *rest: Any
    ) -> None:
        if "trackio" in filename:
            self._failure = str(message).partition("\n")[0]
        else:
            self._showwarning(message, category, filename, *rest)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise RuntimeError(self._failure)
