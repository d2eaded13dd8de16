"""Writing clips: what is read back, times, colour tags, sound, odd sizes and full disks."""

import errno
import os
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tiny_clips import VARIABLE, corners, moving_disc, packets, write_clip
from wisp.clips.io.codecs import CODECS, choose_codec
from wisp.clips.io.colour import Colour
from wisp.clips.io.folders import FolderWriter
from wisp.clips.io.read import open_clip
from wisp.clips.io.tracks import Span
from wisp.clips.io.write import FileWriter, Layout, Sound
from wisp.core.errors import InputError

TICK = Fraction(1, 90)


def cutout(index, height, width, bits=8):
    """A moving disc with smooth colours as straight RGBA, uint8 or uint16."""
    _, alpha = moving_disc(index, height, width)
    rows, columns = np.mgrid[:height, :width]
    colours = [0.1 + 0.8 * columns / width, 0.1 + 0.8 * rows / height, np.full((height, width), 0.4)]
    values = np.dstack([*colours, alpha])
    return np.rint(values * (255 if bits == 8 else 65535)).astype(np.uint8 if bits == 8 else np.uint16)


def write(path, codec, pictures, times=VARIABLE, sound=None, **layout):
    shape = pictures[0].shape
    channels = 1 if len(shape) == 2 else shape[2]
    bits = 16 if pictures[0].dtype == np.uint16 else 8
    row = CODECS[codec]
    if row.suffixes:
        writer = FileWriter(path, row, Layout(*shape[:2], channels, bits, **{"tick": TICK, **layout}), sound)
    else:
        writer = FolderWriter(path, {})
    try:
        for picture, time in zip(pictures, times, strict=False):
            writer.write(picture, time, Fraction(1, 30))
        writer.finish()
    finally:
        writer.close()
    return writer


def read(path):
    with open_clip(path) as clip:
        return list(clip.frames()), clip


def level(pixels):
    return pixels.astype(float) / (255 if pixels.dtype == np.uint8 else 65535) * 255


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mov", "prores4444"), ("a.webm", "vp9-alpha"), ("a.mkv", "ffv1"), ("a", "png")]
)
def test_alpha_reads_back(tmp_path, name, codec, bits):
    """Within 2/255 on average, odd size, at a rate that varies; lossless codecs exactly."""
    pictures = [cutout(index, 57, 101, bits) for index in range(len(VARIABLE))]
    write(tmp_path / name, codec, pictures)
    frames, clip = read(tmp_path / name)
    assert (clip.info.height, clip.info.width) == (57, 101)
    assert len(frames) == len(VARIABLE)
    for frame, picture, time in zip(frames, pictures, VARIABLE, strict=True):
        error = np.abs(level(frame.pixels) - level(picture))
        lossless = codec in ("ffv1", "png")
        assert error[..., 3].mean() <= (0 if lossless else 0.5)  # 2/255 is asked
        shown = picture[..., 3] > 0
        assert error[shown][:, :3].mean() <= (0 if lossless else 2.5)
        assert abs(frame.time - time) <= (0 if name.endswith("mov") else Fraction(1, 2000))


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mov", "prores4444"), ("a.webm", "vp9-alpha"), ("a.mkv", "ffv1")],
)
def test_opaque_colours_and_tags(tmp_path, name, codec):
    picture = corners(64, 96)
    for colour in (Colour(1, 1, 1), Colour(6, 6, 6)):
        write(tmp_path / name, codec, [picture] * 3, colour=colour)
        frames, clip = read(tmp_path / name)
        found = clip.info.colour
        assert (found.primaries, found.transfer) == (colour.primaries, colour.transfer)
        assert found.matrix == (0 if codec == "ffv1" else colour.matrix)
        inner = np.s_[4:28, 4:44]
        assert (
            np.abs(level(frames[0].pixels)[inner] - picture[inner]).max() <= 6
        )  # another matrix is 10 off and more


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mkv", "ffv1"), ("a.mov", "prores4444"), ("a.webm", "vp9-alpha"), ("a", "png")],
)
def test_grey_clips(tmp_path, name, codec):
    """The alpha as a clip of its own; what players show is its value."""
    pictures = [cutout(index, 64, 96)[..., 3] for index in range(4)]
    write(tmp_path / name, codec, pictures)
    frames, _ = read(tmp_path / name)
    error = np.abs(level(frames[2].pixels[..., :3]) - pictures[2][..., None])
    assert error.mean() <= (0 if codec in ("ffv1", "png") else 1.2)


