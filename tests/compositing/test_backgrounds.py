"""Colours, fitting and the blurred background."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from wisp.compositing.backgrounds import Blur, blur_background, fit_to_size, parse_background, parse_colour
from wisp.compositing.css_colours import CSS_COLOURS
from wisp.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#fff", (255, 255, 255)),
        ("#1a2B3c", (26, 43, 60)),
        ("Tomato", (255, 99, 71)),
        (" rebeccapurple ", (102, 51, 153)),
        ("rgb(1, 2,3)", (1, 2, 3)),
        ("RGB( 255 0 127.5 )", (255, 0, 127.5)),
        ("rgb(100%, 0%, 50%)", (255, 0, 127.5)),
    ],
)
def test_colours_are_read(text, expected):
    assert parse_colour(text) == pytest.approx(tuple(value / 255 for value in expected))


def test_all_css_names_are_there():
    assert len(CSS_COLOURS) == 148
    assert all(0 <= channel <= 1 for name in CSS_COLOURS for channel in parse_colour(name))
    assert parse_colour("grey") == parse_colour("gray") == pytest.approx((128 / 255,) * 3)


def test_a_background_is_a_colour_a_blur_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("red", "blur", "wall.png"):
        (tmp_path / name).touch()
    found = [parse_background(text) for text in ("red", "blur", "blur:2.5", "./red", "wall.png")]
    assert found == [(1, 0, 0), Blur(None), Blur(2.5), Path("red"), Path("wall.png")]
    for text, problem in (("reed", "reed: is no file and no colour; this"), ("blur:-1", "how much to blur")):
        with pytest.raises(InputError, match=problem):
            parse_background(text, "this")


@pytest.mark.parametrize(
    "text",
    [
        *("", "#", "#ff", "#ffff", "#fffff", "#gggggg", "#ffffff80", "fff", "transparent", "colour"),
        *("rgb(1,2)", "rgb(1,2,3,4)", "rgb(256,0,0)", "rgb(-1,0,0)", "rgb(101%,0,0)", "rgb(nan,0,0)"),
    ],
)
def test_other_text_is_no_colour(text):
    with pytest.raises(InputError, match="is accepted"):
        parse_colour(text)


def numbered(h, w):
    """A picture whose red tells the row and whose green tells the column."""
    y, x = np.mgrid[:h, :w].astype(np.float32)
    return np.stack([y / max(h - 1, 1), x / max(w - 1, 1), np.zeros_like(x)], axis=-1)


@pytest.mark.parametrize("mode", ["cover", "contain", "stretch"])
@pytest.mark.parametrize("source", [(1, 1), (3, 2), (40, 7), (16, 16)])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (20, 61)])
def test_fit_gives_the_size(mode, source, size):
    fitted = fit_to_size(np.full((*source, 3), 0.5, np.float32), size, mode, fill=(0.5, 0.5, 0.5))
    assert fitted.shape == (*size, 3)
    assert fitted.dtype == np.float32
    np.testing.assert_allclose(fitted, 0.5, atol=1e-5)


def test_same_size_is_a_copy():
    picture = numbered(6, 9)
    fitted = fit_to_size(picture, (6, 9))
    np.testing.assert_array_equal(fitted, picture)
    assert not np.shares_memory(fitted, picture)


@pytest.mark.parametrize(
    ("anchor", "columns"),
    [
        ("left", (0, 10)),
        ("centre", (10, 20)),
        ("right", (20, 30)),
        ("top-right", (20, 30)),
        ("top", (10, 20)),
    ],
)
def test_cover_crops_what_the_anchor_leaves(anchor, columns):
    picture = numbered(10, 30)
    np.testing.assert_array_equal(
        fit_to_size(picture, (10, 10), "cover", anchor), picture[:, slice(*columns)]
    )


@pytest.mark.parametrize(
    ("anchor", "rows"), [("top", (0, 9)), ("bottom-left", (21, 30)), ("centre", (10, 19))]
)
def test_cover_crops_rows_too(anchor, rows):
    picture = numbered(30, 9)
    np.testing.assert_array_equal(fit_to_size(picture, (9, 9), "cover", anchor), picture[slice(*rows)])


@pytest.mark.parametrize(("anchor", "first"), [("top", 0), ("centre", 10), ("bottom", 20)])
def test_contain_leaves_bars(anchor, first):
    picture = np.ones((10, 30, 3), np.float32)
    fitted = fit_to_size(picture, (30, 30), "contain", anchor, fill=(0.0, 0.0, 1.0))
    np.testing.assert_array_equal(fitted[first : first + 10], 1)
    bars = np.delete(fitted, np.s_[first : first + 10], axis=0)
    np.testing.assert_array_equal(bars, np.broadcast_to(np.float32([0, 0, 1]), bars.shape))


def test_stretch_keeps_the_corners():
    stretched = fit_to_size(numbered(10, 10), (40, 20), "stretch")
    assert stretched[0, 0, :2] == pytest.approx([0, 0], abs=0.05)
    assert stretched[-1, -1, :2] == pytest.approx([1, 1], abs=0.05)
    assert stretched[20, 10, :2] == pytest.approx([0.5, 0.5], abs=0.05)


def test_shrinking_averages():
    checks = (np.indices((64, 64)).sum(0) % 2).astype(np.float32)[..., None].repeat(3, 2)
    np.testing.assert_allclose(fit_to_size(checks, (8, 8))[1:-1, 1:-1], 0.5, atol=0.02)


def test_bad_fits_are_refused():
    picture = numbered(4, 4)
    with pytest.raises(InputError, match="cover, contain, stretch"):
        fit_to_size(picture, (4, 4), "crop")
    with pytest.raises(InputError, match="top-left"):
        fit_to_size(picture, (4, 4), "cover", "middle")
    with pytest.raises(InputError, match="1×1"):
        fit_to_size(picture, (0, 4))


def red_on_blue(shape=(90, 121), edge=6.0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - shape[0] / 2, x - shape[1] / 2)
    alpha = np.clip((shape[0] / 4 - distance) / edge + 0.5, 0, 1).astype(np.float32)
    image = alpha[..., None] * np.float32([1, 0, 0]) + (1 - alpha[..., None]) * np.float32([0, 0, 1])
    return image.astype(np.float32), alpha


@pytest.mark.parametrize("sigma", [None, 0, 0.7, 3, 12, 500])
def test_blur_has_nothing_of_the_subject(sigma):
    image, alpha = red_on_blue()
    behind = blur_background(image, alpha, sigma)
    assert behind[..., 0].max() < 1e-3
    assert behind[..., 2].min() > 1 - 1e-3


def test_blur_smooths_more_for_larger_sigma():
    rng = np.random.default_rng(0)
    image, alpha = rng.random((80, 60, 3), np.float32), np.zeros((80, 60), np.float32)
    spread = [float(blur_background(image, alpha, sigma).std()) for sigma in (0, 1, 2, 4, 8)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.1 * spread[0]
    np.testing.assert_allclose(blur_background(image, alpha, 0), image, atol=1e-6)


def test_blur_is_a_gaussian():
    x = np.mgrid[:101, :101][1]
    image = np.zeros((101, 101, 3), np.float32)
    image[50, 50] = 1
    behind = blur_background(image, np.zeros((101, 101), np.float32), 2.5)[..., 0]
    variance = float((behind * (x - 50) ** 2).sum() / behind.sum())
    assert variance == pytest.approx(2.5**2, rel=0.05)


def test_the_default_blur_is_a_fortieth_of_the_shorter_side():
    image = np.zeros((200, 240, 3), np.float32)
    image[:, 120:] = 1
    row = blur_background(image, np.zeros((200, 240), np.float32))[100, :, 0]
    rise = np.interp([0.1587, 0.8413], row, np.arange(240))  # an edge's values one deviation either side
    assert (rise[1] - rise[0]) / 2 == pytest.approx(200 / 40, rel=0.1)


def test_coarse_blur_agrees_with_a_fine_one():
    image, alpha = red_on_blue((200, 200))
    image[..., 1] = np.linspace(0, 1, 200)
    wide = blur_background(image, np.zeros_like(alpha), 20)
    middle = wide[100, 70:130, 1]
    np.testing.assert_allclose(middle, np.linspace(0, 1, 200)[70:130], atol=0.01)


def test_known_foreground_gives_the_same_blur():
    image, alpha = red_on_blue()
    foreground = np.zeros_like(image)
    foreground[..., 0] = 1
    np.testing.assert_allclose(
        blur_background(image, alpha, 5, foreground=foreground), blur_background(image, alpha, 5), atol=2e-3
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sigma", [None, 0, 8])
def test_blur_of_a_constant_is_that_constant(shape, value, sigma):
    behind = blur_background(np.full((*shape, 3), 0.3, np.float32), np.full(shape, value, np.float32), sigma)
    np.testing.assert_allclose(behind, 0.3, atol=1e-4)


@pytest.mark.parametrize("sigma", [-1, float("nan"), float("inf")])
def test_bad_sigma_is_refused(sigma):
    image, alpha = red_on_blue()
    with pytest.raises(InputError, match="sigma"):
        blur_background(image, alpha, sigma)


def test_pixels_that_hardly_show_the_background_say_little_of_it():
    """With colours that are a little off, a blur that weighs by 1 − α once is farther from the truth."""
    alpha = np.clip((np.mgrid[:64, :96][1] - 16) / 64, 0, 1).astype(np.float32)
    image = np.repeat((alpha * 0.8 + (1 - alpha) * 0.2)[..., None], 3, 2).astype(np.float32)
    colours = np.full_like(image, 0.82)
    found = blur_background(image, alpha, sigma=6.0, foreground=colours)
    show = (1 - alpha)[..., None]
    shown = np.clip(image - alpha[..., None] * colours, 0, show)
    sums = [ndimage.gaussian_filter(plane, (6, 6, 0), mode="constant") for plane in (shown, show)]
    once = sums[0] / np.maximum(sums[1], 1e-9)
    assert np.abs(found - 0.2).mean() < 0.9 * np.abs(once - 0.2).mean()
