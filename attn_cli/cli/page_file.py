"""Writing the page that runs a model in a browser to a file that the user named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.errors import InputError, OperationError
from attn_cli.text.display import format_bytes

if TYPE_CHECKING:
    from attn_cli.inspection.history import Snapshot
    from attn_cli.inspection.lesson.blocks import LessonStep
    from attn_cli.runs.loaded_model import LoadedModel

OWN = b'<meta name="generator" content="attn">'
HEAD = 4096  # bytes at the start of a page that contain it


def write_page(
    path: Path,
    loaded: LoadedModel,
    ids: tuple[int, ...],
    *,
    layer: int | None = None,
    head: int | None = None,
    title: str = "Inside a transformer",
    lesson: Sequence[LessonStep] = (),
    generate_first: bool = False,
    as_json: bool = False,
) -> None:
    """Writes the page and prints its path.

    Args:
        path: The file; an existing page of attn is replaced, any other file is left alone.
        loaded: The model that runs in the page.
        ids: The text that it opens with.
        layer: The layer that it opens with, from 1; that of the most telling head where None.
        head: The head of that layer, from 1; the most telling one where None.
        title: Its heading.
        lesson: Steps to read beside it.
        generate_first: Whether the section that generates text comes first.
        as_json: Whether to print JSON instead.

    Raises:
        InputError: The path is another file, or none that can be written; or the model has a
            kind of block or position that the page does not know.
        OperationError: Writing failed.
    """
    from attn_cli.inspection.ablation import ablate_heads
    from attn_cli.inspection.page.build import PageContents, noted_page
    from attn_cli.inspection.page.first_cell import first_cell
    from attn_cli.inspection.supported import check_supported

    # Before the work.
    check_page_file(path)
    loaded.require(("lm", "mlm", "classify"), "the page")
    check_supported(loaded.config.model, "the page")
    cell = first_cell(loaded, ids, layer, head)
    decoder = loaded.config.task == "lm"  # of which the page shows more
    contents = PageContents(
        without_private_paths(loaded),
        ids,
        ablate_heads(loaded.model, ids) if decoder else (),
        _snapshots(loaded, ids) if decoder else (),
        title,
        lesson,
        generate_first,
        layer=cell.layer,
        head=cell.head,
        # Who lets it write looks at the end of the text.
        query=None if generate_first else cell.query,
        key=None if generate_first else cell.key,
    )
    made = noted_page(contents)
    _write_and_print(path, made.html, loaded, made.notes, as_json=as_json)


def write_translation_page(
    path: Path,
    loaded: LoadedModel,
    source_ids: Sequence[int],
    *,
    layer: int | None = None,
    head: int | None = None,
    title: str = "Inside an encoder-decoder",
    lesson: Sequence[LessonStep] = (),
    as_json: bool = False,
) -> None:
    """Writes the page of an encoder-decoder and prints its path.

    Args:
        path: As in `write_page`.
        loaded: The model that runs in the page, of task seq2seq.
        source_ids: The source that it opens with, without its end.
        layer: The layer that it opens with, from 1; the page chooses where None.
        head: The head that it opens with, from 1; the page chooses where None.
        title: Its heading.
        lesson: Steps to read beside it, which follow this layer and head.
        as_json: Whether to print JSON instead.

    Raises:
        InputError: As `write_page` does.
        OperationError: Writing failed.
    """
    from attn_cli.inspection.page.translation import translation_page

    check_page_file(path)
    made = translation_page(
        without_private_paths(loaded),
        source_ids,
        title,
        layer=None if layer is None else layer - 1,
        head=None if head is None else head - 1,
        lesson=lesson,
    )
    _write_and_print(path, made.html, loaded, made.notes, as_json=as_json)


def _write_and_print(
    path: Path, html: str, loaded: LoadedModel, notes: Sequence[str], *, as_json: bool
) -> None:
    data = html.encode()
    write_html(path, data)
    if as_json:
        record = {"page": str(path), "bytes": len(data), "model": loaded.description}
        result_json({**record, "notes": list(notes)})
        return
    notice(
        f"{loaded.description}, {format_bytes(len(data))}; it opens in a browser, without a network"
    )
    for note in notes:
        notice(note.replace("’", "'"))
    result(str(path))


def without_private_paths(loaded: LoadedModel) -> LoadedModel:
    """The model as a page or a figure describes it: these are shared, and its folders are not."""
    from attn_cli.runs.loaded_model import TrainedModel

    if not isinstance(loaded, TrainedModel):
        return loaded
    return replace(loaded, description=f"{loaded.name}, step {loaded.step:,}")


def _snapshots(loaded: LoadedModel, ids: tuple[int, ...]) -> Sequence[Snapshot]:
    """The text in the earlier checkpoints of a run, the oldest first."""
    from attn_cli.inspection.history import snapshots
    from attn_cli.runs.loaded_model import TrainedModel

    if not isinstance(loaded, TrainedModel):
        return ()
    return tuple(snapshots(loaded.folder, ids, notice))


def write_html(path: Path, html: bytes) -> None:
    """Writes a page: complete, or not at all.

    Raises:
        OperationError: It cannot be written.
    """
    from attn_cli.runs.atomic_files import atomic_write

    assert OWN in html[:HEAD]
    try:
        atomic_write(path, html)
    except OSError as error:
        raise OperationError(
            f"cannot write {path}: {error.strerror}", "name another file"
        ) from None


def check_page_file(path: Path) -> None:
    """Makes sure that a page can be written, and that nothing is lost by it.

    Raises:
        InputError: There is another file that is not a page of attn, or none can be there.
    """
    if str(path) == "-":
        raise InputError("a page needs a file of its own", "name one, such as page.html")
    try:
        with path.open("rb") as file:
            if OWN in file.read(HEAD):
                return
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent}", "create it first") from None
        return
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}", "name another file") from None
    raise InputError(f"{path} exists and is not a page of attn", "name another file")
