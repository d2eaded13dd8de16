"""The recipes of the subject and the matting network: a short run, resuming, export, and the command line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from contracts import RecipeContract
from wisp.cli import app
from wisp.core.errors import InputError
from wisp.data.matting_samples import MattingSynthesis
from wisp.data.subject_samples import Sizes, SubjectMix, SubjectSamples, SubjectSynthesis
from wisp.engine.sessions import open_session
from wisp.training.export import export_checkpoint
from wisp.training.loader import batches
from wisp.training.loop import Schedule, fit
from wisp.training.recipes.matting import MattingRecipe, MattingTask
from wisp.training.recipes.portrait_losses import portrait_terms
from wisp.training.recipes.subject import SubjectTask
from wisp.training.recipes.subject_guidance import GuidanceRecipe, GuidanceTask
from wisp.training.recipes.subject_recipes import SubjectRecipe

CPU = torch.device("cpu")
SIZES = Sizes(((1.0, (64,)),), wide=0.0)


def recipe(steps=2, **mix):
    schedule = Schedule(steps=steps, batch=2, validate_every=100, checkpoint_every=1, warm_up=1)
    return SubjectRecipe(synthesis=SubjectSynthesis(SIZES, SubjectMix(**mix)), schedule=schedule)


class Few(SubjectTask):
    """With one batch of examples to validate on."""

    _examples = property(lambda self: SubjectTask._examples.func(self)[:1])


@pytest.fixture(scope="module")
def run(packed, tmp_path_factory):
    chosen = recipe()
    out = tmp_path_factory.mktemp("run") / "run"
    fit(Few(chosen, packed, packed), chosen.schedule, out, workers=0, precision="fp32")
    return out


def test_a_run_leaves_last_and_best_weights(run):
    assert (run / "last.pt").is_file()
    assert (run / "best.pt").is_file()


def test_its_export_answers_and_takes_guidance(run, tmp_path):
    exported = export_checkpoint(run / "last.pt", tmp_path / "subject.onnx")
    assert exported.size < 8_000_000
    session = open_session(exported.path, device="cpu", precision="fp32")
    image = np.random.default_rng(0).random((1, 3, 96, 64), np.float32)
    answer = session.run({"image": image, "guidance": np.zeros_like(image)})
    assert answer["masks"].shape == (1, 2, 96, 64)
    assert answer["presence"].shape == (1, 2)
    assert 0 <= answer["masks"].min() <= answer["masks"].max() <= 1


def test_a_resumed_run_ends_as_one_that_was_not_stopped(packed, tmp_path):
    whole, half = recipe(steps=2), recipe(steps=2)
    fit(Few(whole, packed, packed), whole.schedule, tmp_path / "whole", workers=0, precision="fp32")
    with pytest.raises(KeyboardInterrupt):
        fit(_Stopped(half, packed, packed), half.schedule, tmp_path / "half", workers=0, precision="fp32")
    fit(Few(half, packed, packed), half.schedule, tmp_path / "half", resume=True, workers=0, precision="fp32")
    states = [
        torch.load(tmp_path / name / "last.pt", weights_only=True)["network"] for name in ("whole", "half")
    ]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


class _Stopped(Few):
    def losses(self, phase, networks, batch):
        if getattr(self, "went", False):
            raise KeyboardInterrupt
        self.went = True
        return super().losses(phase, networks, batch)


@pytest.mark.parametrize("guided", [0.0, 1.0])
def test_losses_are_finite_and_reach_every_part(packed, guided):
    task = SubjectTask(recipe(guided=guided), packed, packed)
    tensors = next(batches(task.source, batch=2, first=0, count=1, workers=0))
    batch = task.batch(tensors, CPU)
    terms = task.losses("subject", task.networks, batch)
    assert set(terms) == {"bce", "l1", "iou", "ssim", "presence"}
    total = sum(terms.values())
    assert torch.isfinite(total)
    total.backward()
    head = task.networks["subject"].get_submodule("guidance.into_encoder")
    assert (head.weight.grad is not None) == bool(guided)


def guidance_recipe():
    chosen = GuidanceRecipe()
    schedule = replace(chosen.schedule, steps=2, batch=2, validate_every=2, warm_up=1)
    return replace(chosen, synthesis=replace(chosen.synthesis, sizes=SIZES), schedule=schedule)


def test_guidance_is_taught_and_nothing_else_changes(packed, run, tmp_path):
    chosen = guidance_recipe()
    task = GuidanceTask(chosen, packed, packed, run / "last.pt")
    task._examples = task._examples[:1]
    history = fit(task, chosen.schedule, tmp_path / "guided", workers=0, precision="fp32")
    assert history is not None
    before, after = (
        torch.load(folder / "last.pt", weights_only=True)["network"] for folder in (run, tmp_path / "guided")
    )
    for name, value in before.items():
        if not name.startswith("guidance."):
            assert torch.equal(value, after[name]), name
    assert any(not torch.equal(before[name], after[name]) for name in before if "into_" in name)


def test_validation_of_guidance_counts_what_clicks_select(packed, run):
    task = GuidanceTask(guidance_recipe(), packed, packed, run / "last.pt")
    task._examples = task._examples[:1]
    scores = task.validate(task.networks["subject"], CPU).scores
    assert {"iou-loss-1", "iou-loss-3"} <= set(scores)
    assert all(0 <= value <= 1 for value in scores.values())


def test_a_guided_sample_may_be_about_what_is_no_subject(packed):
    mix = SubjectMix(poster=1.0, guided=1.0, aside=1.0, **dict.fromkeys(
        ("person", "thing", "single", "several", "small", "held", "empty", "faint"), 0.0))  # fmt: skip
    asked = [
        SubjectSamples(packed, SubjectSynthesis(SIZES, replace(mix, aside=share)), batch=1, steps=1)[3]
        for share in (0.0, 1.0)
    ]
    assert np.array_equal(asked[0].image, asked[1].image)
    assert not np.array_equal(asked[0].label[1], asked[1].label[1])


def test_things_are_no_people(packed):
    task = SubjectTask(recipe(guided=0.0, person=0.0, thing=1.0, single=0, several=0, small=0, held=0,
                              poster=0, empty=0, faint=0), packed, packed)  # fmt: skip
    example = task.source[0]
    assert not example.label[0].any()
    assert example.label[1].any()


def test_the_matting_network_learns_from_the_subjects_masks(packed, run, tmp_path):
    synthesis = MattingSynthesis(size=64, sizes=SIZES)
    schedule = Schedule(steps=1, batch=2, validate_every=100, checkpoint_every=1)
    chosen = MattingRecipe(
        width=4, lean=False, segmenter_size=64, patches=4, synthesis=synthesis, schedule=schedule
    )
    task = _FewMattes(chosen, packed, packed, segmenter=str(run / "last.pt"))
    fit(task, schedule, tmp_path / "matting", workers=0, precision="fp32")
    assert (tmp_path / "matting" / "last.pt").is_file()


class _FewMattes(MattingTask):
    _examples = property(lambda self: MattingTask._examples.func(self)[:1])


def test_gradient_and_composition_are_terms_of_their_own(packed):
    chosen = MattingRecipe(width=4, lean=False, synthesis=MattingSynthesis(size=64, sizes=SIZES),
                           schedule=Schedule(steps=1, batch=2))  # fmt: skip
    task = MattingTask(chosen, packed, packed)
    from wisp.training.loader import to_batch

    batch = to_batch(next(batches(task.source, batch=2, first=0, count=1, workers=0)), CPU)
    mask = task.coarse_mask(batch, damaged=False)
    prediction = task.networks["portrait"](batch.image, mask, patches=2)
    coefficients = replace(chosen.coefficients, gradient=1.0, composition=1.0)
    terms = portrait_terms(coefficients, prediction, mask, batch, radius=2)
    assert terms["gradient"] > 0
    assert torch.isfinite(terms["composition"])


def test_the_commands_train(corpus_folder, tmp_path):
    runner = CliRunner()
    common = ["--data", str(corpus_folder), "--pack", str(tmp_path / "pack"), "--steps", "1", "--batch", "2"]
    common += ["--workers", "0", "--precision", "fp32", "--quiet"]
    out = tmp_path / "run"
    result = runner.invoke(app, ["train", "subject", *common, "--side", "64", "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert (out / "last.pt").is_file()
    with pytest.raises(InputError, match="--start"):
        runner.invoke(
            app,
            ["train", "subject", *common, "--recipe", "guidance", "-o", str(tmp_path / "g")],
            catch_exceptions=False,
        )
    wrong = [*common, "--coefficient", "hue=1", "-o", str(tmp_path / "matting")]
    with pytest.raises(InputError, match="hue=1"):
        runner.invoke(app, ["train", "matting", *wrong], catch_exceptions=False)


class TestContract(RecipeContract):
    recipe = SubjectRecipe()


class TestGuidanceContract(RecipeContract):
    recipe = GuidanceRecipe()
