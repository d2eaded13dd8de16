from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from tiny_networks import bright_disc
from wisp.core.arrays import Matte
from wisp.core.errors import InputError
from wisp.core.resample import resize
from wisp.engine.engine import Engine
from wisp.engine.families.portrait import portrait
from wisp.io.images import read_photo, write_image
from wisp.matting.classical.guided_filter import guided_filter
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.matting.cleaning import clean
from wisp.matting.mixing import mix_alphas
from wisp.matting.trimap import trimap_from_alpha, trimap_from_mask
from wisp.methods import classical_methods
from wisp.pipeline import MATTED, NO_SUBJECT, composite, cutout, estimate_alpha, run

EXAMPLE = Path(__file__).parents[1] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def scene():
    """A photo with a soft-edged subject, its true alpha, and a trimap."""
    image, alpha = bright_disc(90, 121, softness=6)
    return image, alpha, trimap_from_alpha(alpha, width=0.05)


@pytest.fixture(scope="module")
def person():
    """The shipped photo, small, and a coarse mask of the person on it."""
    image = resize(read_photo(EXAMPLE).image, 240, 240).clip(0, 1)
    return image, (resize(run(image).matte.alpha, 30, 30) > 0.5).repeat(8, 0).repeat(8, 1).astype(np.float32)


def error(estimate, truth):
    return float(np.abs(estimate - truth).mean())


class TestSteps:
    def test_a_network_finds_the_subject_where_there_is_no_guidance(self, network):
        image, alpha = bright_disc(180, 242, softness=6)
        result = run(image, model=network)
        assert error(result.matte.alpha, alpha) < 0.01
        assert result.mask is not None
        assert result.trimap is not None
        assert result.notes == ()

    def test_a_mask_replaces_the_network(self, scene):
        image, alpha, _ = scene
        rough = (alpha > 0.5).astype(np.float32)
        result = run(image, mask=rough)
        assert result.mask is rough
        assert error(result.matte.alpha, alpha) < error(rough, alpha)

    @pytest.mark.parametrize("method", ["auto", "dim", *classical_methods()])
    def test_a_trimap_replaces_network_and_mask(self, scene, method):
        image, alpha, trimap = scene
        result = run(image, trimap=trimap, method=method)
        assert result.mask is None
        assert (result.solution.method if result.solution else "dim") == (
            "dim" if method == "auto" else method
        )
        assert error(result.matte.alpha, alpha) < 0.03
        np.testing.assert_array_equal(result.matte.alpha[trimap == 255], 1)
        np.testing.assert_array_equal(result.matte.alpha[trimap == 0], 0)

    def test_an_alpha_leaves_the_foreground_alone_to_do(self, scene):
        image, alpha, _ = scene
        result = run(image, alpha=alpha)
        assert result.matte.alpha is alpha
        assert (result.mask, result.trimap, result.solution) == (None, None, None)
        soft = (alpha > 0.2) & (alpha < 0.8)
        subject = np.array([0.95, 0.8, 0.7], np.float32)
        assert error(result.matte.foreground[soft], subject) < 0.5 * error(image[soft], subject)

    def test_the_guided_filter_leaves_known_pixels_alone(self, scene):
        image, _, trimap = scene
        plain = run(image, trimap=trimap).matte.alpha
        refined = run(image, trimap=trimap, refine="guided-filter").matte.alpha
        unknown = trimap == 128
        np.testing.assert_array_equal(refined[~unknown], plain[~unknown])
        np.testing.assert_array_equal(refined[unknown], guided_filter(image, plain)[unknown])
        assert not np.array_equal(refined, plain)

    def test_what_is_transparent_in_the_file_stays_so(self, scene):
        image, alpha, trimap = scene
        opacity = np.ones_like(alpha)
        opacity[:, :60] = 0.25
        plain = run(image, trimap=trimap).matte.alpha
        limited = run(image, trimap=trimap, opacity=opacity).matte.alpha
        np.testing.assert_array_equal(limited, np.minimum(plain, opacity))


