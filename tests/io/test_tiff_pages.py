"""TIFF pages of every kind: planes and tiles, odd depths, floats, L*a*b*, extra channels, reduced copies."""

import io
import struct
import warnings

import numpy as np
import pytest

from wisp.core.arrays import to_float
from wisp.core.errors import InputError
from wisp.io import tiff
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.io.profiles import ProfileWarning, as_vips, is_srgb
from wisp.io.spaces import SRGB_PRIMARIES, Space, to_profile

tifffile = pytest.importorskip("tifffile")
rng = np.random.default_rng(6)
COLOURS = rng.integers(0, 65536, (40, 50, 3)).astype(np.uint16)


def write(folder, array, name="a.tif", **options):
    path = folder / name
    options.setdefault(
        "photometric", "rgb" if array.ndim == 3 or options.get("planarconfig") else "minisblack"
    )
    tifffile.imwrite(path, array, **options)
    return path


def smooth(dtype):
    """Colours that rise from 0 to 1."""
    ramp = np.linspace(0, 1, 64, dtype=np.float64)
    return np.dstack([np.tile(ramp, (16, 1))] * 3).astype(dtype)


class TestLayouts:
    @pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("tile", [None, (16, 32)])
    @pytest.mark.parametrize("planes", [False, True])
    def test_planes_and_tiles(self, tmp_path, compression, dtype, tile, planes):
        array = (COLOURS >> 8).astype(dtype) if dtype == np.uint8 else COLOURS
        stored = np.moveaxis(array, 2, 0) if planes else array
        options = {"planarconfig": "separate"} if planes else {}
        path = write(tmp_path, stored, compression=compression, tile=tile, **options)
        np.testing.assert_array_equal(read_photo(path).image, to_float(array))

    @pytest.mark.parametrize("compression", ["zstd", "lzw", "lerc", "jpeg2000"])
    def test_rare_compressions_at_full_depth(self, tmp_path, compression):
        pytest.importorskip("imagecodecs")
        path = write(
            tmp_path,
            np.moveaxis(COLOURS, 2, 0),
            compression=compression,
            tile=(16, 16),
            planarconfig="separate",
        )
        np.testing.assert_array_equal(read_photo(path).image, to_float(COLOURS))

    @pytest.mark.parametrize("bits", [10, 12, 14])
    def test_odd_depths_reach_black_and_white(self, tmp_path, bits):
        pytest.importorskip("imagecodecs")
        values = np.tile(np.linspace(0, 2**bits - 1, 64).astype(np.uint16), (16, 1))
        single = np.unpackbits(values.astype(">u2")[..., None].view(np.uint8), axis=2)[..., 16 - bits :]
        path = write(tmp_path, np.packbits(single.reshape(16, -1), axis=1), metadata=None)
        for tag, number in ((tiff.IMAGE_WIDTH, 64), (tiff.BITS_PER_SAMPLE, bits)):
            path.write_bytes(tiff.with_value(io.BytesIO(path.read_bytes()), 0, tag, number))
        photo = read_photo(path)
        assert photo.bits == 16
        np.testing.assert_allclose(photo.image[..., 1], values / (2**bits - 1), atol=1 / 65535)

    def test_white_is_zero(self, tmp_path):
        values = np.tile(np.arange(64, dtype=np.float64) / 63, (16, 1))
        path = write(tmp_path, values, photometric="miniswhite")
        with pytest.warns(ProfileWarning):
            photo = read_photo(path)
        np.testing.assert_allclose(photo.image[..., 0], 1 - values, atol=1 / 65535)

    def test_metadata_of_pages_that_libvips_does_not_read(self, tmp_path):
        profile = to_profile(Space(SRGB_PRIMARIES, (1.8,)))
        array = np.moveaxis(COLOURS, 2, 0)
        path = write(
            tmp_path, array, planarconfig="separate", tile=(16, 16), iccprofile=profile,
            resolution=(300, 150), resolutionunit="INCH", extratags=[(274, "H", 1, 6, True)],
        )  # fmt: skip
        photo = read_photo(path)
        assert photo.icc_profile == profile
        assert photo.resolution == pytest.approx((150 / 25.4, 300 / 25.4))
        assert photo.image.shape == (50, 40, 3)
        np.testing.assert_array_equal(photo.encoded, COLOURS[::-1].swapaxes(0, 1))

    @pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
    def test_cut_short(self, tmp_path, kept):
        """The tags of these stand before the pixels."""
        path = write(tmp_path, np.moveaxis(COLOURS, 2, 0), planarconfig="separate", tile=(16, 16))
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(InputError, match=r"a.tif: is damaged or cut short"):
            read_photo(path)

    def test_limit(self, tmp_path):
        path = write(tmp_path, np.moveaxis(COLOURS, 2, 0), planarconfig="separate", tile=(16, 16))
        with pytest.raises(InputError, match=r"is 50×40, 2 000 pixels; at most 1 999 are accepted"):
            read_photo(path, max_pixels=1999)


