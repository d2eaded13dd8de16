"""Families of networks, one row each; a family's module says what goes in and what comes back.

To add one, write its module here, with a function that finds alpha, and a row in `FAMILIES`. A family with a
function is a method of `wisp.cutout` and of every verb (`wisp.methods.METHODS`). Options, checks, docstrings
and the guide's table follow from the row; so do ``wisp train``, ``wisp export`` and ``wisp finetune`` where
the row names a module that trains it (`wisp.training.recipes`).

A function that needs a mask is ``f(image, mask, *, model, engine) -> alpha``, one that needs a
trimap ``f(image, trimap, *, model, engine) -> alpha``, one that needs nothing
``f(image, *, model, engine) -> alpha``: image float32 (H, W, 3), mask and alpha float32 (H, W), trimap
uint8 (H, W). One that `Family.refined_by` another takes its name, too, a bool: whether that is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Needs: TypeAlias = Literal["nothing", "mask", "trimap"]
Wanted: TypeAlias = Literal["auto", "people", "anything"]
"""A word for what is looked for in a photo: ``auto``, what a person would cut out; ``people`` alone;
``anything`` that could be a subject."""


@dataclass(frozen=True)
class Family:
    """One family of networks.

    Attributes:
        name: what rows of `wisp.engine.models.MODELS` and ``--method`` call it.
        ports: its named inputs and outputs, float32; images are sRGB-encoded RGB in [0, 1], masks and alphas
            in [0, 1].
        default: the name of the network that is used unless another is asked for; empty where none comes
            with wisp.
        needs: what its function starts from beside the image.
        function: the dotted name of what finds alpha; empty for families that are no method.
        about: what it is good for, in half a sentence; empty likewise.
        source: the paper; empty likewise.
        default_for: for which guidance ``auto`` stands for it.
        document: which of the documents in docs/documents.md it belongs to; empty where none has it.
        refined_by: the family of the network that refines what its own has found; empty where there is none.
        training: the dotted name of the module that trains it; empty where none does, or another family's.
        learns: what ``wisp train NAME`` trains, where it needs no command of its own; empty likewise.
    """

    name: str
    ports: str
    default: str = ""
    needs: Needs = "nothing"
    function: str = ""
    about: str = ""
    source: str = ""
    default_for: tuple[Needs, ...] = ()
    document: str = ""
    refined_by: str = ""
    training: str = ""
    learns: str = ""


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family(
                "subject",
                "image (N, 3, H, W) and guidance (N, 3, H, W; clicks inside and outside, the mask before) "
                "→ masks (N, 2, H, W; people, subject) and presence (N, 2)",
                default="subject-mobile",
                training="wisp.training.recipes.subject",
            ),
            Family(
                "segmenter",
                "image (N, 3, H, W) → mask (N, 1, H, W)",
                default="segmenter-mobile",
                document="Background Image Matting (report); Yaman et al. 2022",
                training="wisp.training.recipes.segmenter",
            ),
            Family(
                "portrait",
                "image (N, 3, H, W) and mask (N, 1, H, W) → alpha (N, 1, H, W)",
                default="matting-mobile",
                needs="mask",
                function="wisp.engine.families.portrait.portrait",
                about="the network of auto by itself, its border refined in patches as published",
                source="Yaman et al.",
                document="Yaman et al. 2022",
                training="wisp.training.recipes.portrait",
            ),
            Family(
                "portrait-refinement",
                "image (P, 3, 64, 64) and alpha (P, 1, 64, 64) → residual (P, 1, 64, 64)",
                default="matting-mobile-refinement",
                document="Yaman et al. 2022",
            ),
            Family(
                "dim",
                "image (N, 3, H, W), trimap (N, 1, H, W; 0, 128/255, 1) and perhaps prior (N, 1, H, W; "
                "`wisp.matting.classical.initial_alpha`) → alpha (N, 1, H, W)",
                default="dim-mobile",
                needs="trimap",
                function="wisp.engine.families.dim.dim",
                about="a network that errs least with a trimap, and most where the trimap itself is wrong",
                source="Xu et al. 2017",
                default_for=("trimap",),
                document="Xu et al. 2017",
                training="wisp.training.recipes.dim",
            ),
            Family(
                "dlmn",
                "image (N, 3, H, W), mask (N, 1, H, W), trimap (N, 1, H, W; 0, 128/255, 1) and motion "
                "(N, 4, H, W) → alpha (N, 1, H, W)",
                default="dlmn-mobile",
                needs="mask",
                function="wisp.engine.families.dlmn.dlmn",
                about="a network for people that sees the neighbouring frames, too",
                source="El Abdellaoui and Kachbal",
                document="El Abdellaoui and Kachbal",
                refined_by="ssrn",
                training="wisp.training.recipes.dlmn",
            ),
            Family(
                "ssrn",
                "image (N, 3, H, W), mask (N, 1, H, W) and motion (N, 4, H, W) → alpha (N, 1, H, W)",
                document="El Abdellaoui and Kachbal",
                training="wisp.training.recipes.ssrn",
            ),
            Family(
                "unet",
                "image (N, 3, H, W) → mask (N, 1, H, W)",
                default="unet-small",
                function="wisp.engine.families.unet.unet",
                about="a small U-Net's mask by itself, whose edge ``--blend poisson`` hides",
                source="Li, Miao, Hu, Cao, Jin",
                document="Background Image Matting (report)",
                training="wisp.training.recipes.unet",
            ),
        )
    }
)
"""The families by name."""
