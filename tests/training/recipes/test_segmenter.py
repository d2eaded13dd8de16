"""The segmenter's recipe: it learns, exports and is refused what it cannot use."""

from dataclasses import replace

import pytest
import torch

from contracts import RecipeContract
from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.training.export import export_checkpoint
from wisp.training.loop import Schedule, fit
from wisp.training.recipes.segmenter import SegmenterRecipe, SegmenterTask, network


@pytest.fixture
def recipe():
    base = SegmenterRecipe(width=16, rate=5e-3, encoder_rate=2e-3)
    synthesis = replace(base.synthesis, size=64, pair=0.0, kinds=("composite", "real", "composite", "empty"))
    schedule = Schedule(steps=60, batch=4, warm_up=4, validate_every=60, checkpoint_every=60, average=0.8)
    return replace(base, synthesis=synthesis, schedule=schedule)


@pytest.fixture
def task(recipe, corpus_folder):
    people, scenes = corpus_folder / "people", datasets.backgrounds(corpus_folder / "backgrounds")
    train, held_out = datasets.corpus(people, "train"), datasets.corpus(people, "val")
    return SegmenterTask(recipe, train, scenes, held_out, scenes)


def test_loss_falls_and_the_export_equals_the_network(task, recipe, tmp_path):
    lines: list[str] = []
    best = fit(task, recipe.schedule, tmp_path / "run", workers=0, report=lines.append)
    losses = [float(line.split("bce ")[1].split()[0]) for line in lines if "min left" in line]
    assert len(losses) >= 2
    assert losses[-1] < 0.8 * losses[0]

    done = export_checkpoint(best, tmp_path / "segmenter.onnx")
    assert done.difference < 1e-3
    assert done.difference <= done.rounding < 1 / 255
    assert done.size == (tmp_path / "segmenter.onnx").stat().st_size
    assert done.size < 2.6 * done.parameters  # fp16
    with pytest.raises(InputError, match="exists"):
        export_checkpoint(best, tmp_path / "segmenter.onnx")


def test_trust_and_emptiness_reach_the_loss(task):
    from wisp.training.loader import batches, to_batch

    (tensors,) = batches(task.source, batch=8, first=0, count=1, workers=0)
    batch = to_batch(tensors, torch.device("cpu"))
    task.networks["segmenter"].eval()
    full = task.losses("segmenter", task.networks, batch)
    assert set(full) == {"bce", "l1"}
    nothing = task.losses("segmenter", task.networks, replace(batch, weight=torch.zeros_like(batch.weight)))
    assert nothing["bce"].item() == 0 < full["bce"].item()


def test_encoder_norms_stay_frozen_when_weights_were_given(recipe, tmp_path):
    from wisp.networks.encoders.mobilenetv2 import MobileNetV2

    state = {k: v for k, v in MobileNetV2().state_dict().items() if k not in ("mean", "std")}
    torch.save(state, tmp_path / "m.pth")
    built = network(recipe, tmp_path / "m.pth").train()
    norms = [m for m in built.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert any(isinstance(m, torch.nn.BatchNorm2d) and m.training for m in built.decoder.modules())


def test_missing_weights_are_named(recipe, tmp_path):
    with pytest.raises(InputError, match=r"none\.pth: does not exist"):
        network(recipe, tmp_path / "none.pth")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_export_refuses_what_is_no_checkpoint(content, tmp_path):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.pt: is no checkpoint"):
        export_checkpoint(tmp_path / "x.pt", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
    with pytest.raises(InputError, match="does not exist"):
        export_checkpoint(tmp_path / "y.pt", tmp_path / "x.onnx")


class TestContract(RecipeContract):
    recipe = SegmenterRecipe()
