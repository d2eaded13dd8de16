"""The subject network on photos of one's own: the subject is learnt, people and clicks stay."""

from dataclasses import asdict

import pytest
import torch

from wisp.data import datasets
from wisp.networks.subject import subject_network
from wisp.training.finetuning import TuningTask
from wisp.training.loader import batches, to_batch
from wisp.training.recipes import tuners
from wisp.training.recipes.subject_recipes import SubjectRecipe
from wisp.training.tuning import Photos, Tuning


@pytest.fixture
def task(corpus_folder):
    """A task whose network is at random, but for its presence."""
    people, scenes = corpus_folder / "people", datasets.backgrounds(corpus_folder / "backgrounds")
    photos = Photos(datasets.corpus(people, "train"), datasets.corpus(people, "val"), scenes)
    torch.manual_seed(0)
    network = subject_network()
    tuning = Tuning(steps=12, batch=4, size=64, rate=3e-3)
    recipe = asdict(SubjectRecipe())
    inner = tuners()["subject"].task(recipe, photos, tuning)
    return TuningTask(inner, "subject", recipe, network, photos, tuning, "own")


def shown(task):
    (tensors,) = batches(task.source, batch=4, first=0, count=1, workers=0)
    return to_batch(tensors, torch.device("cpu"))


def test_the_subject_is_learnt_and_people_stay_as_they_were_said(task):
    network, batch = task.networks["subject"], shown(task)
    optimiser = task.optimisers(task.networks)["subject"]
    before = {name: values.clone() for name, values in network.state_dict().items()}
    with torch.no_grad():
        people, subject = network.find(batch.image)[0].sigmoid().split(1, 1)
    for _ in range(12):
        optimiser.zero_grad()
        terms = task.losses("subject", task.networks, batch)
        sum(terms.values()).backward()
        optimiser.step()
    assert set(terms) == {"bce", "l1", "iou", "ssim", "presence"}
    with torch.no_grad():
        found = network.find(batch.image)[0]
    later_people, later_subject = found.sigmoid().split(1, 1)
    error = [float((mask - batch.alpha).abs().mean()) for mask in (subject, later_subject)]
    assert error[1] < 0.8 * error[0]
    assert float((later_people - people).abs().mean()) < 0.3 * float((later_subject - subject).abs().mean())
    for name, values in network.state_dict().items():
        if name.startswith(("guidance.", "encoder.features.0.", "encoder.features.1.")):
            assert torch.equal(values, before[name]), name


def test_what_is_said_of_people_is_that_of_the_first_step(task):
    network, batch = task.networks["subject"], shown(task)
    first = float(task.losses("subject", task.networks, batch)["bce"].detach())
    with torch.no_grad():
        network.head.bias[:4] += 3.0
    assert float(task.losses("subject", task.networks, batch)["bce"].detach()) > first


def test_it_is_validated_by_its_mask_of_the_subject(task):
    scores = task.inner.validate(task.networks["subject"].eval(), torch.device("cpu")).scores
    assert 0 < scores["mae"] < 1
