"""A clip to a clip: decoded, matted, set on another background and encoded, all at once and in order."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.clips.alpha import PORTRAIT, PortraitMethod, upsample_to_frame, working_picture
from wisp.clips.backdrops import TRANSPARENT, Backdrop, open_backdrop, parse_backdrop
from wisp.clips.colours import estimate_colours, estimate_soft_colours, soft_part
from wisp.clips.frames import composite_frame, to_integers
from wisp.clips.io.codecs import Codec, Use, choose_codec, suffix_of
from wisp.clips.io.colour import Pixels
from wisp.clips.io.extras import Extras
from wisp.clips.io.folders import FolderWriter, check_folder, number_of
from wisp.clips.io.frame import STDIO, Clip, ClipInfo, Frame
from wisp.clips.io.read import is_stream, open_clip
from wisp.clips.io.sequences import PATTERNS, find_sequence, is_pattern, last_number, pattern_name
from wisp.clips.io.tracks import Span
from wisp.clips.io.write import ClipWriter, FileWriter, Layout, Sound
from wisp.clips.stages import run_stages
from wisp.clips.steady import (
    STEADY,
    AlphaMethod,
    LowResolutionAlpha,
    State,
    Steadiness,
    filter_alpha,
    pair_with_motion,
)
from wisp.core.arrays import CLEAR, Image, Matte
from wisp.core.errors import InputError, MissingInputError
from wisp.core.limits import MAX_PIXELS
from wisp.core.settings import CLIPS
from wisp.core.threads import one_opencv_thread
from wisp.io.atomic import atomic_paths, check_output, reason, same_file

_SQUARE: Final = frozenset({"", ".gif", ".webp", ".apng"})
"""Suffixes of what has square pixels alone."""


@dataclass(frozen=True)
class Output:
    """One of the clips that are made: where it goes, in which codec, and what is in it."""

    path: Path | str
    codec: Codec
    use: Use
    channels: int

    @property
    def folder(self) -> Path:
        """The folder of a clip of PNG files."""
        path = Path(self.path)
        return path.parent if is_pattern(path.name) and not path.is_dir() else path


@dataclass(frozen=True)
class Job:
    """One clip, its outputs and how they are made. A path ``-`` is standard input or output.

    Attributes:
        source: the clip: what `wisp.clips.io.read.open_clip` takes.
        out: where it goes, as the user wrote it (`wisp.clips.io.codecs.suffix_of`).
        background: what goes behind the subject, as `wisp.clips.backdrops.open_backdrop` takes it.
        codec: ``auto`` or a key of `wisp.clips.io.codecs.CODECS`.
        alpha_out: where the alpha goes too, as a grey clip.
        foreground_out: where the subject's own colours go too, as a clip without alpha.
        start: first time that is taken, seconds.
        end: first time that no longer is; None for the clip's end.
        fps: frames a second of a source of pictures; None is what is found beside them.
        max_pixels: the largest width × height that is decoded.
        piped: the suffix of what goes to standard output; empty for the usual one.
        keep_metadata: whether tags of place and camera are carried, too.
        overwrite: whether outputs may exist already.
        resume: go on with an interrupted folder of PNG files.
        recipe: whatever else the pixels depend on (method, network …), for `resume` to compare.
    """

    source: Path | str
    out: Path | str
    background: str = TRANSPARENT
    codec: str = "auto"
    alpha_out: Path | str | None = None
    foreground_out: Path | str | None = None
    start: Fraction = Fraction(0)
    end: Fraction | None = None
    fps: Fraction | None = None
    max_pixels: int = MAX_PIXELS
    piped: str = ""
    keep_metadata: bool = False
    overwrite: bool = False
    resume: bool = False
    recipe: Mapping[str, str] = field(default_factory=dict)

    @property
    def outputs(self) -> list[Output]:
        """The result, and the matte and the foreground where they are asked for.

        Raises:
            InputError: see `choose_codec`.
        """
        transparent = self.background == TRANSPARENT
        codec = choose_codec(self.out, self.codec, alpha=transparent, piped=self.piped)
        found = [Output(self.out, codec, "result", 4 if transparent else 3)]
        beside: list[tuple[Path | str | None, Use, int]] = [
            (self.alpha_out, "matte", 1),
            (self.foreground_out, "foreground", 3),
        ]
        for path, use, channels in beside:
            if path is not None:
                codec = choose_codec(path, alpha=False, use=use, piped=self.piped)
                found.append(Output(path, codec, use, channels))
        return found


@dataclass(frozen=True)
class Progress:
    """How far a clip has come: frames written, and about how many there will be (0 where nobody knows)."""

    done: int
    total: int


def check_job(job: Job) -> None:
    """Raise `InputError` for what can be told to fail before any frame is read."""
    outputs = job.outputs
    parse_backdrop(job.background)
    if str(job.source) != STDIO and not Path(job.source).exists() and find_sequence(job.source) is None:
        accepted = PATTERNS if is_pattern(Path(job.source).name) else ""
        raise MissingInputError(job.source, "does not exist", accepted)
    if job.resume and not all(output.codec.resumable for output in outputs):
        raise InputError("--resume", "needs folders of PNG files", "other codecs cannot be continued")
    if job.resume and is_stream(job.source):
        raise InputError("--resume", f"needs a file to begin again; {job.source} is read once only")
    if job.end is not None and job.end <= job.start:
        times = f"{float(job.end):g} s, with --start at {float(job.start):g} s"
        raise InputError("--end", f"is {times}", "a later time is accepted")
    if sum(str(output.path) == STDIO for output in outputs) and sys.stdout.isatty():
        raise InputError(STDIO, "standard output is a terminal", "a file or a pipe is accepted")
    read = [path for path in (Path(job.source), Path(job.background)) if path.exists()]
    for number, output in enumerate(outputs):
        if output.codec.suffixes:
            check_output(output.path, overwrite=job.overwrite, inputs=read)
        else:
            _check_folder(output, job, read)
        places = [Path(other.path) if other.codec.suffixes else other.folder for other in outputs]
        if any(same_file(places[number], other) for other in places[:number]):
            problem = "is named for two outputs"
            raise InputError(output.path, problem, "a path of its own for each is accepted")


def _check_folder(output: Output, job: Job, read: list[Path]) -> None:
    if output.folder == Path():
        raise InputError(output.path, "names no folder of its own", "FOLDER/NAME.%04d.png is accepted")
    if any(same_file(output.folder, other) for other in read):
        raise InputError(output.path, "is an input; inputs are never overwritten")
    sequence = None if str(job.source) == STDIO else find_sequence(job.source)
    if sequence is not None and same_file(output.folder, sequence.files[0].parent):
        raise InputError(output.path, "holds the input; inputs are never overwritten")
    check_folder(output.folder, overwrite=job.overwrite, resume=job.resume)


def convert(
    job: Job,
    alpha_of: AlphaMethod = PORTRAIT,
    *,
    steadiness: Steadiness = STEADY,
    progress: Callable[[Progress], None] = lambda _: None,
) -> tuple[str, ...]:
    """Make a clip. Memory does not grow with its length.

    Args:
        job: what is to be made.
        alpha_of: mattes a single frame.
        steadiness: how alpha is held steady from frame to frame.
        progress: called after each frame, from another thread.

    Returns:
        What the user should know, each a short sentence without a full stop.

    Raises:
        InputError: `check_job`'s; a clip that cannot be read to its end; a file that cannot be written.
        KeyboardInterrupt: nothing is left under the final names. Of a folder of PNG files what was made stays
            in ``NAME.partial``, to be resumed.
    """
    check_job(job)
    alpha_of = _informed(job, alpha_of)
    portrait = alpha_of if isinstance(alpha_of, PortraitMethod) else None
    selected = None if portrait is None else portrait.selected
    with open_clip(job.source, fps=job.fps, max_pixels=job.max_pixels) as clip:
        info = clip.info
        tick = info.tick
        begin = job.start // tick * tick  # on the clip's own grid, so that times stay exact
        with (
            open_backdrop(job.background, (info.height, info.width), info.bits) as backdrop,
            _open_writers(job, clip, begin) as writers,
        ):
            done = min((len(w.times) for w in writers if isinstance(w, FolderWriter)), default=0)
            resumed_at = _rewind(writers, done)
            total = _expected(job, clip)
            uses = [output.use for output in job.outputs]
            state: State | None = None
            begun = False
            last = Fraction(0)
            found = done > 0  # what was made before is not looked at again
            faintest = CLEAR if selected is None else 0.5  # a place that shows nobody has traces of alpha

            def produce() -> Iterator[tuple[Frame, AlphaMethod, Image, Image | None]]:
                frames = clip.frames(max(job.start, begin + resumed_at), job.end)
                for frame, own in pair_with_motion(frames, alpha_of, lambda frame: frame.image):
                    image = frame.image
                    picture = None if portrait is None else working_picture(image, CLIPS.alpha_side)
                    yield frame, own, image, picture

            def work(
                item: tuple[Frame, AlphaMethod, Image, Image | None],
            ) -> tuple[Frame, LowResolutionAlpha]:
                nonlocal state, begun
                frame, own, image, picture = item
                if portrait is not None and selected is not None:
                    if selected.at is not None and frame.time < selected.at:
                        nothing = np.zeros(working_picture(image, steadiness.side).shape[:2], np.float32)
                        return frame, LowResolutionAlpha(nothing, None)
                    own = replace(portrait, selected=None, follows=True) if begun else portrait
                    begun = True
                held, state = filter_alpha(image, state, own, steadiness=steadiness, picture=picture)
                return frame, held

            def consume(item: tuple[Frame, LowResolutionAlpha]) -> None:
                nonlocal done, last, found
                frame, held = item
                last, found = frame.time, found or bool(held.alpha.max() > faintest)
                time = frame.time - begin
                if any(isinstance(w, FolderWriter) and w.has(time) for w in writers):
                    return
                made = _make(frame, held, backdrop, time, info.bits, uses)
                for writer, use in zip(writers, uses, strict=True):
                    writer.write(made[use], time, frame.duration)
                done += 1
                progress(Progress(done, total))

            with one_opencv_thread:
                run_stages(produce, work, consume)
            if selected is not None and selected.at is not None and not begun:
                problem = f"is {float(selected.at):g} s, after the last frame"
                raise InputError("--at", problem, f"0 to {float(last):g} s is accepted")
            for writer in writers:
                writer.finish()
        where = "no subject was found in any frame" if selected is None else "nothing was found at that place"
        empty = [] if found else [f"{where}; its alpha is empty"]
        return (
            *clip.notes,
            *empty,
            *(note for writer in writers for note in writer.notes),
            *_lost(job, clip, begin),
        )


GLIMPSES: Final = (0.05, 0.35, 0.65, 0.95)
"""Shares of a clip's time at which a frame is looked at before it is begun."""


