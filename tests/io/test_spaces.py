"""Colours told by numbers: against the formulas of H.273, BT.2100 and the PNG specification."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from png_files import chunk
from wisp.core.arrays import linear_to_srgb, srgb_to_linear, to_float
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image
from wisp.io.profiles import ProfileWarning, as_vips, is_srgb, is_usable, is_whole, is_writable, srgb_profile
from wisp.io.spaces import (
    SRGB,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    Space,
    from_code_points,
    from_gamma,
    rgb_to_xyz,
    to_ordinary,
    to_profile,
)
from wisp.io.vips import libvips

CASES = Path(__file__).parent / "data/cases"
rng = np.random.default_rng(28)
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290)


def png(stored, *chunks, profile=None):
    """A PNG with further chunks behind its header."""
    picture = as_vips(stored)
    if profile is not None:
        picture.set_type(libvips().GValue.blob_type, "icc-profile-data", profile)
    data = picture.pngsave_buffer(keep="icc" if profile else "none")
    return data[:33] + b"".join(chunk(*c) for c in chunks) + data[33:]


def gama(gamma):
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(primaries):
    return b"cHRM", struct.pack(">8I", *(round(v * 100_000) for v in (*primaries[6:], *primaries[:6])))


def cicp(primaries, transfer, full=1):
    return b"cICP", bytes([primaries, transfer, 0, full])


def put(folder, data, name="a.png"):
    path = folder / name
    path.write_bytes(data)
    return path


def moved(linear, primaries):
    """Linear RGB of other primaries under D65 to sRGB, encoded."""
    matrix = np.linalg.inv(rgb_to_xyz(SRGB_PRIMARIES)) @ rgb_to_xyz(primaries)
    return linear_to_srgb(np.clip(linear @ matrix.T, 0, 1).astype(np.float32))


def inside(primaries, shape=(40, 40)):
    """Random colours within sRGB's gamut, as linear light of other primaries, and as sRGB."""
    srgb = rng.random((*shape, 3)).astype(np.float32)
    matrix = np.linalg.inv(rgb_to_xyz(primaries)) @ rgb_to_xyz(SRGB_PRIMARIES)
    return np.clip(srgb_to_linear(srgb) @ matrix.T, 0, 1), srgb


def bt709(light):
    return np.where(
        light < 0.018053968, 4.5 * light, 1.09929682 * np.maximum(light, 1e-9) ** 0.45 - 0.09929682
    )


def pq(nits):
    y = np.power(np.maximum(nits, 0) / 10000, 0.1593017578125)
    return np.power((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y), 78.84375)


def hlg(nits, primaries):
    """Light of a 1000 cd/m² display as HLG values: the inverse system gamma, then the OETF."""
    display = nits / 1000
    luminance = np.maximum(display @ rgb_to_xyz(primaries)[1], 1e-9)
    scene = display * (luminance ** ((1 - 1.2) / 1.2))[..., None]
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)


def sixteen(values):
    return np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)


CODED = {
    (12, 13): (P3, lambda light: linear_to_srgb(light.astype(np.float32))),
    (9, 14): (BT2020, bt709),
    (9, 1): (BT2020, bt709),
    (9, 13): (BT2020, lambda light: linear_to_srgb(light.astype(np.float32))),
    (9, 8): (BT2020, lambda light: light),
    (12, 4): (P3, lambda light: light ** (1 / 2.2)),
    (9, 16): (BT2020, lambda light: pq(203 * light)),
    (12, 16): (P3, lambda light: pq(203 * light)),
    (1, 16): (SRGB_PRIMARIES, lambda light: pq(203 * light)),
    (9, 18): (BT2020, lambda light: hlg(203 * light, BT2020)),
    (1, 18): (SRGB_PRIMARIES, lambda light: hlg(203 * light, SRGB_PRIMARIES)),
}


@pytest.mark.parametrize("codes", CODED)
def test_code_points(tmp_path, codes):
    primaries, encode = CODED[codes]
    light, srgb = inside(primaries)
    path = put(tmp_path, png(sixteen(encode(light)), cicp(*codes)))
    photo = read_photo(path)
    np.testing.assert_allclose(photo.image, srgb, atol=4 / 255)  # Little CMS is coarse beside black
    assert np.abs(photo.image - srgb).mean() < 0.15 / 255
    write_image(tmp_path / "b.png", photo.image, like=photo)
    again = read_photo(tmp_path / "b.png")
    np.testing.assert_allclose(again.image, photo.image, atol=0.1 / 255)
    np.testing.assert_array_equal(again.encoded, photo.encoded)
    value = put(tmp_path, png(np.full((1, 1, 1), 99, np.uint8), cicp(*codes)))
    assert read_grey(value) == to_float(np.uint8([[99]]))  # guidance is values, not colours


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_narrow_range(tmp_path, dtype):
    light, srgb = inside(P3)
    step = (np.iinfo(dtype).max + 1) / 256
    values = np.rint((16 + 219 * linear_to_srgb(light.astype(np.float32))) * step).astype(dtype)
    photo = read_photo(put(tmp_path, png(values, cicp(12, 13, full=0))))
    assert np.abs(photo.image - srgb).mean() * 255 < (0.6 if dtype == np.uint8 else 0.15)
    black_and_white = np.array([[[16] * 3, [235] * 3, [3] * 3, [250] * 3]], np.uint8)
    photo = read_photo(put(tmp_path, png(black_and_white, cicp(1, 13, full=0))))
    np.testing.assert_allclose(photo.image[0, :, 0], [0, 1, 0, 1], atol=1e-6)


