"""`wisp train`: runs from the command line, and refusals."""

import json
import shutil

import numpy as np
import pytest
import pyvips

from wisp.cli import main


@pytest.fixture
def folder(tmp_path):
    """Three photos with alphas of a bright square, and two scenes."""
    rng = np.random.default_rng(0)
    for part in ("image", "alpha", "backgrounds"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(3):
        alpha = np.zeros((64, 64), np.uint8)
        alpha[16:48, 8 + 4 * number : 40] = 255
        image = np.repeat(alpha[..., None] // 2, 3, 2) + rng.integers(0, 60, (64, 64, 3)).astype(np.uint8)
        pyvips.Image.new_from_array(image).pngsave(str(tmp_path / f"data/image/{number}.png"))
        pyvips.Image.new_from_array(alpha).pngsave(str(tmp_path / f"data/alpha/{number}.png"))
        scene = rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
        pyvips.Image.new_from_array(scene).pngsave(str(tmp_path / f"data/backgrounds/{number}.png"))
    return tmp_path


def test_portrait_trains_and_resumes(folder, capsys):
    words = ["train", "portrait", "--data", str(folder / "data"), "-o", str(folder / "run")]
    words += ["--batch", "2", "--size", "64", "--workers", "0", "--steps"]
    assert main([*words, "1"]) == 0
    assert "coarse masks are made of the true alphas" in capsys.readouterr().err
    assert (folder / "run/best.pt").is_file()
    history = json.loads((folder / "run/history.json").read_text())
    assert [row["step"] for row in history] == [1, 1]
    assert main([*words, "1"]) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--recipe", "other"], "--recipe: is other; mobile and mobile-fine and paper are accepted"),
        (["--recipe", "paper"], "--perceptual-weights: is missing"),
        (["--size", "100"], "--size: is 100; a multiple of 32 is accepted"),
        (["--precision", "fp8"], "--precision: is fp8"),
        (["--segmenter", "none.pt"], "none.pt: does not exist"),
        (["--names", "none.txt"], "none.txt: cannot be read"),
        (["--licences", "CC0"], "data: has no manifest.csv to read licences from"),
        (["--data", "none"], "none: does not exist; a folder is accepted"),
    ],
)
def test_portrait_refuses(options, complaint, folder, capsys):
    words = ["train", "portrait", "--data", str(folder / "data"), "-o", str(folder / "run")]
    assert main([*words, *options]) in (1, 2)
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (folder / "run").exists()


def test_trains_on_a_selection_of_several_sets(folder, capsys):
    """Two of the photos here, and a published set's one photo, which has no test part of its own."""
    other = folder / "set/train"
    for part, source in (("original", "image"), ("mask", "alpha")):
        (other / part).mkdir(parents=True)
        shutil.copy(folder / f"data/{source}/1.png", other / part / "m_1.png")
    (folder / "names.txt").write_text("0.png\n2\nm_1.jpg\n")
    words = ["train", "segmenter", "--data", str(folder / "data"), "--data", str(folder / "set")]
    words += ["-o", str(folder / "run"), "--names", str(folder / "names.txt")]
    assert main(words) == 1
    assert "names.txt: names m_1.jpg, which is not in image and alpha and am-2k" in capsys.readouterr().err
    (folder / "names.txt").write_text("0.png\n2\nm_1\n")
    words += ["--batch", "2", "--size", "64", "--workers", "0", "--steps", "1"]
    assert main(words) == 0
    assert (folder / "run/best.pt").is_file()


def test_dim_trains_and_resumes(folder, capsys):
    words = ["train", "dim", "--data", str(folder / "data"), "-o", str(folder / "run")]
    words += ["--batch", "2", "--size", "64", "--workers", "0", "--procedural", "0", "--steps", "1"]
    assert main(words) == 0
    assert (folder / "run/best.pt").is_file()
    assert main([*words, "--resume"]) == 0
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err
    for options in (["--laplacian", "0.2"], ["--random-background"]):
        assert main([*words, "--resume", *options]) == 1
        assert "belongs to another recipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--recipe", "other"], "--recipe: is other; mobile, mobile-fine and vgg16 are accepted"),
        (["--size", "100"], "--size: is 100; a multiple of 32 is accepted"),
        (["--encoder-weights", "none.pth"], "none.pth: does not exist"),
    ],
)
def test_dim_refuses(options, complaint, folder, capsys):
    words = ["train", "dim", "--data", str(folder / "data"), "-o", str(folder / "run")]
    assert main([*words, *options]) in (1, 2)
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (folder / "run").exists()
