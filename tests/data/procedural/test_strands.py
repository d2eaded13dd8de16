"""The strands' rasteriser against brute force: sixteen by sixteen samples a pixel."""

from itertools import pairwise

import numpy as np
import pytest

from wisp.data.procedural.strands import Canvas, Strands

SIDE, FINE = 40, 16  # pixels, and samples a pixel each way


def strand(points, width, *, colour=(1.0, 0.5, 0.25), nearness=0.5, **options):
    points = np.asarray(points, np.float32)[None]
    width = np.broadcast_to(np.asarray(width, np.float32), (1, points.shape[1]))
    return Strands(
        points, width, np.array([[colour]], np.float32), np.array([nearness], np.float32), **options
    )


def drawn(*strands, size=(SIDE, SIDE)):
    canvas = Canvas(size)
    for one in strands:
        canvas.strands(one)
    return canvas.result()


def supersampled(points, width):
    """Share of 16×16 samples a pixel within half the width of the curve: joints round, ends straight."""
    points = np.asarray(points, float)
    width = np.broadcast_to(np.asarray(width, float), len(points))
    place = (np.arange(SIDE * FINE) + 0.5) / FINE
    inside = np.zeros((SIDE * FINE, SIDE * FINE), bool)
    last = len(points) - 2
    for number, (p, q) in enumerate(pairwise(points)):
        reach = width[number : number + 2].max() / 2
        box = []
        for low, high in zip(np.minimum(p, q) - reach, np.maximum(p, q) + reach, strict=True):
            box.append(slice(max(0, int(low * FINE)), max(0, int(np.ceil(high * FINE)))))
        x, y = np.meshgrid(place[box[0]], place[box[1]])
        step = q - p
        length = np.hypot(*step)
        along = ((x - p[0]) * step[0] + (y - p[1]) * step[1]) / length**2
        near = np.clip(along, 0, 1)
        distance = np.hypot(x - p[0] - near * step[0], y - p[1] - near * step[1])
        half = (width[number] + (width[number + 1] - width[number]) * near) / 2
        beyond = ((along < 0) & (number == 0)) | ((along > 1) & (number == last))
        inside[box[1], box[0]] |= (distance <= half) & ~beyond
    return inside.reshape(SIDE, FINE, SIDE, FINE).mean((1, 3))