class TestPortrait:
    def test_alone_without_a_trimap(self, person):
        image, mask = person
        result = run(image, mask=mask, method="portrait")
        assert (result.trimap, result.solution) == (None, None)
        assert result.mask is mask
        assert 0.001 < error(result.matte.alpha, mask) < 0.1

    def test_a_trimap_s_known_pixels_are_kept(self, scene):
        image, _, trimap = scene
        result = run(image, trimap=trimap, method="portrait")
        np.testing.assert_array_equal(result.matte.alpha[trimap == 255], 1)
        np.testing.assert_array_equal(result.matte.alpha[trimap == 0], 0)
        assert not np.isin(result.matte.alpha[trimap == 128], (0, 0.5, 1)).all()

    def test_without_guidance_mask_and_closed_form_lead_it_and_closed_form_shares_the_alpha(self, person):
        image, _ = person
        both = run(image)
        quick = estimate_initial_alpha(image, both.trimap)
        found = portrait(image, (both.mask + quick) * np.float32(0.5), refined=False)
        average = mix_alphas(quick, found, both.trimap)
        np.testing.assert_allclose(both.matte.alpha, clean(average), atol=1e-5)
        assert np.abs(both.matte.alpha - quick).max() > 0.1

    def test_the_more_they_differ_the_more_the_network_counts(self):
        trimap = np.array([[255, 128, 128, 128, 0]], np.uint8)
        first = np.array([[1, 0.5, 0.5, 0.1, 0]], np.float32)
        network = np.array([[0.98, 0.45, 0.1, 0.9, 0]], np.float32)
        expected = [[1, 0.47, 0.26, 0.731579, 0]]
        np.testing.assert_allclose(mix_alphas(first, network, trimap), expected, atol=1e-6)

    def test_what_the_mask_knows_is_overruled_where_the_network_is_far_from_it(self):
        trimap = np.array([[0, 0, 0, 0, 128, 255, 255]], np.uint8)
        first = np.array([[0, 0, 0, 0, 0.2, 1, 1]], np.float32)
        network = np.array([[0.05, 0.24, 0.5, 1, 0.7, 0.95, 0.43]], np.float32)
        expected = [[0, 0.048, 0.5 * 0.45 / 0.95, 1, 0.5, 1, 1 - 0.57 * 0.52 / 0.95]]
        np.testing.assert_allclose(mix_alphas(first, network, trimap), expected, atol=1e-6)

    def test_large_photos_are_matted_smaller_and_refined_at_their_own_size(self, monkeypatch):
        from wisp import pipeline

        image = resize(read_photo(EXAMPLE).image, 480, 480).clip(0, 1)
        whole = run(image).matte.alpha
        seen = []
        monkeypatch.setattr(
            pipeline,
            "estimate_initial_alpha",
            lambda i, t: seen.append(t.shape) or estimate_initial_alpha(i, t),
        )
        monkeypatch.setattr(pipeline, "SOLVED_PIXELS", 57_600)
        smaller = run(image).matte.alpha
        assert seen == [(240, 240)]
        assert smaller.shape == (480, 480)
        assert error(smaller, whole) < 0.01


class TestCleaning:
    """What a network leaves far from the subject is no part of it."""

    @pytest.fixture
    def asked(self, monkeypatch):
        """The names of the networks that are asked; each leaves an island of 5×5 pixels in a corner."""
        from wisp import pipeline
        from wisp.engine.families import portrait as family

        names, whole = [], family.portrait

        def with_island(image, mask=None, *, model=None, **options):
            names.append(model)
            alpha = whole(image, mask, model=model, **options).copy()
            alpha[2:7, 2:7] = 1
            return alpha

        monkeypatch.setattr(family, "portrait", with_island)
        monkeypatch.setattr(pipeline, "portrait", with_island)
        return names

    @pytest.mark.parametrize("method", ["auto", "portrait"])
    def test_a_stray_island_goes(self, person, asked, method):
        image, mask = person
        found = run(image, method=method, mask=None if method == "auto" else mask)
        assert asked == [None]
        assert found.matte.alpha[:12, :12].max() == 0
        assert error(found.matte.alpha, mask) < 0.1


