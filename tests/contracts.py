"""What every network, every recipe and every method keeps to. A test file inherits in three lines:

class TestContract(NetworkContract):
    family, recipe = "portrait", {"width": 4}
"""

import dataclasses
import importlib
import json

import numpy as np
import pytest

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN
from wisp.core.errors import InputError
from wisp.methods import METHODS
from wisp.pipeline import estimate_alpha


class NetworkContract:
    """A family of `wisp.training.recipes.NETWORKS`, built from a small recipe as it is exported."""

    family = ""
    recipe = {}  # noqa: RUF012 - replaced, never changed

    @pytest.fixture(scope="class")
    @classmethod
    def built(cls):
        import torch

        from wisp.training.recipes import NETWORKS

        torch.manual_seed(0)
        family = NETWORKS[cls.family]
        return family, family.wrap(family.build(cls.recipe)).eval()

    def run(self, network, inputs):
        import torch

        with torch.inference_mode():
            found = network(**inputs)
        return [found] if isinstance(found, torch.Tensor) else list(found)

    def test_it_gives_the_outputs_that_it_names(self, built):
        family, network = built
        found = self.run(network, family.example())
        assert len(found) == len(family.outputs)
        assert all(output.isfinite().all() for output in found)

    def test_alphas_and_masks_are_in_range_and_as_large_as_the_picture(self, built):
        family, network = built
        inputs = family.example()
        for name, output in zip(family.outputs, self.run(network, inputs), strict=True):
            if name in ("alpha", "mask", "masks"):
                assert 0 <= output.min() <= output.max() <= 1
                assert output.shape[2:] == inputs["image"].shape[2:]

    def test_pictures_of_a_batch_do_not_see_each_other(self, built):
        import torch

        family, network = built
        inputs = family.example()
        other = {name: values.flip(3) for name, values in inputs.items()}
        both = {name: torch.cat([values, other[name]]) for name, values in inputs.items()}
        count = len(inputs["image"])
        for alone, together in zip(self.run(network, inputs), self.run(network, both), strict=True):
            torch.testing.assert_close(together[:count], alone, atol=1e-4, rtol=1e-4)

    def test_it_gives_the_same_twice_and_leaves_its_inputs_alone(self, built):
        import torch

        family, network = built
        inputs = family.example()
        before = {name: values.clone() for name, values in inputs.items()}
        first, second = self.run(network, inputs), self.run(network, inputs)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        assert all(torch.equal(values, before[name]) for name, values in inputs.items())

    def test_its_weights_make_it_again(self, built):
        import torch

        family, network = built
        torch.manual_seed(1)
        again = family.wrap(family.build(json.loads(json.dumps(self.recipe)))).eval()
        again.load_state_dict(network.state_dict(), strict=True)
        inputs = family.example()
        for a, b in zip(self.run(network, inputs), self.run(again, inputs), strict=True):
            assert torch.equal(a, b)


class RecipeContract:
    """A recipe: the frozen dataclass that a checkpoint keeps."""

    recipe = None
    trains = True  # whether `NETWORKS` builds its network

    def test_it_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            self.recipe.network = "another"

    def test_json_keeps_it(self):
        kept = dataclasses.asdict(self.recipe)
        again = json.loads(json.dumps(kept))
        assert json.dumps(again, sort_keys=True) == json.dumps(kept, sort_keys=True)

    def test_its_network_is_built_from_what_a_checkpoint_keeps(self):
        from wisp.training.recipes import NETWORKS

        kept = json.loads(json.dumps(dataclasses.asdict(self.recipe)))
        assert kept["network"] in NETWORKS
        assert sum(p.numel() for p in NETWORKS[kept["network"]].build(kept).parameters()) > 0

    def test_it_says_what_its_fields_are(self):
        fields = {field.name for field in dataclasses.fields(self.recipe)}
        texts = [kind.__doc__ for kind in type(self.recipe).__mro__ if dataclasses.is_dataclass(kind)]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        assert fields <= {line.split(":")[0] for line in lines if ":" in line}


def scene(height, width):
    """A soft-edged disc in two colours: image, trimap and true alpha."""
    y, x = np.mgrid[:height, :width]
    radius = min(height, width) / 3
    alpha = np.clip((radius - np.hypot(y - height / 2, x - width / 2)) / 4 + 0.5, 0, 1).astype(np.float32)
    image = alpha[..., None] * np.float32([0.9, 0.6, 0.3]) + (1 - alpha[..., None]) * np.float32(
        [0.1, 0.2, 0.4]
    )
    trimap = np.full((height, width), UNKNOWN, np.uint8)
    trimap[np.hypot(y - height / 2, x - width / 2) < radius - 6] = FOREGROUND
    trimap[np.hypot(y - height / 2, x - width / 2) > radius + 6] = BACKGROUND
    return image, trimap, alpha


class MethodContract:
    """A row of `METHODS` that starts from a trimap: `method` is its name."""

    method = ""
    within = 0.1  # of the truth, in the unknown band, on average

    def test_its_row_names_a_function_and_says_what_it_is(self):
        row = METHODS[self.method]
        assert row.name == self.method
        assert row.about
        module, _, name = row.function.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))

    @pytest.mark.parametrize("size", [(48, 64), (61, 47)])
    def test_it_finds_a_disc_and_keeps_what_is_known(self, size):
        image, trimap, truth = scene(*size)
        before = image.copy(), trimap.copy()
        alpha = estimate_alpha(image, trimap, method=self.method)
        assert alpha.dtype == np.float32
        assert alpha.shape == size
        assert 0 <= alpha.min() <= alpha.max() <= 1
        assert (alpha[trimap == FOREGROUND] == 1).all()
        assert (alpha[trimap == BACKGROUND] == 0).all()
        assert np.abs(alpha - truth)[trimap == UNKNOWN].mean() < self.within
        np.testing.assert_array_equal(image, before[0])
        np.testing.assert_array_equal(trimap, before[1])

    def test_it_has_nothing_to_do_where_all_is_known(self):
        image, trimap, _ = scene(24, 32)
        known = np.where(trimap == UNKNOWN, BACKGROUND, trimap).astype(np.uint8)
        alpha = estimate_alpha(image, known, method=self.method)
        np.testing.assert_array_equal(alpha, known == FOREGROUND)

    def test_another_size_is_refused(self):
        image, trimap, _ = scene(24, 32)
        with pytest.raises(InputError, match="trimap"):
            estimate_alpha(image, trimap[:-1], method=self.method)
