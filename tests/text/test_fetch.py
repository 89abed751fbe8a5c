import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from attn_cli.errors import DatasetError, OperationError
from attn_cli.text import builtin
from attn_cli.text.builtin import Download, download_path
from attn_cli.text.fetch import fetch
from attn_cli.text.sources import open_source

TEXT = b"".join(b"line %d of a small text\n" % line for line in range(10_000))


class Server(ThreadingHTTPServer):
    """Serves `bodies` by path, and remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: dict[str, bytes] = {"/text": TEXT}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/text")
            self.end_headers()
        elif self.path == "/hangs-up":
            self.close_connection = True
        elif self.path not in self.server.bodies:
            self.send_error(404)
        else:
            body = self.server.bodies[self.path]
            self.send_response(200)
            if self.path == "/cut":
                self.send_header("Content-Length", str(len(TEXT)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        pinned = Download(f"{server.url}/text", len(TEXT), hashlib.sha256(TEXT).hexdigest())
        monkeypatch.setitem(builtin.DOWNLOADS, "names", pinned)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def assert_nothing_left() -> None:
    folder = download_path("names").parent
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_text_is_fetched_and_can_be_trained_on(server: Server) -> None:
    path = fetch("names")
    assert path.read_bytes() == TEXT
    assert list(path.parent.iterdir()) == [path]
    assert "".join(open_source(["names"]).chunks()).encode() == TEXT


def test_what_is_there_is_not_fetched_again(server: Server) -> None:
    fetch("names")
    fetch("names")
    assert server.asked == ["/text"]


@pytest.mark.parametrize("damaged", [TEXT[:-1], TEXT[:-1] + b"x"])
def test_what_is_damaged_is_fetched_again(server: Server, damaged: bytes) -> None:
    fetch("names").write_bytes(damaged)
    assert fetch("names").read_bytes() == TEXT


def test_progress_is_told(server: Server) -> None:
    told: list[tuple[int, int]] = []
    fetch("names", on_progress=lambda received, expected: told.append((received, expected)))
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] == (len(TEXT), len(TEXT))


def test_a_mirror_and_a_redirection(server: Server) -> None:
    assert fetch("names", url=f"{server.url}/moved").read_bytes() == TEXT
    assert server.asked == ["/moved", "/text"]


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/missing", None, "answered 404 Not Found"),
        ("/hangs-up", None, "cannot reach"),
        ("/short", TEXT[:1000], "sent only 1,000 of "),
        ("/cut", TEXT[:1000], "sent only 1,000 of "),
        ("/long", TEXT + b"x", "sent more than the "),
        ("/other", TEXT.upper(), "sent another text: its SHA-256 is "),
        ("/empty", b"", "sent only 0 of "),
    ],
)
def test_what_cannot_be_used(server: Server, path: str, body: bytes | None, what: str) -> None:
    if body is not None:
        server.bodies[path] = body
    with pytest.raises(OperationError, match=what) as caught:
        fetch("names", url=server.url + path)
    assert server.url + path in caught.value.message
    assert str(download_path("names")) in (caught.value.hint or "")
    assert "attn train FILE" in (caught.value.hint or "")
    assert_nothing_left()


def test_a_failed_fetch_keeps_what_was_there(server: Server) -> None:
    path = fetch("names")
    path.write_bytes(b"put here by hand")
    with pytest.raises(OperationError):
        fetch("names", url=f"{server.url}/missing")
    assert path.read_bytes() == b"put here by hand"


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but it does not listen
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/text"
        with pytest.raises(OperationError, match=r"cannot reach http://127\.0\.0\.1.*: .*refused"):
            fetch("names", url=url)


def test_a_host_that_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(OperationError, match=r"cannot reach https://attn\.invalid/text: ."):
        fetch("shakespeare", url="https://attn.invalid/text")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/hostname", "ftp://host/text", "text.txt", "http://", "http://[::1", "https:x"],
)
def test_only_the_web(url: str) -> None:
    with pytest.raises(DatasetError, match="not an http or https address"):
        fetch("names", url=url)


def test_a_text_that_nobody_offers() -> None:
    with pytest.raises(DatasetError, match="no text 'tolstoy' to fetch") as caught:
        fetch("tolstoy")
    assert caught.value.hint == "choose one of: shakespeare, names"


def test_a_cache_that_cannot_be_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ATTN_CACHE", str(tmp_path / "file"))
    with pytest.raises(OperationError, match="cannot write") as caught:
        fetch("names")
    assert "ATTN_CACHE" in (caught.value.hint or "")
