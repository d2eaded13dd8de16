"""ONNX files of a few hundred bytes that stand in for networks, and the photo that they are made for."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GAIN = 40.0


def write_segmenter(path, *, channels=3, output="mask", quantised=False, stride=1, bias=0.0):
    """mask = sigmoid(GAIN · (mean of the channels − 0.5) + bias): what is bright is the subject."""
    weights = np.full((1, channels, 1, 1), GAIN / channels, np.float32)
    initialisers = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.full(1, bias - GAIN / 2, np.float32), "bias"),
    ]
    nodes = []
    seen = "image"
    if quantised:
        initialisers += [
            numpy_helper.from_array(np.float32(1 / 255), "scale"),
            numpy_helper.from_array(np.uint8(0), "zero"),
        ]
        nodes += [
            helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["stored"]),
            helper.make_node("DequantizeLinear", ["stored", "scale", "zero"], ["restored"]),
        ]
        seen = "restored"
    nodes += [
        helper.make_node("Conv", [seen, "weights", "bias"], ["logits"], strides=[stride, stride]),
        helper.make_node("Sigmoid", ["logits"], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", channels, "h", "w"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 1, "mask_h", "mask_w"])],
        initialisers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def write_subject(path, *, bias=0.0):
    """Two masks and presence: what is bright is the subject, what is bright and red above all is people.

    masks[1] = sigmoid(GAIN · (mean of channels − 0.5) + bias), masks[0] = sigmoid(GAIN · (red − blue − 0.2));
    presence is the largest value of each. Where a click is outside, nothing is subject.
    """
    weights = np.zeros((2, 6, 1, 1), np.float32)
    weights[0, 0], weights[0, 2] = GAIN, -GAIN
    weights[1, :3] = GAIN / 3
    weights[:, 4] = -10 * GAIN
    initialisers = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([-0.2 * GAIN, bias - GAIN / 2], np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("Concat", ["image", "guidance"], ["seen"], axis=1),
        helper.make_node("Conv", ["seen", "weights", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["masks"]),
        helper.make_node("ReduceMax", ["masks"], ["presence"], axes=[2, 3], keepdims=0),
    ]
    return _save_subject(path, nodes, initialisers)


def _save_subject(path, nodes, initialisers):
    """Write a subject network: image and guidance in, masks and presence out."""
    shapes = {"image": ["n", 3, "h", "w"], "guidance": ["n", 3, "h", "w"]}
    outputs = {"masks": ["n", 2, "mask_h", "mask_w"], "presence": ["n", 2]}
    graph = helper.make_graph(
        nodes,
        "subject",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in outputs.items()],
        initialisers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def write_misled_subject(path):
    """As `write_subject`, but whatever is bright is people, too, where anything red is in the picture."""
    weights = np.zeros((2, 6, 1, 1), np.float32)
    weights[0, 0], weights[0, 2] = GAIN, -GAIN
    weights[1, :3] = GAIN / 3
    constants = {"weights": weights, "bias": np.array([-0.2 * GAIN, -GAIN / 2], np.float32)}
    initialisers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    initialisers.append(numpy_helper.from_array(np.array([1, 1], np.int64), "halves"))
    nodes = [
        helper.make_node("Concat", ["image", "guidance"], ["seen"], axis=1),
        helper.make_node("Conv", ["seen", "weights", "bias"], ["logits"]),
        helper.make_node("Split", ["logits", "halves"], ["red", "bright"], axis=1),
        helper.make_node("ReduceMax", ["red"], ["reddest"], axes=[2, 3], keepdims=1),
        helper.make_node("Min", ["bright", "reddest"], ["people"]),
        helper.make_node("Concat", ["people", "bright"], ["both"], axis=1),
        helper.make_node("Sigmoid", ["both"], ["masks"]),
        helper.make_node("ReduceMax", ["masks"], ["presence"], axes=[2, 3], keepdims=0),
    ]
    return _save_subject(path, nodes, initialisers)


def bright_disc(height, width, *, radius=0.3, softness=2.0):
    """A bright disc on a dark ground: the image float32 (H, W, 3) and its true alpha float32 (H, W)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    alpha = np.clip((radius * min(height, width) - distance) / softness + 0.5, 0, 1).astype(np.float32)
    subject = np.array([0.95, 0.8, 0.7], np.float32)
    ground = np.dstack([0.1 + 0.1 * columns / width, 0.1 + 0.1 * rows / height, np.full_like(rows, 0.15)])
    image = alpha[..., None] * subject + (1 - alpha[..., None]) * ground
    return image.astype(np.float32), alpha


