import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tiny_networks import bright_disc
from tiny_peers import write_network
from wisp.core.errors import InputError
from wisp.lab.benchmark import systems
from wisp.lab.benchmark.systems import (
    PYMATTING,
    System,
    choose_systems,
    guided_methods,
    open_system,
    our_methods,
)
from wisp.matting.trimap import trimap_from_alpha

ALL = {"trimap1": "trimap", "trimap2": "trimap", "mask": "mask", "plate": "plate"}


@pytest.fixture(autouse=True)
def with_pymatting_or_without(monkeypatch):
    """As if it were installed; what it would do is a test's own."""
    monkeypatch.setattr(systems, "find_spec", lambda name: SimpleNamespace())


def names(chosen):
    return [system.name for system in chosen]


def test_everything_that_can_run_is_compared(tmp_path):
    file = str(tmp_path / "x.onnx")
    peers = {"modnet": file, "fba": file, "mgm": file, "bgmv2": file}
    chosen, left_out = choose_systems(ALL, peers=peers)
    found = names(chosen)
    for method in our_methods():
        assert f"wisp, {method}" in found
        assert (f"wisp, {method}, trimap2" in found) == (method in guided_methods([method]))
    assert {f"pymatting, {method}, trimap1" for method in PYMATTING} <= set(found)
    assert "MODNet, ONNX Runtime" in found
    assert {"FBA, ONNX Runtime, trimap1", "FBA, ONNX Runtime, trimap2"} <= set(found)
    assert {f"MGMatting, ONNX Runtime, {guide}" for guide in ("mask", "trimap1", "trimap2")} <= set(found)
    assert "Background Matting V2, ONNX Runtime, plate" in found
    assert left_out == dict.fromkeys(
        ["U²-Net", "IS-Net", "RVM", "BiRefNet", "RMBG 2.0", "RMBG 1.4"], "no file was given"
    )
    assert len({system.slug for system in chosen}) == len(chosen)


def test_without_guidance_what_needs_it_is_left_out(tmp_path, monkeypatch):
    file = str(tmp_path / "x.onnx")
    chosen, left_out = choose_systems({}, peers={"fba": file, "bgmv2": file}, methods=["auto"])
    assert names(chosen) == ["wisp, auto"]
    assert left_out["FBA"] == "needs a folder trimap/"
    assert left_out["Background Matting V2"] == "needs a folder plate/"
    assert left_out["pymatting"] == "needs a folder trimap/"
    monkeypatch.setattr(systems, "find_spec", lambda name: None)
    chosen, left_out = choose_systems({"trimap": "trimap"}, methods=["knn"], peers={"modnet": file})
    assert names(chosen) == ["wisp, knn", "wisp, knn, trimap", "MODNet, wisp's runtime"]
    assert left_out["pymatting"] == "is not installed"


def test_peers_in_a_folder_are_found(tmp_path, monkeypatch):
    (tmp_path / "rvm.onnx").write_bytes(b"x")
    monkeypatch.setenv("WISP_PEERS", str(tmp_path))
    chosen, _ = choose_systems({}, methods=["auto"])
    assert names(chosen) == ["wisp, auto", "RVM, ONNX Runtime"]
    chosen, _ = choose_systems({}, methods=["auto"], peers={"rvm": "mine.onnx"}, runtime="openvino")
    assert (chosen[1].file, chosen[1].name) == ("mine.onnx", "RVM, wisp's runtime")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"peers": {"nosuch": "x"}}, "nosuch: is no known peer"),
        ({"runtime": "tea"}, "runtime: is 'tea'; onnxruntime, openvino are accepted"),
        ({"pymatting": ["magic"]}, "magic: is no method of pymatting; closed-form"),
    ],
)
def test_what_does_not_exist_is_refused(words, problem):
    with pytest.raises(InputError, match=problem):
        choose_systems({"trimap": "trimap"}, methods=["auto"], **words)


def test_pymatting_is_fed_as_it_asks(monkeypatch):
    seen = []

    def estimate(image, trimap):
        seen.append((image.dtype, sorted(set(trimap.ravel().tolist()))))
        return image[..., 0] * 2 - 0.1

    fake = SimpleNamespace(
        __version__="1",
        estimate_alpha_knn=estimate,
        estimate_foreground_ml=lambda image, alpha: image + alpha[..., None],
    )
    monkeypatch.setitem(sys.modules, "pymatting", fake)
    image, alpha = bright_disc(20, 30)
    opened = open_system(System("pymatting", "knn", guide="trimap"), "trimap")
    found = opened.estimate(image, trimap_from_alpha(alpha, width=0.1))
    assert (found.dtype, found.min() >= 0, found.max() <= 1) == (np.float32, True, True)
    assert seen == [(np.float64, [0.0, 128 / 255, 1.0])]
    assert opened.colours(image, found).max() <= 1
    assert (opened.colours_by, opened.runtime) == ("pymatting", "pymatting 1")
    with pytest.raises(InputError, match="was given no trimap"):
        opened.estimate(image, None)
    monkeypatch.setitem(sys.modules, "pymatting", None)
    with pytest.raises(InputError, match="pymatting: is not installed"):
        open_system(System("pymatting", "knn"), "trimap")


def test_a_plate_goes_where_it_is_asked_for(tmp_path):
    file = write_network(
        tmp_path / "bgmv2.onnx",
        {"src": (1, 3, None, None), "bgr": (1, 3, None, None)},
        {"pha": (1, 1, None, None)},
        [("Sub", ["src", "bgr"], ["gap"], {}), ("Conv", ["gap", "weights"], ["pha"], {})],
        weights=np.array([1.0, 0, 0]).reshape(1, 3, 1, 1),
    )
    image, plate = np.full((8, 12, 3), 0.75, np.float32), np.full((8, 12, 3), 0.25, np.float32)
    opened = open_system(System("peer", "bgmv2", str(file), guide="plate"), "plate")
    np.testing.assert_allclose(opened.estimate(image, plate), 0.5, atol=0.01)


def test_ours_is_what_cutout_gives(tmp_path):
    import wisp

    image, alpha = bright_disc(40, 50)
    trimap = trimap_from_alpha(alpha, width=0.1)
    opened = open_system(System("ours", "knn", guide="trimap"), "trimap")
    np.testing.assert_array_equal(
        opened.estimate(image, trimap), wisp.cutout(image, trimap=trimap, method="knn").alpha
    )
    with pytest.raises(InputError, match="magic"):
        open_system(System("ours", "magic"))
