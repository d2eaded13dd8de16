"""Composition-1k in both of its layouts."""

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.evaluation.composition import find_composites
from wisp.evaluation.protocols import BENCHMARK, evaluate, score_by
from wisp.io.images import write_image

SIZE = (11, 15)
COMPOSITES = ("hair_0", "hair_1", "sea_lion_0", "sea_lion_1")


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.asarray(values, np.float32), bits=8, overwrite=True)


def ramp(power):
    return np.tile(np.linspace(0, 1, SIZE[1]) ** power, (SIZE[0], 1))


@pytest.fixture
def folders(tmp_path):
    """The authors' layout in ``adobe``, that of ``wisp compose`` in ``composed``, and predictions."""
    for number, name in enumerate(COMPOSITES):
        foreground = name.rpartition("_")[0]
        alpha = ramp(1 + len(foreground) / 10)
        trimap = np.full(SIZE, 128 / 255)
        trimap[:, :1], trimap[:, 12 + number % 2 :] = 0, 1
        save(tmp_path / f"adobe/alpha/{foreground}.png", alpha)
        save(tmp_path / f"adobe/trimaps/{name}.png", trimap)
        save(tmp_path / f"composed/alpha/{name}.png", alpha)
        save(tmp_path / f"composed/trimap/{name}.png", trimap)
        save(tmp_path / f"predictions/{name}.png", np.clip(alpha + number / 50, 0, 1))
    save(tmp_path / "predictions/other.png", ramp(1))
    return tmp_path


def test_both_layouts_give_the_scores_of_the_default_protocol(folders):
    expected = evaluate(
        folders / "predictions", folders / "composed/alpha", trimaps=folders / "composed/trimap"
    )
    for layout in ("adobe", "composed"):
        pairing = find_composites(folders / "predictions", folders / layout)
        report = score_by(BENCHMARK, pairing)
        assert (report.count, report.region, report.ignored) == (4, "unknown", 1)
        for name in COMPOSITES:
            assert report.images[name] == {key: expected.images[name][key] for key in BENCHMARK}


def test_folders_by_themselves(folders):
    pairing = find_composites(
        folders / "predictions", folders / "adobe/alpha", trimaps=folders / "composed/trimap"
    )
    assert [pair.name for pair in pairing.pairs] == list(COMPOSITES)
    assert pairing.pairs[2].truth == folders / "adobe/alpha/sea_lion.png"


def test_what_is_missing(folders):
    with pytest.raises(InputError, match="--trimaps: is missing"):
        find_composites(folders / "predictions", folders / "adobe/alpha")
    with pytest.raises(InputError, match="does not exist"):
        find_composites(folders / "nowhere", folders / "adobe")
    with pytest.raises(InputError, match="a folder"):
        find_composites(folders / "predictions/other.png", folders / "adobe")
    (folders / "predictions/hair_1.png").unlink()
    with pytest.raises(InputError, match="hair_1: has no prediction"):
        find_composites(folders / "predictions", folders / "adobe")
    (folders / "adobe/alpha/hair.png").unlink()
    with pytest.raises(InputError, match="hair_0: has no true alpha"):
        find_composites(folders / "predictions", folders / "adobe")
