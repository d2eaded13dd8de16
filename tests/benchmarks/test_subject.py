"""The benchmark of any subject on made pictures: sets, kept predictions, scores, cases and sheets."""

import csv
import importlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import wisp
from tiny_networks import bright_disc, write_segmenter
from tiny_peers import write_affine, write_network, write_rvm
from wisp.core.errors import InputError
from wisp.evaluation.metrics import iou
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULES = (
    "subject",
    "_photo_sets",
    "_predictions",
    "_sheets",
    "_subject_network",
    "_subject_report",
    "_systems",
)


@pytest.fixture(scope="module")
def script():
    """The script as a module; its neighbours are found as they are when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        module = importlib.import_module("subject")
        patch.setattr(module, "stay_on_one_core", lambda: None)  # the tests keep their cores
        yield module
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two people and a pair of halves a and b, a photo of nobody, and two cases."""
    place = tmp_path_factory.mktemp("eval")
    people = place / "people"
    rows = [
        {"name": "d1a", "subject": "d1", "half": "a", "kind": "full", "variant": ""},
        {"name": "d1b", "subject": "d1", "half": "a", "kind": "full", "variant": "second+grey"},
        {"name": "d2a", "subject": "d2", "half": "a", "kind": "sport", "variant": ""},
        {"name": "d3a", "subject": "d3", "half": "b", "kind": "sport", "variant": "grey"},
    ]
    for kind in ("image", "alpha"):
        (people / kind).mkdir(parents=True)
    for number, row in enumerate(rows):
        image, alpha = bright_disc(40, 50, radius=0.2 + 0.05 * number)
        write_image(people / "image" / f"{row['name']}.png", image, bits=8)
        write_image(people / "alpha" / f"{row['name']}.png", alpha, bits=8)
    write_manifest(people, rows)
    (place / "none" / "image").mkdir(parents=True)
    for name, red in (("dark", 0.1), ("bright", 0.9)):
        write_image(place / "none" / "image" / f"{name}.png", np.full((30, 40, 3), red, np.float32), bits=8)
    (place / "cases").mkdir()
    for name, radius in (("disc", 0.3), ("nobody", 0.0)):
        image, alpha = bright_disc(40, 50, radius=radius)
        must = np.where(alpha > 0.9, 1, np.where(alpha < 0.1, 0, np.float32(128 / 255))).astype(np.float32)
        write_image(place / "cases" / f"{name}.png", image, bits=8)
        write_image(place / "cases" / f"{name}.must.png", must, bits=8)
    return place


def write_manifest(folder, rows):
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_subject_network(path, *, presence=(0.9, 0.9)):
    """People: what is bright; subject: what is red and not clicked; presence as given."""
    weights = np.zeros((2, 6, 1, 1), np.float32)
    weights[0, :3], weights[1, 0], weights[:, 3:] = 20 / 3, 20, -100
    free = (1, 3, None, None)
    return write_network(
        path,
        {"image": free, "guidance": free},
        {"masks": (1, 2, None, None), "presence": (1, 2)},
        [
            ("Concat", ["image", "guidance"], ["both"], {"axis": 1}),
            ("Conv", ["both", "weights", "bias"], ["logits"], {}),
            ("Sigmoid", ["logits"], ["masks"], {}),
            ("Identity", ["present"], ["presence"], {}),
        ],
        weights=weights,
        bias=[-10.0, -10.0],
        present=[presence],
    )


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """MODNet whose alpha is the photo's red, an RVM of a constant alpha, and networks of our own."""
    place = tmp_path_factory.mktemp("networks")
    write_affine(place / "modnet.onnx", gain=0.5, offset=0.5)
    write_rvm(place / "rvm.onnx")
    write_affine(place / "isnet.onnx", gain=0.5, offset=0.5, size=(1024, 1024))
    write_segmenter(place / "segmenter.onnx")
    write_subject_network(place / "subject.onnx")
    return place


@pytest.fixture
def here(script, folder, networks, monkeypatch, tmp_path):
    """The script with its results and predictions in a folder of the test's own."""
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(script, "SETS", ("people", "none"))
    monkeypatch.setattr(script, "CASES", folder / "cases")
    monkeypatch.setattr(script, "SHOWN", (folder / "people", folder / "cases"))
    monkeypatch.delenv("WISP_PEERS", raising=False)
    always = ["--eval", folder, "--predictions", tmp_path / "predictions"]
    ours = ["--ours", f"closed-form={networks / 'segmenter.onnx'}"]

    def run(*words, bare=False):
        words = words if bare else (*ours, *words)
        monkeypatch.setattr(sys, "argv", ["subject.py", *map(str, [*words, *always])])
        return script.main()

    return run


