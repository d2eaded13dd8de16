"""Others' networks behind ``--model``: from a file, and from the model store."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

import wisp
from tiny_networks import bright_disc
from tiny_peers import write_affine, write_network
from wisp.core.errors import InputError
from wisp.engine.peers import chosen
from wisp.engine.peers.chosen import chosen_peer
from wisp.engine.store import PUBLISHED, places
from wisp.engine.store.places import keep_row
from wisp.engine.store.rows import Published, own_row
from wisp.io.images import write_image
from wisp.pipeline import run


@pytest.fixture(autouse=True)
def store(monkeypatch, tmp_path):
    monkeypatch.setenv("WISP_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A MODNet whose alpha is the photo's red."""
    return write_affine(tmp_path_factory.mktemp("peers") / "any.onnx", gain=0.5, offset=0.5)


def put(store, network, **other):
    """A row of the user's own, and its file in the store."""
    content = Path(network).read_bytes()
    row = own_row("https://example.org/red.onnx", hashlib.sha256(content).hexdigest(), **other)
    (store / row.file).write_bytes(content)
    keep_row(row, store)
    return row


@pytest.mark.parametrize("size", [(40, 50), (1, 1), (33, 7)])
def test_a_peer_finds_alpha_and_wisp_the_colours(network, size):
    image, _ = bright_disc(*size)
    matte = wisp.cutout(image, model=f"modnet={network}")
    assert matte.alpha.shape == size
    assert np.abs(matte.alpha - image[..., 0]).mean() < 0.1
    np.testing.assert_array_equal(matte.foreground, wisp.estimate_foreground(image, matte.alpha))


def test_a_name_of_the_store_is_the_same_network(network, store):
    put(store, network, peer="modnet")
    image, _ = bright_disc(40, 50)
    by_name, by_file = wisp.cutout(image, model="red"), wisp.cutout(image, model=f"modnet={network}")
    np.testing.assert_array_equal(by_name.alpha, by_file.alpha)
    assert chosen_peer("red").peer.name == "modnet"


def test_a_photo_without_a_subject_is_told(network):
    result = run(np.zeros((20, 30, 3), np.float32), model=f"modnet={network}")
    assert not result.matte.alpha.any()
    assert result.notes == ("no subject was found; the alpha is empty",)


def test_guidance_goes_to_peers_that_take_it_and_to_no_others(network, tmp_path):
    trimap = np.full((20, 30), 128, np.uint8)
    image = np.full((20, 30, 3), 0.5, np.float32)
    with pytest.raises(InputError, match="modnet: was given trimap beside the photo; nothing is accepted"):
        wisp.cutout(image, model=f"modnet={network}", trimap=trimap)
    fba = write_network(
        tmp_path / "fba.onnx",
        {"image": (1, 3, None, None), "trimap": (1, 2, None, None)}
        | {"normalised": (1, 3, None, None), "distances": (1, 6, None, None)},
        {"output": (1, 7, None, None)},
        [
            ("Concat", ["image", "image"], ["six"], {"axis": 1}),
            ("Slice", ["trimap", "int_0", "int_1", "int_channel"], ["one"], {}),
            ("Concat", ["six", "one"], ["seven"], {"axis": 1}),
            ("Mul", ["normalised", "nothing"], ["zero"], {}),
            ("ReduceSum", ["zero", "int_channel"], ["zeros"], {"keepdims": 1}),
            ("ReduceSum", ["distances", "int_channel"], ["sums"], {"keepdims": 1}),
            ("Mul", ["sums", "nothing"], ["none"], {}),
            ("Add", ["seven", "zeros"], ["eight"], {}),
            ("Add", ["eight", "none"], ["output"], {}),
        ],
        int_0=[0],
        int_1=[1],
        int_channel=[1],
        nothing=[0.0],
    )
    alpha = wisp.cutout(image, model=f"fba={fba}", trimap=trimap).alpha
    np.testing.assert_allclose(alpha, 0.5, atol=0.01)
    with pytest.raises(InputError, match="fba: was given nothing beside the photo; trimap is accepted"):
        wisp.cutout(image, model=f"fba={fba}")


