"""A study as one page: a photo, two results side by side, and a question with a few answers.

The page holds everything and asks for nothing: no request leaves it, and votes stay in the browser until they
are saved as a file. Which pairs come when, and on which side, is drawn from a seed and the voter's name.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.compositing.over import over
from wisp.core.arrays import Float, Image, check_same_size
from wisp.core.errors import InputError
from wisp.io.formats import FORMATS
from wisp.io.images import encode_image, read_photo
from wisp.lab.figures.photos import Place, partner
from wisp.lab.figures.subjects import shrunk

MARK: Final = "__STUDY__"


@dataclass(frozen=True)
class Asked:
    """Question, answers and grounds of a study, and how it pairs methods.

    Attributes:
        format: what the saved files are called inside.
        grounds: sRGB colours in [0, 1] that each result is shown on, (3,) each.
        intro: what the voter is told first.
        question: above each pair.
        answers: (what the file says, what the button says) each.
        against_first: pairs are of the first method with each other; else of any two.
    """

    format: str
    grounds: Sequence[Float]
    intro: str
    question: str
    answers: Sequence[tuple[str, str]]
    against_first: bool = False


def build_page(
    asked: Asked,
    photos: Sequence[Place],
    methods: Mapping[str, Path | str],
    *,
    seed: int,
    longest: int,
    trials: int | None,
    done: Callable[[], None],
) -> bytes:
    """The page, HTML.

    Args:
        asked: what is asked.
        photos: what is shown.
        methods: folders of alphas or cut-outs, under the photos' names, by the methods' names.
        seed: of the order.
        longest: larger photos are shown so large, the longer side, pixels.
        trials: how many pairs a voter sees; all when None.
        done: called after each photo.

    Raises:
        InputError: fewer than two methods, or a file that cannot be read, is missing or has another size.
    """
    if len(methods) < 2:
        raise InputError("methods", f"are {len(methods)}", "two and more are accepted")
    shown = []
    for photo in photos:
        image = read_photo(photo.path).image
        results = [
            [_as_url(picture, longest) for picture in _composites(image, photo, folder, asked.grounds)]
            for folder in methods.values()
        ]
        shown.append({"name": photo.name, "image": _as_url(image, longest), "results": results})
        done()
    study: dict[str, Any] = {
        "format": asked.format,
        "intro": asked.intro,
        "question": asked.question,
        "answers": list(asked.answers),
        "against_first": asked.against_first,
        "methods": list(methods),
        "seed": seed,
        "trials": trials,
        "photos": shown,
    }
    study = {"id": hashlib.sha256(json.dumps(study).encode()).hexdigest()[:16], **study}
    text = json.dumps(study).replace("<", "\\u003c")  # nothing in it may end the script
    template = files("wisp.lab.study").joinpath("study.html").read_text(encoding="utf-8")
    return template.replace(MARK, text).encode()


def _composites(image: Image, photo: Place, folder: Path | str, grounds: Sequence[Float]) -> list[Image]:
    """A method's result on each ground."""
    path = partner(photo.name, folder)
    result = read_photo(path)
    check_same_size(str(path), result.image, f"photo {photo.path}", image)
    if result.alpha is not None:
        colours, alpha = result.image, result.alpha
    else:
        colours, alpha = image, np.ascontiguousarray(result.image[..., 0])
    return [over(colours, alpha, ground) for ground in grounds]


def _as_url(picture: Float, longest: int) -> str:
    data = encode_image(shrunk(picture, longest).clip(0, 1), FORMATS["jpeg"], bits=8)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