@pytest.fixture
def peers(networks):
    return ["--modnet", networks / "modnet.onnx", "--rvm", networks / "rvm.onnx"]


def kept(script, half="a"):
    return json.loads((script.RESULTS / f"subject-{half}.json").read_text())


class TestSets:
    @pytest.fixture(autouse=True)
    def _module(self, script):
        self.sets = sys.modules["_photo_sets"]

    def test_a_half_of_a_set(self, folder):
        pictures = self.sets.read_set(folder / "people", "a")
        assert [picture.name for picture in pictures] == ["d1a", "d1b", "d2a"]
        assert [picture.labels for picture in pictures] == [
            ("full", "plain"),
            ("full", "second", "grey"),
            ("sport", "plain"),
        ]
        assert pictures[0].group == pictures[1].group != pictures[2].group
        assert pictures[0].photo == folder / "people" / "image" / "d1a.png"
        assert pictures[0].truth == folder / "people" / "alpha" / "d1a.png"
        assert [picture.name for picture in self.sets.read_set(folder / "people", "b")] == ["d3a"]
        assert len(self.sets.read_set(folder / "people")) == 4

    def test_without_truths_nothing_is_there_and_without_halves_all_count(self, folder):
        pictures = self.sets.read_set(folder / "none", "b")
        assert [(picture.name, picture.truth) for picture in pictures] == [("bright", None), ("dark", None)]

    def test_without_a_manifest_the_names_tell_the_subject(self, folder, tmp_path):
        shutil.copytree(folder / "people" / "image", tmp_path / "image")
        for old, new in (("d1a", "p1-0"), ("d1b", "p1-1"), ("d2a", "p2-0"), ("d3a", "p3")):
            (tmp_path / "image" / f"{old}.png").rename(tmp_path / "image" / f"{new}.png")
        groups = [picture.group for picture in self.sets.read_set(tmp_path, "a")]
        assert groups[0] == groups[1]
        assert len(set(groups)) == 3

    def test_who_shares_a_subject_by_way_of_others_is_in_one_group(self):
        one, other, joining, alone = self.sets.connected([["cat"], ["dog"], ["dog", "cat"], ["owl"]])
        assert one == other == joining != alone

    def test_what_is_missing_is_named(self, folder, tmp_path):
        with pytest.raises(InputError, match="image: is no folder; a set with the folder image/"):
            self.sets.read_set(tmp_path)
        shutil.copytree(folder / "people", tmp_path / "people")
        (tmp_path / "people" / "alpha" / "d2a.png").unlink()
        with pytest.raises(InputError, match=r"alpha: has no file of d2a; a file d2a\.png is accepted"):
            self.sets.read_set(tmp_path / "people", "a")
        write_manifest(tmp_path / "people", [{"name": "d1a", "half": "a"}])
        with pytest.raises(InputError, match="holds no photos of half b"):
            self.sets.read_set(tmp_path / "people", "b")
        with pytest.raises(InputError, match="holds no photo with a must mask"):
            self.sets.read_cases(tmp_path)

    def test_kept_and_wrong_are_means_over_what_the_mask_says(self, tmp_path):
        must = np.array([[1, 1, 128 / 255, 0, 0, 0]], np.float32)
        write_image(tmp_path / "m.png", must, bits=8)
        verdict = self.sets.judge(np.array([[1, 0.5, 0.7, 0, 0, 0.3]], np.float32), tmp_path / "m.png")
        assert (verdict.kept, verdict.wrong) == pytest.approx((0.75, 0.1))
        write_image(tmp_path / "empty.png", np.zeros((1, 6), np.float32), bits=8)
        verdict = self.sets.judge(np.ones((1, 6), np.float32), tmp_path / "empty.png")
        assert (verdict.kept, verdict.wrong) == (None, 1)
        with pytest.raises(InputError, match=r"m\.png"):
            self.sets.judge(np.ones((6, 1), np.float32), tmp_path / "m.png")


