"""Pictures that other programs write: each reads as the photo that it shows, and goes out like it."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from wisp.core.arrays import Matte
from wisp.core.errors import InputError, MissingExtraError
from wisp.io.images import read_photo, write_image
from wisp.io.profiles import ProfileWarning

CASES = Path(__file__).parent / "data/cases"


def picture(name, **options):
    return read_photo(CASES / name, **options)


def reference(name="reference.png"):
    return picture(name).image


def difference(image, other):
    """Mean difference in steps of 255."""
    return float(np.abs(image - other).mean()) * 255


def opaque(photo):
    return Matte(np.ones(photo.image.shape[:2], np.float32), photo.image)


COLOURS = {
    "chrm-adobe.png": 1,
    "cicp-display-p3.png": 1,
    "cicp-pq-16bit.png": 1,
    "cicp-wins-over-iccp.png": 1,
    "gama-linear-16bit.png": 1,
    "nclx-display-p3.avif": 3,
    "nclx-pq-10bit.avif": 3,
    "cielab-8bit.tif": 1,
}


class TestColours:
    @pytest.mark.parametrize("name", COLOURS)
    def test_the_photo_is_read_in_its_own_colours(self, name):
        assert difference(picture(name).image, reference()) < COLOURS[name]

    @pytest.mark.parametrize("suffix", ["png", "tif", "webp", "avif"])
    @pytest.mark.parametrize("name", COLOURS)
    def test_the_cut_out_looks_like_the_photo(self, tmp_path, name, suffix):
        photo = picture(name)
        path = tmp_path / f"out.{suffix}"
        write_image(path, opaque(photo), like=photo)
        again = read_photo(path)
        assert difference(again.image, reference()) < COLOURS[name] + (1.5 if suffix == "avif" else 0)
        assert again.icc_profile is not None

    def test_pixels_keep_their_values_when_nothing_but_transparency_is_added(self, tmp_path):
        photo = picture("display-p3-saturated.png")
        write_image(tmp_path / "out.png", opaque(photo), like=photo)
        again = read_photo(tmp_path / "out.png")
        assert again.icc_profile == photo.icc_profile
        np.testing.assert_array_equal(again.encoded, photo.encoded)

    @pytest.mark.parametrize("suffix", ["png", "tif", "webp", "avif", "jpg"])
    def test_grey_profile(self, tmp_path, suffix):
        photo = picture("grey-profile.jpg")
        truth = reference("grey-profile.reference.png")
        path = tmp_path / f"out.{suffix}"
        write_image(path, photo.image if suffix == "jpg" else opaque(photo), like=photo)
        assert difference(read_photo(path).image, truth) < 3

    def test_a_profile_that_cannot_be_used_is_told(self, tmp_path):
        with pytest.warns(ProfileWarning, match=r"profile-without-curves.jpg: its ICC profile .* is ignored"):
            photo = picture("profile-without-curves.jpg")
        assert photo.icc_profile is None
        assert difference(photo.image, reference()) < 3
        write_image(tmp_path / "out.png", opaque(photo), like=photo)
        assert read_photo(tmp_path / "out.png").icc_profile is None


class TestPages:
    def test_the_whole_picture_of_a_grid_and_not_its_tiles(self):
        for page in (None, 1):
            assert (
                difference(
                    picture("grid-tiles-listed.avif", page=page).image, reference("grid.reference.png")
                )
                < 3
            )
        with pytest.raises(InputError, match=r"has no page 2; --page 1 takes its first"):
            picture("grid-tiles-listed.avif", page=2)

    def test_the_primary_picture_when_no_page_is_named(self):
        pytest.importorskip("pi_heif")
        name = "two-pictures-second-is-primary.heic"
        first, second = (picture(name, page=page).image for page in (1, 2))
        np.testing.assert_array_equal(picture(name).image, second)
        assert difference(first, second) > 10

    @pytest.mark.parametrize("name", ["thumbnail-as-page-2.tif", "mask-as-page-2.tif", "pyramid.tif"])
    def test_reduced_pictures_and_masks_are_no_pages(self, name):
        for page in (None, 1):
            np.testing.assert_array_equal(picture(name, page=page).image, reference())
        with pytest.raises(InputError, match="has no page 2"):
            picture(name, page=2)


class TestKinds:
    @pytest.mark.parametrize(
        ("name", "most"),
        [("int16.tif", 1), ("planar-tiled.tif", 0), ("picture.gif", 3), ("no-end-marker.jpg", 3)],
    )
    def test_read(self, name, most):
        assert difference(picture(name).image, reference()) <= most

    @pytest.mark.parametrize("name", ["picture.bmp", "picture.ppm"])
    def test_bitmaps(self, name):
        halved = reference().reshape(80, 2, 60, 2, 3).mean((1, 3))
        assert difference(picture(name).image, halved) < 1.5

    @pytest.mark.parametrize("name", ["float32-encoded.tif", "float64.tif", "float16-linear.tif"])
    def test_floats_are_taken_as_encoded_which_is_told(self, name):
        with pytest.warns(ProfileWarning, match=f"{name}: floating-point samples without a profile"):
            photo = picture(name)
        assert photo.bits == 16
        encoded = {"float32-encoded.tif": reference(), "float64.tif": reference()[::2, ::2]}.get(name)
        if encoded is not None:
            np.testing.assert_allclose(photo.image, encoded, atol=1 / 65535)

    @pytest.mark.parametrize("name", ["zstd.tif", "lerc.tif", "jpeg2000.tif"])
    def test_rare_compressions(self, name):
        pytest.importorskip("imagecodecs")
        np.testing.assert_array_equal(picture(name).image, reference())

    def test_twelve_bits(self):
        pytest.importorskip("imagecodecs")
        grey = picture("grey12bit.tif")
        assert grey.bits == 16
        luma = reference() @ np.float32([0.299, 0.587, 0.114])
        assert difference(grey.image[..., 0], luma) < 1
        jpeg = picture("jpeg-12bit.jpg")
        assert jpeg.bits == 16
        assert difference(jpeg.image, reference()) < 3

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("lerc.tif", "a TIFF with LERC compression"),
            ("jpeg2000.tif", "a TIFF with JPEG 2000 compression"),
            ("zstd.tif", "a TIFF with Zstandard compression"),
            ("grey12bit.tif", "a TIFF with samples of 12 bits"),
            ("jpeg-12bit.jpg", "a JPEG of 12 bits a channel"),
        ],
    )
    def test_without_the_extra_it_is_told_what_is_in_the_file(self, monkeypatch, name, what):
        if name == "zstd.tif" and sys.version_info >= (3, 14):
            pytest.skip("Python itself reads Zstandard")
        monkeypatch.setitem(sys.modules, "imagecodecs", None)
        monkeypatch.delitem(sys.modules, "tifffile", raising=False)
        for module in [name for name in sys.modules if name.startswith("tifffile")]:
            monkeypatch.delitem(sys.modules, module)
        with pytest.raises(
            MissingExtraError, match=rf"{name}: reading {what} needs .*wisp-matting\[codecs\]"
        ):
            picture(name)

    def test_a_saved_selection_is_no_transparency(self):
        photo = picture("saved-selection-unspecified-extra.tif")
        assert photo.alpha is None
        np.testing.assert_array_equal(photo.image, reference())


def test_nothing_else_is_told():
    told = {"float32-encoded.tif", "float16-linear.tif", "float64.tif", "profile-without-curves.jpg"}
    rare = {"zstd.tif", "lerc.tif", "jpeg2000.tif", "grey12bit.tif", "jpeg-12bit.jpg"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in sorted(CASES.iterdir()):
            if path.name not in told | rare and path.suffix != ".heic":
                read_photo(path)
