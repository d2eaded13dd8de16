"""BMP and PNM in all the forms that programs write."""

import struct

import numpy as np
import pytest

from wisp.core.arrays import to_float
from wisp.core.errors import InputError
from wisp.io import profiles, spaces
from wisp.io.images import read_photo
from wisp.io.profiles import srgb_profile

rng = np.random.default_rng(5)


def put(folder, data, name="a.bmp"):
    path = folder / name
    path.write_bytes(data)
    return path


def bmp(rows, width, height, depth, *, header=40, coding=0, palette=b"", fields=(), used=0, profile=b""):
    """Rows of bytes, top first."""
    padded = b"".join(bytes(row) + bytes(-len(row) % 4) for row in rows[::-1])
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, depth)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, depth, coding, 0, 3937, 7874, used, 0)
        masks = struct.pack(f"<{len(fields)}I", *fields)
        if header == 40:
            palette = masks + palette
        else:
            info = (info + masks).ljust(header, b"\x00")
    if profile:
        info = bytearray(info)
        start = header + len(palette) + len(padded)
        struct.pack_into("<I", info, 56, 0x4D424544)
        struct.pack_into("<II", info, 112, start, len(profile))
    offset = 14 + len(info) + len(palette)
    body = bytes(info) + palette + padded + profile
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, offset) + body


def runs_bmp(runs, width, height, depth, palette):
    """A BMP of run lengths."""
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, depth, 3 - depth // 4, len(runs), 0, 0, len(palette) // 4, 0
    )
    offset = 54 + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + info + palette + runs


