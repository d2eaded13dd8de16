"""Ranks as alphamatting.com has them, and the folder that it takes."""

import json

import numpy as np
import pytest

from wisp.core.errors import InputError
from wisp.evaluation.alphamatting import Ranking, find_entrants, rank, write_submission
from wisp.evaluation.protocols import evaluate
from wisp.io.guidance import read_grey
from wisp.io.images import write_image

NAMES = ("doll", "troll")
SIZE = (12, 17)


def truth_of(seed):
    x = np.linspace(0, 1, SIZE[1], dtype=np.float32)
    return np.tile(np.clip(x * (2 + seed) - 0.5, 0, 1), (SIZE[0], 1)).astype(np.float32)


def trimap_of(reach):
    trimap = np.full(SIZE, 128 / 255, np.float32)
    trimap[:, :reach], trimap[:, -reach:] = 0, 1
    return trimap


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, values, bits=8)


@pytest.fixture
def benchmark(tmp_path):
    """A set with two trimaps in the site's spelling, and three methods; "good" is worse on one column."""
    for seed, name in enumerate(NAMES):
        save(tmp_path / f"set/alpha/{name}.png", truth_of(seed))
        for reach, trimap in ((4, "Trimap1"), (2, "Trimap2")):
            save(tmp_path / f"set/{trimap}/{name}.png", trimap_of(reach))
            errors = {"good": 0.02, "fair": 0.1, "poor": 0.3}
            if (name, trimap) == ("doll", "Trimap2"):
                errors["good"] = 0.2
            for method, error in errors.items():
                path = tmp_path / f"results/{method}/{trimap.lower()}/{name}.png"
                save(path, np.clip(truth_of(seed) + np.float32(error), 0, 1))
    save(tmp_path / "results/good/trimap1/extra.png", truth_of(0))
    (tmp_path / "results/notes").mkdir()
    return tmp_path


def test_ranks_are_means_over_columns(benchmark):
    ranking = rank(find_entrants(benchmark / "results", benchmark / "set"))
    assert ranking.trimaps == ["trimap1", "trimap2"]
    assert (ranking.count, ranking.ignored) == (4, 1)
    assert ranking.ranks("sad") == {
        "fair": {"overall": 1.75, "trimap1": 2.0, "trimap2": 1.5},
        "good": {"overall": 1.25, "trimap1": 1.0, "trimap2": 1.5},
        "poor": {"overall": 3.0, "trimap1": 3.0, "trimap2": 3.0},
    }
    header, rows = ranking.rows("mse")
    assert [row[0] for row in rows] == ["good", "fair", "poor"]
    assert header[:4] == ["method", "rank", "rank, trimap1", "rank, trimap2"]
    assert rows[0][1:4] == ["1.2", "1.0", "1.5"]
    assert "| good | 1.2 | 1.0 | 1.5 |" in ranking.to_markdown()


def test_scores_are_those_of_the_default_protocol(benchmark):
    content = json.loads(rank(find_entrants(benchmark / "results", benchmark / "set")).to_json())
    results, truths = benchmark / "results/fair/trimap2", benchmark / "set/alpha"
    alone = evaluate(results, truths, trimaps=benchmark / "set/Trimap2").to_dict()
    mine = content["methods"]["fair"]["trimaps"]["trimap2"]
    for name, values in alone["images"].items():
        assert mine["images"][name] == {metric: values[metric] for metric in ("sad", "mse", "grad", "conn")}
    assert mine["mean"] == {key: value for key, value in alone["mean"].items() if key != "mae"}
    assert (mine["count"], mine["region"]) == (2, "unknown")
    both = [content["methods"]["fair"]["trimaps"][name]["mean"]["sad"] for name in content["trimaps"]]
    assert content["methods"]["fair"]["mean"]["sad"] == pytest.approx(np.mean(both))


def test_one_method_and_a_folder_of_trimaps_elsewhere(benchmark):
    folder = benchmark / "results/good"
    (entrant,) = find_entrants(folder, benchmark / "set/alpha", trimaps=benchmark / "set")
    assert entrant.name == "good"
    assert rank([entrant]).ranks("conn") == {"good": {"overall": 1, "trimap1": 1, "trimap2": 1}}


def test_equal_errors_share_the_better_rank():
    cells = {"a": 1.0, "b": 1.0, "c": 2.0}
    ranking = Ranking({name: {"trimap1": {"x": {"sad": value}}} for name, value in cells.items()})
    assert [found["overall"] for found in ranking.ranks("sad").values()] == [1, 1, 3]


def test_a_submission_in_the_sites_layout(benchmark, tmp_path):
    out = tmp_path / "submission"
    assert write_submission(benchmark / "results/good", benchmark / "set", out) == 4
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert files == [f"{trimap}/{name}.png" for trimap in ("Trimap1", "Trimap2") for name in NAMES]
    for path in files:
        mine = read_grey(benchmark / "results/good" / path.replace("T", "t", 1))
        np.testing.assert_array_equal(read_grey(out / path), mine)
    with pytest.raises(InputError, match="exists already"):
        write_submission(benchmark / "results/good", benchmark / "set", out)
    assert write_submission(benchmark / "results", benchmark / "set", tmp_path / "all") == 12
    assert (tmp_path / "all/poor/Trimap2/troll.png").is_file()


def test_a_submission_lacks_nothing(benchmark, tmp_path):
    (benchmark / "results/good/trimap2/doll.png").unlink()
    with pytest.raises(InputError, match="doll: has no prediction"):
        write_submission(benchmark / "results/good", benchmark / "set", tmp_path / "out")
    save(benchmark / "results/good/trimap2/doll.png", truth_of(0)[:-1])
    with pytest.raises(InputError, match=r"doll\.png: is 17×11; the size of the trimap .*, 17×12"):
        write_submission(benchmark / "results/good", benchmark / "set", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("predictions", "truth", "complaint"),
    [
        ("nowhere", "set", "nowhere: does not exist"),
        ("set/alpha", "set", "has no folder of predictions for each trimap"),
        ("results", "nowhere", "nowhere: does not exist"),
        ("results", "set/alpha", "--trimaps: is missing"),
        ("results", "set/alpha/doll.png", "is a file"),
    ],
)
def test_wrong_places(benchmark, predictions, truth, complaint):
    with pytest.raises(InputError, match=complaint):
        find_entrants(benchmark / predictions, benchmark / truth)


def test_a_trimap_without_predictions(benchmark):
    for path in (benchmark / "results/poor/trimap2").iterdir():
        path.unlink()
    (benchmark / "results/poor/trimap2").rmdir()
    with pytest.raises(InputError, match="poor: has no predictions for trimap2"):
        find_entrants(benchmark / "results", benchmark / "set")
