"""Samples for the subject network: real photos and composites of every hard kind, in written-down shares.

A sample is a function of (seed, index) alone. All samples of a batch have one size, which follows the run's
progress: small for long, larger at the end (`Sizes`).

Shares and chances lie in `SubjectMix`. Where they come from: the kinds that customers complained about
(small, lying, grey, several, held, cut by the frame, distractors, posters, nothing there), in the shares of a
first recipe drawn from what is published on small networks for salient objects and clicks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from wisp.core.arrays import Bytes
from wisp.core.errors import InputError
from wisp.data.packed import Pack, Packed

Floats: TypeAlias = npt.NDArray[np.float32]
Matrix: TypeAlias = npt.NDArray[np.float64]
Rng: TypeAlias = np.random.Generator
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
        (0.70, (192, 224, 256)),
        (0.90, (320,)),
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


@dataclass(frozen=True)
class SubjectSynthesis:
    """Sizes and mix together, as a recipe keeps them."""

    sizes: Sizes = field(default_factory=Sizes)
    mix: SubjectMix = field(default_factory=SubjectMix)
    letterbox: bool = False


class Layer(NamedTuple):
    """Straight colours (H, W, 3) and alpha (H, W) to composite, float32 in [0, 1], and what they show."""

    foreground: Floats
    alpha: Floats
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
        shares = np.array([getattr(self.mix, kind) for kind in KINDS])
        self._shares = shares / shares.sum()

    def __getitem__(self, index: int) -> SubjectExample:
        """Sample number `index` ≥ 0, without end."""
        cv2.setNumThreads(1)
        step = index // self.batch
        size = self.sizes.draw(np.random.default_rng((self.seed, 1, step)), step / max(1, self.steps))
        return self.sample(np.random.default_rng((self.seed, 0, index)), size)

    def sample(self, rng: Rng, size: tuple[int, int], kind: Kind | None = None) -> SubjectExample:
        """A sample of a size (height, width) and, where given, of a kind."""
        chosen: Kind = KINDS[int(rng.choice(len(KINDS), p=self._shares))] if kind is None else kind
        if chosen in ("person", "thing"):
            image, labels, weights, parts = self._real(rng, size, chosen == "person")
        else:
            image, labels, weights, parts = self._composed(rng, size, chosen)
        image = self._photograph(image, rng)
        if rng.random() < self.mix.turned and size[0] == size[1]:
            turns = int(rng.integers(1, 4))
            image, labels, weights = (np.rot90(x, turns) for x in (image, labels, weights))
            parts = [np.rot90(part, turns) for part in parts]
        guided = rng.random() < self.mix.guided
        previous = np.zeros(size, np.uint8)
        if guided:
            target = labels[..., 1]
            if len(parts) > 1 and rng.random() < self.mix.one_of:
                target = parts[int(rng.integers(len(parts)))]
            if int((target > 127).sum()) < 40:
                guided = False
            else:
                labels, weights = labels.copy(), weights.copy()
                labels[..., 1] = target
                weights[..., 0] = 0
                if rng.random() < self.mix.given:
                    previous = damage(target, rng)
        return SubjectExample(
            np.ascontiguousarray(image.transpose(2, 0, 1)),
            np.ascontiguousarray(labels.transpose(2, 0, 1)),
            np.ascontiguousarray(weights.transpose(2, 0, 1)),
            previous[None],
            np.array([guided], np.uint8),
            np.array([KINDS.index(chosen)], np.uint8),
        )

    def _real(self, rng: Rng, size: tuple[int, int], person: bool) -> tuple[Bytes, Bytes, Bytes, list[Bytes]]:
        """A labelled photo, warped; trust 0 where the warp shows what was never taken."""
        group = self.people if person else self.things
        photo = self.pack[group[int(rng.integers(len(group)))]]
        matrix = fit_matrix(rng, photo.photo.shape, size, zoom=(0.8, 1.8), rotation=self._angle(rng))
        shown = warp(photo.photo, matrix, size, cv2.BORDER_REPLICATE)
        alpha = warp(photo.photo[..., 3], matrix, size)
        weight = warp(photo.layer[..., 3], matrix, size)
        image = recolour(shown[..., :3], rng)
        labels = np.dstack([alpha if person else np.zeros_like(alpha), alpha])
        weights = np.dstack([weight, weight])
        return image, labels, weights, _islands(alpha)

    def _composed(
        self, rng: Rng, size: tuple[int, int], kind: Kind
    ) -> tuple[Bytes, Bytes, Bytes, list[Bytes]]:
        """Layers over a scene; labels are exact."""
        layers = self._layers(rng, size, kind)
        if kind == "empty" and rng.random() < self.mix.surroundings:
            scene = self._surroundings(rng, size)
        else:
            scene = self._scene(rng, size)
        if layers and rng.random() < self.mix.like:
            scene = like_colours(scene, layers[0].foreground, layers[0].alpha, rng)
        patches = 0.5 if kind == "empty" else self.mix.distractor
        if rng.random() < patches:
            scene = self._patch(scene, rng)
        image = scene
        people, subject = np.zeros(size, np.float32), np.zeros(size, np.float32)
        parts: list[Floats] = []
        for one in reversed(layers):  # the farthest first
            opacity = one.alpha[..., None]
            image = image + opacity * (one.foreground - image)
            clear = 1 - one.alpha
            parts = [part * clear for part in parts]
            people, subject = people * clear, subject * clear
            people += one.alpha * one.person
            subject += one.alpha * one.subject
            if one.subject:
                parts.append(one.alpha)
        labels = to_bytes(np.dstack([people, subject]))
        weights = np.full_like(labels, 255)
        return to_bytes(image), labels, weights, [to_bytes(part) for part in parts]

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
        linear = _rotation(angle) @ np.diag([scale * stretch, scale / stretch])
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
            matrix = keep_cut_sides(matrix, photo, size)
        alpha = to_floats(warp(photo.photo[..., 3], matrix, size))
        foreground = to_floats(recolour(warp(photo.layer, matrix, size, cv2.BORDER_REPLICATE)[..., :3], rng))
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

    def _scene(self, rng: Rng, size: tuple[int, int]) -> Floats:
        """A scene that fills the canvas, float32 (H, W, 3)."""
        photo = self.pack[self.scenes[int(rng.integers(len(self.scenes)))]].photo[..., :3]
        return self._filling(photo, rng, size)

    def _surroundings(self, rng: Rng, size: tuple[int, int]) -> Floats:
        """Draw what lies beside a labelled thing, on the canvas; a scene if five photos have no room there.

        Beside people lies what would be a subject without them (a tower, a truck), so theirs are not taken.
        """
        for _ in range(5 if self.trusted_things else 0):
            photo = self.pack[self.trusted_things[int(rng.integers(len(self.trusted_things)))]]
            beside = clear_part(photo)
            if beside is not None:
                return self._filling(beside, rng, size)
        return self._scene(rng, size)

    def _filling(self, photo: Bytes, rng: Rng, size: tuple[int, int]) -> Floats:
        """A picture, uint8 (h, w, 3), that fills the canvas, zoomed into by chance, float32 (H, W, 3)."""
        cover = max(size[0] / photo.shape[0], size[1] / photo.shape[1])
        scale = cover * float(np.exp(rng.uniform(0, np.log(2.2))))
        linear = _rotation(float(rng.uniform(-5, 5))) @ np.diag([scale, scale])
        if rng.random() < 0.5:
            linear[:, 0] *= -1
        room = np.maximum(0, np.array(photo.shape[1::-1]) * scale - size[::-1]) / 2
        middle = np.array(size[::-1]) / 2 + rng.uniform(-1, 1, 2) * room
        offset = middle - linear @ (np.array(photo.shape[1::-1]) / 2)
        scene = warp(photo, np.column_stack([linear, offset]), size, cv2.BORDER_REFLECT_101)
        if rng.random() < 0.3:
            scene = cv2.GaussianBlur(scene, (0, 0), float(rng.uniform(0.5, min(size) / 50)))
        return to_floats(recolour(scene, rng))

    def _patch(self, scene: Floats, rng: Rng) -> Floats:
        """One to three soft or hard patches of another scene: pastes that are no subject."""
        size = scene.shape[:2]
        for _ in range(int(rng.integers(1, 4))):
            other = self._scene(rng, (size[0], size[1]))
            alpha = np.zeros(size, np.float32)
            extent = rng.uniform(0.04, 0.25) * min(size)
            count = int(rng.integers(3, 9))
            angles = np.sort(rng.uniform(0, 2 * np.pi, count))
            radii = extent * rng.uniform(0.4, 1, count)
            middle = rng.uniform(0.1, 0.9, 2) * size
            points = np.column_stack([middle[1] + radii * np.cos(angles), middle[0] + radii * np.sin(angles)])
            cv2.fillPoly(alpha, [points.astype(np.int32)], 1.0, cv2.LINE_AA)
            alpha = cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(0.4, 0.3 * extent + 0.5)))
            scene = scene + alpha[..., None] * (other - scene)
        return scene

    def _angle(self, rng: Rng) -> float:
        if rng.random() < self.mix.turned / 2:
            return float(rng.uniform(-180, 180))
        return float(rng.uniform(-1, 1) * self.mix.rotation * rng.random())

    def _photograph(self, image: Bytes, rng: Rng) -> Bytes:
        """Through a camera: grey or sepia, motion blur, contrast, blur, noise and JPEG."""
        draw = rng.random()
        if draw < self.mix.grey + self.mix.sepia:
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            image = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
            if draw >= self.mix.grey:
                image = to_bytes(to_floats(image) * np.array([1.05, 0.93, 0.74], np.float32))
        if rng.random() < self.mix.motion_blur:
            image = _motion_blurred(image, rng)
        if rng.random() >= self.mix.degraded:
            return image
        sharpness = max(image.shape[:2]) / 512
        if rng.random() < 0.5:
            contrast = float(rng.uniform(0.6, 1.4))
            image = cv2.convertScaleAbs(image, alpha=contrast, beta=(1 - contrast) * float(image.mean()))
        if rng.random() < 0.4:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 0.3 + 2.5 * sharpness)))
        if rng.random() < 0.5:
            noise = rng.standard_normal((image.shape[0], image.shape[1], 3), np.float32)
            noise *= np.float32(rng.uniform(0, 25 * sharpness + 3))
            image = np.clip(image + noise, 0, 255).astype(np.uint8)
        if rng.random() < 0.5:
            _, stored = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])
            image = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR))
        return image


def warp(pixels: Bytes, matrix: Matrix, size: tuple[int, int], border: int = cv2.BORDER_CONSTANT) -> Bytes:
    """Affine warp onto a canvas, shrunk by areas first where it shrinks.

    Args:
        pixels: uint8 (H, W) or (H, W, C), C up to 4.
        matrix: (2, 3), source x, y → canvas x, y, both counted from pixel corners.
        size: height and width of the canvas.
        border: OpenCV's name of what lies outside.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    linear, offset = matrix[:, :2].copy(), matrix[:, 2]
    if scale < 0.75:
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        linear[:, 0] *= pixels.shape[1] / width
        linear[:, 1] *= pixels.shape[0] / height
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    offset = offset + linear @ np.array([0.5, 0.5]) - 0.5
    placed = np.column_stack([linear, offset])
    warped: Bytes = cv2.warpAffine(pixels, placed, size[::-1], flags=cv2.INTER_LINEAR, borderMode=border)
    return warped


