"""Score clips of predicted alphas against clips of true ones; what made the predictions does not matter.

A clip is a video file, or a folder that directly holds pictures, one a frame. Clips are paired by relative
path (of a file, without its suffix), so that a prediction may be a video where the truth is a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from wisp.clips.io.read import open_clip
from wisp.clips.io.sequences import pictures
from wisp.core.arrays import Alpha, check_same_size
from wisp.core.errors import InputError
from wisp.evaluation.protocols import Report
from wisp.evaluation.video_metrics import clip_scores
from wisp.io.formats import READABLE_SUFFIXES

SUFFIXES: Final = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})


class ClipPair(NamedTuple):
    """A true clip and its prediction; `name` is the truth's relative path without suffix."""

    name: str
    prediction: Path
    truth: Path


class ClipPairing(NamedTuple):
    """Pairs in the order of their names, and how many predictions have no truth."""

    pairs: tuple[ClipPair, ...]
    ignored: int


def find_clip_pairs(predictions: Path | str, truth: Path | str) -> ClipPairing:
    """Pair every true clip with its prediction, without opening any.

    Args:
        predictions: a clip, or a folder of clips.
        truth: a clip, or a folder of clips.

    Raises:
        InputError: a place that does not exist or holds no clip, or a truth without prediction.
    """
    check_clip_places(predictions, truth)
    truths, predicted = _clips(Path(truth)), _clips(Path(predictions))
    if set(truths) == {"."}:  # a single clip, whatever its name
        if set(predicted) != {"."}:
            raise InputError(predictions, f"is not one clip, as {truth} is", "one clip is accepted")
        return ClipPairing((ClipPair(Path(truth).stem, predicted["."], truths["."]),), 0)
    for name in truths:
        if name not in predicted:
            raise InputError(
                name, f"has no prediction in {predictions}", f"a folder or video {name} is accepted"
            )
    pairs = tuple(ClipPair(name, predicted[name], path) for name, path in sorted(truths.items()))
    return ClipPairing(pairs, len(set(predicted) - set(truths)))


def check_clip_places(predictions: Path | str, truth: Path | str) -> None:
    """Raise `InputError` unless both places exist and there is a true clip."""
    for place in (predictions, truth):
        if not Path(place).exists():
            raise InputError(place, "does not exist")
    if not _clips(Path(truth)):
        raise InputError(truth, "holds no clips", "video files, or folders of pictures, are accepted")


def score_clips(pairing: ClipPairing, *, scored: Callable[[], None] = lambda: None) -> Report:
    """Score pairs of clips; every clip counts once, whatever its length.

    Args:
        pairing: what `find_clip_pairs` found.
        scored: called after each clip, to show progress.

    Raises:
        InputError: a clip that cannot be read, or with frames of another number or size than the truth's.
    """
    clips = {}
    for pair in pairing.pairs:
        try:
            clips[pair.name] = clip_scores(_alphas(pair.prediction, pair), _alphas(pair.truth, pair))
        except InputError as error:
            if error.name != "predictions":
                raise
            raise InputError(
                pair.prediction, f"has more or fewer frames than {pair.truth}", error.accepted
            ) from error
        scored()
    return Report("whole", clips, pairing.ignored)


def _alphas(path: Path, pair: ClipPair) -> Iterator[Alpha]:
    """The alphas of a clip, rounded to multiples of 1/255: its alpha channel if it has one, else its grey."""
    with open_clip(pair.truth) as clip:
        size = np.empty((clip.info.height, clip.info.width))
    with open_clip(path) as clip:
        for frame in clip.frames():
            pixels = frame.pixels
            channel = pixels[..., 3] if pixels.shape[2] == 4 else pixels[..., 1]
            check_same_size(f"{path}, frame {frame.index}", channel, f"truth {pair.truth}", size)
            level = channel if channel.dtype == np.uint8 else np.rint(channel / 257)
            yield (level / 255).astype(np.float32)


def _clips(place: Path) -> dict[str, Path]:
    """The clips at a place by relative path without suffix; ``.`` is the place itself."""
    if place.is_file() or pictures(place):
        return {".": place}
    found: dict[str, Path] = {}
    for path in sorted(place.rglob("*")):
        relative = path.relative_to(place)
        if any(part.startswith(".") for part in relative.parts):
            continue
        if path.is_dir():
            name = relative.as_posix()
            holds = any(p.suffix.lower() in READABLE_SUFFIXES for p in path.iterdir())
        else:
            name = relative.with_suffix("").as_posix()
            holds = path.suffix.lower() in SUFFIXES
        if holds and name in found:
            raise InputError(path, f"has the same name as {found[name]}", "one clip of a name is accepted")
        if holds:
            found[name] = path
    return found
