"""The U-Nets' recipes: they learn, go on from each other, freeze, export and refuse."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from contracts import RecipeContract
from wisp.core.errors import InputError
from wisp.data import vips
from wisp.data.single_image import Fitting, PlainSamples, square
from wisp.engine.engine import Engine
from wisp.engine.families.segmenter import segment
from wisp.training.export import export_checkpoint
from wisp.training.importing import read_network
from wisp.training.loop import fit
from wisp.training.recipes.unet import SIMPLE_RECIPE, UNetRecipe, UNetTask


def small(recipe, steps=2, **changes):
    schedule = replace(recipe.schedule, steps=steps, batch=4, validate_every=steps, checkpoint_every=steps)
    synthesis = replace(recipe.synthesis, size=32)
    return replace(recipe, width=8, schedule=schedule, synthesis=synthesis, **changes)


def test_it_learns_and_its_file_cuts_out_a_photo(photos, tmp_path):
    recipe = small(SIMPLE_RECIPE, steps=40, rate=1e-2)
    lines: list[str] = []
    best = fit(UNetTask(recipe, *photos), recipe.schedule, tmp_path / "run", workers=0, report=lines.append)
    losses = [float(line.split("bce ")[1].split()[0]) for line in lines if "min left" in line]
    assert losses[-1] < 0.7 * losses[0]
    done = export_checkpoint(best, tmp_path / "unet.onnx")
    assert done.difference < 1e-3
    image = vips.read_rgb(photos[2][0].photo).astype(np.float32) / 255
    truth = vips.read_grey(photos[2][0].alpha) > 127
    assert segment(image, model=tmp_path / "unet.onnx", engine=Engine(precision="fp32")).shape == truth.shape
    _, network = read_network(tmp_path / "unet.onnx")
    with torch.inference_mode():
        mask = network.eval().mask(torch.from_numpy(image.transpose(2, 0, 1)[None].copy()))[0, 0].numpy()
    assert ((mask > 0.5) == truth).mean() > 0.9


@pytest.mark.parametrize("letterbox", [False, True])
def test_each_step_starts_with_the_one_before(letterbox, photos, tmp_path):
    base = small(UNetRecipe())
    base = replace(base, synthesis=replace(base.synthesis, letterbox=letterbox))
    general = replace(base, synthesis=replace(base.synthesis, general=1.0))
    first = fit(UNetTask(general, *photos), general.schedule, tmp_path / "general", workers=0)
    task = UNetTask(replace(base, freeze="first-two"), *photos, start=first)
    best = fit(task, base.schedule, tmp_path / "people", workers=0)
    earlier, later = (torch.load(path, weights_only=True)["network"] for path in (first, best))
    same = {name.rsplit(".", 2)[0] for name in earlier if torch.equal(earlier[name], later[name])}
    assert same == {"down.0", "down.1"}
    export_checkpoint(best, tmp_path / "unet.onnx")
    name, back = read_network(tmp_path / "unet.onnx")
    assert (name, back.size, back.letterbox) == ("unet", 32, letterbox)


def test_all_but_the_last_layer_can_be_frozen(photos):
    task = UNetTask(replace(small(UNetRecipe()), freeze="all-but-last"), *photos)
    network = task.networks["unet"].train()
    assert {n for n, p in network.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}
    with pytest.raises(InputError, match="--freeze: is half; none, first, first-two, all-but-last"):
        UNetTask(replace(small(UNetRecipe()), freeze="half"), *photos)


def test_training_stops_early(photos, tmp_path):
    recipe = small(UNetRecipe(), steps=50, rate=0.0 + 1e-7)
    schedule = replace(recipe.schedule, validate_every=1, patience=2)
    task = UNetTask(recipe, *photos)
    scores = iter([0.5, 0.4, 0.45, 0.4, 0.3])
    validate = task.validate

    def judged(network, device):
        found = validate(network, device)
        return replace(found, scores={**found.scores, "bce": next(scores)})

    task.validate = judged
    lines: list[str] = []
    fit(task, schedule, tmp_path / "run", workers=0, report=lines.append)
    assert "stopped at step 4: 2 validations in a row were no better" in lines
    assert torch.load(tmp_path / "run/best.pt", weights_only=True)["step"] == 2


def test_samples_are_photos_in_a_square(photos):
    stretched, boxed = (
        PlainSamples(photos[0], [], Fitting(size=32, letterbox=letterbox))[0] for letterbox in (False, True)
    )
    assert stretched.image.shape == (3, 32, 32)
    assert np.array_equal(stretched.image, boxed.image)  # the photos are square
    wide = np.full((10, 40, 3), 7, np.uint8)
    out = square(wide, 32, letterbox=True)
    assert (out[:8] == 7).all()
    assert not out[8:].any()
    assert (square(wide, 32, letterbox=False) == 7).all()
    flipped = PlainSamples(photos[0], [], Fitting(size=32, flip=1.0))[0]
    assert np.array_equal(flipped.alpha, stretched.alpha[..., ::-1])


def test_general_samples_are_exact_and_repeat(photos):
    samples = PlainSamples([], photos[1], Fitting(size=32, general=1.0))
    one, again, other = samples[3], samples[3], samples[4]
    assert np.array_equal(one.image, again.image)
    assert not np.array_equal(one.image, other.image)
    assert one.exact.all()
    assert one.alpha.any()
    with pytest.raises(InputError, match="--backgrounds: is missing"):
        PlainSamples([], [], Fitting(general=1.0))
    with pytest.raises(InputError, match="--data: has no photos"):
        PlainSamples([], photos[1], Fitting())


class TestContract(RecipeContract):
    recipe = UNetRecipe(width=4)