class TestSamples:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_floats(self, tmp_path, dtype):
        values = smooth(dtype)
        values[0, 0] = (-0.5, 1.5, 0 if dtype == np.float16 else np.nan)
        with pytest.warns(ProfileWarning) as told:
            photo = read_photo(write(tmp_path, values))
        words = " ".join(str(warning.message) for warning in told)
        assert "a.tif: floating-point samples without a profile" in words
        if dtype != np.float16:
            assert "a.tif: has samples that are no numbers" in words
        assert photo.bits == 16
        np.testing.assert_array_equal(photo.image[0, 0], [0, 1, 0])
        np.testing.assert_allclose(photo.image[1:], values[1:].astype(np.float32), atol=1 / 65535)

    def test_floats_with_a_profile_are_what_it_says(self, tmp_path):
        values = smooth(np.float32)
        linear = to_profile(Space(SRGB_PRIMARIES, (1.0,)))
        path = write(tmp_path, values, iccprofile=linear)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = read_photo(path).image
        expected = np.where(
            values <= 0.0031308, 12.92 * values, 1.055 * np.maximum(values, 1e-9) ** (1 / 2.4) - 0.055
        )
        np.testing.assert_allclose(image, expected, atol=1.5 / 255)

    def test_floats_as_guidance_are_values(self, tmp_path):
        values = smooth(np.float32)[..., 0]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_allclose(read_grey(write(tmp_path, values)), values, atol=1 / 65535)

    @pytest.mark.parametrize("largest", [255, 65535, 7])
    def test_floats_that_do_not_count_to_one(self, tmp_path, largest):
        with pytest.raises(
            InputError, match=rf"a.tif: has floating-point samples of up to {largest}; floats from 0 to"
        ):
            read_photo(write(tmp_path, smooth(np.float32) * largest))

    @pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32])
    def test_other_whole_numbers(self, tmp_path, dtype):
        largest = np.iinfo(dtype).max
        values = np.minimum(np.rint(smooth(np.float64) * largest), largest).astype(dtype)
        if np.iinfo(dtype).min < 0:
            values[0, 0] = -5
        photo = read_photo(write(tmp_path, values))
        assert photo.bits == (8 if dtype == np.int8 else 16)
        np.testing.assert_allclose(
            photo.image, np.maximum(values / largest, 0), atol=0.6 / (2**photo.bits - 1)
        )

    def test_complex_numbers_are_told(self, tmp_path):
        with pytest.raises(InputError, match="has complex numbers for samples"):
            read_photo(write(tmp_path, np.zeros((4, 4), np.complex64)))

    @pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.uint64])
    def test_wide_numbers_that_use_next_to_nothing_are_no_black_picture(self, tmp_path, dtype):
        labels = np.array([[0, 1], [2, 65535]], dtype)
        largest = np.iinfo(dtype).max
        for read in (read_grey, read_photo):
            told = f"a.tif: holds labels or is too dark: its largest value is 65535 of {largest} "
            with pytest.raises(InputError, match=told):
                read(write(tmp_path, labels, photometric="minisblack"))
        assert read_grey(write(tmp_path, labels * 0, photometric="minisblack")).max() == 0


class TestYCbCr:
    RGB = np.random.default_rng(3).integers(0, 256, (9, 7, 3)).astype(np.uint8)

    def planes(self):
        """Y, Cb, Cr of `RGB` as ITU-R BT.601 has them, float."""
        red, green, blue = np.moveaxis(self.RGB.astype(float), 2, 0)
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        return np.dstack([luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402])

    @pytest.mark.parametrize("compression", [None, "lzw"])
    def test_values_as_they_are_become_rgb(self, tmp_path, compression):
        values = np.rint(self.planes()).clip(0, 255).astype(np.uint8)
        path = write(tmp_path, values, photometric="ycbcr", subsampling=(1, 1), compression=compression)
        np.testing.assert_allclose(read_photo(path).image, to_float(self.RGB), atol=2.1 / 255)

    def test_of_video_s_range_and_16_bits(self, tmp_path):
        planes = self.planes()
        video = np.dstack(
            [16 + planes[..., :1] * 219 / 255, 128 + (planes[..., 1:] - 128) * (240 - 128) / 127]
        )
        bounds = (532, 5, 6, (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1), True)
        options = {"photometric": "ycbcr", "subsampling": (1, 1)}
        path = write(tmp_path, np.rint(video).astype(np.uint8), extratags=[bounds], **options)
        np.testing.assert_allclose(read_photo(path).image, to_float(self.RGB), atol=3.1 / 255)
        wide = np.dstack([planes[..., :1] * 257, 32768 + (planes[..., 1:] - 128) * 257])
        path = write(tmp_path, np.rint(wide).clip(0, 65535).astype(np.uint16), **options)
        photo = read_photo(path)
        assert photo.bits == 16
        np.testing.assert_allclose(photo.image, to_float(self.RGB), atol=0.6 / 255)

    def test_shared_chroma_is_refused_in_plain_words(self, tmp_path):
        values = np.zeros((8, 8, 3), np.uint8)
        path = write(tmp_path, values, photometric="ycbcr", subsampling=(1, 1))
        path.write_bytes(tiff.with_value(io.BytesIO(path.read_bytes()), 0, tiff.YCBCR_SUBSAMPLING, 2))
        with pytest.raises(InputError, match=r"a.tif: is YCbCr with shared chroma and without JPEG; g"):
            read_photo(path)


