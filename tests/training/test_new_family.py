"""A new family that is trained, exported, gone on with, tuned and used is a row and a module in two rooms."""

import json

import numpy as np
import pytest
import torch

from grown_package import add_row, copy_package, run, touched
from tiny_networks import bright_disc
from wisp.io.guidance import read_grey
from wisp.io.images import write_image

ROW = """            Family(
                "toy",
                "image (N, 3, H, W) → mask (N, 1, H, W)",
                function="wisp.engine.families.toy.toy",
                about="a toy",
                source="Nobody 2026",
                training="wisp.training.recipes.toy",
                learns="a toy",
            ),
"""
ENGINE = '''
"""The network's mask as alpha."""

from wisp.engine.engine import ENGINE
from wisp.engine.families.segmenter import segment
from wisp.engine.models import find_model


def toy(image, *, model=None, engine=ENGINE):
    return segment(image, row=find_model(model, "toy"), engine=engine)
'''
TRAINING = '''
"""Colours mixed."""

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.optim import Adam

from wisp.data.synthesis import Samples, Synthesis
from wisp.training import losses, validation
from wisp.training.examples import image_alone
from wisp.training.freezing import Parts
from wisp.training.importing import load_start
from wisp.training.loop import Schedule
from wisp.training.recipes import TrainedNetwork, Trainer
from wisp.training.recipes.segmenter import cut_by_mask
from wisp.training.tuning import Tuner, adapt, answer


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, image):
        return self.head(self.first(image))


@dataclass(frozen=True)
class ToyRecipe:
    network: str = "toy"
    rate: float = 0.3
    synthesis: Synthesis = field(default_factory=lambda: Synthesis(size=32, kinds=("real",)))
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=40, batch=2, warm_up=1, average=0.0))


class ToyTask:
    score = "mae"

    def __init__(self, recipe, people, scenes, held_out, held_out_scenes, encoder_weights=None, start=None):
        self.recipe = recipe
        self.source = Samples(people, scenes, recipe.synthesis, recipe.schedule.seed)
        self.held_out = held_out, held_out_scenes
        self.networks = {"toy": Toy()}
        if start is not None:
            load_start(self.networks["toy"], "toy", start)

    def optimisers(self, networks):
        return {"toy": Adam(networks["toy"].parameters(), self.recipe.rate)}

    def phases(self, step):
        return ("toy",)

    def losses(self, phase, networks, batch):
        return {"bce": losses.binary_cross_entropy(networks[phase](batch.image), batch.alpha, batch.weight)}

    def validate(self, network, device):
        examples = validation.fixed_examples(*self.held_out, self.recipe.synthesis, 2, 2)
        return validation.validate_alpha(lambda b: torch.sigmoid(network(b.image)), network, examples, device)


def tuned(kept, photos, tuning):
    recipe = adapt(ToyRecipe(), photos, tuning)
    return ToyTask(recipe, photos.kept, photos.scenes, photos.held_out, photos.scenes)


TRAINER = Trainer(ToyRecipe(), ToyTask)
NETWORKS = {
    "toy": TrainedNetwork(
        lambda recipe: Toy(),
        lambda network: nn.Sequential(network, nn.Sigmoid()),
        image_alone,
        ("mask",),
        parts=Parts(("first",), (), ("head",)),
        tuner=Tuner(tuned, cut_by_mask, "toy", answer=answer),
    )
}
'''


COMMANDS = """
from wisp.cli import main

for words in (
    "train toy --data data --size 64 --batch 2 --workers 0 --quiet -o run",
    "export run/best.pt -o toy.onnx",
    "cutout data/image/0.png --method toy --model toy.onnx -o c.png",
    "train toy --data data --size 64 --batch 2 --workers 0 --quiet --start toy.onnx --steps 1 -o again",
    "finetune toy.onnx --data data --steps 1 --batch 2 --size 64 --workers 0 --freeze first --quiet -o tuned",
):
    assert main(words.split()) == 0, words
"""


@pytest.fixture
def tree(tmp_path):
    """The package with the toy in it."""
    tree = copy_package(tmp_path)
    (tree / "engine/families/toy.py").write_text(ENGINE, encoding="utf-8")
    (tree / "training/recipes/toy.py").write_text(TRAINING, encoding="utf-8")
    add_row(tree / "engine/families/__init__.py", '            Family(\n                "ssrn",', ROW)
    return tree


def test_a_family_that_is_trained_is_a_row_and_its_modules(tree, tmp_path):
    for number in range(3):
        image, alpha = bright_disc(40, 50 + 6 * number)
        for part, picture in (("image", image), ("alpha", alpha), ("backgrounds", image[:8, :8])):
            (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
            write_image(tmp_path / "data" / part / f"{number}.png", picture)
    assert "Train a toy." in run(tree, "-m", "wisp", "train", "--help")
    run(tree, "-c", COMMANDS)
    image, alpha = bright_disc(40, 50)
    assert np.abs(read_grey(tmp_path / "c.png") - alpha).mean() < 0.1
    assert {*json.loads((tmp_path / "tuned/report.json").read_text())} >= {"model", "before", "after"}
    first, tuned = (
        torch.load(tmp_path / run / "best.pt", weights_only=True)["network"] for run in ("run", "tuned/run")
    )
    assert torch.equal(tuned["first.weight"], first["first.weight"])
    assert not torch.equal(tuned["head.weight"], first["head.weight"])
    assert touched(tree) == [
        ["engine/families/__init__.py"],
        ["engine/families/toy.py", "training/recipes/toy.py"],
    ]
