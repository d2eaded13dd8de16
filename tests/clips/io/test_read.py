"""Reading clips: times, turns, colours, alpha, and files that are not what they should be."""

from fractions import Fraction

import numpy as np
import pytest

from tiny_clips import VARIABLE, corners, moving_disc, regular, write_clip
from wisp.clips.io.colour import Colour
from wisp.clips.io.read import open_clip
from wisp.core.errors import InputError


def read(path, **span):
    with open_clip(path) as clip:
        return list(clip.frames(**span)), clip


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_of_a_variable_rate_are_kept(tmp_path, suffix):
    path = write_clip(tmp_path / f"vfr{suffix}", [corners(64, 96)] * len(VARIABLE), VARIABLE)
    frames, _ = read(path)
    off = 0 if suffix != ".mkv" else Fraction(1, 2000)  # Matroska counts milliseconds
    assert [abs(f.time - t) <= off for f, t in zip(frames, VARIABLE, strict=True)] == [True] * len(VARIABLE)
    assert [f.index for f in frames] == list(range(len(VARIABLE)))


def test_a_clip_that_begins_late_keeps_its_times(tmp_path):
    times = [t + Fraction(1, 2) for t in VARIABLE]
    frames, _ = read(write_clip(tmp_path / "late.mp4", [corners(64, 96)] * len(times), times))
    assert [f.time for f in frames] == times


def test_a_broadcast_begins_at_nought(tmp_path):
    path = write_clip(tmp_path / "a.ts", [corners(64, 96)] * 10, audio="aac")
    frames, clip = read(path)
    assert clip.info.origin > 0
    assert frames[0].time < Fraction(1, 10)
    assert frames[-1].time - frames[0].time == pytest.approx(9 / 30, abs=1e-4)


@pytest.mark.parametrize(
    "part", [(Fraction(1, 5), None), (Fraction(0), Fraction(1, 5)), (Fraction(1, 10), Fraction(3, 10))]
)
def test_a_part_of_a_clip(tmp_path, part):
    start, end = part
    path = write_clip(tmp_path / "a.mp4", [corners(64, 96)] * len(VARIABLE), VARIABLE)
    frames, _ = read(path, start=start, end=end)
    assert [f.time for f in frames] == [t for t in VARIABLE if t >= start and (end is None or t < end)]


def test_a_part_after_the_end_is_an_error(tmp_path):
    path = write_clip(tmp_path / "a.mp4", [corners(64, 96)] * 3)
    with pytest.raises(InputError, match=r"a\.mp4: has no frame from 9 s on"):
        read(path, start=Fraction(9))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -90])
def test_rotated_clips_come_upright(tmp_path, degrees):
    upright = corners(64, 96)
    stored = np.ascontiguousarray(np.rot90(upright, -degrees // 90))
    frames, clip = read(write_clip(tmp_path / "phone.mp4", [stored] * 2, rotation=degrees))
    assert (clip.info.height, clip.info.width) == (64, 96)
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 6


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (1, True), (6, False), (6, True), (9, False)])
def test_matrix_and_range(tmp_path, matrix, full):
    """The same colours come back whatever the stream is stored in; read as another, they would be 10 off."""
    picture = corners(64, 96)
    frames, clip = read(
        write_clip(tmp_path / "a.mkv", [picture] * 2, matrix=matrix, full=full, pixel_format="yuv444p")
    )
    assert (clip.info.colour.matrix, clip.info.colour.full) == (matrix, full)
    inner = np.s_[4:28, 4:44]
    assert np.abs(frames[0].pixels[inner].astype(int) - picture[inner]).max() <= 3


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_brought_to_bt709(tmp_path, transfer, name):
    path = write_clip(
        tmp_path / "hdr.mkv",
        [np.full((32, 64, 3), 128, np.uint8)] * 2,
        matrix=9,
        transfer=transfer,
        primaries=9,
        codec="ffv1",
        pixel_format="yuv420p10le",
    )
    frames, clip = read(path)
    assert clip.info.colour.written() == Colour()
    assert any(name in note for note in clip.notes)
    assert frames[0].pixels.dtype == np.uint16
    grey = frames[0].image.mean((0, 1))
    assert np.ptp(grey) < 0.02
    assert abs(float(grey.mean()) - 128 / 255) > 0.02  # otherwise nothing was converted


