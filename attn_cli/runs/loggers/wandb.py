"""The `wandb` logger: Weights & Biases; without login or network, files to upload later.

Offline, a resumed run writes everything again from its start: the last set of files is the
complete run, and earlier ones are moved away. Online, the run on the server is resumed, and
steps that it already has stay as they are.
"""

import html
import logging
import netrc
import re
import shlex
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attn_cli.config.schema import Config
from attn_cli.runs.atomic_files import atomic_write, read_at_most
from attn_cli.runs.run_folder import RunFolder

_ID = re.compile(rb"[0-9a-f]{32}")
_INIT_TIMEOUT = 20.0  # seconds


class WandbLogger:
    """Metrics, the configuration, and samples as HTML.

    Args:
        run: The run whose folder its files go into.
        config: The run's configuration.
        on_info: Called with a line that says where it logs.
    """

    def __init__(self, run: RunFolder, config: Config, on_info: Callable[[str], None]) -> None:
        import wandb

        # Otherwise its own log prints tracebacks when the disk is full.
        logging.raiseExceptions = False
        self._wandb: Any = wandb
        folder = run.wandb
        folder.mkdir(exist_ok=True)
        _supersede(folder)
        settings = wandb.setup().settings
        mode = settings.mode
        if mode != "disabled" and not _has_login(settings):
            mode = "offline"
        try:
            self._run = self._init(run, config, mode)
        except (wandb.Error, TimeoutError) as error:
            if mode in ("offline", "disabled"):
                raise
            on_info(f"wandb cannot log online: {str(error).partition(chr(10))[0]}")
            self._run = self._init(run, config, "offline")
        if self._run.offline:
            part = folder / Path(self._run.dir).parent.name
            on_info(f"wandb logs offline; to upload it: wandb sync {shlex.quote(str(part))}")
        elif self._run.url:
            on_info(f"wandb logs to {self._run.url}")
        self._first_new_step = self._run.step  # steps below are on the server

    def _init(self, run: RunFolder, config: Config, mode: str) -> Any:
        offline = mode == "offline"
        settings = self._wandb.Settings(
            console="off",
            silent=True,
            init_timeout=_INIT_TIMEOUT,
            # The working directory has nothing to do with the run.
            disable_git=True,
            save_code=False,
        )
        return self._wandb.init(
            project="attn",
            name=run.path.resolve().name,
            id=uuid.uuid4().hex if offline else _run_id(run.wandb),
            resume=None if offline else "allow",
            dir=str(run.path.resolve()),
            mode=mode,
            config=config.model_dump(),
            settings=settings,
        )

    def log_metrics(self, step: int, record: Mapping[str, float]) -> None:
        if step >= self._first_new_step:
            self._run.log(dict(record), step=step)

    def log_text(self, step: int, text: str) -> None:
        if step >= self._first_new_step:
            page = self._wandb.Html(f"<pre>{html.escape(text)}</pre>")
            self._run.log({"sample": page}, step=step)

    def close(self) -> None:
        try:
            self._run.finish()
        finally:
            # Errors can be reported here; at the interpreter's exit they would be tracebacks.
            self._wandb.teardown()


def _has_login(settings: Any) -> bool:
    """Whether wandb finds an API key; without one it would ask for it."""
    if settings.api_key or settings.identity_token_file:
        return True
    try:
        host = urllib.parse.urlsplit(settings.base_url).hostname
        return bool(host) and netrc.netrc().authenticators(str(host)) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _run_id(folder: Path) -> str:
    """The id of the run on the server, kept in the run's folder."""
    path = folder / "run-id"
    if path.is_file():
        known = read_at_most(path, 100).strip()
        if _ID.fullmatch(known):
            return known.decode("ascii")
    fresh = uuid.uuid4().hex
    atomic_write(path, fresh + "\n")
    return fresh


def _supersede(folder: Path) -> None:
    """Moves earlier offline files to where `wandb sync` does not look for them."""
    for part in folder.glob("offline-run-*"):
        target = folder / "superseded"
        target.mkdir(exist_ok=True)
        part.replace(target / part.name)
