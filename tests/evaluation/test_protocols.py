import json
import subprocess
import sys

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.evaluation import metrics
from wisp.evaluation.protocols import PROTOCOLS, Pair, Report, evaluate, find_pairs, score
from wisp.io.images import write_image

METRICS = ["sad", "mse", "mae", "grad", "conn"]


def matte(seed=0, size=(20, 30)):
    y, x = np.mgrid[: size[0], : size[1]]
    soft = (9 + seed - np.hypot(y - size[0] / 2, x - size[1] / 2)) / 5
    return (np.round(np.clip(soft, 0, 1) * 255) / 255).astype(np.float32)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, pixels, **{"bits": 8, **options})
    return path


@pytest.fixture
def folders(tmp_path):
    """Three truths, one in a subfolder; their predictions, one of them a cut-out; and two files too many."""
    for seed, name in enumerate(["a.png", "b.png", "group one/b.png"]):
        save(tmp_path / "truth" / name, matte(seed))
    save(tmp_path / "predictions/a.tif", matte(1))
    save(tmp_path / "predictions/b.png", np.dstack([np.full((20, 30, 3), 0.3, np.float32), matte(3)]))
    save(tmp_path / "predictions/group one/b.webp", np.dstack([matte(2)] * 3))
    save(tmp_path / "predictions/c.png", matte())
    save(tmp_path / "predictions/other/a.png", matte())
    (tmp_path / "predictions/notes.txt").write_text("no image")
    (tmp_path / "truth/.hidden.png").write_bytes(b"")
    return tmp_path


def draw_trimaps(folder):
    trimap = np.full((20, 30), 128 / 255, np.float32)
    trimap[:, :5], trimap[:, 25:] = 0, 1
    for name in ("a.png", "b.png", "group one/b.png"):
        save(folder / "trimaps" / name, trimap)
    return trimap == np.float32(128 / 255)


def test_folders_are_paired_by_relative_path_and_stem(folders):
    pairing = find_pairs(folders / "predictions", folders / "truth")
    assert [pair.name for pair in pairing.pairs] == ["a", "b", "group one/b"]
    assert pairing.pairs[2] == Pair(
        "group one/b", folders / "predictions/group one/b.webp", folders / "truth/group one/b.png"
    )
    assert pairing.ignored == 2


def test_whole_images(folders):
    report = evaluate(folders / "predictions", str(folders / "truth"))
    assert (report.region, report.count, report.ignored) == ("whole", 3, 2)
    for name, predicted, true in (("a", 1, 0), ("b", 3, 1)):
        for metric in METRICS:
            expected = getattr(metrics, metric)(matte(predicted), matte(true))
            assert report.images[name][metric] == expected > 0
    for metric in METRICS:
        assert report.mean[metric] == pytest.approx(np.mean([v[metric] for v in report.images.values()]))


def test_unknown_part_of_trimaps(folders):
    region = draw_trimaps(folders)
    report = evaluate(folders / "predictions", folders / "truth", trimaps=folders / "trimaps")
    assert report.region == "unknown"
    for metric in METRICS:
        expected = getattr(metrics, metric)(matte(3), matte(1), region)
        assert report.images["b"][metric] == expected != getattr(metrics, metric)(matte(3), matte(1))


def test_json_has_exactly_the_promised_keys(folders):
    report = evaluate(folders / "predictions", folders / "truth")
    read = json.loads(report.to_json())
    assert read == report.to_dict()
    assert list(read) == ["count", "region", "mean", "images"]
    assert list(read["mean"]) == METRICS
    assert list(read["images"]) == ["a", "b", "group one/b"]
    assert all(list(values) == METRICS for values in read["images"].values())


def test_two_files_with_any_names(folders):
    draw_trimaps(folders)
    one, other = folders / "predictions/a.tif", folders / "truth/b.png"
    assert evaluate(one, other).images == {"b": evaluate(one, other).mean}
    assert evaluate(one, other).mean["sad"] == 0
    for trimaps in (folders / "trimaps/a.png", folders / "trimaps"):
        report = evaluate(folders / "predictions/c.png", other, trimaps=trimaps)
        assert (report.count, report.region, report.ignored) == (1, "unknown", 0)
        assert report.mean["sad"] > 0


def test_sixteen_bits_are_rounded_to_eight(tmp_path):
    truth = matte()
    save(tmp_path / "truth.png", truth)
    noise = np.random.default_rng(0).uniform(-0.45, 0.45, truth.shape) / 255
    save(tmp_path / "deep.png", np.clip(truth + noise, 0, 1).astype(np.float32), bits=16)
    assert evaluate(tmp_path / "deep.png", tmp_path / "truth.png").mean["sad"] == 0