class TestBmp:
    @pytest.mark.parametrize("header", [12, 40, 108, 124])
    def test_24_bits(self, tmp_path, header):
        pixels = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
        data = bmp(pixels[..., ::-1].reshape(5, -1), 7, 5, 24, header=header)
        photo = read_photo(put(tmp_path, data))
        np.testing.assert_array_equal(photo.image, to_float(pixels))
        assert photo.alpha is None
        assert photo.resolution == (None if header == 12 else pytest.approx((3.937, 7.874)))

    def test_top_down(self, tmp_path):
        pixels = rng.integers(0, 256, (4, 3, 3)).astype(np.uint8)
        data = bmp(pixels[::-1, :, ::-1].reshape(4, -1), 3, -4, 24)
        np.testing.assert_array_equal(read_photo(put(tmp_path, data)).image, to_float(pixels))

    @pytest.mark.parametrize("depth", [1, 4, 8])
    @pytest.mark.parametrize("header", [12, 40])
    def test_palettes(self, tmp_path, depth, header):
        colours = rng.integers(0, 256, (2**depth, 3)).astype(np.uint8)
        entry = colours[:, ::-1] if header == 12 else np.pad(colours[:, ::-1], ((0, 0), (0, 1)))
        indices = rng.integers(0, 2**depth, (6, 11)).astype(np.uint8)
        bits = np.unpackbits(indices[..., None], axis=2)[..., 8 - depth :].reshape(6, -1)
        data = bmp(np.packbits(bits, axis=1), 11, 6, depth, header=header, palette=entry.tobytes())
        np.testing.assert_array_equal(read_photo(put(tmp_path, data)).image, to_float(colours[indices]))

    def test_short_palettes_and_indices_beyond_them(self, tmp_path):
        palette = bytes([0, 0, 255, 0, 0, 255, 0, 0])
        data = bmp(np.uint8([[0, 1, 1]]), 3, 1, 8, palette=palette, used=2)
        np.testing.assert_array_equal(
            read_photo(put(tmp_path, data)).image[0], [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
        )
        with pytest.raises(InputError, match="damaged"):
            read_photo(put(tmp_path, bmp(np.uint8([[0, 1, 2]]), 3, 1, 8, palette=palette, used=2)))

    def test_16_bits(self, tmp_path):
        values = np.array([[0x7C00, 0x03E0, 0x001F, 0x7FFF]], "<u2")
        image = read_photo(put(tmp_path, bmp(values.view(np.uint8), 4, 1, 16))).image
        np.testing.assert_array_equal(image[0], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
        values = np.array([[0xF800, 0x07E0, 0x001F, 0x0000]], "<u2")
        data = bmp(values.view(np.uint8), 4, 1, 16, coding=3, fields=(0xF800, 0x7E0, 0x1F))
        image = read_photo(put(tmp_path, data)).image
        np.testing.assert_array_equal(image[0], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])

    def test_32_bits(self, tmp_path):
        pixels = rng.integers(0, 256, (5, 7, 4)).astype(np.uint8)
        rows = pixels[..., [2, 1, 0, 3]].reshape(5, -1)
        plain = read_photo(put(tmp_path, bmp(rows, 7, 5, 32)))
        np.testing.assert_array_equal(plain.image, to_float(pixels[..., :3]))
        assert plain.alpha is None  # the fourth byte is unused there
        fields = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        for header in (56, 108, 124):
            photo = read_photo(put(tmp_path, bmp(rows, 7, 5, 32, header=header, coding=3, fields=fields)))
            np.testing.assert_array_equal(photo.image, to_float(pixels[..., :3]))
            np.testing.assert_array_equal(photo.alpha, to_float(pixels[..., 3]))
        rows = np.where(np.arange(28) % 4 == 3, 0, rows).astype(np.uint8)
        empty = read_photo(put(tmp_path, bmp(rows, 7, 5, 32, header=124, coding=3, fields=fields)))
        assert empty.alpha is None  # left empty, not transparent throughout

    def test_profile(self, tmp_path):
        data = bmp(np.zeros((1, 12), np.uint8), 4, 1, 24, header=124, profile=srgb_profile())
        assert read_photo(put(tmp_path, data)).icc_profile == srgb_profile()

    def test_run_lengths(self, tmp_path):
        palette = bytes(value for index in range(256) for value in (index, 255 - index, 7, 0))
        # Rows from below: a run over all; three as they are and padded; a jump over two and one up; the end.
        runs = bytes([5, 200, 0, 0, 0, 3, 1, 2, 3, 0, 2, 4, 0, 0, 0, 2, 2, 1, 9, 6, 0, 1])
        image = read_photo(put(tmp_path, runs_bmp(runs, 5, 5, 8, palette))).image
        indices = np.array(
            [[0, 0, 0, 0, 0], [0, 0, 6, 6, 6], [0, 0, 0, 0, 0], [1, 2, 3, 4, 4], [200] * 5], np.uint8
        )
        expected = np.dstack([np.full_like(indices, 7), 255 - indices, indices])
        np.testing.assert_array_equal(image, to_float(expected))
        nibbles = bytes([5, 0x1A, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 0, 1])
        image = read_photo(put(tmp_path, runs_bmp(nibbles, 5, 2, 4, palette[:64]))).image
        blue = np.uint8([[1, 2, 3, 4, 5], [1, 10, 1, 10, 1]])
        np.testing.assert_array_equal(image[..., 2], to_float(blue))
        with pytest.raises(InputError, match=r"a.bmp: is damaged or cut short \(1 of 5 rows\)"):
            read_photo(put(tmp_path, runs_bmp(runs[:4], 5, 5, 8, palette)))

    def test_calibrated_colours(self, tmp_path):
        adobe = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290)
        pixels = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
        expected = profiles.to_srgb(pixels, spaces.to_profile(spaces.Space(adobe, (2.2,))))
        xyz = spaces.rgb_to_xyz(adobe).T
        for ends in (xyz, xyz / xyz.sum(axis=1, keepdims=True)):  # or chromaticities, which many write
            data = bytearray(bmp(pixels[..., ::-1].reshape(4, -1), 5, 4, 24, header=108))
            struct.pack_into("<9i", data, 74, *(round(value * 2**30) for value in ends.ravel()))
            struct.pack_into("<3I", data, 110, *[round(2.2 * 65536)] * 3)
            photo = read_photo(put(tmp_path, bytes(data)))
            np.testing.assert_allclose(photo.image, expected, atol=1.01 / 255)
            assert np.abs(photo.image - to_float(pixels)).max() > 0.05
            assert photo.icc_profile is not None

    @pytest.mark.parametrize(("coding", "what"), [(4, "a JPEG"), (5, "a PNG")])
    def test_other_codings_are_told(self, tmp_path, coding, what):
        data = bmp(np.zeros((2, 4), np.uint8), 4, 2, 8, coding=coding, palette=bytes(1024))
        with pytest.raises(InputError, match=f"^[^(]*a.bmp: is a BMP with {what} inside; a BMP that holds"):
            read_photo(put(tmp_path, data))

    def test_damage_and_limits(self, tmp_path):
        whole = bmp(np.zeros((5, 21), np.uint8), 7, 5, 24)
        for data in (whole[:20], whole[:-1], bmp(np.zeros((1, 4), np.uint8), 0, 1, 8), bmp(b"", 1, 1, 7)):
            with pytest.raises(InputError, match=r"a.bmp: is damaged or cut short"):
                read_photo(put(tmp_path, data))
        with pytest.raises(InputError, match=r"a.bmp: is 7×5, 35 pixels; at most 34 are accepted"):
            read_photo(put(tmp_path, whole), max_pixels=34)
        with pytest.raises(InputError, match="has no page 2"):
            read_photo(put(tmp_path, whole), page=2)


