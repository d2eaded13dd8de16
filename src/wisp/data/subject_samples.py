"""Samples for the subject network: real photos and composites of every hard kind, in written-down shares.

A sample is a function of (seed, index) alone. All samples of a batch have one size, which follows the run's
progress: small for long, larger at the end (`Sizes`).

Shares and chances lie in `SubjectMix`. Where they come from: the kinds that customers complained about
(small, lying, grey, several, held, cut by the frame, distractors, posters, nothing there), in the shares of a
first recipe drawn from what is published on small networks for salient objects and clicks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np

from wisp.core.arrays import Bytes, Float
from wisp.core.errors import InputError
from wisp.core.threads import one_opencv_thread
from wisp.data.damage import damage, like_colours, photograph, recolour_by_table, to_bytes, to_floats
from wisp.data.packed import Pack, Packed
from wisp.data.patterns import random_pattern
from wisp.data.placing import Rng, fit_matrix, keep_cut_box, place, rotation_matrix
from wisp.data.samples import channels_first
from wisp.data.subject_scenes import Scenes

Kind: TypeAlias = Literal["person", "thing", "single", "several", "small", "held", "poster", "empty", "faint"]
KINDS: Final[tuple[Kind, ...]] = (
    *("person", "thing", "single", "several", "small", "held", "poster", "empty", "faint"),
)


class SubjectExample(NamedTuple):
    """One sample, ready to stack.

    Attributes:
        image: uint8 (3, H, W), sRGB.
        label: uint8 (2, H, W), alpha of people and of the subject, 0–255. In a guided sample the second is
            what is to be selected.
        weight: uint8 (2, H, W), trust in each, 255 fully.
        previous: uint8 (1, H, W), the mask that a guided sample begins with, 0 where it begins with none.
        guided: uint8 (1,), 1 in a guided sample.
        kind: uint8 (1,), place in `KINDS`.
    """

    image: Bytes
    label: Bytes
    weight: Bytes
    previous: Bytes
    guided: Bytes
    kind: Bytes


@dataclass(frozen=True)
class Sizes:
    """Canvas sizes over a run: (share of the steps until which they hold, sides to draw from), pixels."""

    phases: tuple[tuple[float, tuple[int, ...]], ...] = (
        (0.75, (192, 224, 256)),
        (0.93, (320,)),
        (1.00, (384, 416)),
    )
    wide: float = 0.1
    """Chance that a batch's canvas is 1 : 1.5 to 1 : 3 of about the same area."""

    def draw(self, rng: Rng, progress: float) -> tuple[int, int]:
        """Height and width, multiples of 32, at `progress` in [0, 1]."""
        sides = next((s for until, s in self.phases if progress < until), self.phases[-1][1])
        side = int(rng.choice(sides))
        if rng.random() >= self.wide:
            return side, side
        ratio = np.sqrt(rng.uniform(1.5, 3))
        long, short = (max(64, round(side * r / 32) * 32) for r in (ratio, 1 / ratio))
        return (long, short) if rng.random() < 0.5 else (short, long)


