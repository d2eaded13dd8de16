"""What the portrait network's ablation varies, and the tables that it answers.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW), tables 3,
4 and 5. How their lines are read:

- Table 4's base model has one encoder for all inputs, as section 3 words it ("encoding concatenation of all
  inputs with a single encoder").
- Table 5 adds up: the map alone for the segmentation encoder, then map and foreground, both with
  discriminators that see alpha alone; then discriminators that see alpha and foreground, which is the whole.

Four lines of our own follow: one discriminator, the refinement without the segmentation encoder, no
segmentation at all, and the losses that the compact network ships with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from wisp.lab.ablation import Row, Table
from wisp.training.recipes.portrait_losses import PAPER, SUPERVISED, Coefficients


@dataclass(frozen=True)
class Variant:
    """One training's differences from the whole network and loss.

    Attributes:
        coefficients: of the loss.
        foreground_in_losses: whether losses compare the foreground too, or alpha alone.
        segmentation_encoder: the segmentation encoding block, or one encoder for all inputs.
        refinement: the border refinement.
        mask: whether there is a segmentation at all.
        foreground_encoded: whether the segmentation encoder sees image × mask beside the mask.
        foreground_judged: whether the discriminators see the extracted foreground beside alpha.
        scales: how many discriminators.
    """

    coefficients: Coefficients = PAPER
    foreground_in_losses: bool = True
    segmentation_encoder: bool = True
    refinement: bool = True
    mask: bool = True
    foreground_encoded: bool = True
    foreground_judged: bool = True
    scales: int = 3


VARIANTS: Final[Mapping[str, Variant]] = {
    "full": Variant(),
    "alpha-loss": Variant(replace(PAPER, perceptual=0, border=0, coefficient=0)),
    "with-perceptual": Variant(replace(PAPER, border=0, coefficient=0)),
    "with-border": Variant(replace(PAPER, coefficient=0)),
    "losses-on-alpha": Variant(foreground_in_losses=False),
    "base": Variant(segmentation_encoder=False, refinement=False),
    "no-refinement": Variant(refinement=False),
    "map-only": Variant(foreground_encoded=False, foreground_judged=False),
    "judge-alpha": Variant(foreground_judged=False),
    "one-discriminator": Variant(scales=1),
    "no-segmentation-encoder": Variant(segmentation_encoder=False),
    "no-mask": Variant(mask=False),
    "supervised": Variant(SUPERVISED),
}
"""By name, in the order in which they are trained."""

TABLES: Final = (
    Table(
        "Loss functions (table 3, top)",
        (
            Row("cGAN + alpha", "alpha-loss", 7.24),
            Row("cGAN + perceptual + alpha", "with-perceptual", 3.78),
            Row("cGAN + perceptual + alpha + border", "with-border", 1.76),
            Row("cGAN + perceptual + alpha + border + alpha coefficient", "full", 1.06),
        ),
    ),
    Table(
        "What the losses compare (table 3, bottom)",
        (Row("alpha", "losses-on-alpha", 3.14), Row("alpha and foreground", "full", 1.06)),
    ),
    Table(
        "Modules (table 4)",
        (
            Row("base model", "base", 2.20),
            Row("base model + segmentation encoder", "no-refinement", 1.57),
            Row("base model + segmentation encoder + refinement", "full", 1.06),
        ),
    ),
    Table(
        "Input types (table 5)",
        (
            Row("generator: segmentation map", "map-only", 1.86),
            Row("generator: segmentation + foreground", "judge-alpha", 1.41),
            Row("discriminators: alpha + foreground", "full", 1.06),
        ),
    ),
    Table(
        "Beyond the paper",
        (
            Row("one discriminator instead of three", "one-discriminator"),
            Row("refinement without segmentation encoder", "no-segmentation-encoder"),
            Row("no segmentation at all", "no-mask"),
            Row("the losses that the compact network ships with", "supervised"),
            Row("the whole, with the paper's losses", "full"),
        ),
    ),
)
