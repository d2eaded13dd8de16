"""One clip of each unusual kind: what is read, and what of its companions is carried into another file."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tiny_clips import moving_disc, regular, write_clip
from wisp.clips.io.codecs import choose_codec
from wisp.clips.io.read import is_stream, open_clip
from wisp.clips.io.tracks import Span, _find_settings
from wisp.clips.io.write import FileWriter, Layout, Sound
from wisp.core.errors import InputError

DATA = Path(__file__).parent.parent / "data"


def read(name, *span):
    with open_clip(DATA / name) as clip:
        return list(clip.frames(*span)), clip


def rewrite(name, out, *, span=None, codec="auto"):
    """Write a clip's frames to another file, with its sound and subtitles; its notes."""
    with open_clip(DATA / name) as clip:
        info = clip.info
        layout = Layout(
            info.height,
            info.width,
            3,
            info.bits,
            info.tick,
            info.rate,
            info.aspect,
            variable=info.variable,
        )
        sound = Sound(DATA / name, span or Span(origin=info.origin))
        writer = FileWriter(out, choose_codec(out, codec, alpha=False), layout, sound)
        try:
            for frame in clip.frames(*(span or ())[:2]):
                writer.write(frame.pixels[..., :3], frame.time - (span.start if span else 0), frame.duration)
            writer.finish()
        finally:
            writer.close()
        return writer.notes


def streams(path, kind):
    with av.open(str(path)) as container:
        return [
            (
                s.codec_context.name,
                s.metadata.get("language"),
                s.metadata.get("title"),
                int(s.disposition) & 1,
            )
            for s in container.streams
            if s.type == kind
        ]


def texts(path):
    with av.open(str(path)) as container:
        (stream,) = container.streams.subtitles
        found = [(bytes(p), float(p.pts * p.time_base)) for p in container.demux(stream) if p.size > 2]
        return [(text[2:] if text[:1] == b"\0" else text, time) for text, time in found]


def test_times_that_a_container_rounded_to_milliseconds():
    frames, clip = read("ntsc-2997.mkv")
    assert clip.info.rate == Fraction(30000, 1001)
    assert [frame.time for frame in frames] == [n * Fraction(1001, 30000) for n in range(12)]
    assert all(frame.duration == Fraction(1001, 30000) for frame in frames)
    assert all((frame.time / clip.info.tick).denominator == 1 for frame in frames)


def test_times_that_begin_late():
    frames, clip = read("late-start.mkv")
    assert len(frames) == 24
    assert 0 <= frames[0].time < Fraction(1, 100)
    assert any("begin at 4.997 s" in note for note in clip.notes)
    part, _ = read("late-start.mkv", Fraction(1, 2))
    assert [f.time for f in part] == [f.time for f in frames if f.time >= Fraction(1, 2)]


@pytest.mark.parametrize("name", ["wmv.wmv", "flv.flv"])
def test_frames_that_tell_no_duration(name):
    assert len(read(name)[0]) == 12


def test_interlaced_frames_are_deinterlaced():
    frames, clip = read("interlaced.mp4")
    assert [frame.time for frame in frames] == regular(12, 24)
    assert any("deinterlaced" in note for note in clip.notes)

    def comb(pixels):
        rows = pixels[..., 1].astype(float)
        return np.abs(np.diff(rows, axis=0)).mean() / np.abs(rows[2:] - rows[:-2]).mean()

    with av.open(str(DATA / "interlaced.mp4")) as container:
        stored = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert comb(stored[6]) > 1
    assert comb(frames[6].pixels) < 0.8
    part, _ = read("interlaced.mp4", Fraction(1, 4), Fraction(3, 8))
    assert [frame.time for frame in part] == [
        t for t in regular(12, 24) if Fraction(1, 4) <= t < Fraction(3, 8)
    ]


