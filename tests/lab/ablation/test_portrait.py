"""The portrait network's variants: what each lacks, that they start alike, and a run of two."""

import json
from dataclasses import replace

import numpy as np
import pytest
import pyvips
import torch

from wisp.cli import main
from wisp.core.errors import InputError
from wisp.data.datasets import backgrounds, hold_out, image_alpha_folder
from wisp.lab.ablation import short
from wisp.lab.ablation.portrait import (
    AblationRecipe,
    AblationTask,
    held_out_composites,
    portrait_ablation,
)
from wisp.lab.ablation.portrait_parts import leave_out
from wisp.lab.ablation.portrait_variants import TABLES, VARIANTS
from wisp.networks.encoders.vgg16 import VGG16
from wisp.networks.portrait import portrait_mobile
from wisp.training import losses
from wisp.training.loader import batches, to_batch
from wisp.training.recipes import portrait as portrait_recipe
from wisp.training.recipes.portrait_losses import PAPER, SUPERVISED, Coefficients

WIDTH = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four bright discs with alphas, and four scenes."""
    root = tmp_path_factory.mktemp("portraits")
    rng = np.random.default_rng(0)
    for part in ("image", "alpha", "backgrounds"):
        (root / part).mkdir()
    y, x = np.mgrid[:64, :48]
    for number in range(4):
        alpha = np.clip((14 + number - np.hypot(x - 24, y - 32)) / 3 + 0.5, 0, 1)
        image = rng.integers(0, 60, (64, 48, 3)) + 180 * alpha[..., None]
        scene = rng.integers(0, 255, (40, 64, 3))
        pyvips.Image.new_from_array(image.astype(np.uint8)).pngsave(str(root / f"image/{number}.png"))
        stored = (255 * alpha).astype(np.uint8)
        pyvips.Image.new_from_array(stored).pngsave(str(root / f"alpha/{number}.png"))
        pyvips.Image.new_from_array(scene.astype(np.uint8)).pngsave(str(root / f"backgrounds/{number}.png"))
    return root


@pytest.fixture(scope="module")
def photos(folder):
    people, held_out = hold_out(image_alpha_folder(folder), 0.5)
    scenes, held_out_scenes = hold_out(backgrounds(folder / "backgrounds"))
    return people, scenes, held_out, held_out_scenes


@pytest.fixture(scope="module")
def recipe():
    base = AblationRecipe(width=WIDTH, patches=4, discriminator_width=4, scored_size=64, schedule=short(4, 2))
    return replace(base, synthesis=replace(base.synthesis, size=64, pair=0.0), perceptual_samples=1)


@pytest.fixture(scope="module")
def tasks(recipe, photos):
    """Every variant's task, and the batch that all of them see."""
    examples = held_out_composites(*photos[2:], recipe)
    torch.manual_seed(0)
    vgg = VGG16().eval()
    with pytest.MonkeyPatch.context() as patch:  # one VGG for all
        patch.setattr(portrait_recipe, "_features", lambda *_: vgg)
        built = {
            name: AblationTask(recipe.of(variant), *photos[:2], examples)
            for name, variant in VARIANTS.items()
        }
    (tensors,) = batches(built["full"].source, batch=2, first=0, count=1, workers=0)
    return built, to_batch(tensors, torch.device("cpu"))


def inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 64, 96, generator=generator), torch.rand(1, 1, 64, 96, generator=generator)


def whole():
    torch.manual_seed(0)
    return portrait_mobile(WIDTH).eval()


def test_every_line_of_the_tables_has_a_variant_and_every_variant_a_line():
    assert {row.variant for table in TABLES for row in table.rows} == set(VARIANTS)
    published = [row.published for table in TABLES[:4] for row in table.rows]
    assert published == [7.24, 3.78, 1.76, 1.06, 3.14, 1.06, 2.20, 1.57, 1.06, 1.86, 1.41, 1.06]
    for table in TABLES[:4]:
        assert table.rows[-1].variant == "full"


