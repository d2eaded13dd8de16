"""The cache of compiled networks, as files; what sessions make of it is tested with them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wisp.engine import compiled
from wisp.engine.compiled import Kept, folder, name_of, read, usage, writable, write


@pytest.fixture
def cache(tmp_path, monkeypatch):
    where = tmp_path / "cache"
    monkeypatch.setenv("WISP_CACHE", str(where))
    return where


@pytest.mark.parametrize("quantised", [True, False])
def test_what_is_written_is_read_back(cache, quantised):
    kept = Kept(quantised, bytes(range(256)) * 5)
    assert read("a") is None
    assert write("a", kept)
    assert read("a") == kept
    assert read("b") is None
    assert usage(cache) == (1, (cache / "a.compiled").stat().st_size)


def test_nothing_is_kept_when_switched_off(cache, monkeypatch):
    assert write("a", Kept(False, b"blob"))
    for word in ("off", "0", " OFF ", "none", "no", "false"):
        monkeypatch.setenv("WISP_CACHE", word)
        assert folder() is None
        assert read("a") is None
        assert not write("b", Kept(False, b"blob"))
    assert usage(cache)[0] == 1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these have folders of their own")
def test_without_the_variable_it_is_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("WISP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "wisp" / "networks"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folder() == tmp_path / "home" / ".cache" / "wisp" / "networks"
    monkeypatch.setenv("WISP_CACHE", "~/elsewhere")
    assert folder() == tmp_path / "home" / "elsewhere"


def test_the_folder_is_the_users_alone(cache):
    write("a", Kept(False, b"blob"))
    assert cache.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("place", [0, 20, 48, 49, 300, -1])
def test_a_damaged_file_is_not_used_and_can_be_replaced(cache, place):
    kept = Kept(True, bytes(range(256)) * 5)
    write("a", kept)
    file = cache / "a.compiled"
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert read("a") is None
    assert write("a", kept)
    assert read("a") == kept


@pytest.mark.parametrize("length", [0, 5, 16, 48, 49, 500])
def test_a_file_cut_short_is_not_used(cache, length):
    write("a", Kept(True, bytes(1000)))
    file = cache / "a.compiled"
    file.write_bytes(file.read_bytes()[:length])
    assert read("a") is None


def test_the_longest_unused_go_when_there_are_too_many(cache, monkeypatch):
    blob = bytes(1000)
    for age, name in ((300, "oldest"), (200, "used"), (100, "newer")):
        write(name, Kept(False, blob))
        past = time.time() - age
        os.utime(cache / f"{name}.compiled", (past, past))
    assert read("used") is not None
    monkeypatch.setattr(compiled, "LIMIT", 3500)
    assert write("new", Kept(False, blob))
    assert sorted(p.stem for p in cache.iterdir()) == ["new", "newer", "used"]
    assert usage(cache)[1] <= 3500


def test_one_that_is_larger_than_the_limit_is_not_kept(cache, monkeypatch):
    monkeypatch.setattr(compiled, "LIMIT", 100)
    assert not write("a", Kept(False, bytes(100)))
    assert not cache.exists()


def test_what_other_processes_left_half_written_goes_in_time(cache):
    cache.mkdir()
    abandoned, current, foreign = (
        cache / name for name in (".wisp-1.compiled", ".wisp-2.compiled", "notes.txt")
    )
    for file in (abandoned, current, foreign):
        file.write_bytes(b"half")
    long_ago = time.time() - 2 * 24 * 3600
    for file in (abandoned, foreign):
        os.utime(file, (long_ago, long_ago))
    write("a", Kept(False, b"blob"))
    assert sorted(p.name for p in cache.iterdir()) == [".wisp-2.compiled", "a.compiled", "notes.txt"]
    assert usage(cache)[0] == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_harmless(cache):
    cache.mkdir()
    cache.chmod(0o500)
    assert not writable(cache)
    assert not write("a", Kept(False, b"blob"))
    assert list(cache.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_harmless(cache):
    cache.write_text("in the way")
    assert not writable(cache)
    assert not write("a", Kept(False, b"blob"))
    assert read("a") is None
    assert cache.read_text() == "in the way"


def test_a_full_disk_is_harmless_and_leaves_nothing(cache, monkeypatch):
    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert not write("a", Kept(False, b"blob"))
    assert list(cache.iterdir()) == []


def test_a_folder_that_is_yet_to_be_made_is_writable(cache):
    assert writable(cache / "deep" / "deeper")


def test_names_depend_on_the_contents_and_on_all_else_but_not_on_the_path(tmp_path):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    one.write_bytes(b"network")
    same.write_bytes(b"network")
    other.write_bytes(b"another network")
    assert name_of(one, "2026.4", "bf16", 2) == name_of(same, "2026.4", "bf16", 2)
    names = {
        name_of(one),
        name_of(one, "2026.4", "bf16", 2),
        name_of(one, "2026.5", "bf16", 2),
        name_of(one, "2026.4", "f32", 2),
        name_of(one, "2026.4", "bf16", 1),
        name_of(other, "2026.4", "bf16", 2),
    }
    assert len(names) == 6
    assert name_of(tmp_path / "missing") is None


def test_processes_that_write_the_same_one_at_once_leave_one_whole_file(cache):
    code = (
        "from wisp.engine.compiled import Kept, write\n"
        "for _ in range(40): assert write('a', Kept(False, bytes(200_000)))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        if (cache / "a.compiled").exists():
            assert read("a") == Kept(False, bytes(200_000))
            seen += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen > 0
    assert [p.name for p in cache.iterdir()] == ["a.compiled"]