def test_a_single_interlaced_frame_and_a_clock_that_is_no_rate(tmp_path):
    """DV in its own container counts 60,000 a second; of a lone frame the filter does not know the length."""
    picture = moving_disc(0, 576, 720)[0]
    path = tmp_path / "one.dv"
    with av.open(str(path), "w", format="dv") as out:
        stream = out.add_stream("dvvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = 576, 720, "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p")
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with open_clip(path) as clip:
        (made,) = clip.frames()
    assert clip.info.rate == 25
    assert (made.time, made.duration) == (0, Fraction(1, 25))
    assert any("deinterlaced" in note for note in clip.notes)


def test_damaged_frames_are_told():
    frames, clip = read("noise.mkv")
    assert len(frames) == 24
    assert any("damaged frame" in note for note in clip.notes)


def test_a_cover_is_no_video():
    with pytest.raises(InputError, match="no video in it, only a cover picture"):
        read("sound-cover.m4a")


def test_an_animated_webp():
    frames, clip = read("anim.webp")
    assert [frame.time for frame in frames] == [n * Fraction(8, 100) for n in range(8)]
    assert clip.info.duration == Fraction(64, 100)


def test_the_last_delay_of_a_gif_reaches_an_mp4(tmp_path):
    rewrite("delays.gif", tmp_path / "a.mp4")
    with open_clip(tmp_path / "a.mp4") as clip:
        frames = list(clip.frames())
    assert [frame.duration * 100 for frame in frames] == [5, 10, 15, 20, 5, 25, 10, 30]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
def test_two_languages(tmp_path, name):
    rewrite("two-languages.mkv", tmp_path / name)
    tracks = streams(tmp_path / name, "audio")
    assert [track[1] for track in tracks] == ["eng", "ger" if name == "a.mov" else "deu"]
    assert [track[3] for track in tracks] == [0, 1]
    if name == "a.mkv":
        assert [track[2] for track in tracks] == ["Stage", "Comment"]


def test_sound_that_says_nothing_of_its_layout(tmp_path):
    notes = rewrite("eight-khz.avi", tmp_path / "a.mp4")
    assert notes == ["its sound is transcoded from pcm_u8 to aac, which .mp4 holds"]
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.audio[0].codec_context.sample_rate == 8000


@pytest.mark.parametrize(("name", "channels"), [("a.avi", 6), ("a.webm", 6), ("a.mp4", 6), ("a.mkv", 6)])
def test_surround(tmp_path, name, channels):
    rewrite("surround.mkv", tmp_path / name)
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.audio[0].codec_context.layout.nb_channels == channels
        assert sum(packet.size for packet in container.demux(container.streams.audio[0])) > 1000


@pytest.mark.parametrize(
    ("encoder", "rate", "layout", "expected"),
    [
        ("aac", 48000, "5.1(side)", (48000, "5.1(side)")),
        ("libmp3lame", 48000, "5.1", (48000, "stereo")),
        ("libopus", 44100, "stereo", (48000, "stereo")),
        ("aac", 192000, "mono", (96000, "mono")),
        ("aac", 5000, "stereo", (7350, "stereo")),
        ("libmp3lame", 96000, "mono", (48000, "mono")),
    ],
)
def test_the_nearest_settings_that_an_encoder_takes(encoder, rate, layout, expected):
    assert _find_settings(encoder, rate, av.AudioLayout(layout)) == expected


@pytest.mark.parametrize("source", ["subtitles.mkv", "subtitles.mp4"])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "subrip"), ("a.mp4", "mov_text"), ("a.webm", "webvtt")]
)
def test_subtitles(tmp_path, source, name, codec):
    rewrite(source, tmp_path / name)
    ((found, language, _, _),) = streams(tmp_path / name, "subtitle")
    assert found in (codec, "srt")[: 2 if codec == "subrip" else 1]
    assert language == "eng"
    assert texts(tmp_path / name) == [(b"Hello", pytest.approx(0.1)), (b"World", pytest.approx(0.6))]


def test_subtitles_of_a_part(tmp_path):
    rewrite("subtitles.mkv", tmp_path / "a.mp4", span=Span(Fraction(1, 2)))
    assert texts(tmp_path / "a.mp4") == [(b"World", pytest.approx(0.1))]


