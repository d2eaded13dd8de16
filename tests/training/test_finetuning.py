"""Fine-tuning: it learns, forgets less with replay, freezes, and writes what it measured."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch import nn

from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.engine.families.segmenter import segment
from wisp.networks.dim_mobile import dim_mobile
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.portrait import portrait_mobile
from wisp.networks.subject import subject_network
from wisp.pipeline import run
from wisp.training.finetuning import finetune
from wisp.training.freezing import frozen
from wisp.training.importing import read_network
from wisp.training.loader import batches
from wisp.training.recipes import NETWORKS, tuners
from wisp.training.recipes.dim import MobileRecipe as DimRecipe
from wisp.training.recipes.dlmn_recipes import MobileRecipe as DLMNRecipe
from wisp.training.recipes.portrait_recipes import MobileRecipe as PortraitRecipe
from wisp.training.recipes.segmenter import SegmenterRecipe
from wisp.training.recipes.segmenter import network as segmenter
from wisp.training.recipes.subject_recipes import SubjectRecipe
from wisp.training.recipes.unet import SIMPLE_RECIPE, UNetRecipe, build
from wisp.training.remembering import Mixed, Remembered
from wisp.training.tuning import Photos, Tuning


def checkpoint(name, path):
    """A run's best.pt of a small network at random."""
    torch.manual_seed(0)
    small = replace(UNetRecipe().synthesis, size=32)
    recipe, network = {
        "subject": lambda: (SubjectRecipe(), subject_network()),
        "segmenter": lambda: (SegmenterRecipe(width=8), segmenter(SegmenterRecipe(width=8))),
        "portrait": lambda: (PortraitRecipe(width=8), portrait_mobile(8)),
        "dim-mobile": lambda: (DimRecipe(), dim_mobile(MobileNetV2(output_stride=32))),
        "dlmn": lambda: (DLMNRecipe(width=8), DLMNRecipe(width=8).build()),
        "unet": lambda: ((r := replace(UNetRecipe(), width=8, synthesis=small)), build(r)),
        "unet-normed": lambda: (
            (r := replace(UNetRecipe(), width=8, normed=True, synthesis=small)),
            build(r),
        ),
        "unet-simple": lambda: ((r := replace(SIMPLE_RECIPE, width=8, synthesis=small)), build(r)),
    }[name]()
    state = {"recipe": json.dumps(asdict(recipe)), "step": 1, "network": network.state_dict()}
    torch.save(state, path)
    return path


@pytest.fixture
def photos(corpus_folder):
    people, scenes = corpus_folder / "people", datasets.backgrounds(corpus_folder / "backgrounds")
    return Photos(datasets.corpus(people, "train"), datasets.corpus(people, "val"), scenes)


def test_every_family_has_parts_and_a_network():
    assert [*tuners()] == [
        *("subject", "segmenter", "portrait", "dim-mobile", "dim-vgg16", "dlmn", "unet", "unet-simple")
    ]
    assert all(NETWORKS[name].parts is not None for name in tuners())


def test_it_learns_and_says_what_it_measured(photos, tmp_path):
    start = checkpoint("unet-simple", tmp_path / "best.pt")
    lines: list[str] = []
    tuning = Tuning(steps=40, batch=4, rate=1e-2)
    done = finetune(start, photos, tmp_path / "out", tuning, workers=0, report=lines.append)
    assert done.files == (tmp_path / "out/best-tuned.onnx",)
    losses = [float(line.split("bce ")[1].split()[0]) for line in lines if "min left" in line]
    assert losses[-1] < 0.8 * losses[0]
    for entry in photos.held_out:
        photo = entry.load()
        mask = segment(photo.image.astype(np.float32) / 255, model=done.files[0])
        wrong = np.abs(np.round(mask * 255) - photo.alpha).sum() / 255 / 1000
        assert done.after.images[entry.name]["sad"] == pytest.approx(wrong, rel=1e-3)
    kept = json.loads((tmp_path / "out/report.json").read_text())
    assert kept["before"]["mean"] == done.before.mean
    assert kept["after"]["mean"] == done.after.mean
    assert (tmp_path / "out/sheet.png").is_file()
    assert lines[0].startswith("before: sad ")
    assert lines[-1].startswith("after: sad ")
    with pytest.raises(InputError, match="holds a fine-tuning already"):
        finetune(start, photos, tmp_path / "out", tuning, workers=0)
    again = finetune(done.files[0], photos, tmp_path / "again", Tuning(steps=1, batch=2), workers=0)
    assert again.before.mean["sad"] == pytest.approx(done.after.mean["sad"], rel=0.05)


