"""`--logger wandb`: Weights & Biases; without a login, or a network, in files to upload later.

Offline, each part of a run that was stopped in between begins with all that was before:
so the last one is the whole run, and the earlier ones are set aside. Online, the run on
the server goes on, and steps that it has already stay as they are there.
"""

from __future__ import annotations

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
from attn_cli.runs.durable import write_whole
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.reading import read_bounded

_ID = re.compile(rb"[0-9a-f]{32}")
_WAIT = 20.0  # seconds for an answer of the server


class WandbLogger:
    """Metrics, the configuration, and samples as HTML.

    Args:
        run: Whose folder its files go into.
        config: The run's configuration.
        tell: Is told where it logs.
    """

    def __init__(self, run: RunFolder, config: Config, tell: Callable[[str], None]) -> None:
        import wandb

        # Its own log on a full disk is no reason for tracebacks.
        logging.raiseExceptions = False
        self._wandb: Any = wandb
        folder = run.wandb
        folder.mkdir(exist_ok=True)
        _set_aside(folder)
        found = wandb.setup().settings
        mode = found.mode
        if mode != "disabled" and not _has_login(found):
            mode = "offline"
        try:
            self._run = self._begun(run, config, mode)
        except (wandb.Error, TimeoutError) as error:
            if mode in ("offline", "disabled"):
                raise
            tell(f"wandb cannot log online: {str(error).partition(chr(10))[0]}")
            self._run = self._begun(run, config, "offline")
        if self._run.offline:
            part = folder / Path(self._run.dir).parent.name
            tell(f"wandb logs offline; to upload it: wandb sync {shlex.quote(str(part))}")
        elif self._run.url:
            tell(f"wandb logs to {self._run.url}")
        self._known_before = self._run.step  # on the server

    def _begun(self, run: RunFolder, config: Config, mode: str) -> Any:
        offline = mode == "offline"
        settings = self._wandb.Settings(
            console="off",
            silent=True,
            init_timeout=_WAIT,
            # The folder that attn was called in has nothing to do with the run.
            disable_git=True,
            save_code=False,
        )
        return self._wandb.init(
            project="attn",
            name=run.path.resolve().name,
            id=uuid.uuid4().hex if offline else _identifier(run.wandb),
            resume=None if offline else "allow",
            dir=str(run.path.resolve()),
            mode=mode,
            config=config.model_dump(),
            settings=settings,
        )

    def line(self, step: int, record: Mapping[str, float]) -> None:
        if step >= self._known_before:
            self._run.log(dict(record), step=step)

    def sample(self, step: int, text: str) -> None:
        if step >= self._known_before:
            page = self._wandb.Html(f"<pre>{html.escape(text)}</pre>")
            self._run.log({"sample": page}, step=step)

    def close(self) -> None:
        try:
            self._run.finish()
        finally:
            # Here what fails can be told; at the interpreter's exit it is a traceback.
            self._wandb.teardown()


def _has_login(settings: Any) -> bool:
    """Whether wandb finds a key where it looks for one; it would ask for it otherwise."""
    if settings.api_key or settings.identity_token_file:
        return True
    try:
        host = urllib.parse.urlsplit(settings.base_url).hostname
        return bool(host) and netrc.netrc().authenticators(str(host)) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _identifier(folder: Path) -> str:
    """What the server knows the run by."""
    path = folder / "run-id"
    if path.is_file():
        known = read_bounded(path, 100).strip()
        if _ID.fullmatch(known):
            return known.decode("ascii")
    fresh = uuid.uuid4().hex
    write_whole(path, fresh + "\n")
    return fresh


def _set_aside(folder: Path) -> None:
    """Keeps earlier parts where `wandb sync` does not look for them."""
    for part in folder.glob("offline-run-*"):
        aside = folder / "superseded"
        aside.mkdir(exist_ok=True)
        part.replace(aside / part.name)