def test_subtitles_that_have_no_place(tmp_path):
    notes = rewrite("subtitles.mkv", tmp_path / "a.avi")
    assert any(note.startswith("its subtitles (srt) are left out: .avi holds none") for note in notes)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.webm", "auto"), ("a.mkv", "ffv1"), ("a.mp4", "auto"), ("a.mkv", "auto")]
)
def test_pixels_that_are_not_square(tmp_path, name, codec):
    """Shown at 16:9 by the container, or of square pixels."""
    notes = rewrite("anamorphic.mp4", tmp_path / name, codec=codec)
    with open_clip(tmp_path / name) as clip:
        info = clip.info
    assert info.width * info.aspect / info.height == Fraction(16, 9)
    assert any("made square" in note for note in notes) == (info.aspect == 1)
    assert (info.aspect == 1) == (codec == "ffv1" or name == "a.webm")


@pytest.mark.parametrize("codec", ["hevc", "av1"])
def test_ten_bits_in_hevc_and_av1(tmp_path, codec, capfd):
    rewrite("ten-bit.mp4", tmp_path / "a.mp4", codec=codec)
    assert capfd.readouterr().err == ""
    with av.open(str(tmp_path / "a.mp4")) as container:
        (stream,) = container.streams.video
        assert next(container.decode(stream)).format.name == "yuv420p10le"
        assert stream.codec_context.codec_tag == {"hevc": "hvc1", "av1": "av01"}[codec]
    pictures, _ = read("ten-bit.mp4")
    with open_clip(tmp_path / "a.mp4") as clip:
        made = list(clip.frames())
    assert len(made) == len(pictures)
    assert np.abs(made[3].pixels.astype(float) - pictures[3].pixels).mean() / 257 < 4


def test_encoders_that_this_ffmpeg_lacks(monkeypatch):
    from wisp.clips.io import codecs

    monkeypatch.setattr(codecs.pyav(), "codecs_available", set())
    with pytest.raises(InputError, match="this FFmpeg has no libx265"):
        choose_codec("a.mp4", "hevc", alpha=False)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.m4v"])
def test_the_index_comes_first(tmp_path, name):
    rewrite("short.mkv", tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("name", ["concat:a.mkv", "pipe:0", "http:b.mkv", "subfile,,start,0:x.mkv"])
def test_names_like_protocols(tmp_path, name):
    (tmp_path / name).write_bytes((DATA / "short.mkv").read_bytes())
    with open_clip(tmp_path / name) as clip:
        assert len(list(clip.frames())) == 8


def test_relative_names_like_protocols(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("concat:a.mkv").write_bytes((DATA / "short.mkv").read_bytes())
    with open_clip("concat:a.mkv") as clip:
        assert len(list(clip.frames())) == 8


def test_too_large_frames():
    with (
        pytest.raises(InputError, match=r"is 192×144, more than 1 000 pixels; --max-pixels"),
        open_clip(DATA / "short.mkv", max_pixels=1000),
    ):
        pass


def test_a_rate_is_for_pictures():
    with (
        pytest.raises(InputError, match="--fps: is for pictures"),
        open_clip(DATA / "short.mkv", fps=Fraction(5)),
    ):
        pass


def test_a_second_video_is_told(tmp_path):
    pictures = [moving_disc(index, 48, 64)[0] for index in range(3)]
    one, two = (write_clip(tmp_path / f"{n}.mp4", pictures) for n in range(2))
    with av.open(str(tmp_path / "both.mkv"), "w") as out:
        for path in (one, two):
            with av.open(str(path)) as source:
                stream = out.add_stream_from_template(source.streams.video[0])
                packets = [packet for packet in source.demux(video=0) if packet.size]
                for packet in packets:
                    packet.stream = stream
                (first := packets) if path is one else None
        out.mux(sorted([*first, *packets], key=lambda packet: packet.dts))
    with open_clip(tmp_path / "both.mkv") as clip:
        assert "of its 2 videos the first is taken" in clip.notes


def test_what_can_be_read_once_only(tmp_path):
    assert is_stream("-")
    assert not is_stream(DATA / "short.mkv")
    assert not is_stream(tmp_path)
    assert not is_stream(tmp_path / "none")