def fit_matrix(
    rng: Rng, shape: Sequence[int], size: tuple[int, int], *, zoom: tuple[float, float], rotation: float
) -> Matrix:
    """A random map (2, 3) of a whole photo (H, W, …) onto a canvas: zoomed, moved, turned, mirrored."""
    fitted = min(size[0] / shape[0], size[1] / shape[1])
    scale = fitted * float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
    stretch = float(np.exp(rng.uniform(-0.12, 0.12)))
    linear = _rotation(rotation) @ np.diag([scale * stretch, scale / stretch])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    extent = np.array([shape[1], shape[0]]) * scale
    room = np.abs(extent - size[::-1]) / 2
    middle = np.array(size[::-1]) / 2 + rng.uniform(-1, 1, 2) * room
    offset = middle - linear @ (np.array([shape[1], shape[0]]) / 2)
    return np.column_stack([linear, offset])


def keep_cut_sides(matrix: Matrix, photo: Packed, size: tuple[int, int]) -> Matrix:
    """A map moved so that sides on which its photo cuts the subject lie on the canvas's rim or outside.

    Where one side alone is cut the map is moved; where opposite ones are it is centred there and, if its
    photo is too small for the canvas, enlarged.
    """
    height, width = photo.row.height, photo.row.width
    row0, column0, row1, column1 = photo.row.box or (1, 1, height - 1, width - 1)
    low = [column0 <= 1, row0 <= 1]
    high = [column1 >= width - 1, row1 >= height - 1]
    if matrix[0, 0] < 0:
        low[0], high[0] = high[0], low[0]
    out = matrix.copy()
    for axis, extent in ((0, width), (1, height)):
        if low[axis] and high[axis]:
            scale = np.abs(out[axis, axis]) * extent / size[1 - axis]
            if 0 < scale < 1:
                out /= scale
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float).T
    placed = out[:, :2] @ corners + out[:, 2:]
    for axis in (0, 1):
        ends = np.sort(placed[axis])
        start, end, side = ends[1], ends[2], size[1 - axis]
        if low[axis] and high[axis]:
            out[axis, 2] += float(np.clip(0, side - end, -start)) if end - start >= side else -start
        elif low[axis]:
            out[axis, 2] += min(0.0, -start)
        elif high[axis]:
            out[axis, 2] += max(0.0, side - end)
    return out


