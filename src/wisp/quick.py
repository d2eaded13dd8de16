"""Alpha in some hundredths of a second a picture, for video; photos are worth more time.

The expensive parts work on a small picture, and what is left for the full size is done where alpha is soft.
In a clip the portrait network is led by its own last alpha, moved along (Perazzi et al. 2017, "Learning Video
Object Segmentation from Static Images", CVPR): the segmenter is asked only now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from wisp.arrays import Alpha, Float, Image, Mask, Motion, check_image
from wisp.inference.dlmn import dlmn
from wisp.inference.models import find_model
from wisp.inference.portrait import generate, surroundings
from wisp.inference.regions import Box, presence
from wisp.inference.segmenter import FLOOR, segment, session_of
from wisp.inference.sessions import Device, Precision
from wisp.opencv import opencv, read_between, shrink


class Hair(NamedTuple):
    """What `feathered` draws, and how.

    Attributes:
        window: side of the windows over which 4 α (1 − α) is averaged to tell hair from narrow edges, pixels.
        least: average above which alpha begins to follow the colours.
        full: average from which it does so altogether.
        radius: windows in which alpha is fitted to colours are (2 radius + 1)² pixels.
        reduction: they are taken on a picture this much smaller.
        sway: alpha, and 1 − α, grow to at most this many times what they were.
    """

    window: int = 13
    least: float = 0.3
    full: float = 0.5
    radius: int = 24
    reduction: int = 4
    sway: float = 2.0


SIDES: Final = {"alpha": 720, "mask": 640}
"""Length of the longer side of the small picture, for the portrait network and for the segmenter alone."""
RADII: Final = {"alpha": 2, "mask": 6}
"""Windows of the guided filter are (2 r + 1)² pixels of the small picture."""
EPSILON: Final = 1e-4
"""Variance of colours below which one of its windows counts as flat."""
REFRESH: Final = 4
"""So often, in frames, the segmenter is asked whether the subject is still all there is."""
LOST: Final = 0.2
"""Below this the segmenter is believed that what was `SURE` is no longer there."""
SURE: Final = 0.9
"""Alpha of the frame before over this was surely subject."""
HOLE: Final = 0.02
"""An enclosed hole of less than this share of the subject is doubtful, see `_without_holes`."""
SOLID: Final = 0.8
"""Alpha below this, enclosed by what is not, is such a hole."""
DOUBTFUL: Final = np.float32(0.85)
"""What stands for alpha in it, to be led by."""
HAIR: Final = Hair()
"""Chosen on six made clips of people held out of training; ten others gained as much (decision 027)."""
GRID: Final = 32
"""What the network sees begins and ends at multiples of this, in pixels of the small picture.