class TestNoSubject:
    def test_an_empty_alpha_and_a_note(self, network):
        image = np.random.default_rng(0).random((50, 70, 3), np.float32) * np.float32(0.2)
        result = run(image, model=network)
        assert result.matte.empty
        assert result.matte.alpha.shape == (50, 70)
        assert result.notes == (NO_SUBJECT,)

    def test_a_faint_mask_is_not_stretched(self, scene):
        image, alpha, _ = scene
        assert run(image, mask=alpha * np.float32(0.4)).matte.empty

    @pytest.mark.parametrize(("value", "expected"), [(0, 0), (255, 1)])
    def test_trimaps_of_one_value(self, scene, value, expected):
        image, _, trimap = scene
        result = run(image, trimap=np.full_like(trimap, value))
        np.testing.assert_array_equal(result.matte.alpha, expected)
        assert result.notes == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 2)])
def test_small_photos(network, size):
    bright = np.full((*size, 3), 0.9, np.float32)
    matte = run(bright, model=network).matte
    np.testing.assert_array_equal(matte.alpha, np.ones(size))
    np.testing.assert_allclose(matte.foreground, bright, atol=1e-6)


def test_a_solve_that_did_not_converge_is_noted(scene, monkeypatch):
    from wisp import pipeline
    from wisp.matting.classical.system import Solution

    image, alpha, trimap = scene
    stuck = Solution(alpha, "knn", 2000, 0.02, False)
    monkeypatch.setattr(pipeline, "solve", lambda *_, **__: stuck)
    notes = run(image, trimap=trimap, method="knn").notes
    assert notes == ("knn did not converge (residual 0.02); its best alpha is kept",)


class TestFunctions:
    def test_cutout_of_an_array_is_the_matte_of_run(self, scene):
        image, _, trimap = scene
        matte = cutout(image, trimap=trimap)
        assert isinstance(matte, Matte)
        np.testing.assert_array_equal(matte.alpha, run(image, trimap=trimap).matte.alpha)

    def test_cutout_of_files(self, scene, tmp_path):
        image, alpha, trimap = scene
        write_image(tmp_path / "photo.png", image, bits=16)
        write_image(tmp_path / "trimap.png", trimap.astype(np.float32) / np.float32(255), bits=8)
        write_image(tmp_path / "alpha.png", alpha, bits=16)
        by_trimap = cutout(tmp_path / "photo.png", trimap=str(tmp_path / "trimap.png"))
        assert error(by_trimap.alpha, cutout(image, trimap=trimap).alpha) < 1e-3
        by_alpha = cutout(str(tmp_path / "photo.png"), alpha=tmp_path / "alpha.png")
        np.testing.assert_allclose(by_alpha.alpha, alpha, atol=1 / 65535)
        by_mask = cutout(tmp_path / "photo.png", mask=tmp_path / "alpha.png")
        assert error(by_mask.alpha, cutout(image, mask=alpha).alpha) < 1e-2

    def test_estimate_alpha(self, scene):
        image, _, trimap = scene
        for method in ("auto", "random-walk"):
            expected = run(image, trimap=trimap, method=method).matte.alpha
            np.testing.assert_array_equal(estimate_alpha(image, trimap, method=method), expected)

    def test_the_alpha_of_sampling_methods_is_smoothed_or_not(self, scene):
        image, _, trimap = scene
        smooth, rough, default = (
            estimate_alpha(image, trimap, method="shared-sampling", smooth=smooth)
            for smooth in (True, False, None)
        )
        np.testing.assert_array_equal(smooth, default)
        assert not np.array_equal(smooth, rough)
        np.testing.assert_array_equal(
            cutout(image, trimap=trimap, method="shared-sampling", smooth=False).alpha, rough
        )

    @pytest.mark.parametrize("method", ["auto", "dim", "closed-form"])
    @pytest.mark.parametrize("smooth", [True, False])
    def test_smooth_with_a_method_that_does_not_sample(self, scene, method, smooth):
        image, _, trimap = scene
        with pytest.raises(InputError, match=f"smooth: changes nothing beside method {method}"):
            estimate_alpha(image, trimap, method=method, smooth=smooth)

    def test_composite_uses_the_mattes_own_colours(self, scene):
        image, alpha, _ = scene
        matte = cutout(image, alpha=alpha)
        green = np.zeros((30, 30, 3), np.float32)
        green[..., 1] = 0.5
        expected = alpha[..., None] * matte.foreground + (1 - alpha[..., None]) * [0, 0.5, 0]
        np.testing.assert_allclose(composite(matte, green), expected, atol=1e-5)
        by_name = composite(matte, "#008000")
        np.testing.assert_allclose(by_name, expected, atol=0.003)

    def test_composite_with_a_file(self, scene, tmp_path):
        image, alpha, _ = scene
        matte = cutout(image, alpha=alpha)
        write_image(tmp_path / "wall.png", np.full((20, 20, 3), 0.2, np.float32))
        expected = composite(matte, np.full((90, 121, 3), 0.2, np.float32))
        np.testing.assert_allclose(composite(matte, tmp_path / "wall.png"), expected, atol=1e-6)


