"""Photos in parts: half sizes, tiles that cover what is unknown, and their blend."""

import numpy as np
import pytest

from matting.classical.scenes import scene
from wisp.matting.classical.large import OVERLAP, halve, tiles
from wisp.matting.classical.system import System, solve


def test_half_size_keeps_what_is_known_unless_pixels_disagree():
    image, trimap = np.zeros((3, 4, 3), np.float32), np.full((3, 4), 128, np.uint8)
    image[:2, :2] = np.float32([[0.1], [0.3]])[:, None]
    trimap[0, 0], trimap[0, 2], trimap[1, 3], trimap[2, 1] = 255, 255, 0, 0
    small, coarse = halve(image, trimap)
    assert small.shape == (2, 2, 3)
    np.testing.assert_allclose(small[0, 0], 0.2, atol=1e-6)
    assert coarse.tolist() == [[255, 128], [0, 128]]


@pytest.mark.parametrize("kind", ["band", "scribbles", "specks"])
@pytest.mark.parametrize("at_once", [4000, 20000])
def test_tiles_cover_everything_unknown(kind, at_once):
    _, trimap = scene((310, 420), kind)
    unknown = trimap == 128
    covered = np.zeros(unknown.shape, int)
    cut = list(tiles(unknown, at_once))
    for tile in cut:
        covered[tile.solved] += 1
        assert tile.weight(unknown.shape).shape == covered[tile.solved].shape
        assert tile.weight(unknown.shape).min() > 0
        sides = [side.stop - side.start for side in tile.solved]
        assert tile.unknown_of(unknown).sum() <= at_once or max(sides) <= 4 * OVERLAP + 2
        assert tile.unknown_of(unknown).sum() == unknown[tile.solved].sum()
    assert (covered[unknown] > 0).all()
    assert len(cut) > 1


def test_nothing_unknown_makes_no_tile():
    assert not list(tiles(np.zeros((50, 60), bool), 10))


def test_tiles_that_disagree_are_blended_without_a_seam():
    """Each part is given an alpha of its own, and neighbours differ by up to 0.2."""
    rng = np.random.default_rng(0)

    def build(part, _):
        pixels = np.flatnonzero(part.unknown)
        return System(lambda x: x, np.full(len(pixels), rng.uniform(0.4, 0.6)), lambda r: r, pixels)

    image, trimap = np.zeros((500, 600, 3), np.float32), np.full((500, 600), 128, np.uint8)
    trimap[0], trimap[-1] = 0, 255
    alpha = solve(
        image, trimap, build, method="constant", tolerance=1e-6, max_iterations=5, at_once=70000
    ).alpha[1:-1]
    assert np.ptp(alpha) > 0.05
    assert np.abs(np.diff(alpha, axis=0)).max() < 1 / 255
    assert np.abs(np.diff(alpha, axis=1)).max() < 1 / 255