@pytest.mark.parametrize("name", list(VARIANTS))
def test_variants_learn_from_the_terms_of_their_line(name, tasks):
    built, batch = tasks
    task, variant = built[name], VARIANTS[name]
    task.phases(0)
    torch.manual_seed(0)
    terms = task.losses("portrait", task.networks, batch)
    fields = Coefficients.__dataclass_fields__
    names = {field: {"cross_entropy": "bce"}.get(field, field) for field in fields}
    wanted = {names[field] for field in fields if getattr(variant.coefficients, field)}
    assert set(terms) == wanted
    sum(terms.values()).backward()
    network = task.networks["portrait"]
    silent = {n for n, p in network.named_parameters() if p.grad is None}
    # Zeros reach a hidden mask's convolutions too: their weights get a gradient, which is zero.
    assert silent == set()
    network.zero_grad(set_to_none=True)
    scales = len(task.networks["discriminators"].scales) if "discriminators" in task.networks else 0
    assert scales == (variant.scales if variant.coefficients.adversarial else 0)


def test_variants_start_as_the_whole(tasks):
    built, _ = tasks
    reference = dict(built["full"].networks["portrait"].named_parameters())
    for task in built.values():
        for name, value in task.networks["portrait"].named_parameters():
            expected = reference[name]
            kept = tuple(slice(0, min(a, b)) for a, b in zip(value.shape, expected.shape, strict=True))
            assert torch.equal(value[kept], expected[kept])


def test_without_refinement_alpha_is_the_generator_s():
    image, mask = inputs()
    prediction = leave_out(whole(), refinement=False).eval()(image, mask)
    torch.testing.assert_close(prediction.alpha, prediction.logits.sigmoid())
    assert prediction.coverage.sum() == 0


def test_a_hidden_input_is_not_seen():
    image, mask = inputs()
    complete = whole()
    map_only = leave_out(whole(), foreground=False).eval()
    blind = leave_out(whole(), mask=False).eval()
    seen = complete.generator(image, mask)
    assert not torch.allclose(map_only.generator(image, mask), seen)
    torch.testing.assert_close(blind.generator(image, mask), blind.generator(image, 1 - mask))
    assert not torch.allclose(map_only.generator(image, mask), map_only.generator(image, 1 - mask))
    # What the map-only encoder computes is what one with a single input channel does.
    weight = complete.generator.segmentation.stem[0].weight
    expected = torch.nn.functional.conv2d(mask, weight[:, :1], padding=1)
    found = map_only.generator.segmentation.stem[0](map_only.generator.guidance(image, mask))
    torch.testing.assert_close(found, expected)


def test_a_single_encoder_begins_without_the_mask_and_learns_to_see_it(tasks):
    image, mask = inputs()
    single = leave_out(whole(), segmentation_encoder=False).eval()
    begun = single.generator(image, mask)
    torch.testing.assert_close(begun, single.generator(image, 1 - mask))
    assert begun.shape == (1, 1, 64, 96)
    before, after = (
        sum(p.numel() for p in network.parameters())
        for network in (whole().generator.content, single.generator.content)
    )
    assert after - before == 4 * 9 * (32 + 4)  # four more inputs for the encoder's and the stem's convolution

    task = tasks[0]["base"]
    first = task.networks["portrait"].get_parameter("generator.content.encoder.features.0.0.weight")
    new, pretrained = task.optimisers(task.networks)["portrait"].param_groups
    assert any(p is first for p in new["params"])
    assert not any(p is first for p in pretrained["params"])
    count = sum(1 for _ in task.networks["portrait"].parameters())
    assert len(new["params"]) + len(pretrained["params"]) == count


def test_losses_on_alpha_leave_the_foreground_out(tasks):
    built, batch = tasks
    terms = {}
    for name in ("full", "losses-on-alpha"):
        built[name].phases(0)
        torch.manual_seed(0)
        terms[name] = built[name].losses("portrait", built[name].networks, batch)
    # Both start from the same network: alpha alone is less than alpha and foreground.
    for term in ("alpha", "coefficient", "perceptual"):
        assert 0 < terms["losses-on-alpha"][term] < terms["full"][term]
    torch.testing.assert_close(terms["losses-on-alpha"]["border"], terms["full"]["border"])


