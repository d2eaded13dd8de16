"""``wisp video`` from end to end, with a network for which what is bright is the subject."""

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import pyvips
from scipy import ndimage

from tiny_clips import VARIABLE, corners, moving_disc, packets, write_clip
from tiny_networks import write_dlmn, write_portrait, write_subject
from wisp.cli.clips import frame_rate, seconds
from wisp.cli.console import UsageError
from wisp.cli.video import video_command
from wisp.clips import convert, methods
from wisp.clips.io.read import open_clip
from wisp.core.arrays import to_float
from wisp.engine.models import find_model

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


def test_a_clip_without_a_subject_is_told(video, source, tmp_path):
    dark = [np.full((*SIZE, 3), 20, np.uint8)] * 3
    write_clip(tmp_path / "dark.mp4", dark)
    ran = video(tmp_path / "dark.mp4", "-o", tmp_path / "dark", "-q")
    assert (ran.code, ran.errors) == (0, [])
    ran = video(tmp_path / "dark.mp4", "-o", tmp_path / "dark", "--overwrite")
    assert ran.code == 0
    assert "no subject was found in any frame; its alpha is empty" in ran.errors[0]


@pytest.mark.parametrize("name", ["in.mp4", "in.avi"])
@pytest.mark.parametrize("out", ["out.mp4", "out.mov", "out.avi"])
def test_mp3_is_copied(video, tmp_path, name, out):
    write_clip(tmp_path / name, [moving_disc(0, *SIZE)[0]] * 10, audio="libmp3lame", tick=Fraction(1, 30))
    ran = video(tmp_path / name, "-o", tmp_path / out, "--background", "green")
    assert ran.code == 0, ran
    assert not any("sound" in line for line in ran.errors)
    assert packets(tmp_path / out) == packets(tmp_path / name)


def test_coarse_times_of_sound_rise_when_it_is_transcoded(video, tmp_path):
    write_clip(tmp_path / "in.avi", [moving_disc(0, *SIZE)[0]] * 20, audio="mp2", tick=Fraction(1, 30))
    ran = video(tmp_path / "in.avi", "-o", tmp_path / "out.mp4", "--background", "green")
    assert ran.code == 0, ran
    assert "transcoded from mp2 to aac" in ran.errors[0]
    with av.open(str(tmp_path / "out.mp4")) as container:
        times = [packet.pts for packet in container.demux(audio=0) if packet.pts is not None]
    assert len(times) > 20
    assert all(later - earlier == 1024 for earlier, later in pairwise(times))


def test_quicktime_knows_the_languages(video, tmp_path):
    known = {"fra": "fra", "fre": "fra", "ces": "ces", "deu": "ger", "ell": "gre"}
    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        pictures = out.add_stream("libx264", rate=30)
        pictures.height, pictures.width = SIZE
        sounds = []
        for language in known:
            sounds.append(out.add_stream("aac", rate=48000, layout="mono"))
            sounds[-1].metadata["language"] = language
        frame = av.VideoFrame.from_ndarray(moving_disc(0, *SIZE)[0])
        for index in range(4):
            frame.pts = index
            out.mux(pictures.encode(frame))
        out.mux(pictures.encode(None))
        for sound in sounds:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 48000, 0
            out.mux(sound.encode(silence))
            out.mux(sound.encode(None))
    assert video(tmp_path / "in.mkv", "-o", tmp_path / "out.mov", "--background", "green").code == 0
    with av.open(str(tmp_path / "out.mov")) as container:
        assert [sound.metadata["language"] for sound in container.streams.audio] == list(known.values())


@pytest.mark.parametrize(("codec", "name"), [("ffv1", "out.mov"), ("png-mov", "out.mkv")])
def test_containers_that_take_no_such_codec(video, source, tmp_path, codec, name):
    ran = video(source, "-o", tmp_path / name, "--background", "green", "--codec", codec)
    assert ran.code == 2, ran
    assert f"{name}: cannot hold {codec}" in ran.errors[0]


