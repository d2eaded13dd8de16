"""DLMN-G, SSRN and the small U-Net from packed photos: short runs, how they begin, the command line."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from contracts import RecipeContract
from wisp.cli import app
from wisp.core.errors import InputError
from wisp.data.matting_samples import MattingSynthesis
from wisp.data.subject_samples import Sizes
from wisp.training.export import export_checkpoint, load_checkpoint
from wisp.training.loop import Schedule, fit
from wisp.training.recipes import dlmn, dlmn_recipes, segmenter_packed, ssrn, ssrn_packed, unet
from wisp.training.recipes.portrait_recipes import MobileRecipe

CPU = torch.device("cpu")
SCHEDULE = Schedule(steps=2, batch=2, warm_up=1, validate_every=2, checkpoint_every=1, average=0.5)
SYNTHESIS = MattingSynthesis(size=64, sizes=Sizes(((1.0, (64,)),), wide=0.0))


pytestmark = pytest.mark.usefixtures("red_is_subject")


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    """Weights of a lean portrait network, as a run leaves them."""
    torch.manual_seed(0)
    recipe = MobileRecipe(width=4, lean=True)
    path = tmp_path_factory.mktemp("portrait") / "best.pt"
    from wisp.training.loop import _recipe, _save

    task = type("Task", (), {"recipe": recipe})
    _save({"recipe": _recipe(task), "step": 1, "network": recipe.build().state_dict()}, path)
    return path


def recipe_of_dlmn():
    return dlmn_recipes.PackedRecipe(width=4, examples=8, synthesis=SYNTHESIS, schedule=SCHEDULE)


def recipe_of_ssrn(name):
    recipe = ssrn.RECIPES[name]
    return replace(recipe, examples=8, judge_width=4, synthesis=SYNTHESIS, schedule=SCHEDULE)


@pytest.fixture(scope="module")
def run(packed, portrait, tmp_path_factory):
    task = dlmn.PackedTask(recipe_of_dlmn(), packed, packed, start=portrait)
    out = tmp_path_factory.mktemp("dlmn") / "run"
    fit(task, SCHEDULE, out, workers=0, precision="fp32")
    return out


def test_dlmn_begins_as_the_portrait_network_and_keeps_its_encoder(packed, portrait, run):
    start = load_checkpoint(portrait)[-1].generator
    learned = load_checkpoint(run / "last.pt")[-1]
    kept, moved = learned.image.encoder.state_dict(), learned.alpha.state_dict()
    for name, values in start.content.encoder.state_dict().items():
        assert torch.equal(kept[name], values), name
    assert not torch.equal(moved["head.weight"], start.decoder.head.weight)
    task = dlmn.PackedTask(recipe_of_dlmn(), packed, packed, start=portrait)
    assert not task.networks["dlmn"].anchored
    assert torch.equal(task.networks["dlmn"].alpha.head.weight, start.decoder.head.weight)


def test_what_dlmn_took_over_learns_slowly(packed, portrait):
    task = dlmn.PackedTask(recipe_of_dlmn(), packed, packed, start=portrait)
    network = task.networks["dlmn"]
    groups = task.optimisers(task.networks)["dlmn"].param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    for part in ("cues.trimap", "cues.motion", "combinator.pairs.1", "combinator.pairs.2", "foreground"):
        assert {rates[id(p)] for p in network.get_submodule(part).parameters()} == {4e-4}, part
    for part in ("cues.mask", "combinator.pairs.0", "residual", "alpha"):
        learnt = [p for p in network.get_submodule(part).parameters() if p.requires_grad]
        assert {rates[id(p)] for p in learnt} == {2e-5}, part
    assert not any(id(p) in rates for p in network.get_submodule("image.encoder").parameters())


def test_the_foreground_teaches_alpha_nothing(packed, portrait):
    task = dlmn.PackedTask(recipe_of_dlmn(), packed, packed, start=portrait)
    network = task.networks["dlmn"].train()
    batch = task._examples[0]
    terms = task.losses("dlmn", task.networks, batch)
    (terms["foreground"] + terms["composition"]).backward()
    moved = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved
    assert all(name.startswith("foreground.") for name in moved)


def test_dlmn_resumes_to_the_same_weights(packed, portrait, run, tmp_path):
    class Stopped(dlmn.PackedTask):
        def losses(self, phase, networks, batch):
            if getattr(self, "went", False):
                raise KeyboardInterrupt
            self.went = True
            return super().losses(phase, networks, batch)

    stopped = Stopped(recipe_of_dlmn(), packed, packed, start=portrait)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, SCHEDULE, tmp_path / "run", workers=0, precision="fp32")
    task = dlmn.PackedTask(recipe_of_dlmn(), packed, packed, start=portrait)
    fit(task, SCHEDULE, tmp_path / "run", resume=True, workers=0, precision="fp32")
    states = [
        torch.load(folder / "last.pt", weights_only=True)["network"] for folder in (run, tmp_path / "run")
    ]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


def test_dlmn_exports_without_the_foregrounds_branch(run, tmp_path):
    whole = export_checkpoint(run / "last.pt", tmp_path / "dlmn.onnx")
    alone = export_checkpoint(run / "last.pt", tmp_path / "alone.onnx", part="dlmn-alpha")
    assert alone.size < whole.size
    assert alone.difference < 1e-3


def test_an_anchored_network_takes_no_portrait_network_over(packed, portrait):
    anchored = replace(recipe_of_dlmn(), anchored=True)
    with pytest.raises(InputError, match="the compact network of --recipe packed begins as a lean"):
        dlmn.PackedTask(anchored, packed, packed, start=portrait)


def test_ssrn_begins_with_dlmns_encoder_and_learns_in_both_parts(packed, run, tmp_path):
    weights = run / "last.pt"
    first = ssrn_packed.PackedTask(recipe_of_ssrn("packed"), packed, packed, dlmn=weights)
    theirs = load_checkpoint(weights)[-1].image.encoder.features[3].conv[0][0].weight
    ours = first.networks["ssrn"].encoder.encoder.features
    assert torch.equal(ours[3].conv[0][0].weight, theirs)
    assert not ours[0][0].weight[:, 3:].any()
    fit(first, SCHEDULE, tmp_path / "first", workers=0, precision="fp32")
    start = tmp_path / "first" / "last.pt"
    second = ssrn_packed.PackedTask(
        recipe_of_ssrn("packed-unlabelled"), packed, packed, dlmn=weights, start=start
    )
    assert set(second.networks) == {"ssrn", "judge"}
    fit(second, SCHEDULE, tmp_path / "second", workers=0, precision="fp32")
    scores = second.validate(load_checkpoint(tmp_path / "second" / "last.pt")[-1], CPU).scores
    assert 0.9 < scores["alpha_ratio"] < 1.1
    assert export_checkpoint(tmp_path / "second" / "last.pt", tmp_path / "ssrn.onnx").difference < 1e-3


def test_an_unlabelled_ssrn_needs_its_supervised_start(packed, run):
    with pytest.raises(InputError, match="--start: is missing"):
        ssrn_packed.PackedTask(recipe_of_ssrn("packed-unlabelled"), packed, packed, dlmn=run / "last.pt")


def test_the_unet_learns_and_exports(packed, tmp_path):
    base = unet.PackedRecipe(width=4)
    recipe = replace(
        base,
        synthesis=replace(base.synthesis, size=64),
        samples=replace(base.samples, size=64),
        schedule=replace(SCHEDULE, steps=30, batch=4, validate_every=30),
        rate=5e-3,
    )
    task = unet.PackedTask(recipe, packed, packed)
    before = task.validate(task.networks["unet"], CPU).scores["bce"]
    fit(task, recipe.schedule, tmp_path / "run", workers=0, precision="fp32")
    learned = load_checkpoint(tmp_path / "run" / "last.pt")[-1]
    assert learned.size == 64
    assert task.validate(learned, CPU).scores["bce"] < before
    file = tmp_path / "unet.onnx"
    assert export_checkpoint(tmp_path / "run" / "last.pt", file).difference < 1e-3
    operators = [node.op_type for node in onnx.load(file).graph.node]
    assert "BatchNormalization" not in operators  # they are in the convolutions: the report's network is left
    assert operators.count("Conv") == 4 * 3 + 2 + 4 * 2 + 1


def recipe_of_segmenter():
    base = segmenter_packed.PackedRecipe()
    sizes = replace(base.synthesis, sizes=Sizes(((1.0, (64,)),), wide=0.0))
    schedule = replace(SCHEDULE, steps=40, batch=4, validate_every=40)
    return replace(
        base, width=16, decoder=8, synthesis=sizes, rate=5e-3, encoder_rate=2e-3, schedule=schedule
    )


def test_the_segmenter_learns_and_exports(packed, tmp_path):
    recipe = recipe_of_segmenter()
    task = segmenter_packed.PackedTask(recipe, packed, packed)
    before = task.validate(task.networks["segmenter"], CPU).scores["bce"]
    frozen = task.networks["segmenter"].encoder.features[0][0].weight.clone()
    fit(task, recipe.schedule, tmp_path / "run", workers=0, precision="fp32")
    learned = load_checkpoint(tmp_path / "run" / "last.pt")[-1]
    assert task.validate(learned, CPU).scores["bce"] < before
    torch.testing.assert_close(learned.encoder.features[0][0].weight, frozen, rtol=0, atol=0)
    assert export_checkpoint(tmp_path / "run" / "last.pt", tmp_path / "x.onnx").difference < 1e-3


def test_things_are_nobody_to_the_segmenter(packed):
    """Its samples' alphas are those of the people alone, whatever else is a subject."""
    source = segmenter_packed.PackedTask(recipe_of_segmenter(), packed, packed).source
    rng = np.random.default_rng(0)
    thing = segmenter_packed.people_of(source.samples.sample(rng, (64, 64), "thing"))
    person = segmenter_packed.people_of(source.samples.sample(rng, (64, 64), "person"))
    assert thing.alpha.max() == 0 < thing.weight.max()
    assert person.alpha.max() == 255
    assert (thing.exact[0], person.exact[0]) == (0, 0)
    assert segmenter_packed.people_of(source.samples.sample(rng, (64, 64), "single")).exact[0] == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["segmenter", "--recipe", "packed", "--size", "64"], "--size: is no option of a packed recipe"),
        (["segmenter", "--recipe", "packed", "--names", "x"], "--names: is no option of a packed recipe"),
        (["segmenter", "--pack", "x"], "--pack: is no option of --recipe photos"),
        (["segmenter", "--teachers", "x"], "--teachers: is no option of --recipe photos"),
        (["dlmn", "--recipe", "packed", "--size", "64"], "--size: is no option of a packed recipe"),
        (["dlmn", "--recipe", "packed", "--names", "x"], "--names: is no option of a packed recipe"),
        (["dlmn", "--pack", "x"], "--pack: is no option of --recipe mobile"),
        (["dlmn", "--recipe", "paper", "--pack", "x"], "--pack: is no option of --recipe paper"),
        (["dlmn", "--recipe", "packed", "--data", "y"], "--data: is given several times"),
        (["ssrn", "--dlmn", "d.pt", "--recipe", "packed", "--photos", "x"], "--photos: is no option"),
        (["ssrn", "--dlmn", "d.pt", "--pack", "x"], "--pack: is no option of --recipe mobile"),
        (["unet", "--recipe", "packed", "--letterbox"], "--letterbox: is no option of a packed recipe"),
        (["unet", "--pack", "x"], "--pack: is no option of --recipe report"),
        (["unet", "--recipe", "small"], "--recipe: is small; report and packed are accepted"),
    ],
)
def test_options_of_other_recipes_are_refused(words, problem, tmp_path):
    verb, *rest = words
    command = ["train", verb, "--data", str(tmp_path), "-o", str(tmp_path / "run"), *rest]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, InputError)
    assert problem in str(result.exception)
    assert not (tmp_path / "run").exists()


class TestDLMN(RecipeContract):
    recipe = dlmn_recipes.PackedRecipe()


class TestSSRN(RecipeContract):
    recipe = ssrn.RECIPES["packed-unlabelled"]


class TestUNet(RecipeContract):
    recipe = unet.PackedRecipe()


class TestSegmenter(RecipeContract):
    recipe = segmenter_packed.PackedRecipe()
