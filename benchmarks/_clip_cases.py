"""Kinds of clips that people bring, one `wisp video` each: `python benchmarks/_clip_cases.py CASES [NAME …]`.

CASES is a folder with a table ``README-video.md`` (case, file, command, expected, …, kind) and the files in
``video/``. Each case runs in a folder of its own, and what it made is read with PyAV
alone. A line a case is printed: its name, ``ok`` or ``FAILS``, and what came. Exit code 1 where one fails.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WISP: Final = (sys.executable, "-m", "wisp")
GREEN: Final = (0, 177, 64)
_LOUD: Final = "unexpected"


@dataclass
class Ran:
    """What a command did."""

    code: int
    told: str
    out: bytes


@dataclass
class Case:
    """A row of the table, and the folder that it runs in."""

    name: str
    files: list[str]
    command: str
    kind: str
    folder: Path = Path()
    ran: Ran = field(default_factory=lambda: Ran(0, "", b""))

    @property
    def source(self) -> Path:
        """The first input."""
        return self.folder / self.files[0]

    def out(self, name: str = "") -> Path:
        """The named output, or the one that there is."""
        words = self.command.split()
        return self.folder / (name or words[words.index("-o") + 1].rstrip("/"))


class WrongError(Exception):
    """What came is not what was expected; its text says what came."""


def main() -> int:
    """Run the cases, print a line for each, and return 1 where one fails."""
    if len(sys.argv) < 2 or not (Path(sys.argv[1]) / "README-video.md").is_file():
        print("the folder of the cases is expected, with README-video.md in it", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    cases = [case for case in read_table(folder) if not sys.argv[2:] or case.name in sys.argv[2:]]
    failed = 0
    for case in cases:
        verdict, came = judge(case, folder / "video")
        failed += verdict == "FAILS"
        print(f"{case.name:26} {verdict:6} {' '.join(came.split())}", flush=True)
    print(f"{len(cases) - failed} of {len(cases)} as expected")
    return 1 if failed else 0


def read_table(folder: Path) -> list[Case]:
    """The rows of ``README-video.md``."""
    cases = []
    for line in (folder / "README-video.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if len(cells) == 6 and "`wisp " in cells[2]:
            files = [word for word in cells[1].replace("`", "").split(", ") if word != "–"]
            cases.append(Case(cells[0], files, cells[2].strip("`"), cells[5].strip("| ")))
    return cases


def judge(case: Case, files: Path) -> tuple[str, str]:
    """Run a case; ``ok``, ``FAILS`` or ``–`` (nothing here can tell), and what came."""
    check = CHECKS.get(case.name) or KINDS.get(case.kind)
    if check is None:
        return "–", "no check"
    with tempfile.TemporaryDirectory() as place:
        case.folder = Path(place)
        for name in case.files:
            source, target = files / name, case.folder / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        prepare(case)
        try:
            return "ok", check(case) or "as expected"
        except WrongError as error:
            return "FAILS", str(error)
        except (av.FFmpegError, OSError, LookupError, ValueError) as error:
            return "FAILS", f"{type(error).__name__}: {error}; {case.ran.told.strip()[:160]}"


def prepare(case: Case) -> None:
    """Give files the names that a command asks for."""
    if case.name in _NAMED:
        name, words = _NAMED[case.name]
        case.source.rename(case.folder / name)
        case.files[0], case.command = name, " ".join(["wisp", *words])


_NAMED: Final[dict[str, tuple[str, list[str]]]] = {
    "name-with-colon": ("take 3: final.mp4", []),
    "name-with-percent": ("100%03d é кадр 影.mp4", []),
    "name-with-dash": ("-clip.mp4", []),
    "name-like-protocol": ("concat:a.mp4", []),
}


def run(case: Case, words: list[str] | None = None, **options: Any) -> Ran:
    """Run the case's command, or other words of wisp, in its folder."""
    words = case.command.replace("<", " < ").split()[1:] if words is None else words
    if "<" in words:
        place = words.index("<")
        options["stdin"] = (case.folder / words[place + 1]).open("rb")
        del words[place : place + 2]
    case.ran = _in_process(case, words, **options)
    if "Traceback" in case.ran.told or _LOUD in case.ran.told:
        raise WrongError(case.ran.told.strip()[-300:])
    return case.ran


