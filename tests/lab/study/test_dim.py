"""The page of the study, and what becomes of its votes."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from wisp.cli import main
from wisp.core.errors import InputError
from wisp.io.images import read_photo, write_image
from wisp.lab.figures.photos import pictures
from wisp.lab.study.dim import page
from wisp.lab.study.votes import Share, Vote, pair, read_votes, tabulate


@pytest.fixture
def results(matting_set, tmp_path):
    """Alphas of one method, cut-outs of another: the subject is green there."""
    for name in ("moon", "sun"):
        alpha = read_photo(matting_set / f"alpha/{name}.png").image[..., 0]
        green = np.dstack([np.zeros_like(alpha), np.ones_like(alpha), np.zeros_like(alpha), alpha])
        for method, values in (("a", alpha), ("b", green)):
            (tmp_path / method).mkdir(exist_ok=True)
            write_image(tmp_path / method / f"{name}.png", np.ascontiguousarray(values), bits=8)
    return {"plain": tmp_path / "a", "green </script>": tmp_path / "b"}


def study_of(html):
    return json.loads(re.search(r'id="study">(.*?)</script>', html.decode(), re.DOTALL)[1])


def picture_of(url, tmp_path):
    path = tmp_path / "decoded.jpg"
    path.write_bytes(base64.b64decode(url.removeprefix("data:image/jpeg;base64,")))
    return read_photo(path).image


def test_the_page_holds_every_composite(matting_set, results, tmp_path):
    html = page(pictures([matting_set / "image"]), results, seed=4, longest=40)
    study = study_of(html)
    assert study["methods"] == ["plain", "green </script>"]
    assert [photo["name"] for photo in study["photos"]] == ["moon", "sun"]
    moon = study["photos"][0]
    assert picture_of(moon["image"], tmp_path).shape == (33, 40, 3)  # 41×50, made smaller
    for grey, url in zip((0, 1), moon["results"][0], strict=True):
        shown = picture_of(url, tmp_path)
        np.testing.assert_allclose(shown[0, 0], grey, atol=0.03)
        np.testing.assert_allclose(shown[16, 20], [0.95, 0.8, 0.7], atol=0.05)
    for grey, url in zip((0, 1), moon["results"][1], strict=True):
        shown = picture_of(url, tmp_path)
        np.testing.assert_allclose(shown[0, 0], grey, atol=0.03)
        np.testing.assert_allclose(shown[16, 20], [0, 1, 0], atol=0.05)


def test_the_page_asks_for_nothing_from_outside(matting_set, results):
    html = page(pictures([matting_set / "image"]), results).decode()
    assert "default-src 'none'" in html
    requests = r"https?:|//\w|@import|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|<link|src=\""
    head, script = html.split('id="study">')[0], html.rsplit("<script>", 1)[1]
    assert not re.search(requests, head)
    assert not re.search(requests.replace(r"//\w|", ""), script)
    assert html.count("</script>") == 2


def test_another_seed_is_another_study(matting_set, results):
    places = pictures([matting_set / "image"])
    one, same, other = (study_of(page(places, results, seed=seed)) for seed in (0, 0, 1))
    assert one == same
    assert one["id"] != other["id"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_the_script_draws_all_pairs_in_an_order_of_each_voter(matting_set, results):
    html = page(pictures([matting_set / "image"]), {**results, "third": results["plain"]}).decode()
    script = html.rsplit("<script>", 1)[1].split("</script>")[0]
    functions = script[script.index("function hash") : script.index("function keep")]
    study = study_of(html.encode())
    small = {**study, "photos": [0, 1]}
    program = f"const study = {json.dumps(small)}; {functions}; "
    program += "console.log(JSON.stringify(['x', 'x', 'y'].map(order)))"
    ran = subprocess.run(["node", "-e", program], capture_output=True, check=True, timeout=60)
    first, again, other = json.loads(ran.stdout)
    assert first == again
    assert first != other
    drawn = sorted((trial["photo"], *sorted((trial["left"], trial["right"]))) for trial in first)
    assert drawn == [(photo, a, b) for photo in (0, 1) for a, b in ((0, 1), (0, 2), (1, 2))]


def votes_file(path, participant, choices, study="s"):
    """A file as the page saves it: ours against theirs, ours on the left."""
    votes = [
        {"photo": f"p{index}", "left": "ours", "right": "theirs", "choice": choice, "seconds": 1}
        for index, choice in enumerate(choices)
    ]
    content = {"format": "wisp-study-1", "study": study, "participant": participant}
    path.write_text(json.dumps({**content, "methods": ["ours", "theirs", "third"], "votes": votes}))
    return path


def test_votes_are_counted(tmp_path):
    files = [
        votes_file(tmp_path / "a.json", "a", ["left", "left", "right"]),
        votes_file(tmp_path / "b.json", "b", ["left", "left"]),
    ]
    methods, votes = read_votes(files)
    assert votes[2] == Vote("a", "p2", "theirs", "ours")
    assert pair(votes, "ours", "theirs") == Share(4, 5)
    out = tabulate(methods, votes)
    content = json.loads(out["votes.json"])
    assert (content["votes"], content["people"], content["photos"]) == (5, 2, 3)
    assert content["preferred"]["ours"]["share"] == 0.8
    assert content["preferred"]["third"] is None
    assert content["preferred_to"]["theirs"]["ours"]["won"] == 1
    text = out["votes.md"].decode()
    assert "| to theirs | 80% [38%, 96%] of 5 |  |  |" in text
    assert "| to ours |  | 20% [4%, 62%] of 5 |  |" in text


def test_wilsons_interval():
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    for won, count, low, high in ((81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):
        np.testing.assert_allclose(Share(won, count).interval, (low, high), atol=1e-4)
    assert Share(0, 0).interval == (0, 1)


def test_files_that_are_no_votes(tmp_path):
    good = votes_file(tmp_path / "good.json", "a", ["left"])
    again = votes_file(tmp_path / "again.json", "a", ["left"])
    other = votes_file(tmp_path / "other.json", "b", ["left"], study="t")
    odd = votes_file(tmp_path / "odd.json", "c", ["both"])
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "text.json").write_bytes(b"\xff")
    for files, complaint in (
        ([good, again], "again.json: has votes of a, as"),
        ([good, other], "other.json: belongs to another study"),
        ([odd], "odd.json: holds no votes"),
        ([tmp_path / "list.json"], "list.json: holds no votes"),
        ([tmp_path / "text.json"], "text.json: holds no votes"),
        ([tmp_path / "none.json"], "none.json: cannot be read"),
    ):
        with pytest.raises(InputError, match=complaint):
            read_votes(files)


def test_commands(matting_set, results, tmp_path, capsys):
    beside = [word for name, folder in results.items() for word in ("--beside", f"{name}={folder}")]
    out = tmp_path / "study.html"
    words = ["figure", "dim-study", str(matting_set / "image"), "-o", str(out), "--quiet"]
    assert main([*words, *beside]) == 0
    assert out.read_bytes() == page(pictures([matting_set / "image"]), results)
    assert main([*words, *beside]) == 2
    assert main([*words, *beside[:2], "--overwrite"]) == 2
    assert "--beside: names one method" in capsys.readouterr().err
    (results["plain"] / "sun.png").unlink()
    assert main([*words, *beside, "--overwrite"]) == 2
    assert "has no pictures of the name sun" in capsys.readouterr().err

    votes = votes_file(tmp_path / "votes-a.json", "a", ["left"])
    assert main(["figure", "dim-votes", str(votes), "-o", str(tmp_path / "table")]) == 0
    assert "1 votes of 1 people" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "table").iterdir()) == ["votes.json", "votes.md"]