class TestPredictions:
    @pytest.fixture
    def predictor(self, script, tmp_path):
        """The photo's red, and how often it was loaded and called."""
        calls = []

        def load():
            calls.append("load")
            return lambda image: calls.append("call") or np.ascontiguousarray(image[..., 0])

        make = sys.modules["_predictions"].Predictor
        return lambda: make(load, tmp_path / "kept"), calls

    @pytest.fixture
    def photo(self, folder, tmp_path):
        return Path(shutil.copy(folder / "people" / "image" / "d1a.png", tmp_path))

    def test_a_photo_is_predicted_once(self, predictor, photo, tmp_path):
        make, calls = predictor
        first = make().predict(photo)
        assert calls == ["load", "call", "call"]  # the first photo once before
        again = make().predict(photo)
        assert len(calls) == 3
        np.testing.assert_array_equal(first.alpha, again.alpha)
        np.testing.assert_allclose(first.alpha, read_photo(photo).image[..., 0], atol=1e-6)
        assert again.seconds == pytest.approx(first.seconds, abs=1e-4)

    def test_another_photo_of_the_same_name_is_predicted_anew(self, predictor, photo, folder):
        make, calls = predictor
        make().predict(photo)
        shutil.copy(folder / "people" / "image" / "d2a.png", photo)
        assert make().predict(photo).alpha[3, 3] == pytest.approx(read_photo(photo).image[3, 3, 0], abs=0.01)
        assert calls.count("load") == 2

    def test_a_prediction_that_was_cut_short_is_made_anew(self, predictor, photo, tmp_path):
        make, calls = predictor
        make().predict(photo)
        (tmp_path / "kept" / "seconds.csv").unlink()
        make().predict(photo)
        assert calls.count("load") == 2

    def test_scores_are_kept_for_each_truth(self, predictor, photo, folder, tmp_path):
        make, _ = predictor
        scoring = []

        def score(alpha, truth):
            scoring.append(truth)
            return {"iou": iou(alpha, read_grey(truth))} if truth else {"share": float(alpha.mean())}

        truths = [folder / "people" / "alpha" / f"{name}.png" for name in ("d1a", "d3a")]
        first = [make().score(photo, truth, score) for truth in (*truths, None)]
        again = [make().score(photo, truth, score) for truth in (*truths, None)]
        assert scoring == [*truths, None]
        assert [scores for scores, _ in first] == [scores for scores, _ in again]
        assert first[0][0]["iou"] > first[1][0]["iou"]

    def test_networks_do_not_share_a_folder(self, script, networks, tmp_path):
        place_of = sys.modules["_predictions"].place_of
        one = script.System("peer", "modnet", str(networks / "modnet.onnx"))
        (tmp_path / "other").mkdir()
        write_affine(tmp_path / "other" / "modnet.onnx", gain=0.4, offset=0.5)
        other = script.System("peer", "modnet", str(tmp_path / "other" / "modnet.onnx"))
        assert place_of(one, tmp_path) != place_of(other, tmp_path)
        with pytest.raises(InputError, match=r"none\.onnx: does not exist"):
            place_of(script.System("peer", "modnet", str(tmp_path / "none.onnx")), tmp_path)


class TestSubjectNetwork:
    @pytest.fixture
    def opened(self, script):
        return sys.modules["_subject_network"].open_subject_network

    def test_each_map_at_the_photos_size(self, opened, networks):
        image = np.zeros((40, 60, 3), np.float32)
        image[:, :30] = 1
        image[:, 30:, 0] = 1
        subject = opened(networks / "subject.onnx", side=64)(image)
        assert subject.shape == (40, 60)
        assert subject.min() > 0.99  # red everywhere
        people = opened(networks / "subject.onnx", channel="people", side=64)(image)
        assert people[:, :25].min() > 0.99
        assert people[:, 35:].max() < 0.2

    def test_it_sees_the_whole_photo_without_guidance(self, opened, networks, monkeypatch):
        module, fed = sys.modules["_subject_network"], []

        class Session:
            inputs, outputs = (module.open_session(networks / "subject.onnx").inputs,) * 2

            def run(self, batch):
                fed.append(batch)
                return {"masks": np.ones((1, 2, 1, 1), np.float32), "presence": np.ones((1, 2), np.float32)}

        session = Session()
        session.outputs = module.open_session(networks / "subject.onnx").outputs
        monkeypatch.setattr(module, "open_session", lambda file: session)
        opened(Path("any.onnx"))(np.full((300, 1000, 3), 0.25, np.float32))
        assert fed[0]["image"].shape == fed[0]["guidance"].shape == (1, 3, 128, 416)
        np.testing.assert_allclose(fed[0]["image"], 0.25, atol=1e-6)
        assert not fed[0]["guidance"].any()

    def test_what_is_not_present_is_not_shown(self, opened, tmp_path):
        file = write_subject_network(tmp_path / "n.onnx", presence=(0.9, 0.3))
        image = np.ones((40, 60, 3), np.float32)
        assert not opened(file)(image).any()
        assert opened(file, presence=0.2)(image).min() > 0.99
        assert opened(file, channel="people")(image).min() > 0.99

    def test_another_network_is_refused(self, opened, networks):
        with pytest.raises(InputError, match=r"modnet\.onnx: is no subject network; an ONNX file with"):
            opened(networks / "modnet.onnx")


