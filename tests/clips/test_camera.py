"""A live camera, played from a file that stands in for the device, shown on screens that stand in too."""

import errno
import os
import re
import sys
import time
import types
from fractions import Fraction

import numpy as np
import pytest

from tiny_clips import moving_disc, regular, write_clip
from tiny_networks import write_portrait, write_subject
from wisp.cli import main
from wisp.cli.keys import terminal_keys
from wisp.clips import alpha as quick
from wisp.clips import camera as camera_module
from wisp.clips import devices, live
from wisp.clips.camera import Camera
from wisp.clips.devices import MissingDeviceError, Wanted, list_devices, open_device, source_of
from wisp.clips.io.read import open_clip
from wisp.clips.live import Backgrounds, Controls, WorkingSide, run_camera
from wisp.clips.screens import Preview, VirtualCamera, as_ppm, key_of
from wisp.core.errors import InputError
from wisp.engine.families import subject as family
from wisp.engine.models import find_model

SIZE = (48, 64)


@pytest.fixture
def device(tmp_path):
    pictures = [moving_disc(index, *SIZE)[0] for index in range(15)]
    return str(write_clip(tmp_path / "device.mp4", pictures, regular(15)))


class Screen:
    """Keeps what it is shown; may take its time, and be closed after a number of pictures."""

    def __init__(self, delay=0.0, closes_after=None):
        self.pictures = []
        self.told = []
        self.delay = delay
        self.closes_after = closes_after

    def show(self, picture, status=""):
        time.sleep(self.delay)
        self.pictures.append(picture)
        self.told.append(status)
        return self.closes_after is None or len(self.pictures) < self.closes_after


def bright(image, past=None):
    return (image.mean(2) > 0.5).astype(np.float32)


def test_frames_come_at_their_own_pace_with_another_background(device):
    screen, began = Screen(), time.monotonic()
    with Camera(device) as camera:  # which plays from here on, however late the session begins
        result = run_camera(camera, Backgrounds(["red"], SIZE), [screen], bright)
    assert 1 <= result.shown <= 15
    assert result.shown + result.dropped == 15
    assert time.monotonic() - began > 14 / 30 * 0.9  # played, not rushed through
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
        result = run_camera(camera, Backgrounds(["transparent"], SIZE), [screen, other], bright)
    assert result.shown == 1
    assert len(other.pictures) == 2
    np.testing.assert_array_equal(other.pictures[0][0, 0], (0, 177, 64))  # no background: a green screen


@pytest.mark.parametrize("name", ["99", "/dev/none"])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell it otherwise")
def test_no_such_device(name):
    with pytest.raises(MissingDeviceError, match=f"--device {name}: is not there; wisp camera --list"):
        Camera(name)
    with pytest.raises(InputError, match="--device /dev/null: is no camera"):
        Camera("/dev/null")


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.ENOENT, "is not there"),
        (errno.ENODEV, "is not there"),
        (errno.EBUSY, "is busy: another program has it"),
        (errno.EACCES, "may not be used; sudo usermod"),
        (errno.EIO, "cannot be opened with video_size 640x480"),
    ],
)
def test_what_hinders_a_device_is_told_apart(monkeypatch, number, problem):
    av = devices.pyav()

    def refuse(name, format, options):
        assert (name, format) == ("/dev/video3", "v4l2")
        assert options == {"video_size": "640x480", "framerate": "25", "input_format": "mjpeg"}
        raise av.error.OSError(number, "no", name)

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(InputError) as raised:
        open_device("3", Wanted((480, 640), 25, mjpeg=True), "linux")
    assert problem in str(raised.value)
    assert isinstance(raised.value, MissingDeviceError) == (problem == "is not there")


def test_macos_is_asked_for_a_rate_that_cameras_have(monkeypatch):
    asked = []
    monkeypatch.setattr(devices.pyav(), "open", lambda name, format, options: asked.append((name, options)))
    open_device("0", None, "darwin")
    assert asked == [("0", {"framerate": "30"})]
    with pytest.raises(InputError, match="--mjpeg: is not for macOS"):
        open_device("0", Wanted(mjpeg=True), "darwin")


