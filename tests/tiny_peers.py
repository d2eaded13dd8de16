"""ONNX files of a few hundred bytes with the ports of known networks, and an ear on what they are fed."""

import dataclasses

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_network(path, inputs, outputs, nodes, **constants):
    """A file with these ports, name → shape (strings and None are free), and these nodes."""
    ports = [
        [
            helper.make_tensor_value_info(
                name, TensorProto.FLOAT, [n or f"{name}_{i}" for i, n in enumerate(shape)]
            )
            for name, shape in side.items()
        ]
        for side in (inputs, outputs)
    ]
    initialisers = [
        numpy_helper.from_array(np.asarray(value, np.int64 if name.startswith("int_") else np.float32), name)
        for name, value in constants.items()
    ]
    graph = helper.make_graph([helper.make_node(*node[:3], **node[3]) for node in nodes], "tiny", *ports)
    graph.initializer.extend(initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def write_affine(path, *, gain, offset, outputs=1, size=(None, None), channels=3, sigmoid=False):
    """Every output is gain · (first channel of the input) + offset, through a sigmoid if wanted."""
    weights = np.zeros((1, channels, 1, 1), np.float32)
    weights[0, 0] = gain
    names = [f"map_{i}" for i in range(outputs)]
    nodes = []
    for name in names:
        raw = f"{name}_raw" if sigmoid else name
        nodes.append(("Conv", ["picture", "weights", "offset"], [raw], {}))
        if sigmoid:
            nodes.append(("Sigmoid", [raw], [name], {}))
    return write_network(
        path,
        {"picture": (1, channels, *size)},
        dict.fromkeys(names, (1, 1, *size)),
        nodes,
        weights=weights,
        offset=[offset],
    )


def write_rvm(path):
    """Alpha = r1i · downsample_ratio / 4, and r1o = r1i + 1: each frame tells how many came before."""
    free = (1, None, None, None)
    states = [f"r{i}" for i in range(1, 5)]
    return write_network(
        path,
        {"src": (1, 3, None, None)} | {f"{r}i": free for r in states} | {"downsample_ratio": (1,)},
        {"fgr": (1, 3, None, None), "pha": (1, 1, None, None)} | {f"{r}o": free for r in states},
        [
            ("Mul", ["src", "one"], ["fgr"], {}),  # OpenVINO 2025.0 gives an input the name of its identity
            ("Conv", ["src", "nothing"], ["zero"], {}),
            ("Mul", ["r1i", "downsample_ratio"], ["scaled"], {}),
            ("Mul", ["scaled", "quarter"], ["level"], {}),
            ("Add", ["zero", "level"], ["pha"], {}),
            *[("Add", [f"{r}i", "one"], [f"{r}o"], {}) for r in states],
        ],
        nothing=np.zeros((1, 3, 1, 1)),
        quarter=[0.25],
        one=[1.0],
    )


class Recorder:
    """A session that remembers what it was fed."""

    def __init__(self, session):
        self.session = session
        self.fed = []

    @property
    def inputs(self):
        return self.session.inputs

    @property
    def outputs(self):
        return self.session.outputs

    def run(self, inputs):
        self.fed.append({name: array.copy() for name, array in inputs.items()})
        return self.session.run(inputs)

    def describe(self):
        return self.session.describe()


def recorded(peer):
    """The peer with an ear on its network, and the list of what the network is fed."""
    recorder = Recorder(peer.network.session)
    network = dataclasses.replace(peer.network, session=recorder)
    return dataclasses.replace(peer, network=network), recorder.fed