def clear_part(photo: Packed) -> Bytes | None:
    """The largest part of a photo, whole on three sides, in which nothing is labelled; uint8 (h, w, 3).

    Args:
        photo: labelled, with a box.

    Returns:
        A view of its colours; None where each such part is narrower than 96 pixels, holds less than a sixth
        of the photo, or has a label that is not trusted.
    """
    height, width = photo.photo.shape[:2]
    visible = photo.photo[..., 3] > 8
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    if not len(rows):
        return None
    parts = [
        (slice(0, int(rows[0])), slice(None)),
        (slice(int(rows[-1]) + 1, height), slice(None)),
        (slice(None), slice(0, int(columns[0]))),
        (slice(None), slice(int(columns[-1]) + 1, width)),
    ]
    largest = max(parts, key=lambda part: photo.photo[part].size)
    colours: Bytes = photo.photo[largest][..., :3]
    if min(colours.shape[:2]) < 96 or 6 * colours.size < photo.photo[..., :3].size:
        return None
    if photo.layer[largest][..., 3].mean() < 200:
        return None
    return colours


def recolour(pixels: Bytes, rng: Rng) -> Bytes:
    """Contrast, gamma, white balance and saturation at random, by table; uint8 (H, W, 3)."""
    if rng.random() < 0.2:
        return np.ascontiguousarray(pixels)
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    pivot, contrast = rng.uniform(0.3, 0.7), np.exp(rng.uniform(-0.3, 0.3))
    levels = np.clip((levels - pivot) * contrast + pivot, 0, 1) ** np.exp(rng.uniform(-0.35, 0.35))
    levels = levels * np.exp(rng.uniform(-0.12, 0.12, 3))
    table = to_bytes(levels.astype(np.float32))[:, None, :]
    out: Bytes = cv2.LUT(np.ascontiguousarray(pixels), np.ascontiguousarray(table.reshape(1, 256, 3)))
    saturation = float(rng.uniform(0.6, 1.3))
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    mixed: Bytes = cv2.addWeighted(out, saturation, grey, 1 - saturation, 0)
    return mixed


