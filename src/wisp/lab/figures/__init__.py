"""Pictures and tables of the documents' experiments, each made again for any photos by `wisp figure NAME`.

One module a figure, with a function that draws it from the public API alone, so that figures follow the
default method; one row here; one command in `wisp.cli.figure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        shows: what is to be seen, without a full stop.
        source: the document and its figure or section.
    """

    shows: str
    source: str


FIGURES: Final[Mapping[str, Figure]] = {
    "portrait-green": Figure(
        "photos and their subjects on green, beside the truth and other systems",
        "Yaman et al. 2022, figure 2",
    ),
    "portrait-replace": Figure(
        "photo, alpha, and the subject on another background",
        "Yaman et al. 2022, figure 3",
    ),
    "portrait-sensitivity": Figure(
        "what background, exposure and the quality of the mask do to a subject's score",
        "Yaman et al. 2022, section 4.1 and Limitations",
    ),
    "portrait-study": Figure(
        "a page that asks people how much better one of two methods is on green",
        "Yaman et al. 2022, section 4.1",
    ),
    "portrait-ratings": Figure(
        "how much better or worse ours was found than each other method",
        "Yaman et al. 2022, table 2",
    ),
    "dim-sheet": Figure(
        "photo, trimap, methods' alphas, truth, and the last method's on green",
        "Xu et al. 2017, figures 1, 6 and 8",
    ),
    "dim-sensitivity": Figure(
        "SAD with trimaps that lie ever farther from the subject, as a plot",
        "Xu et al. 2017, figure 7",
    ),
    "dim-kinds": Figure(
        "scores by what foregrounds are made of: hair, holes, semi-transparency",
        "Xu et al. 2017, figure 8",
    ),
    "dim-compare": Figure(
        "errors of every method with a trimap, their sensitivity to it, and a sheet of mattes",
        "Xu et al. 2017, table 1, figures 7 and 9",
    ),
    "dim-study": Figure(
        "a page that asks people which of two methods' composites is better",
        "Xu et al. 2017, section 5.3",
    ),
    "dim-votes": Figure(
        "how often each method was preferred to each other",
        "Xu et al. 2017, table 2",
    ),
    "blend-colours": Figure(
        "copy and paste beside Poisson blending, its colour cast, and the cast avoided",
        "Background Image Matting (student report), figure 3",
    ),
    "model-blends": Figure(
        "masks of several networks, and the subjects that they cut out, Poisson-blended",
        "Background Image Matting (student report), figure 4",
    ),
    "dlmn-steps": Figure(
        "the five steps: photo, segmentation, alpha, foreground, new background",
        "El Abdellaoui and Kachbal, figure 4",
    ),
    "dlmn-sheet": Figure(
        "photos and their subjects on other backgrounds, on 1920×1080",
        "El Abdellaoui and Kachbal, figures 5 and 6",
    ),
    "dlmn-compare": Figure(
        "other methods and ours on a plain background and on one that resembles the subject",
        "El Abdellaoui and Kachbal, figures 7 and 8",
    ),
    "dlmn-accuracy": Figure(
        "share of pixels that other methods and ours get right",
        "El Abdellaoui and Kachbal, figure 9",
    ),
    "dlmn-curves": Figure(
        "training and validation loss of runs",
        "El Abdellaoui and Kachbal, figure 10",
    ),
}
"""By name, as the command line takes it."""
