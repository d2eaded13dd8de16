"""MobileNetV2: shapes, torchvision's names, and both sources of weights."""

import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from wisp.core.errors import InputError
from wisp.networks.encoders.mobilenetv2 import MODNET_MEAN, MobileNetV2


def randomise_statistics(network: nn.Module) -> None:
    """Batch norms that do something, as trained ones do."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.5, 0.5),
            ):
                values.uniform_(low, high, generator=generator)


@pytest.mark.parametrize(("stride", "deep"), [(16, 4), (32, 2)])
def test_strides_and_channels(stride, deep):
    features = MobileNetV2(output_stride=stride).eval()(torch.rand(2, 3, 64, 96))
    assert [tuple(f.shape) for f in features] == [
        (2, 16, 32, 48),
        (2, 24, 16, 24),
        (2, 32, 8, 12),
        (2, 96, 4, 6),
        (2, 320, deep, deep * 3 // 2),
    ]


def test_dilation_keeps_the_weights_and_the_centre_of_a_constant_image():
    wide, dilated = MobileNetV2(32).eval(), MobileNetV2(16).eval()
    dilated.load_state_dict(wide.state_dict())
    image = torch.full((1, 3, 512, 512), 0.5)
    with torch.inference_mode():
        a, b = wide(image).deep, dilated(image).deep
    torch.testing.assert_close(a[0, :, 8, 8], b[0, :, 16, 16])


def test_torchvision_checkpoint_loads_without_its_classifier(tmp_path):
    source = MobileNetV2()
    randomise_statistics(source)
    # torchvision's file: the same names, one more convolution, the classifier, no normalisation buffers.
    state = {k: v for k, v in source.state_dict().items() if k not in ("mean", "std")}
    assert next(iter(state)) == "features.0.0.weight"
    assert state["features.17.conv.2.weight"].shape == (320, 960, 1, 1)
    state |= {
        "features.18.0.weight": torch.zeros(1280, 320, 1, 1),
        "classifier.1.weight": torch.zeros(1000, 1280),
    }
    torch.save(state, tmp_path / "mobilenet_v2.pth")
    loaded = MobileNetV2()
    loaded.load_torchvision(tmp_path / "mobilenet_v2.pth")
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(loaded.eval()(image).deep, source.eval()(image).deep)


def test_another_checkpoint_is_refused(tmp_path):
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "resnet.pth")
    with pytest.raises(InputError, match=r"resnet\.pth: is no MobileNetV2 encoder"):
        MobileNetV2().load_torchvision(tmp_path / "resnet.pth")


def folded_onnx(network: MobileNetV2, path) -> None:
    """What an exporter leaves of the encoder: convolutions with the batch norms folded in, names lost."""
    modules = dict(network.features.named_modules(prefix="features"))
    nodes, initialisers = [], []
    for name, conv in modules.items():
        if not isinstance(conv, nn.Conv2d):
            continue
        parent, _, index = name.rpartition(".")
        norm = modules[f"{parent}.{int(index) + 1}"]
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale.view(-1, 1, 1, 1)
        bias = norm.bias - norm.running_mean * scale
        number = len(nodes)
        for array, suffix in ((weight, "w"), (bias, "b")):
            initialisers.append(numpy_helper.from_array(array.detach().numpy(), f"{number}{suffix}"))
        nodes.append(helper.make_node("Conv", ["x", f"{number}w", f"{number}b"], [f"y{number}"]))
    graph = helper.make_graph(nodes, "folded", [], [], initialisers)
    onnx.save(helper.make_model(graph), path)


def test_modnet_encoder_loads_as_convolution_and_affine(tmp_path):
    source = MobileNetV2(mean=MODNET_MEAN, std=MODNET_MEAN).eval()
    randomise_statistics(source)
    folded_onnx(source, tmp_path / "modnet.onnx")
    loaded = MobileNetV2()
    loaded.load_modnet(tmp_path / "modnet.onnx")
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.eval()(image).deep, source(image).deep, rtol=1e-3, atol=1e-3)


def test_an_onnx_file_of_another_network_is_refused(tmp_path):
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", [], [])
    onnx.save(helper.make_model(graph), tmp_path / "other.onnx")
    with pytest.raises(InputError, match="does not begin with a folded MobileNetV2"):
        MobileNetV2().load_modnet(tmp_path / "other.onnx")
