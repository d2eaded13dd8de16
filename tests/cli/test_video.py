"""``wisp video`` from end to end, with a network for which what is bright is the subject."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from tiny_clips import VARIABLE, corners, moving_disc, packets, write_clip
from tiny_networks import write_dlmn
from wisp.cli.console import UsageError
from wisp.cli.video import seconds
from wisp.clips.io.read import open_clip
from wisp.core.arrays import to_float

SIZE = (64, 96)
SCRIPT = Path(sys.executable).parent / "wisp"


@pytest.fixture
def source(tmp_path):
    pictures = [moving_disc(index, *SIZE)[0] for index in range(len(VARIABLE))]
    return write_clip(tmp_path / "in.mp4", pictures, VARIABLE, audio="aac")


@pytest.fixture
def video(wisp, network, tmp_path):
    def run(*words):
        return wisp("video", *words, "--method", "segmenter", "--model", network)

    return run


def read(path):
    with open_clip(path) as clip:
        return list(clip.frames())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_background_with_times_and_sound_kept(video, source, tmp_path):
    out = tmp_path / "out.mp4"
    ran = video(source, "-o", out, "--background", "green", "--save-alpha", tmp_path / "alpha.mkv")
    assert ran.code == 0, ran
    assert ran.errors == []
    frames = read(out)
    assert [frame.time for frame in frames] == VARIABLE
    assert packets(out) == packets(source)
    assert np.abs(frames[5].pixels[2:6, 2:6].astype(int) - (0, 177, 64)).max() < 8
    _, truth = moving_disc(5, *SIZE)
    alphas = read(tmp_path / "alpha.mkv")
    assert np.abs(alphas[5].pixels[..., 0] / 255 - truth).mean() < 0.02
    inside = ndimage.binary_erosion(truth > 0.99, iterations=4)  # 4:2:0 mixes colours at the edge
    assert np.abs(frames[5].pixels[inside].astype(int) - (240, 205, 180)).mean() < 4


@pytest.mark.parametrize("name", ["out.mov", "out.webm", "out.mkv", "out"])
def test_a_cut_out(video, source, tmp_path, name):
    ran = video(source, "-o", tmp_path / name)
    assert ran.code == 0, ran
    frames = read(tmp_path / name)
    assert len(frames) == len(VARIABLE)
    for index in (0, 9):
        _, truth = moving_disc(index, *SIZE)
        assert np.abs(frames[index].opacity - truth).mean() < 0.02
        soft = (truth > 0.2) & (truth < 0.8)
        # Straight colours of the subject, not a mixture with the dark ground.
        assert np.abs(frames[index].image[soft] * 255 - (240, 205, 180)).mean() < 25
    if name == "out":
        assert ran.errors == [f"wisp: {source}: its sound is left out: a folder of pictures holds none"]
        assert names(tmp_path / "out")[-2:] == ["000010.png", "timestamps.txt"]


def test_a_phones_clip_comes_out_upright(video, tmp_path):
    upright = moving_disc(0, 96, 64)[0]
    source = write_clip(
        tmp_path / "phone.mp4", [np.ascontiguousarray(np.rot90(upright, -1))] * 3, rotation=90
    )
    assert video(source, "-o", tmp_path / "out.mkv", "--background", "black").code == 0
    (frame, *_) = read(tmp_path / "out.mkv")
    truth = moving_disc(0, 96, 64)[1]
    assert frame.pixels.shape == (96, 64, 3)
    assert np.abs(frame.pixels.max(2) / 240 - truth).mean() < 0.03


def test_a_clip_behind_a_clip(video, source, tmp_path):
    behind = write_clip(tmp_path / "b.mp4", [corners(*SIZE)] * 2)
    assert video(source, "-o", tmp_path / "out.mkv", "--background", behind).code == 0
    frame = read(tmp_path / "out.mkv")[-1]
    assert np.abs(frame.pixels[2:8, 2:8].astype(int) - (220, 40, 40)).mean() < 8


def test_a_part(video, source, tmp_path):
    out = tmp_path / "out.mp4"
    assert video(source, "-o", out, "--background", "blur", "--start", "0.1", "--end", "0:00.25").code == 0
    begin = Fraction(1, 10)
    expected = [t - begin for t in VARIABLE if begin <= t < Fraction(1, 4)]
    assert [float(f.time) for f in read(out)] == pytest.approx([float(t) for t in expected], abs=1e-3)


def test_the_clips_own_alpha_stays(video, tmp_path):
    pictures = [moving_disc(0, *SIZE)[0]] * 2
    assert video(write_clip(tmp_path / "a.mp4", pictures), "-o", tmp_path / "cut").code == 0
    for file in (tmp_path / "cut").glob("*.png"):
        from wisp.io.images import read_photo, write_image

        photo = read_photo(file)
        opacity = photo.alpha.copy()
        opacity[:, :40] = 0
        write_image(file, np.dstack([photo.image, opacity]), bits=8, overwrite=True)
    assert video(tmp_path / "cut", "-o", tmp_path / "again.mkv").code == 0
    frame = read(tmp_path / "again.mkv")[0]
    assert frame.opacity[:, :40].max() == 0
    assert frame.opacity[:, 40:].max() > 0.9


def test_colours_of_a_clip_with_alpha_are_straight(video, tmp_path):
    """A half transparent subject shows half of its own colour and half of what is put behind it."""
    from wisp.io.images import write_image

    picture, alpha = moving_disc(0, *SIZE)
    folder = tmp_path / "frames"
    folder.mkdir()
    veiled = to_float(picture), np.full((*SIZE, 1), 0.5, np.float32)
    write_image(folder / "000000.png", np.concatenate(veiled, 2), bits=8)
    assert video(folder, "-o", tmp_path / "out.mkv", "--background", "#ff0000", "--codec", "ffv1").code == 0
    frame = read(tmp_path / "out.mkv")[0]
    inside = alpha >= 0.999
    expected = 0.5 * picture[inside] + 0.5 * np.array([255, 0, 0])
    assert np.abs(frame.pixels[inside] - expected).mean() < 2


class TestMistakes:
    @pytest.fixture
    def fails(self, video, tmp_path, untouched):
        def run(code, problem, *words):
            before = sorted(tmp_path.rglob("*"))
            untouched(tmp_path)
            ran = video(*words)
            assert ran.code == code, ran
            assert len(ran.errors) == 1, ran
            assert problem in ran.errors[0]
            assert sorted(tmp_path.rglob("*")) == before

        return run

    def test_found_before_any_work(self, fails, source, tmp_path):
        out = tmp_path / "out.mp4"
        fails(2, "h264 holds no alpha; prores4444", source, "-o", out)
        fails(2, "does not exist", tmp_path / "none.mp4", "-o", out, "--background", "red")
        fails(2, "is no file and no colour", source, "-o", out, "--background", "reed")
        fails(2, "ends in .gif", source, "-o", tmp_path / "out.gif", "--background", "red")
        fails(2, "inputs are never overwritten", source, "-o", source, "--background", "red", "--overwrite")
        (tmp_path / "old.mp4").write_bytes(b"x")
        fails(2, "exists already", source, "-o", tmp_path / "old.mp4", "--background", "red")
        fails(2, "the folder", source, "-o", tmp_path / "no" / "out.mp4", "--background", "red")
        fails(2, "--end: is 1 s", source, "-o", out, "--background", "red", "--start", "2", "--end", "1")
        fails(2, "--resume: needs folders", source, "-o", out, "--background", "red", "--resume")
        fails(2, "no out.partial to resume", source, "-o", tmp_path / "out", "--resume")
        fails(2, "is named for two", source, "-o", out, "--background", "red", "--save-alpha", out)

    def test_found_in_the_file(self, fails, source, tmp_path):
        (tmp_path / "text.mp4").write_text("no video")
        out = tmp_path / "out.mp4"
        fails(1, "text.mp4: is no video", tmp_path / "text.mp4", "-o", out, "--background", "red")
        fails(1, "in.mp4: has no frame from 7 s on", source, "-o", out, "--background", "red", "--start", "7")

    @pytest.mark.parametrize("out", ["out.mkv", "out"])
    def test_a_file_that_ends_in_the_middle_of_a_frame(self, fails, tmp_path, out):
        rng = np.random.default_rng(0)
        noise = [rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8) for _ in range(20)]
        whole = write_clip(tmp_path / "whole.mkv", noise).read_bytes()
        (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
        fails(1, "cut.mkv: breaks off at", tmp_path / "cut.mkv", "-o", tmp_path / out)

    def test_a_full_disk(self, network, source, tmp_path):
        """The system refuses files above a size, as it would on a full disk."""
        code = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000));"
            "from wisp.cli import main; sys.exit(main(sys.argv[1:]))"
        )
        before = names(tmp_path)
        for out in ("out.mkv", "out"):
            words = ["video", source, "-o", tmp_path / out, "--method", "segmenter", "--model", network]
            ran = subprocess.run(
                [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
            )
            assert ran.returncode == 1, ran
            assert len(ran.stderr.splitlines()) == 1, ran
            assert "File too large" in ran.stderr
            assert names(tmp_path) == before

    @pytest.mark.parametrize(
        ("text", "expected"), [("12.5", "25/2"), ("1:02.5", "125/2"), ("1:00:01", "3601"), ("0", "0")]
    )
    def test_times(self, text, expected):
        assert seconds("--start", text) == Fraction(expected)

    @pytest.mark.parametrize("text", ["", "a", "1:", "-3", "1:2:3:4", "1e3", "+1"])
    def test_what_is_no_time(self, text):
        with pytest.raises(UsageError, match="--start"):
            seconds("--start", text)


def interrupted(words, ready):
    """Run the command in a process of its own, press Ctrl-C when `ready()`, and return how it ended."""
    process = subprocess.Popen([SCRIPT, *map(str, words)], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not ready() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    return process.returncode, told.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent there")
def test_ctrl_c_leaves_nothing_and_a_folder_can_be_resumed(network, video, tmp_path):
    pictures = [moving_disc(index % 30, *SIZE)[0] for index in range(600)]
    source = write_clip(tmp_path / "long.mp4", pictures, options={"preset": "ultrafast"})
    before = names(tmp_path)
    words = ["video", source, "-o", tmp_path / "out.mkv", "--method", "segmenter", "--model", network]
    code, told = interrupted(
        words, lambda: any(p.suffix == ".mkv" and p.stat().st_size for p in tmp_path.iterdir())
    )
    assert (code, told) == (130, ["wisp: interrupted"])
    assert names(tmp_path) == before

    partial = tmp_path / "out.partial"
    words = [
        "video",
        source,
        "-o",
        tmp_path / "out",
        "--method",
        "segmenter",
        "--model",
        network,
        "--end",
        "2",
    ]
    code, told = interrupted(words, (partial / "000030.png").exists)
    assert code == 130
    assert "--resume goes on with what is in out.partial" in told[0]
    assert names(tmp_path) == sorted([*before, "out.partial"])
    done = {path.name: path.stat().st_mtime_ns for path in partial.glob("*.png")}
    assert 30 <= len(done) < 60
    assert video(source, "-o", tmp_path / "out", "--end", "2", "--resume").code == 0
    assert names(tmp_path) == sorted([*before, "out"])
    frames = read(tmp_path / "out")
    assert len(frames) == 60
    assert [float(f.time) for f in frames] == pytest.approx([n / 30 for n in range(60)], abs=1e-6)
    kept = [name for name, when in done.items() if (tmp_path / "out" / name).stat().st_mtime_ns == when]
    assert len(kept) >= len(done) - 1
    assert video(source, "-o", tmp_path / "at once", "--end", "2").code == 0
    for one, other in zip(frames, read(tmp_path / "at once"), strict=True):
        assert np.abs(one.opacity - other.opacity).mean() < 1 / 255


def test_memory_does_not_grow_with_length(network, tmp_path):
    """Six times the frames, at most a tenth more memory (measured on small frames: `benchmarks/video.py`)."""
    peaks = []
    for count in (40, 240):
        pictures = (moving_disc(index % 30, *SIZE)[0] for index in range(count))
        source = write_clip(tmp_path / f"{count}.mp4", list(pictures), options={"preset": "ultrafast"})
        words = [
            "video",
            source,
            "-o",
            tmp_path / f"{count}.mkv",
            "--background",
            "red",
            "--method",
            "segmenter",
            "--model",
            network,
        ]
        code = (
            "import resource, sys; from wisp.cli import main; code = main(sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
        )
        ran = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, check=True)
        peaks.append(int(ran.stdout))
    assert peaks[1] < 1.1 * peaks[0]


def test_dlmn_sees_the_neighbouring_frames(wisp, tmp_path, monkeypatch):
    from wisp.clips import alpha as quick

    seen = []

    def dlmn(image, mask, *, motion, **_):
        seen.append([round(255 * float(motion[..., n].mean())) for n in range(4)])
        return mask

    monkeypatch.setattr(quick, "dlmn", dlmn)
    monkeypatch.setattr(quick, "segment", lambda image, **_: np.ones(image.shape[:2], np.float32))
    levels = [60, 72, 84, 96, 108]
    source = write_clip(tmp_path / "in.mp4", [np.full((64, 96, 3), level, np.uint8) for level in levels])
    model = write_dlmn(tmp_path / "tiny.onnx")
    words = ["video", source, "-o", tmp_path / "out.mp4", "--background", "green", "--method", "dlmn"]
    ran = wisp(*words, "--model", model)
    assert ran.code == 0, ran
    # In the fourth frame the network rests: without an edge nothing has changed along it.
    expected = [[60, 60, 72, 84], [60, 60, 84, 96], [60, 72, 96, 108], [84, 96, 108, 108]]
    np.testing.assert_allclose(seen, expected, atol=3)
    ran = wisp(*words, "--overwrite")
    assert ran.code == 2
    assert "method: dlmn comes without a network" in ran.errors[0]