Its view then changes seldom, and with it what it is unsure of.
"""

_SOFT = np.float32(0.5 / 255)


class Past(NamedTuple):
    """What the frames before say of one.

    Attributes:
        alpha: of the frame before, moved along to this one: float32, as large as the method's own.
        age: frames since the beginning or the last cut, at least 1.
        picture: this frame reduced to the alpha's size, float32 (h, w, 3), where that is known already.
    """

    alpha: Alpha
    age: int
    picture: Image | None = None


def quick_alpha(
    image: Image,
    past: Past | None = None,
    /,
    *,
    model: str | Path | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> Alpha:
    """Alpha of the people in a frame by the portrait network, on a small picture; `finished` enlarges it.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        past: what the frames before say; None to look for the subject anew.
        model: a portrait network other than the default: its name or an ONNX file.
        device: where to run it: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``int8``.

    Returns:
        float32 (h, w), [0, 1]: that of `working_picture`, whose longer side is ``SIDES["alpha"]`` at most.

    Raises:
        InputError: no such network, device or precision, or a file that is no portrait network.
        MissingExtraError: OpenCV is not installed.
    """
    size = working_size(check_image(image), SIDES["alpha"])
    known = None if past is None else past.picture
    small = known if known is not None and known.shape[:2] == size else shrink(image, *size)
    row = find_model(model, "portrait")
    session = session_of(row, device=device, precision=precision)
    mask = led_mask(small, past, device=device, precision=precision)
    alpha = np.zeros(mask.shape, np.float32)
    found = surroundings(mask)
    if found is not None:
        box = _on_grid(found, mask.shape)
        part = small[box.slices]
        seen_alpha = np.ascontiguousarray(generate(session, row, part, mask[box.slices]))
        seen_alpha = feathered(shrink(part, *seen_alpha.shape), seen_alpha)
        size = (part.shape[1], part.shape[0])
        alpha[box.slices] = opencv().resize(seen_alpha, size, interpolation=opencv().INTER_LINEAR)
    return alpha


def feathered(picture: Image, alpha: Alpha) -> Alpha:
    """An alpha whose wide soft parts, hair above all, follow the picture's colours.

    There the network gives a haze, but knows what lies inside and outside of it. So alpha is fitted as an
    affine function of colour over windows that hold both: the Fast Guided Filter (He and Sun 2015) with the
    picture as its guide. Where edges are narrow the network is more exact, and its alpha stays.

    Args:
        picture: float32 (h, w, 3), [0, 1].
        alpha: float32 (h, w), [0, 1].

    Returns:
        float32 (h, w), [0, 1].
    """
    cv2 = opencv()
    softness = cv2.boxFilter(4 * alpha * (1 - alpha), -1, (HAIR.window, HAIR.window))
    share = ((softness - HAIR.least) / (HAIR.full - HAIR.least)).clip(0, 1)
    box = presence(share, 2 * HAIR.radius)
    if box is None:
        return alpha
    part, known, share = picture[box.slices], alpha[box.slices], share[box.slices]
    height, width = known.shape
    size = max(1, round(height / HAIR.reduction)), max(1, round(width / HAIR.reduction))
    lines = _affine(shrink(part, *size), shrink(known, *size), HAIR.radius // HAIR.reduction, EPSILON)
    lines = cv2.resize(lines, (width, height), interpolation=cv2.INTER_LINEAR)
    fitted = lines[..., 3] + np.einsum("hwc,hwc->hw", lines[..., :3], part)
    fitted = np.minimum(np.maximum(fitted, 1 - HAIR.sway * (1 - known)), HAIR.sway * known).clip(0, 1)
    drawn = alpha.copy()
    drawn[box.slices] += share * (fitted - known)
    return drawn


def led_mask(
    small: Image, past: Past | None, *, device: Device = "auto", precision: Precision = "auto"
) -> Mask:
    """Where the subject is, roughly: the last alpha moved along, or the segmenter's mask; no small holes.

    Every `REFRESH` frames it is the mean of both, so that a subject that comes in is found, and one that was
    never there is lost; but what was surely subject stays so where the segmenter merely doubts it. Where
    there was nobody, the segmenter looks in every frame.

    Args:
        small: the picture, float32 (h, w, 3), [0, 1].
        past: what the frames before say; not used where it is of another size.
        device: as in `quick_alpha`.
        precision: as in `quick_alpha`.

    Returns:
        float32 (h, w), [0, 1].
    """
    known = past is not None and past.alpha.shape == small.shape[:2] and past.alpha.max() >= FLOOR
    led = past if known else None
    if led is not None and led.age % REFRESH:
        return _without_holes(led.alpha.clip(0, 1))
    mask = segment(small, device=device, precision=precision)
    if led is not None:
        last = led.alpha.clip(0, 1)
        sure = (last > SURE) & (mask > LOST)
        mask = np.where(sure, last, (mask + last) * np.float32(0.5))
    return _without_holes(mask)


def _without_holes(alpha: Alpha) -> Mask:
    """An alpha or a mask whose small enclosed holes are nearly closed.

    What the network doubts in one frame it doubts more when its own doubt leads it in the next, until a hole
    is open. So it is asked anew, every time: a gap through which the background is seen stays open.
    """
    cv2 = opencv()
    solid = alpha >= SOLID
    around = presence(solid, 1)
    if around is None:
        return alpha
    soft = 1 - solid[around.slices].view(np.uint8)
    count, regions, boxes, _ = cv2.connectedComponentsWithStats(soft, connectivity=4)
    height, width = soft.shape
    largest = HOLE * np.count_nonzero(regions == 0)
    closed: Mask = alpha
    for number in range(1, count):
        left, top, columns, rows, area = boxes[number]
        enclosed = left > 0 and top > 0 and left + columns < width and top + rows < height
        if enclosed and area < largest:
            closed = alpha.copy() if closed is alpha else closed
            part = np.s_[top : top + rows, left : left + columns]
            closed[around.slices][part][regions[part] == number] = DOUBTFUL
    return closed


def finished(image: Image, alpha: Alpha, picture: Image | None = None) -> Alpha:
    """An alpha at the size of its picture, with the picture's edges: a smaller one by `guided_enlargement`.

    What is enlarged is exactly 0 or 1 where it is nearer to that than 1/255.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W) or smaller, [0, 1].
        picture: the image reduced to the alpha's size, where that is known already.
    """
    if alpha.shape == image.shape[:2]:
        return alpha
    small = shrink(image, *alpha.shape) if picture is None else picture
    drawn = guided_enlargement(small, alpha, image, radius=RADII["alpha"])
    cv2 = opencv()
    # A network is never quite sure; what no file of eight bits could show is work for nothing.
    for _ in range(2):  # below 1/255 it is 0; so is what is hidden, 1 − α, the second time
        cv2.threshold(drawn, 1 / 255, 0, cv2.THRESH_TOZERO, dst=drawn)
        np.subtract(1, drawn, out=drawn)
    return drawn


def quick_dlmn(
    image: Image,
    motion: Motion,
    /,
    *,
    model: str | Path | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> Alpha:
    """The same by DLMN-G, which is shown the neighbouring frames as well.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        motion: four neighbouring frames in grey, float32 (H, W, 4), [0, 1].
        model: a network of the family ``dlmn`` other than the default: its name or an ONNX file.
        device: as in `quick_alpha`.
        precision: as in `quick_alpha`.

    Returns:
        float32 (h, w), [0, 1], of the small picture, as `quick_alpha`.

    Raises:
        InputError: see `wisp.inference.dlmn.dlmn`.
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = opencv()
    small = working_picture(check_image(image), SIDES["alpha"])
    size = (small.shape[1], small.shape[0])
    frames = np.asarray(cv2.resize(motion, size, interpolation=cv2.INTER_AREA), np.float32)
    mask = segment(small, device=device, precision=precision)
    return dlmn(small, mask, motion=frames, model=model, device=device, precision=precision, refined=False)


