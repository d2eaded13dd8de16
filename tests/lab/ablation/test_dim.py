"""Deep Image Matting's variants: what each is trained with, and a run of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tiny_networks import bright_disc
from wisp.cli import main
from wisp.core.arrays import to_float
from wisp.core.errors import InputError
from wisp.data import datasets
from wisp.io.images import write_image
from wisp.lab.ablation import short
from wisp.lab.ablation.dim import (
    FILTERED,
    TABLES,
    VARIANTS,
    DimAblationRecipe,
    DimAblationTask,
    dim_ablation,
    read_scored,
)
from wisp.lab.figures.guided import find_truths
from wisp.matting.classical.guided_filter import guided_filter
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.matting.trimap import impose_known, trimap_from_alpha
from wisp.training.recipes.dim import FIRST, SECOND, TOGETHER


@pytest.fixture
def scored_folder(tmp_path):
    """Two bright discs with trimaps."""
    for name, size in (("moon", (41, 50)), ("sun", (33, 64))):
        image, alpha = bright_disc(*size, softness=4)
        trimap = trimap_from_alpha(alpha, width=0.2).astype(np.float32) / np.float32(255)
        for part, values in (("image", image), ("alpha", alpha), ("trimap", trimap)):
            path = tmp_path / "scored" / part / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, values, bits=8)
    return tmp_path / "scored"


@pytest.fixture
def photos(corpus_folder):
    return datasets.corpus(corpus_folder / "people", "train"), datasets.backgrounds(
        corpus_folder / "backgrounds"
    )


@pytest.fixture
def recipe():
    base = DimAblationRecipe(schedule=short(16, 2))
    return replace(base, synthesis=replace(base.synthesis, size=64, crops=(64,), procedural=0.0, pool=4))


def test_tables_name_variants():
    named = {row.variant for table in TABLES for row in table.rows}
    assert named == {*VARIANTS, FILTERED}


def test_variants_divide_the_same_steps(recipe, photos):
    terms = {
        "alpha-loss": (1.0, 0.0, 0.0),
        "both-losses": (0.5, 0.5, 0.0),
        "refinement": (0.5, 0.5, 0.0),
    }
    phases = {}
    for name, variant in VARIANTS.items():
        task = DimAblationTask(recipe.of(variant), *photos, {})
        c = task.recipe.coefficients
        assert (c.alpha, c.composition, c.laplacian) == terms.get(name, (1.0, 0.5, 0.5))
        assert task.recipe.schedule == recipe.schedule
        phases[name] = [task.phases(step)[0] for step in range(recipe.schedule.steps)]
    assert set(phases["alpha-loss"]) == set(phases["both-losses"]) == set(phases["shipped-losses"]) == {FIRST}
    assert phases["refinement"] == [FIRST] * 6 + [SECOND] + [TOGETHER]


def test_variants_start_alike_and_the_filter_follows_the_network(recipe, photos, scored_folder):
    ablation = dim_ablation(recipe, *photos, scored_folder, scored_folder / "trimap")
    plain = ablation.trials["both-losses"]()
    filtered = ablation.derived[FILTERED].build()
    for mine, other in zip(
        plain.networks[next(iter(plain.networks))].parameters(),
        ablation.trials["refinement"]().networks[next(iter(plain.networks))].parameters(),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)
    network = next(iter(plain.networks.values())).eval()
    (name, photo), *_ = read_scored(find_truths(scored_folder), scored_folder / "trimap").items()
    raw = plain.alphas(network, [name])[name]
    np.testing.assert_allclose(
        raw, estimate_initial_alpha(photo.image, photo.trimap), atol=1e-4
    )  # where it begins
    expected = impose_known(guided_filter(photo.image, raw), photo.trimap)
    np.testing.assert_allclose(filtered.alphas(network, [name])[name], expected, atol=1e-5)
    report = plain.measure(network, torch.device("cpu"))
    assert (report.region, report.count) == ("unknown", 2)
    sheet = plain.validate(network, torch.device("cpu"))
    assert sheet.scores["mae"] == pytest.approx(report.mean["mae"], abs=2e-3)
    assert to_float(sheet.sheet).shape[0] == 2 * 240 + 8


def test_a_run_of_two_variants_and_one_that_follows(corpus_folder, scored_folder, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["ablate", "dim", "--data", corpus_folder, "--score", scored_folder, "-o", out, "--images", 4]
    words += ["--batch", 2, "--size", 64, "--workers", 0, "--precision", "bf16"]
    words += ["--variants", "both-losses,guided-filter"]
    assert main([str(word) for word in words]) == 0
    content = json.loads((out / "ablation.json").read_text())
    assert list(content["variants"]) == ["both-losses", "guided-filter"]
    scores = [content["variants"][name]["mean"]["sad"] for name in content["variants"]]
    assert scores[0] != scores[1]
    table = (out / "ablation.md").read_text()
    mse = 1e3 * content["variants"][FILTERED]["mean"]["mse"]
    assert f"| the same, guided filter | {mse:.3g} |" in table
    assert "both-losses: variant 1 of 1" in capsys.readouterr().err
    assert main([str(word) for word in [*words, "--resume"]]) == 0
    assert "both-losses: done already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variants", "complaint"),
    [(["none"], "--variants: has 'none'"), ([FILTERED], "--variants: has guided-filter alone")],
)
def test_refusals(recipe, photos, scored_folder, variants, complaint):
    with pytest.raises(InputError, match=complaint):
        dim_ablation(recipe, *photos, scored_folder, scored_folder / "trimap", variants=variants)
