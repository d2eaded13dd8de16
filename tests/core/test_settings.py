"""Tuned numbers, each seen in what it does, in literal values: a number that changes changes pixels here."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from tiny_networks import bright_disc, write_portrait, write_segmenter
from wisp import pipeline
from wisp.clips import alpha as clip_alpha
from wisp.clips import convert
from wisp.clips import guided_upsampling as guided
from wisp.clips.alpha import PortraitMethod, WarpedPrevious, lead_of
from wisp.clips.belief_maps import SubjectMaps
from wisp.clips.colours import estimate_colours
from wisp.clips.steady import Steadiness, filter_alpha
from wisp.core.resample import resize
from wisp.core.settings import CLIPS
from wisp.engine.engine import ENGINE
from wisp.engine.families.portrait import generate
from wisp.engine.families.segmenter import segment
from wisp.engine.models import find_model
from wisp.engine.sessions import open_session
from wisp.matting.classical.closed_form import closed_form
from wisp.matting.foreground import estimate_foreground


class Watched:
    """A session that notes the sizes of what it is shown."""

    def __init__(self, file):
        self._session = open_session(file, precision="fp32")
        self.inputs, self.outputs = self._session.inputs, self._session.outputs
        self.shapes = []

    def run(self, inputs):
        self.shapes.append(inputs["image"].shape)
        return self._session.run(inputs)


class TestPhotos:
    def test_the_segmenter_sees_a_longer_side_of_416_pixels(self, tmp_path):
        watched = Watched(write_segmenter(tmp_path / "tiny.onnx"))
        segment(np.zeros((300, 400, 3), np.float32), engine=SimpleNamespace(session_of=lambda row: watched))
        assert watched.shapes == [(1, 3, 320, 416)]

    def test_the_matting_network_sees_a_longer_side_of_704_pixels(self, tmp_path):
        watched = Watched(write_portrait(tmp_path / "tiny.onnx"))
        image = np.zeros((1000, 800, 3), np.float32)
        generate(watched, find_model(None, "portrait"), image, image[..., 0])
        assert watched.shapes == [(1, 3, 704, 576)]

    @pytest.mark.parametrize(("height", "seen"), [(1000, (1000, 2000)), (1200, (1095, 1826))])
    def test_photos_of_more_than_two_megapixels_are_matted_smaller(self, monkeypatch, height, seen):
        sizes = []

        def see(image, trimap):
            sizes.append(image.shape[:2])
            return (trimap == 255).astype(np.float32)

        monkeypatch.setattr(pipeline, "estimate_initial_alpha", see)
        monkeypatch.setattr(pipeline, "portrait", lambda image, lead, **options: lead)
        monkeypatch.setattr(
            pipeline, "enlarge", lambda alpha, image, **options: resize(alpha, *image.shape[:2]).clip(0, 1)
        )
        mask = np.zeros((height, 2000), np.float32)
        mask[200:800, 500:1500] = 1
        pipeline._from_mask(np.zeros((*mask.shape, 3), np.float32), mask, ENGINE)
        assert sizes == [seen]

    def test_closed_form_matting_has_the_papers_epsilon(self):
        rng = np.random.default_rng(4)
        image = rng.random((20, 24, 3), np.float32) * np.float32(0.02) + np.float32(0.4)
        trimap = np.full((20, 24), 128, np.uint8)
        trimap[:4], trimap[-4:] = 0, 255
        usual = closed_form(image, trimap).alpha
        np.testing.assert_array_equal(usual, closed_form(image, trimap, epsilon=1e-7).alpha)
        assert np.abs(usual - closed_form(image, trimap, epsilon=1e-5).alpha).max() > 0.05

    def test_alphas_of_a_tenth_at_half_size_are_not_settled(self):
        noise = ndimage.gaussian_filter(np.random.default_rng(1).random((48, 64)), 3)
        alpha = (0.02 + 0.28 * (noise - noise.min()) / np.ptp(noise)).astype(np.float32)
        alpha[:, :12], alpha[:, -12:] = 0, 1
        subject, ground = np.float32([0.9, 0.2, 0.1]), np.float32([0.1, 0.3, 0.8])
        image = alpha[..., None] * subject + (1 - alpha[..., None]) * ground
        trimap = np.full(alpha.shape, 128, np.uint8)
        trimap[:, :10], trimap[:, -10:] = 0, 255
        found = closed_form(image, trimap, at_once=np.count_nonzero(trimap == 128) - 1).alpha
        np.testing.assert_allclose(found, alpha, atol=0.03)

    def test_foreground_colours_of_a_soft_disc(self):
        rows, columns = np.mgrid[:64, :80] / 64
        _, alpha = bright_disc(64, 80, softness=10)
        noise = ndimage.gaussian_filter(np.random.default_rng(9).normal(0, 3, (64, 80, 3)), (2, 2, 0))
        colours = np.dstack([0.9 - 0.3 * rows, 0.3 + 0.4 * columns, 0.2 + 0.2 * rows]) + noise
        ground = np.dstack([0.1 + 0.3 * columns, 0.5 - 0.3 * rows, 0.3 + 0.3 * columns]) - 0.7 * noise
        image = (alpha[..., None] * colours + (1 - alpha[..., None]) * ground).clip(0, 1)
        found = estimate_foreground(image.astype(np.float32), alpha)
        expected = {  # by this method with the numbers of decision 041
            (32, 22): [0.5083, 0.3241, 0.4046],
            (32, 58): [0.8664, 0.6763, 0.6256],
            (45, 45): [0.8324, 0.6997, 0.4994],
            (18, 30): [0.5431, 0.2729, 0.0269],
        }
        for place, colour in expected.items():
            np.testing.assert_allclose(found[place], colour, atol=1e-3)


def still(levels=0.0):
    """A picture with texture everywhere, in which nothing moves; as many levels of 255 brighter."""
    texture = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 1, (72, 128, 3)), (2, 2, 0)) * 120
    return ((np.rint(120 + texture).clip(20, 220) + levels) / 255).astype(np.float32)


def after(alpha, new, *, levels=0.0):
    """Alpha of the picture's middle when the method says `new` after twenty frames of `alpha`."""
    state = None
    for value in [alpha] * 20:
        _, state = filter_alpha(still(), state, says(value), steadiness=Steadiness(rest=0))
    held, _ = filter_alpha(still(levels), state, says(new), steadiness=Steadiness(rest=0))
    return held.alpha[36, 64]