def like_colours(scene: Floats, foreground: Floats, alpha: Floats, rng: Rng) -> Floats:
    """A scene whose colours' means and deviations are moved to those of a subject, by a half or more."""
    inside = alpha > 0.5
    if int(inside.sum()) < 16:
        return scene
    colours = foreground[inside]
    mean, deviation = scene.mean((0, 1)), scene.std((0, 1)) + 1e-3
    moved = (scene - mean) / deviation * colours.std(0) + colours.mean(0)
    share = np.float32(rng.uniform(0.5, 1))
    out: Floats = np.clip(scene + share * (moved - scene), 0, 1).astype(np.float32)
    return out


def damage(target: Bytes, rng: Rng) -> Bytes:
    """A mask that is wrong as drafts are: wider, narrower, moved, with a part missing or added, then soft.

    Args:
        target: alpha, uint8 (H, W).
        rng: source of chance.
    """
    height, width = target.shape
    mask = np.ascontiguousarray(np.where(target > int(rng.integers(40, 215)), 255, 0).astype(np.uint8))
    radius = int(rng.uniform(0, 0.06) * max(height, width)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    draw = rng.random()
    if draw < 0.3:
        mask = cv2.dilate(mask, kernel)
    elif draw < 0.55:
        mask = cv2.erode(mask, kernel)
    elif draw < 0.7:
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN if rng.random() < 0.5 else cv2.MORPH_CLOSE, kernel)
    if rng.random() < 0.6:  # a part missing or too much
        inside = np.argwhere(mask > 127)
        missing = rng.random() < 0.6 and len(inside) > 0
        spot = inside[int(rng.integers(len(inside)))] if missing else rng.uniform(0, 1, 2) * (height, width)
        axes = (rng.uniform(0.04, 0.3, 2) * (width, height)).astype(int) + 1
        middle = (int(spot[1]), int(spot[0]))
        cv2.ellipse(mask, middle, (int(axes[0]), int(axes[1])), float(rng.uniform(0, 180)), 0, 360,
                    0 if missing else 255, -1)  # fmt: skip
    soft: Bytes = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 0.02 * max(height, width) + 0.6)))
    return soft


