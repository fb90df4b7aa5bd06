"""Fetching from a server of the test's own: whole files only, and one line where it fails."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from saccade.data.formats.download import fetch_file
from saccade.errors import InputError

CONTENT = bytes(range(256)) * 10_000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/gone":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if self.path == "/cut" else CONTENT)

    def log_message(self, *values: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=partial(running.serve_forever, 0.01))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["whole", "unsized"])
def test_a_file_is_fetched_and_its_progress_said(
    tmp_path: Path, server: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch_file(f"{server}/{name}", tmp_path / "a/b.gz", MD5)
    assert (tmp_path / "a/b.gz").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.gz"]
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == "" and lines[0].startswith(f"fetching {server}/{name}")
    assert len(lines) == (11 if name == "whole" else 1)
    assert name == "unsized" or lines[-1] == "  2.4 of 2.4 MiB"


@pytest.mark.parametrize(
    ("name", "md5", "says"),
    [
        ("gone", MD5, r"/gone: cannot be fetched \(Not Found\); go online, or put the file at .*b\.gz"),
        ("cut", MD5, r"/cut: cannot be fetched \(.*bytes"),
        ("whole", "0" * 32, rf"/whole: its MD5 is {MD5}, not 0+ as published"),
    ],
)
def test_what_fails_leaves_nothing(tmp_path: Path, server: str, name: str, md5: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        fetch_file(f"{server}/{name}", tmp_path / "b.gz", md5)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_offline_is_one_line(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(InputError, match=r"cannot be fetched \(.*refused.*\); go online, or put the file at") as caught:
        fetch_file(f"http://127.0.0.1:{port}/a", tmp_path / "a/b.gz", MD5)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
