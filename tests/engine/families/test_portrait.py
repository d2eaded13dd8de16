import numpy as np
import pytest

from tiny_networks import bright_disc, write_portrait, write_refinement
from wisp.core.errors import InputError
from wisp.engine.engine import Engine
from wisp.engine.families import portrait as module
from wisp.engine.families.portrait import (
    PATCH,
    Box,
    crop_around,
    generate,
    portrait,
    refine,
    refined_sizes,
    uncertain_cells,
)
from wisp.engine.models import find_model
from wisp.engine.sessions import open_session

FP32 = Engine(precision="fp32")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    write_refinement(folder / "tiny-refinement.onnx")
    return write_portrait(folder / "tiny.onnx")


@pytest.fixture(scope="module")
def refinement(tmp_path_factory):
    path = write_refinement(tmp_path_factory.mktemp("networks") / "refinement.onnx")
    return open_session(path, precision="fp32")


@pytest.mark.parametrize(("height", "width"), [(90, 120), (401, 233), (700, 1100), (2100, 1500)])
def test_alpha_follows_the_subject_at_the_photos_resolution(network, height, width):
    image, alpha = bright_disc(height, width)
    rough = (alpha > 0.001).astype(np.float32)
    found = portrait(image, rough, model=network, engine=FP32)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    expected = 1 / (1 + np.exp(-40 * (image.mean(axis=2) - 0.5)))
    near = np.abs(alpha - 0.5) < 0.4  # the border itself, where the generator's size says least
    assert np.abs(found - expected)[near].mean() < 0.02


def test_a_small_subject_is_seen_large(network, monkeypatch):
    image = np.zeros((1000, 1400, 3), np.float32)
    image[500:560, 700:740] = 0.9
    mask = (image[..., 0] > 0.5).astype(np.float32)
    seen = []
    generate = module.generate
    monkeypatch.setattr(module, "generate", lambda *args: seen.append(args[2].shape) or generate(*args))
    found = portrait(image, mask, model=network, engine=FP32)
    assert max(seen[0][:2]) < 120
    np.testing.assert_allclose(found, mask, atol=0.01)


def test_no_subject_no_alpha(network):
    image = np.full((50, 70, 3), 0.9, np.float32)
    assert not portrait(image, np.full((50, 70), 0.01, np.float32), model=network).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (90, 1), (3, 5)])
def test_odd_sizes(network, size):
    bright = np.full((*size, 3), 0.9, np.float32)
    np.testing.assert_allclose(portrait(bright, np.ones(size, np.float32), model=network), 1, atol=0.01)


def test_surroundings_have_a_margin_and_end_with_the_photo():
    mask = np.zeros((200, 300), np.float32)
    assert crop_around(mask) is None
    mask[100:150, 20:40] = 0.5
    box = crop_around(mask)
    assert box == Box(86, 6, 164, 54)
    assert mask[box.slices].sum() == mask.sum()
    mask[199, 299] = 1
    assert crop_around(mask) == Box(58, 0, 200, 300)


@pytest.mark.parametrize(
    ("small", "large", "expected"),
    [
        ((384, 512), (384, 512), [(384, 512)]),
        ((384, 512), (1152, 1536), [(1152, 1536)]),
        ((384, 512), (3072, 4096), [(1086, 1448), (3072, 4096)]),
        ((1, 512), (1, 5120), [(1, 1103), (1, 2376), (1, 5120)]),
    ],
)
def test_steps_of_at_most_three(small, large, expected):
    assert refined_sizes(small, large) == expected


class TestRefine:
    def test_what_is_certain_stays(self, refinement):
        image, _ = bright_disc(150, 170)
        alpha = np.zeros((150, 170), np.float32)
        np.testing.assert_array_equal(refine(image, alpha, refinement), alpha)

    def test_corrections_join_without_seams(self, refinement):
        """Where every patch is refined, the blend of corrections is the correction of the whole."""
        image, _ = bright_disc(301, 217, softness=40)
        alpha = np.full((301, 217), 0.5, np.float32)
        whole = 1 / (1 + np.exp(-40 * (image.mean(axis=2) - 0.5)))
        np.testing.assert_allclose(refine(image, alpha, refinement), whole, atol=2e-3)

    def test_more_patches_than_a_batch_holds(self, refinement, monkeypatch):
        image, truth = bright_disc(160, 190, softness=30)
        alpha = truth * np.float32(0.8)
        at_once = refine(image, alpha, refinement)
        monkeypatch.setattr(module, "BATCH", 3)
        np.testing.assert_allclose(refine(image, alpha, refinement), at_once, atol=1e-6)

    def test_cells_cover_every_uncertain_pixel_twice_in_each_direction(self):
        rng = np.random.default_rng(3)
        alpha = (rng.random((131, 77)) > 0.5).astype(np.float32)
        alpha[40:44, 60:77] = 0.5
        covered = np.zeros((131 + 2 * PATCH, 77 + 2 * PATCH), int)
        for top, left in uncertain_cells(alpha):
            covered[top + PATCH : top + 2 * PATCH, left + PATCH : left + 2 * PATCH] += 1
        inside = covered[PATCH:-PATCH, PATCH:-PATCH]
        assert (inside[alpha == 0.5] == 4).all()
        assert (inside[:, :0] == 0).all()
        assert inside[100, 10] == 0


def test_a_refinement_beside_a_users_network_is_taken(tmp_path):
    from wisp.engine.models import find_model, refinement_of

    mine = write_portrait(tmp_path / "mine.onnx")
    write_refinement(tmp_path / "mine-refinement.onnx")
    row = find_model(mine, "portrait")
    assert refinement_of(row).path == tmp_path / "mine-refinement.onnx"
    (tmp_path / "mine-refinement.onnx").unlink()
    assert refinement_of(row).shipped


def test_networks_of_another_kind_are_refused(tmp_path):
    other = write_portrait(tmp_path / "other.onnx", output="matte")
    image, alpha = bright_disc(60, 80)
    with pytest.raises(InputError, match="no portrait network"):
        portrait(image, alpha, model=other)


def test_masks_of_another_size_are_refused(network):
    image, alpha = bright_disc(60, 80)
    with pytest.raises(InputError, match="mask"):
        portrait(image, alpha[1:], model=network)


@pytest.mark.parametrize(("longer", "seen"), [(96, 416), (300, 416), (500, 512), (900, 704)])
def test_small_pictures_are_shown_enlarged(longer, seen, monkeypatch):
    shapes = []

    class Seeing:
        inputs = outputs = ()

        def run(self, given):
            shapes.append(given["image"].shape[2:])
            return {"alpha": given["mask"]}

    picture = np.zeros((longer, longer // 2, 3), np.float32)
    monkeypatch.setattr(module, "check_ports", lambda *_: None)
    generate(Seeing(), find_model("matting-mobile", "portrait"), picture, picture[..., 0])
    assert shapes[0][0] == seen


def test_alpha_is_that_of_the_picture_and_not_of_what_pads_it(monkeypatch):
    """The picture lies at the top left of what the network sees."""

    class Seeing:
        inputs = outputs = ()

        def run(self, given):
            return {"alpha": given["mask"]}

    row = find_model("matting-mobile", "portrait")
    mask = np.linspace(0, 1, 500 * 610, dtype=np.float32).reshape(500, 610)
    monkeypatch.setattr(module, "check_ports", lambda *_: None)
    found = generate(Seeing(), row, np.zeros((500, 610, 3), np.float32), mask)
    np.testing.assert_allclose(found, mask, atol=1e-6)
