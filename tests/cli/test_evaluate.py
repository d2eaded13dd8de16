import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from wisp.cli.console import UsageError
from wisp.cli.evaluate import evaluate_command
from wisp.errors import InputError
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


def test_table_and_json_file(folders):
    for _ in range(2):  # a report may be written anew
        result = run(folders / "predictions", folders / "truth", "--json", folders / "scores.json")
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