def test_the_list(monkeypatch, wisp):
    found = [
        types.SimpleNamespace(name="/dev/video0", description="Webcam", media_types=["video"]),
        types.SimpleNamespace(name="/dev/video2", description="Capture", media_types=[]),
        types.SimpleNamespace(name="mic", description="Microphone", media_types=["audio"]),
    ]
    av = devices.pyav()
    monkeypatch.setattr(av.device, "enumerate_input_devices", lambda driver: found)
    assert list_devices("linux") == ["0: Webcam", "2: Capture"]
    assert list_devices("win32") == ["0: Webcam", "1: Capture"]
    ran = wisp("camera", "--list")
    assert (ran.code, ran.errors) == (0, [])
    assert "Webcam" in ran.stdout
    monkeypatch.setattr(av.device, "enumerate_input_devices", lambda driver: [])
    ran = wisp("camera", "--list")
    assert (ran.code, ran.errors, ran.stdout) == (0, ["wisp: no cameras are there"], "")

    def refuse(driver):
        raise ValueError("no such driver")

    monkeypatch.setattr(av.device, "enumerate_input_devices", refuse)
    ran = wisp("camera", "--list")
    assert ran.code != 0
    assert "cannot be listed (no such driver)" in ran.errors[0]


def test_size_and_rate_of_a_stand_in(device):
    with Camera(device, Wanted((24, 32), Fraction(10))) as camera:
        frames = list(camera.frames())
    assert camera.info.rate == 10
    assert {frame.pixels.shape for frame in frames} == {(24, 32, 3)}
    assert len(frames) + camera.dropped == 5
    with pytest.raises(InputError, match="--mjpeg: is for devices"):
        Camera(device, Wanted(mjpeg=True))


class Unplugged:
    """Opens a file as if it were a device, which is gone for a while when it has ended."""

    def __init__(self, path, missing=2):
        self.path = path
        self.opened = 0
        self.missing = missing

    def __call__(self, device, wanted):
        self.opened += 1
        if 1 < self.opened <= 1 + self.missing:
            raise MissingDeviceError("--device 0", "is not there")
        return devices.open_input(self.path), True


def test_a_lost_device_is_waited_for(monkeypatch, device):
    told, device = [], Unplugged(device)
    monkeypatch.setattr(camera_module, "open_device", device)
    monkeypatch.setattr(camera_module, "AGAIN", 0.2)
    screen = Screen(closes_after=None)
    with Camera("0", tell=told.append) as camera:
        keys = iter(lambda: iter("q" if device.opened >= 5 else ""), None)
        run_camera(camera, Backgrounds(["red"], SIZE), [screen], bright, pressed=lambda: next(keys))
    assert told[:2] == ["the camera is gone; waiting for it", "the camera is back"]
    assert device.opened >= 4
    assert "camera gone, waiting" in screen.told
    gone = screen.told.index("camera gone, waiting")
    np.testing.assert_array_equal(screen.pictures[gone], screen.pictures[gone - 1])


class Pressed:
    """Presses keys when so many pictures have been shown."""

    def __init__(self, screen, **keys):
        self.screen = screen
        self.keys = {int(number.lstrip("_")): list(text) for number, text in keys.items()}

    def __call__(self):
        for number in [n for n in self.keys if n <= len(self.screen.pictures)]:
            yield from self.keys.pop(number)


class EveryFrame:
    """A camera that waits for whoever looks, so that no frame is dropped."""

    def __init__(self, path, pause=0.0):
        self.dropped, self.arrived, self.pause = 0, 0.0, pause
        with open_clip(path) as clip:
            self.info, self.kept = clip.info, list(clip.frames())

    def frames(self):
        for frame in self.kept:
            time.sleep(self.pause)
            self.arrived = time.monotonic()
            yield frame


def session(device, names, screen, method=bright, pause=0.0, **keys):
    behind = Backgrounds(names, SIZE)
    return run_camera(EveryFrame(device, pause), behind, [screen], method, pressed=Pressed(screen, **keys))


def test_keys_while_it_runs(device):
    screen = Screen()
    session(device, ["red", "blue"], screen, _1="m", _2="mn", _4=" ", _6=" ", _8="q")
    corner = [tuple(picture[0, 0]) for picture in screen.pictures]
    assert corner[:4] == [(255, 0, 0)] * 2 + [(0, 0, 255)] * 2
    assert max(corner[4]) < 80  # off: the room itself
    assert corner[6] == (0, 0, 255)
    assert len(screen.pictures) == 8
    middles = [np.flatnonzero((p.min(2) > 150).any(0)).mean() for p in screen.pictures[:3]]
    assert middles == pytest.approx([25.6, 63 - 26.6, 27.6], abs=1)


def test_frozen_pictures_stay(device):
    screen = Screen()
    session(device, ["red"], screen, _2="f", _5="f")
    first, second, *rest = screen.pictures
    assert not np.array_equal(first, second)
    for picture in rest[:2]:
        np.testing.assert_array_equal(picture, second)
    assert not np.array_equal(rest[4], second)


