"""`--logger trackio`: a data base in the run's folder, shown by trackio's own dashboard."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from attn_cli.config.schema import Config
from attn_cli.runs.folder import RunFolder

PROJECT = "attn"


class TrackioLogger:
    """Metrics, the configuration, and samples as Markdown.

    trackio logs in a thread, and what fails there is only a warning: the next line raises it.

    Args:
        run: Whose folder its data base goes into.
        config: The run's configuration.
        tell: Is told how to see it.
    """

    def __init__(self, run: RunFolder, config: Config, tell: Callable[[str], None]) -> None:
        shutil.rmtree(run.trackio, ignore_errors=True)
        # Read when trackio is imported. Only what is in the run's folder is this run's to begin
        # anew, so it goes there, and to no server.
        os.environ["TRACKIO_DIR"] = str(run.trackio.resolve())
        os.environ["HF_HUB_OFFLINE"] = "1"
        for elsewhere in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
            os.environ.pop(elsewhere, None)
        self._failure: str | None = None
        self._show_warning: Any = warnings.showwarning
        warnings.showwarning = self._warned  # type: ignore[assignment]
        try:
            import trackio

            self._trackio: Any = trackio
            with contextlib.redirect_stdout(io.StringIO()):  # it greets there
                self._run = trackio.init(
                    project=PROJECT,
                    name=run.path.resolve().name,
                    config=config.model_dump(),
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
        except BaseException:
            warnings.showwarning = self._show_warning
            raise
        folder = shlex.quote(str(run.trackio))
        tell(f"to see it in trackio: TRACKIO_DIR={folder} trackio show --project {PROJECT}")

    def line(self, step: int, record: Mapping[str, float]) -> None:
        self._run.log(dict(record), step=step)
        self._require_well()

    def sample(self, step: int, text: str) -> None:
        # Indented, a text is shown as it is.
        shown = "".join(f"    {line}\n" for line in text.split("\n"))
        self._run.log({"sample": self._trackio.Markdown(shown)}, step=step)
        self._require_well()

    def close(self) -> None:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._trackio.finish()
            self._require_well()
        finally:
            warnings.showwarning = self._show_warning

    def _warned(
        self, message: Warning | str, category: type[Warning], filename: str, *rest: Any
    ) -> None:
        if "trackio" in filename:
            self._failure = str(message).partition("\n")[0]
        else:
            self._show_warning(message, category, filename, *rest)

    def _require_well(self) -> None:
        if self._failure is not None:
            raise RuntimeError(self._failure)
