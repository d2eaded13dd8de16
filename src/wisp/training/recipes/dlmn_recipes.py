"""The numbers by which DLMN-G is trained: the compact network's, from few photos or many, and the paper's.

`wisp.training.recipes.dlmn` says how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from wisp.data.cues import Cues
from wisp.data.matting_samples import PEOPLE_MIX, MattingSynthesis
from wisp.data.subject_samples import Sizes
from wisp.data.synthesis import Synthesis
from wisp.networks.dlmn import CUES, DLMN, dlmn_mobile, dlmn_paper
from wisp.training.loop import Schedule

NETWORK: Final = "dlmn"


@dataclass(frozen=True)
class Coefficients:
    """Weights of the loss's terms, Background Matting's; a term with weight 0 is not computed.

    Attributes:
        alpha: L1 of alpha.
        gradient: L1 of its gradient.
        foreground: L1 of the foreground where the true alpha is above 0.
        composition: L1 between the image and its composition from what was predicted.
    """

    alpha: float = 1.0
    gradient: float = 1.0
    foreground: float = 2.0
    composition: float = 1.0


@dataclass(frozen=True)
class MobileRecipe:
    """The compact network.

    Attributes:
        network: which network this is, for its export.
        width: of `wisp.networks.dlmn.dlmn_mobile`.
        shown: the cues that it is shown, of `wisp.networks.dlmn.CUES`.
        anchored: whether alpha's logits are added to the mask's.
        apart: whether the foreground's branch, and the composition, teach alpha nothing.
        rate: AdamW's learning rate of the new layers.
        encoder_rate: that of MobileNetV2.
        decay: AdamW's weight decay.
        coefficients: of the loss.
        cues: how masks, trimaps and motion cues are made.
        synthesis: how samples are made.
        examples: held-out samples to validate on.
        schedule: how long and how fast.
    """

    network: str = NETWORK
    width: int = 16
    shown: tuple[str, ...] = tuple(CUES)
    anchored: bool = True
    apart: bool = False
    rate: float = 1e-3
    encoder_rate: float = 2e-4
    decay: float = 1e-2
    coefficients: Coefficients = Coefficients()
    cues: Cues = field(default_factory=Cues)
    synthesis: Synthesis = field(
        default_factory=lambda: Synthesis(
            size=288,
            kinds=(*("composite",) * 3, "real", *("composite",) * 3, "empty"),
            hair=0.3,
            border_trust=0.3,
        )
    )
    examples: int = 32
    schedule: Schedule = field(
        default_factory=lambda: Schedule(steps=2400, batch=8, clip=3.0, average=0.995, validate_every=100)
    )

    def build(self) -> DLMN:
        """The network at random."""
        return dlmn_mobile(self.width, self.shown, anchored=self.anchored, apart=self.apart)


@dataclass(frozen=True)
class PackedRecipe(MobileRecipe):
    """The compact network, from packed photos of people and things, begun as a portrait network.

    What it took over is good, so that training goes on gently: those layers hardly move, the foreground
    learns apart, and samples are of people, whom the portrait network knows (things taught it to follow the
    mask where that errs, docs/decisions/035). MobileNetV2 stays as it was: it knows edges and people from
    many more samples than this run sees, and half of a step is what flows back through it.

    Attributes:
        encoder_rate: AdamW's learning rate of the layers that were taken over.
    """

    anchored: bool = False
    apart: bool = True
    rate: float = 4e-4
    encoder_rate: float = 2e-5
    synthesis: MattingSynthesis = field(  # type: ignore[assignment]
        default_factory=lambda: MattingSynthesis(
            size=256, sizes=Sizes(((0.7, (256,)), (1.0, (320,))), wide=0.1), mix=PEOPLE_MIX, procedural=0.0
        )
    )
    examples: int = 64
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=7500,
            batch=8,
            clip=3.0,
            average=0.998,
            final=0.01,
            validate_every=400,
            checkpoint_every=100,
        )
    )


@dataclass(frozen=True)
class PaperRecipe:
    """The paper's network, with the compact one's training.

    Attributes:
        widths: of `wisp.networks.dlmn.dlmn_paper`, as `blocks` and `pair`.
        blocks: residual blocks.
        pair: maps of a pair.

    The other attributes are those of `MobileRecipe`.

    Neither paper gives a schedule for this data: batch and rate are Background Matting's, and so is the
    number of composites (26,900), as one pass.
    """

    network: str = NETWORK
    widths: tuple[int, int, int] = (64, 128, 256)
    blocks: tuple[int, int] = (7, 3)
    pair: int = 64
    shown: tuple[str, ...] = tuple(CUES)
    rate: float = 1e-4
    coefficients: Coefficients = Coefficients()
    cues: Cues = field(default_factory=Cues)
    synthesis: Synthesis = field(default_factory=lambda: Synthesis(size=512, kinds=("composite",)))
    examples: int = 8
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=6725,
            batch=4,
            warm_up=1,
            final=1.0,
            clip=math.inf,
            average=0.0,
            validate_every=500,
            checkpoint_every=100,
        )
    )

    def build(self) -> DLMN:
        """The network at random."""
        return dlmn_paper(self.widths, self.blocks, self.pair, self.shown)