def nobody(image, past=None):
    return np.zeros(SIZE, np.float32)


def test_blur_stronger_and_weaker(tmp_path):
    rng = np.random.default_rng(0)
    room = rng.integers(0, 120, (*SIZE, 3), dtype=np.uint8)
    device = str(write_clip(tmp_path / "room.mp4", [room] * 24, regular(24)))
    screen = Screen()
    session(device, ["blur:2"], screen, nobody, _3="+++", _6="------")
    rough = [np.abs(np.diff(picture.astype(int), axis=1)).mean() for picture in screen.pictures]
    assert rough[4] < 0.8 * rough[1] < rough[1] < 0.8 * rough[8]


def test_standing_still_while_nobody_is_there(monkeypatch, tmp_path):
    monkeypatch.setattr(live, "IDLE", 0.05)
    there = [moving_disc(index, *SIZE)[0] for index in range(8)]
    gone = [np.full((*SIZE, 3), 30 + index, np.uint8) for index in range(16)]
    device = str(write_clip(tmp_path / "leaves.mp4", [*there, *gone], regular(24)))
    for keys, held in (({"_1": "h"}, True), ({}, False)):
        screen = Screen()
        session(device, ["transparent"], screen, pause=0.02, **keys)
        assert (screen.pictures[-1].max() > 200) == held


@pytest.mark.parametrize(
    ("symbol", "character", "key"), [("space", " ", "space"), ("plus", "+", "+"), ("F1", "", "F1")]
)
def test_keys_of_the_window(symbol, character, key):
    assert key_of(symbol, character) == key


def test_keys_that_mean_nothing_and_blur_from_the_usual():
    controls = Controls()
    controls.press("F1")
    assert controls == Controls()
    controls.press("+", 8.0)
    assert controls.sigma == 10
    controls.press("-", 8.0)
    assert controls.sigma == 8


def test_rate_and_latency_are_shown_and_kept(device):
    screen = Screen()
    result = session(device, ["red"], screen)
    assert re.fullmatch(r"\d+\.\d a second  \d+ ms  64 px", screen.told[-1])
    assert 0 < result.latency() <= result.latency(0.95) < 1
    assert len(result.latencies) == result.shown


class TestLight:
    def test_it_falls_until_the_machine_keeps_up_and_rises_again(self):
        working = WorkingSide(0.1, (400, 200, 100))
        for _ in range(WorkingSide.DECIDE):
            working.took(0.15)
        assert working.side == 200
        for _ in range(WorkingSide.RISE):
            working.took(0.08)  # it keeps up, but not by half
        assert working.side == 200
        for _ in range(WorkingSide.RISE):
            working.took(0.02)
        assert working.side == 400

    def test_a_single_slow_picture_changes_nothing(self):
        working = WorkingSide(0.1, (400, 200))
        for number in range(200):
            working.took(1.0 if number % 20 == 0 else 0.07)
        assert working.side == 400

    def test_smaller_pictures_are_matted_and_drawn_at_full_size(self, monkeypatch, tmp_path):
        pictures = [moving_disc(index, 120, 160)[0] for index in range(40)]
        device = str(write_clip(tmp_path / "large.mp4", pictures, regular(40)))
        seen, screen = [], Screen()

        def slow(image, past=None):
            seen.append(image.shape[:2])
            time.sleep(0.06 if image.shape[1] > 80 else 0)
            return bright(image)

        monkeypatch.setattr(live, "WorkingSide", lambda interval: WorkingSide(0.05, (160, 80)))
        behind = Backgrounds(["red"], (120, 160))
        result = run_camera(EveryFrame(device), behind, [screen], slow, light=True)
        assert seen[0] == (120, 160)
        assert seen[-1] == (60, 80)
        assert result.side == 80
        assert screen.pictures[-1].shape == (120, 160, 3)
        np.testing.assert_array_equal(screen.pictures[-1][0, 0], (255, 0, 0))


def test_keys_of_a_terminal():
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    with os.fdopen(slave) as stream, terminal_keys(stream) as keys:
        assert list(keys.pressed()) == []
        os.write(master, b"f ")
        until = time.monotonic() + 5
        found = []
        while len(found) < 2 and time.monotonic() < until:
            found += keys.pressed()
        assert found == ["f", " "]
    os.close(master)


