"""The figures of DLMN-G's document: steps, sheets, comparison, accuracy, curves, refusals."""

import json

import numpy as np
import pytest

from wisp.io.images import read_photo, write_image
from wisp.lab.figures.dlmn_accuracy import accuracy
from wisp.lab.figures.dlmn_cases import alike, case_of, constant_background
from wisp.lab.figures.dlmn_sheets import best_columns
from wisp.lab.figures.sheets import GAP
from wisp.lab.figures.subjects import Subject


@pytest.fixture
def ours(network):
    """What makes results depend on no shipped network."""
    return ["--method", "closed-form", "--model", network]


@pytest.fixture
def every_mask_is_bright(monkeypatch):
    """KNN and random walk find their mask by brightness, too."""
    from wisp import pipeline
    from wisp.engine.families.subject import Finding

    def bright(image, **_):
        mask = (image.mean(2) > 0.5).astype(np.float32)
        return Finding(mask, mask, 1.0, 1.0, 1, float(mask.mean()), False, 1)

    monkeypatch.setattr(pipeline, "find_subject", bright)


@pytest.fixture
def data(tmp_path, subject):
    image, alpha, _ = subject
    for name in ("image", "alpha"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for name in ("a", "b"):
        write_image(tmp_path / f"data/image/{name}.png", image, bits=8)
        write_image(tmp_path / f"data/alpha/{name}.png", alpha, bits=8)
    return tmp_path / "data"


def test_five_steps(wisp, files, subject, tmp_path, ours):
    image, alpha, _ = subject
    ran = wisp(
        "figure", "dlmn-steps", files / "photo.png", "-o", tmp_path / "s.png", "--height", 60,
        "--background", "red", *ours,
    )  # fmt: skip
    assert ran.errors == ["columns: photo, segmentation, alpha, foreground, new background"]
    sheet = read_photo(tmp_path / "s.png").image
    assert sheet.shape == (60, 5 * 81 + 4 * GAP, 3)
    photo, mask, found, front, new = (sheet[:, x * (81 + GAP) : x * (81 + GAP) + 81] for x in range(5))
    np.testing.assert_allclose(photo, image, atol=1 / 255)
    assert np.abs(mask[..., 0] - alpha).mean() < 0.05
    assert np.abs(found[..., 0] - alpha).mean() < 0.01
    np.testing.assert_allclose(front[2, 2], 0, atol=1 / 255)
    np.testing.assert_allclose(front[30, 40], image[30, 40], atol=2 / 255)
    np.testing.assert_allclose(new[2, 2], [1, 0, 0], atol=1 / 255)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_sheet_of_1920_by_1080(wisp, files, tmp_path, ours, count):
    photos = [files / "photo.png"] * count
    ran = wisp("figure", "dlmn-sheet", *photos, "-o", tmp_path / "s.png", "--background", "blue", *ours)
    assert ran.errors == ["columns: photo, new background"]
    sheet = read_photo(tmp_path / "s.png").image
    assert sheet.shape == (1080, 1920, 3)
    blue = np.abs(sheet - [0, 0, 1]).max(2) < 0.02
    assert 0.05 < blue.mean() < 0.5


def test_pairs_are_laid_out_so_that_they_are_large():
    assert best_columns([16 / 9]) == 1
    assert best_columns([16 / 9] * 2) == 1  # two rows of two
    assert best_columns([3 / 4] * 3) == 2
    assert best_columns([9 / 16] * 4) == 2


def test_backgrounds_are_unlike_or_like_the_subject(subject):
    _, alpha, _ = subject
    front = np.broadcast_to(np.array([0.9, 0.6, 0.5], np.float32), (*alpha.shape, 3)).copy()
    front += np.random.default_rng(0).normal(0, 0.02, front.shape).astype(np.float32)
    one = Subject("x", alpha, front, None)
    scene = np.random.default_rng(1).random((30, 50, 3), np.float32)
    like, unlike = alike(one, scene), constant_background(one)
    assert like.shape == unlike.shape == front.shape
    mean = front.reshape(-1, 3).mean(0)
    assert np.abs(like.reshape(-1, 3).mean(0) - mean).max() < 0.02
    assert np.linalg.norm(unlike[0, 0] - mean) > 0.5
    assert np.ptp(unlike.reshape(-1, 3), axis=0).max() == 0


def test_a_case_keeps_the_subject(subject, files):
    _, alpha, _ = subject
    front = np.full((*alpha.shape, 3), 0.7, np.float32)
    one = Subject("x", alpha, front, None)
    for case in ("plain", "alike"):
        image = case_of(one, case, files / "wall.png")
        np.testing.assert_allclose(image[alpha == 1], 0.7, atol=1 / 255)


def test_a_comparison(wisp, files, data, tmp_path, ours, every_mask_is_bright):
    words = ["figure", "dlmn-compare", data, "-o", tmp_path / "s.png", "--scenes", files / "wall.png"]
    ran = wisp(*words, "--height", 40, "--count", 1, *ours)
    names = [f"{m}: {p}" for m in ("knn", "random-walk", "closed-form") for p in ("alpha", "green", "new")]
    assert ran.errors == [f"columns: photo, {', '.join(names)}"]
    assert read_photo(tmp_path / "s.png").image.shape == (80 + GAP, 10 * 54 + 9 * GAP, 3)
    ran = wisp(*words, "--height", 40, "--case", "plain", "--overwrite", "--quiet", *ours)
    assert ran.errors == []
    assert read_photo(tmp_path / "s.png").image.shape[0] == 80 + GAP


def test_a_comparison_with_other_methods(wisp, files, data, tmp_path, ours, every_mask_is_bright):
    words = ["figure", "dlmn-compare", data, "-o", tmp_path / "s.png", "--scenes", files / "wall.png"]
    words += ["--height", 40, "--count", 1, "--case", "plain", *ours]
    ran = wisp(*words, "--beside", "poisson", "--beside", "learning-based")
    names = [
        f"{m}: {p}" for m in ("poisson", "learning-based", "closed-form") for p in ("alpha", "green", "new")
    ]
    assert ran.errors == [f"columns: photo, {', '.join(names)}"]
    refused = wisp(*words, "--overwrite", "--beside", "magic")
    assert refused.code == 2
    assert "is 'magic'" in refused.errors[0]


def test_accuracy_counts_pixels_within_a_tenth():
    truth = np.zeros((40, 50), np.float32)
    truth[:, 25:] = 1
    assert accuracy(truth, truth) == {"whole": 1.0, "unknown": 1.0}
    found = truth.copy()
    found[:20] = np.abs(found[:20] - 0.09)
    assert accuracy(found, truth)["whole"] == 1.0
    found[:10] = np.abs(truth[:10] - 0.2)
    assert accuracy(found, truth)["whole"] == pytest.approx(0.75)
    assert accuracy(found, truth)["unknown"] == pytest.approx(0.75)
    assert accuracy(np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32))["unknown"] == 1.0


