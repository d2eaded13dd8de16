"""What a subject's score depends on, besides the subject: background, exposure, quality of the mask.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW), find that
"the alpha matte prediction performance of the models for the same subject can considerably change according
to the background" (section 4.1), name under- and overexposure as what makes mattes coarse (section 1), and
call their work "sensitive to the performance of the segmentation network" (Limitations). Three experiments
put numbers to it, each on subjects with true alpha:

- ``backgrounds``: each subject over twenty backgrounds, as in the paper's test sets;
- ``exposure``: the same photo from three stops under to three stops over, in linear light;
- ``mask``: the same photo with a mask that gets worse step by step, from the true one on, and with the mask
  that the pipeline finds by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np

from wisp.core.arrays import Image, linear_to_srgb, srgb_to_linear
from wisp.evaluation.metrics import iou
from wisp.evaluation.protocols import score_alpha
from wisp.lab.figures.running import Running
from wisp.lab.figures.subjects import Source, Subject, round_to_bytes
from wisp.lab.figures.worse_masks import KINDS, STEPS, worse

Experiment: TypeAlias = Literal["backgrounds", "exposure", "mask"]

COUNT: Final = 20
"""Backgrounds of each subject, as in the paper's test sets."""
STOPS: Final = (-3, -2, -1, 0, 1, 2, 3)
"""Exposures, in stops."""
FOUND = "found by the pipeline"


@dataclass(frozen=True)
class Trial:
    """One matte and its scores.

    Attributes:
        subject: whose.
        case: what was varied: the background's name, ``exposure``, a key of `KINDS`, or `FOUND`.
        step: how far: 0 for a background, stops, or a share of the subject's size.
        scores: of the default protocol, by name.
        iou: of the mask that was used and the true one, where masks are varied.
    """

    subject: str
    case: str
    step: float
    scores: Mapping[str, float]
    iou: float | None = None


@dataclass(frozen=True)
class Setting:
    """Methods, pictures and seed that all experiments share.

    Attributes:
        running: how mattes are made.
        backgrounds: pictures that subjects are set on.
        count: backgrounds of each subject.
        seed: of what is drawn at random.
        longest: the longer side that larger photos are shrunk to, pixels.
    """

    running: Running
    backgrounds: Sequence[Path]
    count: int = COUNT
    seed: int = 0
    longest: int | None = None


def count_mattes(experiments: Sequence[Experiment], count: int) -> int:
    """How many mattes the experiments need for each subject, with `count` backgrounds."""
    numbers = {"backgrounds": count, "exposure": len(STOPS), "mask": 2 + len(KINDS) * len(STEPS)}
    return sum(numbers[name] for name in experiments)


def vary(
    sources: Sequence[Source],
    experiments: Sequence[Experiment],
    setting: Setting,
    *,
    done: Callable[[], None] = lambda: None,
) -> dict[Experiment, list[Trial]]:
    """Carry out the experiments.

    Args:
        sources: the subjects.
        experiments: which.
        setting: what they share.
        done: called after each matte, of which there are ``count_mattes(…)`` a subject.

    Returns:
        The trials of each experiment, subject by subject.

    Raises:
        InputError: a file that cannot be read, or what the pipeline raises.
    """
    varied: dict[Experiment, Callable[..., list[Trial]]] = {
        "backgrounds": vary_background,
        "exposure": vary_exposure,
        "mask": vary_mask,
    }
    out: dict[Experiment, list[Trial]] = {name: [] for name in experiments}
    for index, source in enumerate(sources):
        subject = source.load(setting.longest)
        drawn = draw_backgrounds(setting, index)
        for name in experiments:
            out[name] += varied[name](subject, drawn, setting, done)
    return out


def draw_backgrounds(setting: Setting, index: int) -> list[Path]:
    """The backgrounds of subject number `index`: each at most once while there are enough."""
    rng = np.random.default_rng((setting.seed, index))
    rounds = -(-setting.count // len(setting.backgrounds))
    order = np.concatenate([rng.permutation(len(setting.backgrounds)) for _ in range(rounds)])
    return [setting.backgrounds[place] for place in order[: setting.count]]


def vary_background(
    subject: Subject, drawn: Sequence[Path], setting: Setting, done: Callable[[], None]
) -> list[Trial]:
    """One subject over its backgrounds."""
    trials = []
    for background in drawn:
        alpha = setting.running(subject.on(str(background))).matte.alpha
        trials.append(Trial(subject.name, background.stem, 0, score_alpha(alpha, subject.alpha)))
        done()
    return trials


def vary_exposure(
    subject: Subject, drawn: Sequence[Path], setting: Setting, done: Callable[[], None]
) -> list[Trial]:
    """One subject's photo under- and overexposed; a cut-out lies on the first of its backgrounds."""
    photo = _photo(subject, drawn)
    trials = []
    for stops in STOPS:
        alpha = setting.running(expose(photo, stops)).matte.alpha
        trials.append(Trial(subject.name, "exposure", stops, score_alpha(alpha, subject.alpha)))
        done()
    return trials


def vary_mask(
    subject: Subject, drawn: Sequence[Path], setting: Setting, done: Callable[[], None]
) -> list[Trial]:
    """One subject's photo with the true mask, worse and worse ones, and the pipeline's own."""
    photo, true = _photo(subject, drawn), (subject.alpha >= 0.5).astype(np.float32)
    result = setting.running(photo)
    found = None if result.mask is None else iou(result.mask, true)
    trials = [Trial(subject.name, FOUND, 0, score_alpha(result.matte.alpha, subject.alpha), found)]
    done()
    for case, step in [("true", 0.0), *((kind, step) for kind in KINDS for step in STEPS)]:
        mask = worse(true, case, step, setting.seed)
        alpha = setting.running(photo, mask).matte.alpha
        trials.append(Trial(subject.name, case, step, score_alpha(alpha, subject.alpha), iou(mask, true)))
        done()
    return trials


def expose(photo: Image, stops: float) -> Image:
    """The photo as a longer or shorter exposure would have given it, in 8 bits: float32 (H, W, 3)."""
    linear = srgb_to_linear(photo) * np.float32(2.0**stops)
    return round_to_bytes(linear_to_srgb(np.clip(linear, 0, 1)))


def _photo(subject: Subject, drawn: Sequence[Path]) -> Image:
    return subject.on(str(drawn[0])) if subject.photo is None else subject.photo
