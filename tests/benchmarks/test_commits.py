"""The benchmark of two trees: what it runs sees the tree that it is told, and the least of each is kept."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tiny_networks import bright_disc
from wisp.io.images import write_image
from wisp.matting.trimap import trimap_from_alpha

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    """The script as a module; its neighbours are found as they are when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("commits")
    for name in ("commits", "cutout"):
        sys.modules.pop(name, None)


def test_a_command_finds_the_tree_that_it_is_told(script, tmp_path):
    (tmp_path / "wisp").mkdir()
    (tmp_path / "wisp" / "__init__.py").write_text(
        "here = bytearray(80_000_000)\nhere[::4096] = bytes(19532)\n"
    )
    spent, peak, told = script.launch([sys.executable, "-c", "import wisp; print(wisp.__file__)"], tmp_path)
    assert Path(told.strip()) == tmp_path / "wisp" / "__init__.py"
    assert 0 < spent < 10
    assert 80 < peak < 400


def test_a_command_that_fails_is_no_figure(script):
    with pytest.raises(subprocess.CalledProcessError):
        script.launch([sys.executable, "-c", "raise SystemExit(3)"], ROOT / "src")


def test_a_commit_s_sources_are_written_elsewhere(script, tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("no repository")
    source = script.check_out("HEAD", tmp_path)
    assert source == tmp_path / "before" / "src"
    assert (source / "wisp" / "pipeline.py").is_file()


def test_a_process_cuts_a_photo_out_several_times(script, tmp_path):
    image, alpha = bright_disc(40, 50)
    write_image(tmp_path / "photo.png", image, bits=8)
    np.save(tmp_path / "trimap.npy", trimap_from_alpha(alpha, width=0.2))
    for words in ({"alpha": True}, {"method": "closed-form", "trimap": True}):
        given = [tmp_path / "photo.png", tmp_path / "trimap.npy", json.dumps(words), "3"]
        _, _, told = script.launch([sys.executable, "-c", script.PROBE, *given], ROOT / "src")
        assert len([float(seconds) for seconds in json.loads(told)]) == 3


def test_the_least_of_the_turns_counts_but_for_the_first(script):
    rows = {}
    for turn, (spent, peak) in enumerate([(1, 10), (5, 40), (4, 50)]):
        script.keep_least(rows, "a", "now", turn, cpu_s=spent, peak_mb=peak)
    assert rows == {"a": {"now": {"cpu_s": 4, "peak_mb": 40}}}


def test_a_clip_is_a_view_that_moves(script, tmp_path):
    image = np.random.default_rng(0).random((400, 700, 3), np.float32)
    folder = script.write_clip(image, tmp_path / "clip", 8)
    files = sorted(folder.iterdir())
    assert len(files) == 8
    assert len({file.read_bytes() for file in files}) == 8


def test_the_table_tells_what_changed(script):
    result = {
        "commit": "abc",
        "machine": {"cores": 2, "cpu": "X"},
        "versions": {"openvino": "1"},
        "photo": {"width": 9, "height": 8},
        "rows": {
            "`auto`": {
                "before": {"cpu_s": 0.2, "peak_mb": 300.0},
                "now": {"cpu_s": 0.3, "peak_mb": 360.0},
            }
        },
    }
    assert script.table(result).splitlines()[0] == (
        "Commit abc and this one on 2 cores of an X, OpenVINO 1; a photo of 9×8."
    )
    assert script.table(result).splitlines()[-1] == (
        "| `auto` | 0.200 | 0.300 | 1.50 × | 300 | 360 | 1.20 × |"
    )
