"""JPEGs as programs, cameras and broken copies leave them."""

import io
import struct
from contextlib import suppress

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.io.images import read_photo, write_image
from wisp.io.jpeg import bits_of, has_end
from wisp.io.profiles import as_vips
from wisp.io.spaces import ADOBE_RGB, to_profile
from wisp.io.vips import libvips

rng = np.random.default_rng(3)


def photo(channels=3, height=61, width=83):
    y, x = np.mgrid[:height, :width]
    rows = [(x * 255 / width), (y * 255 / height), (x + y) * 127 / (width + height), x * 0 + 30]
    noise = rng.integers(0, 40, (height, width, channels))
    return np.clip(np.dstack(rows[:channels]) + noise, 0, 255).astype(np.uint8)


def encoded(channels=3, **options):
    picture = as_vips(photo(channels))
    if channels == 4:
        picture = picture.copy(interpretation="cmyk")
    return picture.jpegsave_buffer(keep="none", **options)


def put(folder, data):
    path = folder / "a.jpg"
    path.write_bytes(data)
    return path


KINDS = {
    "baseline": {},
    "progressive": {"interlace": True},
    "restarts": {"restart_interval": 2},
    "grey": {"channels": 1},
    "inks": {"channels": 4},
    "full chroma": {"subsample_mode": "off"},
}


class TestEnd:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("missing", [1, 2])
    def test_pixels_that_are_all_there_are_read(self, tmp_path, kind, missing):
        data = encoded(**KINDS[kind])
        whole = read_photo(put(tmp_path, data)).image
        np.testing.assert_array_equal(read_photo(put(tmp_path, data[:-missing])).image, whole)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("missing", [3, 5, 12, 40, 400])
    def test_pixels_that_are_missing_are_not_made_up(self, tmp_path, kind, missing):
        data = encoded(**KINDS[kind])
        whole = read_photo(put(tmp_path, data)).image
        for end in (b"", b"\xff"):
            path = put(tmp_path, data[:-missing] + end)
            if missing < 12:  # the last bytes may hold no more than zeros, which is what is read for them
                with suppress(InputError):
                    np.testing.assert_array_equal(read_photo(path).image, whole)
                continue
            with pytest.raises(InputError, match=r"a.jpg: is damaged or cut short"):
                read_photo(path)

    def test_from_standard_input(self, tmp_path, monkeypatch):
        data = encoded()
        whole = read_photo(put(tmp_path, data)).image
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data[:-2])))
        np.testing.assert_array_equal(read_photo("-").image, whole)

    def test_has_end(self):
        assert has_end(io.BytesIO(encoded()))
        for data in (b"", b"\xff", encoded()[:-1], encoded() + b"\x00"):
            assert not has_end(io.BytesIO(data))


class TestBits:
    @pytest.mark.parametrize("kind", KINDS)
    def test_of_whole_files(self, kind):
        assert bits_of(io.BytesIO(encoded(**KINDS[kind]))) == 8

    def test_behind_fill_bytes_and_markers_without_length(self):
        data = b"\xff\xd8\xff\xff\xe0\x00\x04JF\xff\x01\xff\xc1\x00\x0b\x0c"
        assert bits_of(io.BytesIO(data)) == 12

    @pytest.mark.parametrize(
        "rest", [b"", b"\xff", b"\xff\xd9", b"\xff\xe0", b"\xff\xe0\x00\x01", b"JFIF", b"\xff\xc0\x00\x0b"]
    )
    def test_without_a_frame(self, rest):
        assert bits_of(io.BytesIO(b"\xff\xd8" + rest)) is None

    @pytest.mark.parametrize("channels", [1, 3])
    def test_twelve_bits(self, tmp_path, channels):
        codecs = pytest.importorskip("imagecodecs")
        ramp = np.linspace(0, 4095, 83).astype(np.uint16)
        values = np.dstack([np.tile(ramp, (61, 1))] * channels)
        squeezed = values[..., 0] if channels == 1 else values
        data = codecs.jpeg8_encode(squeezed, level=99, bitspersample=12)
        found = read_photo(put(tmp_path, data))
        assert found.bits == 16
        np.testing.assert_allclose(found.image, np.broadcast_to(values / 4095, (61, 83, 3)), atol=2 / 255)


def with_interoperability(data, index):
    """A JPEG with the EXIF of a camera: colour space "uncalibrated", and an interoperability index."""
    first = struct.pack("<H", 1) + struct.pack("<HHII", 34665, 4, 1, 26) + bytes(4)
    second = struct.pack("<H", 2) + struct.pack("<HHIHH", 40961, 3, 1, 65535, 0)
    second += struct.pack("<HHII", 40965, 4, 1, 56) + bytes(4)
    third = struct.pack("<H", 1) + struct.pack("<HHI4s", 1, 2, 4, index + b"\x00") + bytes(4)
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + first + second + third
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def test_a_camera_s_adobe_rgb_is_told_by_exif(tmp_path):
    """DCF 2.0: interoperability index R03; cameras embed no profile with it."""
    data = encoded(Q=95)
    plain = read_photo(put(tmp_path, data))
    assert read_photo(put(tmp_path, with_interoperability(data, b"R98"))).icc_profile is None
    told = read_photo(put(tmp_path, with_interoperability(data, b"R03")))
    picture = libvips().Image.jpegload_buffer(data)
    picture.set_type(libvips().GValue.blob_type, "icc-profile-data", to_profile(ADOBE_RGB))
    (tmp_path / "b.png").write_bytes(picture.pngsave_buffer())
    np.testing.assert_array_equal(told.image, read_photo(tmp_path / "b.png").image)
    assert np.abs(told.image - plain.image).max() > 0.02
    write_image(tmp_path / "c.png", told.image, like=told)
    np.testing.assert_array_equal(read_photo(tmp_path / "c.png").encoded, told.encoded)
