"""A file of a folder of labels: each of its lines is a text with the same label."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attn_cli.errors import DatasetError
from attn_cli.text.compressed import COMPRESSED
from attn_cli.text.decoding import as_line, join_texts, read_file, split_lines
from attn_cli.text.line_labels import LabelList

_SPLITS = {"train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval"}


def file_label(path: Path, folder: Path) -> str:
    """The label of a file in a folder: the name of its subfolder, else its own without endings."""
    *parents, name = path.relative_to(folder).parts
    stem = Path(name)
    if stem.suffix in COMPRESSED:
        stem = stem.with_suffix("")
    return " ".join((parents[0] if parents else stem.stem).split())


def check_label_files(folder: Path, paths: Sequence[Path]) -> None:
    """Makes sure that either the files or the subfolders of a folder are labels, and several.

    Raises:
        DatasetError: They are not.
    """
    places = [path.relative_to(folder) for path in paths]
    split = next((at for at in places if at.parts[0].lower() in _SPLITS), None)
    if split is not None and len(split.parts) > 1:
        raise DatasetError(
            f"the folder {folder} has splits, such as {split.parts[0]}, where labels should be",
            hint="train on one of these subfolders; attn evaluate measures on another",
        )
    shallow, deep = (by(places, key=lambda at: len(at.parts)) for by in (min, max))
    if len(deep.parts) > min(len(shallow.parts), 2):
        shown = " and ".join(dict.fromkeys((shallow.as_posix(), deep.as_posix())))
        raise DatasetError(
            f"it is unclear which names in {folder} are labels: it has text files such as {shown}",
            hint="give a folder with a file, or a subfolder of files, for each label",
        )
    if len(labels := {file_label(path, folder) for path in paths}) == 1:
        raise DatasetError(
            f"the folder {folder} has one label, {labels.pop()}",
            hint="give a folder with a file, or a subfolder of files, for each label; or a table "
            "of texts and labels",
        )


class LabelFile:
    """The lines of a file as texts with the same label.

    Args:
        path: The file; may be compressed.
        label: Of all its lines.
        encoding: Of its text.

    Attributes:
        name: Its path.
        labels: Of each line that is not blank, complete once the texts have been read.
    """

    def __init__(self, path: Path, label: str, encoding: str) -> None:
        self.name = str(path)
        self.labels = LabelList()
        self._path = path
        self._encoding = encoding
        self._label = label

    def chunks(self) -> Iterator[str]:
        """The lines that are not blank, joined by newlines; each call starts over.

        Raises:
            DatasetError: The file cannot be read.
        """
        return join_texts(self._texts(), "\n")

    def _texts(self) -> Iterator[str]:
        self.labels.clear()
        for line in split_lines(read_file(self._path, self._encoding)):
            text = as_line(line).rstrip()
            if text:
                self.labels.append(self._label)
                yield text