class TestBadInput:
    def test_unknown_methods(self, scene):
        image, _, trimap = scene
        with pytest.raises(
            InputError, match="method: is 'magic'; auto, portrait, dim, dlmn, unet, closed-form"
        ):
            estimate_alpha(image, trimap, method="magic")

    def test_two_kinds_of_guidance(self, scene):
        image, alpha, trimap = scene
        with pytest.raises(InputError, match="trimap and alpha: are both given; at most one guidance"):
            run(image, trimap=trimap, alpha=alpha)

    @pytest.mark.parametrize("kind", ["trimap", "mask", "alpha", "opacity"])
    def test_guidance_of_another_size(self, scene, kind):
        image, alpha, trimap = scene
        guidance = {kind: (trimap if kind == "trimap" else alpha)[:-1]}
        if kind == "opacity":
            guidance["trimap"] = trimap
        with pytest.raises(
            InputError, match=f"{kind}: is 121×89; the size of the image, 121×90, is accepted"
        ):
            run(image, **guidance)

    def test_other_arrays(self, scene):
        image, alpha, trimap = scene
        with pytest.raises(InputError, match=r"image: is int64 \(90, 121, 3\); uint8 of 0 to 255, uint16"):
            run((image * 255).astype(np.int64))
        with pytest.raises(
            InputError, match="trimap: holds labels or is too dark: its largest value is 7 of"
        ):
            run(image, trimap=np.full_like(trimap, 7))
        with pytest.raises(InputError, match=r"mask: is complex128"):
            run(image, mask=alpha.astype(np.complex128))

    @pytest.mark.parametrize("name", ["image", "trimap", "mask", "alpha", "opacity"])
    @pytest.mark.parametrize(
        ("value", "told"), [(np.nan, "holds nan at row 5, column 6"), (2.0, "values from")]
    )
    def test_values_that_are_none(self, scene, name, value, told):
        image, alpha, trimap = scene
        arrays = {
            "image": image,
            "trimap": trimap / np.float32(255),
            "mask": alpha,
            "alpha": alpha,
            "opacity": alpha,
        }
        bad = arrays[name].copy()
        bad[5, 6] = value
        guidance = {} if name == "image" else {name: bad}
        with pytest.raises(
            InputError, match=f"{name}: (holds|has) .*{told.partition(' ')[2]}.*is accepted|are accepted"
        ):
            run(bad if name == "image" else image, **guidance)

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"refine": "guided_filter"}, "refine: is 'guided_filter'; none, guided-filter are accepted"),
            ({"refine": None}, "refine: is None; none, guided-filter are accepted"),
            ({"device": "banana", "method": "closed-form"}, "device: is 'banana'; auto, cpu, gpu"),
            ({"precision": "fp7", "method": "closed-form"}, "precision: is 'fp7'; auto, fp32, bf16, int8"),
        ],
    )
    @pytest.mark.parametrize("kind", ["trimap", "alpha", None])
    def test_unknown_words(self, scene, options, named, kind):
        image, alpha, trimap = scene
        guidance = {"trimap": {"trimap": trimap}, "alpha": {"alpha": alpha}, None: {}}[kind]
        if kind == "alpha":
            options = {**options, "method": "auto"}
        with pytest.raises(InputError, match=named):
            cutout(image, **guidance, **options)

    @pytest.mark.parametrize(
        ("kind", "options", "named"),
        [
            ("alpha", {"method": "knn"}, "method: changes nothing beside alpha"),
            ("alpha", {"refine": "guided-filter"}, "refine: changes nothing beside alpha"),
            ("alpha", {"model": "segmenter-mobile"}, "model: changes nothing: with alpha no network runs"),
            ("alpha", {"device": "cpu"}, "device: changes nothing: with alpha no network"),
            (
                "mask",
                {"method": "knn", "model": "/nonexistent.onnx"},
                "model: changes nothing: with mask and method knn",
            ),
            (
                "mask",
                {"method": "knn", "precision": "bf16"},
                "precision: changes nothing: with mask and method knn",
            ),
            ("mask", {"model": "/nonexistent.onnx"}, "/nonexistent.onnx: is no known network and no file"),
            (
                "trimap",
                {"model": "segmenter-mobile", "method": "knn"},
                "model: .* with trimap and method knn no",
            ),
            (
                "trimap",
                {"device": "cpu", "method": "random-walk"},
                "device: .* trimap and method random-walk no",
            ),
        ],
    )
    def test_options_that_would_be_ignored(self, scene, kind, options, named):
        image, alpha, trimap = scene
        with pytest.raises(InputError, match=named):
            cutout(image, **{kind: trimap if kind == "trimap" else alpha}, **options)


