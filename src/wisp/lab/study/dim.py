"""The study of real photos as one page: which of two results, on black and on white, is better.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR), section 5.3: people who know nothing of alphas are
shown a photo and the composites of two methods and asked which are more accurate and realistic, especially in
fine details. As there, the photo itself is blended by alpha; cut-outs are shown with their own colours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from wisp.lab.figures.photos import Place
from wisp.lab.study.pages import Asked, build_page
from wisp.lab.study.votes import FORMAT

ASKED: Final = Asked(
    format=FORMAT,
    grounds=(np.zeros(3, np.float32), np.ones(3, np.float32)),
    intro="You will see a photo and two results of cutting its subject out, each on black and on white. "
    "Choose the one that is more accurate and realistic, especially in fine details: hair, edges of objects, "
    "half-transparent parts.",
    question="Which is more accurate and realistic?",
    answers=(("left", "← this one"), ("right", "this one →")),
)


def page(
    photos: Sequence[Place],
    methods: Mapping[str, Path | str],
    *,
    seed: int = 0,
    longest: int = 1000,
    trials: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> bytes:
    """Build the study's page, HTML, from photos and methods' results."""
    return build_page(ASKED, photos, methods, seed=seed, longest=longest, trials=trials, done=done)