def test_times_in_mp4_are_exact(tmp_path):
    write(tmp_path / "a.mp4", "h264", [corners(64, 96)] * len(VARIABLE))
    frames, _ = read(tmp_path / "a.mp4")
    assert [frame.time for frame in frames] == VARIABLE
    assert frames[-1].duration == Fraction(1, 30)


def test_frames_that_come_no_later_than_the_one_before(tmp_path):
    times = [Fraction(0), Fraction(1, 30), Fraction(1, 30), Fraction(1, 10)]
    writer = write(tmp_path / "a.mp4", "h264", [corners(64, 96)] * 4, times)
    frames, _ = read(tmp_path / "a.mp4")
    assert [frame.time for frame in frames] == [0, Fraction(3, 90), Fraction(4, 90), Fraction(9, 90)]
    assert writer.notes[0].startswith("1 frame came no later")


def test_odd_sizes_are_padded_for_h264_and_said(tmp_path):
    picture = corners(57, 101)
    writer = write(tmp_path / "a.mp4", "h264", [picture] * 2)
    frames, _ = read(tmp_path / "a.mp4")
    assert frames[0].pixels.shape == (58, 102, 3)
    assert "101×57 is padded to 102×58" in writer.notes[0]
    assert np.abs(frames[0].pixels[57, 60:100].astype(int) - picture[56, 60:100]).max() < 12


def test_pixels_that_are_not_square(tmp_path):
    write(tmp_path / "a.mp4", "h264", [corners(64, 96)] * 2, aspect=Fraction(4, 3))
    assert read(tmp_path / "a.mp4")[1].info.aspect == Fraction(4, 3)


class TestSound:
    @pytest.fixture
    def source(self, tmp_path):
        return write_clip(tmp_path / "source.mp4", [corners(64, 96)] * 15, audio="aac")

    @pytest.mark.parametrize(
        ("suffix", "codec"), [(".mp4", "h264"), (".mov", "prores4444"), (".mkv", "ffv1")]
    )
    def test_packets_are_copied_as_they_are(self, tmp_path, source, suffix, codec):
        out = tmp_path / f"out{suffix}"
        writer = write(
            out, codec, [corners(64, 96)] * 15, [Fraction(n, 30) for n in range(15)], Sound(source)
        )
        assert packets(out) == packets(source)
        assert writer.notes == []

    def test_a_container_that_cannot_hold_it_gets_another_codec_and_a_note(self, tmp_path, source):
        out = tmp_path / "out.webm"
        writer = write(
            out, "vp9-alpha", [corners(64, 96)] * 15, [Fraction(n, 30) for n in range(15)], Sound(source)
        )
        assert writer.notes == ["its sound is transcoded from aac to opus, which .webm holds"]
        with av.open(str(out)) as container:
            stream = container.streams.audio[0]
            heard = [frame.to_ndarray() for frame in container.decode(stream)]
        assert stream.codec_context.name == "opus"
        seconds = sum(part.shape[1] for part in heard) / 48000
        assert seconds == pytest.approx(0.5, abs=0.06)
        assert np.concatenate([part.ravel() for part in heard]).std() == pytest.approx(0.1, rel=0.4)

    def test_pcm_is_copied_to_mov_and_transcoded_for_mp4(self, tmp_path):
        source = write_clip(tmp_path / "a.mov", [corners(64, 96)] * 6, audio="pcm_s16le")
        times = [Fraction(n, 30) for n in range(6)]
        write(tmp_path / "b.mov", "h264", [corners(64, 96)] * 6, times, Sound(source))
        assert b"".join(packets(tmp_path / "b.mov")) == b"".join(packets(source))
        writer = write(tmp_path / "b.mp4", "h264", [corners(64, 96)] * 6, times, Sound(source))
        assert writer.notes == ["its sound is transcoded from pcm_s16le to aac, which .mp4 holds"]

    def test_a_part_takes_its_own_sound_along(self, tmp_path, source):
        span = Span(Fraction(1, 5), Fraction(2, 5))
        out = tmp_path / "part.mp4"
        write(out, "h264", [corners(64, 96)] * 6, [Fraction(n, 30) for n in range(6)], Sound(source, span))
        taken, whole = packets(out), packets(source)
        begin = whole.index(taken[0])
        assert taken == whole[begin : begin + len(taken)]
        assert begin == pytest.approx(0.2 * 48000 / 1024, abs=2)
        assert len(taken) == pytest.approx(0.2 * 48000 / 1024, abs=2)


