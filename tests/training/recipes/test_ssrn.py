"""The recipes of SSRN: both parts, the safeguard against alpha = 1 everywhere, export, refusals."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from contracts import RecipeContract
from tiny_corpus import first_batch, photos_of
from wisp.core.errors import InputError
from wisp.data.cues import Shot
from wisp.training.export import export_checkpoint, load_checkpoint
from wisp.training.loop import Schedule, fit
from wisp.training.recipes.dlmn import DLMNTask
from wisp.training.recipes.dlmn_recipes import MobileRecipe
from wisp.training.recipes.ssrn import (
    JUDGE,
    NETWORK,
    RECIPES,
    Coefficients,
    SSRNRecipe,
    SSRNTask,
)
from wisp.training.recipes.ssrn_safeguard import Safeguard, excess, gate

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("red_is_subject")


@pytest.fixture(scope="module")
def photos(lasting_corpus):
    return photos_of(lasting_corpus)


@pytest.fixture(scope="module")
def dlmn(photos, tmp_path_factory):
    """A DLMN-G that was hardly trained: it returns its mask."""
    base = MobileRecipe(width=4, rate=1e-6, encoder_rate=1e-6, examples=2)
    schedule = Schedule(steps=1, batch=2, validate_every=1)
    recipe = replace(base, synthesis=replace(base.synthesis, size=64, hair=0.0), schedule=schedule)
    return fit(DLMNTask(recipe, *photos), schedule, tmp_path_factory.mktemp("dlmn") / "run", workers=0)


@pytest.fixture(scope="module")
def start(photos, dlmn, tmp_path_factory):
    recipe = small("resnet101")
    task = SSRNTask(recipe, *photos, dlmn=dlmn)
    return fit(task, recipe.schedule, tmp_path_factory.mktemp("start") / "run", workers=0)


def small(name, **schedule):
    recipe = RECIPES[name]
    plan = Schedule(steps=2, batch=2, warm_up=1, validate_every=2, checkpoint_every=2, average=0.5)
    return replace(
        recipe,
        blocks=(1, 1, 1, 1),
        width=8,
        inner=32,
        judge_width=4,
        examples=2,
        synthesis=replace(recipe.synthesis, size=64, hair=0.0, pair=0.0),
        schedule=replace(plan, **schedule),
    )


def steps(task, batch, count):
    """Train on one batch; the mean of its alpha before each step, and ζ_alpha of each."""
    network = task.networks[NETWORK]
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    seen = []
    handle = network.register_forward_hook(
        lambda *found: seen.append(float(found[2].detach().sigmoid().mean()))
    )
    alphas = []
    for number in range(count):
        torch.manual_seed(0)  # the same masks in every step
        task.phases(number)
        terms = task.losses(NETWORK, task.networks, batch)
        alphas.append(float(terms["alpha"].detach()))
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
    handle.remove()
    return seen, alphas


def test_the_supervised_part_learns(photos, dlmn):
    task = SSRNTask(replace(small("resnet101"), refined=0.5), *photos, dlmn=dlmn)
    _, alphas = steps(task, first_batch(task, 2), 15)
    assert alphas[-1] < 0.8 * alphas[0]


@pytest.mark.parametrize("encoder", ["mobile", "resnet101"])
def test_both_encoders_train_in_both_parts_and_export(encoder, photos, dlmn, tmp_path):
    first = small(encoder, steps=1)
    best = fit(SSRNTask(first, *photos, dlmn=dlmn), first.schedule, tmp_path / "first", workers=0)
    second = small(f"{encoder}-unlabelled")
    task = SSRNTask(second, *photos, dlmn=dlmn, start=best)
    last = fit(task, second.schedule, tmp_path / "second", workers=0)
    assert export_checkpoint(last, tmp_path / "ssrn.onnx").difference < 1e-3


class LovesBrightness(nn.Module):
    """A discriminator for which a re-composition is the more real, the brighter it is."""

    def forward(self, image, mask, motion):
        return 40 * (image.mean(1, keepdim=True) - 0.9)


def drift_of(safeguard, photos, dlmn, start):
    """Train towards the brighter, over black, so that alpha = 1 everywhere is the brightest.

    Returns:
        How far the mean alpha is from the supervised start's, as a share of it, before each step.
    """
    recipe = replace(
        small("resnet101-unlabelled"), coefficients=Coefficients(adversarial=1.0), safeguard=safeguard
    )
    task = SSRNTask(recipe, *photos, dlmn=dlmn, start=start)
    task.networks = {NETWORK: task.networks[NETWORK].eval(), JUDGE: LovesBrightness()}
    batch = first_batch(task, 2)
    seen, _ = steps(task, replace(batch, background=torch.zeros_like(batch.background)), 30)
    return [mean / seen[0] - 1 for mean in seen]


def test_the_safeguard_keeps_alpha_from_becoming_one_everywhere(photos, dlmn, start):
    """Without it, the same training ends far outside of what is tolerated; with it, it never gets there."""
    bare = drift_of(Safeguard(drift=0.0, gate=False, floor=0.0), photos, dlmn, start)
    assert bare[0] == 0
    assert bare[-1] > 0.3
    guarded = drift_of(Safeguard(), photos, dlmn, start)
    assert len(guarded) == 30
    assert max(map(abs, guarded)) <= Safeguard().tolerance


def test_the_gate_and_the_cost_of_drift():
    safeguard = Safeguard(tolerance=0.1)
    start = torch.full((2, 1, 4, 4), 0.5)
    for moved, opened in ((0.0, 1.0), (0.04, 1.0), (0.06, 0.0), (-0.06, 0.0), (1.0, 0.0)):
        alpha = start * (1 + moved)
        assert gate(alpha, start, safeguard) == opened
        expected = max(0.0, abs(moved) - 0.05)
        assert float(excess(alpha, start, safeguard)) == pytest.approx(expected, abs=1e-6)
    assert gate(start * 2, start, replace(safeguard, gate=False)) == 1.0
    # One photo that fills up and one that empties cancel in the mean of the batch, but both cost.
    alpha = torch.stack([start[0] * 1.2, start[1] * 0.8])
    assert gate(alpha, start, safeguard) == 1.0
    assert float(excess(alpha, start, safeguard)) == pytest.approx(0.15, abs=1e-6)
    empty = torch.zeros(1, 1, 4, 4)
    assert torch.isfinite(excess(empty, empty, safeguard))


def test_without_labels_it_starts_from_the_supervised_weights(photos, dlmn, start):
    task = SSRNTask(small("resnet101-unlabelled"), *photos, dlmn=dlmn, start=start)
    kept = load_checkpoint(start)[-1].state_dict()
    for name, values in task.networks[NETWORK].state_dict().items():
        assert torch.equal(values, kept[name]), name
    batch = first_batch(task, 2)
    assert not batch.weight.any()
    for network in task.networks.values():
        network.eval()
    task.phases(0)
    terms = task.losses(NETWORK, task.networks, batch)
    assert set(terms) == {"alpha", "composition", "adversarial", "drift"}
    assert float(terms["alpha"].detach()) < 1e-6
    assert float(terms["drift"].detach()) == 0
    judged = task.losses(JUDGE, task.networks, batch)
    assert set(judged) == {"judge"}
    assert task.validate(task.networks[NETWORK], CPU).scores["alpha_ratio"] == pytest.approx(1, abs=1e-3)


def test_the_discriminator_joins_every_second_step(photos, dlmn, start):
    task = SSRNTask(small("resnet101-unlabelled"), *photos, dlmn=dlmn, start=start)
    assert [JUDGE in task.phases(step) for step in range(4)] == [False, True, False, True]
    supervised = SSRNTask(small("resnet101"), *photos, dlmn=dlmn)
    assert set(supervised.networks) == {NETWORK}


def test_refusals(photos, dlmn, start, tmp_path):
    with pytest.raises(InputError, match="--start: is missing"):
        SSRNTask(small("resnet101-unlabelled"), *photos, dlmn=dlmn)
    with pytest.raises(InputError, match="has no use for photos without labels"):
        SSRNTask(small("resnet101"), *photos, dlmn=dlmn, shots=[Shot(photos[0][0].photo)])
    with pytest.raises(InputError, match="holds a dlmn; ssrn is accepted"):
        SSRNTask(small("resnet101-unlabelled"), *photos, dlmn=dlmn, start=dlmn)
    with pytest.raises(InputError, match="holds a ssrn; dlmn or dlmn-alpha is accepted"):
        SSRNTask(small("resnet101"), *photos, dlmn=start)
    with pytest.raises(InputError, match="does not exist"):
        SSRNTask(small("resnet101"), *photos, dlmn=tmp_path / "none.pt")


def test_labels_need_no_foreground_of_dlmn(photos, dlmn, start):
    """The DLMN-G that comes with wisp has alpha alone; without labels its foreground is composed anew."""
    task = SSRNTask(small("resnet101"), *photos, dlmn="dlmn-mobile")
    _, alphas = steps(task, first_batch(task, 2), 2)
    assert 0 < alphas[0] < 1
    with pytest.raises(InputError, match="dlmn-mobile: holds a dlmn-alpha; dlmn is accepted"):
        SSRNTask(small("resnet101-unlabelled"), *photos, dlmn="dlmn-mobile", start=start)


class TestContract(RecipeContract):
    recipe = SSRNRecipe()
