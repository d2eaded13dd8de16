"""`wisp figure`: the list, the sheets, the tables, and refusals."""

import json

import numpy as np
import pytest

from wisp.cli.figure import figure_app
from wisp.io.images import read_photo, write_image
from wisp.lab.figures import FIGURES
from wisp.lab.figures.sheets import GAP

GREEN = np.array([0, 0xB1, 0x40]) / 255


@pytest.fixture
def with_network(network):
    """What makes results depend on no shipped network."""
    return ["--method", "closed-form", "--model", network]


def test_every_figure_is_listed_and_has_a_command(wisp):
    assert [command.name for command in figure_app.registered_commands] == list(FIGURES)
    ran = wisp("figure", "--list")
    assert ran.code == 0
    for name in FIGURES:
        assert name in ran.stdout
    assert wisp("figure").stdout == ran.stdout


def test_a_sheet_on_green(wisp, files, subject, tmp_path, with_network):
    image, alpha, _ = subject
    for name, values in (("truth", alpha), ("other", np.zeros_like(alpha))):
        (tmp_path / name).mkdir()
        write_image(tmp_path / name / "photo.png", values, bits=8)
    ran = wisp(
        "figure", "portrait-green", files / "photo.png", "-o", tmp_path / "sheet.png", "--height", 60,
        "--truth", tmp_path / "truth", "--beside", f"Other={tmp_path / 'other'}", *with_network,
    )  # fmt: skip
    assert ran.errors == ["columns: photo, truth, closed-form, Other"]
    sheet = read_photo(tmp_path / "sheet.png").image
    assert sheet.shape == (60, 4 * 81 + 3 * GAP, 3)
    photo, truth, found, other = (sheet[:, x * (81 + GAP) : x * (81 + GAP) + 81] for x in range(4))
    np.testing.assert_allclose(photo, image, atol=1 / 255)
    np.testing.assert_allclose(other, np.broadcast_to(GREEN, other.shape), atol=1 / 255)
    for picture in (truth, found):
        np.testing.assert_allclose(picture[2, 2], GREEN, atol=1 / 255)
        np.testing.assert_allclose(picture[30, 40], image[30, 40], atol=2 / 255)
    assert np.abs(truth - found).mean() < 0.01


def test_a_sheet_of_new_backgrounds(wisp, files, subject, tmp_path, with_network):
    image, alpha, _ = subject
    (tmp_path / "photos").mkdir()
    for name in ("a", "b"):
        write_image(tmp_path / f"photos/{name}.png", image, bits=8)
    ran = wisp(
        "figure", "portrait-replace", tmp_path / "photos", "-o", tmp_path / "sheet.png", "--height", 60,
        "--background", "red", "--background", files / "wall.png", *with_network,
    )  # fmt: skip
    assert ran.errors == ["columns: photo, alpha, new background"]
    sheet = read_photo(tmp_path / "sheet.png").image
    assert sheet.shape == (120 + GAP, 3 * 81 + 2 * GAP, 3)
    corners = [tuple(np.round(sheet[top, -1], 2)) for top in (0, 60 + GAP)]
    assert np.allclose(sorted(corners), [(0.2, 0.6, 0.4), (1.0, 0.0, 0.0)])  # each is dealt once
    column = sheet[:60, 81 + GAP : 162 + GAP]
    assert np.ptp(column, axis=2).max() == 0
    assert np.abs(column[..., 0] - alpha).mean() < 0.01


def test_sensitivity(wisp, files, subject, tmp_path, with_network):
    image, alpha, _ = subject
    for name in ("image", "alpha"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for name in ("a", "b", "c"):
        write_image(tmp_path / f"data/image/{name}.png", image, bits=8)
        write_image(tmp_path / f"data/alpha/{name}.png", alpha, bits=8)
    out = tmp_path / "out"
    words = [
        "figure",
        "portrait-sensitivity",
        tmp_path / "data",
        "-o",
        out,
        "--backgrounds",
        files / "wall.png",
    ]
    words += ["--to", "exposure", "--subjects", 2, "--longest", 64, *with_network]
    assert wisp(*words).errors == [f"tables: {out / 'sensitivity.md'}"]
    assert sorted(path.name for path in out.iterdir()) == [
        "exposure.png",
        "sensitivity.json",
        "sensitivity.md",
    ]
    trials = json.loads((out / "sensitivity.json").read_text())["trials"]["exposure"]
    assert [trial["subject"] for trial in trials] == ["a"] * 7 + ["b"] * 7
    again = wisp(*words)
    assert again.code == 2
    assert again.errors[0].endswith("sensitivity.json: exists already; --overwrite replaces it")
    assert wisp(*words, "--overwrite", "--quiet").errors == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["portrait-green", "none.jpg", "-o", "s.png"], "none.jpg: does not exist"),
        (["portrait-green", "photo.png", "-o", "s.xyz"], "s.xyz"),
        (["portrait-green", "photo.png", "-o", "photo.png"], "photo.png: is an input"),
        (
            ["portrait-green", "photo.png", "-o", "s.png", "--beside", "x"],
            "--beside: x is no name with a folder",
        ),
        (["portrait-green", "photo.png", "-o", "s.png", "--colour", "gren"], "gren: is no colour"),
        (
            ["portrait-replace", "photo.png", "-o", "s.png", "--background", "nix"],
            "nix: is no file, no folder",
        ),
        (["portrait-sensitivity", "photo.png", "-o", "s", "--backgrounds", "."], "photo.png: is no folder"),
        (["portrait-sensitivity", ".", "-o", "no/s", "--backgrounds", "."], "the folder no does not exist"),
        (["portrait-green", "photo.png", "-o", "s.png", "--method", "magic"], "method: is 'magic'"),
        (
            ["portrait-sensitivity", ".", "-o", "s", "--backgrounds", ".", "--to", "hue"],
            "--to: is hue; backgrounds, exposure, mask are accepted",
        ),
        (["portrait-grean"], "No such command 'portrait-grean'"),
    ],
)
def test_refusals(figure_refused, words, complaint):
    figure_refused(words, complaint)


def test_what_is_missing_is_found_in_the_other_systems_folder(wisp, files, tmp_path):
    (tmp_path / "other").mkdir()
    words = ["figure", "portrait-green", files / "photo.png", "-o", tmp_path / "s.png"]
    ran = wisp(*words, "--beside", f"Other={tmp_path / 'other'}")
    assert ran.code == 1
    assert "has no pictures of the name photo" in ran.errors[0]
    assert not (tmp_path / "s.png").exists()


def test_plots_need_their_extra(wisp, files, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = wisp("figure", "portrait-sensitivity", files, "-o", tmp_path / "s", "--backgrounds", files)
    assert ran.errors == ["wisp: plotting needs the 'figures' extra; pip install 'wisp-matting[figures]'"]
    assert not (tmp_path / "s").exists()
