"""``wisp compose --video``: clips with exact alpha on disk, the same every time, resumed and refused."""

import numpy as np
import pytest

from wisp.cli import main
from wisp.clips.io.read import open_clip
from wisp.io.images import write_image


@pytest.fixture
def data(tmp_path):
    rows, columns = np.mgrid[:40, :30].astype(np.float32)
    alpha = np.clip((11 - np.hypot(rows - 20, columns - 15)) / 2 + 0.5, 0, 1)
    for name in ("image", "alpha"):
        (tmp_path / "people" / name).mkdir(parents=True)
    for name in ("ann", "bob"):
        picture = np.dstack([0.8 + 0 * rows, rows / 40, columns / 30]).astype(np.float32)
        write_image(tmp_path / "people" / "image" / f"{name}.png", picture)
        write_image(tmp_path / "people" / "alpha" / f"{name}.png", alpha.astype(np.float32), bits=8)
    (tmp_path / "scenes").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_image(tmp_path / "scenes" / f"{name}.png", rng.random((40, 60, 3), dtype=np.float32))
    return tmp_path


def compose(data, *words):
    folders = [data / "people", "--backgrounds", data / "scenes", "-o", data / "out"]
    usual = ["--video", "--frames", "4", "--size", "64x36"]
    return main([str(word) for word in ["compose", *folders, *usual, *words]])


def read(path):
    with open_clip(path) as clip:
        return [frame.image for frame in clip.frames()]


def test_the_image_is_the_layers_composed_with_the_alpha(data, capfd):
    assert compose(data, "--layers") == 0
    assert capfd.readouterr().err == f"wisp: {data / 'out'}: 2 clips\n"
    for name in ("ann_0", "bob_0"):
        image, alpha, foreground, background = (
            read(data / "out" / part / f"{name}.mkv") for part in ("image", "alpha", "fg", "bg")
        )
        assert len(image) == 4
        assert image[0].shape == (36, 64, 3)
        a = alpha[3][..., :1]
        error = np.abs(image[3] - (a * foreground[3] + (1 - a) * background[3]))
        assert error.mean() < 0.02  # rounding, and the camera's noise of up to 0.012
        assert np.abs(alpha[0] - alpha[3]).max() > 0.02  # it moves


def test_what_is_there_stays_and_other_clips_are_refused(data, capfd):
    assert compose(data) == 0
    first = data / "out" / "image" / "ann_0.mkv"
    content, when = first.read_bytes(), first.stat().st_mtime_ns
    (data / "out" / "alpha" / "bob_0.mkv").unlink()
    assert compose(data) == 0
    assert "2 clips, 1 of them already there" in capfd.readouterr().err
    assert first.stat().st_mtime_ns == when
    assert (data / "out" / "alpha" / "bob_0.mkv").is_file()
    assert compose(data, "--seed", "1") == 2
    assert "was made of other pairs" in capfd.readouterr().err
    assert compose(data, "--overwrite") == 0
    assert np.array_equal(read(first), read(first))
    assert first.read_bytes()[1000:1100] == content[1000:1100]
    assert sorted(path.name for path in (data / "out").iterdir()) == ["alpha", "image", "pairs.csv"]


def test_a_foreground_that_cannot_be_read(data, capfd):
    (data / "people" / "image" / "ann.png").write_bytes(b"broken")
    assert compose(data) == 1
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 2
    assert "ann.png" in told[0]
    assert sorted(path.name for path in (data / "out" / "image").iterdir()) == ["bob_0.mkv"]


@pytest.mark.parametrize("size", ["64", "0x5", "ax5", "64x"])
def test_sizes_without_sense(data, size, capfd):
    assert compose(data, "--size", size) == 2
    assert "--size: is" in capfd.readouterr().err
