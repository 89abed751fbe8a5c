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


def decode(data: bytes, size: int = BLOCK) -> str:
    return "".join(decode_stream(Trickle(data, size), "text.txt"))


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
