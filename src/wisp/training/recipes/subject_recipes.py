"""The numbers by which the subject network is trained, and trained further.

`wisp.training.recipes.subject` says how.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wisp.data.subject_samples import Sizes, SubjectMix, SubjectSynthesis
from wisp.training.loop import Schedule


@dataclass(frozen=True)
class SubjectRecipe:
    """Every setting that decides the subject network's weights, but for the data.

    Attributes:
        network: which network this is, for its export.
        rate: AdamW's learning rate of the new layers.
        encoder_rate: that of the encoder.
        decay: AdamW's weight decay, none on norms and biases.
        bce: weight of the cross-entropy.
        l1: weight of the L1 term.
        iou: weight of the soft intersection over union, of pictures with a subject only.
        ssim: weight of the structural similarity of the finest mask, at half its size.
        coarse: factor on the other terms of the two coarser masks.
        presence: weight of the cross-entropy of the presence values.
        rounds: most rounds of simulated clicks after the first.
        drop: chance that a round's mask is not fed back (its clicks are).
        photos: share of the people and things to learn from, [0, 1].
        synthesis: how samples are made.
        schedule: how long and how fast.
    """

    network: str = "subject"
    rate: float = 1e-3
    encoder_rate: float = 2e-4
    decay: float = 0.02
    bce: float = 1.0
    l1: float = 1.0
    iou: float = 1.0
    ssim: float = 0.5
    coarse: float = 0.5
    presence: float = 0.5
    rounds: int = 3
    drop: float = 0.3
    photos: float = 1.0
    synthesis: SubjectSynthesis = field(default_factory=SubjectSynthesis)
    schedule: Schedule = field(
        default_factory=lambda: Schedule(
            steps=9400,
            batch=16,
            warm_up=300,
            final=0.01,
            average=0.999,
            validate_every=500,
            checkpoint_every=250,
        )
    )


FURTHER: Final = SubjectRecipe(
    rate=5e-4,
    encoder_rate=1e-4,
    presence=1.0,
    synthesis=SubjectSynthesis(
        sizes=Sizes(phases=((0.4, (224, 256, 288)), (0.75, (320, 352, 384)), (1.0, (384, 416, 448, 512)))),
        mix=SubjectMix(
            person=0.18,
            thing=0.2,
            single=0.2,
            several=0.17,
            empty=0.2,
            surroundings=0.45,
            turned=0.15,
            grey=0.13,
            distractor=0.25,
            guided=0.0,
        ),
    ),
    schedule=Schedule(
        steps=3400,
        batch=16,
        warm_up=60,
        final=0.01,
        average=0.999,
        validate_every=500,
        checkpoint_every=100,
    ),
)
"""Goes on with a trained network, on larger samples and more of what it got wrong: several people, turned and
grey ones, things behind them. No guidance, which is taught afterwards (`subject_guidance`)."""
