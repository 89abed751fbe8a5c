import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import DatasetError
from attn_cli.text.decoding import BLOCK, decode_stream


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, so that borders fall everywhere."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._size)


def decode(data: bytes, size: int = BLOCK, encoding: str = "utf-8") -> str:
    return "".join(decode_stream(Trickle(data, size), "text.txt", encoding))


@given(st.text("a\r\né中\U0001f600\ufeff"), st.integers(1, 5))
def test_newlines_and_characters_across_borders(text: str, size: int) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert decode(b"\xef\xbb\xbf" + text.encode("utf-8"), max(size, 3)) == expected
    if not text.startswith("\ufeff"):
        assert decode(text.encode("utf-8"), size) == expected


def test_borders_of_real_blocks() -> None:
    # CRLF lies across the first border, a character of three bytes across the second.
    data = b"x" * (BLOCK - 1) + b"\r\n" + b"y" * (BLOCK - 2) + "中".encode()
    pieces = list(decode_stream(io.BytesIO(data), "text.txt"))
    assert "".join(pieces) == "x" * (BLOCK - 1) + "\n" + "y" * (BLOCK - 2) + "中"
    assert len(pieces) > 1
    assert all(pieces)


@pytest.mark.parametrize("size", [3, 4, 5, BLOCK])
@pytest.mark.parametrize(
    ("data", "byte", "position"),
    [
        (b"abc\xffdef", "ff", 3),
        (b"\xef\xbb\xbfabc\xff", "ff", 6),
        ("abcdé".encode() + b"\xe9t\xe9", "e9", 6),
        (b"ab" + "中".encode()[:2], "e4", 2),
        (b"ab" + "中".encode()[:2] + b"cde", "e4", 2),
    ],
)
def test_invalid_utf8_is_named_with_its_position(
    data: bytes, byte: str, position: int, size: int
) -> None:
    with pytest.raises(DatasetError, match=rf"text.txt is not UTF-8: byte 0x{byte}") as caught:
        decode(data, size)
    assert f"at position {position}," in caught.value.message


@pytest.mark.parametrize("size", [3, BLOCK])
def test_a_nul_byte_is_binary(size: int) -> None:
    with pytest.raises(DatasetError, match=r"looks binary: it has a NUL byte at position 4"):
        decode(b"abcd\x00", size)


ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "latin-1", "gb18030", "shift_jis", "utf-7", "utf_8"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(st.text("a\r\né", max_size=30), st.integers(1, 9))
def test_other_encodings(encoding: str, text: str, size: int) -> None:
    text = text.replace("é", "ア") if encoding == "shift_jis" else text
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert decode(text.encode(encoding), max(size, 4), encoding) == expected


@pytest.mark.parametrize("size", [4, 6, BLOCK])
@pytest.mark.parametrize(
    ("encoding", "data", "what"),
    [
        ("utf-8", b"a\r\nb\rc\n\nd\xff", "0xff at position 9, counted from 0, in line 5"),
        ("ascii", b"a\nb\xe9", "0xe9 at position 3, counted from 0, in line 2"),
        ("cp1252", b"a\n\x81\n", "0x81 at position 2, counted from 0, in line 2"),
        ("gb18030", "中\n中".encode("gb18030") + b"\xff", "0xff at position 5, .* in line 2"),
        ("utf-16", "a\r\nĊb\n".encode("utf-16") + b"\x00\xdc", "0x00 at position 14, .* line 3"),
    ],
)
def test_an_invalid_byte_is_named_with_its_line(
    encoding: str, data: bytes, what: str, size: int
) -> None:
    with pytest.raises(DatasetError, match=what) as caught:
        decode(data, size, encoding)
    assert "data.encoding" in (caught.value.hint or "")


def test_a_mark_that_belongs_to_another_encoding() -> None:
    with pytest.raises(DatasetError, match=r"the mark of UTF-8, and data\.encoding is latin-1"):
        decode("\ufeffabc".encode(), encoding="latin-1")
    with pytest.raises(DatasetError, match="is UTF-16, not latin-1") as caught:
        decode("abc".encode("utf-16"), encoding="latin-1")
    assert "set data.encoding=utf-16" in (caught.value.hint or "")
    with pytest.raises(DatasetError, match="it has a NUL character in line 2"):
        decode("a\nb\0".encode("utf-16"), encoding="utf-16")