@pytest.mark.parametrize("codes", [(1, 13), (1, 1), (1, 6), (6, 6), (5, 1), (2, 2), (2, 13), (1, 2)])
def test_standard_video_is_srgb(tmp_path, codes):
    stored = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    photo = read_photo(put(tmp_path, png(stored, cicp(*codes))))
    np.testing.assert_array_equal(photo.image, to_float(stored))
    assert photo.icc_profile is None


@pytest.mark.parametrize("codes", [(3, 13), (77, 1), (12, 3), (12, 99), (9, 9)])
def test_unknown_code_points_are_told(tmp_path, codes):
    stored = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    path = put(tmp_path, png(stored, cicp(*codes)))
    with pytest.warns(ProfileWarning, match=rf"a.png: its colours \({codes[0]}/{codes[1]} of H.273\)"):
        np.testing.assert_array_equal(read_photo(path).image, to_float(stored))


def test_light_above_white_is_cut_and_told(tmp_path):
    steps = np.repeat(np.float64([0, 50, 203, 400, 1000])[None, :, None], 3, axis=2)
    for codes, encode in (((9, 16), pq), ((9, 18), lambda nits: hlg(nits, BT2020))):
        path = put(tmp_path, png(sixteen(encode(steps)), cicp(*codes)))
        with pytest.warns(
            ProfileWarning, match=r"a.png: is in HDR; light above diffuse white \(203 cd/m²\) is cut"
        ):
            image = read_photo(path).image
        np.testing.assert_allclose(image[0, 2:], 1, atol=1 / 255)
        expected = linear_to_srgb(np.float32([0, 50 / 203]))
        np.testing.assert_allclose(image[0, :2, 1], expected, atol=1 / 255)


class TestGamma:
    @pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 0.5, 1 / 2.6])
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_gamma_alone(self, tmp_path, gamma, channels):
        stored = rng.integers(4000, 65536, (20, 20, channels)).astype(np.uint16)
        photo = read_photo(put(tmp_path, png(stored, gama(gamma))))
        colours = stored[..., : channels - (channels % 2 == 0)]
        expected = linear_to_srgb(to_float(colours) ** np.float32(1 / gamma))
        np.testing.assert_allclose(photo.image, np.broadcast_to(expected, photo.image.shape), atol=2 / 255)
        write_image(tmp_path / "b.png", photo.image, like=photo)
        np.testing.assert_allclose(read_photo(tmp_path / "b.png").image, photo.image, atol=0.5 / 255)

    def test_primaries_too(self, tmp_path):
        light, srgb = inside(ADOBE)
        for further in ([gama(1 / 2.2)], [gama(1)]):
            gamma = {45455: 1 / 2.2, 100000: 1}[struct.unpack(">I", further[0][1])[0]]
            photo = read_photo(put(tmp_path, png(sixteen(light**gamma), *further, chrm(ADOBE))))
            np.testing.assert_allclose(photo.image, srgb, atol=2.5 / 255)

    def test_primaries_alone_have_the_curve_of_srgb(self, tmp_path):
        light, srgb = inside(P3)
        values = sixteen(linear_to_srgb(light.astype(np.float32)))
        np.testing.assert_allclose(
            read_photo(put(tmp_path, png(values, chrm(P3)))).image, srgb, atol=2.5 / 255
        )

    @pytest.mark.parametrize(
        "chunks",
        [
            [gama(1 / 2.2)],
            [gama(1 / 2.2), chrm(SRGB_PRIMARIES)],
            [chrm(SRGB_PRIMARIES)],
            [(b"sRGB", b"\x00"), gama(1), chrm(P3)],
            [gama(0)],
            [(b"gAMA", b"\x00")],
            [chrm((0.3,) * 8)],
            [chrm((0,) * 8)],
        ],
    )
    def test_what_stands_for_srgb_or_for_nothing(self, tmp_path, chunks):
        stored = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
        photo = read_photo(put(tmp_path, png(stored, *chunks)))
        np.testing.assert_array_equal(photo.image, to_float(stored))
        assert photo.icc_profile is None

    def test_what_wins(self, tmp_path):
        """cICP over iCCP over sRGB over gAMA and cHRM."""
        stored = rng.integers(0, 256, (9, 9, 3)).astype(np.uint8)
        rows = [(b"sRGB", b"\x00"), gama(1), chrm(ADOBE)]
        plain = to_float(stored)
        p3 = read_photo(put(tmp_path, png(stored, cicp(12, 13)))).image
        assert np.abs(p3 - plain).mean() > 0.01
        profile = srgb_profile()
        for chunks, icc, expected in (
            ([cicp(12, 13), *rows], None, p3),
            ([cicp(12, 13)], profile, p3),
            ([gama(1)], profile, plain),
            (rows, None, plain),
        ):
            np.testing.assert_array_equal(
                read_photo(put(tmp_path, png(stored, *chunks, profile=icc))).image, expected
            )

    def test_numbers_stand_in_for_a_profile_that_cannot_be_used(self, tmp_path):
        stored = rng.integers(0, 256, (9, 9, 3)).astype(np.uint8)
        expected = read_photo(put(tmp_path, png(stored, gama(1)))).image
        useless = libvips().Image.jpegload(str(CASES / "profile-without-curves.jpg")).get("icc-profile-data")
        path = put(tmp_path, png(stored, gama(1), profile=useless))
        with pytest.warns(ProfileWarning, match="is ignored"):
            np.testing.assert_array_equal(read_photo(path).image, expected)


