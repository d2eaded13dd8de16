"""Files that appear whole, together, or not at all."""

import errno
import io
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.io.atomic import atomic_paths, check_output, same_file, write_files
from wisp.io.images import write_image


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def disk_of(size):
    """No file grows past `size` bytes: the system's own error, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestAtomicPaths:
    def test_all_appear(self, tmp_path):
        finals = [tmp_path / "a.png", tmp_path / "b.onnx"]
        with atomic_paths(finals) as stand_ins:
            for stand_in, final in zip(stand_ins, finals, strict=True):
                assert stand_in.parent == tmp_path
                assert stand_in.suffix == final.suffix
                stand_in.write_text(final.name)
            assert not any(final.exists() for final in finals)
        assert names(tmp_path) == ["a.png", "b.onnx"]
        assert [final.read_text() for final in finals] == ["a.png", "b.onnx"]

    def test_usual_permissions(self, tmp_path):
        (tmp_path / "plain").touch()
        write_files({str(tmp_path / "a"): b"x"})
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
    def test_none_appears_after_an_error_in_the_block(self, tmp_path, error):
        old = tmp_path / "a"
        old.write_text("old")
        with pytest.raises(error), atomic_paths([old, tmp_path / "b"], overwrite=True) as stand_ins:  # noqa: PT012
            stand_ins[0].write_text("new")
            raise error
        assert names(tmp_path) == ["a"]
        assert old.read_text() == "old"

    @pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
    @pytest.mark.parametrize("failing", range(5))
    def test_everything_is_put_back_when_a_rename_fails(self, tmp_path, monkeypatch, failing, error):
        """Three files, two of them there before: two renames aside, three to the final names."""
        finals = [tmp_path / name for name in "abc"]
        for final in finals[:2]:
            final.write_text("old")
        rename, calls = Path.replace, []

        def flaky(self, target):
            calls.append(target)
            if len(calls) - 1 == failing:
                raise error
            return rename(self, target)

        with (  # noqa: PT012
            pytest.raises((InputError, KeyboardInterrupt)),
            atomic_paths(finals, overwrite=True) as stand_ins,
        ):
            for stand_in in stand_ins:
                stand_in.write_text("new")
            monkeypatch.setattr(Path, "replace", flaky)
        assert len(calls) > failing
        assert names(tmp_path) == ["a", "b"]
        assert [final.read_text() for final in finals[:2]] == ["old", "old"]

    def test_overwrite_of_several(self, tmp_path):
        for name in "ab":
            (tmp_path / name).write_text("old")
        write_files({str(tmp_path / name): b"new" for name in "abc"}, overwrite=True)
        assert names(tmp_path) == ["a", "b", "c"]
        assert {path.read_text() for path in tmp_path.iterdir()} == {"new"}

    def test_a_stand_in_that_was_never_written(self, tmp_path):
        with (
            pytest.raises(InputError, match="b: No such file"),
            atomic_paths([tmp_path / "a", tmp_path / "b"]) as s,
        ):
            s[0].write_text("x")
        assert names(tmp_path) == []

    def test_a_file_that_appears_meanwhile_is_kept(self, tmp_path):
        final = tmp_path / "a"
        with pytest.raises(InputError, match="a: appeared while"), atomic_paths([final]) as stand_ins:  # noqa: PT012
            stand_ins[0].write_text("mine")
            final.write_text("theirs")
        assert final.read_text() == "theirs"
        assert names(tmp_path) == ["a"]

    def test_links_are_followed(self, tmp_path):
        real, link = tmp_path / "real", tmp_path / "link"
        real.write_text("old")
        link.symlink_to(real)
        write_files({str(link): b"new"}, overwrite=True)
        assert link.is_symlink()
        assert real.read_text() == "new"

    def test_same_file_twice(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "a")
        with (
            pytest.raises(InputError, match="named for two outputs"),
            atomic_paths([tmp_path / "a", tmp_path / "link"]),
        ):
            pass

    def test_errors_of_other_files_are_left_alone(self, tmp_path):
        with pytest.raises(FileNotFoundError), atomic_paths([tmp_path / "a"]):
            (tmp_path / "elsewhere").read_bytes()

    @pytest.mark.skipif(not Path("/dev/null").exists(), reason="no /dev/null here")
    def test_devices_are_written_to_and_not_replaced(self):
        write_files({"/dev/null": b"x"})
        assert Path("/dev/null").is_char_device()


class TestDiskFull:
    def test_one_line_with_the_final_name(self, tmp_path):
        with disk_of(1000), pytest.raises(InputError) as caught:
            write_image(tmp_path / "a.png", np.random.default_rng(0).random((64, 64, 3), dtype=np.float32))
        assert str(caught.value) == f"{tmp_path / 'a.png'}: File too large"
        assert names(tmp_path) == []

    def test_old_files_stay(self, tmp_path):
        (tmp_path / "b").write_text("old")
        with disk_of(1000), pytest.raises(InputError, match="b: File too large"):
            write_files({str(tmp_path / "a"): b"x", str(tmp_path / "b"): bytes(5000)}, overwrite=True)
        assert names(tmp_path) == ["b"]
        assert (tmp_path / "b").read_text() == "old"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
    def test_device(self):
        with pytest.raises(InputError, match="/dev/full: No space left on device"):
            write_files({"/dev/full": b"x"})

    def test_in_the_block(self, tmp_path):
        with (
            disk_of(1000),
            pytest.raises(InputError, match="a: File too large"),
            atomic_paths([tmp_path / "a"]) as s,
        ):
            s[0].write_bytes(bytes(5000))
        assert names(tmp_path) == []


def test_interrupted_process_leaves_nothing(tmp_path):
    (tmp_path / "a").write_text("old")
    code = f"""
        import time
        from wisp.io.atomic import atomic_paths
        with atomic_paths([{str(tmp_path / "a")!r}, {str(tmp_path / "b")!r}], overwrite=True) as stand_ins:
            for path in stand_ins:
                path.write_text("new")
            print("ready", flush=True)
            time.sleep(60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        assert len(names(tmp_path)) == 3
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) != 0
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


