"""Subjects, photos and sheets: what is read and how it is laid out."""

import numpy as np
import pytest

from tiny_networks import bright_disc
from wisp.core.errors import InputError
from wisp.io.images import write_image
from wisp.lab.figures.photos import partner, pictures
from wisp.lab.figures.sheets import GAP, row, stack
from wisp.lab.figures.subjects import find


@pytest.fixture
def photos(tmp_path):
    """image/ and alpha/ with two photos, one of them in a folder, and cut-outs/ with one."""
    for name in ("image/deep", "alpha/deep", "cut-outs"):
        (tmp_path / name).mkdir(parents=True)
    image, alpha = bright_disc(40, 61)
    for name in ("b", "deep/a"):
        write_image(tmp_path / f"image/{name}.jpg", image)
        write_image(tmp_path / f"alpha/{name}.png", alpha, bits=8)
    write_image(tmp_path / "cut-outs/c.png", np.dstack([image, alpha]), bits=8)
    (tmp_path / "image/.hidden.png").write_bytes(b"")
    (tmp_path / "image/notes.txt").write_text("no picture")
    return tmp_path


def test_photos_with_alphas_have_foregrounds_of_their_own(photos):
    sources = find(photos)
    assert [source.name for source in sources] == ["b", "deep/a"]
    image, alpha = bright_disc(40, 61)
    subject = sources[1].load()
    np.testing.assert_allclose(subject.alpha, alpha, atol=1 / 255)
    soft = (alpha > 0.2) & (alpha < 0.8)
    own = np.array([0.95, 0.8, 0.7])
    assert np.abs(subject.foreground - own)[soft].mean() < 0.5 * np.abs(image - own)[soft].mean()
    black = subject.on("black")
    np.testing.assert_allclose(black, subject.foreground * subject.alpha[..., None], atol=0.5 / 255 + 1e-6)
    assert np.array_equal(
        black, (black * 255).round().astype(np.uint8).astype(np.float32) * np.float32(1 / 255)
    )


def test_cut_outs_and_shrinking(photos):
    (source,) = find(photos / "cut-outs")
    whole, small = source.load(), source.load(longest=30)
    assert whole.photo is None
    assert whole.alpha.shape == (40, 61)
    assert small.alpha.shape == (20, 30)
    assert small.foreground.shape == (20, 30, 3)
    assert small.alpha.mean() == pytest.approx(whole.alpha.mean(), abs=0.01)
    assert source.load(longest=61).alpha.shape == (40, 61)


def test_what_is_missing_or_wrong_is_named(photos):
    with pytest.raises(InputError, match="is no folder"):
        find(photos / "nowhere")
    (photos / "alpha/b.png").rename(photos / "b.png")
    with pytest.raises(InputError, match=r"alpha: has no pictures of the name b; one, b\.png, is accepted"):
        find(photos)
    write_image(photos / "alpha/b.png", np.zeros((40, 61), np.float32), bits=8)
    with pytest.raises(InputError, match=r"b\.png: shows no subject"):
        find(photos)[0].load()
    write_image(photos / "alpha/b.png", np.ones((40, 60), np.float32), bits=8, overwrite=True)
    with pytest.raises(InputError, match=r"b\.png: is 60×40; the size of the photo .*, 61×40, is accepted"):
        find(photos)[0].load()
    write_image(photos / "cut-outs/d.jpg", bright_disc(8, 9)[0])
    with pytest.raises(InputError, match=r"d\.jpg: has no alpha channel; cut-outs, or a folder with image"):
        find(photos / "cut-outs")[1].load()


def test_pictures_in_files_and_folders(photos):
    found = pictures([photos / "cut-outs/c.png", photos / "image"])
    assert [place.name for place in found] == ["c", "b", "deep/a"]
    with pytest.raises(InputError, match="does not exist"):
        pictures([photos / "nothing.jpg"])
    (photos / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no pictures"):
        pictures([photos / "empty"])
    assert partner("deep/a", photos / "alpha") == photos / "alpha/deep/a.png"
    write_image(photos / "alpha/deep/a.tif", np.ones((2, 2), np.float32), bits=8)
    with pytest.raises(InputError, match="has 2 pictures of the name deep/a"):
        partner("deep/a", photos / "alpha")


def test_sheets_bring_pictures_to_one_height_beside_white():
    red = np.zeros((10, 20, 3), np.float32)
    red[..., 0] = 1
    grey = np.full((30, 15), 0.25, np.float32)
    first = row([red, grey], 16)
    assert first.shape == (16, 32 + GAP + 8, 3)
    np.testing.assert_allclose(first[:, :32], np.broadcast_to([1, 0, 0], (16, 32, 3)), atol=1e-6)
    np.testing.assert_allclose(first[:, 32 + GAP :], 0.25, atol=1e-6)
    assert (first[:, 32 : 32 + GAP] == 1).all()
    sheet = stack([first, row([red], 16)])
    assert sheet.shape == (32 + GAP, 40 + GAP, 3)
    assert (sheet[16 : 16 + GAP] == 1).all()
    assert (sheet[16 + GAP :, 32:] == 1).all()
    np.testing.assert_array_equal(sheet[:16], first)