class TestRoughMasks:
    @pytest.fixture
    def rough(self, scene):
        """The subject drawn six pixels too wide."""
        image, alpha, _ = scene
        return image, alpha, ndimage.binary_dilation(alpha > 0.5, iterations=6).astype(np.float32)

    def test_a_width_looks_for_the_edge_as_far_away(self, rough):
        image, alpha, mask = rough
        narrow = run(image, mask=mask, method="closed-form").matte.alpha  # `auto` sees past the mask
        wide = run(image, mask=mask, width=0.4)
        assert narrow.sum() > 1.15 * alpha.sum()
        assert wide.matte.alpha.sum() - alpha.sum() < 0.125 * (narrow.sum() - alpha.sum())
        assert error(wide.matte.alpha, alpha) < 0.13 * error(narrow, alpha)
        assert wide.mask is mask
        np.testing.assert_array_equal(wide.trimap, trimap_from_mask(mask, width=0.4))
        np.testing.assert_array_equal(cutout(image, mask=mask, width=0.4).alpha, wide.matte.alpha)

    def test_it_is_what_a_trimap_of_that_width_gives(self, rough):
        image, _, mask = rough
        trimap = trimap_from_mask(mask, width=0.3)
        for method in ("auto", "knn"):
            expected = run(image, trimap=trimap, method=method).matte.alpha
            np.testing.assert_array_equal(
                run(image, mask=mask, width=0.3, method=method).matte.alpha, expected
            )

    def test_an_empty_mask_is_noted(self, rough):
        image, _, mask = rough
        assert run(image, mask=np.zeros_like(mask), width=0.3).notes == (NO_SUBJECT,)

    def test_a_width_without_a_mask_or_out_of_range(self, rough, scene):
        image, _, mask = rough
        for guidance in ({}, {"trimap": scene[2]}, {"alpha": mask}):
            with pytest.raises(InputError, match="width: changes nothing without a mask; mask is accepted"):
                run(image, width=0.1, **guidance)
        with pytest.raises(InputError, match="width: is 2"):
            run(image, mask=mask, width=2)
        with pytest.raises(InputError, match="trimap and mask: are both given"):
            run(image, mask=mask, trimap=scene[2], width=0.1)
        run(image, mask=mask, width=0.1, model="dim-mobile")
        with pytest.raises(InputError, match="model: changes nothing: with mask and method knn no network"):
            run(image, mask=mask, width=0.1, method="knn", model="dim-mobile")