def _informed(job: Job, alpha_of: AlphaMethod) -> AlphaMethod:
    """A method that looks for whatever there is, told by glimpses of the clip whether people come in it.

    What can be read once only is begun without that knowledge.
    """
    if not isinstance(alpha_of, PortraitMethod) or is_stream(job.source):
        return alpha_of
    with suppress(InputError):  # what is wrong with the clip is told when it is read
        return alpha_of.primed_by(_glimpses(job))
    return alpha_of


def _glimpses(job: Job) -> Iterator[Image]:
    """Frames at the shares of `GLIMPSES` of what is taken of the clip."""
    with open_clip(job.source, fps=job.fps, max_pixels=job.max_pixels) as clip:
        length = clip.info.duration if job.end is None else min(job.end, clip.info.duration)
    for share in GLIMPSES if length > job.start else ():
        with open_clip(job.source, fps=job.fps, max_pixels=job.max_pixels) as clip:
            yield next(iter(clip.frames(job.start + Fraction(share) * (length - job.start)))).image


def _make(
    frame: Frame,
    held: LowResolutionAlpha,
    backdrop: Backdrop | None,
    time: Fraction,
    bits: int,
    uses: list[Use],
) -> dict[Use, Pixels]:
    """A frame's pixels as they are written: on a background or as straight RGBA, its matte, its foreground.

    The colours of a clip with an alpha of its own are straight, so that this alpha counts once the subject's
    colours are found.
    """
    opacity, pixels = frame.opacity, frame.pixels
    plain = opacity is None and 8 * pixels.itemsize == bits
    made: dict[Use, Pixels] = {}
    if backdrop is not None and plain and "foreground" not in uses:  # whole pictures of floats are slow
        alpha = upsample_to_frame(pixels, *held)
        soft = estimate_soft_colours(pixels, alpha)
    else:
        image = frame.image
        alpha = upsample_to_frame(image, *held)
        foreground = estimate_colours(image, alpha)
        alpha = alpha if opacity is None else np.minimum(alpha, opacity)
        made["foreground"] = to_integers(foreground, bits)
        if backdrop is None:
            made["result"] = to_integers(Matte(alpha, foreground).rgba(), bits)
        else:
            pixels = pixels if plain else to_integers(image, bits)
            soft = soft_part(foreground, alpha)
    if backdrop is not None:
        made["result"] = composite_frame(pixels, alpha, soft, backdrop(time, pixels, alpha, soft))
    if "matte" in uses:
        made["matte"] = to_integers(alpha, bits)
    return made


