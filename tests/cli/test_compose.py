"""``wisp compose``: a data set from foregrounds and backgrounds."""

import csv
import subprocess
import sys

import numpy as np
import pytest

import data_trees as trees
from wisp.data import layouts
from wisp.io.guidance import read_grey, read_trimap
from wisp.io.images import read_photo


@pytest.fixture
def data(tmp_path):
    trees.composition_1k(tmp_path / "adobe")
    trees.distinctions_646(tmp_path / "d646")
    trees.scenes(tmp_path / "scenes")
    return tmp_path


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_composes_the_training_set_and_says_of_what(data, wisp):
    out = data / "out"
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", out, "-n", 2)
    assert ran.code == 2  # there is no such option
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", out, "--per-foreground", 2)
    assert (ran.code, ran.errors) == (0, [f"wisp: {out}: 6 composites"])
    names = [f"{name}_{i}" for name in ("1-12IM", "a person", "cc.0") for i in range(2)]
    assert files(out) == sorted(
        ["pairs.csv", *(f"{part}/{name}.png" for part in ("image", "alpha") for name in names)]
    )
    rows = list(csv.DictReader((out / "pairs.csv").read_text().splitlines()))
    assert rows[3] == {
        "name": "1-12IM_1",
        "foreground": "1-12IM",
        "background": "COCO_train2014_004.jpg",
        "erosion": rows[3]["erosion"],
        "dilation": rows[3]["dilation"],
    }
    np.testing.assert_array_equal(
        (read_grey(out / "alpha/1-12IM_1.png") * 255).round().astype(int), trees.alpha((12, 15), 1)
    )


def test_twenty_is_the_default_for_testing_and_a_hundred_for_training(data, wisp):
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", data / "out", "--split", "test")
    assert ran.code == 2
    assert "has 3 backgrounds in the authors' list" in ran.errors[0]
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", data / "out", "--order", "random")
    assert "holds 9 photos for 100 backgrounds a foreground" in ran.errors[0]
    options = ["--split", "test", "--order", "names"]
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", data / "out", *options)
    assert "holds 9 photos for 20 backgrounds" in ran.errors[0]
    assert not (data / "out").exists()


def test_layers_explain_the_image_and_trimaps_are_the_authors(data, wisp):
    out = data / "out"
    options = ["--split", "test", "--per-foreground", 3, "--trimaps", "--layers", "--jobs", 2, "-q"]
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", out, *options)
    assert (ran.code, ran.errors) == (0, [])
    for number in range(3):
        name = f"t-shirt_{number}.png"
        image, fg, bg = (read_photo(out / part / name).image for part in ("image", "fg", "bg"))
        alpha = read_grey(out / "alpha" / name)[..., None]
        assert np.abs(alpha * fg + (1 - alpha) * bg - image).max() <= 1.001 / 255
        trimap = data / "adobe/Test_set/Adobe-licensed images/trimaps" / name
        np.testing.assert_array_equal(read_trimap(out / "trimap" / name), read_trimap(trimap))
    assert [e.subject for e in layouts.read_folder(out).entries] == ["t-shirt"] * 3


def test_persons_of_two_sets(data, wisp):
    (data / "persons.txt").write_text("a person.jpg\nh_10.png\n")
    options = ["--names", data / "persons.txt", "--order", "random", "--per-foreground", 4, "--seed", 7]
    ran = wisp("compose", data / "adobe", data / "d646", "-b", data / "scenes", "-o", data / "out", *options)
    assert ran.code == 0
    assert len(list((data / "out/image").iterdir())) == 8
    again = wisp(
        "compose", data / "d646", data / "adobe", "-b", data / "scenes", "-o", data / "out2", *options
    )
    assert again.code == 0
    for part in ("image", "alpha"):
        for path in (data / "out" / part).iterdir():
            assert path.read_bytes() == (data / "out2" / part / path.name).read_bytes()
    (data / "persons.txt").write_text("somebody\n")
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", data / "out3", *options)
    assert ran.code == 2
    assert "names somebody, which is not in composition-1k" in ran.errors[0]