def test_no_terminal_no_keys(tmp_path):
    (tmp_path / "file").write_text("fff")
    with (tmp_path / "file").open() as stream, terminal_keys(stream) as keys:
        assert list(keys.pressed()) == []


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
    assert source_of(device, platform) == expected


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
    assert re.search(r"latency \d+ ms, 95 % under \d+ ms; matted at 64 pixels", told)


@pytest.fixture
def networks(monkeypatch, tmp_path):
    """What is bright is the subject, by a subject network and a portrait network of some bytes."""
    subject, portrait = write_subject(tmp_path / "subject.onnx"), write_portrait(tmp_path / "portrait.onnx")
    monkeypatch.setattr(family, "find_model", lambda model, kind: find_model(subject, kind))
    monkeypatch.setattr(quick, "find_model", lambda model, kind: find_model(portrait, kind))


def test_somebody_is_chosen_in_the_first_picture(pyvirtualcam, networks, capfd, tmp_path):
    still = [moving_disc(0, *SIZE)[0]] * 8
    device = str(write_clip(tmp_path / "still.mp4", still, regular(8)))
    words = ["camera", "--device", device, "--background", "green", "--virtual-camera", "--point"]
    assert main([*words, "25,24"]) == 0
    middle = np.array([picture[24, 25] for picture in pyvirtualcam.sent])
    assert (middle[:, 0] > 150).all()
    capfd.readouterr()
    assert main([*words, "60,4"]) == 1
    assert "selection: holds nothing that could be a subject" in capfd.readouterr().err
    assert main([*words, "25,24", "--light"]) == 2
    assert "--light: works at sizes that change" in capfd.readouterr().err
    assert main([*words, "25"]) == 2
    assert "--point: is '25'" in capfd.readouterr().err


def test_a_thing_is_no_subject_of_a_camera_unless_it_is_asked_for(pyvirtualcam, networks, tmp_path):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    grey = np.where(np.hypot(rows - 24, columns - 32) < 14, 230, 25).astype(np.uint8)
    source = str(write_clip(tmp_path / "in.mp4", [np.dstack([grey] * 3)] * 8, regular(8)))
    words = ["camera", "--device", source, "--background", "green", "--virtual-camera"]
    assert main(words) == 0
    assert max(picture[24, 32, 0] for picture in pyvirtualcam.sent) < 20
    pyvirtualcam.sent.clear()
    assert main([*words, "--subject", "anything"]) == 0
    assert min(picture[24, 32, 0] for picture in pyvirtualcam.sent) > 200


def test_without_the_package_or_a_driver(monkeypatch, pyvirtualcam, device):
    def broken(*args, **kwargs):
        raise RuntimeError("no driver\nmore of it")

    with Camera(device) as camera:
        pyvirtualcam.Camera = broken
        with pytest.raises(InputError, match=r"--virtual-camera: is not there \(no driver\); docs/camera.md"):
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


@pytest.fixture
def wisp(capfd):
    def run(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, told = capfd.readouterr()
        return types.SimpleNamespace(code=code, stdout=out, errors=told.splitlines())

    return run


def test_frames_are_held_steady(device):
    """Every frame but the first is matted with what the frames before say of it."""
    pasts = []

    def method(image, past=None):
        pasts.append(past)
        return bright(image)

    with Camera(device) as camera:
        run_camera(camera, Backgrounds(["red"], SIZE), [Screen()], method)
    assert pasts[0] is None
    assert any(past is not None for past in pasts[1:])


def test_pyvirtualcam_itself_with_a_backend_that_shows_nothing(device):
    pyvirtualcam = pytest.importorskip("pyvirtualcam")
    sent = []

    class Null(pyvirtualcam.Backend):
        def __init__(self, *, width, height, fps, fourcc, device, **_):
            self.size = height, width

        def close(self):
            sent.append(None)

        def send(self, frame):
            sent.append(np.array(frame).reshape(*self.size, 3))

        def device(self):
            return "null"

        def native_fourcc(self):
            return None

    pyvirtualcam.register_backend("null", Null)
    with Camera(device) as camera:
        screen = VirtualCamera(camera.info, "null")
        result = run_camera(camera, Backgrounds(["red"], SIZE), [screen], bright)
        screen.close()
    assert len(sent) == result.shown + 1
    np.testing.assert_array_equal(sent[0][0, 0], (255, 0, 0))
    assert sent[-1] is None


def test_wrong_sizes(wisp):
    ran = wisp("camera", "--preview", "--size", "1280")
    assert (ran.code, "such as 1280x720" in ran.errors[0]) == (2, True)
