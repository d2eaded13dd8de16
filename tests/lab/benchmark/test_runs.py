"""`wisp benchmark` from beginning to end, on photos and networks that are made here."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from wisp.cli import main
from wisp.core.errors import InputError
from wisp.evaluation.protocols import evaluate
from wisp.io.images import read_photo, write_image
from wisp.lab.benchmark import runs, worker
from wisp.lab.benchmark.cases import find_cases
from wisp.lab.benchmark.runs import Benchmark, hardest_first, read_log
from wisp.lab.benchmark.systems import System

NAMES = ["a", "b/c", "d"]


def words(photos, networks, out):
    peers = ["--peer", f"modnet={networks['modnet']}", "--peer", f"rvm={networks['modnet']}"]
    method = ["--method", f"closed-form={networks['segmenter']}", "--pymatting", "none"]
    return ["benchmark", str(photos), "-o", str(out), *method, *peers, "--cores", "1"]


@pytest.fixture(scope="module")
def made(photos, networks, tmp_path_factory):
    """The folder of results of a whole run."""
    out = tmp_path_factory.mktemp("out") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WISP_PEERS", raising=False)
        patch.setenv("WISP_MODELS", str(out / "none"))
        assert main(words(photos, networks, out)) == 0
    return out


@pytest.fixture
def result(made):
    return json.loads((made / "report.json").read_text(encoding="utf-8"))


def rows(result):
    return {row["name"]: row for row in result["systems"]}


def figures(result):
    """What must be the same however often a run was stopped: everything but what is left out on purpose."""
    return [row.get("mean", row.get("error")) for row in result["systems"]]


def test_the_figures_are_those_of_wisp_evaluate(made, result, photos):
    worked = [row for row in result["systems"] if "error" not in row]
    assert len(worked) == 3
    for row in worked:
        alphas = made / "systems" / row["slug"] / "alpha"
        whole = evaluate(alphas, photos / "alpha")
        unknown = evaluate(alphas, photos / "alpha", trimaps=photos / "trimap")
        assert row["mean"] == {"whole": whole.mean, "trimap": unknown.mean}
        for name in NAMES:
            assert row["images"][name]["whole"] == whole.images[name]
            assert row["images"][name]["trimap"] == unknown.images[name]


def test_each_row_tells_what_it_took_and_what_it_is(result, networks):
    assert list(rows(result)) == [
        "wisp, closed-form",
        "wisp, closed-form, trimap",
        "MODNet, ONNX Runtime",
        "RVM, ONNX Runtime",
    ]
    modnet = rows(result)["MODNet, ONNX Runtime"]
    assert modnet["licence"] == "Apache-2.0"
    assert modnet["model_bytes"] == Path(networks["modnet"]).stat().st_size
    assert modnet["files"] == ["modnet.onnx"]
    assert modnet["runs_in"].startswith("ONNX Runtime ")
    assert rows(result)["wisp, closed-form"]["files"] == ["segmenter.onnx"]
    assert rows(result)["wisp, closed-form, trimap"]["files"] == []
    for row in result["systems"]:
        if "error" not in row:
            assert row["cpu_s"] > 0
            assert row["wall_s"] > 0
            assert 20 < row["peak_mb"] < 5000
            assert 0 <= row["colour_error"] < 100
            assert row["colours_by"] == "wisp"
    assert result["machine"]["cores_each"] == 1
    assert result["left_out"]["IS-Net"] == "no file was given"
    assert result["left_out"]["Background Matting V2"] == "no file was given"


def test_a_system_that_fails_is_a_row_that_says_why(result, networks):
    error = rows(result)["RVM, ONNX Runtime"]["error"]
    assert error.startswith("modnet.onnx: is no RVM network")
    assert str(Path(networks["modnet"]).parent) not in json.dumps(result)


def test_markdown_and_page_hold_the_same(made, result):
    text = (made / "report.md").read_text(encoding="utf-8")
    page = (made / "report.html").read_text(encoding="utf-8")
    sad = f"{rows(result)['MODNet, ONNX Runtime']['mean']['whole']['sad']:.2f}"
    assert f"| MODNet, ONNX Runtime | {sad} |" in text
    assert f">{sad}</td>" in page
    assert "- RVM, ONNX Runtime: modnet.onnx: is no RVM network" in text
    assert "failed: modnet.onnx: is no RVM network" in page
    assert "## Unknown part of trimap" in text
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    )
    assert data["result"] == result
    assert [picture["name"] for picture in data["pictures"]] == result["hardest"]
    assert data["pictures"][0]["systems"].keys() == {
        row["slug"] for row in result["systems"] if "error" not in row
    }


def test_what_is_finished_is_not_done_again(made, result, photos, networks, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*.png")}
    assert len(before) == 3 * 3 * 2
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        runs.subprocess, "Popen", lambda command, **kw: started.append(command[-1]) or popen(command, **kw)
    )
    assert main(words(photos, networks, made)) == 0
    assert [Path(place).name for place in started] == ["peer-rvm-onnxruntime-modnet"]  # it had failed
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*.png")} == before
    again = json.loads((made / "report.json").read_text(encoding="utf-8"))
    assert again == result


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_killed_half_way_it_goes_on_and_gives_the_same_table(made, result, photos, networks, tmp_path):
    out = tmp_path / "results"
    command = [sys.executable, "-m", "wisp", *words(photos, networks, out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(out.glob("systems/ours-closed_form-segmenter-trimap/alpha/*.png")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    finished = out / "systems" / "ours-closed_form-segmenter"
    times = (finished / "log.jsonl").read_text().splitlines()
    assert main(words(photos, networks, out)) == 0
    assert (finished / "log.jsonl").read_text().splitlines() == times
    again = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert figures(again) == figures(result)
    assert again["hardest"] == result["hardest"]


def benchmark_of(photos, out, system):
    return Benchmark(photos, find_cases(photos), [system], {}, out)


def in_this_process(monkeypatch):
    """Work here instead of in a process of its own, which takes a second to start."""

    class Here:
        def __init__(self, command, **_):
            worker.work(Path(command[-1]))

        def wait(self):
            return 0

    monkeypatch.setattr(runs.subprocess, "Popen", Here)


def test_a_line_that_was_cut_short_is_that_photos_alone(photos, networks, tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    benchmark = benchmark_of(photos, tmp_path, System("peer", "modnet", str(networks["modnet"])))
    first = runs.run(benchmark)
    log = benchmark.place(benchmark.systems[0]) / "log.jsonl"
    lines = log.read_text().splitlines()
    assert len(lines) == 4
    log.write_text("\n".join(lines[:3]) + "\n" + lines[3][: len(lines[3]) // 2])
    again = runs.run(benchmark)
    assert figures(again) == figures(first)
    after = log.read_text().splitlines()
    assert after[:3] == lines[:3]
    assert list(read_log(log.parent).images) == NAMES


def test_a_photo_that_changed_is_measured_again(photos, networks, tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    own = tmp_path / "own"
    shutil.copytree(photos, own)
    benchmark = benchmark_of(own, tmp_path / "out", System("peer", "modnet", str(networks["modnet"])))
    first = runs.run(benchmark)["systems"][0]["mean"]
    image = own / "image" / "d.png"
    write_image(image, np.full_like(read_photo(image).image, 0.5), bits=8, overwrite=True)
    second = runs.run(benchmark)["systems"][0]["mean"]
    assert second != first
    shutil.copy(own / "image" / "d.png", own / "alpha" / "d.png")  # a truth: only the scores change
    before = (benchmark.place(benchmark.systems[0]) / "log.jsonl").read_bytes()
    third = runs.run(benchmark)["systems"][0]["mean"]
    assert third != second
    assert (benchmark.place(benchmark.systems[0]) / "log.jsonl").read_bytes() == before
    assert runs.run(benchmark, fresh=True)["systems"][0]["mean"] == third
    assert (benchmark.place(benchmark.systems[0]) / "log.jsonl").read_bytes() != before


def test_what_cannot_be_scored_is_a_row_that_says_so(photos, networks, tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    own = tmp_path / "own"
    shutil.copytree(photos, own)
    trimap = own / "trimap" / "d.png"
    write_image(trimap, np.zeros((33, 80), np.float32), bits=8, overwrite=True)
    benchmark = benchmark_of(own, tmp_path / "out", System("peer", "modnet", str(networks["modnet"])))
    assert "d.png: has nothing unknown to score" in runs.run(benchmark)["systems"][0]["error"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_process_that_dies_is_told(photos, networks, tmp_path, monkeypatch):
    class Killed:
        def __init__(self, *_, **__):
            pass

        def wait(self):
            return -9

    monkeypatch.setattr(runs.subprocess, "Popen", Killed)
    benchmark = benchmark_of(photos, tmp_path, System("peer", "modnet", str(networks["modnet"])))
    (row,) = runs.run(benchmark)["systems"]
    assert row["error"] == "its process was ended by SIGKILL, as the system does when memory runs out"
    monkeypatch.setattr(Killed, "wait", lambda self: 3)
    assert runs.run(benchmark)["systems"][0]["error"].startswith("its process ended with exit code 3")
    monkeypatch.setattr(Killed, "wait", lambda self: 0)
    assert runs.run(benchmark)["systems"][0]["error"] == "its process ended early"


def test_a_worker_whose_parent_is_gone_stops(photos, networks, tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    real, parents = os.getppid, iter([1, 1, 2])
    monkeypatch.setattr(worker.os, "getppid", lambda: next(parents))
    benchmark = benchmark_of(photos, tmp_path, System("peer", "modnet", str(networks["modnet"])))
    (row,) = runs.run(benchmark)["systems"]
    assert row["error"] == "its process ended early"
    assert list(read_log(benchmark.place(benchmark.systems[0])).images) == NAMES[:1]
    monkeypatch.setattr(worker.os, "getppid", real)
    assert "mean" in runs.run(benchmark)["systems"][0]


def test_hard_is_what_is_hard_for_all():
    rows = [
        {
            "mean": {"whole": {"sad": 2.0}},
            "images": {n: {"whole": {"sad": s}} for n, s in zip("abc", sads, strict=True)},
        }
        for sads in ((1.0, 2.0, 3.0), (0.0, 5.0, 1.0))
    ]
    assert hardest_first(list("abc"), rows) == ["b", "c", "a"]
    assert hardest_first(["x", "y"], []) == ["x", "y"]
    nothing = [{"mean": {"whole": {"sad": 0.0}}, "images": {"a": {"whole": {"sad": 0.0}}}}]
    assert hardest_first(["a"], nothing) == ["a"]


class TestCases:
    def test_all_and_some(self, photos):
        cases = find_cases(photos)
        assert [case.name for case in cases] == NAMES
        assert cases[1].guides == {"trimap": photos / "trimap" / "b" / "c.png"}
        assert cases[1].foreground == photos / "foreground" / "b" / "c.png"
        assert [case.name for case in find_cases(photos, 2)] == ["a", "b/c"]

    def test_a_photo_without_its_truth_is_named(self, photos, tmp_path):
        own = tmp_path / "own"
        shutil.copytree(photos, own)
        (own / "alpha" / "d.png").unlink()
        with pytest.raises(InputError, match="has no pictures of the name d"):
            find_cases(own)

    @pytest.mark.parametrize("missing", ["image", "alpha"])
    def test_a_folder_of_another_kind_is_refused(self, photos, tmp_path, missing):
        own = tmp_path / "own"
        shutil.copytree(photos, own)
        shutil.rmtree(own / missing)
        with pytest.raises(
            InputError, match=rf"holds no folder {missing}/; a folder of image/ and alpha/ is"
        ):
            find_cases(own)

    def test_two_photos_of_a_name_are_refused(self, photos, tmp_path):
        own = tmp_path / "own"
        shutil.copytree(photos, own)
        shutil.copy(own / "image" / "a.png", own / "image" / "a.jpg")
        with pytest.raises(InputError, match="has the name of another photo"):
            find_cases(own)
