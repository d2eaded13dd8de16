"""A clip to a clip: decoded, matted, set on another background and encoded, all at once and in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.clips.alpha import finished, quick_alpha
from wisp.clips.backdrops import TRANSPARENT, Backdrop, check_backdrop, open_backdrop
from wisp.clips.colours import quick_foreground, soft_colours, soft_part
from wisp.clips.frames import composed, stored
from wisp.clips.io.audio import Span
from wisp.clips.io.codecs import Codec, choose_codec
from wisp.clips.io.colour import Pixels
from wisp.clips.io.folders import FolderWriter, check_folder
from wisp.clips.io.frame import Clip, Frame
from wisp.clips.io.read import open_clip
from wisp.clips.io.write import ClipWriter, FileWriter, Layout, Sound
from wisp.clips.steady import STEADY, AlphaMethod, Held, State, Steadiness, held_alpha, pair_with_motion
from wisp.core.arrays import Alpha, Image, Matte
from wisp.core.errors import InputError
from wisp.core.settings import CLIPS
from wisp.core.stages import convey
from wisp.core.threads import one_opencv_thread
from wisp.io.atomic import atomic_paths, check_output, same_file

WARM_UP: Final = CLIPS.warm_up
"""Frames that are matted again before the first new one of a resumed clip, so that alpha is steady there."""


@dataclass(frozen=True)
class Job:
    """What is to be made of a clip.

    Attributes:
        source: the clip: a video file or a folder of pictures.
        out: where it goes; the suffix chooses the container, none is a folder of PNG files.
        background: what goes behind the subject, as `wisp.clips.backdrops.open_backdrop` takes it.
        codec: ``auto`` or a key of `wisp.clips.io.codecs.CODECS`.
        alpha_out: where the alpha goes too, as a grey clip.
        start: first time that is taken, seconds.
        end: first time that no longer is; None for the clip's end.
        overwrite: whether outputs may exist already.
        resume: go on with an interrupted folder of PNG files.
    """

    source: Path
    out: Path
    background: str = TRANSPARENT
    codec: str = "auto"
    alpha_out: Path | None = None
    start: Fraction = Fraction(0)
    end: Fraction | None = None
    overwrite: bool = False
    resume: bool = False

    @property
    def codecs(self) -> tuple[Codec, Codec | None]:
        """Those of the clip and of its alpha.

        Raises:
            InputError: see `choose_codec`.
        """
        codec = choose_codec(self.out, self.codec, alpha=self.background == TRANSPARENT)
        return codec, None if self.alpha_out is None else choose_codec(self.alpha_out, alpha=False)


@dataclass(frozen=True)
class Progress:
    """How far a clip has come: frames written, and about how many there will be (0 where nobody knows)."""

    done: int
    total: int


def check_job(job: Job) -> None:
    """Raise `InputError` for what can be told to fail before any frame is read."""
    codecs = job.codecs
    if job.resume and not all(codec.resumable for codec in codecs if codec is not None):
        raise InputError("--resume", "needs folders of PNG files", "other codecs cannot be continued")
    check_backdrop(job.background)
    if not job.source.exists():
        raise InputError(job.source, "does not exist")
    if job.end is not None and job.end <= job.start:
        times = f"{float(job.end):g} s, with --start at {float(job.start):g} s"
        raise InputError("--end", f"is {times}", "a later time is accepted")
    read = [path for path in (job.source, Path(job.background)) if path.exists()]
    for path, codec in zip((job.out, job.alpha_out), codecs, strict=True):
        if path is None or codec is None:
            continue
        if codec.suffixes:
            check_output(path, overwrite=job.overwrite, inputs=read)
        else:
            if any(same_file(path, other) for other in read):
                raise InputError(path, "is an input; inputs are never overwritten")
            check_folder(path, overwrite=job.overwrite, resume=job.resume)
    if job.alpha_out is not None and same_file(job.out, job.alpha_out):
        raise InputError(job.alpha_out, "is named for two outputs", "a path of its own for each is accepted")


def convert(
    job: Job,
    alpha_of: AlphaMethod = quick_alpha,
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
    with open_clip(job.source) as clip:
        info = clip.info
        tick = info.tick
        begin = job.start // tick * tick  # on the clip's own grid, so that times stay exact
        with (
            open_backdrop(job.background, (info.height, info.width)) as backdrop,
            _open_writers(job, clip, begin) as writers,
        ):
            done = min((len(w.times) for w in writers if isinstance(w, FolderWriter)), default=0)
            resumed_at = _rewind(writers, done)
            total = _expected(job, clip)
            state: State | None = None

            def produce() -> Iterator[tuple[Frame, AlphaMethod]]:
                frames = clip.frames(max(job.start, begin + resumed_at), job.end)
                return pair_with_motion(frames, alpha_of, lambda frame: frame.image)

            def work(item: tuple[Frame, AlphaMethod]) -> tuple[Frame, Image, Held]:
                nonlocal state
                frame, own = item
                image = frame.image
                held, state = held_alpha(image, state, own, steadiness=steadiness)
                return frame, image, held

            def consume(item: tuple[Frame, Image, Held]) -> None:
                nonlocal done
                frame, image, held = item
                time = frame.time - begin
                if any(isinstance(w, FolderWriter) and w.has(time) for w in writers):
                    return
                pixels, alpha = _written(frame, image, finished(image, *held), backdrop, time, info.bits)
                result, *grey = writers
                result.write(pixels, time, frame.duration)
                for writer in grey:
                    writer.write(stored(alpha, info.bits), time, frame.duration)
                done += 1
                progress(Progress(done, total))

            with one_opencv_thread:
                convey(produce, work, consume)
            for writer in writers:
                writer.finish()
        return (*clip.notes, *(note for writer in writers for note in writer.notes), *_lost(job, clip))


def _written(
    frame: Frame, image: Image, alpha: Alpha, backdrop: Backdrop | None, time: Fraction, bits: int
) -> tuple[Pixels, Alpha]:
    """A frame's pixels as they are written, on a background or as straight RGBA, and their alpha.

    The colours of a clip with an alpha of its own are straight, so that this alpha counts once the subject's
    colours are found.
    """
    opacity = frame.opacity
    if backdrop is not None and opacity is None:
        soft = soft_colours(image, alpha)
    else:
        foreground = quick_foreground(image, alpha)
        alpha = alpha if opacity is None else np.minimum(alpha, opacity)
        if backdrop is None:
            return stored(Matte(alpha, foreground).rgba(), bits), alpha
        soft = soft_part(foreground, alpha)
    behind = backdrop(time, image, alpha, soft)
    return composed(image, alpha, soft, behind, bits, frame.pixels[..., :3]), alpha


@contextmanager
def _open_writers(job: Job, clip: Clip, begin: Fraction) -> Iterator[list[ClipWriter]]:
    """Writers of the clip and of its alpha, whose files appear when the block ends well, or not at all."""
    info = clip.info
    outputs = [(job.out, job.codecs[0], 4 if job.background == TRANSPARENT else 3)]
    if job.alpha_out is not None and job.codecs[1] is not None:
        outputs.append((job.alpha_out, job.codecs[1], 1))
    sound = Sound(job.source, Span(begin, job.end, info.origin)) if info.audio else None
    files = [path for path, codec, _ in outputs if codec.suffixes]
    with atomic_paths(files, overwrite=job.overwrite) as stand_ins, ExitStack() as closing:
        places = dict(zip(files, stand_ins, strict=True))
        writers: list[ClipWriter] = []
        for path, codec, channels in outputs:
            writer: ClipWriter
            if codec.suffixes:
                layout = Layout(
                    info.height,
                    info.width,
                    channels,
                    info.bits,
                    tick=info.tick,
                    rate=info.rate,
                    aspect=info.aspect,
                    colour=info.colour.written(),
                )
                writer = FileWriter(places[path], codec, layout, None if writers else sound)
            else:
                writer = FolderWriter(path, _described(job), overwrite=job.overwrite, resume=job.resume)
            closing.callback(writer.close)
            writers.append(writer)
        try:
            yield writers
        except KeyboardInterrupt:
            for writer in writers:
                if isinstance(writer, FolderWriter):
                    writer.keep = True
            raise


def _rewind(writers: list[ClipWriter], done: int) -> Fraction:
    """Bring resumed folders to the same length; the time, from the output's start, to read from again."""
    folders = [writer for writer in writers if isinstance(writer, FolderWriter)]
    for folder in folders:
        folder.skip_to(done)
    if not done:
        return Fraction(0)
    return folders[0].times[max(0, done - WARM_UP)]


def _expected(job: Job, clip: Clip) -> int:
    """About how many frames there will be; 0 where the clip does not say how long it is."""
    end = clip.info.duration if job.end is None else min(job.end, clip.info.duration or job.end)
    return max(0, round((end - job.start) * clip.info.rate)) if end else 0


def _described(job: Job) -> dict[str, Any]:
    """What a folder of frames is made of, to be compared when it is resumed."""
    stat = job.source.stat()
    return {
        "source": job.source.name,
        "size": stat.st_size,
        "modified": stat.st_mtime_ns,
        "background": job.background,
        "start": str(job.start),
        "end": str(job.end),
    }


def _lost(job: Job, clip: Clip) -> Iterator[str]:
    """What the output's container cannot hold."""
    suffix = job.out.suffix.lower()
    if clip.info.audio and not suffix:
        yield "its sound is left out: a folder of pictures holds none"
    if clip.info.aspect != 1 and suffix not in (".mp4", ".m4v", ".mov"):
        yield f"its pixels are not square ({clip.info.aspect} to 1), which is lost"