def to_floats(pixels: Bytes) -> Floats:
    """uint8 → float32 in [0, 1]."""
    return pixels.astype(np.float32) * np.float32(1 / 255)


def to_bytes(values: npt.NDArray[np.floating]) -> Bytes:
    """Floats, clipped to [0, 1] → uint8, rounded."""
    rounded: Bytes = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    return rounded


def _islands(alpha: Bytes) -> list[Bytes]:
    """The parts of an alpha that nothing joins, each of 2 % of the picture or more."""
    count, places, stats, _ = cv2.connectedComponentsWithStats((alpha > 100).astype(np.uint8))
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= 0.02 * alpha.size]
    if len(large) < 2:
        return [alpha]
    return [np.where(cv2.dilate((places == i).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0, alpha, 0)
            for i in large]  # fmt: skip


def _motion_blurred(image: Bytes, rng: Rng) -> Bytes:
    length = int(rng.uniform(0.01, 0.04) * max(image.shape[:2])) + 2
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    ends = [(round(half + s * half * np.cos(angle)), round(half + s * half * np.sin(angle))) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    blurred: Bytes = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return blurred


def _rotation(degrees: float) -> Matrix:
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _some(indices: list[int], share: float) -> list[int]:
    if share >= 1:
        return indices
    chosen = np.random.default_rng(0).permutation(len(indices))[: max(1, round(share * len(indices)))]
    return [indices[i] for i in sorted(chosen)]
