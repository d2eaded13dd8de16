import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.evaluation.colours import colour_error


def test_only_soft_pixels_count():
    alpha = np.array([[0, 0.05, 0.5, 0.94, 1]], np.float32)
    truth = np.full((1, 5, 3), 0.5, np.float32)
    prediction = truth + np.array([0.5, 0.5, 0.1, 0.3, 0.5], np.float32)[None, :, None]
    assert colour_error(prediction, truth, alpha) == pytest.approx(255 * 0.2, rel=1e-5)
    assert colour_error(truth, truth, alpha) == 0


@pytest.mark.parametrize("value", [0.0, 1.0, 0.05, 0.95])
def test_without_a_soft_pixel_there_is_nothing_to_tell(value):
    picture = np.zeros((1, 1, 3), np.float32)
    assert colour_error(picture, picture, np.full((1, 1), value, np.float32)) is None


def test_other_sizes_are_refused():
    picture = np.zeros((2, 3, 3), np.float32)
    with pytest.raises(InputError, match="prediction"):
        colour_error(picture[:1], picture, np.zeros((2, 3), np.float32))
    with pytest.raises(InputError, match="alpha"):
        colour_error(picture, picture, np.zeros((2, 2), np.float32))
