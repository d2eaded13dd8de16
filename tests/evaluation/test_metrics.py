"""Official values first, then loops that spell out the definitions, then shapes and bad input."""

import csv
import math
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.evaluation import metrics
from wisp.evaluation.metrics import accuracy, binary_cross_entropy, conn, grad, iou, mae, mse, sad

ALL = [sad, mse, mae, grad, conn, binary_cross_entropy, accuracy, iou]
BEST = {f: 1.0 if f in (accuracy, iou) else 0.0 for f in ALL}
OFFICIAL = Path(__file__).parents[3] / "shared" / "eval" / "metrics-golden"
REFERENCE = Path(__file__).parents[1] / "reference" / "metrics_golden.csv"


def pair(height=23, width=31, seed=0):
    """Two eight-bit mattes with soft blobs, holes and plateaus, and a region; the seed moves them."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    truth = 0.5 + 0.9 * np.sin((x + seed) / 4) * np.cos((y - 2 * seed) / 5)
    prediction = truth + 0.35 * np.cos(x * y / 17 + seed) * np.sin(y / 3 + x / 7 + 1)
    eight = [np.round(np.clip(m, 0, 1) * 255) / 255 for m in (prediction, truth)]
    return eight[0].astype(np.float32), eight[1].astype(np.float32), (x + 2 * y + seed) % 7 < 4


def read(path):
    pyvips = pytest.importorskip("pyvips")
    return pyvips.Image.new_from_file(str(path))[0].numpy()


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official scripts' values are not here")
@pytest.mark.parametrize("scale", [lambda v: v / np.float32(255), lambda v: v * np.float32(1 / 255)])
def test_values_of_the_official_scripts(scale):
    with (OFFICIAL / "golden.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    for row in rows:
        prediction = scale(read(OFFICIAL / f"{row['image']}.pred-{row['prediction']}.png").astype(np.float32))
        truth = scale(read(OFFICIAL / f"{row['image']}.alpha.png").astype(np.float32))
        unknown = read(OFFICIAL / f"{row['image']}.trimap.png") == 128
        region = unknown if row["region"] == "unknown" else None
        for function in (sad, mse, grad, conn):
            expected = float(row[function.__name__])
            assert function(prediction, truth, region) == pytest.approx(expected, rel=1e-3, abs=1e-6), row


def test_values_stay_what_they_were():
    """Computed by this package at the commit whose values agreed with every row of the official scripts."""
    with REFERENCE.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(rows) == 12
    for row in rows:
        prediction, truth, region = pair(int(row["height"]), int(row["width"]), int(row["seed"]))
        region = region if row["region"] == "unknown" else None
        for function in ALL:
            value = function(prediction, truth, region)
            assert value == pytest.approx(float(row[function.__name__]), rel=1e-5, abs=1e-9), row


def naive_grad(prediction, truth, region):
    sigma, half = 1.4, 4
    kernel = np.zeros((9, 9))
    for i in range(9):
        for j in range(9):
            gauss = math.exp(-((i - half) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            slope = math.exp(-((j - half) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            kernel[i, j] = gauss * -(j - half) * slope / sigma**2
    kernel /= np.sqrt((kernel**2).sum())
    magnitudes = []
    for matte in (prediction.astype(np.float64), truth.astype(np.float64)):
        stretched = (matte - matte.min()) / ((matte.max() - matte.min()) or 1)
        padded = np.pad(stretched, half, mode="edge")
        magnitude = np.zeros(matte.shape)
        for y, x in np.ndindex(matte.shape):
            window = padded[y : y + 9, x : x + 9]
            magnitude[y, x] = math.hypot((window * kernel).sum(), (window * kernel.T).sum())
        magnitudes.append(magnitude)
    return ((magnitudes[0] - magnitudes[1]) ** 2)[region].sum() / 1000


def naive_largest(inside):
    """The largest 4-connected component, the first of equals column by column."""
    height, width = inside.shape
    seen, best = np.zeros(inside.shape, bool), []
    for x in range(width):
        for y in range(height):
            if not inside[y, x] or seen[y, x]:
                continue
            component, queue = [], deque([(y, x)])
            seen[y, x] = True
            while queue:
                cy, cx = queue.popleft()
                component.append((cy, cx))
                for ny, nx in ((cy - 1, cx), (cy + 1, cx), (cy, cx - 1), (cy, cx + 1)):
                    if 0 <= ny < height and 0 <= nx < width and inside[ny, nx] and not seen[ny, nx]:
                        seen[ny, nx] = True
                        queue.append((ny, nx))
            if len(component) > len(best):
                best = component
    return set(best)


def naive_conn(prediction, truth, region):
    """On eight-bit values as whole numbers: the level k/10 is reached by v where 10·v ≥ 255·k."""
    p, t = (np.round(matte * 255).astype(int) for matte in (prediction, truth))
    level = np.full(p.shape, -1)
    for k in range(1, 11):
        source = naive_largest((10 * p >= 255 * k) & (10 * t >= 255 * k))
        for y, x in np.ndindex(p.shape):
            if level[y, x] == -1 and (y, x) not in source:
                level[y, x] = k - 1
    level[level == -1] = 10
    total = 0.0
    for y, x in np.ndindex(p.shape):
        degrees = []
        for v in (p[y, x], t[y, x]):
            excess = v / 255 - level[y, x] / 10
            degrees.append(1 - excess if excess >= 0.15 else 1)
        total += abs(degrees[0] - degrees[1]) * region[y, x]
    return total / 1000


@pytest.mark.parametrize("size", [(23, 31), (8, 40), (1, 30), (17, 1)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_grad_and_conn_are_their_definitions(size, seed):
    prediction, truth, region = pair(*size, seed)
    everywhere = np.ones_like(region)
    for part in (region, everywhere):
        assert grad(prediction, truth, part) == pytest.approx(naive_grad(prediction, truth, part), rel=1e-5)
        assert conn(prediction, truth, part) == pytest.approx(naive_conn(prediction, truth, part), rel=1e-5)
    assert naive_conn(prediction, truth, everywhere) > 0


def test_conn_of_two_components_of_one_size_takes_the_first_column():
    truth = np.zeros((4, 5), np.float32)
    truth[3, 0] = truth[0, 3] = 1  # row by row the right one comes first, column by column the left one
    prediction = truth.copy()
    prediction[3, 0] = 0.9
    expected = naive_conn(prediction, truth, np.ones((4, 5), bool))
    assert conn(prediction, truth) == pytest.approx(expected, abs=1e-9)
    prediction[3, 0], prediction[0, 3] = 1, 230 / 255
    expected = naive_conn(prediction, truth, np.ones((4, 5), bool))
    assert conn(prediction, truth) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("v", [51, 102, 153, 204])
@pytest.mark.parametrize(
    "reading", [lambda v: np.float32(v / 255), lambda v: np.float32(v) * np.float32(1 / 255)]
)
def test_conn_counts_a_level_that_is_just_reached(v, reading):
    prediction = np.full((3, 4), reading(v), np.float32)
    truth = np.ones((3, 4), np.float32)
    assert conn(prediction, truth) == pytest.approx(12 * (1 - v / 255) / 1000, rel=1e-5)


def test_grad_ignores_a_constant_factor_and_offset():
    prediction, truth, _ = pair()
    assert grad(prediction * np.float32(0.5) + np.float32(0.25), truth) == pytest.approx(
        grad(prediction, truth), rel=1e-4
    )


def test_grad_stretches_by_the_whole_picture_not_the_region():
    prediction, truth, region = pair()
    region[:] = False
    region[5:9, 5:9] = True
    truth[20, 20], prediction[20, 20] = 1, 0
    truth[0, 30] = 0
    assert grad(prediction, truth, region) == pytest.approx(naive_grad(prediction, truth, region), rel=1e-5)


def test_plain_values_by_hand():
    prediction = np.array([[0.0, 0.25, 1.0, 0.75]], np.float32)
    truth = np.array([[0.0, 0.75, 0.5, 1.0]], np.float32)
    region = np.array([[True, True, True, False]])
    assert sad(prediction, truth) == pytest.approx(1.25e-3)
    assert mae(prediction, truth) == pytest.approx(1.25 / 4)
    assert mse(prediction, truth) == pytest.approx(0.5625 / 4)
    assert mse(prediction, truth, region) == pytest.approx(0.5 / 3)
    assert accuracy(prediction, truth) == 0.5
    assert accuracy(prediction, truth, region) == pytest.approx(1 / 3)
    assert iou(prediction, truth) == pytest.approx(2 / 3)
    assert iou(prediction, truth, region) == 0.5
    assert iou(prediction / 4, truth / 4) == 1  # nothing reaches one half in either
    half = np.full((3, 3), 0.5, np.float32)
    assert binary_cross_entropy(half, half) == pytest.approx(math.log(2))
    quarter = np.full((3, 3), 0.25, np.float32)
    expected = -(0.5 * math.log(0.25) + 0.5 * math.log(0.75))
    assert binary_cross_entropy(quarter, half) == pytest.approx(expected)
    wrong = binary_cross_entropy(np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32))
    assert wrong == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (13, 1), (9, 10)])
@pytest.mark.parametrize("value", [0, 1])
def test_equal_constants_are_perfect(function, shape, value):
    matte = np.full(shape, value, np.float32)
    assert function(matte, matte) == pytest.approx(BEST[function], abs=1e-6)


@pytest.mark.parametrize("function", ALL)
def test_result_is_a_float_for_either_type_and_any_memory_order(function):
    prediction, truth, region = pair()
    value = function(prediction, truth, region)
    assert type(value) is float
    double = function(prediction.astype(np.float64), truth.astype(np.float64), region)
    assert double == pytest.approx(value, rel=1e-5)
    turned = function(np.asfortranarray(prediction), np.asfortranarray(truth), np.asfortranarray(region))
    assert turned == pytest.approx(value, rel=1e-9)
    wide = np.repeat(truth, 2, axis=1)
    assert function(prediction, wide[:, ::2], region) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("function", ALL)
def test_arguments_are_left_alone(function):
    arrays = pair()
    copies = [array.copy() for array in arrays]
    function(*arrays)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("function", ALL)
def test_only_the_region_counts(function):
    prediction, truth, region = pair()
    everything = np.ones_like(region)
    assert function(prediction, truth, everything) == function(prediction, truth)
    assert function(prediction, truth, region) != function(prediction, truth)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("which", [0, 1])
def test_nan_that_counts_gives_nan(function, which):
    arrays = list(pair())
    arrays[which][4, 5] = np.nan
    arrays[2][4, 5] = True
    assert math.isnan(function(*arrays))
    arrays[2][4, 5] = False
    assert math.isnan(function(*arrays)) is (function is grad)
    arrays[which][:] = np.nan
    assert math.isnan(function(*arrays))


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((lambda p, t, r: (np.round(p * 255).astype(np.uint8), t, r)), "prediction: is uint8"),
        ((lambda p, t, r: (p, t[None], r)), r"truth: is float32 \(1, 23, 31\)"),
        ((lambda p, t, r: (p * np.float32(255), t, r)), "prediction: has values from 0 to 255"),
        ((lambda p, t, r: (p, t - np.float32(0.5), r)), "truth: has values from -0.5"),
        ((lambda p, t, r: (p[1:], t, r)), "prediction: is 31×22"),
        ((lambda p, t, r: (p, t, r[:, 1:])), "region: is 30×23"),
        ((lambda p, t, r: (p, t, r.astype(np.uint8))), "region: is uint8"),
        ((lambda p, t, r: (p, t, r & False)), "region: holds no pixel"),
        ((lambda p, t, r: (p[:0], t[:0], None)), r"prediction: is float32 \(0, 31\)"),
    ],
)
def test_bad_input(function, change, problem):
    with pytest.raises(InputError, match=problem):
        function(*change(*pair()))


def test_kernel_is_the_official_one():
    smooth, slope = metrics._gaussian()
    assert len(smooth) == len(slope) == 9
    assert np.linalg.norm(np.outer(smooth, slope)) == pytest.approx(1)
