"""Fetching a file from a server on this machine that breaks off, lies, or sends something else."""

import hashlib
import random
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from file_server import CONTENT, SHA256, running
from wisp.core.errors import InputError
from wisp.engine.store import addresses, download, fetch, find

SIZE = len(CONTENT)
SCRIPT = """
import sys
from pathlib import Path
from wisp.engine.store import addresses, fetch
from wisp.engine.store.rows import Published
netloc, folder, size, sha256 = sys.argv[1:]
addresses.TEST_SERVERS.add(netloc)
url = f"http://{netloc}/whole.onnx"
row = Published("toy", url, int(size), sha256, "none", "none", "the test", "toy.onnx")
print("begun", flush=True)
print(fetch(row, [Path(folder)]))
"""


def files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def part(folder):
    return folder / f".toy.onnx.{SHA256[:16]}.part"


def test_a_whole_file_is_kept_and_not_fetched_again(server, tmp_path):
    told = []
    path = fetch(server.row(), [tmp_path / "deep" / "models"], progress=lambda *at: told.append(at))
    assert path == tmp_path / "deep" / "models" / "toy.onnx"
    assert path.read_bytes() == CONTENT
    assert files(path.parent) == ["toy.onnx"]
    assert told[0] == (0, SIZE)
    assert told[-1] == (SIZE, SIZE)
    assert fetch(server.row(), [path.parent]) == path
    assert server.requests == [("/whole.onnx", 0)]


def test_without_a_known_size_the_servers_is_taken(server, tmp_path):
    assert fetch(server.row(size=0), [tmp_path]).read_bytes() == CONTENT


def test_a_connection_that_breaks_is_taken_up_again(server, tmp_path):
    server.breaks = [100_000, 1, 700_000]
    assert fetch(server.row(), [tmp_path]).read_bytes() == CONTENT
    assert [start for _, start in server.requests] == [0, 100_000, 100_001, 800_001]


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    server.breaks = [100_000]
    assert fetch(server.row(), [tmp_path]).read_bytes() == CONTENT


def test_a_server_that_always_breaks_is_given_up_and_what_came_is_kept(server, tmp_path):
    server.breaks = [5000, *[0] * 10]
    with pytest.raises(InputError, match=r"broke off after 5000 bytes, again and again; pull again to go on"):
        fetch(server.row(), [tmp_path])
    assert files(tmp_path) == [part(tmp_path).name]
    server.breaks = []
    assert fetch(server.row(), [tmp_path]).read_bytes() == CONTENT
    assert server.requests[-1] == ("/whole.onnx", 5000)


@pytest.mark.parametrize("size", [SIZE, 0])
@pytest.mark.parametrize("here", [1, 4096, SIZE - 1, SIZE])
def test_what_lies_here_is_gone_on_from(server, tmp_path, here, size):
    part(tmp_path).write_bytes(CONTENT[:here])
    assert fetch(server.row(size=size), [tmp_path]).read_bytes() == CONTENT
    assert files(tmp_path) == ["toy.onnx"]
    assert server.requests == ([] if here == SIZE else [("/whole.onnx", here)])


@pytest.mark.parametrize("size", [SIZE, 0])
@pytest.mark.parametrize("here", [b"another file", bytes(SIZE), bytes(SIZE + 10)])
def test_what_lies_here_and_is_something_else_is_thrown_away(server, tmp_path, here, size):
    part(tmp_path).write_bytes(here)
    assert fetch(server.row(size=size), [tmp_path]).read_bytes() == CONTENT
    assert files(tmp_path) == ["toy.onnx"]


@pytest.mark.parametrize("damage", [CONTENT[:100], CONTENT[:-1] + b"\x00", CONTENT + b"more", b""])
def test_a_damaged_copy_is_not_found_but_fetched_again(server, tmp_path, damage):
    (tmp_path / "toy.onnx").write_bytes(damage)
    assert find(server.row(), [tmp_path]) is None
    assert fetch(server.row(), [tmp_path]).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [SIZE, 0])