class TestCallersArrays:
    """What other libraries hand out counts as the float32 arrays that it stands for."""

    @pytest.mark.parametrize("unknown", [127, 129])
    @pytest.mark.parametrize(
        "options", [{"method": "portrait"}, {"refine": "guided-filter"}, {"method": "dim"}]
    )
    def test_an_unknown_band_of_127_or_129(self, scene, unknown, options):
        image, _, trimap = scene
        shifted = np.where(trimap == 128, np.uint8(unknown), trimap)
        expected = run(image, trimap=trimap, **options)
        found = run(image, trimap=shifted, **options)
        np.testing.assert_array_equal(found.matte.alpha, expected.matte.alpha)
        np.testing.assert_array_equal(found.trimap, trimap)
        assert ((expected.matte.alpha > 0) & (expected.matte.alpha < 1)).sum() > 400

    @pytest.mark.parametrize("unknown", [127, 129])
    def test_estimate_alpha_and_prior_with_such_a_band(self, scene, unknown):
        image, _, trimap = scene
        shifted = np.where(trimap == 128, np.uint8(unknown), trimap)
        expected = estimate_alpha(image, trimap, method="portrait")
        np.testing.assert_array_equal(estimate_alpha(image, shifted, method="portrait"), expected)
        np.testing.assert_array_equal(
            estimate_initial_alpha(image, shifted), estimate_initial_alpha(image, trimap)
        )

    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float64, np.float16])
    def test_photos_and_guidance_of_other_kinds(self, scene, kind):
        image, alpha, trimap = scene
        most = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1
        as_kind = lambda values: (np.rint(values * most) if most > 1 else values).astype(kind)  # noqa: E731
        exact = lambda values: (as_kind(values).astype(np.float64) / most).astype(np.float32)  # noqa: E731
        expected = cutout(exact(image), alpha=exact(alpha))
        found = cutout(as_kind(image), alpha=as_kind(alpha))
        np.testing.assert_allclose(found.alpha, expected.alpha, atol=1e-7)
        np.testing.assert_allclose(found.foreground, expected.foreground, atol=1e-4)
        by_mask = cutout(as_kind(image), mask=as_kind(alpha), precision="fp32").alpha
        by_exact = cutout(exact(image), mask=exact(alpha), precision="fp32").alpha
        np.testing.assert_allclose(by_mask, by_exact, atol=1e-3)
        levels = trimap.astype(np.float64) / 255
        by_trimap = estimate_alpha(as_kind(image), as_kind(levels), method="closed-form")
        np.testing.assert_allclose(
            by_trimap, estimate_alpha(exact(image), trimap, method="closed-form"), atol=1e-3
        )

    def test_a_mask_of_bools(self, scene):
        image, alpha, _ = scene
        expected = cutout(image, mask=(alpha > 0.5).astype(np.float32))
        np.testing.assert_array_equal(cutout(image, mask=alpha > 0.5).alpha, expected.alpha)

    def test_grey_photos(self, scene):
        image, alpha, _ = scene
        grey = image[..., 0]
        expected = cutout(np.repeat(grey[..., None], 3, axis=2), alpha=alpha)
        for photo in (grey, grey[..., None]):
            np.testing.assert_array_equal(cutout(photo, alpha=alpha).foreground, expected.foreground)

    def test_what_is_transparent_in_rgba_stays_so(self, scene):
        image, alpha, trimap = scene
        opacity = np.ones_like(alpha)
        opacity[:, :60] = 0.25
        found = cutout(np.dstack([image, opacity]), trimap=trimap).alpha
        np.testing.assert_array_equal(found, run(image, trimap=trimap, opacity=opacity).matte.alpha)
        assert found.max() > found[:, :60].max() == 0.25

    def test_colours_and_backgrounds_of_other_kinds(self, scene):
        image, alpha, _ = scene
        matte = cutout(image, alpha=alpha)
        red = composite(matte, "#ff0000")
        for background in ((1, 0, 0), [1.0, 0.0, 0.0], np.float64([1, 0, 0])):
            np.testing.assert_array_equal(composite(matte, background), red)
        wall = np.full((9, 9, 3), 51, np.uint8)
        np.testing.assert_allclose(composite(matte, wall), composite(matte, (0.2, 0.2, 0.2)), atol=1e-6)

    @pytest.mark.parametrize("background", [(255, 0, 0), (1, 0), ("a", "b", "c"), None, [[1, 2], [3, 4]]])
    def test_backgrounds_that_are_none(self, scene, background):
        image, alpha, _ = scene
        with pytest.raises(InputError, match="background: is "):
            composite(cutout(image, alpha=alpha), background)

    def test_a_background_of_0_to_255_in_floats(self, scene):
        image, alpha, _ = scene
        with pytest.raises(InputError, match="background: has values from 0 to 255; floats in"):
            composite(cutout(image, alpha=alpha), np.float32([[[0, 128, 255]]]))

    def test_a_colour_is_a_colour_whatever_files_are_called(self, scene, tmp_path, monkeypatch):
        image, alpha, _ = scene
        monkeypatch.chdir(tmp_path)
        matte = cutout(image, alpha=alpha)
        write_image("red", np.zeros((2, 2, 3), np.float32), format="png")
        np.testing.assert_array_equal(composite(matte, "red"), composite(matte, (1, 0, 0)))
        np.testing.assert_array_equal(composite(matte, "./red"), composite(matte, "black"))

    def test_words_and_what_a_colour_ignores(self, scene):
        image, alpha, _ = scene
        matte = cutout(image, alpha=alpha)
        for background in ("red", image):
            with pytest.raises(InputError, match="fit: is 'banana'; cover, contain, stretch are accepted"):
                composite(matte, background, fit="banana")
            with pytest.raises(InputError, match="anchor: is 'middle'; centre"):
                composite(matte, background, anchor="middle")
        with pytest.raises(InputError, match="anchor: changes nothing: the background is a colour"):
            composite(matte, "red", anchor="top")

    def test_no_matte(self):
        with pytest.raises(InputError, match=r"matte: is a ndarray; a wisp.Matte is accepted"):
            composite(np.zeros((2, 2, 4), np.float32), "red")