class TestLab:
    def lab(self, image, offset, bits):
        """CIE L*a*b* under D50 of sRGB colours, as TIFF stores it; Bradford as in ICC profiles."""
        linear = np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
        matrix = [
            [0.4360747, 0.3850649, 0.1430804],
            [0.2225045, 0.7168786, 0.0606169],
            [0.0139322, 0.0971045, 0.7141733],
        ]
        xyz = linear @ np.transpose(matrix) / (0.9642, 1, 0.8249)
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        lightness, a, b = 116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
        steps = 2 ** (bits - 8)
        top = 65280 if offset and bits == 16 else 2**bits - 1
        rows = [np.rint(lightness / 100 * top)] + [np.rint(v * steps + offset * 128 * steps) for v in (a, b)]
        return np.dstack(rows).astype(np.int64).astype(f"u{bits // 8}")

    @pytest.mark.parametrize("photometric", [8, 9])
    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_lab(self, tmp_path, photometric, bits, compression):
        image = rng.random((30, 40, 3))
        stored = self.lab(image, photometric == 9, bits)
        photo = read_photo(write(tmp_path, stored, photometric=photometric, compression=compression))
        assert photo.bits == 16
        assert is_srgb(photo.icc_profile)
        assert np.abs(photo.image - image).mean() * 255 < (1.2 if bits == 8 else 0.1)

    def test_alpha_stays(self, tmp_path):
        image = rng.random((30, 40, 3))
        alpha = rng.integers(0, 256, (30, 40)).astype(np.uint8)
        stored = np.dstack([self.lab(image, False, 8), alpha])
        photo = read_photo(write(tmp_path, stored, photometric=8, extrasamples=["unassalpha"]))
        np.testing.assert_allclose(photo.alpha, to_float(alpha), atol=1e-6)

    def test_what_libvips_writes(self, tmp_path):
        colours = np.rint(rng.random((4, 4, 3)) * 255).astype(np.uint8)
        lab = as_vips(colours).icc_import(input_profile="srgb", embedded=False)
        (tmp_path / "a.tif").write_bytes(lab.colourspace("labs").tiffsave_buffer(keep="none"))
        np.testing.assert_allclose(read_photo(tmp_path / "a.tif").image, to_float(colours), atol=1 / 255)


class TestExtraChannels:
    def test_kinds(self, tmp_path):
        alpha = rng.integers(1, 256, (40, 50)).astype(np.uint8)
        colours = (COLOURS >> 8).astype(np.uint8)
        for kinds, channels, expected in (
            (["unspecified"], [alpha], None),
            (["unassalpha"], [alpha], alpha),
            (["unspecified", "unassalpha"], [alpha[::-1], alpha], alpha),
            (["unassalpha", "unspecified"], [alpha, alpha[::-1]], alpha),
            (["unspecified", "unspecified"], [alpha, alpha], None),
        ):
            for planes in (False, True):
                stack = np.dstack([colours, *channels])
                path = write(
                    tmp_path,
                    np.moveaxis(stack, 2, 0) if planes else stack,
                    extrasamples=kinds,
                    **({"planarconfig": "separate", "tile": (16, 16)} if planes else {}),
                )
                photo = read_photo(path)
                np.testing.assert_array_equal(photo.image, to_float(colours))
                if expected is None:
                    assert photo.alpha is None
                else:
                    np.testing.assert_array_equal(photo.alpha, to_float(expected))

    @pytest.mark.parametrize(("kind", "photometric", "colours"), [("minisblack", 1, 1), ("separated", 5, 4)])
    def test_a_saved_selection_beside_grey_and_inks(self, tmp_path, kind, photometric, colours):
        stack = rng.integers(0, 256, (8, 9, colours + 1)).astype(np.uint8)
        path = write(tmp_path, stack, photometric=kind, planarconfig="contig", extrasamples=["unspecified"])
        assert read_photo(path).alpha is None

    @pytest.mark.parametrize("planes", [False, True])
    def test_premultiplied_colours_become_straight(self, tmp_path, planes):
        alpha = np.full((32, 32), 128, np.uint8)
        stack = np.dstack([np.full((32, 32, 3), 100, np.uint8), alpha])
        options = {"planarconfig": "separate", "tile": (16, 16)} if planes else {}
        path = write(
            tmp_path, np.moveaxis(stack, 2, 0) if planes else stack, extrasamples=["assocalpha"], **options
        )
        np.testing.assert_allclose(read_photo(path).image, 199 / 255, atol=1.5 / 255)

    def test_an_extra_channel_without_a_tag_is_opacity(self, tmp_path):
        alpha = rng.integers(0, 256, (8, 9)).astype(np.uint8)
        path = write(tmp_path, np.dstack([np.zeros((8, 9, 3), np.uint8), alpha]), extrasamples=["unassalpha"])
        data = bytearray(path.read_bytes())
        place = data.index(struct.pack("<HHI", 338, 3, 1))
        data[place : place + 2] = struct.pack("<H", 65000)
        path.write_bytes(data)
        np.testing.assert_array_equal(read_photo(path).alpha, to_float(alpha))


