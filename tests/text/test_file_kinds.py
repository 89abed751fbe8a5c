"""A file that is no plain text is called by its name, with what gets a text out of it."""

import bz2
import io
import tarfile
import zipfile

import pytest

from attn_cli.errors import DatasetError
from attn_cli.text.decoding import decode_stream


def zipped(name: str, content: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("text.txt"))
    return file.getvalue()


TEXT = "The owl sat in the oak. " * 9


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "is a PDF, not a text", "pdftotext 'my file' book.txt"),
        (zipped("mimetype", "application/epub+zip"), "an EPUB book", "pandoc 'my file'"),
        (zipped("word/document.xml", "<w/>"), "a Word document", "pandoc 'my file'"),
        (zipped("xl/workbook.xml", "<x/>"), "an Excel workbook", "--convert-to csv 'my file'"),
        (zipped("ckpt/data.pkl", ""), "a PyTorch file", "give a text file"),
        (zipped("a.txt", "a"), "a zip archive", "unzip 'my file'"),
        (tarred(), "a tar archive", "tar -xf 'my file'"),
        (bz2.compress(b"a"), "compressed with bzip2", "bunzip2 -k 'my file'"),
        (b"{\\rtf1\\ansi", "an RTF document", "pandoc"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Office document", "libreoffice"),
        (b"SQLite format 3\0", "an SQLite database", "sqlite3"),
        (b"PAR1\x15\x04", "a Parquet table", "data.column=NAME"),
        (b"\x89PNG\r\n", "an image", "tesseract"),
        (TEXT.encode("utf-16"), "is UTF-16, not UTF-8", "iconv -f UTF-16 -t UTF-8 'my file'"),
        (TEXT.encode("utf-16-le"), "is UTF-16, not UTF-8", "iconv -f UTF-16LE"),
        (TEXT.encode("utf-16-be"), "is UTF-16, not UTF-8", "iconv -f UTF-16BE"),
        ("naïve café".encode("latin-1"), "is not UTF-8: byte 0xef", "iconv -f WINDOWS-1252"),
        ("мир".encode("koi8-r"), "is not UTF-8: byte 0xcd", "windows-1251 or koi8-r for Russian"),
        (b"a\0b\1\2", "looks binary", "give a text file"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:20],
)
def test_what_it_is_and_what_to_do(data: bytes, what: str, hint: str) -> None:
    with pytest.raises(DatasetError) as caught:
        list(decode_stream(io.BytesIO(data), "my file"))
    assert what in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["PK\n", "BZh is a name", "Rar! said the crow", "PAR2", "", "a"])
def test_a_text_that_begins_nearly_so_is_a_text(text: str) -> None:
    assert "".join(decode_stream(io.BytesIO(text.encode()), "my file")) == text
