"""`wisp train`: runs from the command line, and refusals."""

import json
import shutil

import numpy as np
import pytest
import pyvips
import torch  # noqa: F401 - what the commands run on: an install without it leaves these tests out

from wisp.cli import main
from wisp.cli.train.options import CorpusOptions
from wisp.cli.train.packs import packs_of
from wisp.core.errors import InputError


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
        (
            ["--recipe", "other"],
            "--recipe: is other; mobile, mobile-fine, mobile-led, mobile-clip, paper are accepted",
        ),
        (["--recipe", "paper"], "--perceptual-weights: is missing"),
        (["--as-published"], "--as-published: is no option of the recipe mobile; --recipe paper has it"),
        (["--recipe", "paper", "--as-published"], "--segmenter: is missing, and masks of the true alphas"),
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


def test_packs_of_a_licence_leave_out_other_photos_cut_outs_and_backgrounds(corpus_folder, tmp_path):
    cut_outs = corpus_folder / "cutouts"
    cut_outs.mkdir()
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 16:48] = 255
    for name in ("free", "other"):
        pyvips.Image.new_from_array(rgba).webpsave(str(cut_outs / f"{name}.webp"), lossless=True)
    scenes = corpus_folder / "backgrounds"
    names = sorted(path.stem for path in scenes.iterdir() if path.suffix != ".csv")
    for folder, free in ((cut_outs, ["free"]), (scenes, names[:2])):
        rows = [
            f"{path.stem},{'CC0-1.0' if path.stem in free else 'research use'}" for path in folder.iterdir()
        ]
        (folder / "manifest.csv").write_text("\n".join(["name,licence", *sorted(rows)]) + "\n", "utf-8")

    def packed(licences: str, **more: object) -> dict[str, int]:
        chosen = CorpusOptions(licences=licences, **more)
        train, held_out = packs_of(corpus_folder, tmp_path / (licences or "all"), chosen, report=print)
        groups = ("people", "cutouts", "scenes")
        return {g: len(train.group(g)) + len(held_out.group(g)) for g in groups}

    assert packed("cc0") == {"people": 3, "cutouts": 1, "scenes": 2}
    assert packed("")["cutouts"] == 2
    assert packed("")["scenes"] == len(names) > 2
    (scenes / "manifest.csv").write_text("name,licence\nnone,CC0\n", "utf-8")
    with pytest.raises(InputError, match="backgrounds: has no photo of such a licence"):
        packed("CC0-1")
    assert packed("CC0-1.", backgrounds=scenes)["scenes"] == len(names)


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
        (["--recipe", "other"], "--recipe: is other; mobile, mobile-fine, vgg16 are accepted"),
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


@pytest.fixture
def bright_is_subject(monkeypatch):
    """A segmenter that finds what is bright, instead of the shipped one."""
    from wisp.data import cues

    monkeypatch.setattr(cues, "segment", lambda image: (image.mean(2) > 0.4).astype(np.float32))


def test_dlmn_and_ssrn_train_one_after_the_other(folder, capsys, bright_is_subject):
    data = ["--data", str(folder / "data"), "--batch", "2", "--size", "64", "--workers", "0", "--steps", "1"]
    dlmn, start, last = (str(folder / name) for name in ("dlmn", "ssrn", "unlabelled"))
    assert main(["train", "dlmn", *data, "-o", dlmn]) == 0
    assert main(["train", "dlmn", *data, "-o", dlmn, "--resume"]) == 0
    first = ["--dlmn", f"{dlmn}/best.pt"]
    assert main(["train", "ssrn", *data, *first, "-o", start]) == 0
    second = [*first, "--recipe", "mobile-unlabelled", "--start", f"{start}/best.pt"]
    frames = ["--frames", str(folder / "data/image"), "--photos", str(folder / "data/image")]
    assert main(["train", "ssrn", *data, *second, *frames, "-o", last]) == 0
    history = json.loads((folder / "unlabelled/history.json").read_text())
    assert "loss/drift" in history[0]
    assert history[-1]["score/alpha_ratio"] == pytest.approx(1, abs=0.1)
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["dlmn", "--recipe", "other"], "--recipe: is other; mobile, packed and paper are accepted"),
        (["dlmn", "--recipe", "paper", "--encoder-weights", __file__], "is no option of the paper's network"),
        (["dlmn", "--start", "none.pt"], "none.pt: does not exist"),
        (["ssrn", "--dlmn", "none.pt"], "none.pt: does not exist"),
        (
            ["ssrn", "--dlmn", "none.pt", "--recipe", "x"],
            "--recipe: is x; mobile, mobile-unlabelled, resnet101",
        ),
        (["ssrn", "--dlmn", "none.pt", "--photos", "nowhere"], "nowhere: does not exist"),
    ],
)
def test_dlmn_and_ssrn_refuse(words, complaint, folder, capsys):
    words = ["train", *words, "--data", str(folder / "data"), "-o", str(folder / "run")]
    assert main(words) in (1, 2)
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (folder / "run").exists()
