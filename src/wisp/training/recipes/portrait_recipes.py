"""The numbers by which the portrait network is trained: the compact one's three parts, and the paper's.

`wisp.training.recipes.portrait` says how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final

from wisp.data import synthesis
from wisp.data.initial_alphas import InitialAlphas
from wisp.data.synthesis import Synthesis
from wisp.networks.portrait import Portrait, portrait_mobile, portrait_paper
from wisp.training.loop import Schedule
from wisp.training.masks import MaskDamage
from wisp.training.recipes.portrait_losses import ADVERSARIAL, PAPER, SUPERVISED, Coefficients


@dataclass(frozen=True)
class MobileRecipe:
    """The compact network: a supervised phase, then, if asked for, an adversarial one.

    Attributes:
        network: which network this is, for its export.
        width: of `wisp.networks.portrait.portrait_mobile`.
        lean: whether the network has the fewer channels of a pruned one, for runs that go on with such a one.
        rate: AdamW's learning rate of the new layers.
        encoder_rate: that of MobileNetV2.
        decay: AdamW's weight decay.
        discriminator_rate: Adam's learning rate of the discriminators.
        discriminator_width: channels of their first convolution.
        discriminator_every: generator steps for each of theirs.
        adversarial_from: share of the steps after which the discriminators join; 1 for never.
        patches: largest number of patches that are refined a step; 0 leaves the refinement as it is.
        reduction: alpha is shrunk by up to this factor before it is refined, as in large photos; in half of
            the steps.
        border: radius of the border term's dilation and erosion, as a share of the height.
        segmenter_size: the longer side that the segmenter sees, a multiple of 32.
        coefficients: of the loss.
        adversarial: of the loss once the discriminators have joined.
        damage: of coarse masks.
        leads: initial alphas that stand in for coarse masks, undamaged; None for masks alone.
        own: share of the steps in which the generator is led by what it has itself made of those, up to
            `wisp.training.recipes.portrait.AGAIN` times over: as in clips, where each frame's alpha leads the
            next frame's. Never when None.
        synthesis: how samples are made.
        schedule: how long and how fast.
    """

    network: str = "portrait"
    width: int = 16
    lean: bool = False
    rate: float = 1e-3
    encoder_rate: float = 2e-4
    decay: float = 1e-2
    discriminator_rate: float = 1e-5
    discriminator_width: int = 32
    discriminator_every: int = 5
    adversarial_from: float = 1.0
    patches: int = 48
    reduction: float = 3.0
    border: float = 0.02
    segmenter_size: int = 256
    coefficients: Coefficients = SUPERVISED
    adversarial: Coefficients = ADVERSARIAL
    damage: MaskDamage = field(default_factory=MaskDamage)
    leads: InitialAlphas | None = None
    own: float | None = None
    synthesis: Synthesis = field(
        default_factory=lambda: Synthesis(
            size=320,
            kinds=(
                *("composite", "real", "composite", "composite", "real", "composite", "composite", "real"),
                *("composite", "composite", "real", "composite", "composite", "real", "composite", "empty"),
            ),
        )
    )
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=2200, batch=8, clip=3.0))

    def build(self) -> Portrait:
        """The network at random."""
        return portrait_mobile(self.width, lean=self.lean)


FINE: Final = MobileRecipe(
    rate=5e-4,
    encoder_rate=1e-4,
    patches=64,
    coefficients=replace(SUPERVISED, laplacian=1, refined_laplacian=1),
    synthesis=synthesis.FINE,
    schedule=Schedule(steps=1500, batch=6, clip=3.0, warm_up=50),
)
"""The compact network's second half: larger samples, and strands finer than photos' labels show."""

LED: Final = replace(
    FINE,
    patches=0,
    coefficients=replace(FINE.coefficients, refined=0, refined_laplacian=0),
    leads=InitialAlphas(),
    schedule=Schedule(steps=1300, batch=6, clip=3.0, warm_up=50, average=0.998, validate_every=200),
)
"""Its third part, the generator alone: given initial alphas, as photos and clips have them (decision 024)."""


CLIP: Final = replace(LED, own=0.5)
"""`LED`, led by its own alphas, too, as a network for clips would be: a temporal module without one."""


@dataclass(frozen=True)
class PaperRecipe:
    """The paper's training: everything jointly from the first step.

    Attributes:
        widths: of `wisp.networks.portrait.portrait_paper`, as `blocks`.
        blocks: residual blocks.
        published: samples are those of `wisp.data.published` alone, see `as_published`.

    The other attributes are those of `MobileRecipe`.

    Numbers that the paper leaves open: residual blocks, the border's radius, patches a step, Adam's betas.
    The paper gives 56,400 images and no number of epochs: the schedule is one. Its refinement is trained
    through the common loss, on the refined alpha.
    """

    network: str = "portrait"
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    blocks: int = 4
    published: bool = False
    rate: float = 1e-4
    discriminator_rate: float = 1e-5
    discriminator_width: int = 64
    discriminator_every: int = 5
    adversarial_from: float = 0.0
    patches: int = 256
    reduction: float = 1.0
    border: float = 0.012
    segmenter_size: int = 640
    coefficients: Coefficients = PAPER
    adversarial: Coefficients = PAPER
    damage: MaskDamage = field(default_factory=MaskDamage)
    leads: InitialAlphas | None = None
    own: float | None = None
    synthesis: Synthesis = field(default_factory=lambda: Synthesis(size=(768, 1280), kinds=("composite",)))
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=56_400,
            batch=1,
            warm_up=1,
            final=1.0,
            clip=math.inf,
            average=0.0,
            validate_every=2000,
            checkpoint_every=500,
        )
    )

    def build(self) -> Portrait:
        """The network at random."""
        return portrait_paper(self.widths, self.blocks)


def as_published(recipe: PaperRecipe) -> PaperRecipe:
    """The recipe with the paper's data and nothing else: composites as they are, masks as they are found."""
    return replace(recipe, published=True, damage=MaskDamage(kept=1.0))
