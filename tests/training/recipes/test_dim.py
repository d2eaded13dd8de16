"""The recipes of Deep Image Matting: three steps, terms, learning, resuming, export, several processes."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contracts import RecipeContract
from tiny_corpus import first_batch
from wisp.core.errors import InputError
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.training import losses
from wisp.training.export import export_checkpoint
from wisp.training.loop import fit
from wisp.training.recipes.dim import (
    FIRST,
    SECOND,
    TOGETHER,
    Coefficients,
    DimTask,
    MobileRecipe,
    VGG16Recipe,
    as_published,
    dim_terms,
    fixed_trimap,
    network,
)


def small(recipe, **schedule):
    synthesis = replace(
        recipe.synthesis, size=64, crops=(48, 64), widths=(1, 8), procedural=0.0, pair=0.2, pool=4, drawn=64
    )
    return replace(recipe, examples=2, synthesis=synthesis, schedule=replace(recipe.schedule, **schedule))


@pytest.fixture
def mobile():
    recipe = small(
        MobileRecipe(rate=3e-3), steps=40, batch=4, warm_up=4, validate_every=40, checkpoint_every=20
    )
    return replace(recipe, schedule=replace(recipe.schedule, average=0.8))


@pytest.fixture
def paper():
    return small(VGG16Recipe(width=1 / 32), steps=6, batch=2, validate_every=6, checkpoint_every=3)


def state_of(task):
    return {name: values.clone() for name, values in task.networks["dim"].state_dict().items()}


def changed(before, after, part):
    return {name for name in before if name.startswith(part) and not torch.equal(before[name], after[name])}


def test_loss_falls_and_the_export_equals_the_network(mobile, photos, tmp_path):
    lines: list[str] = []
    task = DimTask(replace(mobile, first=1.0, second=0.0), *photos)
    # It begins as the prior, which is right on these plain backgrounds: take it away, that there is something
    # to learn.
    task.networks["dim"].register_forward_pre_hook(lambda _, inputs: (*inputs[:2], 0.5 + 0 * inputs[2]))
    untrained = task.validate(task.networks["dim"], torch.device("cpu")).scores
    schedule = replace(mobile.schedule, steps=60, validate_every=60)
    best = fit(task, schedule, tmp_path / "run", workers=0, report=lines.append)
    found = [float(line.split(" alpha ")[1].split()[0]) for line in lines if "min left" in line]
    assert len(found) == 3
    assert found[-1] < 0.85 * found[0]  # means of twenty steps
    scores = json.loads((tmp_path / "run/history.json").read_text())[-1]
    assert scores.keys() == {"step", *(f"score/{name}" for name in untrained)}
    assert scores["score/mae"] < 0.6 * untrained["mae"]
    done = export_checkpoint(best, tmp_path / "dim.onnx")
    assert done.difference < 1e-3
    assert done.difference <= done.rounding < 1 / 255


def test_a_second_run_begins_with_the_first_one_s_weights(mobile, photos, tmp_path):
    best = fit(DimTask(mobile, *photos), replace(mobile.schedule, steps=2), tmp_path / "run", workers=0)
    begun = DimTask(mobile, *photos, start=best)
    kept = torch.load(best, weights_only=True)["network"]
    assert all(torch.equal(values, kept[name]) for name, values in state_of(begun).items())
    with pytest.raises(InputError, match="dim-vgg16"):
        DimTask(small(VGG16Recipe(width=1 / 32)), *photos, start=best)


def test_the_three_steps_follow_each_other(mobile, photos):
    task = DimTask(replace(mobile, first=0.5, second=0.25), *photos)
    due = [task.phases(step) for step in range(40)]
    assert due == [(FIRST,)] * 20 + [(SECOND,)] * 10 + [(TOGETHER,)] * 10


@pytest.mark.parametrize(
    ("phase", "stage", "refinement"), [(FIRST, True, False), (SECOND, False, True), (TOGETHER, True, True)]
)
def test_each_step_teaches_its_own_part(phase, stage, refinement, mobile, photos):
    task = DimTask(mobile, *photos)
    optimisers = task.optimisers(task.networks)
    torch.nn.init.normal_(task.networks["dim"].refinement.layers[-1].weight, std=0.01)
    task.networks["dim"].train()
    before = state_of(task)
    terms = task.losses(phase, task.networks, first_batch(task, 4))
    assert set(terms) == ({"alpha"} if phase == SECOND else {"alpha", "composition", "laplacian"})
    sum(terms.values()).backward()
    optimisers[phase].step()
    after = state_of(task)
    assert bool(changed(before, after, "stage.")) is stage  # its statistics as well as its weights
    assert bool(changed(before, after, "refinement.")) is refinement


def test_the_second_step_has_trimaps_of_one_width(paper, photos):
    task = DimTask(paper, *photos)
    batch = first_batch(task, 4)
    seen = []
    matting = task.networks["dim"]
    matting.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    task.losses(SECOND, task.networks, batch)
    task.losses(TOGETHER, task.networks, batch)
    assert torch.equal(seen[0], fixed_trimap(batch.alpha, paper.fixed_width))
    assert torch.equal(seen[1], batch.trimap)


def test_a_fixed_trimap():
    alpha = torch.zeros(1, 1, 1, 12)
    alpha[..., 6:], alpha[..., 5] = 1, 0.5
    found = fixed_trimap(alpha, 2).flatten().tolist()
    assert found == [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1]


def test_terms_count_unknown_pixels_alone_and_every_sample_alike(mobile, photos):
    batch = first_batch(DimTask(mobile, *photos), 4)
    alpha = torch.rand_like(batch.alpha)
    one = Coefficients(2.0, 3.0, 0.5)
    terms = dim_terms(one, alpha, batch.trimap, batch)
    elsewhere = torch.where(batch.weight > 0.5, alpha, torch.rand_like(alpha))
    for name, value in dim_terms(one, elsewhere, batch.trimap, batch).items():
        if name != "laplacian":  # its levels look at neighbours
            torch.testing.assert_close(value, terms[name])
    each = [
        losses.alpha_prediction_loss(a, t, w)
        for a, t, w in zip(alpha[:, None], batch.alpha[:, None], batch.weight[:, None], strict=True)
    ]
    torch.testing.assert_close(terms["alpha"], 2 * torch.stack(each).mean())
    assert dim_terms(Coefficients(0.0, 0.0), alpha, batch.trimap, batch) == {}
    assert dim_terms(one, batch.alpha, batch.trimap, batch)["alpha"] < 1e-5


def test_the_composition_may_have_random_backgrounds(mobile, photos):
    batch = first_batch(DimTask(mobile, *photos), 4)
    alpha = torch.rand_like(batch.alpha)
    terms = [
        dim_terms(Coefficients(0.0, 1.0, background=kind), alpha, batch.trimap, batch)["composition"]
        for kind in ("true", "random")
    ]
    assert terms[0] != terms[1]


def test_the_paper_trains_and_resumes_as_if_it_had_never_stopped(paper, photos, tmp_path):
    def run(folder, **options):
        task = DimTask(paper, *photos)
        return fit(task, options.pop("schedule"), folder, workers=0, precision="fp32", **options)

    whole = paper.schedule
    best = run(tmp_path / "a", schedule=whole)
    run(tmp_path / "b", schedule=replace(whole, steps=3))
    run(tmp_path / "b", schedule=whole, resume=True)
    states = [
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["networks"]["dim"] for name in "ab"
    ]
    for name, values in states[0].items():
        torch.testing.assert_close(values, states[1][name], rtol=0, atol=0)
    assert export_checkpoint(best, tmp_path / "dim.onnx").difference < 1e-3


def test_the_paper_s_numbers():
    recipe = VGG16Recipe()
    assert recipe.rate == recipe.encoder_rate == 1e-5
    assert {recipe.schedule.rate(step) for step in (0, 1, 30_000, 49_299)} == {1.0}
    assert recipe.coefficients == Coefficients(0.5, 0.5, 0.0, "true")
    assert recipe.synthesis.crops == (320, 480, 640)
    assert recipe.synthesis.size == 320
    assert recipe.synthesis.widths == (1, 30)


def test_encoder_weights(mobile, paper, photos, tmp_path):
    state = {k: v for k, v in MobileNetV2().state_dict().items() if k not in ("mean", "std")}
    torch.save(state, tmp_path / "m.pth")
    built = network(mobile, tmp_path / "m.pth").train()
    stem = built.stage.encoder.features[0]
    assert torch.equal(stem[0].weight[:, :3], state["features.0.0.weight"])
    norms = [m for m in built.stage.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not any(norm.training for norm in norms)
    assert built.stage.to8.block[1].training
    DimTask(mobile, *photos).losses(TOGETHER, {"dim": built}, first_batch(DimTask(mobile, *photos), 4))
    assert not any(norm.training for norm in norms)
    with pytest.raises(InputError, match="does not exist"):
        network(paper, tmp_path / "none.pth")


def test_what_starts_at_random_is_said(paper, photos, tmp_path):
    assert "starts at random" in DimTask(paper, *photos).notes[0]
    torch.save(MobileNetV2().state_dict(), tmp_path / "other.pth")
    with pytest.raises(InputError, match="is no VGG-16"):
        DimTask(paper, *photos, encoder_weights=tmp_path / "other.pth")
    state = {f"features.{n}": x for n, x in network(paper).stage.features.state_dict().items()}
    state["features.0.weight"] = state["features.0.weight"][:, :3]
    torch.save(state, tmp_path / "vgg16.pth")
    assert "has no fc6" in DimTask(paper, *photos, encoder_weights=tmp_path / "vgg16.pth").notes[0]


PROCESS = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path[:0] = [sys.argv[3], str(Path(sys.argv[3]).parents[1])]  # where contracts.py lies
from test_dim import small
from accelerate import Accelerator
from wisp.training import loop
from wisp.data import datasets
from wisp.training.recipes.dim import DimTask, VGG16Recipe

corpus, out = Path(sys.argv[1]), Path(sys.argv[2])
count = Accelerator(cpu=True).num_processes
recipe = small(VGG16Recipe(width=1 / 32), steps=2, batch=4 // count, validate_every=9, checkpoint_every=9)
people, scenes = datasets.corpus(corpus / "people", "train"), datasets.backgrounds(corpus / "backgrounds")
task = DimTask(recipe, people, scenes, people, scenes)
kept, optimisers = [], task.optimisers

def watched(networks):
    found = optimisers(networks)
    for optimiser in found.values():
        def keep(optimiser, *_):
            kept.append([p.grad.clone() for g in optimiser.param_groups for p in g["params"]])
        optimiser.register_step_pre_hook(keep)
    return found

task.optimisers = watched
task.phases = lambda step: (("encoder-decoder", "refinement")[step],)
task.validate = lambda *_: loop.Validation({"sad": 0.0}, __import__("numpy").zeros((8, 8, 3), "uint8"))
loop.fit(task, recipe.schedule, out, precision="fp32", workers=0)
if loop.AcceleratorState().is_main_process:
    torch.save({"count": count, "gradients": kept}, out / "gradients.pt")
"""