@contextmanager
def _open_writers(job: Job, clip: Clip, begin: Fraction) -> Iterator[list[ClipWriter]]:
    """Writers of the outputs, in their order, whose files appear when the block ends well, or not at all."""
    outputs = job.outputs
    if clip.tap is not None and suffix_of(job.out, job.piped) in _SQUARE:
        clip.tap.discard()
    files = [output.path for output in outputs if output.codec.suffixes and str(output.path) != STDIO]
    with atomic_paths(files, overwrite=job.overwrite) as stand_ins, ExitStack() as closing:
        places = dict(zip(files, stand_ins, strict=True))
        writers: list[ClipWriter] = []
        for output in outputs:
            writer: ClipWriter
            if output.codec.suffixes:
                place = Path(places.get(output.path, output.path))
                writer = _open_file(job, clip, output, place, begin)
            else:
                writer = FolderWriter(
                    output.folder,
                    _described(job),
                    overwrite=job.overwrite,
                    resume=job.resume,
                    stem=_naming(output, clip.stems(max(job.start, begin), job.end)),
                )
            closing.callback(writer.close)
            writers.append(writer)
        try:
            yield writers
        except OSError as error:
            if str(error.filename) != STDIO or error.errno == errno.EPIPE:  # who reads may go away
                raise
            raise InputError(STDIO, f"standard output: {reason(error)}") from error
        except KeyboardInterrupt:
            for writer in writers:
                if isinstance(writer, FolderWriter):
                    writer.keep = all(isinstance(other, FolderWriter) for other in writers)
            raise