def test_other_models_are_no_peers(network, tmp_path, monkeypatch):
    assert chosen_peer(None) is None
    assert chosen_peer("segmenter-mobile") is None
    assert chosen_peer(network) is None
    assert chosen_peer("nosuch") is None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "modnet").write_bytes(b"x")  # a file of that name is the file
    assert chosen_peer("modnet") is None
    assert chosen_peer("a=b") is None


def test_what_is_not_here_is_never_fetched(monkeypatch):
    monkeypatch.setattr(chosen, "find", lambda row, where: None)
    expected = r"^u2net: is not here; wisp models pull u2net fetches it \(176 MB, Apache-2.0\)$"
    with pytest.raises(InputError, match=expected):
        wisp.cutout(np.zeros((4, 4, 3), np.float32), model="u2net")
    with pytest.raises(
        InputError, match=r"birefnet: is no file and not in the model store; birefnet=FILE.onnx"
    ):
        chosen_peer("birefnet")
    with pytest.raises(InputError, match=r"gone.onnx: does not exist; modnet= and the path"):
        chosen_peer("modnet=gone.onnx")
    with pytest.raises(InputError, match="vgg16-imagenet: is no network that makes an alpha"):
        chosen_peer("vgg16-imagenet")


def test_a_damaged_file_of_the_store_is_not_used(network, store):
    row = put(store, network, peer="modnet", name="hurt")
    (store / row.file).write_bytes(b"damaged")
    with pytest.raises(InputError, match="hurt: is not here; wisp models pull hurt fetches it"):
        chosen_peer("hurt")


def test_a_method_cannot_be_asked_for_beside_it(network):
    image = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(
        InputError, match="method: is 'knn' while MODNet finds alpha by itself; auto is accepted"
    ):
        wisp.cutout(image, model=f"modnet={network}", method="knn")


def test_published_rows_name_peers_that_there_are():
    assert {row.peer for row in PUBLISHED.values()} == {"modnet", "u2net", ""}
    assert isinstance(places.find_row("modnet"), Published)


class TestPlate:
    @pytest.fixture
    def bgmv2(self, tmp_path):
        """Alpha is how much redder the photo is than the plate."""
        return write_network(
            tmp_path / "bgmv2.onnx",
            {"src": (1, 3, None, None), "bgr": (1, 3, None, None)},
            {"pha": (1, 1, None, None)},
            [("Sub", ["src", "bgr"], ["gap"], {}), ("Conv", ["gap", "weights"], ["pha"], {})],
            weights=np.array([1.0, 0, 0]).reshape(1, 3, 1, 1),
        )

    def test_it_goes_to_a_network_that_compares_with_it(self, bgmv2, tmp_path):
        image, plate = np.full((9, 13, 3), 0.75, np.float32), np.full((9, 13, 3), 0.25, np.float32)
        write_image(tmp_path / "plate.png", plate, bits=16)
        for given in (plate, tmp_path / "plate.png"):
            matte = wisp.cutout(image, model=f"bgmv2={bgmv2}", plate=given)
            np.testing.assert_allclose(matte.alpha, 0.5, atol=0.01)
        with pytest.raises(InputError, match="bgmv2: was given nothing beside the photo; plate is accepted"):
            wisp.cutout(image, model=f"bgmv2={bgmv2}")

    def test_it_goes_to_no_other(self):
        image = np.full((9, 13, 3), 0.75, np.float32)
        with pytest.raises(
            InputError, match="plate: is for a network that compares with it; the model bgmv2"
        ):
            wisp.cutout(image, plate=image)
        with pytest.raises(InputError, match="mask and plate: are both given"):
            wisp.cutout(image, plate=image, mask=image[..., 0])
