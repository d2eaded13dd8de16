"""Libraries are held to one thread, and have as many as before afterwards."""

import pytest

from wisp.core.threads import one_opencv_thread


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
