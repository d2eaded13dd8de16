import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from wisp.cli.console import UsageError
from wisp.cli.evaluate import evaluate_command
from wisp.core.errors import InputError
from wisp.evaluation.protocols import evaluate
from wisp.io.images import write_image

app = typer.Typer()
app.command()(evaluate_command)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folders(tmp_path):
    ramp = np.tile(np.linspace(0, 1, 24, dtype=np.float32), (17, 1))
    for name, power in (("hair", 1.2), ("deep/bo[ld]ly", 2.0)):
        for folder, values in (("truth", ramp), ("predictions", ramp**power)):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, values.astype(np.float32), bits=8)
    return tmp_path


def test_json_to_stdout_and_nothing_else(folders):
    result = run(folders / "predictions", folders / "truth", "--json", "-")
    assert result.exit_code == 0
    report = evaluate(folders / "predictions", folders / "truth")
    assert json.loads(result.stdout) == report.to_dict()
    assert not result.stderr


def test_scores_that_exist_are_replaced_only_when_asked(folders):
    scores = folders / "scores.json"
    scores.write_text("mine", encoding="utf-8")
    words = (folders / "predictions", folders / "truth", "--json", scores)
    result = run(*words)
    assert result.exit_code != 0
    assert scores.read_text(encoding="utf-8") == "mine"
    assert run(*words, "--overwrite").exit_code == 0
    assert json.loads(scores.read_text(encoding="utf-8"))["count"] > 0


def test_table_and_json_file(folders):
    for _ in range(2):  # a report may be written anew
        words = ("--json", folders / "scores.json", "--overwrite")
        result = run(folders / "predictions", folders / "truth", *words)
        assert result.exit_code == 0
    read = json.loads((folders / "scores.json").read_text(encoding="utf-8"))
    assert read["count"] == 2
    for word in ("hair", "deep/bo[ld]ly", "mean", "sad", "conn", "whole", f"{read['mean']['sad']:.4g}"):
        assert word in result.stdout


def test_ignored_predictions_are_counted_on_stderr(folders):
    (folders / "truth/hair.png").unlink()
    result = run(folders / "predictions", folders / "truth", "--json", "-")
    assert json.loads(result.stdout)["count"] == 1
    assert "wisp: 1 of the predictions" in result.stderr


def test_trimaps_and_protocol(folders):
    path = folders / "trimap.png"
    trimap = np.zeros((17, 24), np.float32)
    trimap[5:9] = 128 / 255
    write_image(path, trimap, bits=8)
    places = [folders / folder / "hair.png" for folder in ("predictions", "truth")]
    result = run(*places, "--trimaps", path, "--protocol", "segmentation", "--json", "-")
    report = json.loads(result.stdout)
    assert report["region"] == "unknown"
    assert list(report["images"]["hair"]) == ["bce", "accuracy"]


def test_a_missing_prediction_is_the_inputs_fault(folders):
    (folders / "predictions/hair.png").unlink()
    result = run(folders / "predictions", folders / "truth", "--json", folders / "scores.json")
    assert type(result.exception) is InputError
    assert "hair" in str(result.exception)
    assert not (folders / "scores.json").exists()


def test_wrong_usage(folders):
    predictions, truth = folders / "predictions", folders / "truth"
    (folders / "empty").mkdir()
    for words in (
        (predictions, truth, "--protocol", "nonsense"),
        (predictions, folders / "nowhere"),
        (predictions, folders / "empty"),
        (predictions, truth, "--json", folders / "no/where.json"),
        (predictions, truth, "--json", truth / "hair.png"),
    ):
        assert type(run(*words).exception) is UsageError, words
    assert (truth / "hair.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def benchmark(folders):
    """Two methods with one trimap, and a composited set of one picture, made of the same ramps."""
    trimap = np.full((17, 24), 128 / 255, np.float32)
    trimap[:, :2], trimap[:, -2:] = 0, 1
    ramp = np.tile(np.linspace(0, 1, 24, dtype=np.float32), (17, 1))
    pictures = {
        "set/alpha/hair.png": ramp,
        "set/trimap1/hair.png": trimap,
        "set/trimaps/hair_0.png": trimap,
        "methods/ours/trimap1/hair.png": ramp,
        "methods/theirs/trimap1/hair.png": ramp**2,
        "composites/hair_0.png": ramp**2,
    }
    for name, values in pictures.items():
        (folders / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(folders / name, values, bits=8)
    return folders


def test_ranks_of_methods(benchmark):
    words = (benchmark / "methods", benchmark / "set", "--protocol", "alphamatting")
    result = run(*words, "--json", benchmark / "ranks.json")
    assert result.exit_code == 0
    content = json.loads((benchmark / "ranks.json").read_text(encoding="utf-8"))
    assert content["ranks"]["sad"]["ours"] == {"overall": 1, "trimap1": 1}
    assert content["methods"]["theirs"]["mean"]["sad"] > content["methods"]["ours"]["mean"]["sad"] == 0
    for word in ("ours", "theirs", "rank", "grad", "conn"):
        assert word in result.stdout


def test_a_submission_needs_no_truth(benchmark):
    out = benchmark / "submission"
    words = (benchmark / "methods/ours", "--trimaps", benchmark / "set", "--submission", out)
    result = run(*words, "--protocol", "alphamatting")
    assert result.exit_code == 0
    assert result.stderr == f"wisp: {out}: 1 alphas\n"
    assert (out / "Trimap1/hair.png").is_file()
    assert type(run(*words, "--protocol", "alphamatting").exception) is InputError
    assert run(*words, "--protocol", "alphamatting", "--overwrite").exit_code == 0
    assert type(run(*words).exception) is UsageError
    assert type(run(benchmark / "methods/ours").exception) is UsageError


def test_composites(benchmark):
    words = (benchmark / "composites", benchmark / "set", "--protocol", "composition-1k", "--json", "-")
    result = run(*words)
    content = json.loads(result.stdout)
    assert list(content["mean"]) == ["sad", "mse", "grad", "conn"]
    assert (content["count"], content["region"]) == (1, "unknown")
    assert "has 1 composites, the published set 1000" in result.stderr