def test_scores_are_those_of_wisp_evaluate(here, script, folder, networks, peers, tmp_path, capsys):
    assert here(*peers) == 0
    result = kept(script)
    found = result["sets"]["people"]
    assert (found["pictures"], found["subjects"]) == (3, 2)
    ours, modnet, rvm = found["systems"]
    assert (modnet, rvm) == ("MODNet", "RVM")
    (predictions,) = (tmp_path / "predictions").glob("peer-modnet-*")
    truths = tmp_path / "truths"
    truths.mkdir()
    for name in ("d1a", "d1b", "d2a"):
        (kept_one,) = predictions.glob(f"{name}-*.png")
        (tmp_path / "scored").mkdir(exist_ok=True)
        shutil.copy(kept_one, tmp_path / "scored" / f"{name}.png")
        shutil.copy(folder / "people" / "alpha" / f"{name}.png", truths)
    report = wisp.evaluate(tmp_path / "scored", truths)
    mean = found["systems"]["MODNet"]["mean"]
    assert {name: mean[name] for name in report.mean} == pytest.approx(report.mean, abs=1e-6)
    assert 0 < mean["iou"] <= 1
    assert all(row["cpu_s"] > 0 for row in found["systems"].values())
    gaps = {
        name: found["systems"][ours]["images"][name]["sad"] - found["systems"][modnet]["images"][name]["sad"]
        for name in found["labels"]
    }
    row = found["differences"][ours][modnet]["sad"]
    assert row["mean"] == pytest.approx(np.mean(list(gaps.values())))
    by_subject = sorted([(gaps["d1a"] + gaps["d1b"]) / 2, gaps["d2a"]])
    assert (row["low"], row["high"]) == pytest.approx(by_subject)  # of two subjects the ends are one or other
    assert result["sets"]["none"]["systems"][modnet]["cut_out"] == 1  # of two, the bright one
    assert result["sets"]["none"]["systems"][modnet]["images"]["bright"]["share"] == 1
    printed = capsys.readouterr().out
    assert script.report(result) in printed
    assert str(networks) not in json.dumps(result)
    assert here("--table", bare=True) == 0
    assert capsys.readouterr().out == script.report(result) + "\n"


def test_only_a_whole_result_is_kept(here, script, peers, tmp_path, capsys):
    assert here("people", *peers) == 0
    assert here(*peers[:2]) == 0
    assert here("--cases", *peers) == 0
    assert capsys.readouterr().err.count("not kept") == 3
    assert not script.RESULTS.exists()
    assert here("people", "--half", "b", "--out", tmp_path / "deep" / "out.json") == 0
    result = json.loads((tmp_path / "deep" / "out.json").read_text())
    assert list(result["sets"]["people"]["labels"]) == ["d3a"]
    assert result["left_out"].keys() == {"MODNet", "RVM", "U²-Net", "IS-Net"}
    assert not result["cases"]


def test_a_networks_mask_alone_and_what_fails(here, networks, tmp_path, capsys):
    words = ["--model", networks / "subject.onnx", "--model", networks / "segmenter.onnx", "--side", "64"]
    out = tmp_path / "out.json"
    assert here("people", "none", *words, "--rvm", networks / "modnet.onnx", "--out", out) == 0
    result = json.loads(out.read_text())
    closed_form, alone, other = list(result["systems"])[:3]
    assert alone == "wisp, mask alone (subject.onnx)"
    for name in ("people", "none"):
        assert list(result["sets"][name]["systems"]) == [closed_form, alone]
    assert result["sets"]["people"]["systems"][alone]["mean"]["iou"] > 0.8  # the disc is bright in red too
    left_out = result["left_out"]
    assert left_out[other].startswith("segmenter.onnx: is no subject network")
    assert left_out["RVM"].startswith("modnet.onnx: is no RVM network")
    assert left_out["MODNet"] == "no file was given"
    assert "RVM: left out" in capsys.readouterr().err
    words += ["--presence-below", "0.95"]
    assert here("people", *words, "--out", out) == 0
    assert json.loads(out.read_text())["sets"]["people"]["systems"][alone]["mean"]["iou"] == 0


