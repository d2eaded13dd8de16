import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import wisp
from tiny_networks import bright_disc, write_segmenter
from tiny_peers import write_affine
from wisp.core.errors import InputError
from wisp.io.images import read_photo, write_image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """The script as a module; its neighbours are found as they are when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        module = importlib.import_module("portrait")
        patch.setattr(module, "stay_on_one_core", lambda: None)  # the tests keep their cores
        patch.setattr(module, "TURNS", 1)
        patch.setattr(module, "TIMED_SIDE", 64)
        yield module
    for name in ("portrait", "_systems", "_sheets", "cutout"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two people, the first on two backgrounds."""
    folder = tmp_path_factory.mktemp("portraits")
    for kind in ("image", "alpha"):
        (folder / kind).mkdir()
    for name, size in (("p01-0", (40, 50)), ("p01-1", (40, 50)), ("p02-0", (61, 47))):
        image, alpha = bright_disc(*size, radius=0.3 if name < "p02" else 0.2)
        write_image(folder / "image" / f"{name}.png", image, bits=8)
        write_image(folder / "alpha" / f"{name}.png", alpha, bits=8)
    return folder


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """MODNet whose alpha is the photo's red, and a segmenter for which what is bright is the subject."""
    place = tmp_path_factory.mktemp("networks")
    modnet = write_affine(place / "modnet.onnx", gain=0.5, offset=0.5)
    return {"modnet": str(modnet), "segmenter": str(write_segmenter(place / "segmenter.onnx"))}


@pytest.fixture
def here(script, monkeypatch, tmp_path):
    """The script measures in this process and keeps its result in a folder of the test's own."""
    monkeypatch.setattr(script, "_fresh", script.measure)
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results" / "portrait.json")
    monkeypatch.delenv("WISP_PEERS", raising=False)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["portrait.py", *map(str, words)])
        return script.main()

    return run


def systems_of(script, networks):
    return [
        script.System("ours", "closed-form", networks["segmenter"]),
        script.System("peer", "modnet", networks["modnet"]),
        script.System("peer", "modnet", networks["modnet"], "openvino"),
    ]


def test_the_scores_are_those_of_wisp_evaluate(script, folder, networks, tmp_path):
    for number, system in enumerate(systems_of(script, networks)):
        measured = script.measure(folder, system)
        opened = script.open_system(system)
        for path in script.photos_of(folder):
            out = tmp_path / f"{number}" / f"{path.stem}.png"
            out.parent.mkdir(exist_ok=True)
            write_image(out, opened.estimate(read_photo(path).image), bits=8)
        report = wisp.evaluate(tmp_path / f"{number}", folder / "alpha")
        assert measured["mean"] == pytest.approx(report.mean, abs=1e-5)
        assert measured["images"].keys() == report.images.keys()
        assert measured["cpu_s_512"] > 0


def test_a_peers_seconds_are_those_inside_its_network(script, networks, monkeypatch):
    """And ours are all of them, whatever is spent where."""
    clock = iter(range(1000))
    ours, peer, _ = (script.open_system(system) for system in systems_of(script, networks))
    image, _ = bright_disc(40, 50)
    systems = sys.modules["_systems"]
    monkeypatch.setattr(systems.time, "process_time", lambda: next(clock))
    assert peer.seconds(image) == 1  # one run of one network, a tick long
    assert peer.seconds(image) == 1  # it begins anew
    assert ours.seconds(image) == 1


