"""Libraries are held to one thread, and have as many as before afterwards."""

import pytest

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