def _in_process(case: Case, words: list[str], stdin: Any = None, limit: int = 0) -> Ran:
    """Run wisp in this process, which saves its start, with standard input, output and errors of its own.

    Args:
        case: whose folder is the working folder.
        words: of the command line.
        stdin: a file to read from; None for nothing.
        limit: bytes that a file may have at most, as if the disk were full; 0 for any number.
    """
    from wisp.cli import main as wisp

    kept, place = [os.dup(number) for number in range(3)], Path.cwd()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as told,
        Path(os.devnull).open("rb") as none,
    ):
        try:
            for number, file in enumerate((stdin or none, out, told)):
                os.dup2(file.fileno(), number)
            os.chdir(case.folder)
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            code = wisp(words)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            os.chdir(place)
            for number, old in enumerate(kept):
                os.dup2(old, number)
                os.close(old)
        out.seek(0)
        told.seek(0)
        return Ran(code, told.read().decode(errors="replace"), out.read())


def made(case: Case, words: list[str] | None = None, **options: Any) -> Ran:
    """Run it; it must succeed."""
    ran = run(case, words, **options)
    expect(ran.code == 0, f"exit {ran.code}: {ran.told.strip()}")
    return ran


def refused(case: Case, *codes: int) -> str:
    """Run it; it must fail in one line and leave nothing."""
    before = sorted(path.name for path in case.folder.iterdir())
    ran = run(case)
    expect(ran.code in (codes or (1, 2)), f"accepted: exit {ran.code}")
    expect(len(ran.told.splitlines()) == 1, f"told in more than a line: {ran.told}")
    after = sorted(path.name for path in case.folder.iterdir())
    expect(before == after, f"left behind: {set(after) - set(before)}")
    return ran.told.strip()


def expect(holds: bool, otherwise: str) -> None:
    """Raise `WrongError` unless it holds."""
    if not holds:
        raise WrongError(otherwise)


@dataclass
class Stream:
    """A stream as PyAV finds it."""

    kind: str
    codec: str
    start: float
    metadata: dict[str, str]
    default: bool
    channels: int = 0


@dataclass
class Film:
    """A video file, decoded."""

    times: list[Fraction]
    lengths: list[Fraction]
    pictures: list[Array]
    rate: Fraction
    shape: float
    format: str
    codec: str
    interlaced: bool
    streams: list[Stream]
    metadata: dict[str, str]
    chapters: list[tuple[float, float, str]]

    @property
    def end(self) -> Fraction:
        """When its last frame ends, from its first."""
        return self.times[-1] - self.times[0] + (self.lengths[-1] or 1 / self.rate)

    def of(self, kind: str) -> list[Stream]:
        """Its streams of a kind."""
        return [stream for stream in self.streams if stream.kind == kind]


def film(path: Path) -> Film:
    """Read a video file whole, upright as FFmpeg stores it, RGBA."""
    with av.open(f"file:{path}", metadata_errors="replace") as container:
        video = next(s for s in container.streams.video)
        video.thread_type = "AUTO"
        rate = Fraction(video.average_rate or video.guessed_rate or 25)
        tick = Fraction(video.time_base or 1)
        streams = []
        for stream in container.streams:
            codec = stream.codec_context
            start = float((stream.start_time or 0) * (stream.time_base or 0))
            default = bool(int(stream.disposition) & 1)
            channels = codec.layout.nb_channels if stream.type == "audio" else 0
            streams.append(
                Stream(
                    stream.type, codec.name if codec else "", start, dict(stream.metadata), default, channels
                )
            )
        chapters = [
            (
                float(c["start"] * c["time_base"]),
                float(c["end"] * c["time_base"]),
                c["metadata"].get("title", ""),
            )
            for c in container.chapters()
        ]
        times: list[Fraction] = []
        lengths: list[Fraction] = []
        pictures: list[Array] = []
        interlaced, format, shape = False, "", 1.0
        for frame in container.decode(video):
            base = Fraction(frame.time_base or tick)
            times.append(len(times) / rate if frame.pts is None else frame.pts * base)
            lengths.append((frame.duration or 0) * base)
            pictures.append(frame.to_ndarray(format="rgba"))
            interlaced = interlaced or bool(frame.interlaced_frame)
            format = frame.format.name
            pixel = video.sample_aspect_ratio or 1
            shape = frame.width * float(pixel) / frame.height
        codec = video.codec_context.name
        return Film(
            times,
            lengths,
            pictures,
            rate,
            shape,
            format,
            codec,
            interlaced,
            streams,
            dict(container.metadata),
            chapters,
        )


