"""Samples that are shown several times: for devices that train faster than the processors make samples.

Each sample is kept in a folder and shown again among the new ones, mirrored in half of the cases. Which
sample is shown where depends on (seed, index) alone, and one that the folder lacks is made again: so neither
the number of workers nor a resumed run changes anything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from wisp.data.samples import AnyExample, Source

SETTLED: Final = 256
"""So many of the newest samples are not shown again yet: other workers may still be making them."""


@dataclass(frozen=True)
class Replayed:
    """Samples by index, of which every few only is a new one.

    Args:
        source: what makes them.
        folder: where they are kept, made when missing; that of an earlier run with the same source and seed
            may be used again.
        views: every so manieth index is a new sample, the others are earlier ones.
        seed: of which are shown again and which are mirrored.
        kept: so many of the newest are shown again, and kept.
    """

    source: Source
    folder: Path
    views: int
    seed: int = 0
    kept: int = 16_384

    @property
    def fields(self) -> tuple[str, ...]:
        """The source's."""
        return self.source.fields

    def __getitem__(self, index: int) -> AnyExample:
        """The sample number `index` ≥ 0."""
        newest, again = divmod(index, self.views)
        if not again:
            self._file(newest - self.kept - SETTLED).unlink(missing_ok=True)
            return self._sample(newest)
        rng = np.random.default_rng((self.seed, index, 5))
        number = int(rng.integers(max(0, newest - self.kept), max(1, newest - SETTLED)))
        sample = self._sample(number)
        if rng.random() < 0.5:
            return sample
        return tuple(_mirrored(field) for field in sample)

    def _sample(self, number: int) -> AnyExample:
        file = self._file(number)
        try:
            with np.load(file) as stored:
                return tuple(stored[name] for name in stored.files)
        except (OSError, ValueError, EOFError, BadZipFile):  # not there yet, or cut off
            sample = self.source[number]
        _write(file, sample)
        return sample

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:08d}.npz"


def _write(file: Path, sample: AnyExample) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.stem}.{os.getpid()}.npz")
    np.savez(temporary, *sample)
    temporary.replace(file)


def _mirrored(field: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(field[..., ::-1]) if field.ndim == 3 else field
