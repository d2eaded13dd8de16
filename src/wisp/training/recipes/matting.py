"""The recipe of the matting network of any subject, the portrait network's compact variant taught on.

    wisp train matting --data corpus --segmenter runs/subject/last.pt --start matting-mobile -o runs/matting
    wisp export runs/matting/last.pt -o matting-mobile.onnx

Network, losses and refinement are those of the portrait recipe (Yaman et al. 2022). What differs is what it
learns from: people, things and cut-outs from packed photos (`wisp.data.matting_samples`), and coarse masks as
the subject network really makes them of each sample, damaged on top.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from wisp.data.matting_samples import MattingSamples, MattingSynthesis
from wisp.data.packed import Pack
from wisp.training.cue_validation import fixed_packed_examples
from wisp.training.loop import Schedule
from wisp.training.masks import MaskDamage
from wisp.training.recipes.portrait import GENERATOR, PortraitTask
from wisp.training.recipes.portrait_losses import Coefficients
from wisp.training.recipes.portrait_recipes import FINE, MobileRecipe


@dataclass(frozen=True)
class MattingRecipe(MobileRecipe):
    """The compact network for a trimap, trained on samples of any subject.

    Attributes:
        frozen: blocks of MobileNetV2 that stay as they are: those to stride 4 take a third of a step, and
            what they know of edges and colours is no matter of subjects.
    """

    lean: bool = True
    rate: float = 5e-4
    encoder_rate: float = 1e-4
    patches: int = 48
    frozen: int = 4
    coefficients: Coefficients = FINE.coefficients
    damage: MaskDamage = field(default_factory=lambda: MaskDamage(kept=0.4))
    synthesis: MattingSynthesis = field(default_factory=MattingSynthesis)  # type: ignore[assignment]
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=19_000,
            batch=8,
            clip=3.0,
            warm_up=100,
            average=0.999,
            final=0.01,
            validate_every=500,
            checkpoint_every=100,
        )
    )


class MattingTask(PortraitTask):
    """A task for `wisp.training.loop.fit`.

    Args:
        recipe: the recipe.
        photos: packed training photos, groups ``people``, ``things``, ``cutouts`` and ``scenes``.
        held_out: packed photos to validate on.
        segmenter: the subject network or a segmenter, as `PortraitTask` takes it.
        start: weights to begin with, as `wisp.training.importing.load_start` takes them.
    """

    def __init__(
        self,
        recipe: MattingRecipe,
        photos: Pack,
        held_out: Pack,
        *,
        segmenter: str | None = None,
        start: str | None = None,
    ) -> None:
        schedule = recipe.schedule
        samples = MattingSamples(
            photos, recipe.synthesis, batch=schedule.batch, steps=schedule.steps, seed=schedule.seed
        )
        examples = partial(fixed_packed_examples, held_out, recipe.synthesis, 64)
        self._begin(recipe, samples, examples, segmenter, None, None, start)
        content = self.networks[GENERATOR].get_submodule("generator.content.encoder.features")
        for block in list(content.children())[: recipe.frozen]:
            block.requires_grad_(False)
