"""Figures of methods that are given a trimap: sheets, sensitivity to the trimap, scores by kind."""

import json

import numpy as np
import pytest

from wisp.cli import main
from wisp.core.errors import InputError
from wisp.data.procedural import KINDS
from wisp.engine.engine import ENGINE
from wisp.engine.families import FAMILIES
from wisp.evaluation.protocols import evaluate
from wisp.io.guidance import read_grey, read_trimap
from wisp.io.images import read_photo, write_image
from wisp.lab.figures import dim_compare, dim_kinds, dim_sensitivity, dim_sheet
from wisp.lab.figures.guided import find_truths, runnings, score_unknown
from wisp.lab.figures.running import Running
from wisp.lab.figures.sheets import GAP


@pytest.fixture
def methods(dim_network):
    return [Running("dim", str(dim_network)), Running("closed-form")]


def test_truths_of_composites_know_what_they_show(matting_set):
    assert [truth.thing for truth in find_truths(matting_set)] == ["moon", "sun"]
    rows = "name,foreground,background,erosion,dilation\nmoon,disc,a,1,1\nsun,disc,b,1,1\n"
    (matting_set / "pairs.csv").write_text(rows)
    truths = find_truths(matting_set)
    assert [truth.thing for truth in truths] == ["disc", "disc"]
    drawn = {dim_sensitivity.one_of_each(truths, seed)[0].name for seed in range(20)}
    assert drawn == {"moon", "sun"}
    assert len(dim_sensitivity.one_of_each(truths, 0)) == 1
    (matting_set / "pairs.csv").write_text("name\nmoon\n")
    with pytest.raises(InputError, match=r"pairs\.csv: lacks a column"):
        find_truths(matting_set)


def test_unknown_is_what_lies_within_d_of_a_mixed_pixel():
    alpha = np.zeros((9, 15), np.float32)
    alpha[:, 8:] = 1
    alpha[4, 7] = 0.5
    trimap = dim_sensitivity.widened(alpha, 2)
    assert trimap[4].tolist() == [0] * 5 + [128] * 5 + [255] * 5
    assert np.count_nonzero(dim_sensitivity.widened(alpha, 0) == 128) == 1


def test_scores_are_those_of_files(matting_set, tmp_path):
    (truth, _) = find_truths(matting_set)
    image, alpha = truth.load()
    trimap = dim_sensitivity.widened(alpha, 3)
    found = Running("closed-form").alpha(image, trimap)
    for name, values in (("found", found), ("trimap", trimap.astype(np.float32) / np.float32(255))):
        write_image(tmp_path / f"{name}.png", values, bits=8)
    kept = evaluate(tmp_path / "found.png", truth.alpha, trimaps=tmp_path / "trimap.png").mean
    mine = score_unknown(found, alpha, trimap)
    assert mine == pytest.approx({key: kept[key] for key in mine}, rel=1e-4)
    assert np.isnan(score_unknown(found, alpha, np.zeros_like(trimap))["sad"])


def test_methods_get_worse_with_the_width(matting_set, methods):
    calls = []
    truths = find_truths(matting_set)
    scores = dim_sensitivity.vary(truths, methods, (1, 6), done=lambda: calls.append(1))
    assert len(calls) == 2 * 2 * 2
    assert list(scores) == ["dim", "closed-form"]
    for found in scores.values():
        assert list(found) == [1, 6]
        assert list(found[1]) == ["moon", "sun"]
    assert scores["dim"][6]["moon"]["sad"] > 2 * scores["dim"][1]["moon"]["sad"]
    files = dim_sensitivity.report(scores, {"seed": 0, "model": None})
    content = json.loads(files["sensitivity.json"])
    mean = np.mean([scores["dim"][6][name]["sad"] for name in ("moon", "sun")])
    assert content["mean"]["dim"]["6"]["sad"] == pytest.approx(mean)
    near = content["mean"]["dim"]["1"]["sad"]
    assert f"| dim | {near:.3g} | {mean:.3g} |" in files["sensitivity.md"].decode()
    assert files["sensitivity.png"].startswith(b"\x89PNG")