class TestPages:
    def test_pages_are_numbered_without_reduced_copies_and_masks(self, tmp_path):
        kinds = [(1, 10), (0, 20), (4, 30), (2, 40), (0, 50), (5, 60)]
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as writer:
            for _, value in kinds:
                writer.write(np.full((4, 4), value, np.uint8), subfiletype=1, metadata=None)
        data = path.read_bytes()
        entry = struct.pack("<HHI", 254, 4, 1)
        before, *pages = data.split(entry)
        path.write_bytes(
            before
            + b"".join(
                entry + struct.pack("<I", kind) + page[4:]
                for page, (kind, _) in zip(pages, kinds, strict=True)
            )
        )
        with pytest.raises(InputError, match="has 3 pages or frames; --page 1 to 3 chooses one"):
            read_photo(path)
        for page, value in enumerate((20, 40, 50), 1):
            assert read_photo(path, page=page).image[0, 0, 0] == to_float(np.uint8([value]))[0]

    @pytest.mark.parametrize("kind", [b"SubfileType", b"NewSubfileType"])
    def test_both_tags_call_a_copy_reduced(self, tmp_path, kind):
        path = tmp_path / "a.tif"
        tag = [(255, "H", 1, 2, True)] if kind == b"SubfileType" else []
        with tifffile.TiffWriter(path) as writer:
            writer.write(np.zeros((4, 4), np.uint8), metadata=None)
            writer.write(
                np.zeros((2, 2), np.uint8), metadata=None, extratags=tag, subfiletype=0 if tag else 1
            )
        assert read_photo(path).image.shape == (4, 4, 3)

    def test_a_pyramid_of_libvips(self, tmp_path):
        stored = (COLOURS >> 8).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        data = as_vips(stored).tiffsave_buffer(tile=True, pyramid=True, keep="none")
        (tmp_path / "a.tif").write_bytes(data)
        np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").image, to_float(stored))

    def test_a_sensor_s_own_values_are_raw(self, tmp_path):
        path = write(
            tmp_path,
            np.zeros((4, 4), np.uint16),
            photometric="cfa",
            extratags=[(33421, "H", 2, (2, 2), True), (33422, "B", 4, bytes(4), True)],
        )
        with pytest.raises(InputError, match="camera raw"):
            read_photo(path)

    def test_a_chain_that_bites_its_tail(self, tmp_path):
        path = write(tmp_path, np.zeros((4, 4), np.uint8), metadata=None)
        data = bytearray(path.read_bytes())
        (first,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, first)
        struct.pack_into("<I", data, first + 2 + 12 * count, first)
        path.write_bytes(data)
        assert read_photo(path).image.shape == (4, 4, 3)


def test_primaries_told_by_tags(tmp_path):
    """WhitePoint and PrimaryChromaticities of Adobe RGB, whose gamma is the usual one."""
    adobe = [(64, 100), (33, 100), (21, 100), (71, 100), (15, 100), (6, 100)]
    tags = [
        (318, "2I", 2, (3127, 10000, 3290, 10000), True),
        (319, "2I", 6, tuple(v for pair in adobe for v in pair), True),
    ]
    array = (COLOURS >> 8).astype(np.uint8)
    told = read_photo(write(tmp_path, array, extratags=tags))
    profile = to_profile(Space((0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290), (2.2,)))
    expected = read_photo(write(tmp_path, array, iccprofile=profile)).image
    np.testing.assert_allclose(told.image, expected, atol=0.5 / 255)