def test_two_processes_find_the_gradients_of_the_doubled_batch(corpus_folder, tmp_path):
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    found = []
    for count in (1, 2):
        out = tmp_path / f"run{count}"
        port = _free_port()
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "ACCELERATE_USE_CPU": "true",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
        }
        words = [sys.executable, str(script), str(corpus_folder), str(out), str(Path(__file__).parent)]
        processes = [
            subprocess.Popen(
                words,
                env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(count)
        ]
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
        found.append(torch.load(out / "gradients.pt", weights_only=True))
    assert [run["count"] for run in found] == [1, 2]
    for whole, parts in zip(found[0]["gradients"], found[1]["gradients"], strict=True):
        assert max(float(gradient.abs().max()) for gradient in whole) > 1e-4
        for a, b in zip(whole, parts, strict=True):
            torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-7)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_as_published_nothing_is_procedural_nor_jittered(photos, monkeypatch):
    def none(*_, **__):
        raise AssertionError("a procedural foreground")

    monkeypatch.setattr("wisp.data.procedural.random_foreground", none)
    monkeypatch.setattr("wisp.data.procedural.with_hair", none)
    monkeypatch.setattr("wisp.data.trimap_samples.recolour", none)
    recipe = as_published(VGG16Recipe(width=1 / 32))
    assert (recipe.synthesis.size, recipe.coefficients) == (320, Coefficients(0.5, 0.5))
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, size=64, crops=(48, 64), widths=(1, 8)))
    task = DimTask(recipe, *photos)
    batch = first_batch(task, 4)
    shown = batch.alpha * batch.foreground + (1 - batch.alpha) * batch.background
    assert float((shown - batch.image).abs().mean()) < 0.01
    with pytest.raises(InputError, match="--data: has no foregrounds"):
        DimTask(recipe, [], *photos[1:])


def test_as_published_validation_has_photos_alone(photos):
    recipe = replace(as_published(VGG16Recipe(width=1 / 32)), examples=2)
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, size=64, crops=(64,), widths=(1, 8)))
    scores = DimTask(recipe, *photos).validate(network(recipe), torch.device("cpu")).scores
    assert "sad_photos" in scores
    assert "sad_procedural" not in scores


class TestContract(RecipeContract):
    recipe = MobileRecipe()