def write_portrait(path, *, output="alpha", bias=0.0):
    """alpha = sigmoid(GAIN · (mean of the channels − 0.5) + bias) · (mask > 0.3)."""
    channels = 3
    initialisers = [
        numpy_helper.from_array(np.full((1, channels, 1, 1), GAIN / channels, np.float32), "weights"),
        numpy_helper.from_array(np.full(1, bias - GAIN / 2, np.float32), "bias"),
        numpy_helper.from_array(np.float32(0.3), "threshold"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "weights", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["bright"]),
        helper.make_node("Greater", ["mask", "threshold"], ["near"]),
        helper.make_node("Cast", ["near"], ["inside"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["bright", "inside"], [output]),
    ]
    return _save(path, nodes, initialisers, {"image": (3, "h", "w"), "mask": (1, "h", "w")}, output)


def write_refinement(path, *, output="residual"):
    """residual = sigmoid(GAIN · (mean of the channels − 0.5)) − alpha: alpha then follows the image."""
    initialisers = [
        numpy_helper.from_array(np.full((1, 3, 1, 1), GAIN / 3, np.float32), "weights"),
        numpy_helper.from_array(np.full(1, -GAIN / 2, np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "weights", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["bright"]),
        helper.make_node("Sub", ["bright", "alpha"], [output]),
    ]
    return _save(path, nodes, initialisers, {"image": (3, 64, 64), "alpha": (1, 64, 64)}, output)


def write_dim(path, *, output="alpha", reach=3, gain=1.0):
    """alpha = gain · mean of the channels · (0.5 + trimap / 2), mean of nine places `reach` pixels apart."""
    initialisers = [
        numpy_helper.from_array(np.full((1, 3, 1, 1), gain / 3, np.float32), "weights"),
        numpy_helper.from_array(np.float32(0.5), "half"),
        numpy_helper.from_array(np.full((1, 1, 3, 3), 1 / 9, np.float32), "ninths"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["bright"]),
        helper.make_node("Mul", ["trimap", "half"], ["halved"]),
        helper.make_node("Add", ["halved", "half"], ["factor"]),
        helper.make_node("Mul", ["bright", "factor"], ["product"]),
        helper.make_node("Conv", ["product", "ninths"], [output], pads=[reach] * 4, dilations=[reach, reach]),
    ]
    return _save(path, nodes, initialisers, {"image": (3, "h", "w"), "trimap": (1, "h", "w")}, output)


def write_dlmn(path, *, output="alpha"):
    """alpha = (mask + trimap + mean of the motion cue) / 3."""
    initialisers = [
        numpy_helper.from_array(np.full((1, 4, 1, 1), 1 / 4, np.float32), "quarters"),
        numpy_helper.from_array(np.float32(1 / 3), "third"),
        numpy_helper.from_array(np.zeros((1, 3, 1, 1), np.float32), "nothing"),
    ]
    nodes = [
        helper.make_node("Conv", ["motion", "quarters"], ["moved"]),
        helper.make_node("Conv", ["image", "nothing"], ["zero"]),
        helper.make_node("Sum", ["mask", "trimap", "moved", "zero"], ["sum"]),
        helper.make_node("Mul", ["sum", "third"], [output]),
    ]
    shapes = {"image": (3, "h", "w"), "mask": (1, "h", "w"), "trimap": (1, "h", "w"), "motion": (4, "h", "w")}
    return _save(path, nodes, initialisers, shapes, output)


def write_ssrn(path, *, gain=0.5):
    """alpha = gain · mask."""
    initialisers = [
        numpy_helper.from_array(np.full((1, 4, 1, 1), 0, np.float32), "none"),
        numpy_helper.from_array(np.zeros((1, 3, 1, 1), np.float32), "nothing"),
        numpy_helper.from_array(np.float32(gain), "gain"),
    ]
    nodes = [
        helper.make_node("Conv", ["motion", "none"], ["still"]),
        helper.make_node("Conv", ["image", "nothing"], ["zero"]),
        helper.make_node("Mul", ["mask", "gain"], ["scaled"]),
        helper.make_node("Sum", ["scaled", "still", "zero"], ["alpha"]),
    ]
    shapes = {"image": (3, "h", "w"), "mask": (1, "h", "w"), "motion": (4, "h", "w")}
    return _save(path, nodes, initialisers, shapes, "alpha")


def _save(path, nodes, initialisers, inputs, output):
    """Write a graph with inputs and one output of shape (N, …)."""
    described = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
        for name, shape in inputs.items()
    ]
    results = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 1, "out_h", "out_w"])]
    graph = helper.make_graph(nodes, "tiny", described, results, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