def test_the_perceptual_term_of_a_few_is_that_of_all_in_expectation(tasks):
    built, batch = tasks
    task = built["full"]
    alpha = torch.rand_like(batch.alpha)
    drawn = []
    for seed in range(4):
        torch.manual_seed(seed)
        drawn.append(float(task.perceptual(alpha, batch)))
    expected = losses.perceptual_loss(task._features, alpha, batch.alpha, batch.image, batch.weight)
    assert len(set(drawn)) == 2  # one of the two samples each time
    assert sum(set(drawn)) / 2 == pytest.approx(float(expected), rel=1e-4)


def test_scores_are_those_of_the_metrics_on_exact_composites(recipe, photos, tasks):
    built, _ = tasks
    examples = held_out_composites(*photos[2:], recipe)
    assert sorted(examples) == sorted(entry.name for entry in photos[2])
    assert all(bool(example.exact[0]) and example.alpha.any() for example in examples.values())

    class Truth(torch.nn.Module):
        """Yields the true alpha, one 8-bit step off in a corner."""

        def forward(self, image, mask):
            alpha = torch.stack([torch.from_numpy(e.alpha) for e in examples.values()]) / 255
            alpha[:, :, 0, 0] = 1 / 255
            return type("P", (), {"alpha": alpha.float()})

    scores = built["full"].measure(Truth(), torch.device("cpu")).images
    for values in scores.values():
        assert values["mae"] == pytest.approx(1 / 255 / 64**2, rel=1e-4)
        assert values["mse"] == pytest.approx(1 / 255**2 / 64**2, rel=1e-4)


def test_the_paper_s_losses_but_for_the_shipped_ones():
    assert VARIANTS["full"].coefficients == PAPER
    assert VARIANTS["supervised"].coefficients == SUPERVISED
    lacking = {name: v.coefficients for name, v in VARIANTS.items() if v.coefficients != PAPER}
    assert set(lacking) == {"alpha-loss", "with-perceptual", "with-border", "supervised"}
    assert lacking["alpha-loss"] == Coefficients(adversarial=1, alpha=25)


def test_what_is_wrong_shows_before_anything_is_trained(recipe, photos, folder):
    with pytest.raises(InputError, match=r"--variants: has 'ful'; full, alpha-loss"):
        portrait_ablation(recipe, *photos, variants=["ful"])
    with pytest.raises(InputError, match="--perceptual-weights: is missing; torchvision's vgg16"):
        portrait_ablation(recipe, *photos)
    torch.save({"x": torch.zeros(1)}, folder / "other.pth")
    with pytest.raises(InputError, match="is no VGG-16"):
        portrait_ablation(recipe, *photos, perceptual_weights=folder / "other.pth")
    with pytest.raises(InputError, match=r"none\.pt: does not exist"):
        portrait_ablation(recipe, *photos, variants=["supervised"], segmenter=folder / "none.pt")


def test_from_the_command_line(folder, tmp_path, capsys):
    words = ["ablate", "portrait", "--data", str(folder), "-o", str(tmp_path / "run"), "--images", "4"]
    words += ["--batch", "2", "--size", "64", "--workers", "0", "--variants", "supervised,alpha-loss"]
    assert main(words) == 0
    assert "coarse masks are made of the true alphas" in capsys.readouterr().err
    results = json.loads((tmp_path / "run/ablation.json").read_text())
    assert list(results["variants"]) == ["alpha-loss", "supervised"]
    assert results["settings"]["recipe"]["schedule"]["steps"] == 2
    table = (tmp_path / "run/ablation.md").read_text()
    assert "cGAN + alpha | 7.24 |" in table
    assert "Modules" not in table  # no line of it was asked for
    assert main(words) == 1
    assert "holds an ablation already" in capsys.readouterr().err
    assert main([*words, "--resume", "--seed", "1"]) == 1
    assert "another recipe" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert capsys.readouterr().err.count("done already") == 2
