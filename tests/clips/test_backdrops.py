"""What goes behind a clip's subject: colours, pictures, other clips, its own background blurred."""

from fractions import Fraction

import numpy as np
import pytest

from tiny_clips import VARIABLE, write_clip
from tiny_networks import bright_disc
from wisp.clips.backdrops import blur_own_background, open_backdrop, parse_backdrop
from wisp.clips.colours import estimate_colours, estimate_soft_colours
from wisp.clips.frames import to_integers
from wisp.clips.io.codecs import CODECS
from wisp.clips.io.write import FileWriter, Layout
from wisp.compositing.backgrounds import blur_background
from wisp.core.arrays import to_float
from wisp.core.errors import InputError
from wisp.io.images import write_image

SIZE = (40, 60)


@pytest.fixture(scope="module")
def scene():
    image, alpha = bright_disc(*SIZE)
    return to_integers(image, 8), alpha, estimate_soft_colours(image, alpha)


def behind(text, scene, time=Fraction(0), bits=8):
    with open_backdrop(str(text), SIZE, bits) as backdrop:
        return backdrop(time, *scene)


@pytest.mark.parametrize(
    ("text", "expected"), [("red", (255, 0, 0)), ("#102030", (16, 32, 48)), ("green", (0, 177, 64))]
)
def test_colours(scene, text, expected):
    np.testing.assert_array_equal(behind(text, scene), expected)
    deep = behind(text, scene, bits=16)
    assert deep.dtype == np.uint16
    np.testing.assert_array_equal(deep, np.multiply(257, expected))


def test_a_colour_is_a_colour_whatever_files_are_called(scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image("red", np.zeros((2, 2, 3), np.float32), format="png")
    for text, expected in (("red", (255, 0, 0)), ("./red", (0, 0, 0))):
        parse_backdrop(text)
        np.testing.assert_array_equal(np.broadcast_to(behind(text, scene), (*SIZE, 3))[0, 0], expected)


def test_an_animated_gif_is_played(scene, tmp_path):
    path, frame = tmp_path / "wall.gif", Fraction(1, 10)
    writer = FileWriter(path, CODECS["gif"], Layout(*SIZE, 3, tick=frame, rate=1 / frame))
    for number, value in enumerate((0, 255)):
        writer.write(np.full((*SIZE, 3), value, np.uint8), number * frame, frame)
    writer.finish()
    writer.close()
    with open_backdrop(str(path), SIZE) as backdrop:
        assert [float(backdrop(time * frame, *scene).mean()) for time in range(3)] == [0, 255, 0]


def test_an_address_is_no_background():
    with pytest.raises(InputError, match=r"a\.mp4: is an address; a file is accepted"):
        parse_backdrop("https://example.org/a.mp4")


def test_transparent_is_no_background():
    with open_backdrop("transparent", SIZE) as backdrop:
        assert backdrop is None


def test_a_picture_covers_the_frame(scene, tmp_path):
    picture = np.zeros((40, 120, 3), np.float32)
    picture[:, 30:90] = 0.5  # what a frame of half the width shows
    write_image(tmp_path / "wall.png", picture)
    found = behind(tmp_path / "wall.png", scene)
    assert found.shape == (*SIZE, 3)
    np.testing.assert_allclose(found[:, 3:-3] / 255, 0.5, atol=0.01)


def test_a_clip_is_shown_at_its_own_times_and_begins_again(scene, tmp_path):
    pictures = [np.full((48, 64, 3), 20 * index, np.uint8) for index in range(len(VARIABLE))]
    path = write_clip(tmp_path / "film.mkv", pictures, VARIABLE, codec="ffv1", pixel_format="bgr0")
    length = float(VARIABLE[-1]) + 1 / 30
    with open_backdrop(str(path), SIZE) as backdrop:
        times = (0, 0.05, 0.12, 0.3, length + 0.06, length + 0.2, 2 * length + 0.06)
        levels = [float(backdrop(Fraction(time), *scene).mean()) for time in times]
    assert levels == [0, 20, 80, 140, 40, 100, 40]
    assert behind(path, scene, Fraction(1, 20), bits=16).mean() == 20 * 257


def test_blur_hides_the_subject_as_that_of_photos_does(scene):
    _, alpha, _ = scene
    image, found = bright_disc(*SIZE)[0], to_float(blur_own_background(*scene, 3))
    slow = blur_background(image, alpha, 3, foreground=estimate_colours(image, alpha))
    assert np.abs(found - slow).mean() < 0.02
    assert found.max() < 0.5  # nothing of the bright disc
    assert np.abs(found - to_float(behind("blur:3", scene))).max() == 0
    assert np.abs(to_float(behind("blur", scene)) - image)[alpha == 0].mean() < 0.02


@pytest.mark.parametrize("sigma", [2, 9, 20])
def test_blur_of_eight_bits_is_that_of_sixteen(sigma):
    """Values that are rounded before they are blurred and enlarged are hardly off."""
    image, alpha = bright_disc(150, 213)
    image += np.random.default_rng(5).normal(0, 0.05, image.shape).astype(np.float32)
    eight = to_integers(image, 8)
    soft = estimate_soft_colours(to_float(eight), alpha)
    found = blur_own_background(eight, alpha, soft, sigma)
    fine = blur_own_background(np.multiply(eight, 257, dtype=np.uint16), alpha, soft, sigma)
    assert found.dtype == np.uint8
    difference = np.abs(found - fine / 257)
    assert difference.max() < 1.5
    assert difference.mean() < 0.35  # a quarter is what rounding makes


def test_blur_of_a_frame_that_is_all_subject():
    image = bright_disc(*SIZE)[0]
    everything = np.ones(SIZE, np.float32)
    soft = estimate_soft_colours(image, everything)
    found = to_float(blur_own_background(to_integers(image, 16), everything, soft, 2))
    np.testing.assert_allclose(found, np.broadcast_to(image.mean((0, 1)), image.shape), atol=1e-3)


@pytest.mark.parametrize("text", ["nothing.mp4", "blurr", "blur:x", "blur:-1", "notacolour"])
def test_what_it_is_not(text):
    with pytest.raises(InputError, match=text.replace("\\", "")):
        parse_backdrop(text)