def says(value):
    return lambda image, past=None: np.full(image.shape[:2], value, np.float32)


class TestClips:
    def test_a_twentieth_of_what_is_new_shows_where_nothing_changed(self):
        assert after(0.5, 0.6) == pytest.approx(0.505, abs=0.001)

    def test_old_alpha_is_cut_off_three_tenths_from_the_new(self):
        assert after(1.0, 0.2) == pytest.approx(0.2 + 0.95 * 0.3, abs=0.001)

    def test_two_levels_of_change_leave_nine_tenths_of_the_stillness(self):
        still = np.exp(-((2 / 255 / 0.014) ** 4))
        assert still == pytest.approx(0.906, abs=0.001)
        assert after(0.5, 0.6, levels=2) == pytest.approx(0.6 - 0.1 * 0.95 * still, abs=0.001)

    def test_four_levels_of_change_leave_a_fifth_of_what_is_new_at_least(self):
        believed = np.exp(-((4 / 255 / 0.04) ** 2))
        assert after(0.5, 0.6, levels=4) == pytest.approx(0.6 - 0.1 * 0.8 * believed, abs=0.002)

    def test_ten_levels_of_change_leave_three_eighths_of_the_belief(self):
        believed = np.exp(-((10 / 255 / 0.04) ** 2))
        assert believed == pytest.approx(0.382, abs=0.001)
        assert after(0.5, 0.6, levels=10) == pytest.approx(0.6 - 0.1 * 0.8 * believed, abs=0.002)

    def test_motion_is_searched_at_384_pixels(self):
        image = np.zeros((300, 500, 3), np.float32)
        _, state = filter_alpha(image, None, says(0.0))
        assert state.small.shape == (230, 384, 3)

    def test_every_second_frame_is_glanced_at_and_every_fourth_looked_at_whole(self, monkeypatch):
        belief = SubjectMaps(*5 * [np.ones((9, 12), np.float32)])
        looks = {}
        method = PortraitMethod()
        for age in range(1, 10):

            def look(small, before, subject, *, whole, age=age, **options):
                looks[age] = whole
                return before

            monkeypatch.setattr(clip_alpha, "look_again", look)
            image = np.zeros((9, 12, 3), np.float32)
            method._believe(image, image, WarpedPrevious(image[..., 0], age, None, belief))
        assert looks == {2: False, 4: True, 6: False, 8: True}

    def test_doubtful_holes_are_led_by_085(self):
        alpha = np.ones((40, 50), np.float32)
        alpha[20:23, 20:23] = 0.1
        assert np.unique(lead_of(alpha, None, looked=True)).tolist() == pytest.approx([0.85, 1])

    def test_a_resumed_clip_is_read_from_24_frames_before(self, tmp_path):
        writer = object.__new__(convert.FolderWriter)
        writer.skip_to = lambda done: None
        writer.times = [Fraction(index, 25) for index in range(100)]
        found = [convert._rewind([writer], done) for done in (0, 10, 24, 60)]
        assert found == [0, 0, 0, Fraction(36, 25)]

    def test_hair_is_told_by_softness_over_13_pixels(self, monkeypatch):
        rng = np.random.default_rng(2)
        picture = ndimage.gaussian_filter(rng.random((96, 128, 3)), (2, 2, 0)).astype(np.float32)
        alpha = np.zeros((96, 128), np.float32)
        alpha[:, 64:], alpha[:, 62:67] = 1, 0.5
        drawn = guided.refine_hair(picture, alpha)
        monkeypatch.setattr(guided, "CLIPS", replace(CLIPS, hair_least=-2.0, hair_full=-1.0))
        fitted = guided.refine_hair(picture, alpha)
        share = (5 / 13 - 0.3) / (0.5 - 0.3)
        middle = np.s_[20:70, 64]
        assert np.abs(fitted - alpha)[middle].max() > 0.03
        np.testing.assert_allclose((drawn - alpha)[middle], share * (fitted - alpha)[middle], atol=4e-3)

    def test_colours_come_from_some_forty_pixels_around_and_then_six(self):
        alpha = np.tile(np.clip((np.arange(160, dtype=np.float32) - 40) / 80, 0, 1), (120, 1))
        subject, ground = np.float32([0.9, 0.2, 0.1]), np.float32([0.1, 0.3, 0.8])
        image = alpha[..., None] * subject + (1 - alpha[..., None]) * ground
        found = estimate_colours(image, alpha)[60, 44:120:20, 0]
        # By this method with the numbers of version 0.2.0; windows of (5, 1) give .195, .354, .548 and .745.
        np.testing.assert_allclose(found, [0.419, 0.538, 0.671, 0.793], atol=2e-3)
