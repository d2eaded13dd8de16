"""Annotations in Supervisely's format: what is drawn where, and files that are none."""

import base64
import json
import zlib

import numpy as np
import pytest

import data_trees as trees
from wisp.core.errors import InputError
from wisp.data.supervisely import read_annotation

CHECKERS = np.indices((4, 5)).sum(0) % 2 == 0


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ([2, 1], (slice(1, 5), slice(2, 7), slice(0, 4), slice(0, 5))),
        ([-2, -1], (slice(0, 3), slice(0, 3), slice(1, 4), slice(2, 5))),
        ([13, 10], (slice(10, 12), slice(13, 15), slice(0, 2), slice(0, 2))),
    ],
)
def test_bitmaps_lie_at_their_origin_and_are_cut_off_at_the_sides(origin, shown, tmp_path):
    trees.annotation(tmp_path / "a.json", [{"classTitle": "person_bmp", **trees.bitmap(CHECKERS, origin)}])
    alpha, trust = read_annotation(tmp_path / "a.json")
    rows, columns, above, beside = shown
    expected = np.zeros((12, 15), np.uint8)
    expected[rows, columns] = np.where(CHECKERS[above, beside], 255, 0)
    np.testing.assert_array_equal(alpha, expected)
    assert (trust == 255).all()


@pytest.mark.parametrize("origin", [[15, 0], [0, 12], [40, 40], [-5, 0], [0, -4], [-90, -90]])
def test_a_bitmap_outside_shows_nothing(origin, tmp_path):
    trees.annotation(tmp_path / "a.json", [{"classTitle": "person_bmp", **trees.bitmap(CHECKERS, origin)}])
    assert not read_annotation(tmp_path / "a.json")[0].any()


def test_a_polygon_is_filled_where_its_ring_goes_around_a_pixels_middle(tmp_path):
    ring = [[-3.0, 1.2], [9.7, 4.1], [20.0, 30.0], [4.2, 8.8]]
    trees.annotation(tmp_path / "a.json", [{"classTitle": "person_poly", **trees.polygon(ring)}])
    alpha, _ = read_annotation(tmp_path / "a.json")
    y, x = np.mgrid[:12, :15] + 0.5
    turned = np.zeros((12, 15))  # the angle that the ring turns around each middle
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
        a, b = (x0 - x) + 1j * (y0 - y), (x1 - x) + 1j * (y1 - y)
        turned += np.angle(b / a)
    np.testing.assert_array_equal(alpha > 0, np.abs(turned) > 3)
    assert 0 < (alpha > 0).mean() < 1


def bad(**changes):
    shape = {"classTitle": "person_bmp", **trees.bitmap(CHECKERS, [0, 0]), **changes}
    return json.dumps({"size": {"height": 12, "width": 15}, "objects": [shape]})


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "nothing",
        '{"size": {"height": 12, "width": 15}}',
        '{"size": {"height": 0, "width": 15}, "objects": []}',
        '{"size": {"height": 999999, "width": 999999}, "objects": []}',
        bad(bitmap={"data": "no base64", "origin": [0, 0]}),
        bad(bitmap={"data": base64.b64encode(b"not deflated").decode(), "origin": [0, 0]}),
        bad(bitmap={"data": base64.b64encode(zlib.compress(b"no PNG")).decode(), "origin": [0, 0]}),
        bad(bitmap={**trees.bitmap(CHECKERS, [0, 0])["bitmap"], "origin": [1e400, 0]}),
        bad(geometryType="rectangle"),
        bad(geometryType="polygon", points={"exterior": [[0, 0], [1]], "interior": []}),
        bad(geometryType="polygon", points={"exterior": [[0, -1e400], [1, 1e400]], "interior": []}),
    ],
)
def test_files_that_are_no_annotations(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json: is no annotation; Supervisely's JSON"):
        read_annotation(tmp_path / "a.json")


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"a\.json: cannot be read"):
        read_annotation(tmp_path / "a.json")
