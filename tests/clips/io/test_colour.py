"""Colours of frames are those that ITU-R BT.709 and BT.601 say, both ways, whatever the pixel format."""

import numpy as np
import pytest

av = pytest.importorskip("av")
pytest.importorskip("cv2")

from wisp.clips.io.colour import Colour, Packer, Unpacker, colour_of  # noqa: E402

SIZE = (48, 64)
COLOURS = np.array(
    [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 60, 30), (40, 90, 220), (30, 180, 60), (250, 240, 20)]
)
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}  # of red and blue, ITU-R BT.709 and BT.601


def luma(colour, matrix):
    """Y', Cb and Cr of a colour of 0–255, as shares of their ranges."""
    red, blue = WEIGHTS[matrix]
    r, g, b = np.asarray(colour, float) / 255
    y = red * r + (1 - red - blue) * g + blue * b
    return y, (b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)


def encoded(colour, form, matrix, *, full=False):
    """A frame of one colour, made without any conversion."""
    frame = av.VideoFrame(SIZE[1], SIZE[0], form)
    bits = frame.format.components[0].bits
    shown = [*luma(colour, matrix), 1]
    for index, (plane, share) in enumerate(zip(frame.planes, shown, strict=False)):
        low, span = (0, 255) if full or index == 3 else ((16, 219) if index == 0 else (0, 224))
        middle = 128 if index in (1, 2) else low
        value = (middle + (255 if full and index else span) * share) * 2 ** (bits - 8)
        kind = np.uint8 if bits == 8 else np.uint16
        plane.update(np.full(plane.buffer_size // kind().itemsize, round(value), kind).tobytes())
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    return frame


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize(
    "form", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuva420p"]
)
def test_colours_are_read_exactly(form, matrix):
    """To what the code values' steps allow; white is white and alpha whole."""
    unpack = Unpacker()
    for colour in COLOURS:
        pixels = unpack(encoded(colour, form, matrix))
        scale = 255 if pixels.dtype == np.uint8 else 65535
        found = pixels.reshape(-1, pixels.shape[2]) / scale * 255
        assert np.abs(found[:, :3] - colour).max() < (1.6 if scale == 255 else 0.6)
        if min(colour) == 255:
            assert pixels.min() == scale
        if form.startswith("yuva"):
            assert (pixels[..., 3] == scale).all()


def test_full_range_is_read_as_such():
    for colour in COLOURS:
        pixels = Unpacker()(encoded(colour, "yuv420p", 1, full=True))
        assert np.abs(pixels.reshape(-1, 3) - colour).max() <= 1


def test_over_white_is_white():
    frame = encoded((255, 255, 255), "yuv444p10le", 1)
    frame.planes[0].update(np.full(frame.planes[0].buffer_size // 2, 1000, np.uint16).tobytes())
    assert (Unpacker()(frame) == 65535).all()


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("form", ["yuv420p", "yuv444p10le", "yuva444p10le", "yuva420p"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colours_are_written_exactly(form, matrix, kind):
    pack = Packer(form, Colour(matrix=matrix))
    whole = np.iinfo(kind).max
    for colour in COLOURS:
        pixels = np.empty((*SIZE, 4), kind)
        pixels[..., :3] = np.rint(colour / 255 * whole)
        pixels[..., 3] = whole
        frame = pack(pixels if "a" in form else pixels[..., :3])
        depth = frame.format.components[0].bits
        expected = 16 + 219 * luma(colour, matrix)[0]
        found = np.frombuffer(frame.planes[0], np.uint8 if depth == 8 else np.uint16) / 2 ** (depth - 8)
        found = found.reshape(SIZE[0], -1)[:, : SIZE[1]]
        assert np.abs(found - expected).max() < (
            1.01 if kind == np.uint16 and depth == 8 else 0.51
        )  # dithered
        assert abs(found.mean() - expected) < 0.51


@pytest.mark.parametrize("form", ["yuv420p", "yuv444p10le", "gray", "gray16le"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_comes_back_as_it_was(form, kind):
    whole = np.iinfo(kind).max
    for share in (0, 0.2, 0.5, 1):
        grey = np.full(SIZE, round(share * whole), kind)
        frame = Packer(form, Colour())(grey)
        frame.colorspace = 1 if form.startswith("yuv") else frame.colorspace
        found = Unpacker()(frame)
        assert np.abs(found / np.iinfo(found.dtype).max - grey[..., None] / whole).max() < 0.6 / 255


def test_pictures_in_colour_come_back_exactly():
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 4), np.uint8)
    np.testing.assert_array_equal(Unpacker()(Packer("bgra", Colour())(pixels)), pixels)
    deep = pixels.astype(np.uint16) * 257
    np.testing.assert_array_equal(Unpacker()(Packer("gbrap16le", Colour())(deep)), deep)
    np.testing.assert_array_equal(Unpacker()(Packer("bgr0", Colour())(pixels[..., :3])), pixels[..., :3])


@pytest.mark.parametrize(
    ("size", "matrix"), [((720, 576), 6), ((640, 480), 6), ((1280, 720), 1), ((720, 608), 1)]
)
def test_a_clip_that_says_nothing_is_bt601_below_hd(size, matrix):
    frame = av.VideoFrame(*size, "yuv420p")
    assert colour_of(frame).matrix == matrix
