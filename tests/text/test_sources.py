import gzip
import io
import os
import sys
import threading
from pathlib import Path

import pytest

from attn_cli.errors import AttnError, DatasetError, OperationError
from attn_cli.text.builtin import generated_text
from attn_cli.text.read_options import ReadOptions
from attn_cli.text.sources import Source, open_source

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


def text_of(source: Source) -> str:
    return "".join(source.chunks())


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return path


def error_of(*names: str) -> AttnError:
    with pytest.raises(DatasetError) as caught:
        text_of(open_source(names))
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


class TestFiles:
    def test_one_file(self, tmp_path: Path) -> None:
        path = write(tmp_path / "my story.txt", "\ufeffOnce\r\nupon a time, é\r")
        source = open_source([str(path)])
        assert text_of(source) == "Once\nupon a time, é\n"
        assert text_of(source) == "Once\nupon a time, é\n", "can be read again"
        assert source.names == (str(path),)
        assert source.name == "my-story"
        assert not source.left_out

    def test_names_hold_from_any_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "a.txt", "a")
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path / "sub")
        source = open_source(["../a.txt", "python-docs"])
        assert source.names == (str(tmp_path / "a.txt"), "python-docs")
        assert source.name == "a-and-1-more"

    def test_several_are_joined_with_a_form_feed(self, tmp_path: Path) -> None:
        names = [
            str(write(tmp_path / name, text))
            for name, text in [("b", "one\n"), ("a", "two\f"), ("c", "\ufeff"), ("d", "three")]
        ]
        assert text_of(open_source(names)) == "one\n\ftwo\fthree"

    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("Война и мир.txt", "Voyna-i-mir"),
            ("...", "text"),
            ("a/../b.tar.gz", "b"),
            ("book.txt.zst", "book"),
            ("x" * 200, "x" * 60),
            ("tales", "tales"),
        ],
    )
    def test_short_names_are_fit_for_folders(self, tmp_path: Path, file: str, name: str) -> None:
        (tmp_path / "a").mkdir()
        assert open_source([str(write(tmp_path / file, "text"))]).name == name

    def test_constant_memory_for_what_is_read(self, tmp_path: Path) -> None:
        path = write(tmp_path / "large.txt", b"0123456789abcde\n" * (3 * 2**16))
        chunks = list(open_source([str(path)]).chunks())
        assert sum(map(len, chunks)) == 3 * 2**20
        assert max(map(len, chunks)) <= 2**20


class TestFolders:
    def test_text_files_in_the_order_of_their_paths(self, tmp_path: Path) -> None:
        for name in ["b.txt", "a/z.txt", "a/b/c.txt", "a.txt", "B.txt", "a-b.txt"]:
            write(tmp_path / name, name)
        expected = ["B.txt", "a-b.txt", "a.txt", "a/b/c.txt", "a/z.txt", "b.txt"]
        assert text_of(open_source([str(tmp_path)])) == "\f".join(expected)

    def test_hidden_and_binary_files_are_left_out(self, tmp_path: Path) -> None:
        for hidden in [".hidden", ".git/config", "sub/.cache/x"]:
            write(tmp_path / hidden, "hidden")
        write(tmp_path / "picture.txt", PNG)
        write(tmp_path / "paper.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\nstream\n\x01\x02")
        write(tmp_path / "wide.txt", "wide".encode("utf-16"))
        write(tmp_path / "sub" / "empty.txt", "")
        write(tmp_path / "sub" / "color.txt", "\x1b[1mtext\x1b[0m")
        source = open_source([str(tmp_path)])
        assert text_of(source) == "\x1b[1mtext\x1b[0m"
        assert source.left_out == {
            "files that look binary": 3, "hidden files": 1, "hidden folders": 2
        }  # fmt: skip

    def test_the_current_folder_lends_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "my.books" / "a.txt", "a")
        monkeypatch.chdir(tmp_path / "my.books")
        assert open_source(["."]).name == "my.books"

    def test_a_broken_link_is_left_out(self, tmp_path: Path) -> None:
        write(tmp_path / "a.txt", "a")
        try:
            (tmp_path / "b.txt").symlink_to(tmp_path / "gone")
        except OSError:
            pytest.skip("this system lets no user make links")
        assert text_of(open_source([str(tmp_path)])) == "a"

    def test_without_text(self, tmp_path: Path) -> None:
        assert error_of(str(tmp_path)).message == f"the folder {tmp_path} has no text files"
        write(tmp_path / "picture", PNG)
        assert "; left out: files that look binary (1)" in error_of(str(tmp_path)).message

    def test_a_file_that_is_not_utf8_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / "a.txt", "fine")
        path = write(tmp_path / "b.txt", b"caf\xe9")
        assert str(path) in error_of(str(tmp_path)).message