def away_from_ends(points, reach):
    """Pixels farther than `reach` from both ends, which strands have cut along the grid."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    return np.min([np.hypot(x - p[0], y - p[1]) for p in (points[0], points[-1])], axis=0) > reach


def arc(turn, count=24, radius=13.0, start=0.3):
    angle = start + np.linspace(0, turn, count)
    return np.stack([SIDE / 2 + radius * np.cos(angle), SIDE / 2 + radius * np.sin(angle)], -1)


@pytest.mark.parametrize("angle", [0.03, 0.2, 0.6, 0.7853, 1.1, 1.53, 2.4, 3.0, 4.5])
@pytest.mark.parametrize("width", [0.4, 1.0, 2.7])
def test_straight_strands_cover_what_samples_say(angle, width):
    middle, reach = np.array([20.3, 19.6]), 12 * np.array([np.cos(angle), np.sin(angle)])
    points = [middle - reach, middle, middle + reach]
    found, expected = drawn(strand(points, width))[3], supersampled(points, width)
    assert np.abs(found - expected)[away_from_ends(points, 3)].max() < 0.035
    assert found.sum() == pytest.approx(expected.sum(), rel=0.03)


@pytest.mark.parametrize(
    ("width", "mean", "most"), [(0.25, 0.012, 0.06), (0.5, 0.014, 0.09), (1.0, 0.02, 0.09), (3.0, 0.02, 0.1)]
)
def test_curves_cover_what_samples_say(width, mean, most):
    points = arc(4.5)
    found, expected = drawn(strand(points, width))[3], supersampled(points, width)
    difference = np.abs(found - expected)[(expected > 0) & away_from_ends(points, 3)]
    assert difference.mean() < mean
    assert np.percentile(difference, 95) < most
    assert found.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_a_strand_a_tenth_of_a_pixel_wide_covers_a_tenth():
    found = drawn(strand([(-1, 20.5), (41, 20.5)], 0.1))[3]
    np.testing.assert_allclose(found[20], 0.1, atol=1e-5)
    assert found.sum() == pytest.approx(0.1 * SIDE, rel=1e-4)


@pytest.mark.parametrize("offset", [0.0, 0.13, 0.5, 0.87])
def test_a_thin_strand_covers_as_much_wherever_it_lies_between_pixels(offset):
    found = drawn(strand([(5, 10 + offset), (35, 18 + offset)], 0.3))[3]
    assert found.sum() == pytest.approx(0.3 * np.hypot(30, 8), rel=0.01)


def test_width_tapers_along_a_strand():
    points = np.stack([np.linspace(4, 36, 9), np.linspace(15, 25, 9)], -1)
    width = np.linspace(4, 0, 9)
    found, expected = drawn(strand(points, width))[3], supersampled(points, width)
    assert np.abs(found - expected)[:, 6:].max() < 0.06
    assert found.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_broad_curves_are_solid_inside():
    points = arc(5.5, count=40, radius=12)
    found, expected = drawn(strand(points, 7.0))[3], supersampled(points, 7.0)
    inside = (expected == 1) & away_from_ends(points, 6)
    assert inside.sum() > 200
    assert (found[inside] > 0.9).all()
    assert (found[inside] == 1).mean() > 0.95


def test_strands_hide_each_other_independently():
    across = [strand([(-1, y), (41, y)], 0.5) for y in (20.5, 20.5, 20.5)]
    found = drawn(*across)[3]
    np.testing.assert_allclose(found[20], 1 - 0.5**3, atol=1e-5)


def test_the_nearer_strand_shows_whatever_the_order():
    red = strand([(-1, 20.5), (41, 20.5)], 5, colour=(1, 0, 0), nearness=0.9)
    blue = strand([(20.5, -1), (20.5, 41)], 5, colour=(0, 0, 1), nearness=0.2)
    for order in ((red, blue), (blue, red)):
        np.testing.assert_allclose(drawn(*order)[:, 20, 20], [1, 0, 0, 1], atol=0.01)


def test_colours_are_premultiplied_by_the_alpha_that_was_drawn():
    found = drawn(strand(arc(3.0), 0.4, colour=(0.8, 0.4, 0.2)))
    np.testing.assert_allclose(found[0], 0.8 * found[3], atol=1e-6)
    np.testing.assert_allclose(found[2], 0.2 * found[3], atol=1e-6)


def test_opacity_scales_coverage():
    full, half = (drawn(strand([(2, 7), (38, 30)], 0.6, opacity=o))[3] for o in (1.0, 0.5))
    np.testing.assert_allclose(half, full / 2, atol=1e-6)


def test_grain_changes_colours_and_not_alpha():
    plain, grained = (drawn(strand(arc(3.0), 8, grain=g)) for g in (0.0, 0.5))
    np.testing.assert_array_equal(plain[3], grained[3])
    solid = plain[3] == 1
    assert np.std(grained[0][solid]) > 0.05
    assert np.std(plain[0][solid]) < 1e-5


def test_what_lies_outside_the_canvas_is_left_out():
    whole = drawn(strand([(-30, -20), (70, 55)], 3), size=(SIDE, SIDE))[3]
    shifted = drawn(strand([(-20, -10), (80, 65)], 3), size=(SIDE + 20, SIDE + 20))[3]
    np.testing.assert_allclose(shifted[10 : 10 + SIDE, 10 : 10 + SIDE], whole, atol=1e-4)
    assert not drawn(strand([(-30, -20), (-5, 60)], 3))[3].any()
    assert not drawn(strand([(60, -20), (70, 60)], 3))[3].any()


def test_degenerate_strands_draw_nothing_odd():
    still = drawn(strand([(10, 10), (10, 10), (10, 10)], 2))
    assert np.isfinite(still).all()
    assert still[3].sum() < 0.1
    assert not drawn()[3].any()
    assert not drawn(strand([(3, 3), (30, 30)], 0.0))[3].any()


def test_layers_lie_behind_or_before_strands():
    canvas = Canvas((SIDE, SIDE))
    canvas.layer(np.array([0, 1, 0], np.float32), np.ones((10, 12), np.float32), 0.5, (4, 6))
    canvas.strands(strand([(-1, 8.5), (41, 8.5)], 3, colour=(1, 0, 0), nearness=0.1))
    found = canvas.result()
    np.testing.assert_allclose(found[:, 8, 10], [0, 1, 0, 1], atol=0.01)
    np.testing.assert_allclose(found[:, 8, 30], [1, 0, 0, 1], atol=1e-5)
    assert found[3, 4:14, 6:18].min() == 1
    assert found[3, 20:].max() == 0
