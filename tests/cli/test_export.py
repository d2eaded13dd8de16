"""`wisp export`: what it says, and what it refuses before any work."""

from types import SimpleNamespace

import pytest

from wisp.training import calibration, export


@pytest.fixture
def exported(monkeypatch):
    """What `export_checkpoint` is called with, and what it is made to return."""
    seen = SimpleNamespace(calls=[], loss=None, pruned=None)

    def checkpoint(path, out, **options):
        seen.calls.append((path, out, options))
        return export.Exported(out, 3_150_000, 2_710_000, 1e-6, 2e-4, seen.loss, seen.pruned)

    monkeypatch.setattr(export, "export_checkpoint", checkpoint)
    monkeypatch.setattr(calibration, "samples", lambda data, **options: (["photos"], ["held out", options]))
    return seen


def test_floats_by_default(wisp, exported, tmp_path):
    ran = wisp("export", "best.pt", "-o", tmp_path / "n.onnx")
    assert ran.code == 0
    assert exported.calls[0][2] == {
        "part": None,
        "average_with": (),
        "lean_with": None,
        "calibration": None,
        "overwrite": False,
    }
    assert ran.errors[0].endswith("difference from the network 1.0e-06, 2.0e-04 with fp16 weights")


def test_int8_is_calibrated_and_its_loss_told(wisp, exported, tmp_path):
    exported.loss = export.QuantisationCost(61, 4, 64, 0.01, 0.0101)
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


def test_a_lean_network_is_fitted_on_photos_and_its_difference_told(wisp, exported, tmp_path, monkeypatch):
    from wisp.training import pruning

    monkeypatch.setattr(pruning, "samples", lambda data, **options: (data, options))
    exported.pruned = 0.0012
    out = tmp_path / "n.onnx"
    ran = wisp("export", "best.pt", "-o", out, "--lean", "--data", tmp_path, "--names", "names.txt")
    assert ran.code == 0
    data, options = exported.calls[0][2]["lean_with"]
    assert data == [tmp_path]
    assert str(options["names"]) == "names.txt"
    assert exported.calls[0][2]["calibration"] is None
    assert "2.71 M parameters, lean: 1.2e-03 from the whole network on average, largest" in ran.errors[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--int8"], "--int8: needs photos to calibrate with; --data FOLDER is accepted"),
        (["--lean"], "--lean: needs photos to fit on; --data FOLDER is accepted"),
        (["--data", "x"], "--data: is of no use without --lean or --int8"),
        (["--keep", "x"], "--data: is of no use without --lean or --int8"),
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


def test_the_checkpoint_is_never_the_output(wisp, exported, untouched, tmp_path):
    """`--overwrite` replaces a file that is there, not what is read: trained weights would be gone."""
    checkpoint = tmp_path / "best.onnx"
    checkpoint.write_bytes(b"trained for days")
    untouched(tmp_path)
    ran = wisp("export", checkpoint, "-o", checkpoint, "--overwrite")
    assert (ran.code, ran.errors) == (
        1,
        [f"wisp: {checkpoint}: is an input; inputs are never overwritten"],
    )
    words = ["export", "best.pt", "--average-with", checkpoint, "-o", checkpoint, "--overwrite"]
    assert "is an input" in wisp(*words).errors[0]
    assert exported.calls == []


def test_the_output_is_named_as_an_onnx_file(wisp, exported, tmp_path):
    ran = wisp("export", "best.pt", "-o", tmp_path / "n.txt")
    assert "n.txt: is no name of an ONNX file; one that ends in .onnx is accepted" in ran.errors[0]
    assert exported.calls == []
