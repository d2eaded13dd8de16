"""Ranges, conversions and checks of the arrays that everything else works on."""

import importlib
import pkgutil
import re
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from wisp.core.arrays import (
    Matte,
    TrimapWarning,
    as_alpha,
    as_image,
    as_mask,
    as_photo,
    as_trimap,
    check_above_zero,
    check_alpha,
    check_at_least,
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
        with pytest.raises(InputError, match="foreground: is int64"):
            Matte(alpha, np.zeros((2, 2, 3), np.int64))
        with pytest.raises(InputError, match="alpha: is"):
            Matte(np.zeros((2, 2), complex), np.zeros((2, 2, 3), np.float32))

    @pytest.mark.parametrize("value", [np.nan, np.inf, 255, -1])
    def test_values_that_no_matte_has(self, value):
        alpha, foreground = np.zeros((2, 2), np.float32), np.zeros((2, 2, 3), np.float32)
        with pytest.raises(InputError, match="alpha: "):
            Matte(np.full_like(alpha, value), foreground)
        with pytest.raises(InputError, match="foreground: "):
            Matte(alpha, np.full_like(foreground, value))

    def test_what_is_converted(self):
        matte = Matte(np.full((2, 2), 255, np.uint8), np.full((2, 2, 3), 0.5))
        assert matte.alpha.dtype == matte.foreground.dtype == np.float32
        assert matte.alpha.min() == 1

    def test_a_matte_is_equal_to_itself_alone(self):
        alpha, foreground = np.zeros((2, 2), np.float32), np.zeros((2, 2, 3), np.float32)
        one, other = Matte(alpha, foreground), Matte(alpha.copy(), foreground.copy())
        assert one != other
        assert len({one, other}) == 2


class TestConversions:
    def test_the_inner_form_is_passed_on_as_it_is(self):
        image, alpha = np.zeros((2, 3, 3), np.float32), np.ones((2, 3), np.float32)
        trimap = np.array([[0, 128, 255]], np.uint8)
        assert as_image(image) is image
        assert as_alpha(alpha) is alpha
        assert as_mask(alpha) is alpha
        assert as_trimap(trimap) is trimap

    @pytest.mark.parametrize(
        ("kind", "most"), [(np.uint8, 255), (np.uint16, 65535), (np.float16, 1), (float, 1)]
    )
    def test_every_kind_counts_to_its_largest(self, kind, most):
        values = np.array([[0, most]], kind)
        for convert in (as_alpha, as_mask):
            assert convert(values).tolist() == [[0, 1]]
            assert convert(values[..., None]).dtype == np.float32
        assert as_image(values).tolist() == [[[0, 0, 0], [1, 1, 1]]]
        assert as_trimap(values).tolist() == [[0, 255]]

    @pytest.mark.parametrize("kind", [">u2", "<u2", ">f4", "<f8"])
    def test_either_byte_order(self, kind):
        values = np.array([[0, 1]]) * (65535 if "u" in kind else 1)
        found = as_alpha(values.astype(kind))
        assert found.tolist() == [[0, 1]]
        assert found.dtype.isnative

    def test_rounding_of_half_precision_is_clipped(self):
        values = np.array([[-0.0005, 1.0005]])
        assert as_alpha(values).tolist() == [[0, 1]]

    @pytest.mark.parametrize("convert", [as_image, as_photo, as_alpha, as_mask, as_trimap])
    @pytest.mark.parametrize(
        ("values", "told"),
        [
            (None, "x: is None; an array is accepted"),
            ([[0.5]], r"x: is a list; an array is accepted \(numpy.asarray makes one\)"),
            ("a.png", "x: is the text 'a.png'"),
            (np.zeros((2, 2), np.int64), r"x: is int64 \(2, 2\); uint8 of 0 to 255.*x.astype\(numpy.uint8\)"),
            (np.zeros((2, 2), object), "x: is object"),
            (np.zeros((0, 2), np.float32), "x: is float32"),
            (np.zeros(4, np.float32), "x: is float32"),
            (np.full((2, 2), np.nan, np.float32), "x: holds nan at row 0, column 0"),
            (np.array([[0, np.inf]]), "x: holds inf at row 0, column 1"),
            (np.array([[0, 1.01]]), "x: has values from 0 to 1.01"),
            (np.array([[-0.1, 1]]), "x: has values from -0.1 to 1"),
            (np.array([[0, 255.0]]), r"x: has values from 0 to 255; .*uint8 counts from 0 to 255"),
        ],
    )
    def test_what_is_no_such_array(self, convert, values, told):
        with pytest.raises(InputError, match=told):
            convert(values, "x")

    def test_whatever_offers_itself_as_an_array(self):
        values = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

        class Lent:
            def __dlpack__(self, *args, **options):
                return values.__dlpack__(*args, **options)

            def __dlpack_device__(self):
                return values.__dlpack_device__()

        class Asked:
            def __array__(self, *args, **options):
                return values

        for source in (Lent(), Asked(), np.ma.masked_array(values, False)):
            np.testing.assert_array_equal(as_image(source), to_float(values))

    @pytest.mark.parametrize(
        "error",
        [RuntimeError("requires grad\nand more"), TypeError("requires grad"), BufferError("requires grad")],
    )
    def test_what_its_own_package_does_not_hand_out(self, error):
        class Kept:
            def __array__(self, *args, **options):
                raise error

        told = (
            r"^mask: is a Kept that NumPy cannot read \(requires grad\); an array in main memory is accepted$"
        )
        with pytest.raises(InputError, match=told):
            as_mask(Kept())

    def test_a_tensor_with_gradients(self):
        torch = pytest.importorskip("torch")
        with pytest.raises(InputError, match=r"image: is a Tensor that NumPy cannot read .*grad"):
            as_image(torch.zeros(2, 2, 3, requires_grad=True))

    def test_hidden_values_are_not_taken(self):
        hidden = np.ma.masked_array(np.zeros((2, 2), np.float32), [[False, True], [False, False]])
        with pytest.raises(InputError, match=r"alpha: is a masked array that hides values; alpha\.filled"):
            as_alpha(hidden)

    def test_channels(self):
        with pytest.raises(InputError, match=r"photo: is float32 \(2, 2, 4\); .*photo\[..., :3\]"):
            as_image(np.zeros((2, 2, 4), np.float32), "photo")
        with pytest.raises(InputError, match=r"m: is float32 \(2, 2, 3\); .*m\[..., 0\]"):
            as_mask(np.zeros((2, 2, 3), np.float32), "m")
        for channels in (2, 4):
            rgba = np.zeros((2, 2, channels), np.uint8)
            rgba[..., -1] = 51
            image, alpha = as_photo(rgba)
            assert image.shape == (2, 2, 3)
            assert alpha.tolist() == [[pytest.approx(0.2)] * 2] * 2

    @pytest.mark.parametrize(
        ("kind", "largest", "told"),
        [
            (np.uint8, 1, "is 1 of 255"),
            (np.uint8, 127, "is 127 of 255"),
            (np.uint16, 255, "is 255 of 65535"),
        ],
    )
    def test_labels_in_the_place_of_a_mask(self, kind, largest, told):
        with pytest.raises(
            InputError, match=f"m: holds labels or is too dark: its largest value {told}; mask"
        ):
            as_mask(np.array([[0, largest]], kind), "m")

    def test_a_mask_of_nothing_is_one(self):
        assert as_mask(np.zeros((2, 2), np.uint8)).max() == 0
        assert as_alpha(np.zeros((2, 2), np.uint16)).max() == 0

    def test_alpha_may_be_faint_but_not_labels(self):
        assert as_alpha(np.array([[0, 40]], np.uint8)).max() == pytest.approx(40 / 255)
        for labels in (np.array([[0, 1]], np.uint8), np.array([[0, 255]], np.uint16)):
            with pytest.raises(InputError, match="alpha: holds labels or is too dark"):
                as_alpha(labels)

    def test_a_painted_trimap(self):
        painted = np.array([[0, 3, 25, 26, 102, 128, 229, 230, 254, 255]], np.uint8)
        with pytest.warns(TrimapWarning, match="t: 70.00% of its pixels are other greys than 0, 128 and 255"):
            trimap = as_trimap(painted, "t")
        assert trimap.tolist() == [[0, 0, 0, 128, 128, 128, 128, 255, 255, 255]]

    @pytest.mark.parametrize("kind", [np.uint16, np.float32])
    def test_the_three_greys_of_other_kinds(self, kind):
        levels = {np.uint16: [[0, 32768, 65535, 32896]], np.float32: [[0, 0.5, 1, 128 / 255]]}[kind]
        assert as_trimap(np.array(levels, kind)).tolist() == [[0, 128, 255, 128]]

    @pytest.mark.parametrize("labels", [[0, 1, 2], [1, 2, 3], [0, 0, 1], [0, 10, 20]])
    @pytest.mark.parametrize("kind", [np.uint8, np.uint16])
    def test_labels_in_the_place_of_a_trimap(self, labels, kind):
        with pytest.raises(
            InputError, match=f"t: holds labels or is too dark: its largest value is {max(labels)} of"
        ):
            as_trimap(np.array([labels], kind), "t")

    def test_a_trimap_with_nothing_unknown_or_nothing_at_all(self):
        assert as_trimap(np.array([[0, 255]], np.uint8)).tolist() == [[0, 255]]
        assert as_trimap(np.zeros((1, 2), np.uint8)).tolist() == [[0, 0]]
        with pytest.raises(InputError, match="trimap: is bool"):
            as_trimap(np.zeros((1, 2), bool))


@pytest.mark.parametrize("value", [0, -1.5, np.float32("nan"), True, "three", None])
def test_numbers_below_a_limit_are_refused_with_what_is_accepted(value):
    with pytest.raises(InputError, match=r"rays: is .*; 1 and above is accepted"):
        check_at_least(1, turns=1, rays=value)
    with pytest.raises(InputError, match=r"sigma: is .*; a number above zero is accepted"):
        check_above_zero(sigma=value)


def test_numbers_from_a_limit_on_are_accepted():
    check_at_least(1, rays=1, turns=np.int64(7), size=np.float32(1.5))
    check_above_zero(sigma=1e-300)


def test_what_holds_arrays_compares_by_identity():
    """Comparing arrays gives arrays, which are no answer, and they have no hash."""
    words = "Alpha|Image|Float|Mask|Trimap|Foreground|Background|Stored|NDArray|Matte|Pixels"
    arrays = re.compile(rf"\b({words})\b(?!.*Callable)")
    found = []
    for room in ("core", "io", "matting", "keying", "compositing", "clips"):
        package = importlib.import_module(f"wisp.{room}")
        names = [module.name for module in pkgutil.walk_packages(package.__path__, f"wisp.{room}.")]
        for name in [*names, "wisp.pipeline"]:
            for value in vars(importlib.import_module(name)).values():
                if not (isinstance(value, type) and is_dataclass(value) and value.__module__ == name):
                    continue
                if any(arrays.search(str(field.type)) for field in fields(value)):
                    found.append(value.__name__)
                    assert value.__eq__ is object.__eq__, value
    assert {"Matte", "Solution", "State", "Result", "Photo", "Frame", "Layers"} <= set(found)
