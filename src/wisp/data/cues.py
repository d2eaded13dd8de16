"""Training samples of networks that are given a segmentation, a trimap and a motion cue beside the image.

El Abdellaoui and Kachbal, background matting with DLMN-G and SSRN, section 3: imperfect segmentations come
from the true alpha by thresholding, erosion or dilation, and Gaussian blur; motion cues from the foreground,
moved at random and set on the background, in grey. Beside these, some masks are those of the segmentation
network that comes with wisp, as at inference, some motion cues are neighbouring frames of a smooth clip
(`wisp.data.clips`), and some are a still's, which repeats itself.

A sample is a function of (seed, index) alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy import ndimage

from wisp.core.arrays import LUMA, Bytes, Float, Image, Mask, from_float, to_float
from wisp.core.errors import InputError
from wisp.core.settings import SUBJECT
from wisp.data import vips
from wisp.data.augmentation import Geometry, Matrix
from wisp.data.clips import moves, scenario
from wisp.data.datasets import SUFFIXES
from wisp.data.samples import channels_first
from wisp.data.synthesis import Example, Samples, Synthesis
from wisp.engine.families.subject import find_subject
from wisp.matting.trimap import trimap_from_mask

NEIGHBOURS: Final = (-2, -1, 1, 2)
"""The frames of a motion cue, counted from the image's own."""


class CueExample(NamedTuple):
    """One training sample, ready to stack; fields as in `Example`, and the cues.

    Attributes:
        image: uint8 (3, S, S), sRGB.
        alpha: uint8 (1, S, S), 0–255; the mask where there is no label.
        weight: uint8 (1, S, S), trust in the label; 0 everywhere where there is none.
        foreground: uint8 (3, S, S), straight colours of the subject; the image itself where unknown.
        background: uint8 (3, S, S), what lies behind; a new background where there is no label.
        exact: uint8 (1,), 1 where alpha, foreground and background compose to the image by construction.
        trimap: uint8 (1, S, S): 0, 128, 255; made from the mask.
        mask: uint8 (1, S, S), soft segmentation, 0–255.
        motion: uint8 (4, S, S), neighbouring frames in grey.
    """

    image: Bytes
    alpha: Bytes
    weight: Bytes
    foreground: Bytes
    background: Bytes
    exact: Bytes
    trimap: Bytes
    mask: Bytes
    motion: Bytes


@dataclass(frozen=True)
class Cues:
    """How cues are made; lengths as shares of the sample's height.

    Attributes:
        segmented: share of the masks that are the segmentation network's.
        threshold: least and greatest value at which alpha becomes a mask.
        grow: largest radius of the mask's erosion or dilation.
        blur: largest deviation of its blur.
        patch: chance that a rectangle of it is lost or made up.
        width: least and greatest width of the trimap's band, of the subject's size.
        still: share of the motion cues that repeat the image.
        smooth: share of the others that are neighbours in a smooth clip; the rest moves at random.
        gap: least and greatest distance between neighbouring frames, frames of a thirtieth of a second.
        subject: how the foreground moves at random.
        scene: how the background does.
        noise: largest deviation of the frames' noise, on the scale 0–1.
    """

    segmented: float = 0.5
    threshold: tuple[float, float] = (0.2, 0.8)
    grow: float = 0.025
    blur: float = 0.015
    patch: float = 0.1
    width: tuple[float, float] = (0.015, 0.05)
    still: float = 0.4
    smooth: float = 0.6
    gap: tuple[int, int] = (1, 3)
    subject: Geometry = field(
        default_factory=lambda: Geometry((0.97, 1.03), rotation=3, shear=0.01, stretch=1, shift=0.03, flip=0)
    )
    scene: Geometry = field(
        default_factory=lambda: Geometry((1.0, 1.02), rotation=0.5, shear=0, stretch=1, shift=0.01, flip=0)
    )
    noise: float = 0.015


@dataclass(frozen=True)
class CueSamples:
    """`Samples` with their cues, by index.

    Args:
        samples: images with their layers.
        cues: how cues are made.
    """

    samples: Samples
    cues: Cues

    fields = CueExample._fields

    def __getitem__(self, index: int) -> CueExample:
        """The sample number `index` ≥ 0."""
        example = self.samples[index]
        rng = np.random.default_rng((self.samples.seed, index, 2))
        return with_cues(example, rng, self.cues)