def test_each_photo_is_held_out_once_and_the_last_run_learns_from_all(photos, tmp_path):
    start = checkpoint("unet-simple", tmp_path / "best.pt")
    every = [*photos.kept, *photos.held_out]
    lines: list[str] = []
    tuning = Tuning(steps=2, batch=2, rate=1e-2, folds=2)
    done = finetune(start, photos, tmp_path / "out", tuning, workers=0, report=lines.append)
    assert set(done.before.images) == set(done.after.images) == {entry.name for entry in every}
    assert set(done.whole.default.images) == set(done.before.images)
    assert sum(line.startswith("before: ") for line in lines) == 2
    assert f"all {len(every)} photos to train on" in lines
    last = torch.load(tmp_path / "out/run/best.pt", weights_only=True)["network"]["head.weight"]
    kept = read_network(done.files[0])[1].state_dict()["head.weight"]
    torch.testing.assert_close(kept, last, atol=1e-3, rtol=1e-3)
    told = json.loads((tmp_path / "out/report.json").read_text())
    assert told["whole"]["after"]["mean"] == done.whole.after.mean
    assert told["recommended"] is done.verdict.recommended
    with pytest.raises(InputError, match=f"--folds: is 99; at most {len(every)}, one a subject"):
        finetune(start, photos, tmp_path / "more", replace(tuning, folds=99), workers=0)


def test_the_whole_result_is_that_of_cutout(photos, tmp_path):
    start = checkpoint("segmenter", tmp_path / "best.pt")
    done = finetune(start, photos, tmp_path / "out", Tuning(steps=1, batch=2, size=32), workers=0)
    for entry in photos.held_out:
        photo = entry.load()
        image, truth = photo.image.astype(np.float32) / 255, photo.alpha.astype(np.float32) / 255
        for model, found in ((None, done.whole.default), (done.files[0], done.whole.after)):
            alpha = np.round(run(image, model=model).matte.alpha * 255) / 255
            wrong = np.abs(alpha - truth).sum() / 1000
            assert found.images[entry.name]["sad"] == pytest.approx(wrong, rel=1e-3)


@pytest.mark.parametrize("name", ["subject", "segmenter", "portrait", "dim-mobile", "dlmn", "unet"])
def test_every_family_is_tuned_with_parts_frozen(name, photos, tmp_path):
    start = checkpoint(name, tmp_path / "best.pt")
    photos = replace(photos, known=photos.held_out, known_scenes=photos.scenes)
    size = 64 if name in ("subject", "portrait", "dlmn") else 32
    tuning = Tuning(freeze="first", steps=1, batch=2, size=size, replay=0.5)
    done = finetune(start, photos, tmp_path / "out", tuning, workers=0)
    earlier = torch.load(start, weights_only=True)["network"]
    later = torch.load(tmp_path / "out/run/best.pt", weights_only=True)["network"]
    for key, values in earlier.items():
        if key.startswith(tuple(f"{part}." for part in NETWORKS[name].parts.first)):
            assert torch.equal(values, later[key]), key
        if "running_" in key or "num_batches" in key:
            assert torch.equal(values, later[key]), key
    assert any(not torch.equal(values, later[key]) for key, values in earlier.items())
    assert all(file.is_file() for file in done.files)
    assert len(done.files) == (2 if name == "portrait" else 1)
    assert read_network(done.files[0])[0] == name


