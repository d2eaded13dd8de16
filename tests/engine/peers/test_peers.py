import re

import numpy as np
import pytest

from tiny_peers import write_affine, write_network, write_rvm
from wisp.core.errors import InputError
from wisp.engine.peers import PEERS, find_peer, open_peer

FP32 = {"precision": "fp32", "threads": 1}
FREE = (None, None)


@pytest.fixture
def modnet(tmp_path):
    return write_affine(tmp_path / "modnet.onnx", gain=0.5, offset=0.5)


def photo(height=40, width=50):
    return np.random.default_rng(0).random((height, width, 3), np.float32)


def test_these_are_the_peers():
    assert set(PEERS) >= {"modnet", "u2net", "isnet", "rvm", "birefnet", "rmbg", "fba", "mgm", "bgmv2"}
    for name, peer in PEERS.items():
        assert peer.name == name
        assert peer.family
        assert peer.licence
        assert re.search(r" 20\d\d; |BRIA", peer.source)
        assert "https://" in peer.source
        assert peer.signatures
    with pytest.raises(InputError, match="wisp: is no known peer; modnet, u2net, "):
        find_peer("wisp")


@pytest.mark.parametrize("size", [(40, 50), (601, 333)])
def test_both_runtimes_give_the_same_alpha(modnet, size):
    by_openvino = open_peer("modnet", modnet, runtime="openvino", **FP32)
    by_onnx_runtime = open_peer("modnet", str(modnet), runtime="onnxruntime", threads=1)
    assert by_openvino.network.session.describe().runtime.startswith("OpenVINO")
    assert by_onnx_runtime.network.session.describe().runtime.startswith("ONNX Runtime")
    image = photo(*size)
    np.testing.assert_allclose(by_openvino(image), by_onnx_runtime(image), atol=1e-5)


def write_ports(path, inputs, outputs):
    """A file with these ports and next to nothing between them."""
    one = [f"{name}_one" for name in inputs]
    nodes = [
        ("ReduceMean", [name], [short], {"keepdims": 0}) for name, short in zip(inputs, one, strict=True)
    ]
    nodes.append(("Sum", one, ["level"], {}))
    nodes += [("Expand", ["level", f"int_{name}"], [name], {}) for name in outputs]
    shapes = {f"int_{name}": [n or 32 for n in shape] for name, shape in outputs.items()}
    return write_network(path, inputs, outputs, nodes, **shapes)


WRONG = {
    "modnet": ({"a": (1, 3, *FREE)}, {"b": (1, 1, *FREE), "c": (1, 1, *FREE)}),  # one map too many
    "u2net": ({"a": (1, 3, 320, 320)}, {"b": (1, 1, 320, 320)}),  # six maps too few
    "isnet": ({"a": (1, 4, 1024, 1024)}, {"b": (1, 1, 1024, 1024)}),  # four channels
    "rmbg-1.4": ({"a": (1, 3, *FREE), "b": (1, 1, *FREE)}, {"c": (1, 1, *FREE)}),
    "birefnet": ({"a": (1, 3, *FREE)}, {"b": (1, 21, *FREE)}),  # a map for each of 21 classes
    "rmbg": ({"a": (1, 3, 224, 224)}, {"b": (1, 1000)}),  # a classifier
    "rvm": (
        {"src": (1, 3, *FREE), **{f"r{i}": (1, None, *FREE) for i in range(4)}, "ratio": (1,)},
        {f"o{i}": (1, None, *FREE) for i in range(6)},  # as many ports as RVM, by other names
    ),
    "fba": ({"a": (1, 3, *FREE), "b": (1, 1, *FREE)}, {"c": (1, 1, *FREE)}),
    "mgm": ({"a": (1, 3, *FREE), "b": (1, 3, *FREE)}, {f"o{i}": (1, 1, *FREE) for i in range(3)}),
    "bgmv2": ({"a": (1, 3, *FREE)}, {"b": (1, 1, *FREE)}),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_file_with_other_ports_is_refused_before_it_is_run(tmp_path, name, runtime):
    file = write_ports(tmp_path / "other.onnx", *WRONG[name])
    with pytest.raises(InputError) as caught:
        open_peer(name, file, runtime=runtime, threads=1)
    message = str(caught.value)
    assert message.startswith(
        f"{file}: is no {PEERS[name].family} network; a float32 ONNX file with the input"
    )
    assert message.endswith("is accepted")
    assert "\n" not in message


def test_what_is_no_network_at_all_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.onnx: does not exist; the ONNX file of a MODNet network"):
        open_peer("modnet", tmp_path / "none.onnx")
    text = tmp_path / "text.onnx"
    text.write_text("weights")
    for runtime in ("openvino", "onnxruntime"):
        with pytest.raises(InputError, match=r"text\.onnx: is no network"):
            open_peer("modnet", text, runtime=runtime)


def test_a_size_that_the_file_does_not_take_is_named(tmp_path):
    file = write_ports(
        tmp_path / "bgmv2.onnx", {"src": (1, 3, 32, 48), "bgr": (1, 3, 32, 48)}, {"pha": (1, 1, 32, 48)}
    )
    peer = open_peer("bgmv2", file, **FP32)
    assert peer(photo(32, 48) * 0.2, plate=photo(32, 48) * 0.2).shape == (32, 48)
    expected = (
        r"bgmv2\.onnx: takes pictures of 48×32 only; this one is seen at 52×40; a file with free height"
    )
    with pytest.raises(InputError, match=expected):
        peer(photo(40, 50), plate=photo(40, 50))


def test_guidance_is_asked_for_and_refused_by_name(tmp_path, modnet):
    alone = open_peer("modnet", modnet, **FP32)
    mask, trimap = np.ones((40, 50), np.float32), np.full((40, 50), 255, np.uint8)
    with pytest.raises(InputError, match="modnet: was given mask beside the photo; nothing is accepted"):
        alone(photo(), mask=mask)
    file = write_ports(
        tmp_path / "b.onnx", dict.fromkeys(("src", "bgr"), (1, 3, *FREE)), {"pha": (1, 1, *FREE)}
    )
    guided = open_peer("bgmv2", file, **FP32)
    with pytest.raises(InputError, match="bgmv2: was given nothing beside the photo; plate is accepted"):
        guided(photo())
    with pytest.raises(InputError, match="bgmv2: was given trimap beside the photo; plate is accepted"):
        guided(photo(), trimap=trimap)
    with pytest.raises(InputError, match="trimap and mask: are both given"):
        guided(photo(), trimap=trimap, mask=mask)
    with pytest.raises(InputError, match="plate: is 50×41; the size of the image, 50×40, is accepted"):
        guided(photo(), plate=photo(41, 50))


def test_arrays_of_another_kind_are_refused(tmp_path):
    rvm = open_peer("rvm", write_rvm(tmp_path / "rvm.onnx"), **FP32)
    with pytest.raises(InputError, match="image: is uint8"):
        rvm(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="trimap: has the value 7"):
        rvm(photo(4, 4), trimap=np.full((4, 4), 7, np.uint8))
