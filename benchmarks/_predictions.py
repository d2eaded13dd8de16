"""Alphas of photos with the time they took; those of others' networks are kept, so that each runs once."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from wisp.core.arrays import Alpha, Image
from wisp.core.digests import sha256_of
from wisp.core.errors import InputError
from wisp.evaluation.protocols import as_stored
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image
from wisp.lab.benchmark.systems import System

SECONDS: Final = "seconds.csv"
"""Beside the predictions: the name of a prediction's file, and the CPU seconds that it took, a row each."""
SCORES: Final = "scores.jsonl"
"""Likewise: the names of a prediction's file and of its truth, and the scores, a line each."""

Scores: TypeAlias = Mapping[str, float]


@dataclass(frozen=True)
class Prediction:
    """What a system made of a photo.

    Attributes:
        alpha: float32 (H, W) in multiples of 1/255, of the upright photo's size.
        seconds: of the CPU, from image to alpha.
    """

    alpha: Alpha
    seconds: float


@dataclass
class Predictor:
    """A system that is opened when it is first needed, and a folder for what it predicts and for its scores.

    A kept prediction is found by the content of its photo, and a score by that of the truth too, so what
    another file of the same name gave is not taken for its own. How the network is fed and how scores are
    computed is not part of it: where that code changes, the folder is to be deleted.

    Attributes:
        load: gives image → alpha; called once, at the first photo that has no prediction yet.
        folder: where predictions are kept, of this system alone; None to keep none.
    """

    load: Callable[[], Callable[[Image], Alpha]]
    folder: Path | None = None
    _estimate: Callable[[Image], Alpha] | None = field(default=None, init=False)
    _seconds: dict[str, float] = field(default_factory=dict, init=False)
    _scores: dict[tuple[str, str], Scores] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.folder is None:
            return
        if (self.folder / SECONDS).is_file():
            with (self.folder / SECONDS).open(newline="", encoding="utf-8") as rows:
                self._seconds = {name: float(seconds) for name, seconds in csv.reader(rows)}
        if (self.folder / SCORES).is_file():
            for line in (self.folder / SCORES).read_text(encoding="utf-8").splitlines():
                row: dict[str, Any] = json.loads(line)
                self._scores[row["prediction"], row["truth"]] = row["scores"]

    def predict(self, photo: Path) -> Prediction:
        """The kept prediction of a photo's file, or a new one.

        Raises:
            WispError: the photo cannot be read, or the system is not to be had.
        """
        if self.folder is None:
            return self._new(photo)
        file = self.folder / _name(photo)
        if file.name in self._seconds and file.is_file():
            return Prediction(as_stored(read_grey(file)), self._seconds[file.name])
        prediction = self._new(photo)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_image(file, prediction.alpha, bits=8, overwrite=True)
        with (self.folder / SECONDS).open("a", newline="", encoding="utf-8") as rows:
            csv.writer(rows).writerow([file.name, f"{prediction.seconds:.4f}"])
        self._seconds[file.name] = prediction.seconds
        return prediction

    def score(
        self, photo: Path, truth: Path | None, score: Callable[[Alpha, Path | None], Scores]
    ) -> tuple[Scores, float]:
        """Kept or new scores of a photo's prediction, and the CPU seconds of the prediction.

        Args:
            photo: its file.
            truth: the file that it is compared with; None for none.
            score: alpha and that file → scores.

        Raises:
            WispError: see `predict`, or what `score` raises.
        """
        if self.folder is None:
            prediction = self.predict(photo)
            return score(prediction.alpha, truth), prediction.seconds
        key = _name(photo), "" if truth is None else _name(truth)
        if key in self._scores and key[0] in self._seconds:
            return self._scores[key], self._seconds[key[0]]
        prediction = self.predict(photo)
        self._scores[key] = score(prediction.alpha, truth)
        row = {"prediction": key[0], "truth": key[1], "scores": self._scores[key]}
        with (self.folder / SCORES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
        return self._scores[key], prediction.seconds

    def _new(self, photo: Path) -> Prediction:
        image = read_photo(photo).image
        if self._estimate is None:
            self._estimate = self.load()
            self._estimate(
                image
            )  # what is loaded or compiled at the first photo is no part of a photo's time
        start = time.process_time()
        alpha = self._estimate(image)
        return Prediction(as_stored(alpha), time.process_time() - start)


def place_of(system: System, folder: Path) -> Path:
    """The folder inside `folder` for what one network's file gives in one runtime."""
    return folder / f"{system.slug}-{_digest(Path(system.file))}"


def _name(file: Path) -> str:
    return f"{file.stem}-{_digest(file)}.png"


def _digest(file: Path) -> str:
    if not file.is_file():
        raise InputError(file, "does not exist", "a file is accepted")
    return sha256_of(file)[:12]
