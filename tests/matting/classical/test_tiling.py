"""Photos in parts: tiles that cover what is unknown, and their blend."""

import numpy as np
import pytest

from matting.classical.scenes import scene
from wisp.matting.classical.system import System, solve
from wisp.matting.classical.tiling import OVERLAP, adjoining_tiles, overlapping_tiles


@pytest.mark.parametrize("kind", ["band", "scribbles", "specks"])
@pytest.mark.parametrize("at_once", [4000, 20000])
def test_tiles_cover_everything_unknown(kind, at_once):
    _, trimap = scene((310, 420), kind)
    unknown = trimap == 128
    covered = np.zeros(unknown.shape, int)
    cut = list(overlapping_tiles(unknown, at_once))
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
    nothing = np.zeros((50, 60), bool)
    assert not list(overlapping_tiles(nothing, 10))
    assert not list(adjoining_tiles(nothing, 10, 5))


def test_adjoining_tiles_hold_everything_unknown_once_and_see_a_margin():
    _, trimap = scene((310, 420), "band")
    unknown = trimap == 128
    covered = np.zeros(unknown.shape, int)
    cut = list(adjoining_tiles(unknown, 4000, 9))
    for tile in cut:
        covered[tile.solved] += 1
        assert np.count_nonzero(unknown[tile.seen]) <= 4000
        assert np.array_equal(unknown[tile.seen][tile.inside], unknown[tile.solved])
        for solved, seen, size in zip(tile.solved, tile.seen, unknown.shape, strict=True):
            assert (seen.start, seen.stop) == (max(0, solved.start - 9), min(size, solved.stop + 9))
    assert (covered[unknown] == 1).all()
    assert covered.max() == 1
    assert len(cut) > 1


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
