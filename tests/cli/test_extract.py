"""``wisp extract``: cut-outs from photos on plain backgrounds."""

import numpy as np
import pytest

from keying_scenes import screen, shot, subject
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image

SHAPE = (230, 201)


@pytest.fixture
def photos(tmp_path):
    """green/a.png and green/b.jpg, the same on blue, and the plates; with the truth."""
    truth = {}
    for number, name in enumerate(("a.png", "b.jpg")):
        foreground, alpha = subject(*SHAPE, seed=number)
        truth[name[0]] = foreground, alpha
        for colour in ("green", "blue"):
            (tmp_path / colour).mkdir(exist_ok=True)
            image = shot(foreground, alpha, screen(SHAPE, colour), 0.005, number)
            write_image(tmp_path / colour / name, image)
    for colour in ("green", "blue"):
        write_image(tmp_path / f"{colour}.png", screen(SHAPE, colour))
    return tmp_path, truth


def error(path, alpha):
    return np.abs(read_photo(path).alpha - alpha).mean()


def test_one_photo_and_its_companions(photos, wisp):
    folder, truth = photos
    words = ["--save-alpha", folder / "alpha.png", "--save-foreground", folder / "fg.png", "--bits", 16]
    ran = wisp("extract", folder / "green/a.png", "-o", folder / "cut.png", *words)
    assert (ran.code, ran.errors) == (0, [])
    foreground, alpha = truth["a"]
    cut = read_photo(folder / "cut.png")
    assert cut.bits == 16
    assert np.abs(cut.alpha - alpha).mean() < 0.02
    assert (np.abs(cut.image - foreground) * alpha[..., None]).mean() < 0.01
    np.testing.assert_array_equal(read_grey(folder / "alpha.png"), cut.alpha)
    np.testing.assert_array_equal(read_photo(folder / "fg.png").image, cut.image)


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ([], 0.02),
        (["--screen", "#229e38", "--despill"], 0.02),
        (["--plate", "green.png"], 0.02),
        (["--second", "blue"], 0.006),
        (["--second", "blue", "--plate", "green.png", "--second-plate", "blue.png"], 0.006),
    ],
)
def test_folders(words, most, photos, wisp, monkeypatch):
    folder, truth = photos
    monkeypatch.chdir(folder)
    ran = wisp("extract", "green", "-o", "out", *words)
    assert (ran.code, ran.errors) == (0, [])
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "b.png"]
    for name, (_, alpha) in truth.items():
        assert error(folder / f"out/{name}.png", alpha) < most


def test_what_comes_out_composes(photos, wisp):
    folder, _ = photos
    assert wisp("extract", folder / "green", "-o", folder / "cuts").code == 0
    words = ["-b", folder / "blue", "-o", folder / "set", "--per-foreground", 2]
    ran = wisp("compose", folder / "cuts", *words)
    assert ran.errors == [f"wisp: {folder}/set: 4 composites"]


def test_every_nth_frame_of_a_video(photos, wisp):
    pytest.importorskip("av")
    from tiny_clips import write_clip

    folder, _ = photos
    foreground, alpha = (array[:, :200] for array in subject(*SHAPE))
    pictures = []
    for number in range(7):
        layers = (np.roll(array, number, 1) for array in (foreground, alpha))
        image = shot(*layers, screen(alpha.shape, "green"), 0.005)
        pictures.append(np.ascontiguousarray((image * 255).round().astype(np.uint8)))
    write_clip(folder / "clip.mkv", pictures, pixel_format="yuv444p")
    ran = wisp("extract", folder / "clip.mkv", "-o", folder / "frames", "--every", 3)
    assert (ran.code, ran.errors) == (0, [])
    names = sorted(path.name for path in (folder / "frames").iterdir())
    assert names == [f"clip_{number:06d}.png" for number in (0, 3, 6)]
    for number in (0, 6):
        assert error(folder / f"frames/clip_{number:06d}.png", np.roll(alpha, number, 1)) < 0.02
    ran = wisp("extract", folder / "clip.mkv", "-o", folder / "frames", "--every", 3)
    assert ran.code == 2
    assert "clip_000000.png: exists already; --overwrite replaces" in ran.errors[0]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["green/a.png", "-o", "x.jpg"], "x.jpg: jpeg cannot hold alpha"),
        (["green", "-o", "out", "--every", 2], "--every: green is no video"),
        (["green", "-o", "out", "--screen", "leafy"], "leafy: is no colour"),
        (
            ["green", "-o", "out", "--screen", "green", "--plate", "green.png"],
            "--screen and --plate are both",
        ),
        (["green", "-o", "out", "--second-plate", "blue.png"], "--second-plate: is given without --second"),
        (["green", "-o", "out", "--second", "blue.png"], "blue.png: is a file; a folder is accepted"),
        (["green/a.png", "-o", "x.png", "--second", "blue"], "blue: is a folder; a file is accepted"),
        (["green", "-o", "out", "--plate", "none.png"], "none.png: does not exist"),
        (["green", "-o", "out", "--reach", 0], "--reach: is 0"),
        (["green", "c.mp4", "-o", "out"], "c.mp4: is a video among several inputs"),
        (["c.mp4", "-o", "out", "--second", "blue"], "--second: goes with a video"),
    ],
)
def test_refusals_before_any_work(words, complaint, photos, wisp, monkeypatch, untouched):
    folder, _ = photos
    monkeypatch.chdir(folder)
    untouched(folder)
    ran = wisp("extract", *words)
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert complaint in ran.errors[0]
    assert not (folder / "out").exists()


def test_photos_that_fail_are_named_and_the_others_done(photos, wisp):
    folder, _ = photos
    noise = np.random.default_rng(0).random((50, 60, 3)).astype(np.float32)
    write_image(folder / "green/c.png", noise)
    ran = wisp("extract", folder / "green", "-o", folder / "out")
    assert ran.code == 1
    assert ran.errors[0].startswith(f"wisp: {folder}/green/c.png: has no plain background of the colour rgb(")
    assert len(list((folder / "out").iterdir())) == 2
    ran = wisp("extract", folder / "green", "-o", folder / "out2", "--plate", folder / "green.png")
    assert ran.errors[0] == (
        f"wisp: {folder}/green/c.png: --plate: is 201×230; the size of the upright photo, 60×50, is accepted"
    )
    (folder / "blue/a.png").unlink()
    ran = wisp("extract", folder / "green", "-o", folder / "out3", "--second", folder / "blue")
    assert ran.code == 2
    assert "green/a.png: has no second photo; a file" in ran.errors[0]


def test_inputs_are_never_overwritten(photos, wisp, untouched):
    folder, _ = photos
    untouched(folder)
    ran = wisp("extract", folder / "green/a.png", "-o", folder / "green.png", "--plate", folder / "green.png")
    assert "is an input" in ran.errors[0] or "exists already" in ran.errors[0]
    words = ["--second", folder / "blue", "--overwrite"]
    ran = wisp("extract", folder / "green", "-o", folder / "blue", *words)
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert "is an input; inputs are never overwritten" in ran.errors[0]