def test_accuracy_of_three_methods(wisp, files, data, tmp_path, ours, every_mask_is_bright):
    out = tmp_path / "out"
    words = ["figure", "dlmn-accuracy", data, "-o", out, "--scenes", files / "wall.png", "--count", 1, *ours]
    assert wisp(*words).errors == [f"table: {out / 'accuracy.md'}"]
    assert sorted(path.name for path in out.iterdir()) == ["accuracy.json", "accuracy.md", "accuracy.png"]
    kept = json.loads((out / "accuracy.json").read_text())
    assert len(kept["trials"]) == 6
    assert set(kept["mean"]["plain"]) == {"knn", "random-walk", "closed-form"}
    assert 0 <= kept["mean"]["alike"]["knn"]["unknown"] <= 1
    again = wisp(*words)
    assert again.code == 2
    assert "exists already" in again.errors[0]


def test_curves(wisp, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    rows = [{"step": n, "loss/alpha": 1 / n} for n in (20, 40)] + [{"step": 40, "score/mae": 0.1}]
    (run / "history.json").write_text(json.dumps(rows))
    assert wisp("figure", "dlmn-curves", run, "-o", tmp_path / "c.png").errors == []
    assert read_photo(tmp_path / "c.png").image.shape[2] == 3
    (run / "history.json").write_text('[{"step": 1}]')
    ran = wisp("figure", "dlmn-curves", run, "-o", tmp_path / "d.png")
    assert ran.code == 1
    assert "has no loss of alpha" in ran.errors[0]
    (run / "history.json").write_text("nothing")
    assert "is no history of a run" in wisp("figure", "dlmn-curves", run, "-o", tmp_path / "d.png").errors[0]
    assert not (tmp_path / "d.png").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["dlmn-steps", "none.jpg", "-o", "s.png", "--background", "red"], "none.jpg: does not exist"),
        (["dlmn-steps", "photo.png", "-o", "s.png", "--background", "nix"], "nix: is no file"),
        (["dlmn-sheet", "photo.png", "-o", "photo.png", "--background", "red"], "photo.png: is an input"),
        (["dlmn-compare", "photo.png", "-o", "s.png", "--scenes", "."], "photo.png: is no folder"),
        (
            ["dlmn-compare", ".", "-o", "s.png", "--scenes", ".", "--case", "c"],
            "--case: is c; plain and alike",
        ),
        (["dlmn-accuracy", ".", "-o", "no/s", "--scenes", "."], "the folder no does not exist"),
        (["dlmn-curves", "x", "-o", "s.jpg"], "s.jpg: is no PNG file"),
    ],
)
def test_refusals(figure_refused, words, complaint):
    figure_refused(words, complaint)