def _open_file(job: Job, clip: Clip, output: Output, place: Path, begin: Fraction) -> FileWriter:
    """The writer of a video file; sound, subtitles, tags and chapters go with the result alone."""
    info = clip.info
    layout = Layout(
        info.height,
        info.width,
        output.channels,
        info.bits,
        tick=info.tick,
        rate=info.rate,
        aspect=info.aspect,
        colour=info.colour.written(),
        variable=info.variable,
        constant=info.constant,
    )
    suffix = suffix_of(output.path, job.piped)
    sound, extras = None, None
    if output.use == "result":
        extras, _ = _extras(job, info, begin)[0].held_by(suffix)
        if (info.audio or info.subtitles) and suffix not in _SQUARE:
            sound = Sound(Path(job.source), Span(begin, job.end, info.origin), clip.tap)
    return FileWriter(place, output.codec, layout, sound, extras=extras, piped=job.piped)


def _extras(job: Job, info: ClipInfo, begin: Fraction) -> tuple[Extras, list[str]]:
    """Tags, chapters and time code of the part that is taken, and the tags that are kept back."""
    part = info.extras.part(begin, job.end, info.rate)
    return (part, []) if job.keep_metadata else part.without_private()


def _naming(output: Output, stems: list[str]) -> Callable[[int], str]:
    """How the pictures of a folder are called: by the pattern that is asked for, else as the source's are."""
    name = Path(output.path).name
    if not is_pattern(name) or Path(output.path).is_dir():
        return (lambda index: stems[index]) if stems else number_of
    numbers = [last_number(stem) for stem in stems]

    def stem(index: int) -> str:
        known = numbers[index] if numbers else None
        return Path(pattern_name(name, index + 1 if known is None else known)).stem

    return stem


