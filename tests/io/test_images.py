"""Reading and writing pictures."""

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from png_files import chunk, one_bit_png
from wisp.core.arrays import Matte, TrimapWarning, to_float
from wisp.core.errors import InputError, MissingExtraError
from wisp.io.formats import FORMATS
from wisp.io.guidance import read_alpha, read_grey, read_mask, read_trimap
from wisp.io.images import Output, Photo, encode_image, read_photo, write_image, write_images
from wisp.io.profiles import as_vips, srgb_profile
from wisp.io.vips import libvips

DATA = Path(__file__).parent / "data"
rng = np.random.default_rng(7)


def stored(height, width, channels, dtype=np.uint8):
    return rng.integers(0, np.iinfo(dtype).max, (height, width, channels), endpoint=True).astype(dtype)


def smooth(height, width):
    """A photo that lossy formats keep well: float32 (H, W, 3)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([x / width, y / height, (x + y) / (width + height)]).astype(np.float32)


def png(array, **fields):
    """PNG bytes of a stored array, with EXIF when an orientation is given."""
    picture = as_vips(array)
    for name, value in fields.items():
        picture.set_type(libvips().GValue.gint_type, name, value)
    return picture.pngsave_buffer(keep="exif" if fields else "none")


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestRead:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("shape", [(1, 1), (1, 7), (13, 1), (17, 23)])
    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_every_size_and_depth_is_exact(self, tmp_path, suffix, shape, dtype):
        array = stored(*shape, 4, dtype)
        saver = {"png": "pngsave_buffer", "tif": "tiffsave_buffer"}[suffix]
        photo = read_photo(put(tmp_path, f"a.{suffix}", getattr(as_vips(array), saver)(keep="none")))
        assert photo.bits == 8 * array.dtype.itemsize
        np.testing.assert_array_equal(photo.image, to_float(array[..., :3]))
        np.testing.assert_array_equal(photo.alpha, to_float(array[..., 3]))
        assert photo.image.dtype == photo.alpha.dtype == np.float32

    def test_grey_becomes_three_channels_and_keeps_its_alpha(self, tmp_path):
        array = stored(5, 4, 2)
        photo = read_photo(put(tmp_path, "a.png", png(array)))
        for channel in range(3):
            np.testing.assert_array_equal(photo.image[..., channel], to_float(array[..., 0]))
        np.testing.assert_array_equal(photo.alpha, to_float(array[..., 1]))

    def test_palette_and_one_bit(self, tmp_path):
        checks = np.where(np.indices((6, 9)).sum(0) % 2, 255, 0).astype(np.uint8)[..., None]
        palette = as_vips(np.repeat(checks, 3, axis=2)).pngsave_buffer(palette=True, keep="none")
        bilevel = as_vips(checks).pngsave_buffer(bitdepth=1, keep="none")
        fax = as_vips(checks).tiffsave_buffer(bitdepth=1, miniswhite=True, keep="none")
        for data in (palette, bilevel, fax):
            photo = read_photo(put(tmp_path, "a", data))
            np.testing.assert_array_equal(photo.image, np.repeat(to_float(checks), 3, axis=2))
            assert photo.alpha is None
            assert photo.bits == 8

    @pytest.mark.parametrize(
        ("orientation", "rows"),
        [
            (1, [[1, 2, 3], [4, 5, 6]]),
            (2, [[3, 2, 1], [6, 5, 4]]),
            (3, [[6, 5, 4], [3, 2, 1]]),
            (4, [[4, 5, 6], [1, 2, 3]]),
            (5, [[1, 4], [2, 5], [3, 6]]),
            (6, [[3, 6], [2, 5], [1, 4]]),
            (7, [[6, 3], [5, 2], [4, 1]]),
            (8, [[4, 1], [5, 2], [6, 3]]),
        ],
    )
    def test_orientation(self, tmp_path, orientation, rows):
        upright = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
        path = put(tmp_path, "a.png", png(np.array(rows, np.uint8)[..., None], orientation=orientation))
        np.testing.assert_array_equal(read_photo(path).image[..., 0], to_float(upright))
        # guidance is upright already, whatever a tag says
        np.testing.assert_array_equal(read_grey(path), to_float(np.array(rows, np.uint8)))

    def test_orientation_turns_the_resolution_too(self, tmp_path):
        picture = as_vips(stored(4, 6, 3)).copy(xres=10, yres=20)
        picture.set_type(libvips().GValue.gint_type, "orientation", 6)
        photo = read_photo(put(tmp_path, "a.jpg", picture.jpegsave_buffer(keep="exif")))
        assert photo.resolution == pytest.approx((20, 10), rel=1e-3)
        assert photo.image.shape == (6, 4, 3)

    def test_cmyk_without_a_profile(self, tmp_path):
        inks = np.zeros((8, 32, 4), np.uint8)
        inks[:, 8:16, 0] = inks[:, 16:24, 1] = 255
        inks[:, 24:, :] = 255
        data = (
            as_vips(inks)
            .copy(interpretation="cmyk")
            .jpegsave_buffer(Q=100, subsample_mode="off", keep="none")
        )
        photo = read_photo(put(tmp_path, "a.jpg", data))
        paper, cyan, magenta, black = (photo.image[4, 4 + 8 * i] for i in range(4))
        assert paper.min() > 0.97
        assert cyan[0] < 0.3
        assert 0.5 < cyan[1] < cyan[2]
        assert magenta[1] < 0.3
        assert magenta[0] > 0.7
        assert black.max() < 0.1
        assert photo.alpha is None

    @pytest.mark.parametrize("depth", [10, 12])
    def test_deep_avif_reaches_white(self, tmp_path, depth):
        ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None], 16, axis=0)
        data = as_vips(np.repeat(ramp, 3, axis=2)).heifsave_buffer(
            compression="av1", bitdepth=depth, lossless=True, keep="none"
        )
        photo = read_photo(put(tmp_path, "a.avif", data))
        assert photo.bits == 16
        assert photo.image[0, -1].tolist() == [1, 1, 1]
        np.testing.assert_allclose(photo.image[..., 0], to_float(ramp[..., 0]), atol=4 / 2**depth)

    def test_premultiplied_tiff_becomes_straight(self, tmp_path):
        colour = np.full((4, 4, 3), 200, np.uint8)
        array = np.dstack([colour, np.full((4, 4), 128, np.uint8)])
        data = as_vips(array).tiffsave_buffer(premultiply=True, compression="none", keep="none")
        assert bytes([100, 100, 100, 128]) in data
        photo = read_photo(put(tmp_path, "a.tif", data))
        np.testing.assert_allclose(photo.image, 200 / 255, atol=2 / 255)

    def test_suffix_does_not_matter(self, tmp_path):
        array = stored(3, 4, 3)
        np.testing.assert_array_equal(read_photo(put(tmp_path, "a.jpg", png(array))).image, to_float(array))

    def test_standard_input(self, monkeypatch):
        array = stored(3, 4, 3)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(png(array))))
        np.testing.assert_array_equal(read_photo("-").image, to_float(array))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_named_pipe(self, tmp_path):
        array = stored(3, 4, 3)
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["dd", f"of={pipe}", "status=none"], stdin=subprocess.PIPE) as feeder:
            feeder.stdin.write(png(array))
            feeder.stdin.close()
            np.testing.assert_array_equal(read_photo(pipe).image, to_float(array))


class TestRefuse:
    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (b"", "is empty"),
            (b"not a picture at all\n", "is not a picture"),
            (b"GIF89a" + bytes(40), "damaged or cut short"),
            (b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<I", 40), "damaged or cut short"),
            (b"P6\n4 4\n255\n", "damaged or cut short"),
            (b"8BPS\x00\x01", "is a Photoshop document"),
            (b"\xff\x4f\xff\x51\x00", "is a JPEG 2000"),
            (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "is a camera raw file"),
            (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01", "is a camera's raw file"),
            (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "is an SVG"),
            (b"%PDF-1.7\n", "is a PDF"),
            (b"\x89PNG\r\n\x1a\n", "damaged or cut short"),
            (b"\xff\xd8\xff", "damaged or cut short"),
            (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "damaged or cut short"),
            (b"II*\x00\xff\xff\xff\xff", "damaged or cut short"),
        ],
    )
    def test_what_is_no_picture(self, tmp_path, data, problem):
        with pytest.raises(
            InputError,
            match=f"fake.png: .*{problem}.*; .*JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP and PNM",
        ):
            read_photo(put(tmp_path, "fake.png", data))

    @pytest.mark.parametrize("kind", ["jpeg", "progressive", "png", "tiff", "webp", "avif"])
    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
    def test_cut_short(self, tmp_path, kind, share):
        picture = as_vips((smooth(64, 80) * 255).astype(np.uint8))
        data = {
            "jpeg": picture.jpegsave_buffer,
            "progressive": lambda: picture.jpegsave_buffer(interlace=True),
            "png": picture.pngsave_buffer,
            "tiff": picture.tiffsave_buffer,
            "webp": picture.webpsave_buffer,
            "avif": lambda: picture.heifsave_buffer(compression="av1"),
        }[kind]()
        assert read_photo(put(tmp_path, "whole", data)).image.shape == (64, 80, 3)
        with pytest.raises(InputError, match="half: is damaged or cut short"):
            read_photo(put(tmp_path, "half", data[: int(len(data) * share)]))

    def test_pixel_limit_is_checked_on_the_header(self, tmp_path):
        bomb = put(tmp_path, "bomb.png", one_bit_png(12000))
        with pytest.raises(InputError, match=r"bomb.png: is 12000×12000.*at most 100 000 000 .*--max-pixels"):
            read_photo(bomb, max_pixels=100_000_000)
        # pixels that cannot be decoded: the limit is what stops it, so nothing was decoded
        with pytest.raises(InputError, match="12000×12000"):
            read_photo(put(tmp_path, "rotten.png", one_bit_png(12000, b"rotten")), max_pixels=100_000_000)
        with pytest.raises(InputError, match="damaged"):
            read_photo(put(tmp_path, "rotten.png", one_bit_png(100, b"rotten")))

    def test_pixel_limit_is_inclusive(self, tmp_path):
        path = put(tmp_path, "a.png", png(stored(10, 10, 3)))
        assert read_photo(path, max_pixels=100).image.shape == (10, 10, 3)
        with pytest.raises(InputError, match="10×10"):
            read_photo(path, max_pixels=99)

    @pytest.mark.parametrize("kind", ["webp", "tiff"])
    def test_several_pages(self, tmp_path, kind):
        array = stored(24, 8, 3)
        picture = as_vips(array)
        picture.set_type(libvips().GValue.gint_type, "page-height", 8)
        data = picture.webpsave_buffer(lossless=True) if kind == "webp" else picture.tiffsave_buffer()
        path = put(tmp_path, f"a.{kind}", data)
        with pytest.raises(InputError, match="has 3 pages or frames; --page 1 to 3 chooses one"):
            read_photo(path)
        for page in (1, 2, 3):
            np.testing.assert_array_equal(
                read_photo(path, page=page).image, to_float(array[8 * page - 8 : 8 * page])
            )
        for page in (0, 4, -1):
            with pytest.raises(InputError, match=f"has no page {page}; --page 1 to 3"):
                read_photo(path, page=page)

    def test_animated_png(self, tmp_path):
        array = stored(4, 5, 3)
        data = png(array)
        control = chunk(b"acTL", struct.pack(">II", 2, 0))
        path = put(tmp_path, "a.png", data[:33] + control + data[33:])
        with pytest.raises(InputError, match="is an animation; --page 1"):
            read_photo(path)
        np.testing.assert_array_equal(read_photo(path, page=1).image, to_float(array))

    def test_page_of_a_single_picture(self, tmp_path):
        path = put(tmp_path, "a.png", png(stored(2, 2, 3)))
        assert read_photo(path, page=1).image.shape == (2, 2, 3)
        with pytest.raises(InputError, match="has no page 2"):
            read_photo(path, page=2)

    def test_a_picture_of_a_kind_without_a_mark_is_told_by_its_suffix(self, tmp_path):
        with pytest.raises(InputError, match=r"a.tga: is of a kind that wisp does not read \(.tga\)"):
            read_photo(put(tmp_path, "a.tga", bytes(40)))

    @pytest.mark.parametrize(("tag", "kind", "count", "value"), [(254, 4, 1, 1), (50706, 1, 4, 1)])
    def test_camera_raw_is_not_taken_for_its_thumbnail(self, tmp_path, tag, kind, count, value):
        data = bytearray(as_vips(stored(4, 4, 3)).tiffsave_buffer())
        (directory,) = struct.unpack_from("<I", data, 4)
        (length,) = struct.unpack_from("<H", data, directory)
        last = directory + 2 + 12 * (length - 1)  # SampleFormat, whose default is what it says
        assert struct.unpack_from("<H", data, last) == (339,)
        struct.pack_into("<HHII", data, last, tag, kind, count, value)
        with pytest.raises(InputError, match="camera raw"):
            read_photo(put(tmp_path, "a.nef", bytes(data)))

    def test_missing_folder_and_forbidden(self, tmp_path, monkeypatch):
        with pytest.raises(InputError, match=r"none.jpg: does not exist"):
            read_photo(tmp_path / "none.jpg")
        with pytest.raises(InputError, match="is a folder"):
            read_photo(tmp_path)

        def forbidden(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", forbidden)
        with pytest.raises(InputError, match="cannot be read: Permission denied"):
            read_photo(tmp_path / "a.jpg")

    def test_reading_touches_nothing(self, tmp_path):
        path = put(tmp_path, "a.png", png(stored(4, 4, 3)))
        before = (path.read_bytes(), path.stat().st_mtime_ns)
        read_photo(path)
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        assert names(tmp_path) == ["a.png"]


class TestHeic:
    def setup_method(self):
        pytest.importorskip("pi_heif")

    def test_plain(self):
        photo = read_photo(DATA / "plain.heic")
        assert photo.bits == 8
        assert photo.alpha is None
        np.testing.assert_allclose(photo.image[8, 8] * 255, (20, 160, 20), atol=3)
        np.testing.assert_allclose(photo.image[40, 8] * 255, (220, 30, 30), atol=3)
        np.testing.assert_allclose(photo.image[40, 56] * 255, (30, 30, 220), atol=3)

    def test_rotation_is_applied_once(self):
        photo = read_photo(DATA / "rotated.heic")
        np.testing.assert_allclose(photo.image, read_photo(DATA / "plain.heic").image, atol=0.03)
        assert photo.resolution == pytest.approx((300 / 25.4, 300 / 25.4))
        assert b"Wisp" in photo.exif

    def test_ten_bits_reach_white(self):
        photo = read_photo(DATA / "ten.heic")
        assert photo.bits == 16
        np.testing.assert_allclose(photo.image[0, :, 0], np.linspace(0, 1, 64), atol=4 / 1023)
        assert photo.image[0, -1, 0] == 1

    def test_alpha_is_straight(self):
        photo = read_photo(DATA / "alpha.heic")
        np.testing.assert_allclose(photo.alpha[0], np.linspace(0, 1, 64), atol=2 / 255)
        np.testing.assert_allclose(photo.image, read_photo(DATA / "plain.heic").image, atol=0.03)

    def test_pages(self):
        np.testing.assert_array_equal(
            read_photo(DATA / "two.heic").image, read_photo(DATA / "two.heic", page=1).image
        )
        first, second = (read_photo(DATA / "two.heic", page=page).image[40, 8] for page in (1, 2))
        np.testing.assert_allclose(first + second, 1, atol=0.05)

    def test_pixel_limit(self):
        with pytest.raises(InputError, match="64×48"):
            read_photo(DATA / "plain.heic", max_pixels=64 * 48 - 1)

    @pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
    def test_cut_short(self, tmp_path, share):
        data = (DATA / "plain.heic").read_bytes()
        with pytest.raises(InputError, match="is damaged or cut short") as caught:
            read_photo(put(tmp_path, "a.heic", data[: int(len(data) * share)]))
        assert "\n" not in str(caught.value)

    def test_without_the_extra(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pi_heif", None)
        with pytest.raises(MissingExtraError, match=r"plain.heic: reading HEIC.*wisp-matting\[heic\]"):
            read_photo(DATA / "plain.heic")


class TestGuidance:
    def test_grey_is_taken_as_stored(self, tmp_path):
        array = stored(5, 6, 1, np.uint16)
        np.testing.assert_array_equal(read_grey(put(tmp_path, "a.png", png(array))), to_float(array[..., 0]))

    def test_equal_channels_and_alpha_channels(self, tmp_path):
        grey = stored(5, 6, 1)
        same = np.repeat(grey, 3, axis=2)
        opaque = np.full((5, 6, 1), 255, np.uint8)
        for array in (same, np.dstack([same, opaque]), np.dstack([grey, opaque])):
            np.testing.assert_array_equal(
                read_grey(put(tmp_path, "a.png", png(array))), to_float(grey[..., 0])
            )
        for array in (np.dstack([same, grey]), np.dstack([stored(5, 6, 3), grey])):
            np.testing.assert_array_equal(
                read_grey(put(tmp_path, "a.png", png(array))), to_float(grey[..., 0])
            )

    def test_colours_are_refused(self, tmp_path):
        with pytest.raises(InputError, match="has colours"):
            read_grey(put(tmp_path, "a.png", png(stored(5, 6, 3))))

    def test_trimap(self, tmp_path):
        array = np.array([[0, 127, 128, 129, 255]], np.uint8)[..., None]
        for data in (array, np.repeat(array, 3, axis=2), np.dstack([array, np.full_like(array, 255)])):
            trimap = read_trimap(put(tmp_path, "a.png", png(data)))
            assert trimap.tolist() == [[0, 128, 128, 128, 255]]
            assert trimap.dtype == np.uint8

    @pytest.mark.parametrize(
        ("array", "problem"),
        [
            (np.array([[[0], [1], [2]]], np.uint8), "its largest value is 2 of 255"),
            (np.array([[[0], [255]]], np.uint16), "its largest value is 255 of 65535"),
            (np.array([[[0, 255, 0]]], np.uint8), "colours"),
        ],
    )
    def test_bad_trimap(self, tmp_path, array, problem):
        with pytest.raises(InputError, match=f"odd.png: .*{problem}"):
            read_trimap(put(tmp_path, "odd.png", png(array)))

    def test_trimaps_of_painting_programs(self, tmp_path):
        painted = np.array([[0, 9, 26, 100, 128, 229, 230, 250]], np.uint8)
        expected = [[0, 0, 128, 128, 128, 128, 255, 255]]
        for values in (painted, painted.astype(np.uint16) * 257):
            with pytest.warns(TrimapWarning, match="a.png: 75.00% of its pixels are other greys"):
                assert read_trimap(put(tmp_path, "a.png", png(values[..., None]))).tolist() == expected
        wide = np.array([[0, 32768, 65535]], np.uint16)[..., None]
        assert read_trimap(put(tmp_path, "a.png", png(wide))).tolist() == [[0, 128, 255]]

    @pytest.mark.parametrize(("apart", "taken"), [(10, True), (11, False)])
    def test_channels_that_lossy_files_put_apart_are_grey(self, tmp_path, apart, taken):
        grey = np.array([[0, 128, 245]], np.uint8)
        pixels = np.dstack([grey, grey + np.uint8(apart // 2), grey + np.uint8(apart)])
        path = put(tmp_path, "a.png", png(pixels))
        if taken:
            np.testing.assert_array_equal(read_grey(path), to_float(pixels[..., 1]))
        else:
            with pytest.raises(InputError, match=r"a\.png: has colours"):
                read_grey(path)

    def test_what_is_transparent_in_a_trimap_is_background(self, tmp_path):
        pixels = np.array([[[255, 255, 255, 0], [128, 128, 128, 255], [255, 255, 255, 255]]], np.uint8)
        assert read_trimap(put(tmp_path, "a.png", png(pixels))).tolist() == [[0, 128, 255]]

    def test_trimaps_for_measuring_are_taken_at_their_word(self, tmp_path):
        with pytest.raises(InputError, match=r"odd\.png: has the value 77 at row 0, column 1"):
            read_trimap(put(tmp_path, "odd.png", png(np.array([[[0], [77]]], np.uint8))), exact=True)
        with pytest.raises(InputError, match=r"odd\.png: is uint16"):
            read_trimap(put(tmp_path, "odd.png", png(np.array([[[0], [65535]]], np.uint16))), exact=True)

    def test_an_opaque_photo_is_no_mask(self, tmp_path):
        opaque = np.dstack([stored(5, 6, 3), np.full((5, 6), 255, np.uint8)])
        for read in (read_grey, read_mask, read_alpha):
            with pytest.raises(
                InputError, match=r"a.png: has colours and nothing transparent; a grey picture"
            ):
                read(put(tmp_path, "a.png", png(opaque)))

    @pytest.mark.parametrize(
        ("largest", "kind"), [(1, np.uint8), (127, np.uint8), (1, np.uint16), (255, np.uint16)]
    )
    def test_labels_are_no_mask(self, tmp_path, largest, kind):
        path = put(tmp_path, "a.png", png(np.array([[[0], [largest]]], kind)))
        with pytest.raises(
            InputError, match=f"a.png: .*its largest value is {largest} of {np.iinfo(kind).max};"
        ):
            read_mask(path)
        assert read_grey(path).max() > 0


def photo_like(**fields):
    base = {"alpha": None, "bits": 8, "icc_profile": None, "resolution": None, "exif": None}
    return Photo(image=smooth(2, 2), **(base | fields))


EXIF = (
    b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00"
    + struct.pack("<HHI4s", 0x010F, 2, 4, b"Wsp\x00")
    + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    + bytes(4)
)


class TestWrite:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 9), (16, 13)])
    @pytest.mark.parametrize(
        ("suffix", "bits"), [("png", 8), ("png", 16), ("tif", 8), ("tiff", 16), ("webp", 8)]
    )
    def test_lossless_formats_are_exact(self, tmp_path, suffix, bits, shape):
        dtype = np.uint8 if bits == 8 else np.uint16
        pixels = to_float(stored(*shape, 4, dtype))
        pixels[0, 0] = (1, 0.2, 0.6, 0)  # colour under zero alpha is kept
        path = tmp_path / f"a.{suffix}"
        write_image(path, pixels, bits=bits)
        photo = read_photo(path)
        assert photo.bits == bits
        np.testing.assert_allclose(photo.image, pixels[..., :3], atol=0.51 / np.iinfo(dtype).max)
        np.testing.assert_allclose(photo.alpha, pixels[..., 3], atol=0.51 / np.iinfo(dtype).max)

    @pytest.mark.parametrize("suffix", ["avif", "jpg"])
    def test_lossy_formats_are_close(self, tmp_path, suffix):
        image = smooth(61, 83)
        write_image(tmp_path / f"a.{suffix}", image)
        np.testing.assert_allclose(read_photo(tmp_path / f"a.{suffix}").image, image, atol=5 / 255)

    def test_avif_keeps_colours_straight(self, tmp_path):
        pixels = np.dstack([smooth(61, 83), np.linspace(0, 1, 83, dtype=np.float32)[None].repeat(61, 0)])
        write_image(tmp_path / "a.avif", pixels)
        photo = read_photo(tmp_path / "a.avif")
        np.testing.assert_allclose(photo.image, pixels[..., :3], atol=5 / 255)
        np.testing.assert_allclose(photo.alpha, pixels[..., 3], atol=5 / 255)

    @pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
    def test_grey(self, tmp_path, suffix):
        grey = np.ascontiguousarray(smooth(9, 11)[..., 0])
        path = tmp_path / f"a.{suffix}"
        write_image(path, grey, like=photo_like(icc_profile=srgb_profile(), exif=EXIF), keep_metadata=True)
        np.testing.assert_allclose(read_grey(path), grey, atol=3 / 255)
        assert read_photo(path).icc_profile is None
        assert read_photo(path).exif is None

    def test_depth_follows_the_photo_as_far_as_the_format_goes(self, tmp_path):
        for suffix, bits in (("png", 16), ("webp", 8)):
            write_image(tmp_path / f"a.{suffix}", smooth(3, 4), like=photo_like(bits=16))
            assert read_photo(tmp_path / f"a.{suffix}").bits == bits

    def test_values_are_clipped(self, tmp_path):
        write_image(tmp_path / "a.png", np.float32([[[-1, 0.5, 2]]]))
        np.testing.assert_allclose(read_photo(tmp_path / "a.png").image[0, 0], (0, 0.5, 1), atol=1 / 255)

    @pytest.mark.parametrize("suffix", ["png", "tiff", "webp", "avif", "jpg"])
    def test_profile_and_resolution_are_carried_over(self, tmp_path, suffix):
        profile = srgb_profile()
        path = tmp_path / f"a.{suffix}"
        write_image(
            path, smooth(8, 8), like=photo_like(icc_profile=profile, resolution=(300 / 25.4, 11.0), exif=EXIF)
        )
        photo = read_photo(path)
        assert photo.icc_profile == profile
        assert photo.resolution == pytest.approx((300 / 25.4, 11.0), rel=1e-3)
        assert b"Wsp" not in path.read_bytes()

    @pytest.mark.parametrize("suffix", ["png", "webp", "avif", "jpg"])
    def test_exif_only_when_asked_for_and_upright(self, tmp_path, suffix):
        path = tmp_path / f"a.{suffix}"
        write_image(path, smooth(8, 6), like=photo_like(exif=EXIF), keep_metadata=True)
        photo = read_photo(path)
        assert b"Wsp" in photo.exif
        assert photo.image.shape == (8, 6, 3)
        orientation = photo.exif.index(struct.pack("<HHI", 0x0112, 3, 1)) + 8
        assert photo.exif[orientation] == 1

    def test_thumbnail_of_the_uncut_photo_is_dropped(self, tmp_path):
        thumbnail = as_vips((smooth(8, 8) * 255).astype(np.uint8)).jpegsave_buffer(keep="none")
        first = struct.pack("<HHHIHH", 1, 0x0112, 3, 1, 6, 0)
        second_at = 8 + len(first) + 4
        second = struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, second_at + 30, 0x0202, 4, 1, len(thumbnail), 0)
        exif = (
            b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + first + struct.pack("<I", second_at) + second + thumbnail
        )
        write_image(tmp_path / "a.png", smooth(9, 9), like=photo_like(exif=exif), keep_metadata=True)
        assert read_photo(tmp_path / "a.png").exif is not None
        assert thumbnail not in (tmp_path / "a.png").read_bytes()

    def test_exif_that_cannot_be_kept_is_an_error(self, tmp_path):
        with pytest.raises(InputError, match="tiff cannot hold EXIF; png, webp, avif and jpeg can"):
            write_image(tmp_path / "a.tif", smooth(2, 2), like=photo_like(exif=EXIF), keep_metadata=True)
        assert names(tmp_path) == []

    @pytest.mark.parametrize(
        ("name", "channels", "bits", "problem"),
        [
            ("a.jpg", 4, 8, "jpeg cannot hold alpha; png, tiff, webp and avif can"),
            ("a.jpg", 3, 16, "jpeg cannot hold 16 bits a channel; png and tiff can"),
            ("a.webp", 4, 16, "webp cannot hold 16 bits a channel; png and tiff can"),
            ("a.avif", 4, 16, "avif cannot hold 16 bits a channel; png and tiff can"),
            ("a.gif", 4, 8, "'.gif'; .*png.*webp"),
            ("a", 4, 8, "has no suffix"),
        ],
    )
    def test_formats_that_cannot_hold_it(self, tmp_path, name, channels, bits, problem):
        with pytest.raises(InputError, match=problem):
            write_image(tmp_path / name, np.zeros((2, 2, channels), np.float32), bits=bits)
        assert names(tmp_path) == []

    def test_too_large_for_the_format(self):
        with pytest.raises(
            InputError, match=r"webp cannot hold 16384×1 pixels; png, tiff, avif and jpeg can"
        ):
            encode_image(np.zeros((1, 16384, 3), np.float32), FORMATS["webp"])

    @pytest.mark.parametrize(
        "pixels",
        [
            np.zeros((2, 2, 2), np.float32),
            np.zeros((2, 2, 3)),
            np.zeros((2,), np.float32),
            np.zeros((0, 2), np.float32),
        ],
    )
    def test_other_arrays(self, tmp_path, pixels):
        with pytest.raises(InputError, match="are accepted"):
            write_image(tmp_path / "a.png", pixels)

    def test_standard_output(self, monkeypatch, tmp_path):
        out = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdout", out)
        pixels = to_float(stored(3, 4, 4))
        write_images([Output("-", pixels, format="tiff"), Output(tmp_path / "alpha.png", pixels[..., 3])])
        photo = read_photo(put(tmp_path, "b", out.buffer.getvalue()))
        np.testing.assert_array_equal(photo.image, pixels[..., :3])
        np.testing.assert_array_equal(read_grey(tmp_path / "alpha.png"), pixels[..., 3])

    def test_nothing_is_written_when_a_companion_cannot_be(self, tmp_path):
        pixels = to_float(stored(3, 4, 4))
        with pytest.raises(InputError, match="jpeg cannot hold alpha"):
            write_images([Output(tmp_path / "a.png", pixels[..., 3]), Output(tmp_path / "b.jpg", pixels)])
        assert names(tmp_path) == []

    def test_same_path_twice(self, tmp_path):
        pixels = to_float(stored(3, 4, 4))
        with pytest.raises(InputError, match="named for two outputs"):
            write_images([Output(tmp_path / "a.png", pixels), Output(tmp_path / "a.png", pixels[..., 3])])


@pytest.mark.parametrize("profile", [None, "srgb", "p3"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_matte_is_written_as_its_cut_out_is(bits, profile):
    image = rng.random((33, 47, 3), np.float32)
    matte = Matte(rng.random((33, 47), np.float32), image)
    icc = None if profile is None else bytes(libvips().Operation.call("profile_load", profile))
    like = Photo(image, None, 8, icc, None, None)
    as_matte, as_pixels = (
        encode_image(pixels, FORMATS["png"], bits=bits, like=like) for pixels in (matte, matte.rgba())
    )
    assert as_matte == as_pixels
    np.testing.assert_array_equal(matte.rgba(), np.dstack([matte.foreground, matte.alpha]))


def test_import_is_cheap():
    code = (
        "import sys; import wisp.io.images, wisp.io.batch; "
        "print(*{'pyvips', 'pi_heif', 'scipy', 'PIL'} & set(sys.modules))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == ""
    )