def test_a_sheet(matting_set, methods, dim_network, tmp_path):
    truths = find_truths(matting_set)
    sheet = dim_sheet.draw(truths[:1], matting_set / "trimap", methods, height=41)
    assert dim_sheet.columns(methods) == [
        "photo", "trimap", "dim", "closed-form", "truth", "closed-form on green",
    ]  # fmt: skip
    assert sheet.shape == (41, 6 * 50 + 5 * GAP, 3)
    image, alpha = truths[0].load()
    cells = [sheet[:, x * (50 + GAP) : x * (50 + GAP) + 50] for x in range(6)]
    np.testing.assert_allclose(cells[0], image, atol=1e-6)
    np.testing.assert_allclose(cells[4][..., 0], alpha, atol=1e-6)
    np.testing.assert_allclose(cells[5][0, 0], np.array([0, 0xB1, 0x40]) / 255, atol=1e-6)
    out = tmp_path / "sheet.png"
    words = ["figure", "dim-sheet", matting_set, "-o", out, "--model", dim_network, "--height", 41, "--quiet"]
    assert main([str(word) for word in words]) == 0
    assert read_photo(out).image.shape[0] == 2 * 41 + GAP


def test_every_method_side_by_side(matting_set, dim_network, tmp_path):
    (matting_set / "trimap").rename(matting_set / "trimap2")
    out = tmp_path / "out"
    words = [
        "figure",
        "dim-compare",
        matting_set,
        "-o",
        out,
        "--model",
        dim_network,
        "--width",
        2,
        "--rows",
        1,
    ]
    words += ["--method", "closed-form", "--method", "poisson", "--method", "dim", "--height", 30, "--quiet"]
    assert main([str(word) for word in words]) == 0
    content = json.loads((out / "compare.json").read_text())
    assert list(content["mean"]) == ["trimap2"]
    (moon, _) = find_truths(matting_set)
    image, alpha = moon.load()
    trimap = read_trimap(matting_set / "trimap2/moon.png")
    expected = score_unknown(Running("poisson").alpha(image, trimap), alpha, trimap)
    assert content["images"]["trimap2"]["poisson"]["moon"] == pytest.approx(expected)
    found = {method: values["sad"] for method, values in content["mean"]["trimap2"].items()}
    assert list(found) == ["closed-form", "poisson", "dim"]
    rows = [line.split(" | ")[0].strip("| ") for line in (out / "compare.md").read_text().splitlines()]
    assert [row for row in rows if row in found] == sorted(found, key=lambda method: found[method])
    assert list(json.loads((out / "sensitivity.json").read_text())["mean"]["dim"]) == ["2"]
    assert read_photo(out / "sheet.jpg").image.shape[0] == 30
    assert main([str(word) for word in words]) != 0  # nothing is overwritten unasked


def test_a_comparison_without_trimaps(matting_set, tmp_path, capsys):
    (matting_set / "trimap").rename(matting_set / "drawn")
    assert main(["figure", "dim-compare", str(matting_set), "-o", str(tmp_path / "out")]) == 2
    assert "has no folder trimap" in capsys.readouterr().err
    assert set(dim_compare.COMPARED) >= {"information-flow", "bayesian", "knn", "dim"}


def test_every_material_stands_for_a_kind():
    assert sorted(name for names in dim_kinds.GROUPS.values() for name in names) == sorted(KINDS)


def test_procedural_cases_by_kind(matting_set):
    scenes = [matting_set / "image/sun.png"]
    cases = list(dim_kinds.procedural_cases(scenes, 1, 40, seed=3))
    assert [case.kind for case in cases] == ["hair"] * 6 + ["holes"] * 5 + ["semi-transparency"] * 5
    again = next(dim_kinds.procedural_cases(scenes, 1, 40, seed=3))
    np.testing.assert_array_equal(again.image, cases[0].image)
    for case in cases:
        assert case.image.shape == (40, 40, 3)
        assert (case.trimap[(case.alpha > 0) & (case.alpha < 1)] == 128).all()