@pytest.mark.parametrize(
    ("path", "codec", "alpha", "expected"),
    [
        ("a.mp4", "auto", False, "h264"),
        ("a.MOV", "auto", True, "prores4444"),
        ("a.mov", "auto", False, "h264"),
        ("a.webm", "auto", True, "vp9-alpha"),
        ("a.mkv", "auto", True, "ffv1"),
        ("a.mkv", "auto", False, "h264"),
        ("a.mkv", "vp9-alpha", True, "vp9-alpha"),
        ("frames", "auto", True, "png"),
    ],
)
def test_the_suffix_and_alpha_choose_the_codec(path, codec, alpha, expected):
    assert choose_codec(path, codec, alpha=alpha).name == expected


@pytest.mark.parametrize(
    ("path", "codec", "alpha", "problem"),
    [
        ("a.mp4", "auto", True, "a.mp4: h264 holds no alpha; prores4444"),
        ("a.mp4", "prores4444", True, "a.mp4: cannot hold prores4444; .mov"),
        ("a.bmp", "auto", False, "a.bmp: ends in .bmp; .mp4"),
        ("a.mp4", "h265", False, "--codec: is 'h265'; auto, h264"),
        ("a.png", "png", False, "a.png: ends in .png; a folder"),
    ],
)
def test_what_does_not_go_together_is_refused(path, codec, alpha, problem):
    with pytest.raises(InputError) as raised:
        choose_codec(path, codec, alpha=alpha)
    assert str(raised.value).startswith(problem)


def test_a_full_disk_is_a_plain_os_error(tmp_path):
    (tmp_path / "full.mkv").symlink_to("/dev/full")
    rng = np.random.default_rng(0)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "full.mkv", "ffv1", [rng.integers(0, 256, (64, 96, 4), dtype=np.uint8)] * 8)


class TestFolders:
    def test_what_was_interrupted_can_be_continued(self, tmp_path):
        pictures = [cutout(index, 20, 30) for index in range(len(VARIABLE))]
        writer = FolderWriter(tmp_path / "a", {"from": 1})
        for picture, time in zip(pictures[:4], VARIABLE, strict=False):
            writer.write(picture, time)
        writer.keep = True
        writer.close()
        assert not (tmp_path / "a").exists()
        again = FolderWriter(tmp_path / "a", {"from": 1}, resume=True)
        assert [float(t) for t in again.times] == pytest.approx([float(t) for t in VARIABLE[:4]], abs=1e-9)
        assert again.has(VARIABLE[3])
        assert not again.has(VARIABLE[4])
        for picture, time in zip(pictures[4:], VARIABLE[4:], strict=True):
            again.write(picture, time)
        again.finish()
        again.close()
        frames, _ = read(tmp_path / "a")
        assert [np.array_equal(f.pixels, p) for f, p in zip(frames, pictures, strict=True)] == [True] * 10
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]

    def test_nothing_is_left_of_what_failed(self, tmp_path):
        writer = FolderWriter(tmp_path / "a", {})
        writer.write(cutout(0, 20, 30), Fraction(0))
        writer.close()
        assert list(tmp_path.iterdir()) == []

    def test_another_job_is_not_continued(self, tmp_path):
        writer = FolderWriter(tmp_path / "a", {"from": 1})
        writer.keep = True
        writer.close()
        with pytest.raises(InputError, match="was made of another clip"):
            FolderWriter(tmp_path / "a", {"from": 2}, resume=True)
        with pytest.raises(InputError, match="is left from an interrupted run; --resume goes on"):
            FolderWriter(tmp_path / "a", {"from": 2})
        FolderWriter(tmp_path / "a", {"from": 2}, overwrite=True).close()
        with pytest.raises(InputError, match=r"there is no a\.partial to resume"):
            FolderWriter(tmp_path / "a", {"from": 2}, resume=True)

    def test_folders_of_other_things_are_never_replaced(self, tmp_path):
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "holiday.jpg").write_bytes(b"x")
        with pytest.raises(InputError, match=r"holds other things, such as holiday\.jpg"):
            FolderWriter(tmp_path / "photos", {}, overwrite=True)
        (tmp_path / "file").write_bytes(b"x")
        with pytest.raises(InputError, match="is a file"):
            FolderWriter(tmp_path / "file", {}, overwrite=True)

    def test_a_folder_of_frames_is_replaced_when_asked(self, tmp_path):
        for value in (10, 20):
            picture = np.full((4, 5, 3), value, np.uint8)
            writer = FolderWriter(tmp_path / "a", {}, overwrite=value == 20)
            writer.write(picture, Fraction(0))
            writer.finish()
        assert read(tmp_path / "a")[0][0].pixels.max() == 20
        with pytest.raises(InputError, match="exists already; --overwrite"):
            FolderWriter(tmp_path / "a", {})