def test_the_last_frame_of_a_gif_lasts_as_long_as_browsers_keep_to(video, tmp_path):
    pictures = [moving_disc(index, *SIZE)[0] for index in range(12)]
    times = [Fraction(index, 60) for index in range(12)]
    write_clip(tmp_path / "in.mkv", pictures, times, tick=Fraction(1, 60))
    assert video(tmp_path / "in.mkv", "-o", tmp_path / "out.gif").code == 0
    delays = pyvips.Image.new_from_file(str(tmp_path / "out.gif"), n=-1).get("delay")
    assert min(delays) >= 20, delays


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
        fails(1, "does not exist", tmp_path / "none.mp4", "-o", out, "--background", "red")
        fails(2, "is no file and no colour", source, "-o", out, "--background", "reed")
        fails(2, "ends in .bmp", source, "-o", tmp_path / "out.bmp", "--background", "red")
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
    ones = SimpleNamespace(mask=np.ones((64, 96), np.float32))
    monkeypatch.setattr(quick, "find_subject", lambda image, **_: ones)
    levels = [60, 72, 84, 96, 108]
    source = write_clip(tmp_path / "in.mp4", [np.full((64, 96, 3), level, np.uint8) for level in levels])
    model = write_dlmn(tmp_path / "tiny.onnx")
    words = ["video", source, "-o", tmp_path / "out.mp4", "--background", "green", "--method", "dlmn"]
    ran = wisp(*words, "--model", model)
    assert ran.code == 0, ran
    # In the fourth frame the network rests: without an edge nothing has changed along it.
    expected = [[60, 60, 72, 84], [60, 60, 84, 96], [60, 72, 96, 108], [84, 96, 108, 108]]
    np.testing.assert_allclose(seen, expected, atol=3)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--point", "10"], "--point: is '10'; column and row, such as 320,180, are accepted"),
        (["--point", "-1,5"], "--point: is '-1,5'; column and row"),
        (
            ["--box", "1,2,3"],
            "--box: is '1,2,3'; left, top, width and height, such as",
        ),
        (["--box", "1,2,0,5"], "box 1,2,0,5: is empty; a width and a height over 0 are accepted"),
        (["--point", "1,2", "--box", "1,2,3,4"], "point and box: are both given; one of the two is accepted"),
        (["--at", "1"], "--at: changes nothing without --point or --box; one of them is accepted"),
        (["--point-out", "1,2"], "--point-out: changes nothing without --point or --box"),
        (
            ["--point", "1,2", "--subject", "people"],
            "--subject: changes nothing: --point says",
        ),
        (
            ["--box", "1,2,3,4", "--method", "segmenter"],
            "--box: changes nothing: method segmenter",
        ),
        (["--subject", "people", "--method", "segmenter"], "subject: changes nothing: method segmenter"),
        (["--point", "1,2", "--at", "0:05", "--end", "5"], "--at: is 0:05, which is not taken"),
        (["--point", "1,2", "--at", "x"], "--at: is 'x'; seconds (12.5)"),
    ],
)
def test_selections_that_cannot_be(wisp, source, tmp_path, words, problem):
    ran = wisp("video", source, "-o", tmp_path / "out.mov", *words)
    assert ran.code == 2, ran
    assert problem in ran.errors[0]
    assert not (tmp_path / "out.mov").exists()


def test_a_resumed_folder_selects_nobody(wisp, source, tmp_path):
    ran = wisp("video", source, "-o", tmp_path / "out", "--resume", "--point", "1,2")
    assert (ran.code, ran.errors) == (
        2,
        ["wisp: --resume: has no first frame to select on; leave out one of the two"],
    )


@pytest.fixture
def networks(monkeypatch, tmp_path):
    """What is bright is the subject, by a subject network and a portrait network of some bytes."""
    from wisp.clips import alpha as quick
    from wisp.engine.families import subject as family

    subject, portrait = write_subject(tmp_path / "subject.onnx"), write_portrait(tmp_path / "portrait.onnx")
    monkeypatch.setattr(family, "find_model", lambda model, kind: find_model(subject, kind))
    monkeypatch.setattr(quick, "find_model", lambda model, kind: find_model(portrait, kind))


def two_discs(index):
    """A picture with two bright discs that wander right, uint8 (96, 192, 3), and where the left one is."""
    rows, columns = np.mgrid[:96, :192]
    picture = np.full((96, 192, 3), 25, np.uint8)
    places = [np.hypot(rows - 48, columns - x - index) < 22 for x in (45, 140)]
    for place in places:
        picture[place] = (255, 205, 130)
    return picture, *places