def test_segmentation(folders):
    report = evaluate(folders / "predictions", folders / "truth", protocol="segmentation")
    assert list(report.mean) == ["bce", "accuracy"]
    assert report.images["a"]["bce"] == metrics.binary_cross_entropy(matte(1), matte(0))
    assert report.images["a"]["accuracy"] == metrics.accuracy(matte(1), matte(0)) < 1


def test_score_tells_of_each_image(folders):
    calls = []
    score(find_pairs(folders / "predictions", folders / "truth"), scored=lambda: calls.append(1))
    assert len(calls) == 3


def test_mean_counts_each_image_once():
    report = Report("whole", {"a": {"sad": 1.0}, "b": {"sad": 4.0}})
    assert report.mean == {"sad": 2.5}


def test_a_truth_without_a_prediction_is_named(folders):
    (folders / "predictions/group one/b.webp").unlink()
    with pytest.raises(InputError, match=r"^group one/b: has no prediction in .*predictions;"):
        evaluate(folders / "predictions", folders / "truth")


def test_a_truth_without_a_trimap_is_named(folders):
    draw_trimaps(folders)
    (folders / "trimaps/b.png").unlink()
    with pytest.raises(InputError, match=r"^b: has no trimap"):
        evaluate(folders / "predictions", folders / "truth", trimaps=folders / "trimaps")


@pytest.mark.parametrize("what", ["predictions", "trimaps"])
def test_another_size_is_named(folders, what):
    draw_trimaps(folders)
    save(folders / what / "b.png", np.zeros((19, 30), np.float32), overwrite=True)
    with pytest.raises(InputError, match=rf"{what}.b\.png: is 30×19; .* 30×20") as caught:
        evaluate(folders / "predictions", folders / "truth", trimaps=folders / "trimaps")
    assert "b.png" in str(caught.value)


def test_a_trimap_without_unknown_pixels_is_named(folders):
    draw_trimaps(folders)
    save(folders / "trimaps/b.png", np.ones((20, 30), np.float32), overwrite=True)
    with pytest.raises(InputError, match=r"b\.png: has nothing unknown"):
        evaluate(folders / "predictions", folders / "truth", trimaps=folders / "trimaps")


@pytest.mark.parametrize("where", ["predictions", "truth"])
def test_two_files_of_one_name_are_refused(folders, where):
    save(folders / where / "a.jpg", matte())
    with pytest.raises(InputError, match=r"a\.\w+: has the same name as a\.\w+"):
        evaluate(folders / "predictions", folders / "truth")


def test_files_that_cannot_be_read_are_named(folders):
    (folders / "predictions/a.tif").write_bytes(b"text")
    with pytest.raises(InputError, match=r"a\.tif"):
        evaluate(folders / "predictions", folders / "truth")


def test_a_prediction_in_colour_without_alpha_is_refused(folders):
    colours = np.dstack([matte(0), matte(1), matte(2)])
    save(folders / "predictions/b.png", colours, overwrite=True)
    with pytest.raises(InputError, match=r"b\.png"):
        evaluate(folders / "predictions", folders / "truth")


def test_bad_requests(folders):
    predictions, truth = folders / "predictions", folders / "truth"
    with pytest.raises(InputError, match=r"'sharp' is unknown; default, segmentation are accepted"):
        evaluate(predictions, truth, protocol="sharp")
    with pytest.raises(InputError, match="does not exist"):
        evaluate(predictions, folders / "nowhere")
    with pytest.raises(InputError, match="is a file while"):
        evaluate(predictions / "a.tif", truth)
    with pytest.raises(InputError, match="is a folder while"):
        evaluate(predictions, truth / "a.png")
    with pytest.raises(InputError, match="is a file while"):
        evaluate(predictions, truth, trimaps=truth / "a.png")
    (folders / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        evaluate(predictions, folders / "empty")


def test_protocols_name_functions_of_a_prediction_a_truth_and_a_region():
    assert list(PROTOCOLS) == ["default", "segmentation"]
    assert list(PROTOCOLS["default"]) == METRICS
    assert all(f(matte(), matte(), None) == (f is metrics.accuracy) for f in PROTOCOLS["default"].values())


def test_evaluation_never_imports_a_model():
    code = (
        "import sys, wisp.evaluation.protocols, wisp.evaluation.bootstrap\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('torch', 'openvino', 'onnxruntime')"
        " or m.startswith(('wisp.engine', 'wisp.networks', 'wisp.pipeline'))]\n"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