def _rotation(path: Path) -> int:
    """The turn, in degrees anticlockwise, that a player gives a file's pictures."""
    with av.open(f"file:{path}") as container:
        return int(next(container.decode(video=0)).rotation)


def picture(path: Path) -> Array:
    """A picture file as RGBA."""
    with av.open(f"file:{path}") as container:
        pixels: Array = next(container.decode(video=0)).to_ndarray(format="rgba")
        return pixels


def pictures(folder: Path) -> dict[str, Array]:
    """The PNG files of a folder by name."""
    return {path.name: picture(path) for path in sorted(folder.glob("*.png"))}


def same_times(case: Case, tolerance: float = 0.0021) -> str:
    """Frames at their times, the same rate, sound as far from them as in the source."""
    made(case)
    old, new = film(case.source), film(case.out())
    words = case.command.split()
    start = Fraction(words[words.index("--start") + 1]) if "--start" in words else Fraction(0)
    stop = Fraction(words[words.index("--end") + 1]) if "--end" in words else None
    kept = [n for n, t in enumerate(old.times) if t >= start and (stop is None or t < stop)]
    wanted = [old.times[n] - old.times[kept[0]] for n in kept]
    found = [t - new.times[0] for t in new.times]
    expect(len(found) == len(wanted), f"{len(found)} frames of {len(wanted)}")
    worst = max(abs(float(a - b)) for a, b in zip(found, wanted, strict=True))
    expect(worst <= tolerance, f"times are off by {1000 * worst:.1f} ms")
    if len(kept) == len(old.times):
        exact = case.name in ("ntsc-in-mkv", "ntsc-film")
        expect(
            abs(float(new.rate / old.rate) - 1) < (0.0005 if exact else 0.004), f"rate {float(new.rate):.4f}"
        )
        for before, after in zip(old.of("audio"), new.of("audio"), strict=True):
            shift = (after.start - float(new.times[0])) - (before.start - float(old.times[0]))
            expect(abs(shift) < 0.05, f"sound moved by {1000 * shift:.0f} ms")
    return f"{len(found)} frames, {float(new.rate):.4f} a second"


def whole_length(case: Case) -> str:
    """All frames, the same length."""
    made(case)
    old, new = film(case.source), film(case.out())
    expect(len(old.times) == len(new.times), f"{len(new.times)} frames of {len(old.times)}")
    expect(abs(float(old.end - new.end)) < 0.06, f"lasts {float(new.end):.2f} s of {float(old.end):.2f} s")
    return f"{len(new.times)} frames, {float(new.end):.3f} s"


def shape_kept(case: Case) -> str:
    """The display aspect, and the picture the same way up, mirrored or not."""
    made(case)
    old, new = film(case.source), film(case.out())
    rotation = _rotation(case.source)
    turned = case.name.startswith("turned")
    wanted = 1 / old.shape if turned else old.shape
    expect(abs(new.shape / wanted - 1) < 0.02, f"shown at {new.shape:.3f}, not {wanted:.3f}")
    if case.out().suffix == ".webm":  # whose alpha FFmpeg's own decoder does not give
        return f"shown at {new.shape:.3f}"
    source = old.pictures[0][..., :3].astype(float)
    source = np.rot90(source, round(rotation / 90)) if turned else source
    source = source[:, ::-1] if case.name == "mirrored" else source
    result = new.pictures[0].astype(float)
    rows, columns = (min(a, b) for a, b in zip(source.shape[:2], result.shape[:2], strict=True))
    subject, shown = source[:rows, :columns], result[:rows, :columns, :3]
    if result[..., 3].min() == 255:
        own = np.abs(shown - GREEN).sum(2) > 120
    else:
        own = result[:rows, :columns, 3] > 250
    expect(own.mean() > 0.02, "there is no subject in it")
    error = np.abs(subject - shown)[own].mean()
    expect(error < 14, f"the subject is off by {error:.1f} of 255: turned or mirrored")
    return f"shown at {new.shape:.3f}"


