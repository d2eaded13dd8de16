import base64
import hashlib
import json
import re

import numpy as np

from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image
from wisp.lab.benchmark.cases import find_cases
from wisp.lab.benchmark.pictures import pictures_of
from wisp.lab.benchmark.reports import cells, columns, table, to_html, to_markdown

NASTY = 'a</script><script>alert("x")</script>|&amp;'


def result(**other):
    scores = {"sad": 3.456, "mse": 0.0013, "mae": 0.0051, "grad": 2.404, "conn": 3.0}
    row = {
        "name": "wisp, auto",
        "slug": "ours-auto",
        "kind": "ours",
        "mean": {"whole": scores, "trimap": scores},
        "colour_error": None,
        "cpu_s": 0.25,
        "wall_s": 0.5,
        "start_cpu_s": 1.0,
        "peak_mb": None,
        "model_bytes": 0,
        "runs_in": "wisp's defaults",
        "images": {NASTY: {"whole": scores, "trimap": scores}},
    }
    failed = {"name": "RVM", "slug": "rvm", "kind": "peer", "error": f"why | {NASTY}"}
    return {
        "wisp": "0",
        "folder": NASTY,
        "photos": 1,
        "regions": ["whole", "trimap"],
        "machine": {"cpu": "abacus", "cores": 2, "cores_each": 1, "python": "3"},
        "versions": {"numpy": "1"},
        "systems": [row, failed],
        "left_out": {"IS-Net": "no file was given"},
        "hardest": [NASTY],
    } | other


def test_a_table_has_as_many_cells_in_each_row():
    lines = table(result(), "whole").splitlines()
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert lines[2].startswith(
        "| wisp, auto | 3.46 | 1.30 | 5.10 | 2.40 | 3.00 | 0.250 | 0.500 | 1.0 | – | – |"
    )
    assert lines[3].startswith(r"| RVM | failed: why \| a</script>")


def test_columns_and_cells_belong_together():
    for colour in (None, 1.5):
        some = result()
        some["systems"][0]["colour_error"] = colour
        names, hints = columns(some)
        assert len(names) == len(hints) == 1 + len(cells(some, some["systems"][0], "whole"))
        assert ("colours" in names) == (colour is not None)


def test_markdown_tells_what_failed_and_what_is_hard():
    text = to_markdown(result())
    assert "## Whole image" in text
    assert "## Unknown part of trimap" in text
    assert "- RVM: why | a" in text
    assert "- IS-Net: no file was given" in text
    assert "## Hard cases" in text
    assert "\n\n\n" not in text
    nothing = result(systems=result()["systems"][1:], left_out={})
    assert "Hard cases" not in to_markdown(nothing)


def test_names_from_files_cannot_break_out_of_the_page():
    page = to_html(result(), [])
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["result"]["folder"] == NASTY
    assert "@@" not in page


def test_the_page_forbids_itself_everything_from_outside():
    page = to_html(result(), [])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg|http-equiv", "", page)


def test_pictures_are_small_and_show_the_error(photos, tmp_path):
    cases = find_cases(photos)
    for case in cases:
        alpha = read_grey(case.alpha)
        (tmp_path / case.name).parent.mkdir(exist_ok=True)
        write_image(tmp_path / f"{case.name}.png", np.abs(alpha - 0.25).astype(np.float32), bits=8)
    shown = pictures_of(cases, {"x": tmp_path}, side=40)
    assert [picture["name"] for picture in shown] == ["a", "b/c", "d"]
    assert (shown[0]["width"], shown[0]["height"]) == (40, 32)
    assert (shown[2]["width"], shown[2]["height"]) == (40, 16)
    kept = tmp_path / "kept.webp"
    for url, expected in ((shown[0]["systems"]["x"][1], 0.25), (shown[0]["photo"], None)):
        kept.write_bytes(base64.b64decode(url.removeprefix("data:image/webp;base64,")))
        image = read_photo(kept).image
        assert image.shape == (32, 40, 3)
        if expected is not None:
            assert np.abs(image - expected).mean() < 0.05


def test_with_no_system_that_worked_there_is_a_page_too():
    page = to_html(result(systems=result()["systems"][1:], hardest=[NASTY]), [])
    assert "failed: why" in page
