"""A page that shows a model at work, written to a file of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.errors import InputError, OperationError

if TYPE_CHECKING:
    from attn_cli.inspection.history import Snapshot
    from attn_cli.inspection.lesson.blocks import LessonStep
    from attn_cli.runs.loaded_model import LoadedModel

OWN = b'<meta name="generator" content="attn">'
HEAD = 4096  # bytes of a page in which that stands


def write_page(
    path: Path,
    loaded: LoadedModel,
    ids: tuple[int, ...],
    *,
    layer: int = 1,
    head: int = 1,
    title: str = "Inside a transformer",
    lesson: Sequence[LessonStep] = (),
    play: bool = False,
    as_json: bool = False,
) -> None:
    """Writes the page, and says where it is.

    Args:
        path: The file; a page of attn that is there is replaced, nothing else is.
        loaded: The model that runs in the page.
        ids: The text that it opens with.
        layer: Which layer it shows first, from 1.
        head: Which of its heads.
        title: Its heading.
        lesson: Steps to read beside it.
        play: Whether writing with the model comes first.
        as_json: Whether to say it as JSON.

    Raises:
        InputError: Another file is there, or no file can be.
        OperationError: It cannot be written.
    """
    from attn_cli.inspection.ablation import ablate_heads
    from attn_cli.inspection.history import snapshots
    from attn_cli.inspection.page.build import PageContents, page
    from attn_cli.runs.durable import write_whole
    from attn_cli.runs.loaded_model import TrainedModel

    _require_own(path)
    past: tuple[Snapshot, ...] = ()
    shown = loaded
    if isinstance(loaded, TrainedModel):
        past = tuple(snapshots(loaded.folder, ids, notice))
        # A page is for sharing, and the folders around a run are nobody's business.
        shown = replace(loaded, description=f"{loaded.name}, step {loaded.step:,}")
    ablations = ablate_heads(loaded.model, ids)
    contents = PageContents(
        shown, ids, ablations, past, title, lesson, play, layer=layer - 1, head=head - 1
    )
    html = page(contents).encode()
    assert OWN in html[:HEAD]
    try:
        write_whole(path, html)
    except OSError as error:
        raise OperationError(
            f"cannot write {path}: {error.strerror}", "name another file"
        ) from None
    if as_json:
        result_json({"page": str(path), "bytes": len(html), "model": loaded.description})
        return
    notice(f"{loaded.description}, {len(html):,} bytes; it opens in a browser, without a network")
    result(str(path))


def _require_own(path: Path) -> None:
    """Makes sure that writing a page loses nothing that a user made."""
    if str(path) == "-":
        raise InputError("a page needs a file of its own", "name one, such as page.html")
    try:
        with path.open("rb") as file:
            if OWN in file.read(HEAD):
                return
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent}", "make it first") from None
        return
    except OSError as error:
        raise InputError(f"{path} is no file to write: {error.strerror}") from None
    raise InputError(f"{path} is there and is no page of attn", "name another file")