class TestCheckOutput:
    def test_fine(self, tmp_path):
        check_output(tmp_path / "a.png")
        check_output("-")
        (tmp_path / "a.png").touch()
        check_output(tmp_path / "a.png", overwrite=True, inputs=[tmp_path / "b.png", "-"])

    def test_existing(self, tmp_path):
        (tmp_path / "a.png").touch()
        with pytest.raises(InputError, match=r"a.png: exists already; --overwrite"):
            check_output(tmp_path / "a.png")

    def test_missing_parent(self, tmp_path):
        with pytest.raises(InputError, match=r"the folder .*none does not exist"):
            check_output(tmp_path / "none" / "a.png")

    def test_folder(self, tmp_path):
        with pytest.raises(InputError, match="is a folder"):
            check_output(tmp_path, overwrite=True)

    def test_read_only_folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(InputError, match=r"a.png: the folder .* cannot be written to"):
            check_output(tmp_path / "a.png")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_read_only_folder_for_real(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(InputError, match="cannot be written to"):
            check_output(tmp_path / "a.png")

    @pytest.mark.parametrize("how", ["same", "dotted", "symbolic", "hard"])
    def test_inputs_are_never_overwritten(self, tmp_path, how):
        photo = tmp_path / "a.png"
        photo.write_text("photo")
        output = {"dotted": tmp_path / "." / ".." / tmp_path.name / "a.png"}.get(how, tmp_path / f"{how}.png")
        if how == "same":
            output = photo
        elif how == "symbolic":
            output.symlink_to(photo)
        elif how == "hard":
            output.hardlink_to(photo)
        with pytest.raises(InputError, match="is an input; inputs are never overwritten"):
            check_output(output, overwrite=True, inputs=[photo])

    def test_same_file(self, tmp_path):
        assert same_file(tmp_path / "none", f"{tmp_path}/x/../none")
        assert not same_file(tmp_path / "none", tmp_path / "other")


class TestStandardOutput:
    def test_terminal(self, monkeypatch):
        terminal = io.TextIOWrapper(io.BytesIO())
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdout", terminal)
        with pytest.raises(InputError, match="standard output is a terminal"):
            write_files({"-": b"x"})

    def test_closed_by_its_reader(self, tmp_path, monkeypatch):
        class Closed(io.RawIOBase):
            def writable(self):
                return True

            def write(self, data):
                raise BrokenPipeError(32, "Broken pipe")

        stream = io.TextIOWrapper(Closed())
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(InputError, match="-: standard output: Broken pipe"):
            write_files({"-": b"x", str(tmp_path / "alpha.png"): b"y"})
        assert names(tmp_path) == []


def test_contents_are_on_the_disk_before_they_take_their_names(tmp_path, monkeypatch):
    steps = []
    real = {"fsync": os.fsync, "replace": Path.replace}

    def fsync(handle):
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real["fsync"](handle)

    def replace(self, target):
        steps.append("name")
        return real["replace"](self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_files({str(tmp_path / "a"): b"1", str(tmp_path / "b"): b"2"})
    first = steps.index("name")
    assert steps[:first].count("file") >= 2
    assert steps[first:] == ["name", "name", "folder"]


def test_file_systems_that_cannot_sync_are_no_error(tmp_path, monkeypatch):
    def unable(handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", unable)
    write_files({str(tmp_path / "a"): b"1"})
    assert (tmp_path / "a").read_bytes() == b"1"


def test_a_disk_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")

    def failing(handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(InputError, match="Input/output error"):
        write_files({str(tmp_path / "a"): b"new"}, overwrite=True)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
