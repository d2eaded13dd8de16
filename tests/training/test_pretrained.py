"""Fetching published weights, against a server on this machine."""

import hashlib
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wisp.errors import InputError
from wisp.training import pretrained
from wisp.training.pretrained import PRETRAINED, Pretrained, fetch, resolve

CONTENT = bytes(range(256)) * 5000  # more than one chunk


class Server(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        content = {
            "/whole.pth": CONTENT,
            "/flipped.pth": CONTENT[:-1] + b"\x00",
            "/short.pth": CONTENT[:-7],
            "/long.pth": CONTENT + b"more",
        }.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):  # the client may have seen enough
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def row(server, name):
    url = f"http://127.0.0.1:{server.server_port}/{name}.pth"
    return Pretrained(url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "none")


def test_a_whole_file_is_kept_and_not_fetched_again(server, tmp_path):
    path = fetch(row(server, "whole"), tmp_path / "cache")
    assert path == tmp_path / "cache/whole.pth"
    assert path.read_bytes() == CONTENT
    assert fetch(row(server, "whole"), tmp_path / "cache") == path
    assert server.requests == ["/whole.pth"]
    assert [p.name for p in path.parent.iterdir()] == ["whole.pth"]


def test_a_damaged_copy_is_fetched_again(server, tmp_path):
    (tmp_path / "whole.pth").write_bytes(CONTENT[:100])
    assert fetch(row(server, "whole"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["flipped", "short", "long"])
def test_another_file_is_refused_and_nothing_kept(server, tmp_path, name):
    with pytest.raises(InputError, match=r"has the sha256 [0-9a-f]{64}; [0-9a-f]{64} is accepted"):
        fetch(row(server, name), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_and_unreachable_servers_say_where_to_put_the_file(server, tmp_path):
    gone = row(server, "nothing")
    with pytest.raises(InputError, match=r"cannot be reached \(Not Found\).*nothing\.pth"):
        fetch(gone, tmp_path)
    closed = Pretrained("http://127.0.0.1:9/x.pth", "0" * 64, 1, "none")
    with pytest.raises(InputError, match="cannot be reached"):
        fetch(closed, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(InputError, match="cannot be written"):
        fetch(row(server, "whole"), tmp_path / "cache")


def test_names_are_fetched_into_the_cache_and_files_taken_as_they_are(server, tmp_path, monkeypatch):
    monkeypatch.setenv("WISP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pretrained, "PRETRAINED", {"toy": row(server, "whole")})
    assert resolve("toy") == tmp_path / "cache/whole.pth"
    (tmp_path / "mine.pth").write_bytes(b"x")
    assert resolve(tmp_path / "mine.pth") == tmp_path / "mine.pth"
    with pytest.raises(InputError, match=r"nosuch: does not exist; .* toy is accepted"):
        resolve("nosuch")


def test_torchvision_names_the_start_of_its_hash_in_the_file():
    for published in PRETRAINED.values():
        start = re.search(r"-([0-9a-f]{8})\.pth$", published.url)[1]
        assert published.sha256.startswith(start)
        assert published.url.startswith("https://download.pytorch.org/models/")