class TestStandardInput:
    def test_it_can_be_read_again(self) -> None:
        source = open_source(["-"], io.BytesIO(b"a\r\nb"))
        assert text_of(source) == text_of(source) == "a\nb"
        assert (source.names, source.name) == (("-",), "stdin")

    @pytest.mark.parametrize("before", ["", "\n", " "])
    def test_json_lines_are_known_by_their_first_sign(self, before: str) -> None:
        stream = io.BytesIO(f'{before}{{"name": "Bala", "id": 1}}\n'.encode())
        assert text_of(open_source(["-"], stream, ReadOptions(column="name"))) == "Bala"

    def test_empty(self) -> None:
        with pytest.raises(DatasetError, match="standard input is empty"):
            open_source(["-"], io.BytesIO(b""))

    def test_no_room_to_keep_it(self) -> None:
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**10, limits[1]))
        try:
            with pytest.raises(
                OperationError, match="cannot copy standard input to a temporary file"
            ):
                open_source(["-"], io.BytesIO(b"x" * 2**20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    def test_binary(self) -> None:
        with pytest.raises(DatasetError, match="standard input is an image, not a text"):
            text_of(open_source(["-"], io.BytesIO(PNG)))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_pipe_is_read_once_and_kept(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=("through a pipe",))
        writer.start()
        source = open_source([str(pipe)])
        writer.join()
        assert text_of(source) == text_of(source) == "through a pipe"
        assert source.names == ("-",)


class TestBuiltIn:
    def test_by_name(self) -> None:
        source = open_source(["unicode-names"])
        assert text_of(source) == generated_text("unicode-names")
        assert (source.names, source.name) == (("unicode-names",), "unicode-names")

    def test_a_bare_word_is_the_built_in_and_a_path_is_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "python-docs", "my own")
        assert text_of(open_source(["python-docs"])) == generated_text("python-docs")
        assert text_of(open_source(["./python-docs"])) == "my own"

    def test_not_fetched_yet(self) -> None:
        assert error_of("shakespeare").hint == "fetch it with: attn data fetch shakespeare"


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("name", "nearest"),
        [("tale", "tales"), ("Shakespear", "shakespeare"), ("unicode_names", "unicode-names")],
    )
    def test_a_misspelt_name(self, name: str, nearest: str) -> None:
        error = error_of(name)
        assert error.message == f"there is no file, folder or built-in text {name!r}"
        assert error.hint == f"did you mean {nearest}?"

    @pytest.mark.parametrize("name", ["", "no-such-file.txt"])
    def test_a_missing_file(self, name: str) -> None:
        assert "give a file, a folder, - or one of: tales" in (error_of(name).hint or "")

    def test_a_missing_folder(self) -> None:
        assert error_of("no/such/file.txt").hint == "the folder no/such is not there either"

    def test_an_empty_file(self, tmp_path: Path) -> None:
        path = write(tmp_path / "empty.txt", "")
        assert error_of(str(path)).message == f"{path} is empty"

    def test_a_binary_file(self, tmp_path: Path) -> None:
        path = write(tmp_path / "picture.png", PNG)
        assert error_of(str(path)).message.startswith(f"{path} is an image")

    def test_a_name_that_no_file_can_have(self) -> None:
        error_of("a\0b")
        error_of("x" * 5000)

    @pytest.mark.skipif(sys.platform == "win32", reason="permissions work otherwise there")
    def test_unreadable(self, tmp_path: Path) -> None:
        path = write(tmp_path / "folder" / "secret.txt", "secret")
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")
        assert f"cannot read {path}" in error_of(str(path)).message
        assert f"cannot read {path}" in error_of(str(path.parent)).message

    def test_a_file_below_a_file(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.txt", "a")
        error_of(str(path / "b.txt"))


def test_a_folder_leaves_out_the_runs_of_attn(tmp_path: Path) -> None:
    (tmp_path / "runs" / "one" / "checkpoints").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "samples.txt").write_text("what a model wrote")
    (tmp_path / "runs" / "mine.txt").write_text("what I wrote")
    source = open_source([str(tmp_path)])
    assert "".join(source.chunks()) == "what I wrote"
    assert source.notes() == ["left out: runs (1)"]