def test_listed_cases_by_kind(matting_set, methods, tmp_path):
    truths = find_truths(matting_set)
    (tmp_path / "kinds.csv").write_text("name,kind\nsun,hair\nmoon,holes\n")
    kinds = dim_kinds.read_kinds(tmp_path / "kinds.csv", truths)
    scores, sheet = dim_kinds.compare(
        dim_kinds.listed_cases(truths, matting_set / "trimap", kinds), methods, height=30
    )
    assert {kind: list(photos) for kind, photos in scores.items()} == {"holes": ["moon"], "hair": ["sun"]}
    assert sheet.shape[0] == 2 * 30 + GAP
    files = dim_kinds.report(scores, {})
    content = json.loads(files["kinds.json"])
    assert content["mean"]["hair"]["dim"] == scores["hair"]["sun"]["dim"]
    assert f"| holes | 1 | {scores['holes']['moon']['dim']['sad']:.3g} |" in files["kinds.md"].decode()
    (tmp_path / "kinds.csv").write_text("name,kind\nmars,hair\n")
    with pytest.raises(InputError, match="names mars"):
        dim_kinds.read_kinds(tmp_path / "kinds.csv", truths)


def test_commands(matting_set, dim_network, tmp_path, capsys):
    (tmp_path / "kinds.csv").write_text("name,kind\nsun,hair\n")
    model = ["--model", str(dim_network), "--method", "dim", "--quiet"]
    commands = {
        "a": ["dim-sensitivity", str(matting_set), "--width", "2", "--width", "5"],
        "b": ["dim-kinds", "--data", str(matting_set), "--kinds", str(tmp_path / "kinds.csv")],
    }
    for name, words in commands.items():
        out = tmp_path / name
        assert main(["figure", *words, "-o", str(out), *model]) == 0
        assert main(["figure", *words, "-o", str(out), *model]) == 2
        assert "exists already" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "sensitivity.json", "sensitivity.md", "sensitivity.png",
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["kinds.jpg", "kinds.json", "kinds.md"]
    content = json.loads((tmp_path / "a/sensitivity.json").read_text())
    assert (content["widths"], content["model"]) == ([2, 5], "tiny-dim.onnx")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["dim-kinds", "-o", "out"], "--backgrounds or --data: one of them is needed"),
        (["dim-kinds", "-o", "out", "--data", "."], "--data: goes with --kinds"),
        (["dim-sensitivity", "nowhere", "-o", "out"], "nowhere: is no folder"),
        (["dim-sensitivity", ".", "-o", "out"], ".: has no image/"),
        (["dim-sheet", ".", "-o", "s.png", "--method", "magic"], "method: is 'magic'"),
    ],
)
def test_refusals(tmp_path, monkeypatch, capsys, words, complaint):
    monkeypatch.chdir(tmp_path)
    assert main(["figure", *words]) == 2
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_network_is_left_out_where_there_is_none(dim_network):
    default = runnings(None, ("dim", "knn"), None, ENGINE)
    assert [running.method for running in default] == (["dim", "knn"] if FAMILIES["dim"].default else ["knn"])
    mine = runnings(None, ("dim", "knn"), str(dim_network), ENGINE)
    assert [(running.method, running.model) for running in mine] == [("dim", str(dim_network)), ("knn", None)]


def test_alpha_of_a_method_with_trimap(matting_set):
    image = read_photo(matting_set / "image/sun.png").image
    alpha = read_grey(matting_set / "alpha/sun.png")
    found = Running("knn").alpha(image, dim_sensitivity.widened(alpha, 3))
    assert np.abs(found - alpha).mean() < 0.03