@dataclass(frozen=True)
class Shot:
    """A photo or a frame without a label.

    Attributes:
        path: its file.
        neighbours: the frames two before to two after it; none of a photo.
    """

    path: Path
    neighbours: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Unlabelled:
    """Real photos and frames by index, with their cues and a new background each.

    Args:
        shots: photos and frames.
        scenes: photos without people, the new backgrounds.
        synthesis: size, geometry and look; its kinds are not used.
        cues: how cues are made; masks are the segmentation network's.
        seed: changes everything at once.
    """

    shots: Sequence[Shot]
    scenes: Sequence[Path]
    synthesis: Synthesis
    cues: Cues
    seed: int = 0

    fields = CueExample._fields

    def __getitem__(self, index: int) -> CueExample:
        """The sample number `index` ≥ 0."""
        rng = np.random.default_rng((self.seed, index, 3))
        shot = self.shots[int(rng.integers(len(self.shots)))]
        size = vips.sides(self.synthesis.size)
        photo = vips.read_rgb(shot.path)
        matrix = self.synthesis.person.sample(rng, photo.shape, size)
        image = vips.warp(photo, matrix, size, border="mirror")
        scene = vips.read_rgb(self.scenes[int(rng.integers(len(self.scenes)))])
        placed = self.synthesis.scene.sample(rng, scene.shape, size)
        background = vips.warp(scene, placed, size, border="mirror")
        if shot.neighbours:
            frames = [
                vips.warp(vips.read_rgb(path), matrix, size, border="mirror") for path in shot.neighbours
            ]
            motion = np.stack([to_luma(frame) for frame in frames])
        else:
            motion = shaken(image, rng, self.cues)
        mask = from_float(segment(to_float(image)))
        trimap = cue_trimap(mask, rng, self.cues)
        nothing = np.zeros((1, *size), np.uint8)
        return CueExample(
            channels_first(image),
            mask[None],
            nothing,
            channels_first(image),
            channels_first(background),
            np.zeros(1, np.uint8),
            trimap[None],
            mask[None],
            motion,
        )


def with_cues(example: Example, rng: np.random.Generator, cues: Cues) -> CueExample:
    """A sample with a mask, the trimap made from it, and a motion cue."""
    image = np.ascontiguousarray(example.image.transpose(1, 2, 0))
    if rng.random() < cues.segmented:
        mask = from_float(segment(to_float(image)))
    else:
        mask = imperfect_mask(example.alpha[0], rng, cues)
    return CueExample(*example, cue_trimap(mask, rng, cues)[None], mask[None], motion_cue(example, rng, cues))


def segment(image: Image) -> Mask:
    """The subject network's mask of a sample, found in one look at the sample's own size.

    Args:
        image: float32 (H, W, 3), [0, 1].
    """
    settings = replace(SUBJECT, side=max(image.shape[:2]), people_side=0, small=0.0)
    return find_subject(image, settings=settings).mask


