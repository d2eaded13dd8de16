"""What came of the study of `wisp.lab.study.portrait`: how much better or worse ours is than each other.

Yaman, Ekenel, Waibel 2022, table 2, whose figures stand beside a method that has the same name in it. Shares
come with Wilson's interval, as in `wisp.lab.study.votes`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wisp.evaluation.tables import markdown
from wisp.lab.study.votes import Share, read_files

FORMAT: Final = "wisp-ratings-1"
LEVELS: Final[Mapping[int, str]] = {2: "much better", 1: "better", 0: "same", -1: "worse", -2: "much worse"}
PUBLISHED: Final[Mapping[str, Sequence[float]]] = {
    "MODNet": (41.55, 29.22, 19.15, 8.11, 1.94),
    "BGM-V2": (10.45, 32.67, 39.86, 16.33, 0.69),
    "FBA": (4.23, 16.61, 52.44, 22.47, 3.58),
    "MGM": (8.25, 30.27, 41.02, 18.20, 2.26),
}
"""Table 2, per cent, in the order of `LEVELS`."""


@dataclass(frozen=True)
class Rating:
    """One answer: by how much ours is better than another method, a key of `LEVELS`."""

    participant: str
    photo: str
    other: str
    level: int


def read_ratings(paths: Sequence[Path | str]) -> tuple[list[str], list[Rating]]:
    """The methods of a study, ours first, and everybody's ratings of ours.

    Args:
        paths: files that the page saved.

    Raises:
        InputError: as `wisp.lab.study.votes.read_files`.
    """
    methods: list[str] = []
    ratings: list[Rating] = []
    for content in read_files(paths, FORMAT, [str(level) for level in LEVELS], first_is_rated=True):
        methods = content["methods"]
        for vote in content["votes"]:
            level = int(vote["choice"])
            ours_left = vote["left"] == methods[0]
            other = vote["right"] if ours_left else vote["left"]
            ratings.append(
                Rating(content["participant"], vote["photo"], other, level if ours_left else -level)
            )
    return methods, ratings


def tabulate(methods: Sequence[str], ratings: Sequence[Rating]) -> dict[str, bytes]:
    """``ratings.json`` and ``ratings.md``, by file name.

    Args:
        methods: of the study, ours first.
        ratings: everybody's.
    """
    ours, *others = methods
    shares = {other: _levels([rating for rating in ratings if rating.other == other]) for other in others}
    people = {rating.participant for rating in ratings}
    photos = {rating.photo for rating in ratings}
    content: dict[str, Any] = {
        "rated": ours,
        "ratings": len(ratings),
        "people": len(people),
        "photos": len(photos),
        "than": {
            other: {name: share.to_dict() if share.count else None for name, share in levels.items()}
            for other, levels in shares.items()
        },
    }
    published = {name.lower(): values for name, values in PUBLISHED.items()}
    rows = []
    for other, levels in shares.items():
        rows.append([f"than {other}", *(str(share) for share in levels.values())])
        if other.lower() in published:
            rows.append(
                [f"than {other}, published", *(f"{value:.2f} %" for value in published[other.lower()])]
            )
    head = (
        f"{ours}: {len(ratings)} ratings of {len(people)} people on {len(photos)} photos; 95 % intervals "
        "(Wilson)."
    )
    text = f"{head}\n\n{markdown([ours, *LEVELS.values()], rows)}"
    return {
        "ratings.json": json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n",
        "ratings.md": text.encode(),
    }


def _levels(ratings: Sequence[Rating]) -> dict[str, Share]:
    return {
        name: Share(sum(rating.level == level for rating in ratings), len(ratings))
        for level, name in LEVELS.items()
    }
