"""Colours through ICC profiles, against the profiles' own matrices and curves."""

import struct
import tempfile
from dataclasses import replace

import numpy as np
import pytest

from wisp.core.arrays import linear_to_srgb, srgb_to_linear, to_float
from wisp.io.images import read_photo, write_image
from wisp.io.profiles import (
    as_vips,
    channels_of,
    from_srgb,
    is_srgb,
    is_usable,
    is_writable,
    matching_profile,
    srgb_profile,
    to_srgb,
)
from wisp.io.vips import libvips

rng = np.random.default_rng(3)


def built_in(name):
    return bytes(libvips().Operation.call("profile_load", name))


@pytest.fixture(scope="module")
def p3():
    return built_in("p3")


def matrix(profile):
    """Linear RGB to the connection space's XYZ, from the profile's colorant tags."""
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {}
    for i in range(count):
        signature, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        tags[signature] = offset
    columns = [struct.unpack_from(">3i", profile, tags[name] + 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    return np.array(columns).T / 65536


def grey_profile(gamma=1.8):
    """A minimal ICC v2 profile of one grey channel with a power curve."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\x00" + bytes(79)
    copyright_ = b"text" + bytes(4) + b"none\x00\x00\x00\x00"
    blocks = {b"desc": text, b"cprt": copyright_, b"wtpt": white, b"kTRC": curve}
    offset = 128 + 4 + 12 * len(blocks)
    table, body = struct.pack(">I", len(blocks)), b""
    for name, block in blocks.items():
        table += struct.pack(">4sII", name, offset + len(body), len(block))
        body += block + bytes(-len(block) % 4)
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += (
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
        + b"acsp"
        + bytes(28)
        + struct.pack(">3i", 63190, 65536, 54061)
    )
    return header.ljust(128, b"\x00") + table + body


def reference(colour, source, target):
    """RGB to RGB by the two profiles' matrices; the built-in ones have sRGB's curve."""
    linear = srgb_to_linear(colour.astype(np.float32)).astype(np.float64)
    moved = linear @ (np.linalg.inv(matrix(target)) @ matrix(source)).T
    return linear_to_srgb(np.clip(moved, 0, 1).astype(np.float32))


def test_channels():
    profiles = (built_in("srgb"), built_in("cmyk"), grey_profile(), b"")
    assert [channels_of(p) for p in profiles] == [3, 4, 1, None]


def test_srgb_is_recognised(p3):
    assert is_srgb(srgb_profile())
    assert not is_srgb(p3)


@pytest.mark.parametrize(("dtype", "most", "mean"), [(np.uint8, 0.5, 0.02), (np.uint16, 1.5, 0.05)])
def test_wide_gamut_to_srgb(p3, dtype, most, mean):
    colour = rng.integers(0, np.iinfo(dtype).max, (150, 150, 3), endpoint=True).astype(dtype)
    error = np.abs(to_srgb(colour, p3) - reference(to_float(colour), p3, srgb_profile())) * 255
    assert error.max() < most
    assert error.mean() < mean


@pytest.mark.parametrize("bits", [8, 16])
def test_srgb_to_wide_gamut(p3, bits):
    image = rng.random((150, 150, 3), dtype=np.float32)
    stored = from_srgb(image, p3, bits)
    error = np.abs(to_float(stored) - reference(image, srgb_profile(), p3)) * 255
    assert error.max() < 1.25
    assert error.mean() < {8: 0.26, 16: 0.02}[bits]


@pytest.mark.parametrize("bits", [8, 16])
def test_without_a_temporary_folder(p3, bits, monkeypatch):
    image = rng.random((50, 50, 3), dtype=np.float32)
    expected = from_srgb(image, p3, bits)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    np.testing.assert_allclose(to_float(from_srgb(image, p3, bits)), to_float(expected), atol=1.25 / 255)


def test_round_trip_through_a_wide_gamut(p3):
    """8-bit colours within sRGB's gamut come back within one step."""
    image = rng.random((150, 150, 3), dtype=np.float32)
    stored = from_srgb(image, p3, 8)
    again = from_srgb(to_srgb(stored, p3), p3, 8)
    assert np.abs(stored.astype(int) - again).max() <= 1
    assert (stored == again).mean() > 0.99


@pytest.mark.parametrize("bits", [8, 16])
def test_srgb_profile_changes_nothing(bits):
    stored = rng.integers(0, 2**bits, (20, 20, 3)).astype(np.uint8 if bits == 8 else np.uint16)
    np.testing.assert_array_equal(to_srgb(stored, srgb_profile()), to_float(stored))
    np.testing.assert_array_equal(from_srgb(to_float(stored), srgb_profile(), bits), stored)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_profile(dtype):
    """A power curve of 1.8, from a sixteenth up: Little CMS tabulates the curve, coarsely at its dark end."""
    levels = np.linspace(np.iinfo(dtype).max // 16, np.iinfo(dtype).max, 64).astype(dtype).reshape(1, 64, 1)
    expected = linear_to_srgb(to_float(levels) ** np.float32(1.8))
    profile = grey_profile(1.8)
    np.testing.assert_allclose(to_srgb(levels, profile), np.repeat(expected, 3, axis=2), atol=0.6 / 255)
    stored = from_srgb(np.repeat(expected, 3, axis=2), profile, 16)
    assert stored.shape == (1, 64, 1)
    np.testing.assert_allclose(to_float(stored), to_float(levels), atol=0.6 / 255)


def test_grey_picture_with_an_rgb_profile(p3):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    image = to_srgb(levels, p3)
    np.testing.assert_allclose(image, np.repeat(to_float(levels), 3, axis=2), atol=1 / 255)


def test_cmyk():
    inks = rng.integers(0, 256, (9, 9, 4)).astype(np.uint8)
    np.testing.assert_array_equal(to_srgb(inks, None), to_srgb(inks, built_in("cmyk")))
    paper = to_srgb(np.zeros((1, 1, 4), np.uint8), None)
    np.testing.assert_allclose(paper, 1, atol=0.02)


@pytest.mark.parametrize(("channels", "found"), [(1, 4), (3, 1), (3, 4), (4, 1), (4, 3)])
def test_profiles_for_other_channels_are_ignored_with_a_warning(channels, found):
    profile = {1: grey_profile(), 3: built_in("p3"), 4: built_in("cmyk")}[found]
    with pytest.warns(UserWarning, match=r"x.jpg: its ICC profile is for other channels"):
        assert matching_profile(profile, channels, "x.jpg") is None


def test_fitting_profiles_pass(p3):
    for profile, channels in ((grey_profile(), 1), (p3, 1), (p3, 3), (built_in("cmyk"), 4), (None, 3)):
        assert matching_profile(profile, channels, "x.jpg") is profile


def test_damaged_profiles_are_ignored_with_a_warning(p3):
    many = bytearray(p3)
    many[128:132] = b"\xff\xff\xff\xff"
    for damaged in (b"", b"rubbish" * 40, p3[:100], p3[:200], p3[:-1], bytes(many), p3[:128] + bytes(4)):
        with pytest.warns(UserWarning, match=r"x.jpg: its ICC profile is damaged"):
            assert matching_profile(damaged, 3, "x.jpg") is None


def save(path, stored, profile, interpretation=None):
    picture = as_vips(stored)
    if interpretation:
        picture = picture.copy(interpretation=interpretation)
    picture.set_type(libvips().GValue.blob_type, "icc-profile-data", profile)
    path.write_bytes(picture.tiffsave_buffer(keep="icc"))
    return path


class TestFiles:
    def test_profile_goes_through_unchanged_and_so_do_the_colours(self, tmp_path, p3):
        stored = from_srgb(rng.random((16, 16, 3), dtype=np.float32), p3, 8)
        photo = read_photo(save(tmp_path / "a.tif", stored, p3))
        assert photo.icc_profile == p3
        cutout = np.dstack([photo.image, np.full((16, 16), 0.5, np.float32)])
        write_image(tmp_path / "b.png", cutout, like=photo)
        source = libvips().Source.new_from_memory((tmp_path / "b.png").read_bytes())
        written = libvips().Image.pngload_source(source)
        assert written.get("icc-profile-data") == p3
        assert np.abs(written.numpy()[..., :3].astype(int) - stored).max() <= 1
        assert (written.numpy()[..., 3] == 128).all()

    def test_cmyk_becomes_srgb_with_a_profile(self, tmp_path):
        inks = rng.integers(0, 256, (8, 8, 4)).astype(np.uint8)
        photo = read_photo(save(tmp_path / "a.tif", inks, built_in("cmyk"), "cmyk"))
        assert channels_of(photo.icc_profile) == 4
        write_image(tmp_path / "b.png", photo.image, like=photo)
        again = read_photo(tmp_path / "b.png")
        assert is_srgb(again.icc_profile)
        np.testing.assert_allclose(again.image, photo.image, atol=0.51 / 255)

    def test_grey_profile_stays_with_grey_results_alone(self, tmp_path):
        profile = grey_profile()
        levels = np.arange(64, 192, dtype=np.uint8).reshape(8, 16, 1)
        photo = read_photo(save(tmp_path / "a.tif", levels, profile))
        alpha = np.ones((8, 16), np.float32)
        write_image(tmp_path / "grey.png", np.dstack([photo.image, alpha]), like=photo)
        again = read_photo(tmp_path / "grey.png")
        assert again.icc_profile == profile
        assert again.alpha is not None
        np.testing.assert_allclose(again.image, photo.image, atol=1.5 / 255)
        colours = photo.image * np.float32([1, 0.5, 0.2])
        write_image(tmp_path / "colours.png", colours, like=photo)
        again = read_photo(tmp_path / "colours.png")
        assert is_srgb(again.icc_profile)
        np.testing.assert_allclose(again.image, colours, atol=0.51 / 255)

    def test_damaged_profile_is_not_passed_on(self, tmp_path, p3):
        stored = np.full((3, 3, 3), 128, np.uint8)
        plain = as_vips(stored).jpegsave_buffer(keep="none")
        segment = b"ICC_PROFILE\x00\x01\x01" + p3[:200]
        marker = b"\xff\xe2" + struct.pack(">H", len(segment) + 2)
        (tmp_path / "a.jpg").write_bytes(plain[:2] + marker + segment + plain[2:])
        with pytest.warns(UserWarning, match=r"a.jpg: its ICC profile is damaged"):
            photo = read_photo(tmp_path / "a.jpg")
        assert photo.icc_profile is None
        np.testing.assert_array_equal(photo.image, to_float(stored))
        write_image(tmp_path / "b.png", photo.image, like=replace(photo, icc_profile=p3[:200]))
        again = read_photo(tmp_path / "b.png")
        assert again.icc_profile is None
        np.testing.assert_array_equal(again.image, photo.image)


def test_the_intent_is_relative_with_black_point_compensation():
    """Ink on coated paper, whose profile has another table for each intent."""
    inks = np.random.default_rng(5).integers(0, 256, (8, 8, 4)).astype(np.uint8)

    def by_libvips(intent, compensated):
        options = {"intent": intent, "black_point_compensation": compensated}
        seen = as_vips(inks).copy(interpretation="cmyk").icc_import(input_profile="cmyk", **options)
        return to_float(seen.icc_export(output_profile="srgb", depth=8, **options).numpy())

    found = to_srgb(inks, None)
    off = np.abs(found - by_libvips("relative", True)).mean()
    for other in (("perceptual", True), ("relative", False)):
        assert off < np.abs(found - by_libvips(*other)).mean() / 2, other


def scanner_profile():
    """An RGB profile with a table to the connection space and none back."""
    table = (
        b"mft1"
        + bytes(4)
        + bytes([3, 3, 2, 0])
        + struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    )
    ramp = bytes(range(256)) * 3
    corners = bytes(
        v for r in (0, 255) for g in (0, 255) for b in (0, 255) for v in ((r + g + b) // 3, 128, 128)
    )
    blocks = {
        b"A2B0": table + ramp + corners + ramp,
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
    }
    offset, rows, body = 132 + 12 * len(blocks), struct.pack(">I", len(blocks)), b""
    for name, block in blocks.items():
        rows += struct.pack(">4sII", name, offset + len(body), len(block))
        body += block + bytes(-len(block) % 4)
    head = struct.pack(">I4sI4s4s4s", offset + len(body), bytes(4), 0x02100000, b"scnr", b"RGB ", b"Lab ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (head + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\x00") + rows + body


def test_a_profile_that_goes_one_way_gives_srgb(tmp_path):
    profile = scanner_profile()
    assert is_usable(profile)
    assert not is_writable(profile)
    stored = rng.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    photo = read_photo(save(tmp_path / "a.tif", stored, profile))
    assert photo.icc_profile == profile
    write_image(tmp_path / "b.png", photo.image, like=photo)
    again = read_photo(tmp_path / "b.png")
    assert is_srgb(again.icc_profile)
    np.testing.assert_allclose(again.image, photo.image, atol=0.51 / 255)


@pytest.mark.parametrize(
    "change", [(b"rTRC", b"xTRC"), (b"gXYZ", b"xXYZ"), (b"mntr", b"link"), (b"curv", b"text")]
)
def test_profiles_that_say_too_little_are_ignored_with_a_warning(p3, change):
    assert change[0] in p3 or change[0] == b"curv"
    useless = p3.replace(*change) if change[0] in p3 else p3.replace(b"para", b"text")
    with pytest.warns(UserWarning, match=r"x.jpg: its ICC profile says nothing .* is ignored"):
        assert matching_profile(useless, 3, "x.jpg") is None


def test_pixels_of_one_s_own_keep_their_values_beside_others(tmp_path, p3):
    stored = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    photo = read_photo(save(tmp_path / "a.tif", stored, p3))
    changed = photo.image.copy()
    changed[:20] = 0.5
    for bits, scale in ((8, 1), (16, 257)):
        write_image(tmp_path / "b.png", changed, like=photo, bits=bits, overwrite=True)
        encoded = read_photo(tmp_path / "b.png").encoded
        np.testing.assert_array_equal(encoded[20:], stored[20:].astype(int) * scale)
        assert np.ptp(encoded[:20].reshape(-1, 3), axis=0).max() == 0
