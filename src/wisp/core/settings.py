"""The tuned numbers of the default paths, in three tables: `SUBJECT`, `AUTO` for photos and `CLIPS`.

A number here was chosen, not derived. Each says what it was chosen by: a decision (docs/decisions), a file of
benchmarks/results, the method's paper, or "no evidence yet", which is an invitation. Whoever changes one
makes the figures of tests/quality anew (``python benchmarks/quality.py``), which name the values they are of.

Not every number is in a table. Of the finding of the subject and of photos these stand where they are used:

- rules about whole regions, which move pixels where they apply: which small gaps are in doubt
  (`wisp.engine.families.segmenter.GAP`, `wisp.engine.families.segmenter.LEAST_GAP`), when people are believed
  in and who is found again alone (`wisp.engine.families.subject.LIKELY`,
  `wisp.engine.families.subject.FOUND_ALONE`), which islands have a core (`wisp.matting.cleaning.SOLID`,
  `wisp.matting.cleaning.CORE`);
- views, margins and fades of what a network is shown (`wisp.engine.families.subject_masks`,
  `wisp.engine.families.portrait`), sizes of kernels and grids that follow the resolution, and tiles;
- numerical guards and weights that decide where nothing else does, as
  `wisp.matting.foreground.multilevel.EPSILON`;
- thresholds that choose words alone (`wisp.engine.families.subject.DOUBTFUL`,
  `wisp.engine.families.subject.TINY`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class SubjectSettings:
    """Numbers of finding the subject.

    Attributes:
        side: longer side of what the subject network sees, and least one of what the matting network is
            shown, pixels. Decision 032 (320, 416, 512, 640), 045 for the latter.
        people_side: greatest longer side of what the person segmenter sees beside it, pixels; 0 leaves it
            out. Decision 032 (512, 640).
        large: share of the photo's area from which a subject is a large one, of whose three masks what two
            say counts; from half of it on it begins to be. Decisions 040 and 046.
        present: least presence of a subject that is believed; people are likelier than not from a half on.
            Decisions 040 and 046.
        sure: a region is kept where its mask reaches this somewhere. Decision 032 (0.5; 0.6 to 0.9 alike).
        limb: a region of less than this share of the largest one's area may be a limb and is not shown
            alone. Decision 034, for clips.
        small: looked at again where its box's longer side is at most this share of the photo's. Decision 032
            (0.5, 0.8).
        around: the box of the second look, times the found one. No evidence yet.
        wide: a photo longer than this times its width is seen in overlapping views. No evidence yet.
    """

    side: int = 416
    people_side: int = 640
    large: float = 0.35
    present: float = 0.85
    sure: float = 0.7
    limb: float = 0.1
    small: float = 0.5
    around: float = 1.5
    wide: float = 2.0

    @property
    def floor(self) -> float:
        """Mask values below this count as nothing: `AutoSettings.known`."""
        return AUTO.known


@dataclass(frozen=True)
class AutoSettings:
    """The photo path's numbers.

    Attributes:
        solved_pixels: larger photos are matted at this size, then enlarged, and no more unknown pixels are
            solved at once. Decision 004 for the latter, no evidence yet for the former (see 008).
        network_share: the matting network's share of alpha where it agrees with closed-form matting.
            Decision 041 (0.5, 0.6, 0.65), half a.
        band_width: width of a trimap's unknown band, of the subject's size. Decision 005, where 0.015 was a
            little better.
        known: mask values nearer than this to 0 or 1 are known; what is nowhere so near to 1 is no region of
            the segmenter's. Decision 005.
        margin: what is looked at around the subject, of its box. Decision 041, for colours (0, 0.12, 0.25).
        stray: islands farther away than this share of the subject's size go where they are smaller than
            that, too, or nowhere solid. Decision 045.
        settled: alpha nearer than this to 0 or 1 is neither solved again at full size nor refined.
            No evidence yet.
        colour_sweeps: sweeps over single pixels. results/foreground.json, as a whole.
        layer_bending: weight of bending of its smooth layers. results/foreground.json, as a whole.
        layer_nodes: along the longer side of these. Decision 041 (40, 48, 54, 60).
    """

    solved_pixels: int = 2_000_000
    network_share: float = 0.6
    band_width: float = 0.02
    known: float = 0.05
    margin: float = 0.12
    stray: float = 0.035
    settled: float = 0.02
    colour_sweeps: int = 4
    layer_bending: float = 3e-3
    layer_nodes: int = 48


@dataclass(frozen=True)
class ClipSettings:
    """The clip path's numbers.

    Attributes:
        alpha_side: longer side of the pictures that are matted, pixels. Decision 027.
        mask_side: longer side of what the segmenter alone sees, pixels. No evidence yet.
        view_side: least longer side of what the matting network is shown, pixels. Decisions 039 and 046 (320,
            384, 416).
        network_side: greatest longer side of it, pixels. Decision 045.
        alpha_radius: of the windows that draw the network's alpha to the frame's edges. No evidence yet.
        mask_radius: of those that draw the segmenter's mask. No evidence yet.
        look_every: so often, in frames, both networks look, as at a photo. Decision 027.
        glance_every: so often, in frames, the subject network glances, alone. Decision 034.
        glance_side: longer side of what it sees at a glance, pixels. Decision 034.
        evidence_side: longer side of the map of what is believed, pixels. No evidence yet.
        reach: how far from where a subject is believed, or from the picture's border, what is new is believed
            at once; of the longer side. Decision 034.
        arrive: how far the first look at something new elsewhere is believed. Decision 034.
        depart: how far the first look that misses something is believed. Decision 034.
        thing: how far each look at a thing is believed while no person was seen. Decision 034.
        believed: beliefs between which the subject begins and is certain. Decision 034.
        person: mean of the mask of people over a region, shown alone, that makes it a person. Decision 034.
        judge: how far a look at a region alone changes what is believed of its kind. Decision 034.
        judge_up: the same where it looks more like a person than was believed. Decision 034.
        forget: what of that is kept from one whole look to the next. Decision 034.
        doubted: kinds this near to a half are looked at again. Decision 034.
        familiar: a region of which a larger share is of known kind is known. No evidence yet.
        speck: regions of a smaller share of the picture are not looked at alone. No evidence yet.
        unexplained: difference of colour that motion does not explain at which belief is e times less.
            Decision 034 (0.1, 0.2, 0.3).
        holdable: what is no person beside one is held by them up to this share of their area. Decision 034.
        limb: a region near one so much larger is its limb, whatever it looks like alone. Decision 034.
        mixed: what is known to be no person and touches somebody is theirs below this share of their area; a
            smaller share of either kind in a region has no say. Decision 039.
        fresh: a glance that finds more new than this share of the picture is followed by a whole look.
            Decision 034.
        mask_slack: how far the last alpha may lie outside of what is believed, beside it. Decisions 034 and
            048.
        hole: an enclosed hole of a smaller share of the subject is doubtful. Decision 016, one clip.
        solid: alpha below this, enclosed, is such a hole. No evidence yet.
        doubtful: what stands for alpha in it. Decision 016; by 027 another value makes no difference.
        grid: the network's view begins and ends at multiples of this, pixels. No evidence yet.
        faint: alpha nearer than this to 0 or 1 is 0 or 1. No evidence yet.
        hold: how much of the moved old alpha is kept where nothing changed. Decisions 007 and 027.
        change: difference of colour at which old alpha is believed e times less. Decision 016.
        slack: how far old alpha may lie outside of what the new one says nearby. Decision 016.
        small_side: longer side of the pictures in which motion is searched, pixels. Decisions 007 and 027.
        cut: share of colours that must differ for a cut. No evidence yet.
        same: difference of colour up to which a place shows again what is remembered of the background.
            Decision 044.
        texture: difference of brightness in 5 × 5 pixels that can be found again. No evidence yet.
        texture_window: windows in which texture tells what is shown, small pixels. No evidence yet.
        agreed: share of that texture which must be found. Decision 044.
        search_radius: so far it is looked for, small pixels. Decision 044.
        narrow: what is narrower is never given up, small pixels. Decision 044 (5, 9).
        skip_below: disbelief along the edge below which the network rests. Decision 017 (0.15 and 0.3
            measured).
        still: difference of colour up to which a place stands still. Decision 039.
        stay: how much of the old alpha is kept there. Decision 039.
        window: over which alphas are laid on each other, small pixels. Decision 027.
        firm: least mean square slope of alpha for that. No evidence yet.
        shifted: differences of alpha over this are no shift. No evidence yet.
        inside: windows in which the subject's own motion is trusted, small pixels. No evidence yet.
        carried: windows over which it is carried, small pixels. No evidence yet.
        motion_gain: this times the subject's share of such a window is how far its motion counts there.
            No evidence yet.
        hair_window: windows that tell hair from narrow edges, pixels. No evidence yet.
        hair_least: softness above which alpha begins to follow the colours. Decision 027.
        hair_full: softness from which it does altogether. No evidence yet.
        hair_radius: windows in which alpha is fitted to colours. Decision 027.
        hair_reduction: of the picture they are taken on. Decision 027.
        hair_max_gain: alpha grows to at most this many times what it was. Decision 027.
        guide_epsilon: variance of colours below which a window counts as flat. No evidence yet.
        colour_reduction: of the picture that foreground colours are found on. No evidence yet.
        colour_windows: of blur fusion's two passes. No evidence yet.
        warm_up: frames that a resumed clip is begun before. No evidence yet.
    """

    alpha_side: int = 720
    mask_side: int = 640
    view_side: int = 384
    network_side: int = 512
    alpha_radius: int = 2
    mask_radius: int = 6
    look_every: int = 4
    glance_every: int = 2
    glance_side: int = 320
    evidence_side: int = 384
    reach: float = 0.06
    arrive: float = 0.5
    depart: float = 0.5
    thing: float = 0.05
    believed: tuple[float, float] = (0.35, 0.65)
    person: float = 0.75
    judge: float = 0.35
    judge_up: float = 0.7
    forget: float = 0.9
    doubted: float = 0.3
    familiar: float = 0.2
    speck: float = 0.0005
    unexplained: float = 0.2
    holdable: float = 0.3
    limb: float = 0.1
    mixed: float = 0.02
    fresh: float = 0.005
    mask_slack: float = 0.3
    hole: float = 0.02
    solid: float = 0.8
    doubtful: float = 0.85
    grid: int = 32
    faint: float = 1 / 255
    hold: float = 0.8
    change: float = 0.04
    slack: float = 0.3
    small_side: int = 384
    cut: float = 0.5
    same: float = 0.03
    texture: float = 0.05
    texture_window: int = 21
    agreed: float = 0.6
    search_radius: int = 4
    narrow: int = 9
    skip_below: float = 0.25
    still: float = 0.014
    stay: float = 0.95
    window: int = 41
    firm: float = 1e-4
    shifted: float = 0.3
    inside: int = 7
    carried: int = 25
    motion_gain: float = 20.0
    hair_window: int = 13
    hair_least: float = 0.3
    hair_full: float = 0.5
    hair_radius: int = 24
    hair_reduction: int = 4
    hair_max_gain: float = 2.0
    guide_epsilon: float = 1e-4
    colour_reduction: int = 4
    colour_windows: tuple[int, int] = (21, 3)
    warm_up: int = 24


SUBJECT: Final = SubjectSettings()
"""Numbers that the subject of a photo is found with."""
AUTO: Final = AutoSettings()
"""Numbers that photos are matted with."""
CLIPS: Final = ClipSettings()
"""Numbers that clips are matted with."""
