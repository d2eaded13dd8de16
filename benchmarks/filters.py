"""What one guided filter and one resize for photos and clips would cost: time, and how far results differ.

    python benchmarks/filters.py [--photo FILE] [--clip FILE]

Photos use SciPy and double precision, clips OpenCV and single precision. Each does what the other does, on
the example photo at a megapixel with the alpha that ``auto`` finds and on a frame of 1280×720 cut from it or
the first of a clip. Processor time, least of five, one thread. Decision 029 has the result.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from wisp.clips.guided_upsampling import _affine, guided_enlargement
from wisp.core.arrays import Alpha, Float, Image
from wisp.core.opencv import shrink
from wisp.core.resample import resize, size_within
from wisp.core.settings import CLIPS
from wisp.io.images import read_photo
from wisp.matting.classical import guided_filter as classical
from wisp.pipeline import run

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "filters.json"


def timed(work: Callable[[], Float]) -> tuple[float, Float]:
    """Milliseconds of processor time, the least of five, and the result."""
    times, found = [], None
    for _ in range(5):
        start = time.process_time()
        found = work()
        times.append(1000 * (time.process_time() - start))
    assert found is not None
    return round(min(times), 1), found


def compared(photos: Callable[[], Float], clips: Callable[[], Float]) -> dict[str, float]:
    """Both ways of doing a thing: their times, and differences in 255ths."""
    (slow, one), (fast, other) = timed(photos), timed(clips)
    apart = 255 * np.abs(one - other)
    return {
        "SciPy ms": slow,
        "OpenCV ms": fast,
        "mean difference": round(float(apart.mean()), 4),
        "largest difference": round(float(apart.max()), 2),
    }


def by_opencv(image: Image, alpha: Alpha, radius: int, epsilon: float) -> Alpha:
    """The photo's guided filter with the clip's arithmetic."""
    lines = _affine(image, alpha, radius, epsilon)
    return np.asarray((lines[..., 3] + (lines[..., :3] * image).sum(-1)).clip(0, 1), np.float32)


def by_scipy(small: Image, mask: Alpha, image: Image, radius: int, epsilon: float) -> Alpha:
    """The clip's guided enlargement with the photo's arithmetic."""
    slopes, offset = classical._fit(small, mask, radius, epsilon)
    planes = np.stack([*slopes, offset], -1).astype(np.float32)
    large = resize(planes, *image.shape[:2])
    return np.asarray((large[..., 3] + (large[..., :3] * image).sum(-1)).clip(0, 1), np.float32)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--photo", type=Path, default=ROOT / "examples" / "portrait.jpg")
    parser.add_argument("--clip", type=Path, help="instead of frames cut from the photo")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    image = resize(read_photo(asked.photo).image, 1024, 1024).clip(0, 1)
    alpha = run(image).matte.alpha
    if asked.clip is None:
        frame, matte = (resize(x, 1280, 1280)[:720].clip(0, 1).copy() for x in (image, alpha))
    else:
        from wisp.clips.io.read import open_clip

        with open_clip(asked.clip) as clip:
            frame = next(clip.frames()).image
        matte = run(frame).matte.alpha
    size = size_within(frame.shape, CLIPS.alpha_side)
    small, mask = shrink(frame, *size), shrink(matte, *size)
    half = tuple(-(-side // 2) for side in image.shape[:2])
    halved, halved_alpha = resize(image, *half), resize(alpha, *half)
    radius, epsilon = CLIPS.alpha_radius, CLIPS.guide_epsilon
    result = {
        "photo": [*image.shape[:2]],
        "frame": [*frame.shape[:2]],
        "photo's guided filter, radius 8, ε 1e-4": compared(
            lambda: classical.guided_filter(image, alpha), lambda: by_opencv(image, alpha, 8, 1e-4)
        ),
        "photo's fit for doubling, radius 1, ε 1e-7": compared(
            lambda: classical.guided_filter(halved, halved_alpha, radius=1, epsilon=1e-7),
            lambda: by_opencv(halved, halved_alpha, 1, 1e-7),
        ),
        "frame's enlargement": compared(
            lambda: by_scipy(small, mask, frame, radius, epsilon),
            lambda: guided_enlargement(small, mask, frame, radius=radius),
        ),
        "photo to 416 pixels": compared(lambda: resize(image, 416, 416), lambda: shrink(image, 416, 416)),
        "frame to the working size": compared(lambda: resize(frame, *size), lambda: shrink(frame, *size)),
    }
    print(json.dumps(result, indent=1, ensure_ascii=False))
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
