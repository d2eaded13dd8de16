"""What is loaded is loaded once, anew where another file lies there, and let go of when asked to."""

import gc
import os
import shutil
import threading
import weakref

import numpy as np
import pytest

import wisp
from tiny_networks import write_portrait, write_segmenter
from wisp.core.errors import InputError
from wisp.engine.engine import ENGINE
from wisp.engine.families.segmenter import segment
from wisp.engine.loaded import LIMIT, Loaded
from wisp.engine.models import find_model

DARK = np.full((32, 32, 3), 0.2, np.float32)


class TestSegmenters:
    def test_a_network_is_loaded_once(self, tmp_path):
        file = write_segmenter(tmp_path / "tiny.onnx")
        assert ENGINE.session_of(find_model(file)) is ENGINE.session_of(find_model(file))

    def test_another_network_under_the_same_name_is_loaded_anew(self, tmp_path):
        file = write_segmenter(tmp_path / "tiny.onnx")
        assert segment(DARK, model=file).max() < 0.1
        write_segmenter(tmp_path / "other.onnx", bias=30.0)
        times = file.stat()
        shutil.copy(tmp_path / "other.onnx", file)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert segment(DARK, model=file).min() > 0.9

    def test_one_of_another_kind_is_told_at_once(self, tmp_path):
        file = write_segmenter(tmp_path / "tiny.onnx")
        segment(DARK, model=file)
        write_portrait(file)
        with pytest.raises(InputError, match=r"tiny\.onnx: is no segmentation network"):
            segment(DARK, model=file)

    def test_a_path_means_another_file_in_another_folder(self, tmp_path, monkeypatch):
        for folder, bias in (("dark", 0.0), ("bright", 30.0)):
            (tmp_path / folder).mkdir()
            write_segmenter(tmp_path / folder / "tiny.onnx", bias=bias)
        found = []
        for folder in ("dark", "bright"):
            monkeypatch.chdir(tmp_path / folder)
            found.append(float(segment(DARK, model="tiny.onnx").mean()))
        assert found[0] < 0.1
        assert found[1] > 0.9

    def test_networks_are_let_go_of(self, tmp_path):
        file = write_segmenter(tmp_path / "tiny.onnx")
        session = weakref.ref(ENGINE.session_of(find_model(file)))
        gc.collect()
        assert session() is not None
        wisp.release_networks()
        gc.collect()
        assert session() is None
        assert segment(DARK, model=file).max() < 0.1


class TestLoaded:
    def test_no_more_than_so_many_are_kept(self, tmp_path):
        loaded, made = Loaded(), []
        for name in range(LIMIT + 1):
            loaded.get((tmp_path,), name, lambda: made.append(None) or object())
        loaded.get((tmp_path,), LIMIT, object)
        assert len(made) == LIMIT + 1
        loaded.get((tmp_path,), 0, lambda: made.append(None) or object())
        assert len(made) == LIMIT + 2

    def test_threads_that_want_the_same_wait_for_the_first_and_others_do_not(self, tmp_path):
        loaded, begun, may_end = Loaded(), threading.Event(), threading.Event()

        def slow():
            begun.set()
            assert may_end.wait(10)
            return "slow"

        results = []
        threads = [
            threading.Thread(target=lambda: results.append(loaded.get((tmp_path,), "a", slow)))
            for _ in range(3)
        ]
        threads[0].start()
        assert begun.wait(10)
        for thread in threads[1:]:
            thread.start()
        assert loaded.get((tmp_path,), "b", lambda: "quick") == "quick"
        may_end.set()
        for thread in threads:
            thread.join(10)
        assert results == ["slow"] * 3

    def test_what_fails_is_not_kept(self, tmp_path):
        loaded = Loaded()

        def fail():
            raise InputError("x", "is bad")

        with pytest.raises(InputError):
            loaded.get((tmp_path,), "a", fail)
        assert loaded.get((tmp_path,), "a", lambda: 7) == 7