def test_colours_that_are_not_tagged_are_bt601_below_hd(tmp_path):
    path = write_clip(tmp_path / "a.mp4", [corners(64, 96)] * 2, matrix=6, transfer=2, primaries=2)
    assert read(path)[1].info.colour == Colour(6, 6, 6)


def test_more_than_eight_bits_are_kept(tmp_path):
    path = write_clip(tmp_path / "deep.mkv", [corners(32, 48)] * 2, codec="ffv1", pixel_format="yuv444p10le")
    frames, clip = read(path)
    assert clip.info.bits == 16
    assert frames[0].pixels.dtype == np.uint16
    assert frames[0].image.dtype == np.float32
    assert abs(frames[0].image[2, 2] * 255 - (220, 40, 40)).max() < 2


def test_pixels_that_are_not_square(tmp_path):
    path = write_clip(tmp_path / "a.mp4", [corners(64, 96)] * 2, aspect=Fraction(4, 3), rotation=90)
    assert read(path)[1].info.aspect == Fraction(3, 4)


def test_a_folder_of_pictures(tmp_path):
    from wisp.io.images import write_image

    for number in (3, 1, 2):
        write_image(tmp_path / f"{number:03}.png", np.full((5, 7, 3), number / 10, np.float32))
    frames, clip = read(tmp_path)
    assert [round(float(f.image.mean()), 1) for f in frames] == [0.1, 0.2, 0.3]
    assert [f.time for f in frames] == [0, Fraction(1, 25), Fraction(2, 25)]
    assert "timestamps.txt" in clip.notes[0]
    (tmp_path / "timestamps.txt").write_text("# timestamp format v2\n0\n40\n100.5\n")
    assert [f.time for f in read(tmp_path)[0]] == [0, Fraction(1, 25), Fraction(201, 2000)]
    (tmp_path / "timestamps.txt").write_text("0\n40\n")
    with pytest.raises(InputError, match="has 2 times"):
        read(tmp_path)


class TestBadFiles:
    def test_no_such_file(self, tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            read(tmp_path / "none.mp4")

    @pytest.mark.parametrize("content", [b"", b"this is no video at all, but some text"])
    def test_no_video_file(self, tmp_path, content):
        (tmp_path / "a.mp4").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.mp4: is no video"):
            read(tmp_path / "a.mp4")

    def test_no_video_stream(self, tmp_path):
        import av

        with av.open(str(tmp_path / "song.mp4"), "w") as out:
            stream = out.add_stream("aac", rate=48000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate = 48000
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        with pytest.raises(InputError, match=r"song\.mp4: has no video in it"):
            read(tmp_path / "song.mp4")

    def test_no_frame(self, tmp_path):
        """The file promises pictures, but there is only sound in it."""
        import av

        with av.open(str(tmp_path / "empty.mkv"), "w") as out:
            stream = out.add_stream("ffv1", rate=30)
            stream.height, stream.width, stream.pix_fmt = 32, 32, "bgr0"
            sound = out.add_stream("pcm_s16le", rate=48000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), "s16", "mono")
            frame.sample_rate = 48000
            out.mux(sound.encode(frame))
        with pytest.raises(InputError, match=r"empty\.mkv: has no frame"):
            read(tmp_path / "empty.mkv")

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
    def test_the_file_ends_in_the_middle_of_a_frame(self, tmp_path, suffix):
        rng = np.random.default_rng(0)
        noise = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(30)]
        codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
        whole = write_clip(
            tmp_path / f"whole{suffix}",
            noise,
            codec=codec,
            container={"movflags": "faststart"} if suffix == ".mp4" else None,
        )
        cut = tmp_path / f"cut{suffix}"
        content = whole.read_bytes()
        cut.write_bytes(content[: len(content) * 6 // 10])
        with pytest.raises(InputError, match=rf"cut{suffix}: (breaks off at|ends in a damaged frame)"):
            read(cut)
        assert len(read(cut, end=Fraction(1, 5))[0]) == 6  # what is whole can be had

    def test_a_folder_without_pictures(self, tmp_path):
        with pytest.raises(InputError, match="holds no pictures"):
            read(tmp_path)


def test_a_clip_is_whole_with_sound_that_is_longer(tmp_path):
    path = write_clip(tmp_path / "a.mkv", [moving_disc(0, 64, 96)[0]] * 4, regular(4), audio="aac")
    assert len(read(path)[0]) == 4