@pytest.mark.parametrize("place", [0, 333_333, SIZE - 1])
def test_one_flipped_bit_is_refused_and_nothing_kept(server, tmp_path, place, size):
    flipped = bytearray(CONTENT)
    flipped[place] ^= 1
    server.content["/whole.onnx"] = bytes(flipped)
    with pytest.raises(
        InputError, match=r"gives a file with the sha256 [0-9a-f]{64}; [0-9a-f]{64} is accepted"
    ):
        fetch(server.row(size=size), [tmp_path])
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [CONTENT[:-7], CONTENT + b"more", b""])
def test_a_file_of_another_size_is_refused_and_nothing_kept(server, tmp_path, content):
    server.content["/whole.onnx"] = content
    with pytest.raises(InputError, match=rf"gives a file of {len(content)} bytes; {SIZE} are accepted|416"):
        fetch(server.row(), [tmp_path])
    assert files(tmp_path) == []
    with pytest.raises(InputError, match=r"the sha256|416"):
        fetch(server.row(size=0), [tmp_path])
    assert files(tmp_path) == []


def test_a_file_that_is_longer_than_was_told_ends_there(server, tmp_path):
    """So that a server cannot fill the disk."""
    server.content["/whole.onnx"] = CONTENT * 3
    server.headers = {"Content-Length": str(SIZE)}
    with pytest.raises(InputError, match=f"gives more than {SIZE} bytes"):
        fetch(server.row(), [tmp_path])
    assert files(tmp_path) == []


def test_more_than_any_model_has_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LIMIT", 1000)
    monkeypatch.setattr(download, "_begin", lambda *_: 0)
    with pytest.raises(InputError, match="gives more than 1000 bytes"):
        fetch(server.row(size=0), [tmp_path])
    assert files(tmp_path) == []


def test_an_encoded_file_is_refused(server, tmp_path):
    server.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(InputError, match="sends the file encoded"):
        fetch(server.row(), [tmp_path])


def test_a_disk_that_is_too_small_is_told_before(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(InputError, match=r"has 0 MB left; 1 MB are needed"):
        fetch(server.row(), [tmp_path])


def test_missing_and_unreachable_servers_say_where_to_put_the_file(server, tmp_path, monkeypatch):
    with pytest.raises(
        InputError, match=r"nothing.onnx: answers 404 Not Found; .* is accepted as .*toy\.onnx"
    ):
        fetch(server.row("/nothing.onnx"), [tmp_path])
    with running() as gone:
        row = gone.row()
    monkeypatch.setattr(addresses, "TEST_SERVERS", {gone.netloc})
    with pytest.raises(InputError, match=r"cannot be reached \(Connection refused\)"):
        fetch(row, [tmp_path])
    assert files(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "models").write_text("a file in the way")
    with pytest.raises(InputError, match=r"cannot be written .* WISP_MODELS"):
        fetch(server.row(), [tmp_path / "models"])


def test_a_read_only_folder_is_read_and_nothing_is_written_there(server, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "toy.onnx").write_bytes(CONTENT)
    shared.chmod(0o555)
    try:
        assert fetch(server.row(), [tmp_path / "own", shared]) == shared / "toy.onnx"
        assert list(shared.iterdir()) == [shared / "toy.onnx"]
    finally:
        shared.chmod(0o755)
    assert not (tmp_path / "own").exists()
    assert server.requests == []
    (shared / "toy.onnx").write_bytes(CONTENT[:-1])  # damaged there: fetched into one's own
    assert fetch(server.row(), [tmp_path / "own", shared]) == tmp_path / "own" / "toy.onnx"
    assert (shared / "toy.onnx").read_bytes() == CONTENT[:-1]


def test_offline_nothing_is_asked(server, tmp_path, monkeypatch):
    expected = r"^toy: is not here whole, and nothing is to be fetched; .* is accepted as .*toy\.onnx$"
    with pytest.raises(InputError, match=expected):
        fetch(server.row(), [tmp_path / "models"], without_network=True)
    monkeypatch.setenv("WISP_OFFLINE", "1")
    with pytest.raises(InputError, match=expected):
        fetch(server.row(), [tmp_path / "models"])
    assert server.requests == []
    assert not (tmp_path / "models").exists()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "toy.onnx").write_bytes(CONTENT)
    assert fetch(server.row(), [tmp_path / "models"]).read_bytes() == CONTENT