@pytest.mark.parametrize("words", [["--point", "45,48"], ["--box", "20,20,50,56"]])
def test_the_one_who_is_selected_is_followed_and_nobody_else(wisp, networks, tmp_path, words):
    frames = [two_discs(index) for index in range(6)]
    source = write_clip(tmp_path / "in.mp4", [picture for picture, *_ in frames])
    out, alpha = tmp_path / "out.mp4", tmp_path / "alpha.mkv"
    ran = wisp("video", source, "-o", out, "--background", "green", "--save-alpha", alpha, *words)
    assert ran.code == 0, ran
    for frame, (_, left, right) in zip(read(alpha), frames, strict=True):
        assert frame.pixels[..., 0][left].mean() > 230
        assert frame.pixels[..., 0][right].max() < 10


def test_before_the_time_of_the_selection_nobody_is_kept(wisp, networks, tmp_path):
    frames = [two_discs(index) for index in range(6)]
    source = write_clip(tmp_path / "in.mp4", [picture for picture, *_ in frames])
    alpha = tmp_path / "alpha.mkv"
    words = ["-o", tmp_path / "out.mp4", "--background", "green", "--save-alpha", alpha, "--overwrite"]
    ran = wisp("video", source, *words, "--point", "140,48", "--at", "0.1")
    assert ran.code == 0, ran
    kept = [[frame.pixels[..., 0][place].mean() > 200 for place in frames[0][1:]] for frame in read(alpha)]
    assert kept == [[False, False]] * 3 + [[False, True]] * 3
    ran = wisp("video", source, *words, "--point", "140,48", "--at", "9")
    assert (ran.code, ran.errors) == (
        2,
        ["wisp: --at: is 9 s, after the last frame; 0 to 0.166667 s is accepted"],
    )
    ran = wisp("video", source, *words, "--point", "200,48")
    assert ran.code == 1
    assert "point 200,48: is outside of the picture, which is 192×96" in ran.errors[0]
    ran = wisp("video", source, *words, "--point", "90,5")
    assert ran.code == 1
    assert "selection: holds nothing that could be a subject" in ran.errors[0]


DATA = Path(__file__).parent.parent / "clips" / "data"


@contextmanager
def standard(number, path, mode):
    """Standard input (0) or output (1) of this process as a file, also for FFmpeg."""
    kept = os.dup(number)
    with Path(path).open(mode) as file:
        os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            os.dup2(kept, number)
            os.close(kept)


@contextmanager
def piped(path):
    """Standard input from a pipe that is fed with a file."""
    kept, (out, into) = os.dup(0), os.pipe()
    os.dup2(out, 0)
    os.close(out)

    def feed():
        with suppress(BrokenPipeError), os.fdopen(into, "wb") as pipe:
            pipe.write(Path(path).read_bytes())

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        feeder.join()


def streams(path, kind):
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams if stream.type == kind]


