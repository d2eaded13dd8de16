"""The report's tables and the search: every variant is trained and told, and a search can be repeated."""

import json
from dataclasses import replace

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.lab.ablation import ablate
from wisp.lab.ablation.unet import UNetAblation, unet_ablation, watched_and_scored
from wisp.lab.ablation.unet_search import Search, search
from wisp.training.recipes.segmenter import SegmenterRecipe
from wisp.training.recipes.unet import SIMPLE_RECIPE, UNetRecipe


def small(recipe, steps):
    schedule = replace(recipe.schedule, steps=steps, batch=2, validate_every=steps, checkpoint_every=steps)
    return replace(recipe, width=4, schedule=schedule, synthesis=replace(recipe.synthesis, size=32))


def test_one_held_out_photo_is_too_few_to_stop_by_and_to_score_on(photos, tmp_path):
    people, scenes, held_out, held_out_scenes = photos
    with pytest.raises(InputError, match=r"^--data: has 1 held-out photo; two or more are accepted"):
        unet_ablation(UNetAblation(photos=2), people, scenes, held_out[:1], held_out_scenes, tmp_path)


def test_both_tables_are_made(photos, tmp_path):
    shared = UNetAblation(
        photos=2,
        general_steps=1,
        people_steps=1,
        fine_steps=1,
        deeplab=SegmenterRecipe(width=8),
        recipe=small(UNetRecipe(), 1),
    )
    out = tmp_path / "run"
    table = ablate(unet_ablation(shared, *photos, out), out, workers=0)
    told = table.read_text()
    for case in ("all but the last", "first two", "simplified U-Net", "MobileNetV2/DeepLab", "0.9123"):
        assert case in told
    kept = json.loads((out / "ablation.json").read_text())
    assert len(kept["variants"]) == 10
    scored = watched_and_scored(photos[2])[1]
    for result in kept["variants"].values():
        assert set(result["images"]) == {entry.name for entry in scored}
        assert 0 <= result["mean"]["accuracy"] <= 1
        assert np.isfinite(result["mean"]["bce"])
    with pytest.raises(InputError, match=r"--photos: is 9; at most 4, all there are, is accepted"):
        unet_ablation(replace(shared, photos=9), *photos, out)


def test_a_search_can_be_repeated(photos, tmp_path):
    settings = Search(small(SIMPLE_RECIPE, 2), trials=2, seed=5)
    first, again = (
        json.loads((search(settings, *photos, tmp_path / name, workers=0).with_suffix(".json")).read_text())
        for name in ("a", "b")
    )
    assert first == again
    assert len(first["trials"]) == 2
    assert first["trials"][0]["rate"] != first["trials"][1]["rate"]
    with pytest.raises(InputError, match="holds a search already"):
        search(settings, *photos, tmp_path / "a", workers=0)