def test_the_cases_table(here, script, networks, peers, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert here("--cases", *peers, "--out", out) == 0
    result = json.loads(out.read_text())
    assert not result["sets"]
    cases = result["cases"]
    assert list(cases) == ["disc", "nobody"]
    assert cases["nobody"]["area"] == 0 < cases["disc"]["area"] < 0.3
    assert cases["nobody"]["systems"]["MODNet"]["kept"] is None
    image = read_photo(script.CASES / "disc.png").image[..., 0]  # MODNet's alpha here, but for resizing
    must = read_grey(script.CASES / "disc.must.png")
    assert cases["disc"]["systems"]["MODNet"]["kept"] == pytest.approx(image[must == 1].mean(), abs=0.02)
    assert cases["disc"]["systems"]["MODNet"]["wrong"] == pytest.approx(image[must == 0].mean(), abs=0.02)
    lines = capsys.readouterr().out.splitlines()
    heading = next(line for line in lines if line.startswith("| photo"))
    assert heading.startswith("| photo | area, % | wisp, closed-form (segmenter.onnx) | MODNet | RVM |")
    row = next(line for line in lines if line.startswith("| nobody | 0.00 | "))
    assert row.split(" | ")[2].startswith("– / ")
    assert any(line.startswith("| well done |") and " of 2 |" in line for line in lines)


def test_sheets_show_photo_ours_and_the_named_peers(here, folder, networks, peers, tmp_path, capsys):
    out = tmp_path / "sheets"
    assert here("--sheets", out, *peers, "--isnet", networks / "isnet.onnx") == 0
    printed = capsys.readouterr().out
    assert "columns: photo; wisp, closed-form (segmenter.onnx); MODNet; IS-Net\n" in printed
    assert "d1a.png, d1b.png, d2a.png, d3a.png" in printed
    assert "disc.png, nobody.png" in printed  # a must mask is no photo
    sheet = read_photo(out / "sheet-01.jpg").image
    assert sheet.shape == (8 + 4 * 48, 8 + 4 * 58, 3)
    photo, _, modnet, _ = (sheet[8:48, 8 + 58 * n : 58 + 58 * n] for n in range(4))
    image = read_photo(folder / "people" / "image" / "d1a.png").image
    assert np.abs(photo - image).mean() < 0.03  # JPEG
    green = np.array([0, 0xB1, 0x40], np.float32) / 255
    red = np.ascontiguousarray(image[..., 0])
    expected = red[0, 0] * image[0, 0] + (1 - red[0, 0]) * green
    np.testing.assert_allclose(modnet[1, 1], expected, atol=0.1)
    assert len(list((tmp_path / "predictions").glob("peer-rvm-*"))) == 0  # it is on no sheet


def test_the_report_has_a_column_for_every_heading(script):
    scores = {"sad": 3.5, "mse": 0.0013, "mae": 0.0051, "grad": 2.404, "conn": 3.0, "iou": 0.9}
    interval = {key: {"mean": -value, "low": -2 * value, "high": value / 2} for key, value in scores.items()}
    system = {"mean": scores, "cpu_s": 0.25, "images": {"x": scores}}
    results = {
        "half": "b",
        "machine": {"cpu": "abacus"},
        "systems": {},
        "sets": {
            "people": {
                "pictures": 1,
                "subjects": 1,
                "labels": {"x": ["hat", "plain"]},
                "systems": {"wisp, auto": system, "RVM": system},
                "differences": {"wisp, auto": {"RVM": interval}},
            },
            "none": {
                "pictures": 44,
                "subjects": 44,
                "labels": {},
                "systems": {"RVM": {"cut_out": 3, "mean": {"share": 0.012}, "cpu_s": 0.2}},
            },
        },
        "cases": {},
        "left_out": {"IS-Net": "no file was given"},
    }
    text = script.report(results)
    lines = text.splitlines()
    assert lines[0] == "Half b of sets that have halves; one core of an abacus."
    assert "| wisp, auto | 3.50 | 1.30 | 5.1 | 2.40 | 3.00 | 0.900 | 0.250 |" in lines
    assert any(line.startswith("| wisp, auto − RVM | -3.50 (-7.00 … +1.75) | -1.30 (") for line in lines)
    assert "| hat | 1 | 3.5 / 0.90 | 3.5 / 0.90 |" in lines
    assert "| plain | 1 | 3.5 / 0.90 | 3.5 / 0.90 |" in lines
    assert "| RVM | 3 of 44 | 1.2% | 0.200 |" in lines
    assert lines[-1] == "Left out: IS-Net (no file was given)"
    for number, line in enumerate(lines):
        if line.startswith("| :--"):
            rows = [lines[number - 1], line]
            for row in lines[number + 1 :]:
                if not row.startswith("|"):
                    break
                rows.append(row)
            assert len({row.count("|") for row in rows}) == 1