@dataclass(frozen=True)
class SubjectMix:
    """Shares of the kinds of samples, and chances of what may happen to each."""

    person: float = 0.22
    """Real photos of people."""
    thing: float = 0.18
    """Real photos of things."""
    single: float = 0.22
    """A person or thing over a scene, exact alpha."""
    several: float = 0.14
    """Two to five subjects, people or things."""
    small: float = 0.08
    """A subject of 1 to 8 % of the picture."""
    held: float = 0.05
    """A person with something in front, held or worn: both are subject."""
    poster: float = 0.03
    """A picture of a person on a wall or a screen, which is no subject; half of them with a real one."""
    empty: float = 0.12
    """Nothing to cut out; half of them with pasted patches that are nothing."""
    faint: float = 0.01
    """See-through subjects."""
    people: float = 0.62
    """Share of people among composites' subjects; the rest are things and cut-outs."""
    cut_outs: float = 0.45
    """Share of cut-outs with exact alpha among the things."""
    rotation: float = 15.0
    """Degrees either way, uniformly."""
    turned: float = 0.1
    """Chance of any angle."""
    cut: float = 0.25
    """Chance that the frame cuts a composite's subject."""
    distractor: float = 0.2
    """Chance of pasted patches behind a composite's subject."""
    beside: float = 0.1
    """Chance of a thing apart from a composite's people, which is not the subject."""
    surroundings: float = 0.35
    """Chance that an empty sample shows what lies beside the thing of a real photo, else a scene."""
    pattern: float = 0.15
    """Chance that an empty sample is a page of text, tiles or noise (`wisp.data.patterns`)."""
    patterned: float = 0.04
    """Chance that a composite's scene is such a pattern."""
    like: float = 0.1
    """Chance that a scene takes on the subject's colours."""
    grey: float = 0.1
    sepia: float = 0.03
    degraded: float = 0.35
    """Chance that contrast, JPEG, blur and noise are drawn at all (then each at about a half)."""
    motion_blur: float = 0.05
    guided: float = 0.35
    """Share of guided samples."""
    given: float = 0.33
    """Share of guided samples that begin with a mask."""
    one_of: float = 0.5
    """Chance that a guided sample of several subjects is about one of them."""
    aside: float = 0.0
    """Chance that a guided sample is about something that is no subject of its own accord: a poster, a thing
    beside people."""


@dataclass(frozen=True)
class SubjectSynthesis:
    """Sizes and mix together, as a recipe keeps them."""

    sizes: Sizes = field(default_factory=Sizes)
    mix: SubjectMix = field(default_factory=SubjectMix)
    letterbox: bool = False


class Layer(NamedTuple):
    """Straight colours (H, W, 3) and alpha (H, W) to composite, float32 in [0, 1], and what they show."""

    foreground: Float
    alpha: Float
    person: bool
    subject: bool


