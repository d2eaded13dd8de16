"""An exported file becomes the network that it was exported from."""

import json
from dataclasses import asdict, replace

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tiny_networks import write_segmenter
from wisp.core.errors import InputError
from wisp.engine.models import MODELS
from wisp.networks.portrait import portrait_mobile
from wisp.training.export import METADATA, export_checkpoint, export_network
from wisp.training.freezing import frozen
from wisp.training.importing import continued, load_start, read_network, read_trained, recipe_of
from wisp.training.recipes import NETWORKS
from wisp.training.recipes.portrait_recipes import MobileRecipe
from wisp.training.recipes.segmenter import SegmenterRecipe, network

onnxruntime = pytest.importorskip("onnxruntime")


def answers(path, inputs):
    """What ONNX Runtime makes of a file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {name: x.numpy() for name, x in inputs.items()})[0]


def lived(built):
    """A network whose batch norms have statistics and affines of their own."""
    torch.manual_seed(3)
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            module.num_batches_tracked += 7
    return built.eval()


@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if m.family in NETWORKS])
def test_shipped_networks_answer_as_their_files_do(name):
    model = MODELS[name]
    if model.family == "portrait-refinement":
        _, built = read_network("matting-mobile")
    else:
        _, built = read_network(name)
    family = NETWORKS["dlmn-alpha" if model.family == "dlmn" else model.family]
    torch.manual_seed(0)
    inputs = {key: torch.rand(2, *x.shape[1:]) for key, x in family.example().items()}
    with torch.inference_mode():
        mine = family.wrap(built).eval()(*inputs.values())
    mine = mine[0] if isinstance(mine, tuple) else mine
    np.testing.assert_allclose(mine.numpy(), answers(model.path, inputs), atol=2e-4)


def test_every_weight_is_back_after_an_export(tmp_path):
    recipe = {"network": "segmenter", "width": 8}
    built = lived(network(SegmenterRecipe(width=8)))
    export_network("segmenter", recipe, built, tmp_path / "own.onnx")
    assert recipe_of(tmp_path / "own.onnx") == recipe
    name, kept, back = read_trained(tmp_path / "own.onnx")
    assert (name, kept["width"]) == ("segmenter", 8)
    x = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(back.eval()(x), built(x), atol=0.03, rtol=0)  # fp16 weights
    torch.testing.assert_close(back.head.weight, built.head.weight, atol=1e-3, rtol=1e-3)


def test_a_portrait_file_finds_the_refinement_beside_it(tmp_path):
    recipe = asdict(MobileRecipe(width=8))
    built = lived(portrait_mobile(8))
    nn.init.normal_(built.refinement.network.head.weight)
    export_network("portrait", recipe, built, tmp_path / "own.onnx")
    export_network("portrait-refinement", recipe, built, tmp_path / "own-refinement.onnx")
    name, back = read_network(tmp_path / "own.onnx", "portrait")
    assert name == "portrait"
    head = built.refinement.network.head.weight
    torch.testing.assert_close(back.refinement.network.head.weight, head, atol=1e-3, rtol=1e-3)


def test_a_run_that_goes_on_has_the_shape_of_its_start(tmp_path):
    recipe = SegmenterRecipe(width=8, decoder=4)
    export_network("segmenter", asdict(recipe), lived(network(recipe)), tmp_path / "lean.onnx")
    wanted = SegmenterRecipe(width=8, rate=0.5)
    assert continued(wanted, None, "decoder") is wanted
    assert continued(wanted, tmp_path / "lean.onnx", "decoder") == replace(wanted, decoder=4)
    load_start(network(replace(wanted, decoder=4)), "segmenter", tmp_path / "lean.onnx")
    export_network("segmenter", {"width": 8}, lived(network(wanted)), tmp_path / "whole.onnx")
    assert continued(recipe, tmp_path / "whole.onnx", "decoder").decoder is None


def test_folded_batch_norms_stay_frozen_and_others_go_on(tmp_path):
    recipe = continued(SegmenterRecipe(), "segmenter-mobile", "decoder")
    built = network(recipe, start="segmenter-mobile").train()
    norms = [m for m in built.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all(frozen(norm) and not norm.training for norm in norms)
    assert all(norm.bias.requires_grad for norm in norms)
    state = {"recipe": json.dumps(asdict(recipe)), "step": 1, "network": built.state_dict()}
    torch.save(state, tmp_path / "later.pt")
    later = network(recipe, start=tmp_path / "later.pt").train()
    assert all(frozen(m) for m in later.modules() if isinstance(m, nn.BatchNorm2d))
    fresh = lived(network(SegmenterRecipe(width=8)))
    torch.save(
        {
            "recipe": json.dumps(asdict(SegmenterRecipe(width=8))),
            "step": 1,
            "network": fresh.state_dict(),
        },
        tmp_path / "own.pt",
    )
    other = network(SegmenterRecipe(width=8), start=tmp_path / "own.pt").train()
    assert not any(frozen(m) for m in other.decoder.modules())
    assert all(frozen(m) for m in other.encoder.modules() if isinstance(m, nn.BatchNorm2d))


def test_what_cannot_be_imported_is_told(tmp_path):
    built = network(SegmenterRecipe(width=8))
    with pytest.raises(InputError, match=r"holds a portrait; a segmenter is accepted"):
        load_start(built, "segmenter", "matting-mobile")
    with pytest.raises(InputError, match=r"holds another network \(segmenter\)"):
        load_start(built, "segmenter", "segmenter-mobile")
    with pytest.raises(InputError, match=r"int8\.onnx: is quantised to int8; the same network in floats"):
        load_start(built, "segmenter", MODELS["segmenter-mobile"].int8.path)
    with pytest.raises(
        InputError, match=r"none: does not exist; best\.pt .* one of the names segmenter-mobile"
    ):
        load_start(built, "segmenter", "none")
    with pytest.raises(InputError, match=r"none\.onnx: does not exist"):
        load_start(built, "segmenter", tmp_path / "none.onnx")
    (tmp_path / "x.onnx").write_bytes(b"no file")
    with pytest.raises(InputError, match=r"x\.onnx: is no ONNX file"):
        load_start(built, "segmenter", tmp_path / "x.onnx")
    with pytest.raises(InputError, match=r"z\.onnx: has 1 convolutions where its network has 65"):
        read_network(write_segmenter(tmp_path / "z.onnx"))
    write_segmenter(tmp_path / "y.onnx", output="other")
    with pytest.raises(InputError, match=r"y\.onnx: is no network that can be trained on"):
        read_network(tmp_path / "y.onnx")


def test_a_file_whose_graph_says_something_else_is_refused(tmp_path):
    built = lived(network(SegmenterRecipe(width=8)))
    export_network("segmenter", {"width": 8}, built, tmp_path / "own.onnx")
    model = onnx.load(str(tmp_path / "own.onnx"))
    last = next(node for node in model.graph.node if node.op_type == "Sigmoid")
    last.op_type = "Tanh"
    onnx.save(model, str(tmp_path / "own.onnx"))
    with pytest.raises(InputError, match=r"answers .* off what its weights say"):
        read_network(tmp_path / "own.onnx")
    wider = next(entry for entry in model.metadata_props if entry.key == METADATA)
    wider.value = json.dumps({"network": "segmenter", "width": 16})
    onnx.save(model, str(tmp_path / "own.onnx"))
    with pytest.raises(InputError, match=r"holds another network \(network\.aspp.* is \(8, .*, not \(16, "):
        read_network(tmp_path / "own.onnx")


def test_an_exported_checkpoint_is_a_start(tmp_path):
    recipe = replace(SegmenterRecipe(), width=8)
    built = lived(network(recipe))
    state = {"recipe": json.dumps(asdict(recipe)), "step": 1, "network": built.state_dict()}
    torch.save(state, tmp_path / "best.pt")
    export_checkpoint(tmp_path / "best.pt", tmp_path / "own.onnx")
    assert recipe_of(tmp_path / "own.onnx")["width"] == 8
    started = network(recipe, start=tmp_path / "own.onnx")
    torch.testing.assert_close(started.head.weight, built.head.weight, atol=1e-3, rtol=1e-3)
