"""The prior: what closed-form matting at half size gives, known pixels exact, regions that are missing."""

import warnings
from functools import partial

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.matting.classical import initial_alpha
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.classical.initial_alpha import estimate_initial_alpha


def scene(height, width):
    """A soft edge between two colours, and a trimap around it."""
    ramp = np.clip((np.arange(width, dtype=np.float32) - 0.35 * width) / (0.3 * width), 0, 1)
    alpha = np.broadcast_to(ramp, (height, width)).astype(np.float32)
    colours = np.array([0.9, 0.5, 0.2], np.float32), np.array([0.1, 0.3, 0.7], np.float32)
    image = alpha[..., None] * colours[0] + (1 - alpha[..., None]) * colours[1]
    trimap = np.full((height, width), 128, np.uint8)
    trimap[:, : int(0.3 * width)], trimap[:, int(0.7 * width) :] = 0, 255
    return image.astype(np.float32), alpha, trimap


@pytest.mark.parametrize("size", [(40, 60), (41, 61), (7, 33)])
def test_it_follows_the_colours_as_closed_form_does(size):
    image, alpha, trimap = scene(*size)
    found = estimate_initial_alpha(image, trimap)
    assert found.dtype == np.float32
    assert found.shape == size
    unknown = trimap == 128
    assert np.array_equal(found[~unknown], (trimap[~unknown] == 255).astype(np.float32))
    assert np.abs(found - alpha)[unknown].mean() < 0.03
    assert np.abs(found - closed_form(image, trimap).alpha)[unknown].mean() < 0.03


def test_it_lies_between_the_values_at_half_size():
    """Along a ramp of 18 columns every step is 1/18: four times as wide a step would be seen at half size."""
    image, _, trimap = scene(40, 60)
    steps = np.diff(estimate_initial_alpha(image, trimap)[20, 23:37])
    np.testing.assert_allclose(steps, 1 / 18, atol=1e-3)


@pytest.mark.parametrize("known", [0, 255, None])
def test_nothing_follows_from_one_region_alone(known):
    image, _, trimap = scene(9, 20)
    trimap[:] = 128
    if known is not None:
        trimap[:, :4] = known
    found = estimate_initial_alpha(image, trimap)
    assert (found[trimap == 128] == 0.5).all()
    assert (found[trimap != 128] == (known == 255)).all()


def test_one_pixel_and_nothing_unknown():
    assert estimate_initial_alpha(
        np.zeros((1, 1, 3), np.float32), np.full((1, 1), 128, np.uint8)
    ).tolist() == [[0.5]]
    assert estimate_initial_alpha(
        np.zeros((1, 1, 3), np.float32), np.full((1, 1), 255, np.uint8)
    ).tolist() == [[1.0]]


def test_sizes_that_differ_are_refused():
    image, _, trimap = scene(40, 60)
    with pytest.raises(InputError, match="trimap"):
        estimate_initial_alpha(image, trimap[1:])


def test_it_leaves_the_warnings_of_the_process_alone(monkeypatch):
    """Filters are one list for all threads: who exchanges it takes another's exchange back."""

    def exchange(*args, **kwargs):
        raise AssertionError("the process's warning filters were touched")

    monkeypatch.setattr(warnings, "catch_warnings", exchange)
    monkeypatch.setattr(warnings, "simplefilter", exchange)
    rng = np.random.default_rng(0)
    trimap = np.full((30, 40), 128, np.uint8)
    trimap[:2], trimap[-2:] = 0, 255
    image = rng.random((30, 40, 3), np.float32)
    monkeypatch.setattr(initial_alpha, "closed_form", partial(closed_form, max_iterations=1))
    alpha = initial_alpha.estimate_initial_alpha(image, trimap)
    assert 0 < alpha[trimap == 128].mean() < 1
