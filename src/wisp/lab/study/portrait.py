"""The rating study of the portrait paper as one page: by how much is one of two results on green better.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW), section
4.1 and table 2: people are shown a photo and, on green, the subject as our method and as another one cut it
out, and say how much better or worse ours is, on five levels. Here they do not know which is ours: sides are
drawn, and the answers are turned round where it was on the right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from wisp.compositing.backgrounds import parse_colour
from wisp.lab.figures.photos import Place
from wisp.lab.study.pages import Asked, build_page
from wisp.lab.study.ratings import FORMAT

ANSWERS: Final = (
    ("2", "⇐ left is much better"),
    ("1", "← left is better"),
    ("0", "the same"),
    ("-1", "right is better →"),
    ("-2", "right is much better ⇒"),
)
"""By how much the left one is better, and what the buttons say."""


def page(
    photos: Sequence[Place],
    ours: tuple[str, Path | str],
    others: Mapping[str, Path | str],
    *,
    colour: str = "#00b140",
    seed: int = 0,
    longest: int = 1000,
    trials: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> bytes:
    """The page, HTML.

    Args:
        photos: what is shown.
        ours: the method that is rated: its name, and its folder of alphas or cut-outs.
        others: the methods it is compared with: name → folder of alphas or cut-outs.
        colour: what subjects are set on.
        seed: of the order.
        longest: larger photos are shown so large, the longer side, pixels.
        trials: how many pairs a voter sees; all when None.
        done: called after each photo.

    Raises:
        InputError: no other method, no such colour, or a file that cannot be read, is missing or has another
            size.
    """
    asked = Asked(
        format=FORMAT,
        grounds=(np.array(parse_colour(colour), np.float32),),
        intro="You will see a photo and two results of cutting its subject out, each on a plain colour. Say "
        "by how much one is better than the other: look at hair, the border, what is lost or left over.",
        question="How do the two compare?",
        answers=ANSWERS,
        against_first=True,
    )
    methods = {ours[0]: ours[1], **{name: folder for name, folder in others.items() if name != ours[0]}}
    return build_page(asked, photos, methods, seed=seed, longest=longest, trials=trials, done=done)