def test_links_in_a_folder_are_told(tmp_path: Path) -> None:
    """Linked files are read; a linked folder may lead in a circle."""
    write(tmp_path / "texts" / "a.txt", "a")
    write(tmp_path / "elsewhere" / "b.txt", "b")
    for name, target in {
        "b": "elsewhere", "circle": "texts", "c.txt": "elsewhere/b.txt", "broken.txt": "nowhere",
    }.items():  # fmt: skip
        (tmp_path / "texts" / name).symlink_to(tmp_path / target)
    source = open_source([str(tmp_path / "texts")])
    assert "".join(source.chunks()) == "a\fb"
    assert source.notes() == ["left out: linked folders (2), names that are no files (1)"]


CSV = '\ufeffname;country\r\nBerlin;Germany\r\n"Paris; ""la belle""";France\r\n'


@pytest.mark.parametrize("name", ["towns.csv", "towns.csv.gz", "towns.txt"])
def test_a_column_of_a_table(tmp_path: Path, name: str) -> None:
    data = CSV.encode()
    path = write(tmp_path / name, gzip.compress(data) if name.endswith(".gz") else data)
    for column in ("name", "1"):
        source = open_source([str(path)], options=ReadOptions(column=column))
        assert text_of(source) == 'Berlin\fParis; "la belle"'
        assert source.names == (str(path),)
        told = source.notes()
        assert told[0] == f"columns of {path} are separated by ';'"
        assert (len(told) == 2) == (column == "1"), "a header is a guess only without a name"


def test_a_table_without_a_column_is_told_to_be_one(tmp_path: Path) -> None:
    path = write(tmp_path / "towns.csv", CSV)
    source = open_source([str(path)])
    assert text_of(source) == CSV[1:].replace("\r\n", "\n")
    (note,) = source.notes()
    assert note.endswith(f"attn train {path} --set data.column=name --lines")
    assert "looks like a table (name, country)" in note
    assert open_source([str(write(tmp_path / "list.csv", "one\ntwo\n"))]).notes() == []


def test_the_column_that_is_named_as_an_example_is_the_one_with_the_most_text(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "towns.csv", "id,town,country\n1,Berlin,DE\n2,Paris,FR\n")
    (note,) = open_source([str(path)]).notes()
    assert "data.column=town" in note


@pytest.mark.parametrize(
    ("rows", "are_pairs"),
    [
        ([f"word {i}\tform {i}\tV;PST" for i in range(9)], True),
        ([f"{i}\tX{'I' * i}" for i in range(9)], True),
        ([f"word {i}\tlabel {i % 2}" for i in range(9)], False),
        ([f"word {i}\t{i}" for i in range(9)], False),
        ([f"word {i}\tform {i}\t{i}\t{i}" for i in range(9)], False),
    ],
)
def test_what_may_be_pairs_is_told_to_be(tmp_path: Path, rows: list[str], are_pairs: bool) -> None:
    path = write(tmp_path / "a.tsv", "".join(f"{row}\n" for row in rows))
    notes = open_source([str(path)]).notes()
    told = f"to learn to write column 2 for column 1: attn train {path} --task seq2seq"
    assert (told in notes) == are_pairs


@pytest.mark.parametrize("text", [CSV, '{"name": "Berlin"}\n{"name": "Paris; \\"la belle\\""}'])
def test_a_table_in_standard_input(text: str) -> None:
    options = ReadOptions(column="name")
    source = open_source(["-"], io.BytesIO(text.encode()), options)
    assert text_of(source) == text_of(source) == 'Berlin\fParis; "la belle"'
    with pytest.raises(DatasetError, match="standard input has no column 'town'; it has name"):
        open_source(["-"], io.BytesIO(text.encode()), ReadOptions(column="town"))


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-be", "shift_jis"])
def test_another_encoding(tmp_path: Path, encoding: str) -> None:
    text = "一つ\n" if encoding == "shift_jis" else "café\n"
    options = ReadOptions(encoding)
    data = text.encode(encoding)
    path = write(tmp_path / "texts" / "a.txt", data)
    for name in (path, path.parent):
        assert text_of(open_source([str(name)], options=options)) == text
    assert text_of(open_source(["-"], io.BytesIO(data), options)) == text
    table = write(tmp_path / "a.csv", f"id,text\n1,{text}".encode(encoding))
    options = ReadOptions(encoding, column="text")
    assert text_of(open_source([str(table)], options=options)) == text[:-1]


def test_a_built_in_text_is_no_table() -> None:
    with pytest.raises(DatasetError, match="the built-in text 'tales' is read as it is"):
        open_source(["tales"], options=ReadOptions(column="name"))