def test_linear_light_is_not_written_with_eight_bits(tmp_path):
    stored = rng.integers(0, 65536, (20, 20, 3)).astype(np.uint16)
    photo = read_photo(put(tmp_path, png(stored, gama(1))))
    for suffix, most in (("webp", 0.51), ("jpg", 12), ("avif", 12)):
        write_image(tmp_path / f"b.{suffix}", photo.image, like=photo)
        again = read_photo(tmp_path / f"b.{suffix}")
        assert is_srgb(again.icc_profile)
        assert np.abs(again.image - photo.image).mean() * 255 < most


@pytest.mark.parametrize("primaries", [SRGB_PRIMARIES, P3, BT2020, ADOBE])
@pytest.mark.parametrize("curve", [SRGB_CURVE, (2.2,), (1.0,)])
def test_profiles_are_whole_and_go_both_ways(primaries, curve):
    profile = to_profile(Space(primaries, curve))
    assert is_whole(profile)
    assert is_usable(profile)
    assert is_writable(profile)
    assert is_srgb(profile) == (primaries == SRGB_PRIMARIES and curve == SRGB_CURVE)


def test_white_other_than_daylight_is_adapted():
    """A space's own white is white, whatever light it stands for."""
    from wisp.io.profiles import to_srgb

    profile = to_profile(Space((*P3[:6], 0.314, 0.351), (2.6,)))
    white = to_srgb(np.full((1, 1, 3), 65535, np.uint16), profile)
    np.testing.assert_allclose(white, 1, atol=1 / 255)


def test_no_profile_says_hdr():
    for space in (Space(BT2020, "pq"), Space(BT2020, "hlg"), Space(P3, SRGB_CURVE, narrow=True)):
        with pytest.raises(ValueError, match="no ICC profile"):
            to_profile(space)


def test_spaces_of_full_range_are_left_alone():
    stored = rng.integers(0, 256, (3, 4, 3)).astype(np.uint8)
    values, space = to_ordinary(stored, SRGB, "x.png")
    assert values is stored
    assert space is SRGB


def test_nothing_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_gamma(None, None) is None
        assert from_code_points(2, 2, full=True, name="x") is None


class TestNclx:
    """The box of AVIF and HEIC, its code points patched in a file whose samples they then describe anew."""

    def patched(self, tmp_path, codes, name="nclx-display-p3.avif"):
        data = bytearray((CASES / name).read_bytes())
        place = data.index(b"colrnclx") + 8
        data[place : place + 4] = struct.pack(">HH", *codes)
        return put(tmp_path, bytes(data), f"a{Path(name).suffix}")

    @pytest.mark.parametrize("codes", [(12, 13), (9, 14), (9, 18), (9, 16), (1, 8)])
    def test_the_samples_are_read_by_the_box(self, tmp_path, codes):
        stored = read_photo(self.patched(tmp_path, (2, 2))).image
        as_png = put(tmp_path, png(np.rint(stored * 255).astype(np.uint8), cicp(*codes)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProfileWarning)  # of light above white
            expected = read_photo(as_png).image
            found = read_photo(self.patched(tmp_path, codes)).image
        np.testing.assert_array_equal(found, expected)

    def test_heic(self, tmp_path):
        pytest.importorskip("pi_heif")
        name = "two-pictures-second-is-primary.heic"
        plain = read_photo(self.patched(tmp_path, (1, 13), name), page=1)
        wide = read_photo(self.patched(tmp_path, (12, 13), name), page=1)
        as_png = put(tmp_path, png(np.rint(plain.image * 255).astype(np.uint8), cicp(12, 13)))
        np.testing.assert_array_equal(wide.image, read_photo(as_png).image)
        assert wide.icc_profile is not None