def quick_mask(
    image: Image,
    past: Past | None = None,
    /,
    *,
    model: str | Path | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> Alpha:
    """Alpha by the segmenter alone, which is coarser, drawn to the frame's edges.

    Fast Guided Filter (He and Sun 2015): affine functions of colour are fitted on the small picture and
    applied to the large one.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1], of any size.
        past: not looked at.
        model: a segmentation network other than the default: its name or an ONNX file.
        device: as in `quick_alpha`.
        precision: as in `quick_alpha`.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        InputError: see `wisp.inference.segmenter.segment`.
        MissingExtraError: OpenCV is not installed.
    """
    small = working_picture(check_image(image), SIDES["mask"])
    mask = segment(small, model=model, device=device, precision=precision)
    return guided_enlargement(small, mask, image, radius=RADII["mask"])


def working_picture(image: Image, side: int) -> Image:
    """The image with its longer side reduced to `side`, never enlarged: float32 (h, w, 3)."""
    return shrink(image, *working_size(image, side))


def working_size(image: Image, side: int) -> tuple[int, int]:
    """Height and width of `working_picture`."""
    height, width = image.shape[:2]
    share = min(1.0, side / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def guided_enlargement(
    small: Image, mask: Mask | Alpha, image: Image, *, radius: int, epsilon: float = EPSILON
) -> Alpha:
    """A small mask at the size of its picture, with that picture's edges.

    Args:
        small: the picture reduced, float32 (h, w, 3), [0, 1].
        mask: float32 (h, w), [0, 1].
        image: the picture itself, float32 (H, W, 3), [0, 1].
        radius: windows are (2 radius + 1)² pixels of the small picture, mirrored at its border.
        epsilon: variance of colours below which a window counts as flat.

    Returns:
        float32 (H, W), [0, 1]. Where the mask is the same all over a window's reach, alpha is the mask.
    """
    cv2 = opencv()
    height, width = image.shape[:2]
    base: Alpha = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    mean_p, spread = _averaged(mask, radius)
    box = presence((mean_p > _SOFT) & (mean_p < 1 - _SOFT), 3 * radius + 2)
    if box is None:
        return base
    reach = cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
    places = np.flatnonzero((reach > _SOFT) & (reach < 1 - _SOFT))
    lines = _affine(small[box.slices], mask[box.slices], radius, epsilon)
    rows, columns = np.divmod(places, width)
    y = (rows + 0.5) * (mask.shape[0] / height) - (0.5 + box.top)
    x = (columns + 0.5) * (mask.shape[1] / width) - (0.5 + box.left)
    large = read_between(lines, y, x)
    values = large[:, 3] + np.einsum("nc,nc->n", large[:, :3], image.reshape(-1, 3).take(places, 0))
    base.reshape(-1)[places] = values.clip(0, 1)
    return base


def _on_grid(box: Box, size: tuple[int, int]) -> Box:
    """The box widened to multiples of `GRID`, inside the picture."""
    height, width = size
    return Box(
        box.top // GRID * GRID,
        box.left // GRID * GRID,
        min(height, -(-box.bottom // GRID) * GRID),
        min(width, -(-box.right // GRID) * GRID),
    )


def _averaged(mask: Mask, radius: int) -> tuple[Mask, Mask]:
    """The mask averaged over windows, and once more: over all that a pixel's line depends on; (h, w) each."""
    once = _window_mean(mask, radius)
    return once, _window_mean(once, radius)


def _window_mean(plane: Float, radius: int) -> Float:
    """Mean over (2 radius + 1)² windows, mirrored at the border; (h, w) or (h, w, C)."""
    cv2 = opencv()
    size = (2 * radius + 1, 2 * radius + 1)
    averaged: Float = cv2.boxFilter(plane, -1, size, borderType=cv2.BORDER_REFLECT)
    return averaged


def _affine(small: Image, mask: Mask, radius: int, epsilon: float) -> Float:
    """Slopes (3) and offset of alpha as a function of colour, averaged over windows: float32 (h, w, 4)."""
    mean_p = _window_mean(mask, radius)
    varied = np.flatnonzero((mean_p > _SOFT) & (mean_p < 1 - _SOFT))

    def mean(plane: Float) -> Float:
        return _window_mean(plane, radius).reshape(-1).take(varied)

    colours = opencv().split(small)
    means = [mean(plane) for plane in colours]
    p = mean_p.reshape(-1).take(varied)
    covariance = [mean(c * mask) - m * p for c, m in zip(colours, means, strict=True)]
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    variance = [mean(colours[i] * colours[j]) - means[i] * means[j] for i, j in pairs]
    for i in (0, 3, 5):  # of one colour with itself
        variance[i] += np.float32(epsilon)
    slopes = _solve(variance, covariance)
    lines = np.zeros((*mask.shape, 4), np.float32)
    lines[..., 3] = mean_p
    flat = lines.reshape(-1, 4)
    offset = p - sum(slope * m for slope, m in zip(slopes, means, strict=True))
    flat[varied] = np.stack([*slopes, offset], 1)
    return _window_mean(lines, radius)


def _solve(matrix: Sequence[Float], right: Sequence[Float]) -> list[Float]:
    """Symmetric 3 × 3 systems by Cramer's rule.

    In double precision: where a window holds two colours only, the determinant nearly vanishes.

    Args:
        matrix: the entries 11, 12, 13, 22, 23 and 33, (N,) each.
        right: three of (N,).

    Returns:
        three of float32 (N,).
    """
    a, b, c, d, e, f = (entry.astype(np.float64) for entry in matrix)
    ad, be, cd = d * f - e * e, c * e - b * f, b * e - c * d
    adjugate = ((ad, be, cd), (be, a * f - c * c, b * c - a * e), (cd, b * c - a * e, a * d - b * b))
    factor = 1 / np.maximum(a * ad + b * be + c * cd, 1e-20)
    x, y, z = right
    return [((u * x + v * y + w * z) * factor).astype(np.float32) for u, v, w in adjugate]