class TestNothingIsLost:
    """Nothing of a render is lost, whatever lies beside it."""

    def write(self, folder, level=100, job=None, **options):
        writer = FolderWriter(folder, job or {"method": "auto"}, **options)
        try:
            for index in range(len(writer.times), 3):
                writer.write(np.full((8, 12, 3), level + index, np.uint8), Fraction(index, 25))
            writer.finish()
        finally:
            writer.close()
        return writer

    def test_a_folder_called_old_is_nobodys(self, tmp_path):
        self.write(tmp_path / "out")
        (tmp_path / "out.old").mkdir()
        (tmp_path / "out.old" / "mine.txt").write_text("mine")
        self.write(tmp_path / "out", 150, overwrite=True)
        assert read(tmp_path / "out")[0][0].pixels.max() == 150
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.old"]
        assert (tmp_path / "out.old" / "mine.txt").read_text() == "mine"

    def test_a_crash_between_the_two_renames(self, tmp_path):
        self.write(tmp_path / "out")
        (tmp_path / "out").rename(tmp_path / ".out.wisp-old")
        with pytest.raises(InputError, match="exists already"):
            self.write(tmp_path / "out", 150)
        assert read(tmp_path / "out")[0][0].pixels.max() == 100

    def test_a_rename_that_fails_keeps_both(self, tmp_path, monkeypatch):
        self.write(tmp_path / "out")
        rename = Path.rename

        def refuse(path, target):
            if path.name == "out.partial":
                raise PermissionError(13, "no", str(path))
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(PermissionError):
            self.write(tmp_path / "out", 150, overwrite=True)
        monkeypatch.undo()
        assert read(tmp_path / "out")[0][0].pixels.max() == 100
        self.write(tmp_path / "out", 150, overwrite=True, resume=True)
        assert read(tmp_path / "out")[0][2].pixels.max() == 152

    def test_pictures_are_on_the_disk_before_older_ones_are_given_up(self, tmp_path, monkeypatch):
        self.write(tmp_path / "out")
        steps = []
        real = {"fsync": os.fsync, "rename": Path.rename, "rmtree": shutil.rmtree}
        names = {}  # of files, by their numbers

        def fsync(handle):
            steps.append(names[os.fstat(handle).st_ino])
            real["fsync"](handle)

        def rename(path, target):
            steps.append(f"{path.name} → {target.name}")
            return real["rename"](path, target)

        def rmtree(path, *args, **options):
            steps.append(f"remove {path.name}")
            real["rmtree"](path, *args, **options)

        writer = FolderWriter(tmp_path / "out", {}, overwrite=True)
        for index in range(3):
            writer.write(np.full((8, 12, 3), index, np.uint8), Fraction(index, 25))
        for path in (tmp_path, tmp_path / "out.partial", *(tmp_path / "out.partial").iterdir()):
            names[path.stat().st_ino] = path.name
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "rename", rename)
        monkeypatch.setattr(shutil, "rmtree", rmtree)
        writer.finish()
        assert sorted(steps[:5]) == [
            "000001.png",
            "000002.png",
            "000003.png",
            "out.partial",
            "timestamps.txt",
        ]
        assert steps[5:] == [
            "out → .out.wisp-old",
            "out.partial → out",
            tmp_path.name,
            "remove .out.wisp-old",
        ]

    def test_a_disk_that_fails_keeps_both(self, tmp_path, monkeypatch):
        self.write(tmp_path / "out")

        def failing(handle):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(InputError, match="out: Input/output error"):
            self.write(tmp_path / "out", 150, overwrite=True)
        monkeypatch.undo()
        assert read(tmp_path / "out")[0][0].pixels.max() == 100
        self.write(tmp_path / "out", 150, overwrite=True, resume=True)
        assert read(tmp_path / "out")[0][2].pixels.max() == 152

    @pytest.mark.parametrize("kept", [0, 11, 40])
    def test_a_picture_that_was_cut_off_is_made_again(self, tmp_path, kept):
        """A machine that goes down may leave its name with less than its contents."""
        writer = FolderWriter(tmp_path / "out", {"method": "auto"})
        for index in range(2):
            writer.write(np.full((8, 12, 3), 100 + index, np.uint8), Fraction(index, 25))
        writer.keep = True
        writer.close()
        picture = tmp_path / "out.partial" / "000002.png"
        picture.write_bytes(picture.read_bytes()[:kept])
        assert self.write(tmp_path / "out", resume=True).times == [Fraction(n, 25) for n in range(3)]
        assert [frame.pixels.max() for frame in read(tmp_path / "out")[0]] == [100, 101, 102]

    def interrupt(self, folder, job):
        writer = FolderWriter(folder, job)
        writer.write(np.zeros((8, 12, 3), np.uint8), Fraction(0))
        writer.keep = True
        writer.close()

    def test_a_damaged_job(self, tmp_path):
        self.interrupt(tmp_path / "out", {"method": "auto"})
        (tmp_path / "out.partial" / "job.json").write_text("{")
        with pytest.raises(InputError, match=r"job\.json: is damaged; --overwrite begins anew"):
            FolderWriter(tmp_path / "out", {"method": "auto"}, resume=True)

    def test_another_job(self, tmp_path):
        self.interrupt(tmp_path / "out", {"method": "segmenter", "end": "1"})
        with pytest.raises(InputError, match=r"with other options \(method\)"):
            FolderWriter(tmp_path / "out", {"method": "auto", "end": "1"}, resume=True)

    def test_names_of_ones_own(self, tmp_path):
        names = ["shot.1001", "shot.1002", "shot.1004"]
        self.write(tmp_path / "out", stem=names.__getitem__)
        assert sorted(path.stem for path in (tmp_path / "out").glob("*.png")) == names
        self.write(tmp_path / "out", 150, overwrite=True)
        assert len(list((tmp_path / "out").glob("*.png"))) == 3

    def test_pictures_that_are_not_ours_are_left_alone(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "holiday.png").write_bytes(b"mine")
        with pytest.raises(InputError, match=r"holds other things, such as holiday\.png"):
            self.write(tmp_path / "out", overwrite=True)


def test_an_avi_of_constant_rate_says_it(tmp_path):
    """An AVI counts frames of one rate: in a source's milliseconds most of them would be empty."""
    times = [Fraction(index, 25) for index in range(8)]
    pictures = [cutout(index, 32, 48)[..., :3] for index in range(8)]
    layout = {"tick": Fraction(1, 1000), "rate": Fraction(25)}
    for constant, rate in ((True, 25), (False, 1000)):
        write(tmp_path / "a.avi", "h264", pictures, times, constant=constant, **layout)
        with av.open(str(tmp_path / "a.avi")) as container:
            assert container.streams.video[0].time_base == Fraction(1, rate)
            assert container.streams.video[0].frames == (8 if constant else 313)


def test_a_clip_of_constant_rate_is_known(tmp_path):
    pictures = [moving_disc(index, 32, 48)[0] for index in range(8)]
    write_clip(tmp_path / "even.mp4", pictures)
    write_clip(tmp_path / "uneven.mp4", pictures, VARIABLE[:8])
    for name, constant in (("even.mp4", True), ("uneven.mp4", False)):
        with open_clip(tmp_path / name) as clip:
            assert clip.info.constant is constant