def imperfect_mask(alpha: Bytes, rng: np.random.Generator, cues: Cues) -> Bytes:
    """A segmentation as an imperfect network would give it, uint8 (H, W), from the true alpha.

    Thresholded, eroded or dilated, blurred, as El Abdellaoui and Kachbal say without numbers; sometimes a
    rectangle is lost or made up, which they do not. At a quarter of the resolution, as segmentation networks
    have it.
    """
    height, width = alpha.shape
    small = (max(1, height // 4), max(1, width // 4))
    x = (to_float(vips.resize(alpha, small)) > rng.uniform(*cues.threshold)).astype(np.float32)
    radius = round(rng.uniform(-cues.grow, cues.grow) * small[0])
    if radius:
        change = ndimage.maximum_filter if radius > 0 else ndimage.minimum_filter
        x = change(x, size=2 * abs(radius) + 1, mode="nearest")
    if rng.random() < cues.patch:
        rows, columns = (max(1, round(rng.uniform(0.05, 0.25) * side)) for side in small)
        top, left = (
            int(rng.integers(side - part + 1)) for side, part in zip(small, (rows, columns), strict=True)
        )
        x[top : top + rows, left : left + columns] = float(rng.random() < 0.5)
    x = ndimage.gaussian_filter(x, rng.uniform(0, cues.blur) * small[0] + 0.3, mode="nearest")
    return vips.resize(from_float(x.clip(0, 1)), alpha.shape)


def vips_warp(pixels: Bytes, matrix: Matrix, *, mirrored: bool) -> Bytes:
    """A picture moved within its own canvas, uint8 (H, W).

    Args:
        pixels: uint8 (H, W).
        matrix: (2, 3), as `wisp.data.vips.warp` takes it.
        mirrored: what comes in from outside is the picture mirrored; else its rim repeated.
    """
    size = (pixels.shape[0], pixels.shape[1])
    border: Literal["mirror", "copy"] = "mirror" if mirrored else "copy"
    return vips.warp(pixels, matrix, size, border=border, interpolation="bilinear")


def motion_cue(
    example: Example, rng: np.random.Generator, cues: Cues, warp: Callable[..., Bytes] = vips_warp
) -> Bytes:
    """Four neighbouring frames of a sample in grey, uint8 (4, H, W).

    Of a composite, its layers move; of a real photo, whose background is not known, the whole picture.

    Args:
        example: the sample.
        rng: source of chance.
        cues: how things move.
        warp: as `vips_warp`.
    """
    image = np.ascontiguousarray(example.image.transpose(1, 2, 0))
    if not example.exact[0]:
        return shaken(image, rng, cues, warp)
    if rng.random() < cues.still:
        return _repeated(image)
    front, opacity, behind = to_luma(example.foreground), example.alpha[0], to_luma(example.background)
    frames = []
    for subject, scene in _moves(rng, cues, (opacity.shape[0], opacity.shape[1])):
        a = to_float(warp(opacity, subject, mirrored=False))
        f = to_float(warp(front, subject, mirrored=False))
        b = to_float(warp(behind, scene, mirrored=True))
        frames.append(a * f + (1 - a) * b)
    return _noisy(np.stack(frames), rng, cues)


def to_luma(colours: Bytes) -> Bytes:
    """Luma of sRGB-encoded colours: uint8 (H, W, 3) or (3, H, W) → (H, W)."""
    axis = 0 if colours.shape[0] == 3 and colours.shape[-1] != 3 else -1
    channels = np.moveaxis(colours, axis, -1)
    return np.asarray(channels @ np.array(LUMA, np.float32) + np.float32(0.5)).clip(0, 255).astype(np.uint8)


def shots(places: Sequence[Path], *, frames: bool = False) -> list[Shot]:
    """The photos of folders, or their frames with the neighbours of each.

    Args:
        places: folders, read recursively; files are taken as they are.
        frames: a folder's pictures are consecutive frames, in the order of their names; at a clip's ends the
            nearest ones repeat.

    Raises:
        InputError: a place does not exist or holds no pictures.
    """
    found: list[Shot] = []
    for place in places:
        if place.is_file():
            found.append(Shot(place))
            continue
        if not place.is_dir():
            raise InputError(place, "does not exist", "a folder of photos is accepted")
        files = sorted(p for p in place.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not files:
            raise InputError(place, "holds no images", "a folder of photos is accepted")
        clips: dict[Path, list[Path]] = {}
        for file in files:
            clips.setdefault(file.parent, []).append(file)
        for clip in clips.values():
            for number, file in enumerate(clip):
                beside = (clip[min(max(number + n, 0), len(clip) - 1)] for n in NEIGHBOURS)
                found.append(Shot(file, tuple(beside) if frames else ()))
    return found


def as_at_inference(cues: Cues) -> Cues:
    """Set cues to the segmentation network's masks and the pipeline's trimaps, for validation."""
    return replace(cues, segmented=1.0, width=(0.02, 0.02), still=0.5, smooth=1.0, noise=0.005)


def _moves(rng: np.random.Generator, cues: Cues, size: tuple[int, int]) -> list[tuple[Matrix, Matrix]]:
    """How subject and background have moved in each frame of a cue, from where they are in the image."""
    if rng.random() >= cues.smooth:
        return [
            (cues.subject.sample(rng, size, size), cues.scene.sample(rng, size, size)) for _ in NEIGHBOURS
        ]
    plan = scenario(int(rng.integers(2**31)), size)
    gap = int(rng.integers(cues.gap[0], cues.gap[1] + 1))
    return [moves(plan, number * gap / plan.rate) for number in NEIGHBOURS]


def shaken(
    image: Bytes, rng: np.random.Generator, cues: Cues, warp: Callable[..., Bytes] = vips_warp
) -> Bytes:
    """The cue of a photo as a whole: still, or as a hand that holds the camera moves it; uint8 (4, H, W)."""
    if rng.random() < cues.still:
        return _repeated(image)
    seen, size = to_luma(image), (image.shape[0], image.shape[1])
    frames = [warp(seen, camera, mirrored=True) for _, camera in _moves(rng, cues, size)]
    return _noisy(to_float(np.stack(frames)), rng, cues)


def _repeated(image: Bytes) -> Bytes:
    return np.repeat(to_luma(image)[None], len(NEIGHBOURS), 0)


def _noisy(frames: Float, rng: np.random.Generator, cues: Cues) -> Bytes:
    deviation = np.float32(rng.uniform(0, cues.noise))
    return from_float((frames + deviation * rng.standard_normal(frames.shape, dtype=np.float32)).clip(0, 1))


def cue_trimap(mask: Bytes, rng: np.random.Generator, cues: Cues) -> Bytes:
    """A mask's trimap with a band of a width within `Cues.width`, uint8 (H, W)."""
    return trimap_from_mask(to_float(mask), width=float(rng.uniform(*cues.width)))
