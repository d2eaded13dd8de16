"""Pictures without a subject that nobody has to photograph: printed pages, stripes, tiles, gradients, noise.

A network that has seen 283 scenes knows a rock or a street when it sees one, and cuts a page of text out.
"""

from __future__ import annotations

import cv2
import numpy as np

from wisp.core.arrays import Bytes, Float
from wisp.data.placing import Rng

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def random_pattern(size: tuple[int, int], rng: Rng) -> Bytes:
    """A page of text, stripes, tiles or coloured noise, lit unevenly; uint8 (H, W, 3).

    Args:
        size: height and width.
        rng: source of chance.
    """
    draw = rng.random()
    if draw < 0.4:
        flat = _page(size, rng)
    elif draw < 0.7:
        flat = _tiles(size, rng)
    else:
        flat = _noise(size, rng)
    lit = flat * _light(size, rng)[..., None]
    out: Bytes = np.clip(lit, 0, 255).astype(np.uint8)
    return out


def _colour(rng: Rng, low: float = 0, high: float = 255) -> Float:
    grey = rng.uniform(low, high)
    tint = rng.uniform(-1, 1, 3) * rng.choice([0, 10, 60])
    out: Float = np.clip(grey + tint, 0, 255).astype(np.float32)
    return out


def _light(size: tuple[int, int], rng: Rng) -> Float:
    """A slope and a wide soft spot of light, about 1."""
    rows = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    angle, steepness = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    slope = (np.cos(angle) * rows + np.sin(angle) * columns) * np.float32(steepness)
    spot = rng.uniform(-1, 1, 2)
    distance = (rows - spot[0]) ** 2 + (columns - spot[1]) ** 2
    out: Float = (1 + slope - np.float32(rng.uniform(0, 0.2)) * distance).astype(np.float32)
    return out


def _page(size: tuple[int, int], rng: Rng) -> Bytes:
    """Columns of words, dark on light or light on dark, with headings, rules and gaps."""
    paper, ink = _colour(rng, 170, 255), _colour(rng, 0, 90)
    if rng.random() < 0.2:
        paper, ink = ink, paper
    page = np.empty((*size, 3), np.uint8)
    page[:] = paper.astype(np.uint8)
    columns = int(rng.integers(1, 4))
    font = int(FONTS[int(rng.integers(len(FONTS)))])
    letter = rng.uniform(0.012, 0.05) * size[1] / columns + 3
    margin = rng.uniform(0.0, 0.1) * size[1]
    extent = (size[1] - 2 * margin) / columns
    colour = [float(c) for c in ink]
    for column in range(columns):
        left, right = margin + column * extent, margin + (column + 0.92) * extent
        line = float(rng.uniform(0, 3) * letter)
        while line < size[0] + letter:
            heading = rng.random() < 0.05
            height = letter * (1.7 if heading else 1.0)
            if rng.random() < 0.06:
                line += height  # between paragraphs
            elif rng.random() < 0.03:
                cv2.line(page, (int(left), int(line)), (int(right), int(line)), colour, 1, cv2.LINE_AA)
            place = left
            end = right if rng.random() < 0.8 else rng.uniform(left, right)
            while place < end:
                word = "".join(chr(97 + int(c)) for c in rng.integers(0, 26, int(rng.integers(2, 10))))
                at = (int(place), int(line))
                scale = height / 22
                thickness = max(1, round(scale * (2.4 if heading else 1.2)))
                cv2.putText(page, word, at, font, scale, colour, thickness, cv2.LINE_AA)
                place += (len(word) + 1) * height * 0.85
            line += 1.9 * height
    return page


def _tiles(size: tuple[int, int], rng: Rng) -> Bytes:
    """Stripes, checks or tiles with joints, turned by a random angle."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    x = np.cos(angle) * columns + np.sin(angle) * rows
    y = np.cos(angle) * rows - np.sin(angle) * columns
    period = float(rng.uniform(0.02, 0.3)) * max(size)
    across, along = np.floor(x / period), np.floor(y / (period * rng.uniform(0.5, 2)))
    first, second = _colour(rng), _colour(rng)
    draw = rng.random()
    if draw < 0.3:
        odd = across % 2
    elif draw < 0.55:
        odd = (across + along) % 2
    else:  # each its own shade, joints between them
        shades = rng.uniform(0, 0.35, 4096).astype(np.float32)
        odd = shades[(across * 61 + along * 17).astype(int) % len(shades)]
        width = rng.uniform(0.02, 0.12)
        odd = np.where(np.minimum((x / period) % 1, (y / period) % 1) < width, 1.0, odd)
    out: Bytes = (first + odd[..., None].astype(np.float32) * (second - first)).clip(0, 255).astype(np.uint8)
    return out


def _noise(size: tuple[int, int], rng: Rng) -> Bytes:
    """Noise of several scales between two colours: walls, sand, cloth, clouds, water."""
    total = np.zeros(size, np.float32)
    stretch = float(np.exp(rng.uniform(-1.2, 1.2)))
    slope = rng.uniform(0.3, 1.3)
    for octave in range(1, 8):
        cells = (max(2, round(2**octave * stretch)), max(2, round(2**octave / stretch)))
        if max(cells) > max(size):
            break
        grain = rng.standard_normal(cells).astype(np.float32)
        total += cv2.resize(grain, size[::-1], interpolation=cv2.INTER_CUBIC) * np.float32(
            2 ** (-slope * octave)
        )
    total = (total - total.mean()) / (total.std() + 1e-6)
    share = np.clip(0.5 + total * rng.uniform(0.05, 0.3), 0, 1)[..., None]
    first, second = _colour(rng), _colour(rng)
    out: Bytes = (first + share * (second - first)).astype(np.uint8)
    return out
