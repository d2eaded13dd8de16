"""`wisp export`: what it says, and what it refuses before any work."""

from types import SimpleNamespace

import pytest

from wisp.training import calibration, export


@pytest.fixture
def exported(monkeypatch):
    """What `export_checkpoint` is called with, and what it is made to return."""
    seen = SimpleNamespace(calls=[], loss=None)

    def checkpoint(path, out, **options):
        seen.calls.append((path, out, options))
        return export.Exported(out, 3_150_000, 2_710_000, 1e-6, 2e-4, seen.loss)

    monkeypatch.setattr(export, "export_checkpoint", checkpoint)
    monkeypatch.setattr(calibration, "samples", lambda data, **options: (["photos"], ["held out", options]))
    return seen


def test_floats_by_default(wisp, exported, tmp_path):
    ran = wisp("export", "best.pt", "-o", tmp_path / "n.onnx")
    assert ran.code == 0
    assert exported.calls[0][2] == {"part": None, "calibration": None, "overwrite": False}
    assert ran.errors[0].endswith("difference from the network 1.0e-06, 2.0e-04 with fp16 weights")


def test_int8_is_calibrated_and_its_loss_told(wisp, exported, tmp_path):
    exported.loss = export.Loss(61, 4, 64, 0.01, 0.0101)
    out = tmp_path / "n.onnx"
    ran = wisp("export", "best.pt", "-o", out, "--int8", "--data", tmp_path, "--samples", 24, "--keep", "a/b")
    assert ran.code == 0
    options = exported.calls[0][2]
    assert options["calibration"].photos == ["photos"]
    assert options["calibration"].held_out[1]["count"] == 24
    assert options["calibration"].keep == ["a/b"]
    assert ran.errors == [
        f"{out}: 3.15 MB, 2.71 M parameters, 61 convolutions in int8, 4 in floats; mean absolute error on 64 "
        "held-out samples 0.01000 in floats, 0.01010 in int8 (+1.0%)"
    ]
    assert wisp("export", "best.pt", "-o", out, "--int8", "--data", tmp_path, "--quiet").errors == []
    assert exported.calls[1][2]["calibration"].keep is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--int8"], "--int8: needs photos to calibrate with; --data FOLDER is accepted"),
        (["--data", "x"], "--data: is of no use without --int8"),
        (["--keep", "x"], "--data: is of no use without --int8"),
    ],
)
def test_options_that_make_no_sense_together(wisp, exported, tmp_path, options, message):
    ran = wisp("export", "best.pt", "-o", tmp_path / "n.onnx", *options)
    assert ran.code == 2
    assert message in ran.errors[0]
    assert exported.calls == []


def test_an_output_that_cannot_be_is_found_before_samples_are_made(wisp, exported, tmp_path):
    out = tmp_path / "n.onnx"
    out.write_bytes(b"older")
    ran = wisp("export", "best.pt", "-o", out, "--int8", "--data", tmp_path)
    assert ran.code == 1
    assert "exists already; --overwrite" in ran.errors[0]
    assert exported.calls == []
    assert out.read_bytes() == b"older"
