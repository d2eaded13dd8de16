"""Animated GIF, WebP and APNG: what is read back, in pixels, transparency and times."""

from fractions import Fraction

import av
import numpy as np
import pytest
import pyvips

from tiny_clips import moving_disc
from wisp.clips.io.codecs import choose_codec
from wisp.clips.io.read import open_clip
from wisp.clips.io.write import FileWriter, Layout
from wisp.core.errors import InputError

TIMES = [Fraction(n, 100) for n in (0, 5, 15, 30, 50)]
LENGTHS = [Fraction(n, 100) for n in (5, 10, 15, 20, 33)]


def pictures(channels=4):
    made = []
    for index in range(len(TIMES)):
        image, alpha = moving_disc(index, 40, 60)
        layers = [image, np.where(alpha >= 0.5, 255, 0).astype(np.uint8)]
        made.append(np.dstack(layers[: channels - 2]))
    return made


def write(path, images, times=TIMES, lengths=LENGTHS, **layout):
    channels = images[0].shape[2]
    codec = choose_codec(path, alpha=channels == 4)
    writer = FileWriter(path, codec, Layout(*images[0].shape[:2], channels, **layout))
    for image, time, length in zip(images, times, lengths, strict=True):
        writer.write(image, time, length)
    writer.finish()
    writer.close()
    return writer


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.apng"])
def test_frames_times_and_transparency(tmp_path, name):
    images = pictures()
    write(tmp_path / name, images)
    with open_clip(tmp_path / name) as clip:
        frames = list(clip.frames())
    assert [frame.time for frame in frames] == TIMES
    assert [frame.duration for frame in frames] == LENGTHS
    limit = {"a.gif": 8, "a.webp": 8, "a.apng": 0}[name]
    for frame, image in zip(frames, images, strict=True):
        np.testing.assert_array_equal(frame.pixels[..., 3], image[..., 3])
        shown = image[..., 3] == 255
        error = np.abs(frame.pixels[shown][:, :3].astype(int) - image[shown][:, :3])
        assert error.mean() <= limit


@pytest.mark.parametrize(("name", "field"), [("a.gif", None), ("a.webp", "loop"), ("a.apng", None)])
def test_they_begin_again_for_ever(tmp_path, name, field):
    write(tmp_path / name, pictures())
    data = (tmp_path / name).read_bytes()
    if field:
        assert pyvips.Image.new_from_file(str(tmp_path / name)).get(field) == 0
    elif name.endswith("gif"):
        place = data.index(b"NETSCAPE2.0")
        assert data[place + 11 : place + 16] == bytes([3, 1, 0, 0, 0])
    else:
        place = data.index(b"acTL") + 4
        assert data[place : place + 8] == bytes([0, 0, 0, 5, 0, 0, 0, 0])


def test_opaque_ones_keep_their_background(tmp_path):
    images = pictures(3)
    write(tmp_path / "a.gif", images)
    with open_clip(tmp_path / "a.gif") as clip:
        frames = list(clip.frames())
    assert np.abs(frames[4].pixels[..., :3].astype(int) - images[4]).mean() < 8


def test_gif_leaves_out_what_browsers_would_slow_down(tmp_path):
    times = [Fraction(n, 100) for n in range(10)]
    writer = write(tmp_path / "a.gif", pictures() * 2, times, [Fraction(1, 100)] * 10)
    with open_clip(tmp_path / "a.gif") as clip:
        assert [frame.time * 100 for frame in clip.frames()] == [0, 2, 4, 6, 8]
    assert writer.notes == ["5 frames are left out: .gif shows each for 0.02 s and more"]


def test_sixteen_bits(tmp_path):
    deep = [image.astype(np.uint16) * 257 + (image > 0) for image in pictures()]
    write(tmp_path / "a.apng", deep, bits=16)
    with av.open(str(tmp_path / "a.apng")) as container:
        assert next(container.decode(video=0)).format.name == "rgba64be"
    write(tmp_path / "a.gif", deep, bits=16)


def test_a_damaged_webp(tmp_path):
    write(tmp_path / "a.webp", pictures())
    whole = (tmp_path / "a.webp").read_bytes()
    (tmp_path / "cut.webp").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=r"is (a )?damaged"), open_clip(tmp_path / "cut.webp") as clip:
        list(clip.frames())


def test_a_part_of_a_webp(tmp_path):
    write(tmp_path / "a.webp", pictures())
    with open_clip(tmp_path / "a.webp") as clip:
        frames = list(clip.frames(Fraction(1, 10), Fraction(1, 2)))
    assert [(frame.index, frame.time) for frame in frames] == [(0, TIMES[2]), (1, TIMES[3])]
    with pytest.raises(InputError, match="--max-pixels"), open_clip(tmp_path / "a.webp", max_pixels=99):
        pass


@pytest.mark.parametrize("name", ["a.webp", "a.apng", "a.gif"])
@pytest.mark.parametrize("moving", [0, 2])
def test_an_end_that_stands_still_keeps_its_length(tmp_path, name, moving):
    """libwebp makes one frame of equal ones; the last is then shown as long as all of them."""
    made = pictures()
    images = [made[min(index, moving)] for index in range(20)]
    times = [Fraction(index, 25) for index in range(20)]
    writer = write(tmp_path / name, images, times, [Fraction(1, 25)] * 20)
    if writer.notes:
        assert (name, moving) == ("a.webp", 0)
        assert writer.notes == ["all frames are equal: .webp is a still picture, without a length"]
        return
    with open_clip(tmp_path / name) as clip:
        frames = list(clip.frames())
    assert frames[-1].time + frames[-1].duration == Fraction(20, 25)
    np.testing.assert_array_equal(frames[-1].pixels[..., 3], images[-1][..., 3])


def test_an_animated_webp_of_one_frame_is_a_clip(tmp_path):
    """libwebp makes one of a small transparent picture that stands still; 800 milliseconds are 0x320."""
    image = np.zeros((40, 60, 4), np.uint8)
    image[10:20, 10:20] = 255
    times = [Fraction(index, 25) for index in range(20)]
    write(tmp_path / "a.webp", [image] * 20, times, [Fraction(1, 25)] * 20)
    assert (tmp_path / "a.webp").read_bytes().count(b"ANMF") == 1
    with open_clip(tmp_path / "a.webp") as clip:
        (frame,) = clip.frames()
    assert frame.duration == Fraction(20, 25)
    np.testing.assert_array_equal(frame.pixels[..., 3], image[..., 3])
