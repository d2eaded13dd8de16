"""The tables of methods without a network."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "classical_methods.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def row(error, seconds=1.0):
    return {"SAD": error, "MSE": error / 1000, "Grad": error, "Conn": error, "cpu_s": seconds, "unknown": 9}


def test_a_mean_rank_shares_the_better_place(script):
    rows = {
        "a": {"one": row(1.0), "two": row(2.0)},
        "b": {"one": row(1.0), "two": row(3.0)},
        "c": {"one": row(4.0), "two": row(1.0)},
    }
    assert script["mean_ranks"](rows) == {"a": 1.5, "b": 2.0, "c": 2.0}


def test_tables_have_the_least_error_first(script):
    kept = {
        "methods": {
            "knn": {"trimap1": {"one": row(4.0, 3.0), "two": row(2.0, 1.0)}},
            "pymatting:knn": {"trimap1": {"one": row(1.0), "two": row(2.0)}},
        }
    }
    lines = script["tables"](kept).splitlines()
    assert lines[0].startswith("**alphamatting.com, ten photos")
    assert lines[-2:] == [
        "| pymatting, knn | 1.50 | 1.50 | 1.50 | 1.50 | 1.0 | 1.00 |",
        "| knn | 3.00 | 3.00 | 3.00 | 3.00 | 1.5 | 2.00 |",
    ]


def test_sampling_methods_are_measured_with_the_other_smoothing_too(script):
    assert script["_switched"](("bayesian", "shared-sampling")) == {
        "bayesian": "smooth",
        "shared-sampling": "no-smooth",
    }


def test_a_method_that_lacks_photos_of_a_set_is_in_no_table(script):
    kept = {
        "methods": {
            "knn": {"trimap1": {"one": row(1.0)}},
            "poisson": {"trimap1": {"one": row(4.0), "two": row(2.0)}},
        }
    }
    table = script["tables"](kept)
    assert "| poisson | 3.00 |" in table
    assert "knn" not in table


def test_sizes_are_told_with_their_share_of_pymattings(script):
    sizes = {
        "knn": {"800×600": {"cpu_s": 1.0, "peak_mb": 300}, "12 Mpx": {"cpu_s": 20.0, "peak_mb": 900}},
        "pymatting:knn": {"800×600": {"cpu_s": 8.0, "peak_mb": 1200}, "12 Mpx": {}},
        "poisson": {"800×600": {"cpu_s": 0.5, "peak_mb": 90}},
    }
    lines = script["tables"]({"methods": {}, "sizes": sizes}).splitlines()
    assert lines[-3:] == [
        "| knn | 1.0 (0.12 ×) | 300 (0.25 ×) | 20.0 | 900 |",
        "| poisson | 0.5 | 90 | – | – |",
        "| pymatting, knn | 8.0 | 1200 | over 8 GB | over 8 GB |",
    ]


def test_a_photo_is_measured_in_a_process_of_its_own(script, tmp_path):
    rng = np.random.default_rng(0)
    trimap = np.full((60, 70), 128, np.uint8)
    trimap[:20], trimap[-20:] = 0, 255
    np.savez(tmp_path / "photo.npz", image=rng.random((60, 70, 3), np.float32), trimap=trimap)
    held = np.ones(5 << 28, np.uint8)  # what the parent holds does not count
    found = script["measure_size"](sys.executable, "random-walk", tmp_path / "photo.npz")
    assert held[-1]
    assert 0 <= found["cpu_s"] < 60
    assert 0 <= found["peak_mb"] < 1000
    assert script["measure_size"](sys.executable, "random-walk", tmp_path / "none.npz") == {}
