"""Alphas of photos with the time they took; those of others' networks are kept, so that each runs once."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from wisp.arrays import Alpha, Image, from_float
from wisp.benchmark.systems import System
from wisp.errors import InputError
from wisp.inference.store.places import sha256_of
from wisp.io.images import read_grey, read_photo, write_image

SECONDS: Final = "seconds.csv"
"""Beside the predictions: the name of a prediction's file, and the CPU seconds that it took, a row each."""


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
    """A system that is opened when it is first needed, and a folder for what it predicts.

    A kept prediction is found by the content of its photo, so another photo of the same name is predicted
    anew.

    Attributes:
        load: gives image → alpha; called once, at the first photo that has no prediction yet.
        folder: where predictions are kept, of this system alone; None to keep none.
    """

    load: Callable[[], Callable[[Image], Alpha]]
    folder: Path | None = None
    _estimate: Callable[[Image], Alpha] | None = field(default=None, init=False)
    _seconds: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.folder is not None and (self.folder / SECONDS).is_file():
            with (self.folder / SECONDS).open(newline="", encoding="utf-8") as rows:
                self._seconds = {name: float(seconds) for name, seconds in csv.reader(rows)}

    def predict(self, photo: Path) -> Prediction:
        """The kept prediction of a photo's file, or a new one.

        Raises:
            WispError: the photo cannot be read, or the system is not to be had.
        """
        if self.folder is None:
            return self._new(photo)
        file = self.folder / f"{photo.stem}-{_digest(photo)}.png"
        if file.name in self._seconds and file.is_file():
            return Prediction(in_8_bits(read_grey(file)), self._seconds[file.name])
        prediction = self._new(photo)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_image(file, prediction.alpha, bits=8, overwrite=True)
        with (self.folder / SECONDS).open("a", newline="", encoding="utf-8") as rows:
            csv.writer(rows).writerow([file.name, f"{prediction.seconds:.4f}"])
        self._seconds[file.name] = prediction.seconds
        return prediction

    def _new(self, photo: Path) -> Prediction:
        image = read_photo(photo).image
        if self._estimate is None:
            self._estimate = self.load()
            self._estimate(
                image
            )  # what is loaded or compiled at the first photo is no part of a photo's time
        start = time.process_time()
        alpha = self._estimate(image)
        return Prediction(in_8_bits(alpha), time.process_time() - start)


def place_of(system: System, folder: Path) -> Path:
    """The folder inside `folder` for the predictions of one network file in one runtime.

    How the network is fed is no part of the name: where that code changes, the folder is to be deleted.
    """
    return folder / f"{system.slug}-{_digest(Path(system.file))}"


def in_8_bits(alpha: Alpha) -> Alpha:
    """Alpha as a file of eight bits holds it, float32 (H, W) in multiples of 1/255."""
    return from_float(alpha).astype(np.float32) / np.float32(255)


def _digest(file: Path) -> str:
    if not file.is_file():
        raise InputError(file, "does not exist", "a file is accepted")
    return sha256_of(file)[:12]