def test_mirrors_are_asked_first_and_in_turn(server, tmp_path, monkeypatch):
    server.content["/a/toy.onnx"] = CONTENT[:-1] + b"\x00"  # a mirror that lies costs nothing but time
    server.content["/c/toy.onnx"] = CONTENT
    monkeypatch.setenv("WISP_MIRROR", server.url("/c"))
    path = fetch(server.row(), [tmp_path], mirrors=[server.url("/a/"), server.url("/b")])
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _ in server.requests] == ["/a/toy.onnx", "/b/toy.onnx", "/c/toy.onnx"]


def test_when_all_fail_each_is_told(server, tmp_path):
    with pytest.raises(
        InputError, match=r"toy: is nowhere to be had: .*/m/toy.onnx answers 404.*/gone.onnx answers"
    ):
        fetch(server.row("/gone.onnx"), [tmp_path], mirrors=[server.url("/m")])


def start(server, folder):
    command = [sys.executable, "-c", SCRIPT, server.netloc, str(folder), str(SIZE), SHA256]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_killed_at_any_byte_it_goes_on_and_ends_whole(server, tmp_path):
    server.slow = 0.0015
    rng = random.Random(8)
    for _ in range(4):
        wanted = rng.randrange(1, SIZE // 2)
        process = start(server, tmp_path)
        deadline = time.monotonic() + 30
        while not part(tmp_path).exists() or part(tmp_path).stat().st_size < wanted:
            assert time.monotonic() < deadline
            if process.poll() is not None:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert find(server.row(), [tmp_path]) is None or process.returncode == 0
    server.slow = 0.0
    here = part(tmp_path).stat().st_size
    assert fetch(server.row(), [tmp_path]).read_bytes() == CONTENT
    assert server.requests[-1] == ("/whole.onnx", here)
    assert files(tmp_path) == ["toy.onnx"]


def test_a_short_file_is_completed_from_any_length(server, tmp_path):
    """What a process leaves behind when it is killed, whichever byte it was at."""
    small = CONTENT[:300]
    server.content["/whole.onnx"] = small
    row = server.row(size=300, sha256=hashlib.sha256(small).hexdigest())
    for length in (*range(5), *range(5, 295, 17), *range(295, 301)):
        folder = tmp_path / str(length)
        folder.mkdir()
        (folder / f".toy.onnx.{row.sha256[:16]}.part").write_bytes(small[:length])
        assert fetch(row, [folder]).read_bytes() == small


def test_two_processes_at_once_fetch_it_once(server, tmp_path):
    server.slow = 0.002
    both = [start(server, tmp_path), start(server, tmp_path)]
    printed = [process.communicate(timeout=60)[0].split() for process in both]
    assert printed == [["begun", str(tmp_path / "toy.onnx")]] * 2
    assert (tmp_path / "toy.onnx").read_bytes() == CONTENT
    assert server.requests == [("/whole.onnx", 0)]


def test_two_threads_at_once_fetch_it_once_and_the_second_says_that_it_waits(server, tmp_path):
    server.slow = 0.001
    paths, waited = [], []

    def work():
        paths.append(fetch(server.row(), [tmp_path], waiting=lambda: waited.append(1)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [tmp_path / "toy.onnx"] * 3
    assert len(waited) == 2
    assert server.requests == [("/whole.onnx", 0)]