def test_people_are_drawn_whole(script, folder, networks):
    ours, peer, other = systems_of(script, networks)
    results = script.compare(folder, [ours, peer], {})  # in processes of their own, as it is kept
    assert (results["photos"], results["people"]) == (3, 2)
    assert results["left_out"] == {}
    assert list(results["systems"]) == [ours.name, peer.name] == ["wisp, closed-form", "MODNet, ONNX Runtime"]
    about = results["systems"][peer.name]
    assert about["licence"] == "Apache-2.0"
    assert about["network"] == "modnet.onnx"
    assert about["runs_in"].startswith("ONNX Runtime ")
    row = results["differences"][ours.name][peer.name]["sad"]
    a, b = (
        {name: scores["sad"] for name, scores in results["systems"][system.name]["images"].items()}
        for system in (ours, peer)
    )
    gaps = {name: a[name] - b[name] for name in a}
    assert row["mean"] == pytest.approx(np.mean(list(gaps.values())))
    by_person = sorted([(gaps["p01-0"] + gaps["p01-1"]) / 2, gaps["p02-0"]])
    assert (row["low"], row["high"]) == pytest.approx(by_person)  # two people: the ends are one or the other
    assert other.name == "MODNet, wisp's runtime"
    assert str(folder.parent) not in json.dumps(results)


def test_what_is_missing_is_left_out_with_a_reason(here, script, folder, networks, capsys, tmp_path):
    modnet = networks["modnet"]
    words = ["--ours", f"closed-form={networks['segmenter']}", "--ours", "dlmn=none.onnx", "--skip-cutout"]
    assert here(folder, *words, "--modnet", modnet, "--rvm", modnet) == 0
    kept = json.loads(script.RESULTS.read_text())
    assert kept["left_out"].keys() == {"wisp, dlmn", "RVM, ONNX Runtime", "U²-Net", "IS-Net"}
    assert kept["left_out"]["U²-Net"] == "no file was given"
    assert kept["left_out"]["RVM, ONNX Runtime"].startswith("modnet.onnx: is no RVM network")
    assert "none.onnx: is no known network and no file" in kept["left_out"]["wisp, dlmn"]
    assert "cutout" not in kept
    printed = capsys.readouterr().out
    assert script.table(kept) in printed
    assert here("--table") == 0
    assert capsys.readouterr().out == script.table(kept) + "\n"


def test_without_modnet_the_kept_result_stays(here, script, folder, networks, capsys):
    script.RESULTS.parent.mkdir()
    script.RESULTS.write_text("{}")
    assert here(folder, "--ours", f"closed-form={networks['segmenter']}", "--skip-cutout") == 0
    assert "not kept" in capsys.readouterr().err
    assert script.RESULTS.read_text() == "{}"


def test_a_folder_of_networks_stands_for_the_options(here, script, folder, networks, monkeypatch, capsys):
    monkeypatch.setenv("WISP_PEERS", str(Path(networks["modnet"]).parent))
    assert here(folder, "--ours", f"closed-form={networks['segmenter']}", "--skip-cutout") == 0
    kept = json.loads(script.RESULTS.read_text())
    assert list(kept["systems"])[1:] == ["MODNet, ONNX Runtime", "MODNet, wisp's runtime"]


def test_the_table(script):
    mean = {"sad": 3.5, "mse": 0.0013, "mae": 0.0051, "grad": 2.404, "conn": 3.0}
    worse = {key: value * 2 for key, value in mean.items()}
    metrics = {key: {"mean": -value, "low": -2 * value, "high": value / 2} for key, value in mean.items()}
    results = {
        "machine": {"cpu": "abacus"},
        "photos": 24,
        "people": 12,
        "systems": {
            "wisp, portrait": {"kind": "ours", "mean": mean, "cpu_s_512": 0.05},
            "MODNet, ONNX Runtime": {
                "kind": "peer",
                "peer": "modnet",
                "runtime": "onnxruntime",
                "mean": worse,
                "cpu_s_512": 0.25,
            },
        },
        "left_out": {"IS-Net": "no file was given"},
        "differences": {"wisp, portrait": {"MODNet, ONNX Runtime": metrics}},
        "cutout": {"wisp, portrait": {s: {"cpu_s_after_start": 0.8, "peak_mb": 320} for s in script.SIZES}},
    }
    lines = script.table(results).splitlines()
    assert lines[0] == "24 portraits of 12 people, whole image; one core of an abacus:"
    assert "| wisp, portrait | 3.50 | 1.30 | 5.10 | 2.40 | 3.00 | 0.050 | 0.20 × |" in lines
    assert "| MODNet, ONNX Runtime | 7.00 | 2.60 | 10.20 | 4.81 | 6.00 | 0.250 | 1.00 × |" in lines
    assert "Left out: IS-Net (no file was given)" in lines
    row = next(line for line in lines if line.startswith("| wisp, portrait − MODNet"))
    assert row.split(" | ")[1:3] == ["-3.50 (-7.00 … +1.75)", "-1.30 (-2.60 … +0.65)"]
    assert "| wisp, portrait | 0.80 | 320 | 0.80 | 320 |" in lines
    starts = [n for n, line in enumerate(lines) if line.startswith("| --- |")]
    for start in starts:  # every row of a table has as many cells as its heading
        table = [lines[start - 1], lines[start]]
        for line in lines[start + 1 :]:
            if not line.startswith("|"):
                break
            table.append(line)
        assert len({line.count("|") for line in table}) == 1


