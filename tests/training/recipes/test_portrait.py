"""The portrait recipes: phases, masks, terms, learning, resuming, export, and refusals."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from contracts import RecipeContract
from tiny_corpus import first_batch
from wisp.core.errors import InputError
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.encoders.vgg16 import VGG16
from wisp.networks.portrait import Prediction
from wisp.training import losses
from wisp.training.export import export_checkpoint
from wisp.training.loader import batches, to_batch
from wisp.training.loop import Schedule, fit
from wisp.training.recipes import portrait
from wisp.training.recipes.portrait import PortraitTask, network
from wisp.training.recipes.portrait_losses import PAPER, Coefficients, portrait_terms
from wisp.training.recipes.portrait_recipes import LED, MobileRecipe, PaperRecipe, as_published
from wisp.training.recipes.segmenter import SegmenterRecipe
from wisp.training.recipes.segmenter import network as segmenter_network


@pytest.fixture
def mobile():
    base = MobileRecipe(width=4, rate=5e-3, encoder_rate=2e-3, patches=8, discriminator_width=4)
    synthesis = replace(base.synthesis, size=64, pair=0.0, kinds=("composite", "real", "composite", "empty"))
    schedule = Schedule(steps=40, batch=4, warm_up=4, validate_every=40, checkpoint_every=20, average=0.8)
    return replace(base, synthesis=synthesis, schedule=schedule)


@pytest.fixture
def paper():
    base = PaperRecipe(widths=(4, 4, 4, 4, 4), blocks=1, patches=8, discriminator_width=4)
    synthesis = replace(base.synthesis, size=(64, 96), pair=0.0)
    schedule = replace(base.schedule, steps=6, validate_every=6, checkpoint_every=6)
    return replace(base, synthesis=synthesis, schedule=schedule)


@pytest.fixture
def vgg(tmp_path):
    torch.manual_seed(0)
    torch.save(VGG16().state_dict(), tmp_path / "vgg16.pth")
    return tmp_path / "vgg16.pth"


def test_loss_falls_and_the_exports_equal_the_network(mobile, photos, tmp_path):
    lines: list[str] = []
    task = PortraitTask(mobile, *photos)
    best = fit(task, mobile.schedule, tmp_path / "run", workers=0, report=lines.append)
    found = [float(line.split(" l1 ")[1].split()[0]) for line in lines if "min left" in line]
    assert len(found) == 2
    assert found[-1] < 0.6 * found[0]

    generator = export_checkpoint(best, tmp_path / "portrait.onnx")
    refinement = export_checkpoint(best, tmp_path / "refinement.onnx", part="portrait-refinement")
    for done in (generator, refinement):
        assert done.difference < 1e-3
        assert done.difference <= done.rounding < 1 / 255
    with pytest.raises(InputError, match="portrait and portrait-refinement are accepted"):
        export_checkpoint(best, tmp_path / "x.onnx", part="segmenter")


def test_the_compact_network_ships_within_twelve_megabytes(tmp_path):
    from wisp.training.export import export
    from wisp.training.recipes import NETWORKS

    recipe = json.loads(json.dumps(asdict(MobileRecipe())))
    size = 0
    for name in ("portrait", "portrait-refinement"):
        family = NETWORKS[name]
        torch.manual_seed(0)
        built = family.wrap(family.build(recipe))
        size += export(built, family.example(), family.outputs, tmp_path / f"{name}.onnx").size
    assert size <= 12e6


def test_every_operator_is_one_that_runs_in_low_precision(tmp_path):
    import onnx

    from wisp.training.export import export
    from wisp.training.recipes import NETWORKS

    family = NETWORKS["portrait"]
    export(
        family.wrap(family.build({"width": 4})), family.example(), family.outputs, tmp_path / "portrait.onnx"
    )
    used = {node.op_type for node in onnx.load(tmp_path / "portrait.onnx").graph.node}
    arithmetic = {"Conv", "Relu", "Clip", "Add", "Sub", "Mul", "Div", "Concat", "Resize", "Sigmoid"}
    assert used <= arithmetic | {"Cast", "Constant", "Identity"}  # of stored weights: folded at loading


def test_discriminators_join_late_and_step_every_fifth_time(mobile, photos):
    recipe = replace(mobile, adversarial_from=0.5)
    task = PortraitTask(recipe, *photos)
    due = [step for step in range(40) if "discriminators" in task.phases(step)]
    assert due == [24, 29, 34, 39]
    assert all(task.phases(step)[0] == "portrait" for step in range(40))
    never = PortraitTask(mobile, *photos)
    assert set(never.networks) == {"portrait"}
    assert all(never.phases(step) == ("portrait",) for step in range(40))


def test_paper_trains_both_sides_and_resumes(paper, photos, vgg, tmp_path):
    task = PortraitTask(paper, *photos, perceptual_weights=vgg)
    before = {name: p.clone() for name, p in task.networks["discriminators"].named_parameters()}
    lines: list[str] = []
    fit(task, paper.schedule, tmp_path / "run", workers=0, precision="fp32", report=lines.append)
    for name in ("adversarial", "perceptual", "alpha", "border", "coefficient", "discriminators"):
        assert f" {name} " in lines[0]
    after = dict(task.networks["discriminators"].named_parameters())
    assert any((before[name] != after[name]).any() for name in before)
    longer = replace(paper.schedule, steps=7)
    again = PortraitTask(paper, *photos, perceptual_weights=vgg)
    fit(again, longer, tmp_path / "run", workers=0, precision="fp32", resume=True)
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"] == 7


def test_paper_has_the_paper_s_numbers():
    recipe = PaperRecipe()
    assert (recipe.rate, recipe.discriminator_rate, recipe.discriminator_every) == (1e-4, 1e-5, 5)
    assert recipe.synthesis.size == (768, 1280)
    assert recipe.schedule.batch == 1
    assert {recipe.schedule.rate(step) for step in (0, 1, 30_000, 56_399)} == {1.0}
    numbers = (PAPER.adversarial, PAPER.perceptual, PAPER.alpha, PAPER.border, PAPER.coefficient)
    assert numbers == (1, 10, 25, 50, 25)
    assert recipe.coefficients == recipe.adversarial == PAPER


def test_generator_phase_leaves_the_discriminators_no_gradient(mobile, photos):
    task = PortraitTask(replace(mobile, adversarial_from=0.0), *photos)
    task.phases(0)
    judges = task.networks["discriminators"]
    terms = task.losses("portrait", task.networks, first_batch(task, 8))
    assert terms["adversarial"] > 0
    sum(terms.values()).backward()
    assert all(p.grad is None for p in judges.parameters())
    grads = [p.grad.clone() for p in task.networks["portrait"].parameters() if p.grad is not None]
    task.losses("discriminators", task.networks, first_batch(task, 8))["discriminators"].backward()
    assert all(p.grad is not None for p in judges.parameters())
    after = [p.grad for p in task.networks["portrait"].parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(grads, after, strict=True))


def test_terms_are_the_weighted_losses(mobile, photos):
    batch = first_batch(PortraitTask(mobile, *photos), 8)
    logits, mask = torch.randn_like(batch.alpha), torch.rand_like(batch.alpha)
    prediction = Prediction(logits, torch.rand_like(batch.alpha), torch.ones_like(batch.alpha))
    ones = Coefficients(*[2.0] * 10)
    terms = portrait_terms(ones, prediction, mask, batch, radius=2, judgement=[torch.zeros(1, 1, 1, 1)])
    assert len(terms) == 9  # all but the perceptual one
    assert terms["adversarial"].item() == pytest.approx(2 * 0.6931, rel=1e-3)
    expected = 2 * losses.l1(logits.sigmoid(), batch.alpha, batch.weight)
    torch.testing.assert_close(terms["l1"], expected)
    expected = 2 * losses.border_loss(prediction.alpha, batch.alpha, mask, batch.weight, 2)
    torch.testing.assert_close(terms["border"], expected)
    distrusted = replace(batch, weight=torch.zeros_like(batch.weight))
    nothing = portrait_terms(ones, prediction, mask, distrusted, radius=2)
    assert all(term.item() == 0 for term in nothing.values())
    assert "adversarial" not in nothing
    assert portrait_terms(Coefficients(), prediction, mask, batch, radius=2) == {}


def test_masks_come_from_a_frozen_segmenter(mobile, photos, tmp_path):
    recipe = SegmenterRecipe(width=8)
    torch.manual_seed(1)
    network = segmenter_network(recipe)
    state = {"recipe": json.dumps(asdict(recipe)), "step": 1, "network": network.state_dict()}
    torch.save(state, tmp_path / "best.pt")
    task = PortraitTask(mobile, *photos, segmenter=tmp_path / "best.pt")
    batch = first_batch(task, 8)
    found = task.coarse_mask(batch, damaged=False)
    with torch.inference_mode():
        expected = network.eval()(batch.image).sigmoid()
    torch.testing.assert_close(found, expected)

    torch.save({**state, "recipe": json.dumps(asdict(mobile))}, tmp_path / "other.pt")
    with pytest.raises((InputError, RuntimeError)):
        PortraitTask(mobile, *photos, segmenter=tmp_path / "other.pt")
    with pytest.raises(InputError, match="does not exist"):
        PortraitTask(mobile, *photos, segmenter=tmp_path / "none.pt")


def test_the_segmenter_sees_a_reduced_image():
    seen = []

    def segmenter(image):
        seen.append(tuple(image.shape[2:]))
        return image[:, :1] * 0 + 2

    for size, expected in (((96, 160), (64, 96)), ((64, 64), (64, 64)), ((768, 1280), (64, 96))):
        mask = portrait.segment(segmenter, torch.rand(1, 3, *size), 96)
        assert mask.shape == (1, 1, *size)
        torch.testing.assert_close(mask, torch.full_like(mask, 2.0).sigmoid())
        assert seen[-1] == expected


def test_validation_uses_each_example_s_own_mask(mobile, photos):
    task = PortraitTask(mobile, *photos)

    class Echo(torch.nn.Module):
        def forward(self, image, mask, patches=None):
            return Prediction(mask, mask, mask)

    scores = task.validate(Echo(), torch.device("cpu")).scores
    assert scores["mae"] < 0.05  # the coarse mask itself is nearly right, if it is the right one
    assert task.validate(Echo(), torch.device("cpu")).scores == scores


def test_first_alphas_stand_in_for_masks_and_the_refinement_stays(mobile, photos, tmp_path):
    led = replace(mobile, patches=0, leads=LED.leads, coefficients=LED.coefficients)
    led = replace(led, schedule=replace(led.schedule, steps=3, validate_every=3, checkpoint_every=3))
    task = PortraitTask(led, *photos)
    before = {name: x.clone() for name, x in task.networks["portrait"].state_dict().items()}
    (stored,) = batches(task.source, batch=4, first=0, count=1, workers=0)
    batch = to_batch(stored, torch.device("cpu"))
    assert task.coarse_mask(batch, damaged=True) is batch.mask
    fit(task, led.schedule, tmp_path / "led", workers=0)
    after = task.networks["portrait"].state_dict()
    moved = {name for name, x in after.items() if not torch.equal(x, before[name])}
    assert moved
    assert all(name.startswith("generator.") for name in moved)


def test_the_generator_is_led_by_its_own_alpha_in_its_share_of_the_steps(mobile, photos, monkeypatch):
    own = replace(mobile, patches=0, leads=LED.leads, coefficients=LED.coefficients, own=1.0)
    task = PortraitTask(own, *photos)
    (stored,) = batches(task.source, batch=4, first=0, count=1, workers=0)
    batch = to_batch(stored, torch.device("cpu"))
    seen = []
    generator = task.networks["portrait"].get_submodule("generator")
    generator.register_forward_hook(lambda module, inputs, _: seen.append((module.training, inputs[1])))
    monkeypatch.setattr(portrait, "AGAIN", 1)
    task.networks["portrait"].train()
    task.losses("portrait", task.networks, batch)
    (before, first), (training, lead) = seen
    assert not before
    assert training
    assert torch.equal(first, batch.mask)
    with torch.no_grad():
        made = torch.sigmoid(task.networks["portrait"].eval()(batch.image, first, patches=0).logits)
    assert float((lead - made).abs().mean()) < 0.02 < float((lead - first).abs().mean())
    assert not lead.requires_grad

    seen.clear()
    never = PortraitTask(replace(own, own=None), *photos)
    never.losses("portrait", task.networks, batch)
    assert [bool(torch.equal(mask, batch.mask)) for _, mask in seen] == [True]


def test_encoder_weights_freeze_its_norms(mobile, paper, tmp_path):
    state = {k: v for k, v in MobileNetV2().state_dict().items() if k not in ("mean", "std")}
    torch.save(state, tmp_path / "m.pth")
    built = network(mobile, tmp_path / "m.pth").train()
    assert torch.equal(built.generator.content.encoder.features[0][0].weight, state["features.0.0.weight"])
    norms = torch.nn.BatchNorm2d
    encoder = [m for m in built.generator.content.encoder.modules() if isinstance(m, norms)]
    assert encoder
    assert not any(norm.training for norm in encoder)
    assert any(m.training for m in built.generator.decoder.modules() if isinstance(m, norms))
    with pytest.raises(InputError, match="is no option of the paper's network"):
        network(paper, tmp_path / "m.pth")


def test_perceptual_weights_are_asked_for_and_refused(mobile, paper, photos, vgg):
    with pytest.raises(InputError, match="--perceptual-weights: is missing"):
        PortraitTask(paper, *photos)
    with pytest.raises(InputError, match="is of no use"):
        PortraitTask(mobile, *photos, perceptual_weights=vgg)


def test_a_run_can_start_with_the_weights_of_another(mobile, photos, tmp_path):
    short = replace(mobile, schedule=replace(mobile.schedule, steps=1, validate_every=1, checkpoint_every=1))
    best = fit(PortraitTask(short, *photos), short.schedule, tmp_path / "first", workers=0)
    later = PortraitTask(short, *photos, start=best).networks["portrait"]
    state = torch.load(best, weights_only=True)["network"]
    for name, values in later.state_dict().items():
        torch.testing.assert_close(values, state[name])
    later.train()
    assert not any(
        m.training for m in later.generator.content.encoder.modules() if "BatchNorm" in str(type(m))
    )
    wider = replace(short, width=8)
    with pytest.raises(InputError, match="another network"):
        PortraitTask(wider, *photos, start=best)


def test_as_published_masks_are_the_segmenters_own(paper, photos, vgg, tmp_path):
    segmenter = tmp_path / "segmenter.pt"
    recipe = SegmenterRecipe()
    state = {"recipe": json.dumps(asdict(recipe)), "network": segmenter_network(recipe).state_dict()}
    torch.save(state, segmenter)
    published = as_published(paper)
    with pytest.raises(InputError, match="--segmenter: is missing"):
        PortraitTask(published, *photos, perceptual_weights=vgg)
    task = PortraitTask(published, *photos, perceptual_weights=vgg, segmenter=segmenter)
    batch = first_batch(task, 2)
    assert batch.exact.all()
    found = [task.coarse_mask(batch, damaged=damaged) for damaged in (True, True, False)]
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[2])
    other = PortraitTask(paper, *photos, perceptual_weights=vgg, segmenter=segmenter)
    torch.manual_seed(1)
    assert not all(torch.equal(other.coarse_mask(batch, damaged=True), found[2]) for _ in range(8))


def test_equation_2_sums_the_adversarial_term_alone():
    """Reading C of docs/decisions/033: the others count once, however many discriminators there are."""
    torch.manual_seed(0)
    from wisp.training.loader import Batch

    image, truth = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64).round()
    ones = torch.ones(1, 1, 64, 64)
    batch = Batch(image, truth, ones, image, image, torch.ones(1, 1, 1, 1))
    logits = torch.randn(1, 1, 64, 64)
    prediction = Prediction(logits, torch.sigmoid(logits), ones)
    judged = [torch.randn(1, 1, side, side) for side in (9, 5, 3)]
    one, three = (
        portrait_terms(PAPER, prediction, truth, batch, radius=2, judgement=judges)
        for judges in (judged[:1], judged)
    )
    for name in ("alpha", "border", "coefficient"):
        assert three[name] == one[name]
    assert torch.isclose(three["adversarial"], sum(losses.generator_loss([judge]) for judge in judged))
    alpha = losses.alpha_loss(prediction.alpha, truth, image, ones)
    assert torch.isclose(three["alpha"], 25 * alpha)
    assert torch.isclose(three["border"], 50 * losses.border_loss(prediction.alpha, truth, truth, ones, 2))


class TestContract(RecipeContract):
    recipe = MobileRecipe()
