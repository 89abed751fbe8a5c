"""`attn embed`: the vectors of texts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_cli.cli.embed_options import EmbedOptions
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.page_file import check_page_file, write_html
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.errors import DatasetError
from attn_cli.text.display import counted

if TYPE_CHECKING:
    from attn_cli.inspection.embedded_texts import EmbeddedText, EmbeddedTexts

MAX_COMPARED = 30_000  # texts that are in memory with their vectors
MAX_SHOWN = 24  # characters to which a text is padded where its neighbours are listed


@options_from_dataclass
@working("embedding")
def embed(options: EmbedOptions) -> None:
    """Write the vectors of texts: a model's hidden states at any layer.

    Any model but an encoder-decoder will do. A decoder's vector of a character knows what came
    before it, an encoder's what is on both sides. In Python: attn.load().embed(texts)

    For example: attn embed names.txt --out vectors.npz
    """
    from attn_cli.export.vector_files import VectorTable, check_vector_file, write_vectors
    from attn_cli.inspection.embedded_texts import EmbeddedTexts
    from attn_cli.runs.load_model import load_model
    from attn_cli.text.labelled_texts import LabelledTexts

    options.check()
    if options.out is not None:
        check_vector_file(options.out)
    if options.html is not None:
        check_page_file(options.html)
    check_text_is_no_run(options.file, "did you mean: attn embed FILE --run RUN")
    loaded = load_model(options.run)
    texts = LabelledTexts(options.file, loaded.config.data.encoding, options.column, options.label)
    embedded = EmbeddedTexts(
        loaded, options.file, texts, options.level, options.layer, options.pool
    )
    compared: list[EmbeddedText] = []
    stream = _collect(embedded, compared, options) if options.compares else iter(embedded)
    record: dict[str, Any] = {"run": str(loaded.folder.path), "step": loaded.step}
    if options.out is not None:
        table = VectorTable(options.level == "char", texts.labelled, loaded.config.model.n_embd)
        rows = write_vectors(options.out, table, stream)
        record |= {"out": str(options.out), "rows": rows}
    else:
        for _ in stream:
            pass
    if options.html is not None:
        _write_page(options.html, options.file, embedded, compared)
        record["page"] = str(options.html)
    for note in (*texts.notes(), *embedded.notes()):
        notice(note)
    if options.as_json:
        result_json(record | _summary(embedded, options, compared))
        return
    notice(f"{loaded.description}: {counted(embedded.n_texts, 'text')}")
    for path in (options.out, options.html):
        if path is not None:
            result(str(path))
    if options.neighbours:
        _print_neighbours(compared, options.neighbours)


def _collect(
    embedded: EmbeddedTexts, compared: list[EmbeddedText], options: EmbedOptions
) -> Iterator[EmbeddedText]:
    """The same texts, added to a list on their way."""
    for text in embedded:
        if len(compared) == MAX_COMPARED:
            raise DatasetError(
                f"{options.file} has more than {MAX_COMPARED:,} texts, which are the most that "
                "can be compared",
                f"give some of them, as by: shuf -n {MAX_COMPARED} {shlex.quote(options.file)}",
            )
        compared.append(text)
        yield text


def _write_page(
    path: Path, file: str, embedded: EmbeddedTexts, compared: Sequence[EmbeddedText]
) -> None:
    import numpy as np

    from attn_cli.inspection.page.projection import projection_page

    html = projection_page(
        "Texts as points" if file == "-" else f"{Path(file).name} as points",
        embedded.description,
        [text.text for text in compared],
        [text.label for text in compared],
        np.concatenate([text.vectors for text in compared]),
    )
    write_html(path, html.encode())


def _summary(
    embedded: EmbeddedTexts, options: EmbedOptions, compared: Sequence[EmbeddedText]
) -> dict[str, Any]:
    embedder = embedded.embedder
    summary = {
        "text": options.file,
        "texts": embedded.n_texts,
        "texts_cut": embedded.n_cut,
        "level": embedder.level,
        "layer": embedder.layer,
        "pool": embedder.pool,
        "width": embedder.loaded.config.model.n_embd,
    }
    if not options.neighbours:
        return summary
    lists = [
        {
            "text": text.text,
            "nearest": [
                {"text": other.text, "similarity": round(similarity, 4)}
                for other, similarity in others
            ],
        }
        for text, others in _neighbours(compared, options.neighbours)
    ]
    return summary | {"neighbours": lists}


def _print_neighbours(texts: Sequence[EmbeddedText], count: int) -> None:
    width = min(max(len(text.text) for text in texts), MAX_SHOWN)
    for text, others in _neighbours(texts, count):
        listed = "  ".join(f"{other.text} {similarity:.2f}" for other, similarity in others)
        result(f"{text.text:{width}}  {listed}")


def _neighbours(
    texts: Sequence[EmbeddedText], count: int
) -> Iterator[tuple[EmbeddedText, list[tuple[EmbeddedText, float]]]]:
    """Each different text with the texts nearest to it and their similarities."""
    import numpy as np

    from attn_cli.inspection.neighbours import nearest

    different = list({text.text: text for text in texts}.values())
    vectors = np.concatenate([text.vectors for text in different])
    for text, found in zip(different, nearest(vectors, count), strict=True):
        yield text, [(different[each.index], each.similarity) for each in found]
