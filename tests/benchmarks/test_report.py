"""The report in a real browser, where one is installed; and what is made of the kept result."""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tiny_networks import bright_disc
from wisp.evaluation.protocols import evaluate
from wisp.io.images import write_image
from wisp.lab.benchmark.cases import find_cases
from wisp.lab.benchmark.pictures import pictures_of
from wisp.lab.benchmark.reports import to_html

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def browser():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("_browser")
    sys.modules.pop("_browser", None)


@pytest.fixture
def report(tmp_path):
    """A page of two systems, one perfect, and one that failed, on two photos."""
    names = {"ours-a": 1.0, "peer-b": 0.8}
    for number in range(2):
        image, alpha = bright_disc(50, 70, radius=0.2 + 0.1 * number)
        for kind, pixels in (("image", image), ("alpha", alpha)):
            (tmp_path / "set" / kind).mkdir(parents=True, exist_ok=True)
            write_image(tmp_path / "set" / kind / f"{number}.png", pixels, bits=8)
        for slug, factor in names.items():
            (tmp_path / slug).mkdir(exist_ok=True)
            write_image(tmp_path / slug / f"{number}.png", (alpha * np.float32(factor)), bits=8)
    rows = []
    for slug in names:
        scored = evaluate(tmp_path / slug, tmp_path / "set" / "alpha")
        rows.append(
            {
                "name": f"<b>{slug}</b>",
                "slug": slug,
                "kind": slug.partition("-")[0],
                "mean": {"whole": scored.mean},
            }
            | {"images": {name: {"whole": scores} for name, scores in scored.images.items()}}
            | {"cpu_s": 0.1, "wall_s": 0.2, "start_cpu_s": 1, "peak_mb": 100.0, "model_bytes": 0}
            | {"colour_error": None, "runs_in": "x"}
        )
    rows.append({"name": "c", "slug": "c", "kind": "peer", "error": "is not </script> here"})
    result = {
        "wisp": "0",
        "folder": "set",
        "photos": 2,
        "regions": ["whole"],
        "machine": {"cpu": "abacus", "cores": 2, "cores_each": 1, "python": "3"},
        "versions": {},
        "systems": rows,
        "left_out": {},
        "hardest": ["1", "0"],
    }
    pictures = pictures_of(find_cases(tmp_path / "set")[::-1], {slug: tmp_path / slug for slug in names})
    page = tmp_path / "report.html"
    page.write_text(to_html(result, pictures), encoding="utf-8")
    return page


@pytest.mark.skipif(find_spec("playwright") is None, reason="needs Playwright, of the bench group")
class TestBrowser:
    @pytest.fixture(autouse=True)
    def installed(self, browser):
        if browser.chromium() is None:
            pytest.skip("no Chromium is installed")

    def test_the_page_works_and_asks_for_nothing(self, browser, report, tmp_path):
        pictures = {name: tmp_path / f"{name}.jpg" for name in ("picture", "top", "compare")}
        assert browser.check(report, browser.chromium(), **pictures) == []
        assert all(path.stat().st_size > 5000 for path in pictures.values())

    def test_what_is_wrong_is_told(self, browser, report):
        text = report.read_text(encoding="utf-8")
        report.write_text(
            text.replace("<main>", '<main><img src="https://example.org/x.png">'), encoding="utf-8"
        )
        problems = browser.check(report, browser.chromium())
        assert any("example.org" in problem for problem in problems)