def test_refining_an_unguided_alpha_leaves_what_overruled_the_mask(person, monkeypatch):
    from wisp import pipeline

    image, _ = person
    monkeypatch.setattr(pipeline, "guided_filter", lambda image, alpha: alpha)
    np.testing.assert_array_equal(run(image, refine="guided-filter").matte.alpha, run(image).matte.alpha)


def test_no_network_holds_its_buffers_while_others_compute(person, monkeypatch):
    from wisp import pipeline

    steps = []

    def watch(name, step):
        def watched(*args, **options):
            steps.append(name)
            return step(*args, **options)

        return watched

    for name in ("find_subject", "estimate_initial_alpha", "portrait", "estimate_foreground"):
        monkeypatch.setattr(pipeline, name, watch(name, getattr(pipeline, name)))
    monkeypatch.setattr(Engine, "release_buffers", lambda self: steps.append("release"))
    run(person[0])
    found = ["release", "find_subject", "release"]
    assert steps == [*found, "estimate_initial_alpha", "portrait", "release", "estimate_foreground"]
    steps.clear()
    run(person[0], trimap=trimap_from_alpha(person[1]))
    assert steps == ["estimate_foreground"]  # a single network keeps its own for the next photo


def test_results_compare_by_identity(scene):
    image, alpha, _ = scene
    one, other = run(image, alpha=alpha), run(image, alpha=alpha)
    assert one != other
    assert len({one, other, one.matte, other.matte}) == 4


@pytest.mark.parametrize("method", classical_methods())
def test_a_caller_is_told_how_far_a_method_without_a_network_is(scene, method):
    image, _, trimap = scene
    alone, whole = [], []
    estimate_alpha(image, trimap, method=method, progress=alone.append)
    cutout(image, trimap=trimap, method=method, progress=whole.append)
    assert alone[-1] == whole[-1] == 1
    np.testing.assert_allclose(whole[:-1], np.array(alone) * MATTED)  # the foreground comes after alpha


def test_a_finished_alpha_is_all_the_work_there_is(scene):
    image, alpha, _ = scene
    shares = []
    cutout(image, alpha=alpha, progress=shares.append)
    assert shares == [1.0]