class TestPipes:
    @pytest.mark.parametrize("name", ["in.mkv", "in.nut", "in.ts"])
    def test_a_clip_from_standard_input_with_its_sound(self, video, tmp_path, name):
        pictures = [moving_disc(index, *SIZE)[0] for index in range(40)]
        codec = {"codec": "mpeg4"} if name.endswith("nut") else {}
        source = write_clip(tmp_path / name, pictures, audio="aac", **codec)
        assert video(source, "-o", tmp_path / "file.mkv", "--background", "green").code == 0
        with piped(source):
            ran = video("-", "-o", tmp_path / "pipe.mkv", "--background", "green")
        assert ran.code == 0, ran
        assert packets(tmp_path / "pipe.mkv") == packets(tmp_path / "file.mkv") != []
        one, other = read(tmp_path / "pipe.mkv"), read(tmp_path / "file.mkv")
        assert [frame.time for frame in one] == [frame.time for frame in other]

    def test_a_part_from_a_named_pipe(self, video, source, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        mkv = tmp_path / "in.mkv"
        assert video(source, "-o", mkv, "--background", "green").code == 0
        feeder = subprocess.Popen(["cp", mkv, tmp_path / "pipe"])
        words = ["--background", "green", "--start", "0.1", "--end", "0.25"]
        ran = video(tmp_path / "pipe", "-o", tmp_path / "out.mkv", *words)
        feeder.kill()
        feeder.wait()
        assert ran.code == 0, ran
        assert video(mkv, "-o", tmp_path / "file.mkv", *words).code == 0
        found, expected = ([f.time for f in read(tmp_path / name)] for name in ("out.mkv", "file.mkv"))
        assert len(found) == 4
        assert found == expected

    @pytest.mark.parametrize(
        ("words", "codec", "format"),
        [
            (["--background", "green"], "h264", "matroska,webm"),
            ([], "ffv1", "matroska,webm"),
            (["--format", "nut"], "rawvideo", "nut"),
            (["--format", "webm"], "vp9", "matroska,webm"),
        ],
    )
    def test_a_clip_on_standard_output(self, video, source, tmp_path, words, codec, format):
        with standard(1, tmp_path / "out", "wb"):
            ran = video(source, "-o", "-", *words)
        assert ran.code == 0, ran
        with av.open(str(tmp_path / "out")) as container:
            assert container.format.name == format
            assert container.streams.video[0].codec_context.name == codec
            assert len(container.streams.audio) == 1
            assert len(list(container.decode(video=0))) == len(VARIABLE)

    def test_a_reader_that_goes_away(self, network, source, tmp_path):
        words = ["video", source, "-o", "-", "--format", "nut", "--method", "segmenter", "--model", network]
        command = [sys.executable, "-m", "wisp", *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            told = process.stderr.read().decode()
            assert process.wait(60) == 1
        assert len(told.splitlines()) <= 1
        assert "Traceback" not in told

    def test_what_cannot_be_read_in_one_go(self, video, tmp_path):
        """An MP4 whose index comes last, longer than what FFmpeg keeps at hand."""
        rng = np.random.default_rng(0)
        noise = [rng.integers(0, 256, (144, 192, 3), dtype=np.uint8) for _ in range(20)]
        source = write_clip(tmp_path / "in.mp4", noise)
        with piped(source):
            ran = video("-", "-o", tmp_path / "out.mkv")
        assert (ran.code, len(ran.errors)) == (1, 1)
        assert ran.errors[0].endswith("in one go (Matroska, NUT, MPEG-TS) is accepted from a pipe")
        assert not (tmp_path / "out.mkv").exists()

    def test_no_room_on_standard_output(self, video, source):
        with standard(1, "/dev/full", "wb"):
            ran = video(source, "-o", "-", "--format", "nut")
        assert (ran.code, ran.errors) == (1, ["wisp: -: standard output: No space left on device"])

    def test_mistakes(self, video, source, tmp_path):
        ran = video(source, "-o", tmp_path / "a.mkv", "--format", "nut")
        assert (ran.code, "--format: nut is for standard output" in ran.errors[0]) == (2, True)
        ran = video(source, "-o", "-", "--save-alpha", "-")
        assert (ran.code, "named for two outputs" in ran.errors[0]) == (2, True)
        ran = video("-", "-o", tmp_path / "a", "--resume")
        assert (ran.code, len(ran.errors)) == (2, 1)


class TestSequences:
    @pytest.fixture
    def shots(self, tmp_path):
        from wisp.io.images import write_image

        folder = tmp_path / "shots"
        folder.mkdir()
        for index, number in enumerate((1001, 1002, 1004)):
            write_image(folder / f"shot.{number}.png", to_float(moving_disc(index, *SIZE)[0]), bits=8)
        return folder

    def pngs(self, folder):
        return [name for name in names(folder) if name.endswith("png")]

    def test_names_and_gaps_stay(self, video, shots, tmp_path):
        ran = video(shots, "-o", tmp_path / "out", "--save-alpha", tmp_path / "alpha", "--fps", "12")
        assert ran.code == 0, ran
        assert self.pngs(tmp_path / "out") == ["shot.1001.png", "shot.1002.png", "shot.1004.png"]
        assert self.pngs(tmp_path / "alpha") == self.pngs(tmp_path / "out")
        assert [float(f.time) for f in read(tmp_path / "out")] == pytest.approx([0, 1 / 12, 3 / 12], abs=1e-6)
        assert "frame 1003 is missing" in ran.errors[0]

    def test_a_pattern_in_and_out(self, video, shots, tmp_path):
        out = tmp_path / "comp" / "final_####.png"
        assert video(shots / "shot.1002-1004.png", "-o", out, "--background", "red").code == 0
        assert self.pngs(tmp_path / "comp") == ["final_1002.png", "final_1004.png"]
        assert (
            video(shots, "-o", tmp_path / "b" / "%03d.png", "--background", "red", "--start", "0.05").code
            == 0
        )
        assert self.pngs(tmp_path / "b") == ["1004.png"]

    def test_pattern_of_a_file_counts_from_one(self, video, source, tmp_path):
        assert video(source, "-o", tmp_path / "b" / "f%03d.png", "--end", "0.1").code == 0
        assert self.pngs(tmp_path / "b")[0] == "f001.png"

    def test_a_slash_means_a_folder(self, video, source, tmp_path):
        assert video(source, "-o", f"{tmp_path / 'take.v2'}/").code == 0
        assert len(self.pngs(tmp_path / "take.v2")) == len(VARIABLE)

    def test_mistakes(self, video, shots, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for words, problem in (
            ([shots, "-o", shots, "--overwrite"], "is an input"),
            ([shots / "shot.%04d.png", "-o", shots, "--overwrite"], "holds the input"),
            ([shots / "shut.%04d.png", "-o", "x"], "names no picture"),
            ([shots, "-o", "a.%04d.png"], "names no folder of its own"),
            ([shots, "-o", "x", "--fps", "fast"], "--fps: is 'fast'"),
            ([shots, "-o", "x", "--fps", "0"], "--fps: is '0'"),
        ):
            ran = video(*words)
            assert (ran.code, len(ran.errors)) == (2, 1), ran
            assert problem in ran.errors[0]
        assert len(self.pngs(shots)) == 3

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("24", "24"),
            ("23.976", "24000/1001"),
            ("29.97", "30000/1001"),
            ("59.94", "60000/1001"),
            ("12.5", "25/2"),
            ("24000/1001", "24000/1001"),
            ("0.5", "1/2"),
        ],
    )
    def test_rates(self, text, expected):
        assert frame_rate("--fps", text) == Fraction(expected)

    def test_nothing_is_resumed_by_another_method(self, network, wisp, source, tmp_path):
        """What was begun with one method, network or rate does not go on with another."""
        words = ["video", source, "-o", tmp_path / "out", "--method", "segmenter", "--model", network]
        code, _ = interrupted(words, (tmp_path / "out.partial" / "000001.png").exists)
        if code == 0:
            pytest.skip("it was too fast to be interrupted")
        before = names(tmp_path / "out.partial")
        for other in (
            ["--method", "auto"],
            ["--method", "segmenter", "--precision", "fp32", "--model", network],
        ):
            ran = wisp("video", source, "-o", tmp_path / "out", "--resume", *other)
            assert ran.code == 1
            assert "with other options (m" in ran.errors[0] or "(precision)" in ran.errors[0]
        assert names(tmp_path / "out.partial") == before


@pytest.mark.parametrize(
    "words",
    [
        ["--method", "portrait"],
        ["--model", "dlmn-mobile"],
        ["--device", "cpu"],
        ["--precision", "fp32"],
        ["--subject", "people"],
        ["--method", "dlmn", "--no-ssrn"],
        ["--background", "red"],
        ["--start", "0.1"],
        ["--end", "0.3"],
        ["--save-alpha", "alpha"],
        ["--save-foreground", "colours"],
    ],
    ids=" ".join,
)
def test_whatever_decides_pixels_is_compared_by_resume(wisp, source, tmp_path, monkeypatch, words):
    def described(*more):
        jobs = []
        monkeypatch.setattr(convert, "convert", lambda job, alpha_of, progress: jobs.append(job) or ())
        monkeypatch.setattr(methods, "alpha_method", lambda *args, **options: None)
        monkeypatch.chdir(tmp_path)
        assert wisp("video", source, "-o", "out", *more).code == 0
        return convert._described(jobs[0])

    assert described(*words) != described()
    assert described("--keep-metadata", "--max-pixels", "100000") == described()


def test_every_option_is_compared_by_resume_or_decides_no_pixels():
    compared = {"source", "background", "save_alpha", "save_foreground", "fps", "start", "end"}
    compared |= {"subject", "method", "model", "ssrn", "device", "precision"}
    refused = {"point", "point_out", "box", "at"}  # beside --resume
    of_videos = {"codec", "format"}  # --resume is for PNG files
    no_pixels = {"out", "keep_metadata", "max_pixels", "resume", "overwrite", "quiet"}
    assert set(inspect.signature(video_command).parameters) == compared | refused | of_videos | no_pixels


class TestOutputs:
    def test_a_matte_and_a_foreground_beside_it(self, video, source, tmp_path):
        words = ["--save-alpha", tmp_path / "a.mkv", "--save-foreground", tmp_path / "f.mkv"]
        ran = video(source, "-o", tmp_path / "cut", "--background", "red", *words)
        assert ran.code == 0, ran
        assert streams(tmp_path / "a.mkv", "video") == streams(tmp_path / "f.mkv", "video") == ["ffv1"]
        assert streams(tmp_path / "a.mkv", "audio") == []
        shown, alphas, colours = (read(tmp_path / name) for name in ("cut", "a.mkv", "f.mkv"))
        alpha = alphas[5].image[..., :1]
        mixed = alpha * colours[5].image + (1 - alpha) * np.float32([1, 0, 0])
        assert np.abs(mixed - shown[5].image).max() <= 1.6 / 255
        soft = (alpha[..., 0] > 0.2) & (alpha[..., 0] < 0.8)
        assert np.abs(colours[5].image[soft] * 255 - (240, 205, 180)).mean() < 25

    @pytest.mark.parametrize(
        ("name", "codec", "told"),
        [("a.mov", "png", False), ("a.avi", "ffv1", False), ("a.mp4", "h264", True)],
    )
    def test_mattes_lose_nothing_or_it_is_told(self, video, source, tmp_path, name, codec, told):
        words = ["-o", tmp_path / "o.mp4", "--background", "red", "--end", "0.1"]
        ran = video(source, *words, "--save-alpha", tmp_path / name)
        assert streams(tmp_path / name, "video") == [codec]
        assert any("loses a little of the matte" in line for line in ran.errors) == told

    @pytest.mark.parametrize("name", ["o.gif", "o.webp", "o.apng"])
    def test_animations_for_the_web(self, video, source, tmp_path, name):
        ran = video(source, "-o", tmp_path / name)
        assert ran.code == 0, ran
        assert any(f"its sound is left out: {Path(name).suffix} holds none" in line for line in ran.errors)
        frames = read(tmp_path / name)
        assert frames[0].opacity.min() == 0
        assert frames[0].opacity.max() == 1
        assert abs(frames[-1].time - VARIABLE[-1]) < Fraction(1, 100)

    def test_tags_chapters_and_time_code(self, video, tmp_path):
        def container(path):
            with av.open(str(path)) as opened:
                return dict(opened.metadata), opened.chapters(), [dict(s.metadata) for s in opened.streams]

        words = ["--background", "red"]
        ran = video(DATA / "tagged.mp4", "-o", tmp_path / "o.mp4", *words)
        assert "place and camera (location) are left out; --keep-metadata" in ran.errors[0]
        tags = container(tmp_path / "o.mp4")[0]
        assert (tags["title"], tags["artist"]) == ("A walk", "Nobody")
        assert tags["creation_time"].startswith("2021-03-04T05:06:07")
        assert "location" not in tags
        assert video(DATA / "tagged.mp4", "-o", tmp_path / "p.mp4", "--keep-metadata", *words).errors == []
        assert "location" in container(tmp_path / "p.mp4")[0]
        assert video(DATA / "chapters.mkv", "-o", tmp_path / "o.mkv", "--start", "0.25", *words).code == 0
        chapters = container(tmp_path / "o.mkv")[1]
        assert [float(c["end"] * c["time_base"]) for c in chapters] == [0.25, 0.75]
        assert [c["metadata"]["title"] for c in chapters] == ["One", "Two"]
        for name in ("o.mov", "t.mkv"):
            assert video(DATA / "timecode.mov", "-o", tmp_path / name, "--start", "0.5").code == 0
            codes = [s.get("timecode", s.get("TIMECODE")) for s in container(tmp_path / name)[2]]
            assert "10:20:30:16" in codes
        ran = video(DATA / "chapters.mkv", "-o", tmp_path / "frames", *words)
        assert ran.errors == [
            f"wisp: {DATA / 'chapters.mkv'}: its 2 chapters are left out: a folder of pictures holds none"
        ]

    def test_limits(self, video, source, tmp_path):
        ran = video(source, "-o", tmp_path / "o.mkv", "--max-pixels", "1000")
        assert (ran.code, len(ran.errors)) == (1, 1)
        assert "is 96×64, more than 1 000 pixels; --max-pixels" in ran.errors[0]