class SubjectSamples:
    """Samples by index from a pack with the groups ``people``, ``things``, ``cutouts`` and ``scenes``.

    Args:
        pack: the photos.
        synthesis: how samples are made.
        batch: samples a step: all of them share a size.
        steps: of the run, which sizes follow.
        seed: changes everything at once.
        share: use only so much of the people and things, [0, 1].

    Without things and cut-outs, people alone are composited.

    Raises:
        InputError: no people whose labels are trusted, or no scenes.
    """

    fields = SubjectExample._fields

    def __init__(
        self,
        pack: Pack,
        synthesis: SubjectSynthesis,
        *,
        batch: int,
        steps: int,
        seed: int = 0,
        share: float = 1.0,
    ) -> None:
        self.pack, self.mix, self.sizes = pack, synthesis.mix, synthesis.sizes
        self.batch, self.steps, self.seed = batch, steps, seed
        self.people = _some(pack.group("people", 0.3), share)
        self.trusted = [i for i in self.people if pack.rows[i].trust > 0.85 and pack.rows[i].box]
        self.things = _some(pack.group("things", 0.3), share)
        self.trusted_things = [i for i in self.things if pack.rows[i].trust > 0.8 and pack.rows[i].box]
        self.cut_outs = [i for i in pack.group("cutouts") if pack.rows[i].box]
        self.scenes = pack.group("scenes")
        if not self.people or not self.trusted or not self.scenes:
            raise InputError(pack.folder, "lacks people or scenes", "trusted photos of both are accepted")
        if not self.trusted_things and not self.cut_outs:
            self.mix = replace(self.mix, held=0.0, beside=0.0, people=1.0)
        if not self.things:
            self.mix = replace(self.mix, thing=0.0)
        self.scenery = Scenes(pack, self.scenes, self.trusted_things)
        shares = np.array([getattr(self.mix, kind) for kind in KINDS])
        self._shares = shares / shares.sum()

    def __getitem__(self, index: int) -> SubjectExample:
        """Sample number `index` ≥ 0, without end."""
        step = index // self.batch
        size = self.sizes.draw(np.random.default_rng((self.seed, 1, step)), step / max(1, self.steps))
        with one_opencv_thread:
            return self.sample(np.random.default_rng((self.seed, 0, index)), size)

    def sample(self, rng: Rng, size: tuple[int, int], kind: Kind | None = None) -> SubjectExample:
        """A sample of a size (height, width) and, where given, of a kind."""
        chosen: Kind = KINDS[int(rng.choice(len(KINDS), p=self._shares))] if kind is None else kind
        others: list[Bytes] = []
        if chosen in ("person", "thing"):
            image, labels, weights, parts = self._real(rng, size, chosen == "person")
        else:
            image, labels, weights, parts, others = self._composed(rng, size, chosen)
        image = photograph(image, rng, self.mix)
        if rng.random() < self.mix.turned and size[0] == size[1]:
            turns = int(rng.integers(1, 4))
            image, labels, weights = (np.rot90(x, turns) for x in (image, labels, weights))
            parts, others = ([np.rot90(part, turns) for part in some] for some in (parts, others))
        guided = rng.random() < self.mix.guided
        previous = np.zeros(size, np.uint8)
        if guided:
            target = labels[..., 1]
            if len(parts) > 1 and rng.random() < self.mix.one_of:
                target = parts[int(rng.integers(len(parts)))]
            if others and rng.random() < self.mix.aside:
                target = others[int(rng.integers(len(others)))]
            if int((target > 127).sum()) < 40:
                guided = False
            else:
                labels, weights = labels.copy(), weights.copy()
                labels[..., 1] = target
                weights[..., 0] = 0
                if rng.random() < self.mix.given:
                    previous = damage(target, rng)
        return SubjectExample(
            channels_first(image),
            channels_first(labels),
            channels_first(weights),
            previous[None],
            np.array([guided], np.uint8),
            np.array([KINDS.index(chosen)], np.uint8),
        )

    def _real(self, rng: Rng, size: tuple[int, int], person: bool) -> tuple[Bytes, Bytes, Bytes, list[Bytes]]:
        """A labelled photo, warped; trust 0 where the warp shows what was never taken."""
        group = self.people if person else self.things
        photo = self.pack[group[int(rng.integers(len(group)))]]
        matrix = fit_matrix(rng, photo.photo.shape, size, zoom=(0.8, 1.8), rotation=self._angle(rng))
        shown = place(photo.photo, matrix, size, cv2.BORDER_REPLICATE)
        alpha = place(photo.photo[..., 3], matrix, size)
        weight = place(photo.layer[..., 3], matrix, size)
        image = recolour_by_table(shown[..., :3], rng)
        labels = np.dstack([alpha if person else np.zeros_like(alpha), alpha])
        weights = np.dstack([weight, weight])
        return image, labels, weights, _islands(alpha)

    def _composed(
        self, rng: Rng, size: tuple[int, int], kind: Kind
    ) -> tuple[Bytes, Bytes, Bytes, list[Bytes], list[Bytes]]:
        """Layers over a scene, exact labels; at last what is seen of each subject and of the rest."""
        layers = self._layers(rng, size, kind)
        if kind == "empty":
            scene = self._empty(rng, size)
        elif rng.random() < self.mix.patterned:
            scene = to_floats(random_pattern(size, rng))
        else:
            scene = self.scenery.draw(rng, size)
        if layers and rng.random() < self.mix.like:
            scene = like_colours(scene, layers[0].foreground, layers[0].alpha, rng)
        patches = 0.5 if kind == "empty" else self.mix.distractor
        if rng.random() < patches:
            scene = self.scenery.paste(scene, rng)
        image = scene
        people, subject = np.zeros(size, np.float32), np.zeros(size, np.float32)
        parts: list[Float] = []
        others: list[Float] = []
        for one in reversed(layers):  # the farthest first
            opacity = one.alpha[..., None]
            image = image + opacity * (one.foreground - image)
            clear = 1 - one.alpha
            parts, others = ([part * clear for part in some] for some in (parts, others))
            people, subject = people * clear, subject * clear
            people += one.alpha * one.person
            subject += one.alpha * one.subject
            (parts if one.subject else others).append(one.alpha)
        labels = to_bytes(np.dstack([people, subject]))
        weights = np.full_like(labels, 255)
        seen, beside = ([to_bytes(part) for part in some] for some in (parts, others))
        return to_bytes(image), labels, weights, seen, beside

    def _layers(self, rng: Rng, size: tuple[int, int], kind: Kind) -> list[Layer]:
        """The layers of a composite, nearest first."""
        if kind == "empty":
            return []
        if kind == "poster":
            return self._poster(rng, size)
        if kind == "small":
            area = float(np.exp(rng.uniform(np.log(0.01), np.log(0.08))))
            count = 1 if rng.random() < 0.7 else 2
            person = rng.random() < self.mix.people
            return [self._layer(rng, size, person, area=area) for _ in range(count)]
        if kind == "several":
            count = int(rng.choice([2, 2, 2, 3, 3, 4, 5]))
            person = rng.random() < 0.8
            reach = float(rng.uniform(0.35, 0.9))
            return [self._layer(rng, size, person, reach=reach * rng.uniform(0.8, 1.2)) for _ in range(count)]
        person = kind == "held" or rng.random() < self.mix.people
        main = self._layer(rng, size, person, cut=rng.random() < self.mix.cut)
        if kind == "faint":
            return [main._replace(alpha=main.alpha * np.float32(rng.uniform(0.4, 0.85)))]
        layers = [main]
        if kind == "held":
            layers.insert(0, self._held(rng, size, main))
        elif person and rng.random() < self.mix.beside:
            layers.append(self._beside(rng, size, main))
        return layers

    def _layer(
        self,
        rng: Rng,
        size: tuple[int, int],
        person: bool,
        *,
        reach: float | None = None,
        area: float | None = None,
        cut: bool = False,
        centre: tuple[float, float] | None = None,
    ) -> Layer:
        """Somebody or something, placed.

        Args:
            rng: source of chance.
            size: of the canvas.
            person: whether it is a person.
            reach: the box's longer extent as a share of the canvas; drawn when None.
            area: share of the canvas that its box takes instead.
            cut: whether the frame may cut it.
            centre: of its box, row and column as shares of the canvas; drawn when None.
        """
        photo = self._pick(rng, person)
        row0, column0, row1, column1 = photo.row.box or (0, 0, photo.row.height, photo.row.width)
        height, width = row1 - row0, column1 - column0
        if area is not None:
            filled = max(0.15, float((photo.photo[row0:row1:4, column0:column1:4, 3] > 127).mean()))
            scale = float(np.sqrt(area * size[0] * size[1] / (height * width * filled)))
        else:
            if reach is None:
                reach = float(rng.uniform(0.9, 1.7) if cut else rng.uniform(0.35, 1.0))
            scale = reach / max(height / size[0], width / size[1])
        scale = min(scale, 1.5 if photo.row.cut_out else 2.5)
        angle = self._angle(rng)
        stretch = float(np.exp(rng.uniform(-0.1, 0.1)))
        linear = rotation_matrix(angle) @ np.diag([scale * stretch, scale / stretch])
        if rng.random() < 0.5:
            linear[:, 0] *= -1
        if centre is None:
            free = 0.35 if cut else 0.5
            room = [
                max(0.0, free - 0.5 * scale * extent / side)
                for extent, side in ((height, size[0]), (width, size[1]))
            ]
            slack = 0.35 if cut else 0.0
            centre = tuple(0.5 + rng.uniform(-1, 1) * max(r, slack) for r in room)  # type: ignore[assignment]
        assert centre is not None
        middle = np.array([(column0 + column1) / 2, (row0 + row1) / 2])
        offset = np.array([centre[1] * size[1], centre[0] * size[0]]) - linear @ middle
        matrix = np.column_stack([linear, offset])
        if abs(angle) < 20:
            matrix = keep_cut_box(matrix, photo, size)
        alpha = to_floats(place(photo.photo[..., 3], matrix, size))
        foreground = to_floats(
            recolour_by_table(place(photo.layer, matrix, size, cv2.BORDER_REPLICATE)[..., :3], rng)
        )
        if rng.random() < 0.1:
            sigma = float(rng.uniform(0.4, 1.5))
            alpha = cv2.GaussianBlur(alpha, (0, 0), sigma)
        return Layer(foreground, alpha, person, subject=True)

    def _pick(self, rng: Rng, person: bool) -> Packed:
        if person:
            group = self.trusted
        else:
            group = self.cut_outs if rng.random() < self.mix.cut_outs else self.trusted_things
            group = group or self.trusted_things or self.cut_outs or self.trusted
        return self.pack[group[int(rng.integers(len(group)))]]

    def _held(self, rng: Rng, size: tuple[int, int], holder: Layer) -> Layer:
        """A thing over the middle or the rim of who holds it."""
        inside = np.argwhere(holder.alpha > 0.5)
        spot = inside[int(rng.integers(len(inside)))] if len(inside) else np.array(size) / 2
        centre = (float(spot[0] / size[0]), float(spot[1] / size[1]))
        return self._layer(rng, size, False, reach=float(rng.uniform(0.12, 0.4)), centre=centre)

    def _beside(self, rng: Rng, size: tuple[int, int], main: Layer) -> Layer:
        """A smaller thing behind the people, no subject, where least of it is hidden."""
        tries = [self._layer(rng, size, False, reach=float(rng.uniform(0.1, 0.35))) for _ in range(2)]
        covered = [float((one.alpha * main.alpha).sum()) for one in tries]
        return tries[int(np.argmin(covered))]._replace(subject=False)

    def _poster(self, rng: Rng, size: tuple[int, int]) -> list[Layer]:
        """A printed photo of a person, in perspective, with a rim; often somebody real before it."""
        photo = self.pack[self.people[int(rng.integers(len(self.people)))]].photo[..., :3]
        height, width = photo.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        scale = rng.uniform(0.2, 0.6) * min(size[0] / height, size[1] / width)
        place = (corners - [width / 2, height / 2]) * scale
        place += rng.uniform(-0.08, 0.08, (4, 2)) * scale * min(height, width)
        place += [rng.uniform(0.25, 0.75) * size[1], rng.uniform(0.25, 0.75) * size[0]]
        matrix = cv2.getPerspectiveTransform(corners, place.astype(np.float32))
        colours = to_floats(cv2.warpPerspective(photo, matrix, size[::-1], flags=cv2.INTER_AREA))
        alpha = np.zeros(size, np.float32)
        cv2.fillConvexPoly(alpha, place.astype(np.int32), 1.0, cv2.LINE_AA)
        if rng.random() < 0.7:
            rim = [float(c) for c in rng.uniform(0, 1, 3)]
            thickness = max(1, int(rng.uniform(0.01, 0.04) * min(size)))
            cv2.polylines(colours, [place.astype(np.int32)], True, rim, thickness, cv2.LINE_AA)
        poster = Layer(colours, alpha, person=False, subject=False)
        if rng.random() < 0.5:
            return [poster]
        return [self._layer(rng, size, rng.random() < self.mix.people), poster]

    def _empty(self, rng: Rng, size: tuple[int, int]) -> Float:
        """A picture that shows nothing to cut out, float32 (H, W, 3)."""
        draw = rng.random()
        if draw < self.mix.pattern:
            return to_floats(recolour_by_table(random_pattern(size, rng), rng))
        if draw < self.mix.pattern + self.mix.surroundings:
            return self.scenery.beside(rng, size)
        return self.scenery.draw(rng, size)

    def _angle(self, rng: Rng) -> float:
        if rng.random() < self.mix.turned / 2:
            return float(rng.uniform(-180, 180))
        return float(rng.uniform(-1, 1) * self.mix.rotation * rng.random())


def _islands(alpha: Bytes) -> list[Bytes]:
    """The parts of an alpha that nothing joins, each of 2 % of the picture or more."""
    count, places, stats, _ = cv2.connectedComponentsWithStats((alpha > 100).astype(np.uint8))
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= 0.02 * alpha.size]
    if len(large) < 2:
        return [alpha]
    return [np.where(cv2.dilate((places == i).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0, alpha, 0)
            for i in large]  # fmt: skip


def _some(indices: list[int], share: float) -> list[int]:
    if share >= 1:
        return indices
    chosen = np.random.default_rng(0).permutation(len(indices))[: max(1, round(share * len(indices)))]
    return [indices[i] for i in sorted(chosen)]