def test_batch_norms_stay_as_they_are_while_training(photos, tmp_path):
    from wisp.training.finetuning import TuningTask
    from wisp.training.importing import read_trained

    name, recipe, network = read_trained(checkpoint("segmenter", tmp_path / "best.pt"))
    tuning = Tuning(steps=1, size=32)
    task = TuningTask(tuners()[name].task(recipe, photos, tuning), name, recipe, network, photos, tuning, "x")
    mine = task.networks["segmenter"].train()
    norms = [m for m in mine.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all(frozen(norm) and not norm.training for norm in norms)


def test_a_unet_trained_with_batch_norms_is_tuned_at_its_own_size(photos, tmp_path):
    start = checkpoint("unet-normed", tmp_path / "best.pt")
    done = finetune(start, photos, tmp_path / "out", Tuning(steps=1, batch=2), workers=0)
    assert done.files[0].is_file()
    with pytest.raises(InputError, match="--size: is 64; 32, at which this U-Net works, is accepted"):
        finetune(start, photos, tmp_path / "other", Tuning(steps=1, batch=2, size=64), workers=0)


def test_samples_are_interleaved():
    class Numbers:
        def __init__(self, name):
            self.name = name

        def __getitem__(self, index):
            return f"{self.name}{index}"

    mixed = Mixed(Numbers("a"), Numbers("b"), 0.25)
    assert [mixed[i] for i in range(8)] == ["a0", "a1", "a2", "b0", "a3", "a4", "a5", "b1"]
    assert [Mixed(Numbers("a"), Numbers("b"), 0.0)[i] for i in range(3)] == ["a0", "a1", "a2"]


def test_what_is_known_is_taught_as_the_network_said_it(photos, tmp_path):
    from wisp.training.finetuning import TuningTask
    from wisp.training.importing import read_trained

    name, recipe, network = read_trained(checkpoint("segmenter", tmp_path / "best.pt"))
    tuning = Tuning(steps=1, size=32, replay=0.5)
    photos = replace(photos, known=photos.held_out, known_scenes=photos.scenes)
    inner = tuners()[name].task(recipe, photos, tuning)
    mixed = TuningTask(inner, name, recipe, network, photos, tuning, "x").source
    assert isinstance(mixed, Mixed)
    assert mixed.first is inner.source
    remembered = mixed.second
    assert isinstance(remembered, Remembered)
    image, alpha, weight, *layers, exact = remembered[0]
    with torch.no_grad():
        said = torch.sigmoid(network.eval()(torch.from_numpy(image)[None] / 255))[0].numpy()
    assert said.max() < 0.999  # a network at random is sure of nothing, labels are
    np.testing.assert_allclose(alpha / 255, said, atol=0.51 / 255)
    assert weight.min() == 255
    assert exact == 0
    labelled = remembered.source[0]
    (batch,) = batches(remembered, batch=2, first=0, count=1, workers=1)  # a worker is sent the network
    assert np.array_equal(batch["alpha"][0].numpy(), alpha)
    assert np.array_equal(image, labelled[0])
    assert all(np.array_equal(x, y) for x, y in zip(layers, labelled[3:5], strict=True))
    assert not np.array_equal(alpha, labelled[1])


def test_what_cannot_be_tuned_is_told(photos, tmp_path):
    with pytest.raises(InputError, match="holds a portrait-refinement; a network of these is accepted"):
        finetune("matting-mobile-refinement", photos, tmp_path / "out", Tuning())
    start = checkpoint("unet-simple", tmp_path / "best.pt")
    with pytest.raises(InputError, match="--freeze: is most"):
        finetune(start, photos, tmp_path / "out", Tuning(freeze="most"))
    start = checkpoint("dim-mobile", tmp_path / "best.pt")
    with pytest.raises(InputError, match="--backgrounds: is missing"):
        finetune(start, replace(photos, scenes=()), tmp_path / "out", Tuning())
    assert not (tmp_path / "out").exists()


def test_the_result_can_keep_a_share_of_the_old_weights(photos, tmp_path):
    start = checkpoint("unet-simple", tmp_path / "best.pt")
    tuning = Tuning(steps=2, batch=2, rate=1e-2, keep=0.75)
    done = finetune(start, photos, tmp_path / "out", tuning, workers=0)
    old, new = (torch.load(p, weights_only=True)["network"] for p in (start, tmp_path / "out/run/best.pt"))
    kept = read_network(done.files[0])[1].state_dict()
    assert not torch.equal(old["head.weight"], new["head.weight"])
    for key, values in kept.items():
        torch.testing.assert_close(values, 0.75 * old[key] + 0.25 * new[key], atol=1e-3, rtol=1e-3)


def test_photos_alone_are_enough(photos, tmp_path):
    start = checkpoint("segmenter", tmp_path / "best.pt")
    done = finetune(
        start, replace(photos, scenes=()), tmp_path / "out", Tuning(steps=1, batch=2, size=32), workers=0
    )
    assert np.isfinite(done.after.mean["sad"])
