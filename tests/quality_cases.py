"""Small photos and clips whose true mattes are known, and what wisp makes of them.

`tests/quality/` holds the pictures and ``figures.json``; ``python benchmarks/quality.py`` measures anew, and
with ``--fixtures`` makes the pictures anew, too. Networks run in fp32, which every processor computes alike.
"""

import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from wisp.compositing.backgrounds import blur_background
from wisp.core.resample import resize
from wisp.core.settings import AUTO, CLIPS, SUBJECT
from wisp.engine.engine import Engine
from wisp.engine.models import MODELS, find_model
from wisp.evaluation.metrics import grad, sad
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.matting.foreground import estimate_foreground
from wisp.matting.trimap import trimap_from_alpha
from wisp.pipeline import run

FOLDER = Path(__file__).parent / "quality"
FIGURES = FOLDER / "figures.json"
BAND = 0.02
"""What a score may differ from the kept one, relative; 1e-3 of SAD and Grad are always allowed."""
FP32 = Engine(precision="fp32")
SCORES = {"sad": sad, "grad": grad}
LARGE = (1456, 1456)
"""To more than the two megapixels up to which photos are matted as they are."""
SMALL_CLIP = 160
"""Side of the network's view of the second clip, so that its alpha is drawn to a larger frame's edges."""


@cache
def photo(name):
    """Image float32 (H, W, 3) and true alpha float32 (H, W) of a photo."""
    return read_photo(FOLDER / f"{name}.jpg").image, read_grey(FOLDER / f"{name}-alpha.png")


@cache
def clip(name):
    """Frames and true alphas of a clip."""
    frames = sorted((FOLDER / name).glob("*.jpg"))
    return [read_photo(path).image for path in frames], [
        read_grey(path.with_name(f"{path.stem}-alpha.png")) for path in frames
    ]


def scores(alphas, truths):
    """SAD and Grad, means over pictures."""
    pairs = list(zip(alphas, truths, strict=True))
    return {key: float(np.mean([score(*pair) for pair in pairs])) for key, score in SCORES.items()}


def of_photo(name, *, large=False, network=True, **options):
    """Scores of `wisp.pipeline.run` on one photo."""
    image, truth = photo(name)
    if large:
        image, truth = resize(image, *LARGE).clip(0, 1), resize(truth, *LARGE).clip(0, 1)
    options = {key: make(truth) if callable(make) else make for key, make in options.items()}
    options |= {"engine": FP32} if network else {}
    found = run(image, **options)
    return scores([found.matte.alpha], [truth])


def of_colours(name):
    """How far foreground colours are from the true ones where alpha is soft, thousandths."""
    image, truth = photo(name)
    colours = read_photo(FOLDER / f"{name}-foreground.png").image
    soft = (truth > 0) & (truth < 1)
    found = estimate_foreground(image, truth)
    return {"colour": 1000 * float((np.abs(found - colours)[soft] * truth[soft][:, None]).mean())}


def of_background(name):
    """How far the photo's blurred background is from the true one, blurred alike, thousandths."""
    image, truth = photo(name)
    there = read_photo(FOLDER / f"{name}-background.png").image
    sigma = 3.0
    found = blur_background(image, truth, sigma=sigma)
    expected = ndimage.gaussian_filter(there, (sigma, sigma, 0), mode="nearest")
    return {"background": 1000 * float(np.abs(found - expected).mean())}


def of_clip(name, side=None):
    """Scores of the default clip path over all frames but the first."""
    from wisp.clips import alpha as clip_alpha
    from wisp.clips.methods import alpha_method
    from wisp.clips.steady import matte_frames

    frames, truths = clip(name)
    clip_alpha.CLIPS = replace(CLIPS, alpha_side=side or CLIPS.alpha_side)
    try:
        method = alpha_method(engine=FP32)
        found = [
            matte.alpha for matte in matte_frames(frames, method, foreground_of=lambda image, alpha: image)
        ]
    finally:
        clip_alpha.CLIPS = CLIPS
    flicker = np.abs(np.diff(found, axis=0) - np.diff(truths, axis=0)).mean()
    return {**scores(found[1:], truths[1:]), "flicker": 1000 * float(flicker)}


def soft_mask(truth):
    """What a retoucher's mask is like: the truth, softened and a little too small."""
    small = resize(truth, max(1, truth.shape[0] // 6), max(1, truth.shape[1] // 6))
    return resize(small, *truth.shape).clip(0, 1) ** np.float32(1.2)


def known(truth):
    """A trimap drawn with care."""
    return trimap_from_alpha(truth, width=0.05)


CASES = {
    "auto, a person": lambda: of_photo("street"),
    "auto, two people": lambda: of_photo("pair"),
    "auto, no person": lambda: of_photo("plush"),
    "auto, large": lambda: of_photo("street", large=True),
    "portrait": lambda: of_photo("pair", method="portrait"),
    "unet": lambda: of_photo("street", method="unet"),
    "dlmn": lambda: of_photo("pair", method="dlmn"),
    "auto, mask": lambda: of_photo("street", mask=soft_mask, network=False),
    "guided filter": lambda: of_photo("street", mask=soft_mask, refine="guided-filter", network=False),
    "dim, trimap": lambda: of_photo("street", trimap=known),
    "closed-form, trimap": lambda: of_photo("plush", trimap=known, method="closed-form", network=False),
    "knn, trimap": lambda: of_photo("plush", trimap=known, method="knn", network=False),
    "random-walk, trimap": lambda: of_photo("plush", trimap=known, method="random-walk", network=False),
    "colours": lambda: of_colours("plush"),
    "own background": lambda: of_background("plush"),
    "clip, moving": lambda: of_clip("moving"),
    "clip, drawn to edges": lambda: of_clip("still", SMALL_CLIP),
}


def settings():
    """All that was tuned, and what the networks see: the figures are of these values."""
    sizes = {name: MODELS[name].input_size for name in sorted(MODELS)}
    families = ("segmenter", "portrait", "dim", "dlmn", "unet")
    defaults = {family: find_model(None, family).name for family in families}
    tables = {
        "subject": asdict(SUBJECT),
        "auto": asdict(AUTO),
        "clips": asdict(CLIPS),
        "defaults": defaults,
        "sees": sizes,
    }
    return json.loads(json.dumps(tables))


def off(found, kept):
    """The scores that lie outside the band, with what was kept."""
    return {
        key: (found[key], kept[key])
        for key in kept
        if not abs(found[key] - kept[key]) <= max(BAND * abs(kept[key]), 1e-3)
    }
