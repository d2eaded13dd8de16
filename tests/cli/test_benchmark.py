"""What can be wrong with the command line of `wisp benchmark`; tests/benchmark runs it."""

import shutil

import pytest

from tiny_peers import write_affine


@pytest.fixture
def photos(files, tmp_path):
    folder = tmp_path / "set"
    for kind, source in (("image", "photo.png"), ("alpha", "alpha.png")):
        (folder / kind).mkdir(parents=True)
        shutil.copy(files / source, folder / kind / "photo.png")
    return folder


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--peer", "modnet"], "--peer: modnet is no name with a file; NAME=FILE is accepted"),
        (["--peer", "modnet=gone.onnx"], "gone.onnx: does not exist; the ONNX file of modnet is accepted"),
        (["--peer", "nosuch=gone.onnx"], "nosuch: is no known peer"),
        (["--method", "magic"], "--method: is 'magic'; auto, "),
        (["--method", "auto", "--method", "magic=a.onnx"], "--method: is 'magic'"),
        (["--pymatting", "magic"], "magic: is no method of pymatting"),
        (["--photos", "0"], "--photos"),
        (["--peer-runtime", "tea"], "'tea' is not one of 'onnxruntime', 'openvino'"),
    ],
)
def test_wrong_usage_is_one_line(wisp, photos, tmp_path, words, problem):
    ran = wisp("benchmark", photos, "-o", tmp_path / "out", *words)
    assert ran.code == 2
    assert len(ran.errors) == 1
    assert problem in ran.errors[0]
    assert not (tmp_path / "out").exists()


def test_a_peer_named_twice_is_refused(wisp, photos, tmp_path):
    file = write_affine(tmp_path / "a.onnx", gain=1, offset=0)
    ran = wisp(
        "benchmark", photos, "--peer", f"modnet={file}", "--peer", f"modnet={file}", "-o", tmp_path / "o"
    )
    assert ran.code == 2
    assert "modnet is given twice" in ran.errors[0]


def test_bad_folders_are_named(wisp, photos, tmp_path):
    ran = wisp("benchmark", tmp_path / "gone")
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert "gone: holds no folder image/" in ran.errors[0]
    for out, problem in (
        (photos / "image" / "photo.png", "is a file"),
        (photos / "image", "holds the photos"),
    ):
        ran = wisp("benchmark", photos, "-o", out)
        assert ran.code == 2
        assert problem in ran.errors[0]


def test_where_nothing_works_the_exit_code_says_so(wisp, photos, tmp_path):
    words = ["--method", "dlmn=nosuch.onnx", "--pymatting", "none", "--pictures", "0"]
    ran = wisp("benchmark", photos, "-o", tmp_path / "out", *words)
    assert ran.code == 1
    assert "wisp: wisp, dlmn: failed, " in ran.errors[0]
    assert "nosuch.onnx" in ran.errors[0]
    assert (tmp_path / "out" / "report.html").is_file()
    assert wisp("benchmark", photos, "-o", tmp_path / "out", *words, "--quiet").errors == []