def interlaced(case: Case) -> str:
    """No comb lines, or marked as interlaced."""
    made(case)
    new = film(case.out())
    luma = new.pictures[len(new.pictures) // 2][..., :3].astype(float).mean(2)
    own = np.abs(new.pictures[len(new.pictures) // 2][..., :3].astype(float) - GREEN).sum(2) > 120
    near = np.abs(luma[:-2] - luma[1:-1])[own[:-2]].mean()
    far = np.abs(luma[:-2] - luma[2:])[own[:-2]].mean()
    expect(near < far or new.interlaced, f"combed ({near / far:.1f})")
    return f"neighbouring rows differ by {near / far:.2f} of every other"


def colours_kept(case: Case) -> str:
    """The subject's colours, where alpha is 1, beside the reference."""
    made(case)
    result = list(pictures(case.out()).values())[6]
    name = "reference-gray.png" if case.name == "gray" else "reference.png"
    reference = picture(Path(sys.argv[1]) / "video" / name)
    inside = (reference[..., 3] == 255) & (result[..., 3] == 255)
    expect(inside.sum() > 500, "hardly any subject")
    error = np.abs(result[inside][:, :3].astype(float) - reference[inside][:, :3]).mean()
    expect(error < 6, f"colours are off by {error:.1f} of 255")
    return f"colours within {error:.1f} of 255"


def alpha_kept(case: Case) -> str:
    """Clear where the clip is, whole where it is."""
    made(case)
    found = list(pictures(case.out()).values())
    if case.name == "alpha-bar":
        return f"{len(found)} frames"
    expect(len(found) == 6, f"{len(found)} frames of 6")
    sheet = picture(Path(sys.argv[1]) / "video" / "reference-alpha.png")[..., 0]
    height, width = found[0].shape[:2]
    truths = [
        sheet[y : y + height, x : x + width]
        for y in range(0, sheet.shape[0], height)
        for x in range(0, sheet.shape[1], width)
    ][:6]
    for alpha, truth in zip((f[..., 3] for f in found), truths, strict=True):
        stray, lost = (alpha[truth == 0] > 25).mean(), (alpha[truth == 255] < 230).mean()
        expect(stray < 0.01 and lost < 0.15, f"{stray:.0%} stray, {lost:.0%} lost")
    return "six alphas as in the file"


def tracks_kept(case: Case) -> str:
    """Every sound track: channels, language, title, default, place."""
    ran = made(case)
    old, new = film(case.source), film(case.out())
    before, after = old.of("audio"), new.of("audio")
    expect(len(before) == len(after), f"{len(after)} tracks of {len(before)}: {ran.told.strip()}")
    for one, other in zip(before, after, strict=True):
        expect(one.channels == other.channels, f"{other.channels} channels of {one.channels}")
        for key in ("language", "title"):
            expect(
                one.metadata.get(key, "und") == other.metadata.get(key, "und"),
                f"{key} {other.metadata.get(key)}",
            )
        if case.name == "two-languages":
            expect(one.default == other.default, f"default {[s.default for s in after]}")
        shift = (other.start - float(new.times[0])) - (one.start - float(old.times[0]))
        expect("--start" in case.command or abs(shift) < 0.06, f"moved by {1000 * shift:.0f} ms")
    return f"{len(after)} tracks: {', '.join(f'{s.codec} {s.channels}' for s in after)}"


def carried_or_told(case: Case) -> str:
    """Subtitles, chapters, timecode and tags: carried, or a note."""
    ran = made(case)
    new = film(case.out())
    found = {
        "subtitles": bool(new.of("subtitle")),
        "chapters": [c[2] for c in new.chapters] == ["One", "Two"],
        "timecode": any(s.metadata.get("timecode") == "10:20:30:04" for s in new.streams),
        "title-and-date": new.metadata.get("title") == "A walk"
        and new.metadata.get("creation_time", "").startswith("2021-03-04T05:06:07"),
    }[case.name.removesuffix("-mov")]
    expect(bool(found) or "left out" in ran.told, f"no note of it: {ran.told.strip() or '(silent)'}")
    return "carried" if found else ran.told.strip()


def whole_or_told(case: Case) -> str:
    """A line of error and nothing left, or good frames and a note."""
    before = sorted(path.name for path in case.folder.iterdir())
    ran = run(case)
    if ran.code:
        expect(len(ran.told.splitlines()) == 1, ran.told)
        expect(before == sorted(path.name for path in case.folder.iterdir()), "something is left")
        return ran.told.strip()
    frames = len(film(case.out()).times)
    silent = case.name in ("still-as-clip", "cut-ts")  # of a broadcast nobody knows how long it was
    expect(bool(ran.told.strip()) or silent, "accepted, no note of it: (silent)")
    return f"{frames} frames; {ran.told.strip()}"


def background_moves(case: Case) -> str:
    """As long as the clip, upright, moving."""
    made(case)
    old, new = film(case.source), film(case.out())
    expect(len(old.times) == len(new.times), f"{len(new.times)} frames of {len(old.times)}")
    film_behind = film(case.folder / case.files[1])
    behind = [picture[..., :3].astype(float) for picture in film_behind.pictures]
    if case.name == "background-turned":
        turns = round(_rotation(case.folder / case.files[1]) / 90)
        behind = [np.rot90(picture, turns) for picture in behind]
    shown = new.pictures[-1][..., :3]
    for near in (np.s_[:8, :8], np.s_[:8, -8:]):  # the subject stands below
        corner = shown[near].astype(float).mean((0, 1))
        error = min(np.abs(corner - picture[near].mean((0, 1))).max() for picture in behind)
        expect(error < 25, f"a corner is off by {error:.0f} of 255")
    return f"{len(new.times)} frames"


def sequence(case: Case) -> str:
    """As many frames as pictures, in the order of their numbers."""
    ran = made(case)
    if case.out().is_dir():
        names = sorted(p.name for p in case.out().glob("*.png"))
        expect("1001" in names[0] or case.name == "folder-times", f"first file {names[0]}")
        if case.name == "folder-times":
            told = [
                line
                for line in (case.out() / "timestamps.txt").read_text().splitlines()
                if not line.startswith("#")
            ]
            due = [float(1000 * t) for t in film(case.source).times]
            worst = max(abs(float(a) - b) for a, b in zip(told, due, strict=True))
            expect(worst < 1.1, f"times are off by {worst} ms")
        return f"{names[0]} to {names[-1]}"
    new = film(case.out())
    files = [p for p in case.source.iterdir() if p.stem[:1] in "sfaDd0123456789" and p.stem != "thumb"]
    wanted = 4 if case.name == "sequence-range" else len(files)
    expect(len(new.times) == wanted, f"{len(new.times)} frames of {wanted}")
    rate = 12 if case.name == "sequence-fps" else 25
    span = float(new.times[-1] - new.times[0]) * rate
    steps = wanted if case.name == "sequence-gap" else wanted - 1
    expect(abs(span - steps) < 0.1, f"lasts {span + 1:.1f} frames of {steps + 1} at {rate} a second")
    places = []
    for image in new.pictures:
        subject = np.abs(image[..., :3].astype(float) - GREEN).sum(2) > 120
        places.append(np.flatnonzero(subject.any(0))[0])
    expect(all(np.diff(places) >= -2) and places[-1] > places[0], f"out of order: {places}")
    return f"{wanted} frames at {rate} a second; {ran.told.strip()}"


def pipe_out(case: Case) -> str:
    """A whole Matroska file on standard output."""
    ran = made(case)
    (case.folder / "piped.mkv").write_bytes(ran.out)
    frames = len(film(case.folder / "piped.mkv").times)
    expect(frames == len(film(case.source).times), f"{frames} frames")
    return f"{len(ran.out)} bytes, {frames} frames"


def fifo_in(case: Case) -> str:
    """The clip through a named pipe."""
    pipe = case.folder / "pipe.mkv"
    os.mkfifo(pipe)
    feeder = subprocess.Popen(["cp", str(case.source), str(pipe)])
    try:
        made(case, ["video", "pipe.mkv", "--background", "green", "-o", "o.mp4"])
    finally:
        feeder.kill()
    frames = len(film(case.folder / "o.mp4").times)
    expect(frames == len(film(case.source).times), f"{frames} frames")
    return f"{frames} frames"


def named(case: Case) -> str:
    """A file of any name."""
    out = {"name-with-colon": "out 3: b.mp4", "name-with-percent": "é%d 影.mp4"}.get(case.name, "o.mp4")
    made(case, ["video", "--background", "green", "-o", out, "--", case.files[0]])
    return f"{len(film(case.folder / out).times)} frames"


def folder_named(case: Case) -> str:
    """A folder of PNG files though the name has a dot."""
    if case.name == "folder-with-a-dot":
        return refused(case)
    made(case)
    count = len(list((case.folder / "shot.v2").glob("*.png")))
    expect(count == len(film(case.source).times), f"{count} files")
    return f"{count} files"


def matte(case: Case) -> str:
    """The matte beside it: grey, white where the subject is, lossless in .mkv."""
    made(case)
    name = "a.mkv" if case.name == "matte-lossless" else "a.mp4"
    new = film(case.folder / name)
    level = int(new.pictures[3][..., 0].max())
    expect(level >= 254, f"white is {level}")
    if name == "a.mkv":
        expect(
            new.codec == "ffv1" and new.format.startswith("gray"),
            f"the matte is written as {new.codec} {new.format}",
        )
    return f"{new.codec} {new.format}"


def plays_at_once(case: Case) -> str:
    """The index before the pictures."""
    made(case)
    data = case.out().read_bytes()
    expect(data.index(b"moov") < data.index(b"mdat"), "moov after mdat")
    return "moov before mdat"


def exists(case: Case) -> str:
    """An output that exists is left as it is."""
    case.out().write_bytes(b"old")
    told = refused(case)
    expect(case.out().read_bytes() == b"old", "overwritten")
    return told


def onto_itself(case: Case) -> str:
    """The input is never the output."""
    before = case.source.read_bytes()
    told = refused(case)
    expect(case.source.read_bytes() == before, "the input was touched")
    return told


def interrupted(case: Case) -> str:
    """Ctrl-C leaves nothing."""
    before = sorted(p.name for p in case.folder.iterdir())
    words = case.command.split()[1:]
    process = subprocess.Popen(
        [*WISP, *words], cwd=case.folder, stderr=subprocess.PIPE, start_new_session=True
    )
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if any(p.name.startswith(".wisp-") for p in case.folder.iterdir()):
            break
        time.sleep(0.002)  # a quick machine is done soon
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    expect(process.returncode == 130, f"exit {process.returncode}: {told.decode()}")
    after = sorted(p.name for p in case.folder.iterdir())
    expect(before == after, f"left behind: {set(after) - set(before)}")
    return "exit 130, nothing left"


def disk_full(case: Case) -> str:
    """A file that grows too large leaves nothing."""
    before = sorted(p.name for p in case.folder.iterdir())
    ran = run(case, limit=20000)
    expect(ran.code == 1 and len(ran.told.splitlines()) == 1, f"exit {ran.code}: {ran.told}")
    expect(before == sorted(p.name for p in case.folder.iterdir()), "something is left")
    return ran.told.strip()


def animation_out(case: Case) -> str:
    """Frames, times and transparency read back."""
    made(case)
    old = film(case.source)
    if case.out().suffix == ".webp":
        import pyvips

        image = pyvips.Image.new_from_file(str(case.out()), n=-1)
        lengths = [delay / 1000 for delay in image.get("delay")]
        alphas = image.numpy().reshape(len(lengths), -1, image.width, 4)[..., 3]
    else:
        new = film(case.out())
        lengths = [float(length) for length in new.lengths]
        alphas = np.stack([p[..., 3] for p in new.pictures])
    expect(len(lengths) == len(old.times), f"{len(lengths)} frames of {len(old.times)}")
    expect(abs(sum(lengths) - float(old.end)) < 0.03, f"lasts {sum(lengths):.3f} s of {float(old.end):.3f} s")
    expect(alphas.min() == 0 and alphas.max() == 255, "no transparency")
    return f"{len(lengths)} frames, {sum(lengths):.3f} s, transparent"


def animation_in(case: Case) -> str:
    """Frames and times."""
    ran = run(case)
    if ran.code:
        expect("WebP" in ran.told, f"exit {ran.code}: {ran.told.strip()}")
        return ran.told.strip()
    new = film(case.out())
    count, length = {"gif-delays": (8, 1.2), "webp-in": (8, 0.64)}.get(case.name, (0, 0.0))
    if count:
        expect(len(new.times) == count, f"{len(new.times)} frames")
        expect(abs(float(new.end) - length) < 0.02, f"lasts {float(new.end):.2f} s of {length:.2f} s")
    else:
        expect(len(new.times) == len(film(case.source).times), f"{len(new.times)} frames")
    return f"{len(new.times)} frames, {float(new.end):.2f} s"


def refused_or_made(case: Case) -> str:
    """Made, or refused in one line."""
    ran = run(case)
    if ran.code:
        expect(len(ran.told.splitlines()) == 1, ran.told)
        return ran.told.strip()
    return f"{len(film(case.out()).times)} frames"


def ten_bits(case: Case) -> str:
    """Ten bits kept, or a note."""
    ran = made(case)
    new = film(case.out())
    expect("10" in new.format or "16" in new.format or "bits" in ran.told, f"no note of it: {ran.told}")
    return f"{new.format}; {ran.told.strip()}"


def camera(case: Case) -> str:
    """One line that says what is missing; the devices, or that there are none."""
    ran = run(case)
    text = (ran.told + ran.out.decode()).strip()
    expect(bool(text) and "Usage" not in text and "No such option" not in text, f"exit {ran.code}: {text}")
    expect(len(text.splitlines()) == 1 or "list" in case.name, text)
    return text


CHECKS: Final[dict[str, Callable[[Case], str]]] = {
    "anamorphic-webm": shape_kept,
    "interlaced": interlaced,
    "size-changes": lambda case: f"made, exit {made(case).code}",
    "full-range-kept": lambda case: f"made, exit {made(case).code}",
    "hdr-pq": lambda case: made(case).told.strip(),
    "hdr-hlg": lambda case: made(case).told.strip(),
    "ten-bit-h264": ten_bits,
    "ten-bit-kept": ten_bits,
    "gif-out": animation_out,
    "webp-out": animation_out,
    "apng-out": animation_out,
    "sound-with-cover": refused,
    "text-named-mp4": refused,
    "empty": refused,
    "sound-only": refused,
    "sequence-dimension-jumps": refused,
    "pipe-out": pipe_out,
    "fifo-in": fifo_in,
    "pipe-in": whole_length,
    "name-like-protocol": named,
    "folder-slash": folder_named,
    "folder-with-a-dot": folder_named,
    "matte-lossless": matte,
    "matte-white-is-white": matte,
    "starts-to-play-at-once": plays_at_once,
    "exists": exists,
    "onto-itself": onto_itself,
    "alpha-into-mp4": refused,
    "no-such-folder": refused,
    "interrupted": interrupted,
    "disk-full": disk_full,
    "background-missing": refused,
}

KINDS: Final[dict[str, Callable[[Case], str]]] = {
    "times": same_times,
    "geometry": shape_kept,
    "colour": colours_kept,
    "alpha in": alpha_kept,
    "animations": animation_in,
    "sound": tracks_kept,
    "streams": carried_or_told,
    "damage": whole_or_told,
    "lengths": whole_length,
    "codecs": whole_length,
    "sequences": sequence,
    "names": named,
    "backgrounds": background_moves,
    "limits": refused_or_made,
    "camera": camera,
}

if __name__ == "__main__":
    sys.exit(main())