def _rewind(writers: list[ClipWriter], done: int) -> Fraction:
    """Bring resumed folders to the same length; the time, from the output's start, to read from again."""
    folders = [writer for writer in writers if isinstance(writer, FolderWriter)]
    for folder in folders:
        folder.skip_to(done)
    if not done:
        return Fraction(0)
    return folders[0].times[max(0, done - CLIPS.warm_up)]  # so that alpha is steady there


def _expected(job: Job, clip: Clip) -> int:
    """About how many frames there will be; 0 where the clip does not say how long it is."""
    end = clip.info.duration if job.end is None else min(job.end, clip.info.duration or job.end)
    return max(0, round((end - job.start) * clip.info.rate)) if end else 0


def _described(job: Job) -> dict[str, Any]:
    """Describe what decides a folder of frames, to be compared when it is resumed."""
    described: dict[str, Any] = {
        "source": Path(job.source).name,
        "background": job.background,
        "start": str(job.start),
        "end": str(job.end),
        "fps": str(job.fps),
        "outputs": [output.use for output in job.outputs],
        **job.recipe,
    }
    for name, path in (("source", Path(job.source)), ("background", Path(job.background))):
        sequence = None if str(path) == STDIO else find_sequence(path)
        files = sequence.files if sequence is not None else (path,) if path.is_file() else ()
        described[f"{name} files"] = [
            [stat.st_size, stat.st_mtime_ns] for stat in (file.stat() for file in (*files[:1], *files[-1:]))
        ]
    return described


def _lost(job: Job, clip: Clip, begin: Fraction) -> Iterator[str]:
    """Yield a line for everything of the clip that an output cannot hold."""
    info = clip.info
    result, *others = job.outputs
    suffix = suffix_of(result.path, job.piped)
    if suffix in _SQUARE:
        holder = suffix or "a folder of pictures"
        if info.audio:
            yield f"its sound is left out: {holder} holds none"
        if info.subtitles:
            yield f"its subtitles are left out: {holder} holds none"
        if info.aspect != 1 and not suffix:
            yield f"its pixels are not square ({info.aspect} to 1), which is lost"
    extras, private = _extras(job, info, begin)
    if private and suffix not in _SQUARE:
        yield f"tags of place and camera ({', '.join(private)}) are left out; --keep-metadata carries them"
    yield from extras.held_by(suffix)[1]
    for output in (result, *others):
        if info.depth > 8 and output.codec.depth(channels=output.channels, bits=info.bits) <= 8:
            name = f"{output.path}: " if others else ""
            yield (
                f"{name}its {info.depth} bits a channel become 8 in {output.codec.name}; "
                "hevc, av1, prores4444, ffv1 and png keep them"
            )
        if output.use == "matte" and not output.codec.lossless:
            yield f"{output.path}: {output.codec.name} loses a little of the matte; .mkv and .mov do not"
