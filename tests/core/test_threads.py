"""Libraries are held to one thread, and have as many as before afterwards."""

from pathlib import Path

import pytest

import wisp
from wisp.core.threads import _OneThread, one_opencv_thread


def test_the_last_block_restores_the_number_of_threads():
    cv2 = pytest.importorskip("cv2")
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        with one_opencv_thread:
            with one_opencv_thread:
                assert cv2.getNumThreads() == 1
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_a_limit_that_cannot_be_set_is_tried_again():
    limits = []

    def limit():
        limits.append(None)
        if len(limits) == 1:
            raise OSError("not now")
        return lambda: limits.append("restored")

    block = _OneThread(limit)
    with pytest.raises(OSError, match="not now"), block:
        pass
    with block:
        assert limits == [None, None]
    assert limits == [None, None, "restored"]


def test_nothing_else_sets_the_threads_of_the_program():
    """OpenCV's number holds for all of the program, so that whoever sets it has to put it back."""
    setting = [
        path.name
        for path in Path(wisp.__file__).parent.rglob("*.py")
        if "setNumThreads" in path.read_text(encoding="utf-8")
    ]
    assert setting == ["threads.py"]
