"""`wisp finetune`: from a folder to a file that --model takes, and folders that are refused."""

import shutil

import numpy as np
import pytest
import pyvips
import torch  # noqa: F401 - what the commands run on: an install without it leaves these tests out

from wisp.cli import main


@pytest.fixture
def folder(tmp_path):
    """Five photos of a bright square with alphas."""
    rng = np.random.default_rng(0)
    for part in ("image", "alpha"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(5):
        alpha = np.zeros((64, 64), np.uint8)
        alpha[16:48, 8 + 4 * number : 40] = 255
        image = np.repeat(alpha[..., None] // 2, 3, 2) + rng.integers(0, 60, (64, 64, 3)).astype(np.uint8)
        pyvips.Image.new_from_array(image).pngsave(str(tmp_path / f"data/image/{number}.png"))
        pyvips.Image.new_from_array(alpha).pngsave(str(tmp_path / f"data/alpha/{number}.png"))
    return tmp_path


def words(folder, *more):
    options = ["-o", str(folder / "out"), "--steps", "1", "--batch", "2", "--size", "64", "--workers", "0"]
    return ["finetune", "segmenter-mobile", "--data", str(folder / "data"), *options, *more]


def test_a_shipped_network_is_tuned_and_used(folder, capsys):
    assert main(words(folder, "--freeze", "all-but-last")) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "5 photos, held out in 3 parts one after the other, 15 replayed of wisp's own"
    assert told[-3].startswith(("not recommended: ", "not recommended yet: ", "recommended: "))
    tuned = folder / "out/segmenter-mobile-tuned.onnx"
    assert told[-1] == f"for --model: {tuned}"
    photo, mask = folder / "data/image/0.png", folder / "cut.png"
    assert main(["cutout", str(photo), "-o", str(mask), "--method", "knn", "--model", str(tuned)]) == 0
    assert main(words(folder)) == 1
    assert "out: exists already; a new or empty folder is accepted" in capsys.readouterr().err


def test_many_photos_or_a_single_part_hold_a_share_out_once(folder, capsys):
    assert main(words(folder, "--freeze", "all-but-last", "--folds", "1")) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "4 photos to train on, 1 held out, 15 replayed of wisp's own"
    assert not (folder / "out/part-1").exists()


def without(*names):
    return lambda data: [(data / name).unlink() for name in names]


def only_one(data):
    for number in range(1, 5):
        without(f"image/{number}.png", f"alpha/{number}.png")(data)


def larger(data):
    pyvips.Image.black(65, 64).pngsave(str(data / "alpha/2.png"))


def emptied(data):
    shutil.rmtree(data)
    data.mkdir()


def without_alphas(data):
    shutil.rmtree(data / "alpha")


def loose(data):
    shutil.rmtree(data / "alpha")
    (data / "image").rename(data / "photos")


def one_opaque(data):
    for part in ("image", "alpha"):
        shutil.rmtree(data / part)
    pyvips.Image.black(8, 8, bands=4).copy(interpretation="srgb").pngsave(str(data / "a.png"))
    pyvips.Image.black(8, 8, bands=3).copy(interpretation="srgb").pngsave(str(data / "b.png"))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (without("alpha/3.png"), "image/3.png: has no alpha; "),
        (larger, "alpha/2.png: is 65×64; its photo's size, 64×64, is accepted"),
        (only_one, "data: holds one photo; at least two are accepted: one is held out"),
        (emptied, "data: holds no photos; a folder with image/ and alpha/, or of cut-outs"),
        (without_alphas, "alpha: is missing; a folder with image/ and alpha/, or of cut-outs"),
        (loose, "data: holds photos, but no alphas; a folder with image/ and alpha/"),
        (one_opaque, "b.png: has no alpha channel; a cut-out with transparency is accepted"),
        (shutil.rmtree, "data: does not exist; a folder is accepted"),
    ],
)
def test_bad_folders_get_a_line(spoil, complaint, folder, capsys):
    spoil(folder / "data")
    assert main(words(folder)) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--size", "100"], "--size: is 100; a multiple of 32 is accepted"),
        (
            ["--segmenter", "segmenter-mobile"],
            "--segmenter: changes nothing: segmenter is given no mask; portrait, dlmn are",
        ),
        (["--freeze", "most"], "--freeze: is most; none, first, first-two, all-but-last are accepted"),
    ],
)
def test_bad_options_get_a_line(options, complaint, folder, capsys):
    assert main(words(folder, *options)) == 2
    assert complaint in capsys.readouterr().err
