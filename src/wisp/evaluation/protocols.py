"""Score files of predictions against files of truths; what made the predictions does not matter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from wisp.core.arrays import UNKNOWN, Alpha, Region, check_same_size, from_float
from wisp.core.errors import InputError
from wisp.evaluation.metrics import Metric, accuracy, binary_cross_entropy, conn, grad, mae, mse, sad
from wisp.io.formats import READABLE_SUFFIXES
from wisp.io.guidance import read_grey, read_trimap
from wisp.io.paths import refuse_address

PROTOCOLS: Final[dict[str, dict[str, Metric]]] = {
    "default": {"sad": sad, "mse": mse, "mae": mae, "grad": grad, "conn": conn},
    "segmentation": {"bce": binary_cross_entropy, "accuracy": accuracy},
}
"""What each protocol measures, by the names that reports use."""
BENCHMARK: Final[dict[str, Metric]] = {"sad": sad, "mse": mse, "grad": grad, "conn": conn}
"""What alphamatting.com and the tables on Composition-1k measure."""


@dataclass(frozen=True)
class Pair:
    """A truth and what goes with it.

    Attributes:
        name: path of the truth relative to its folder, without its suffix, with forward slashes.
        prediction: file to score.
        truth: file to score it against.
        trimap: file whose unknown part is scored; None scores the whole image.
    """

    name: str
    prediction: Path
    truth: Path
    trimap: Path | None = None


@dataclass(frozen=True)
class Pairing:
    """Pairs in the order of their names, and how many predictions have no truth."""

    pairs: tuple[Pair, ...]
    ignored: int


@dataclass(frozen=True)
class Report:
    """Scores of a set of predictions.

    Attributes:
        region: what was scored: the ``"unknown"`` part of trimaps or the ``"whole"`` of the images.
        images: name of the image → name of the metric → value, in the order of the names.
        ignored: number of predictions without a truth.
    """

    region: Literal["unknown", "whole"]
    images: Mapping[str, Mapping[str, float]]
    ignored: int = 0

    @property
    def count(self) -> int:
        """How many images were scored."""
        return len(self.images)

    @property
    def mean(self) -> dict[str, float]:
        """Name of the metric → its mean over the images, each of which counts once whatever its size."""
        names = next(iter(self.images.values()))
        return {name: float(np.mean([values[name] for values in self.images.values()])) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """``{"count": n, "region": …, "mean": {metric: value}, "images": {name: {metric: value}}}``."""
        images = {name: dict(values) for name, values in self.images.items()}
        return {"count": self.count, "region": self.region, "mean": self.mean, "images": images}

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def evaluate(
    predictions: Path | str,
    truth: Path | str,
    *,
    trimaps: Path | str | None = None,
    protocol: str = "default",
) -> Report:
    """Score predictions against truths.

    Folders are searched recursively, and files are paired by relative path and stem. Files may be grey images
    or have an alpha channel, which is then what counts; 16 bits are rounded to 8 before scoring, as the
    reference scripts do.

    Args:
        predictions: folder of predictions, or one file.
        truth: folder of truths, or one file, whatever its name.
        trimaps: folder of trimaps, or one trimap for one file: only their unknown part is scored. None scores
            whole images.
        protocol: a key of `PROTOCOLS`: ``default`` gives SAD, MSE, MAE, Grad and Conn, SAD, Grad and Conn
            divided by 1000; ``segmentation`` gives binary cross-entropy and accuracy.

    Raises:
        InputError: a truth that has no prediction, or no trimap, of its own size; a trimap without unknown
            pixels; a file that cannot be read; nothing to score; or an unknown protocol.
    """
    check_protocol(protocol)
    return score(find_pairs(predictions, truth, trimaps=trimaps), protocol=protocol)


def find_pairs(predictions: Path | str, truth: Path | str, *, trimaps: Path | str | None = None) -> Pairing:
    """Pair every truth with its prediction, and its trimap where there are any, without opening a file.

    Arguments and errors are those of `evaluate`.
    """
    check_places(predictions, truth, trimaps=trimaps)
    if Path(truth).is_file():
        name = Path(truth).stem
        trimap = None if trimaps is None else _partner(name, trimaps, files_of(trimaps), "trimap")
        return Pairing((Pair(name, Path(predictions), Path(truth), trimap),), ignored=0)
    truths, predicted = files_of(truth), files_of(predictions)
    drawn = {} if trimaps is None else files_of(trimaps)
    pairs = [
        Pair(
            name,
            _partner(name, predictions, predicted, "prediction"),
            only(files),
            None if trimaps is None else _partner(name, trimaps, drawn, "trimap"),
        )
        for name, files in sorted(truths.items())
    ]
    ignored = sum(len(files) for name, files in predicted.items() if name not in truths)
    return Pairing(tuple(pairs), ignored)


def score(
    pairing: Pairing, *, protocol: str = "default", scored: Callable[[], None] = lambda: None
) -> Report:
    """Score pairs that `find_pairs` found.

    Args:
        pairing: the pairs.
        protocol: a key of `PROTOCOLS`.
        scored: called after each image, to show progress.

    Raises:
        InputError: see `evaluate`.
    """
    return score_by(check_protocol(protocol), pairing, scored=scored)


def score_by(
    metrics: Mapping[str, Metric], pairing: Pairing, *, scored: Callable[[], None] = lambda: None
) -> Report:
    """Score pairs by any metrics; otherwise as `score`."""
    images = {}
    for pair in pairing.pairs:
        images[pair.name] = score_pair(pair, metrics)
        scored()
    with_trimaps = any(pair.trimap is not None for pair in pairing.pairs)
    return Report("unknown" if with_trimaps else "whole", images, pairing.ignored)


def check_protocol(protocol: str) -> dict[str, Metric]:
    """The metrics of a protocol by name; `InputError` for a name that is not a key of `PROTOCOLS`."""
    if protocol not in PROTOCOLS:
        raise InputError("protocol", f"{protocol!r} is unknown", f"{', '.join(PROTOCOLS)} are accepted")
    return PROTOCOLS[protocol]


def check_places(predictions: Path | str, truth: Path | str, *, trimaps: Path | str | None = None) -> None:
    """Raise `InputError` unless all places exist, are of one kind, and there is a truth to score against."""
    places = [predictions, truth] if trimaps is None else [predictions, truth, trimaps]
    for place in places:
        if not Path(place).exists():
            refuse_address(place)
            raise InputError(place, "does not exist")
    if Path(predictions).is_dir() != Path(truth).is_dir():
        one, other = ("a folder", "a file") if Path(predictions).is_dir() else ("a file", "a folder")
        accepted = "two folders or two files are accepted"
        raise InputError(predictions, f"is {one} while {truth} is {other}", accepted)
    if trimaps is not None and Path(truth).is_dir() and not Path(trimaps).is_dir():
        raise InputError(trimaps, f"is a file while {truth} is a folder", "a folder of trimaps is accepted")
    if Path(truth).is_dir() and not files_of(truth):
        raise InputError(truth, "holds no images")


def score_pair(pair: Pair, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """Metric → value of one prediction; `InputError` as in `evaluate`."""
    truth, prediction = read_grey(pair.truth), read_grey(pair.prediction)
    check_same_size(str(pair.prediction), prediction, f"truth {pair.truth}", truth)
    region = None
    if pair.trimap is not None:
        trimap = read_trimap(pair.trimap, exact=True)
        check_same_size(str(pair.trimap), trimap, f"truth {pair.truth}", truth)
        region = trimap == UNKNOWN
        if not region.any():
            raise InputError(pair.trimap, "has nothing unknown to score")
    return score_alpha(prediction, truth, region, metrics)


def score_alpha(
    alpha: Alpha,
    truth: Alpha,
    region: Region | None = None,
    metrics: Mapping[str, Metric] = PROTOCOLS["default"],
) -> dict[str, float]:
    """Metric → value of an alpha in memory, scored as files are: both are rounded to 8 bits.

    Args:
        alpha: float32 (H, W), [0, 1].
        truth: like it.
        region: bool (H, W), what is scored; the whole image when None.
        metrics: by name.
    """
    found, true = as_stored(alpha), as_stored(truth)
    return {name: metric(found, true, region) for name, metric in metrics.items()}


def read_stored(path: Path) -> Alpha:
    """The file's alpha channel if it has one, else its grey values, in multiples of 1/255."""
    return as_stored(read_grey(path))


def as_stored(alpha: Alpha) -> Alpha:
    """Alpha as a file of eight bits holds it, float32 (H, W) in multiples of 1/255."""
    return from_float(alpha).astype(np.float32) / np.float32(255)


def files_of(place: Path | str) -> dict[str, list[Path]]:
    """The image files of a folder but hidden ones, or the one file, by relative path without suffix."""
    root = Path(place)
    if root.is_file():
        return {root.stem: [root]}
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.suffix.lower() in READABLE_SUFFIXES and not hidden and path.is_file():
            found.setdefault(relative.with_suffix("").as_posix(), []).append(path)
    return found


def _partner(name: str, place: Path | str, files: Mapping[str, list[Path]], kind: str) -> Path:
    if Path(place).is_file():
        return Path(place)
    if name not in files:
        raise InputError(name, f"has no {kind} in {place}", f"a file of that name, {name}.png, is accepted")
    return only(files[name])


def only(files: list[Path]) -> Path:
    """The one file of a name; `InputError` where there are several."""
    if len(files) > 1:
        raise InputError(files[1], f"has the same name as {files[0].name}", "one file of a name is accepted")
    return files[0]
