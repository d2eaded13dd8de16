"""MAD, MSE, Grad and dtSSD: by hand, and against a plain reading of the published definition."""

import json

import numpy as np
import pytest

from tiny_clips import moving_disc, write_clip
from wisp.cli import main
from wisp.core.arrays import from_float
from wisp.core.errors import InputError
from wisp.evaluation.metrics import grad
from wisp.evaluation.video_metrics import clip_scores, dtssd
from wisp.evaluation.video_protocol import find_clip_pairs, score_clips
from wisp.io.images import write_image


def alphas(count, *, step=1.0, size=(24, 31)):
    return [moving_disc(index, *size, step=step)[1].astype(np.float32) for index in range(count)]


def test_dtssd_by_hand():
    truth_before, truth = np.zeros((2, 2)), np.array([[0.0, 0.5], [0.0, 0.0]])
    before, prediction = np.array([[0.0, 0.0], [0.2, 0.0]]), np.array([[0.0, 0.1], [0.2, 0.0]])
    # Changed by 0.1 where it should have by 0.5; the constant error below does not count.
    assert dtssd(prediction, before, truth, truth_before) == pytest.approx(100 * np.sqrt(0.16 / 4))


def test_dtssd_is_nought_for_a_constant_error_and_grows_with_flicker():
    truth = np.full((8, 9), 0.5)
    assert dtssd(truth + 0.3, truth + 0.3, truth, truth) == 0
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (2, 200, 200))
    calm = np.full((200, 200), 0.5)
    assert dtssd(calm + noise[0], calm + noise[1], calm, calm) == pytest.approx(100 * 0.01 * 2**0.5, rel=0.02)


def test_the_scores_of_a_clip_with_their_scales():
    truths = alphas(3)
    predictions = [np.clip(alpha * np.float32(0.9), 0, 1) for alpha in truths]
    scores = clip_scores(predictions, truths)
    errors = [p.astype(float) - t for p, t in zip(predictions, truths, strict=True)]
    assert scores["mad"] == pytest.approx(1e3 * np.mean([np.abs(e).mean() for e in errors]))
    assert scores["mse"] == pytest.approx(1e3 * np.mean([(e**2).mean() for e in errors]))
    assert scores["grad"] == pytest.approx(
        np.mean([grad(p, t) for p, t in zip(predictions, truths, strict=True)])
    )
    steps = [np.sqrt(((errors[i] - errors[i - 1]) ** 2).mean()) for i in (1, 2)]
    assert scores["dtssd"] == pytest.approx(1e2 * sum(steps) / 3)  # the first frame counts as 0
    assert clip_scores(truths, truths) == {"mad": 0, "mse": 0, "grad": 0, "dtssd": 0}


def test_clips_of_another_length_or_size_are_refused():
    with pytest.raises(InputError, match="more or fewer"):
        clip_scores(alphas(2), alphas(3))
    with pytest.raises(InputError, match="has no frames"):
        clip_scores([], [])
    with pytest.raises(InputError, match="is 30×24"):
        clip_scores(alphas(1, size=(24, 30)), alphas(1))


@pytest.fixture
def places(tmp_path):
    """True clips: a folder of frames and one in a folder of its own; predictions: a video and a folder."""
    truths = alphas(4)
    for index, alpha in enumerate(truths):
        for folder in ("truth/a", "truth/deep/b", "predicted/deep/b"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            write_image(tmp_path / folder / f"{index:04}.png", alpha, bits=8)
    grey = [np.repeat(from_float(alpha)[..., None], 3, 2) for alpha in truths]
    write_clip(tmp_path / "predicted" / "a.mkv", grey, codec="ffv1", pixel_format="bgr0")
    write_clip(tmp_path / "predicted" / "extra.mkv", grey, codec="ffv1", pixel_format="bgr0")
    return tmp_path


def test_clips_are_paired_whatever_they_are_stored_as(places):
    report = score_clips(find_clip_pairs(places / "predicted", places / "truth"))
    assert list(report.images) == ["a", "deep/b"]
    assert report.ignored == 1
    assert report.mean == {"mad": 0, "mse": 0, "grad": 0, "dtssd": 0}
    single = score_clips(find_clip_pairs(places / "predicted" / "a.mkv", places / "truth" / "a"))
    assert single.count == 1


def test_a_truth_without_prediction(places):
    (places / "predicted" / "a.mkv").unlink()
    with pytest.raises(InputError, match="a: has no prediction in"):
        find_clip_pairs(places / "predicted", places / "truth")


def test_the_command_line(places, capfd):
    assert (
        main(
            [
                "evaluate",
                str(places / "predicted"),
                str(places / "truth"),
                "--protocol",
                "video",
                "--json",
                "-",
            ]
        )
        == 0
    )
    told = capfd.readouterr()
    report = json.loads(told.out)
    assert report["count"] == 2
    assert report["images"]["a"] == {"mad": 0, "mse": 0, "grad": 0, "dtssd": 0}
    assert "1 of the predictions have no truth" in told.err
    (places / "truth" / "a" / "0003.png").unlink()
    assert main(["evaluate", str(places / "predicted"), str(places / "truth"), "--protocol", "video"]) == 1
    assert "has more or fewer frames than" in capfd.readouterr().err
    words = ["evaluate", str(places / "predicted"), str(places / "nowhere"), "--protocol", "video"]
    assert main(words) == 2