class TestPnm:
    def test_text(self, tmp_path):
        grey = read_photo(put(tmp_path, b"P2 # a comment\n3 1\n# another\n4\n0 2\n4", "a.pgm"))
        np.testing.assert_allclose(grey.image[0, :, 0], [0, 0.5, 1], atol=0.5 / 255)
        colour = read_photo(put(tmp_path, b"P3\n1 2\n255\n255 0 0\n0 51 255\n", "a.ppm"))
        np.testing.assert_allclose(colour.image[:, 0], [[1, 0, 0], [0, 0.2, 1]], atol=1e-6)
        bits = read_photo(put(tmp_path, b"P1\n4 2\n0110\n1 0 0 1", "a.pbm"))
        np.testing.assert_array_equal(bits.image[..., 0], [[1, 0, 0, 1], [0, 1, 1, 0]])

    @pytest.mark.parametrize(("kind", "channels"), [(b"P5", 1), (b"P6", 3)])
    @pytest.mark.parametrize("largest", [255, 100, 65535, 4095])
    def test_binary(self, tmp_path, kind, channels, largest):
        values = rng.integers(0, largest + 1, (5, 7, channels))
        body = values.astype(np.uint8 if largest < 256 else ">u2").tobytes()
        data = kind + b"\n7 5\n%d\n" % largest + body
        photo = read_photo(put(tmp_path, data, "a.pnm"))
        assert photo.bits == (8 if largest < 256 else 16)
        full = 255 if largest < 256 else 65535
        expected = np.broadcast_to(values / largest, (5, 7, 3))
        np.testing.assert_allclose(photo.image, expected, atol=0.51 / full)

    def test_packed_bits(self, tmp_path):
        photo = read_photo(put(tmp_path, b"P4 10 2\n" + bytes([0b10000000, 0b01000000, 0xFF, 0xFF]), "a.pbm"))
        black = np.ones((2, 10))
        black[0, [0, 9]] = 0
        black[1] = 0
        np.testing.assert_array_equal(photo.image[..., 0], black)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_pam(self, tmp_path, channels):
        values = rng.integers(0, 256, (3, 4, channels)).astype(np.uint8)
        head = b"P7\nWIDTH 4\nHEIGHT 3\nDEPTH %d\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" % channels
        photo = read_photo(put(tmp_path, head + values.tobytes(), "a.pam"))
        colours = values[..., : channels - (channels % 2 == 0)]
        np.testing.assert_array_equal(photo.image, np.broadcast_to(to_float(colours), (3, 4, 3)))
        assert (photo.alpha is not None) == (channels % 2 == 0)

    @pytest.mark.parametrize(
        "data",
        [
            b"P6\n2 2\n255\n" + bytes(11),
            b"P5\n0 2\n255\n",
            b"P5\n2\n",
            b"P5\n2 2\n70000\n" + bytes(99),
            b"P2\n2 1\n9\n3 x",
            b"P2\n2 1\n9\n3 10",
            b"P2\n2 1\n9\n3",
            b"P3\n1 1\n255\n99999999999999999999999 1 2\n",
            b"P1\n4 1\n012",
            b"P7\nWIDTH 4\nENDHDR\n",
            b"P7\nWIDTH 0\nHEIGHT 5\nDEPTH 3\nMAXVAL 255\nENDHDR\n",
            b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n" + bytes(5),
        ],
    )
    def test_damage(self, tmp_path, data):
        with pytest.raises(InputError, match=r"a.ppm: is damaged or cut short"):
            read_photo(put(tmp_path, data, "a.ppm"))

    def test_limit(self, tmp_path):
        with pytest.raises(InputError, match=r"ppm: is 3000×3000, 9 000 000 pixels; at most 1 000 are acc"):
            read_photo(put(tmp_path, b"P6\n3000 3000\n255\n", "a.ppm"), max_pixels=1000)
