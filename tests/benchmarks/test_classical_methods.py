"""The tables of methods without a network."""

import runpy
from pathlib import Path

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
