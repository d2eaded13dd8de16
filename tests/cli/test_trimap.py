from types import SimpleNamespace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from wisp.cli.console import UsageError
from wisp.cli.trimap import trimap_command
from wisp.core.errors import InputError
from wisp.engine.families import subject
from wisp.io.guidance import read_trimap
from wisp.io.images import write_image
from wisp.matting.trimap import trimap_from_alpha, trimap_from_mask

app = typer.Typer()
app.command()(trimap_command)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def soft_disc(size=(60, 80)):
    y, x = np.mgrid[: size[0], : size[1]]
    soft = np.clip((20 - np.hypot(y - size[0] / 2, x - size[1] / 2)) / 6, 0, 1)
    return (np.round(soft * 255) / 255).astype(np.float32)


def find(monkeypatch, mask_of, seen=None):
    """Let the networks find `mask_of` a picture's size, and keep what they were shown in `seen`."""

    def find_subject(image, **chosen):
        if seen is not None:
            seen.append((image, chosen))
        return SimpleNamespace(mask=mask_of(image.shape[:2]).astype(np.float32))

    monkeypatch.setattr(subject, "find_subject", find_subject)


@pytest.fixture
def folder(tmp_path):
    write_image(tmp_path / "photo.jpg", np.full((60, 80, 3), 0.4, np.float32), bits=8)
    write_image(tmp_path / "matte.png", soft_disc(), bits=8)
    return tmp_path


@pytest.mark.parametrize(
    ("option", "function"), [("--mask", trimap_from_mask), ("--alpha", trimap_from_alpha)]
)
@pytest.mark.parametrize("width", [None, 0.3])
def test_from_guidance(folder, option, function, width):
    extra = [] if width is None else ["--width", width]
    result = run(folder / "photo.jpg", "-o", folder / "out.png", option, folder / "matte.png", *extra)
    assert result.exit_code == 0, result.exception
    assert not result.stdout
    expected = function(soft_disc()) if width is None else function(soft_disc(), width=width)
    np.testing.assert_array_equal(read_trimap(folder / "out.png"), expected)


def test_from_the_network(folder, monkeypatch):
    find(monkeypatch, soft_disc)
    result = run(folder / "photo.jpg", "-o", folder / "out.tif")
    assert result.exit_code == 0, result.exception
    np.testing.assert_array_equal(read_trimap(folder / "out.tif"), trimap_from_mask(soft_disc()))


def test_what_is_looked_for_and_by_which_network(folder, monkeypatch):
    seen = []
    find(monkeypatch, soft_disc, seen)
    command = [folder / "photo.jpg", "-o", folder / "out.png", "--subject", "anything", "--model", "x.onnx"]
    assert run(*command).exit_code == 0
    chosen = seen[0][1]
    assert (chosen["wanted"], chosen["model"]) == ("anything", "x.onnx")
    with_mask = run(*command, "--overwrite", "--mask", folder / "matte.png")
    assert "--subject: changes nothing: with --mask no network runs" in str(with_mask.exception)


def test_what_is_transparent_is_background_and_is_not_shown(folder, monkeypatch):
    seen = []
    find(monkeypatch, np.ones, seen)
    picture = np.full((60, 80, 4), 0.9, np.float32)
    picture[..., 3] = soft_disc()
    write_image(folder / "cut.png", picture, bits=8)
    assert run(folder / "cut.png", "-o", folder / "out.png").exit_code == 0
    trimap = read_trimap(folder / "out.png")
    np.testing.assert_array_equal(trimap, trimap_from_mask(soft_disc()))
    assert seen[0][0][0, 0].tolist() == [0.5, 0.5, 0.5]


def test_an_output_without_suffix_is_told_of_those_that_a_trimap_may_have(folder):
    result = run(folder / "photo.jpg", "-o", folder / "out", "--mask", folder / "matte.png")
    assert isinstance(result.exception, (UsageError, SystemExit))
    said = str(result.exception) + result.output
    assert "out: has no suffix" in said
    assert ".png, .tiff and .tif are accepted" in said


def test_no_subject_is_said(folder, monkeypatch):
    find(monkeypatch, np.zeros)
    result = run(folder / "photo.jpg", "-o", folder / "out.png")
    assert result.exit_code == 0
    assert "no subject" in result.stderr
    assert (read_trimap(folder / "out.png") == 0).all()
    assert not run(folder / "photo.jpg", "-o", folder / "out.png", "--overwrite", "--quiet").stderr


def test_guidance_of_another_size(folder):
    write_image(folder / "small.png", soft_disc((30, 40)), bits=8)
    result = run(folder / "photo.jpg", "-o", folder / "out.png", "--mask", folder / "small.png")
    assert type(result.exception) is InputError
    assert "40×30" in str(result.exception)
    assert not (folder / "out.png").exists()


def test_wrong_usage_is_found_before_anything_is_written(folder):
    (folder / "there.png").write_bytes(b"mine")
    photo, matte = folder / "photo.jpg", folder / "matte.png"
    for words in (
        (photo, "-o", folder / "out.png", "--mask", matte, "--alpha", matte),
        (photo, "-o", folder / "out.jpg", "--mask", matte),
        (photo, "-o", folder / "out.webp", "--mask", matte),
        (photo, "-o", folder / "out.xyz", "--mask", matte),
        (photo, "-o", folder / "no/where.png", "--mask", matte),
        (photo, "-o", folder / "there.png", "--mask", matte),
        (photo, "-o", matte, "--mask", matte, "--overwrite"),
    ):
        assert type(run(*words).exception) is UsageError, words
    assert run(photo, "-o", folder / "out.png", "--mask", matte, "--width", "1.5").exit_code == 2
    assert (folder / "there.png").read_bytes() == b"mine"
    assert sorted(path.name for path in folder.iterdir()) == ["matte.png", "photo.jpg", "there.png"]
