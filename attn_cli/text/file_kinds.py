"""What a file is that is not plain text in its encoding, and how to get a text out of it."""

import codecs
import shlex

from attn_cli.errors import DatasetError

# By the first bytes: what it is, and a command that writes its text to a file; F is the file.
_KINDS = (
    (b"%PDF-", "a PDF", "pdftotext F book.txt"),
    (b"{\\rtf", "an RTF document", "pandoc F -t plain -o book.txt"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "libreoffice --convert-to txt:Text F"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x F"),
    (b"Rar!\x1a", "a RAR archive", "unrar x F"),
    (b"SQLite format 3\0", "an SQLite database", "sqlite3 F 'SELECT it FROM there' > text.txt"),
    (b"\x89PNG", "an image", "tesseract F text"),
    (b"\xff\xd8\xff", "an image", "tesseract F text"),
)
# A zip archive is told by a name in its beginning.
_IN_ZIP = (
    (b"application/epub+zip", "an EPUB book", "pandoc F -t plain -o book.txt"),
    (b"word/", "a Word document", "pandoc F -t plain -o book.txt"),
    (b"application/vnd.oasis", "an OpenDocument text", "pandoc F -t plain -o book.txt"),
    (b"xl/", "an Excel workbook", "libreoffice --convert-to csv F"),
    (b"data.pkl", "a PyTorch file", None),
    (b"", "a zip archive", "unzip F -d folder"),
)
_HEAD = 8192  # bytes that tell
_ZEROS = 0.9  # fraction of every second byte that is 0 in UTF-16 of a Latin alphabet


def check_plain_text(block: bytes, name: str, encoding: str = "utf-8") -> None:
    """Refuses what begins like a file of another kind.

    Args:
        block: The beginning of the file.
        name: What to call it in an error.
        encoding: What it is to be decoded from.

    Raises:
        DatasetError: It says what the file is, and what to type to get a text out of it.
    """
    head = block[:_HEAD]
    shown = "UTF-8" if encoding == "utf-8" else encoding
    utf16 = None if is_wide(encoding) else _utf16(head)
    if utf16 is not None:
        raise DatasetError(f"{name} is UTF-16, not {shown}", hint=how_to_convert(name, utf16))
    if encoding != "utf-8" and head.startswith(codecs.BOM_UTF8):
        raise DatasetError(
            f"{name} begins with the mark of UTF-8, and data.encoding is {encoding}",
            hint="leave data.encoding out",
        )
    kinds = _IN_ZIP if head.startswith(b"PK\3\4") else ()
    for sign, what, command in kinds:
        if sign in head:
            raise _other_kind(name, what, command)
    for sign, what, command in _KINDS:
        if head.startswith(sign):
            raise _other_kind(name, what, command)
    if head.startswith(b"PAR1"):
        raise DatasetError(
            f"{name} is a Parquet table, not a text", hint="name a column of it: data.column=NAME"
        )
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        raise _other_kind(name, "compressed with bzip2", "bunzip2 -k F")
    if head[257:262] == b"ustar":
        raise _other_kind(name, "a tar archive", "tar -xf F")


def how_to_convert(name: str, encoding: str) -> str:
    """The hint for a text in another encoding."""
    return (
        f"set data.encoding={encoding.lower()}, or save it as UTF-8: "
        f"iconv -f {encoding} -t UTF-8 {shlex.quote(name)} > utf8.txt"
    )


def is_wide(encoding: str) -> bool:
    """Whether an encoding has bytes of zero in every text."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _utf16(head: bytes) -> str | None:
    """Which UTF-16 a text is in, by its mark or by its zeros; None if it is not."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    pairs = len(head) // 2
    if pairs < 2:
        return None
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd >= _ZEROS * pairs and not even:
        return "UTF-16LE"
    if even >= _ZEROS * pairs and not odd:
        return "UTF-16BE"
    return None


def _other_kind(name: str, what: str, command: str | None) -> DatasetError:
    hint = "give a text file in UTF-8"
    if command is not None:
        hint = f"get a text out of it first: {command.replace('F', shlex.quote(name), 1)}"
    return DatasetError(f"{name} is {what}, not a text", hint=hint)
