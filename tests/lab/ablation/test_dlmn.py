"""DLMN-G's ablation: the variants lack what they say, see the same pictures, and end in a table."""

import json
from dataclasses import replace

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.lab.ablation import ablate, short
from wisp.lab.ablation.dlmn import VARIANTS, AblationRecipe, dlmn_ablation

pytestmark = pytest.mark.usefixtures("red_is_subject")


@pytest.fixture
def recipe():
    base = AblationRecipe(width=4, scored_size=64, schedule=short(2, 2))
    return replace(base, synthesis=replace(base.synthesis, size=64, hair=0.0, pair=0.0))


def test_two_variants_end_in_a_table(recipe, photos, tmp_path):
    ablation = dlmn_ablation(recipe, *photos, variants=["image-alone", "full"])
    table = ablate(ablation, tmp_path / "run", workers=0).read_text()
    assert "residual encoder–decoder, the image alone" in table
    kept = json.loads((tmp_path / "run/ablation.json").read_text())
    assert list(kept["variants"]) == ["full", "image-alone"]
    assert set(kept["variants"]["full"]["images"]) == {"p-4", "p-5"}
    changed = dlmn_ablation(replace(recipe, rate=1.0), *photos)
    with pytest.raises(InputError, match="another recipe"):
        ablate(changed, tmp_path / "run", resume=True)


def test_the_variants_lack_what_they_say(recipe, photos):
    ablation = dlmn_ablation(recipe, *photos)
    assert list(ablation.trials) == list(VARIANTS)
    for name, build in ablation.trials.items():
        network = build().networks["dlmn"]
        assert tuple(network.cues) == VARIANTS[name]
        assert network.anchored == ("mask" in VARIANTS[name])


def test_every_other_picture_moves(recipe, photos):
    task = next(iter(dlmn_ablation(recipe, *photos).trials.values()))()
    spread = [np.ptp(example.motion.astype(int), axis=0).max() for example in task._scored.values()]
    assert spread[0] > 0
    assert spread[1] == 0


def test_an_unknown_variant_is_refused(recipe, photos):
    with pytest.raises(InputError, match="--variants: has 'no-image'"):
        dlmn_ablation(recipe, *photos, variants=["no-image"])
