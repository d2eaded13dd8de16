"""Samples that fine-tuning replays where none are brought: five photos of people, and procedural things.

Fine-tuning replays it, so that little is forgotten (`wisp.training.finetuning`). The photos are portraits
under CC0 (credit: *interfaces*), 352 pixels square, in the package; things and backgrounds are drawn into a
folder, the same for the same seed.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from wisp.core.arrays import Matte, to_float
from wisp.data.datasets import Entry
from wisp.data.patterns import random_pattern
from wisp.data.procedural import random_foreground
from wisp.io.images import write_image

SIDE: Final = 320
"""Sides of what is drawn, pixels."""
THINGS, SCENES = 15, 12
"""How many things and backgrounds are drawn; photos count thrice, so that as many samples show people."""


def own_replay(folder: Path, seed: int = 0, *, things: bool = True) -> tuple[list[Entry], list[Path]]:
    """Photos of people and cut-outs of procedural things, and backgrounds to set them on.

    Args:
        folder: where things and backgrounds are drawn; made when missing.
        seed: of what is drawn.
        things: whether there are things. A network that is taught its own answers on them is taught that they
            are nothing, and learns the things that it is shown beside them far less (docs/decisions/020).
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    home = Path(str(resources.files("wisp.data") / "known"))
    photos = sorted((home / "image").iterdir())
    entries = [
        Entry(f"{photo.stem} {turn}", photo, home / "alpha" / f"{photo.stem}.png", subject=photo.stem)
        for turn in range(THINGS // len(photos))
        for photo in photos
    ]
    for number in range(THINGS if things else 0):
        foreground, alpha = random_foreground((SIDE, SIDE), rng)
        path = folder / f"thing-{number}.png"
        write_image(path, Matte(alpha, foreground.clip(0, 1)), bits=8, overwrite=True)
        entries.append(Entry(path.stem, path, cut_out=True))
    scenes = []
    for number in range(SCENES):
        scenes.append(folder / f"scene-{number}.png")
        write_image(scenes[-1], to_float(random_pattern((SIDE, SIDE), rng)), bits=8, overwrite=True)
    return entries, scenes
