"""The sensitivity of a subject's score: what is varied, and the tables of it."""

import json

import numpy as np
import pytest

from tiny_networks import bright_disc
from wisp.core.arrays import Matte, srgb_to_linear
from wisp.io.images import write_image
from wisp.lab.figures.portrait_sensitivity import (
    FOUND,
    STOPS,
    Setting,
    Trial,
    count_mattes,
    draw_backgrounds,
    expose,
    vary,
)
from wisp.lab.figures.sensitivity_report import report, within_share
from wisp.lab.figures.subjects import find
from wisp.lab.figures.worse_masks import KINDS, STEPS
from wisp.pipeline import Result


def brightness(image, mask=None):
    """A method for tests: alpha is how bright the photo is; a mask's values where one is given."""
    found = image.mean(2) if mask is None else mask
    alpha = np.clip(1.6 * found - 0.3, 0, 1).astype(np.float32)
    return Result(Matte(alpha, image), mask=found.astype(np.float32))


@pytest.fixture
def sources(tmp_path):
    """A photo with alpha, a darker one, and three backgrounds."""
    for name in ("image", "alpha", "walls"):
        (tmp_path / name).mkdir()
    image, alpha = bright_disc(41, 50)
    for name, factor in (("day", 1.0), ("dusk", 0.7)):
        write_image(tmp_path / f"image/{name}.png", image * np.float32(factor), bits=8)
        write_image(tmp_path / f"alpha/{name}.png", alpha, bits=8)
    for name, grey in (("night", 0.05), ("fog", 0.5), ("snow", 0.95)):
        write_image(tmp_path / f"walls/{name}.png", np.full((9, 12, 3), grey, np.float32), bits=8)
    return find(tmp_path)


@pytest.fixture
def setting(tmp_path):
    return Setting(brightness, sorted((tmp_path / "walls").iterdir()), count=3)


def test_each_subject_on_each_background(sources, setting):
    calls = []
    trials = vary(sources, ["backgrounds"], setting, done=lambda: calls.append(1))["backgrounds"]
    assert len(calls) == len(sources) * count_mattes(["backgrounds"], 3)
    assert [trial.subject for trial in trials] == ["day"] * 3 + ["dusk"] * 3
    for name in ("day", "dusk"):
        scores = {trial.case: trial.scores for trial in trials if trial.subject == name}
        assert set(scores) == {"night", "fog", "snow"}
        assert scores["night"]["mse"] < scores["fog"]["mse"] < scores["snow"]["mse"]  # bright means subject
        # 0.95 everywhere around the disc is taken for subject, all of it
        outside = 1 - bright_disc(41, 50)[1].mean()
        assert scores["snow"]["mae"] == pytest.approx(outside, abs=0.1)


def test_backgrounds_are_drawn_once_while_there_are_enough(tmp_path):
    walls = [tmp_path / str(number) for number in range(5)]
    five = draw_backgrounds(Setting(brightness, walls, count=5, seed=1), 0)
    assert sorted(five) == walls
    assert draw_backgrounds(Setting(brightness, walls, count=5, seed=1), 0) == five
    assert draw_backgrounds(Setting(brightness, walls, count=5, seed=1), 1) != five
    seven = draw_backgrounds(Setting(brightness, walls, count=7, seed=1), 0)
    assert len(seven) == 7
    assert sorted(seven[:5]) == walls


def test_exposure_is_in_linear_light():
    grey = np.full((3, 4, 3), 0.5, np.float32)
    darker = expose(grey, -1)
    np.testing.assert_allclose(srgb_to_linear(darker), srgb_to_linear(grey) / 2, atol=0.004)
    assert np.array_equal(expose(grey, 3), np.ones_like(grey))
    np.testing.assert_allclose(expose(grey, 0), grey, atol=0.5 / 255)


def test_dark_photos_lose_the_subject(sources, setting):
    trials = vary(sources, ["exposure"], setting)["exposure"]
    for name in ("day", "dusk"):
        errors = {trial.step: trial.scores["mse"] for trial in trials if trial.subject == name}
        assert list(errors) == list(STOPS)
        assert errors[-3] > errors[-2] > errors[-1] > errors[0]


