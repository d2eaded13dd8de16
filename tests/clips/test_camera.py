"""A live camera, played from a file that stands in for the device, shown on screens that stand in too."""

import sys
import time
import types

import numpy as np
import pytest

from tiny_clips import moving_disc, regular, write_clip
from wisp.cli import main
from wisp.clips.backdrops import open_backdrop
from wisp.clips.camera import Camera, Preview, VirtualCamera, _source, as_ppm, run_camera
from wisp.core.errors import InputError

SIZE = (48, 64)


@pytest.fixture
def device(tmp_path):
    pictures = [moving_disc(index, *SIZE)[0] for index in range(15)]
    return str(write_clip(tmp_path / "device.mp4", pictures, regular(15)))


class Screen:
    """Keeps what it is shown; may take its time, and be closed after a number of pictures."""

    def __init__(self, delay=0.0, closes_after=None):
        self.pictures = []
        self.delay = delay
        self.closes_after = closes_after

    def show(self, picture):
        time.sleep(self.delay)
        self.pictures.append(picture)
        return self.closes_after is None or len(self.pictures) < self.closes_after


def bright(image, past=None):
    return (image.mean(2) > 0.5).astype(np.float32)


def test_frames_come_at_their_own_pace_with_another_background(device):
    screen = Screen()
    with open_backdrop("red", SIZE) as backdrop, Camera(device) as camera:
        result = run_camera(camera, backdrop, [screen], bright)
    assert 1 <= result.shown <= 15
    assert result.shown + result.dropped == 15
    assert result.seconds > 14 / 30 * 0.9  # played, not rushed through
    picture = screen.pictures[0]
    assert picture.shape == (*SIZE, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[0, 0], (255, 0, 0))
    np.testing.assert_allclose(picture[24, 26], (240, 205, 180), atol=12)


def test_a_slow_screen_gets_fewer_frames_and_never_old_ones(device):
    """Each takes as long as three frames: two of three are dropped, and the delay does not grow."""
    screen = Screen(delay=0.1)
    ages = []
    with Camera(device) as camera:
        began = time.monotonic()
        for frame in camera.frames():
            ages.append(time.monotonic() - began - float(frame.time))
            screen.show(frame.pixels)
        dropped = camera.dropped
    assert len(screen.pictures) + dropped == 15
    assert dropped >= 7
    assert max(ages[1:]) < 0.3


def test_closing_the_screen_ends_it(device):
    screen, other = Screen(closes_after=2), Screen()
    with Camera(device) as camera:
        result = run_camera(camera, None, [screen, other], bright)
    assert result.shown == 1
    assert len(other.pictures) == 2
    np.testing.assert_array_equal(other.pictures[0][0, 0], (0, 177, 64))  # no background: a green screen


@pytest.mark.parametrize("name", ["99", "/dev/none"])
def test_no_such_device(name):
    with pytest.raises(InputError, match=f"--device {name}: cannot be opened"):
        Camera(name)


def test_a_device_that_is_no_video(tmp_path):
    (tmp_path / "text").write_text("no video")
    with pytest.raises(InputError, match="is no video"):
        Camera(str(tmp_path / "text"))


@pytest.mark.parametrize(
    ("platform", "device", "expected"),
    [
        ("linux", "2", ("/dev/video2", "v4l2")),
        ("linux", "/dev/video7", ("/dev/video7", "v4l2")),
        ("darwin", "1", ("1", "avfoundation")),
        ("win32", "Webcam", ("video=Webcam", "dshow")),
    ],
)
def test_what_ffmpeg_calls_a_device(platform, device, expected):
    assert _source(device, platform) == expected


def test_an_error_of_the_device_reaches_whoever_waits(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8) for _ in range(12)]
    whole = write_clip(tmp_path / "whole.mkv", pictures).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="breaks off"), Camera(str(tmp_path / "cut.mkv")) as camera:
        list(camera.frames())


@pytest.fixture
def pyvirtualcam(monkeypatch):
    """A stand-in for the package, which keeps what it is sent."""
    module = types.ModuleType("pyvirtualcam")
    module.sent, module.closed = [], []
    module.PixelFormat = types.SimpleNamespace(RGB="RGB")

    class Made:
        def __init__(self, width, height, fps, fmt):
            module.made = (width, height, fps, fmt)

        def send(self, picture):
            module.sent.append(picture)

        def close(self):
            module.closed.append(True)

    module.Camera = Made
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    return module


def test_the_virtual_camera_from_the_command_line(pyvirtualcam, device, network, capfd):
    words = [
        "camera",
        "--device",
        device,
        "--background",
        "green",
        "--virtual-camera",
        "--method",
        "segmenter",
    ]
    words += ["--model", network]
    assert main([str(word) for word in words]) == 0
    assert pyvirtualcam.made == (64, 48, 30.0, "RGB")
    assert pyvirtualcam.sent[0].shape == (*SIZE, 3)
    assert pyvirtualcam.closed == [True]
    told = capfd.readouterr().err
    assert f"wisp: {len(pyvirtualcam.sent)} pictures shown" in told


def test_without_the_package_or_a_driver(monkeypatch, pyvirtualcam, device):
    def broken(*args, **kwargs):
        raise RuntimeError("no driver\nmore of it")

    with Camera(device) as camera:
        pyvirtualcam.Camera = broken
        with pytest.raises(InputError, match=r"--virtual-camera: is not there \(no driver\)$"):
            VirtualCamera(camera.info)
        monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
        with pytest.raises(InputError, match="needs the package pyvirtualcam; pip install"):
            VirtualCamera(camera.info)


def test_without_a_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    if sys.platform in ("darwin", "win32"):
        pytest.skip("there is always one")
    with pytest.raises(InputError, match=r"--preview: (has no display|needs Tk)"):
        Preview()


def test_pictures_for_tk():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert as_ppm(picture) == b"P6 4 2 255 " + bytes(range(24))


def test_a_picture_must_go_somewhere(capfd):
    assert main(["camera"]) == 2
    assert "--preview, --virtual-camera or both" in capfd.readouterr().err


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    from tiny_networks import write_segmenter

    return write_segmenter(tmp_path_factory.mktemp("networks") / "tiny.onnx")


def test_frames_are_held_steady(device):
    """Every frame but the first is matted with what the frames before say of it."""
    pasts = []

    def method(image, past=None):
        pasts.append(past)
        return bright(image)

    with Camera(device) as camera:
        run_camera(camera, None, [Screen()], method)
    assert pasts[0] is None
    assert any(past is not None for past in pasts[1:])