def test_sheets_show_photo_ours_and_modnets_on_green(here, folder, networks, tmp_path, capsys):
    out = tmp_path / "sheets"
    words = ["--ours", f"closed-form={networks['segmenter']}", "--modnet", networks["modnet"], "--rows", "2"]
    assert here(folder / "image", *words, "--sheets", out) == 0  # a folder of photos without any truth
    printed = capsys.readouterr().out
    assert "columns: photo; wisp, closed-form; MODNet, ONNX Runtime\n" in printed
    assert "p01-0.png, p01-1.png" in printed
    assert sorted(path.name for path in out.iterdir()) == ["sheet-01.jpg", "sheet-02.jpg"]
    sheet = read_photo(out / "sheet-01.jpg").image
    assert sheet.shape == (8 + 2 * (40 + 8), 8 + 3 * (50 + 8), 3)
    photo, ours, theirs = (sheet[8:48, left : left + 50] for left in (8, 66, 124))
    image = read_photo(folder / "image" / "p01-0.png").image
    assert np.abs(photo - image).mean() < 0.03  # JPEG
    green = np.array([0, 0xB1, 0x40], np.float32) / 255
    np.testing.assert_allclose(ours[2, 2], green, atol=0.06)
    np.testing.assert_allclose(ours[20, 25], image[20, 25], atol=0.06)
    red = np.ascontiguousarray(image[..., 0])  # MODNet's alpha here, but for what resizing does to it
    expected = wisp.composite(wisp.Matte(red, wisp.estimate_foreground(image, red)), "#00b140")
    assert np.abs(theirs - expected).mean() < 0.03 < np.abs(ours - expected).mean()
    small = read_photo(out / "sheet-02.jpg").image
    assert small.shape == (8 + 61 + 8, 8 + 3 * (47 + 8), 3)


def test_large_pictures_are_made_smaller_on_sheets(here, folder, networks, tmp_path):
    words = ["--ours", f"closed-form={networks['segmenter']}", "--rows", "3", "--cell", "20"]
    assert here(folder, *words, "--sheets", tmp_path / "out") == 0
    sheet = read_photo(tmp_path / "out" / "sheet-01.jpg").image
    assert sheet.shape == (8 + 16 + 8 + 16 + 8 + 20 + 8, 8 + 2 * (20 + 8), 3)


def test_bad_folders_are_named(script, folder, tmp_path):
    with pytest.raises(InputError, match="none: is no folder; a folder of photos"):
        script.photos_of(tmp_path / "none")
    with pytest.raises(InputError, match="holds no photos"):
        script.photos_of(tmp_path)
    with pytest.raises(
        InputError, match=r"alpha: has no true alpha of p01-0.png; a file p01-0.png is accepted"
    ):
        script.compare(folder / "image", [], {})
    assert script.person("p012-1") == "p012"
    assert script.person("a-b-2") == "a-b"