def test_resumes_what_is_missing_and_only_that(data, wisp):
    out = data / "out"
    words = ["compose", data / "d646", "-b", data / "scenes", "-o", out, "--per-foreground", 3]
    words += ["--order", "names"]
    assert wisp(*words).code == 0
    before = {name: (out / name).stat().st_mtime_ns for name in files(out)}
    content = (out / "image/h_10_1.png").read_bytes()
    (out / "image/h_10_1.png").unlink()
    ran = wisp(*words)
    assert ran.errors == [f"wisp: {out}: 6 composites, 5 of them already there"]
    assert (out / "image/h_10_1.png").read_bytes() == content
    untouched = [name for name in before if "h_10_1" not in name and name != "pairs.csv"]
    assert all((out / name).stat().st_mtime_ns == before[name] for name in untouched)
    assert wisp(*words, "--trimaps").code == 0
    assert len(list((out / "trimap").iterdir())) == 6
    ran = wisp(*words, "--seed", 1)
    assert ran.code == 2
    assert "pairs.csv: was made of other pairs" in ran.errors[0]
    assert wisp(*words, "--seed", 1, "--overwrite").code == 0


def test_own_data_never_gets_lost(data, wisp, untouched):
    trees.pair(data / "own/image", data / "own/alpha", "x")
    trees.write(data / "cuts/y.png", np.dstack([trees.colours((6, 5), 0), trees.alpha((6, 5))]))
    untouched(data)
    words = ["-b", data / "scenes", "--per-foreground", 1]
    ran = wisp("compose", data / "cuts", *words, "-o", data / "own")
    assert (ran.code, ran.errors[0]) == (
        2,
        f"wisp: {data}/own: is not empty; a new folder is accepted; --overwrite writes into it",
    )
    for source in ("own", "d646"):
        ran = wisp("compose", data / source, *words, "--order", "names", "-o", data / "own", "--overwrite")
        expected = "is an input and lies where" if source == "own" else "2 composites"
        assert expected in ran.errors[0]
    assert wisp("compose", data / "cuts", "-b", data / "own", *words[2:], "-o", data / "own").code == 2


def test_one_bad_file_does_not_stop_the_others(data, wisp):
    (data / "scenes/COCO_train2014_001.jpg").write_bytes(b"nothing")
    trees.write(data / "adobe/Training_set/Other/alpha/cc.0.png", trees.alpha((13, 15)))
    out = data / "out"
    ran = wisp("compose", data / "adobe", "-b", data / "scenes", "-o", out, "--per-foreground", 2)
    assert ran.code == 1
    assert sorted(error.split(": ", 2)[2] for error in ran.errors) == [
        "3 composites",
        "cannot be read as an image; JPEG, PNG, TIFF, WebP and AVIF are accepted",
        "is 15×13; its photo's size, 15×12, is accepted",
    ]
    assert files(out / "image") == ["1-12IM_1.png", "a person_0.png", "a person_1.png"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["none", "-b", "scenes"], "none: does not exist"),
        (["scenes", "-b", "scenes"], "is laid out as no data set that wisp knows"),
        (["d646", "-b", "none"], "none: is no folder; a folder of photos"),
        (["d646"], "Missing option"),
        (["d646", "-b", "scenes", "--names", "none.txt"], "none.txt: cannot be read"),
        (["d646", "-b", "scenes", "--per-foreground", "0"], "--per-foreground"),
        (["d646", "-b", "scenes", "--size", "3x"], "--size: changes nothing without --video"),
        (["d646", "-b", "scenes", "--frames", "7"], "--frames: changes nothing without --video"),
        (["d646", "-b", "scenes", "--video", "--trimaps"], "--trimaps: changes nothing with --video"),
        (["d646", "d646", "-b", "scenes"], "has the name of"),
    ],
)
def test_refusals_are_one_line_before_anything_is_written(words, complaint, data, wisp, monkeypatch):
    monkeypatch.chdir(data)
    ran = wisp("compose", *words, "-o", "out")
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert complaint in ran.errors[0]
    assert not (data / "out").exists()


def test_needs_no_torch(data):
    script = (
        "import sys; from wisp.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(code or 10 * ('torch' in sys.modules))"
    )
    words = ["compose", data / "d646", "-b", data / "scenes", "-o", data / "out", "--per-foreground", "1"]
    ran = subprocess.run([sys.executable, "-c", script, *map(str, words)], check=False, capture_output=True)
    assert ran.returncode == 0, ran.stderr