def test_masks_get_worse_and_so_do_scores(sources, setting):
    trials = vary(sources[:1], ["mask"], setting)["mask"]
    assert len(trials) == count_mattes(["mask"], 3)
    assert [trials[0].case, trials[1].case] == [FOUND, "true"]
    assert trials[1].iou == 1
    assert trials[0].iou == pytest.approx(1, abs=0.1)
    for kind in KINDS:
        mine = [trial for trial in trials if trial.case == kind]
        assert [trial.step for trial in mine] == list(STEPS)
        assert mine[-1].iou < mine[0].iou
        assert mine[-1].scores["mse"] > mine[0].scores["mse"]


def test_a_cut_out_lies_on_its_first_background(sources, setting, tmp_path):
    image, alpha = bright_disc(41, 50)
    (tmp_path / "cut").mkdir()
    write_image(tmp_path / "cut/c.png", np.dstack([image, alpha]), bits=8)
    seen = []

    def watching(photo, mask=None):
        seen.append(photo)
        return brightness(photo, mask)

    cut = Setting(watching, setting.backgrounds, count=3)
    vary(find(tmp_path / "cut"), ["backgrounds", "exposure"], cut)
    np.testing.assert_allclose(seen[3 + STOPS.index(0)], seen[0], atol=1 / 255)


def trial(subject, value, case="x", step=0):
    return Trial(subject, case, step, dict.fromkeys(("sad", "mse", "mae", "grad", "conn"), value))


def test_share_of_the_variance_within_subjects():
    assert within_share([trial("a", 1), trial("a", 3), trial("b", 1), trial("b", 3)]) == 1
    assert within_share([trial("a", 1), trial("a", 1), trial("b", 3), trial("b", 3)]) == 0
    assert within_share([trial("a", 0), trial("a", 2), trial("b", 2), trial("b", 4)]) == pytest.approx(0.5)
    assert within_share([trial("a", 1), trial("a", 1)]) == 0


def test_report_has_every_trial_its_tables_and_plots(sources, setting):
    trials = vary(sources, ["backgrounds", "exposure", "mask"], setting)
    files = report(trials, {"method": "closed-form", "model": None})
    assert set(files) == {"sensitivity.json", "sensitivity.md", "backgrounds.png", "exposure.png", "mask.png"}
    assert all(files[name].startswith(b"\x89PNG") for name in files if name.endswith(".png"))
    kept = json.loads(files["sensitivity.json"])
    assert {name: len(found) for name, found in kept["trials"].items()} == {
        "backgrounds": 6,
        "exposure": 14,
        "mask": 2 * count_mattes(["mask"], 3),
    }
    day = [t["scores"]["mse"] for t in kept["trials"]["backgrounds"] if t["subject"] == "day"]
    summary = kept["summary"]["backgrounds"]["subjects"]["day"]["mse"]
    assert summary["mean"] == pytest.approx(np.mean(day))
    assert (summary["sd"], summary["least"]) == (pytest.approx(np.std(day)), min(day))
    text = files["sensitivity.md"].decode()
    assert text.startswith("method: closed-form.\n")
    assert f"| day | {1e3 * np.mean(day):.3g} | {1e3 * np.std(day):.3g} |" in text
    under = [t["scores"]["mse"] for t in kept["trials"]["exposure"] if t["step"] == -3]
    assert f"| -3 | {1e3 * np.mean(under):.3g} |" in text
    assert kept["summary"]["mask"]["true"]["mask_iou"] == 1
    assert "| true |  | 1.000 |" in text
    assert "| larger | 16% |" in text


def test_an_experiment_alone(sources, setting):
    files = report(vary(sources, ["exposure"], setting), {"method": "auto"})
    assert set(files) == {"sensitivity.json", "sensitivity.md", "exposure.png"}
    assert "Mask" not in files["sensitivity.md"].decode()
