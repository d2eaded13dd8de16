"""Ranges, conversions and checks of the arrays that everything else works on."""

import numpy as np
import pytest

from wisp.core.arrays import (
    Matte,
    check_alpha,
    check_image,
    check_same_size,
    check_trimap,
    from_float,
    linear_to_srgb,
    srgb_to_linear,
    to_float,
)
from wisp.core.errors import InputError


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16)])
def test_every_stored_value_comes_back(dtype, bits):
    stored = np.arange(2**bits, dtype=np.uint32).astype(dtype)
    values = to_float(stored)
    assert values.dtype == np.float32
    assert values[0] == 0
    assert values[-1] == 1
    assert (np.diff(values) > 0).all()
    back = from_float(values, bits)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, stored)


def test_eight_bits_within_sixteen():
    stored = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(from_float(to_float(stored), 16), stored.astype(np.uint16) * 257)


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (16, 65535)])
def test_values_are_clipped_and_rounded(bits, most):
    values = np.float32([-1, -1e-6, 0.5 / most - 1e-7, 1.6 / most, 1, 1.0001, 9, np.inf, -np.inf])
    assert from_float(values, bits).tolist() == [0, 0, 0, 2, most, most, most, most, 0]
    assert values[0] == -1  # the input is left alone


@pytest.mark.parametrize("shape", [(1, 1), (3, 5, 3), (0,), (2, 3, 4, 5)])
def test_any_shape(shape):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert to_float(from_float(values, 16)).shape == shape
    assert srgb_to_linear(values).shape == linear_to_srgb(values).shape == shape


@pytest.mark.parametrize("dtype", [np.int32, np.float32, bool])
def test_other_stored_types(dtype):
    with pytest.raises(InputError, match=r"pixels: are .*uint8 and uint16"):
        to_float(np.zeros((2, 2), dtype))


def test_linear_light_against_the_standard():
    """IEC 61966-2-1: its break points and two values worked out by hand from its formula."""
    encoded = np.float32([0, 0.04045, 0.5, 1])
    np.testing.assert_allclose(srgb_to_linear(encoded), [0, 0.0031308, 0.21404114, 1], atol=2e-7)
    linear = np.float32([0, 0.0031308, 0.5, 1])
    np.testing.assert_allclose(linear_to_srgb(linear), [0, 0.04045, 0.73535698, 1], atol=2e-6)


def test_linear_light_and_back():
    encoded = np.linspace(0, 1, 10001, dtype=np.float32)
    back = linear_to_srgb(srgb_to_linear(encoded))
    assert back.dtype == srgb_to_linear(encoded).dtype == np.float32
    np.testing.assert_allclose(back, encoded, atol=1e-6)
    assert (np.diff(srgb_to_linear(encoded)) > 0).all()


class TestChecks:
    def test_good_ones_pass_through(self):
        image, alpha = np.zeros((1, 1, 3), np.float32), np.zeros((1, 1), np.float32)
        assert check_image(image) is image
        assert check_alpha(alpha) is alpha
        check_same_size("alpha", alpha, "image", image)

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((2, 2, 3)),
            np.zeros((2, 2, 3), np.uint8),
            np.zeros((2, 2, 4), np.float32),
            np.zeros((2, 2), np.float32),
            np.zeros((0, 2, 3), np.float32),
        ],
    )
    def test_bad_image(self, image):
        with pytest.raises(InputError) as caught:
            check_image(image, "photo.jpg")
        assert str(caught.value).startswith(f"photo.jpg: is {image.dtype} {image.shape}; float32 (H, W, 3)")

    @pytest.mark.parametrize(
        "alpha",
        [
            np.zeros((2, 2)),
            np.zeros((2, 2, 1), np.float32),
            np.zeros((2, 0), np.float32),
            np.zeros((2, 2), bool),
        ],
    )
    def test_bad_alpha(self, alpha):
        with pytest.raises(InputError, match=r"alpha: is .*; float32 \(H, W\)"):
            check_alpha(alpha)

    def test_trimap_values(self):
        trimap = np.array([[0, 127, 128, 129, 255]], np.uint8)
        assert check_trimap(trimap).tolist() == [[0, 128, 128, 128, 255]]
        assert check_trimap(trimap).dtype == np.uint8
        assert trimap[0, 1] == 127

    @pytest.mark.parametrize("value", [1, 126, 130, 254])
    def test_odd_trimap_values(self, value):
        trimap = np.zeros((3, 4), np.uint8)
        trimap[1, 2], trimap[2, 0] = value, 77
        with pytest.raises(
            InputError, match=f"t.png: has the value {value} at row 1, column 2; 0 .*128 .*255"
        ):
            check_trimap(trimap, "t.png")

    @pytest.mark.parametrize(
        "trimap", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 3), np.uint8), np.zeros((0, 0), np.uint8)]
    )
    def test_bad_trimap(self, trimap):
        with pytest.raises(InputError, match=r"trimap: is .*; uint8"):
            check_trimap(trimap)

    def test_other_size(self):
        with pytest.raises(InputError, match=r"t.png: is 3×2; the size of the image, 5×4, is accepted"):
            check_same_size("t.png", np.zeros((2, 3)), "image", np.zeros((4, 5, 3)))


class TestMatte:
    def test_rgba(self):
        rng = np.random.default_rng(1)
        matte = Matte(rng.random((3, 5), dtype=np.float32), rng.random((3, 5, 3), dtype=np.float32))
        rgba = matte.rgba()
        assert rgba.dtype == np.float32
        np.testing.assert_array_equal(rgba[..., :3], matte.foreground)
        np.testing.assert_array_equal(rgba[..., 3], matte.alpha)
        assert not matte.empty

    def test_empty(self):
        assert Matte(np.zeros((1, 1), np.float32), np.ones((1, 1, 3), np.float32)).empty

    def test_parts_that_do_not_fit(self):
        alpha = np.zeros((2, 2), np.float32)
        with pytest.raises(InputError, match="foreground: is 3×2; the size of the alpha, 2×2"):
            Matte(alpha, np.zeros((2, 3, 3), np.float32))
        with pytest.raises(InputError, match="foreground: is float64"):
            Matte(alpha, np.zeros((2, 2, 3)))
        with pytest.raises(InputError, match="alpha: is"):
            Matte(np.zeros((2, 2)), np.zeros((2, 2, 3), np.float32))
