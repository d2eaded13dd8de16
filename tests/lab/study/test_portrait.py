"""The page of the rating study, and what becomes of its ratings."""

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
from wisp.lab.study.portrait import ANSWERS, page
from wisp.lab.study.ratings import LEVELS, PUBLISHED, Rating, read_ratings, tabulate


@pytest.fixture
def folders(matting_set, tmp_path):
    """Alphas of three methods: the truth, nothing, everything."""
    for name in ("moon", "sun"):
        alpha = read_photo(matting_set / f"alpha/{name}.png").image[..., 0]
        for method, values in (("ours", alpha), ("none", 0 * alpha), ("all", 0 * alpha + 1)):
            (tmp_path / method).mkdir(exist_ok=True)
            write_image(tmp_path / method / f"{name}.png", np.ascontiguousarray(values), bits=8)
    return {name: tmp_path / name for name in ("ours", "none", "all")}


def study_of(html):
    return json.loads(re.search(r'id="study">(.*?)</script>', html.decode(), re.DOTALL)[1])


def made(matting_set, folders, **options):
    others = {name: folder for name, folder in folders.items() if name != "ours"}
    return page(pictures([matting_set / "image"]), ("ours", folders["ours"]), others, **options)


def picture_of(url, tmp_path):
    path = tmp_path / "decoded.jpg"
    path.write_bytes(base64.b64decode(url.removeprefix("data:image/jpeg;base64,")))
    return read_photo(path).image


def test_the_page_shows_each_result_on_the_colour(matting_set, folders, tmp_path):
    study = study_of(made(matting_set, folders, colour="#00f", longest=40))
    assert study["methods"] == ["ours", "none", "all"]
    assert [choice for choice, _ in study["answers"]] == [str(level) for level in LEVELS]
    moon = study["photos"][0]
    assert moon["name"] == "moon"
    assert [len(result) for result in moon["results"]] == [1, 1, 1]
    ours, nothing, everything = (picture_of(result[0], tmp_path) for result in moon["results"])
    photo = picture_of(moon["image"], tmp_path)
    np.testing.assert_allclose(ours[0, 0], [0, 0, 1], atol=0.05)
    np.testing.assert_allclose(ours[16, 20], photo[16, 20], atol=0.05)
    np.testing.assert_allclose(nothing[16, 20], [0, 0, 1], atol=0.05)
    np.testing.assert_allclose(everything, photo, atol=0.05)


def test_nothing_tells_the_voter_which_is_ours_and_nothing_is_asked_from_outside(matting_set, folders):
    html = made(matting_set, folders).decode()
    assert "default-src 'none'" in html
    head, script = html.split('id="study">')[0], html.rsplit("<script>", 1)[1]
    assert "ours" not in head
    assert "ours" not in script
    assert not re.search(r"https?:|//\w|@import|\bfetch\(|XMLHttpRequest|<link|src=\"", head)
    for choice, text in ANSWERS:
        assert "ours" not in text
        assert int(choice) in LEVELS


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_the_script_draws_pairs_of_ours_with_each_other_on_either_side(matting_set, folders):
    html = made(matting_set, folders).decode()
    script = html.rsplit("<script>", 1)[1].split("</script>")[0]
    functions = script[script.index("function hash") : script.index("function keep")]
    small = {**study_of(html.encode()), "photos": list(range(20))}
    program = f"const study = {json.dumps(small)}; {functions}; console.log(JSON.stringify(order('x')))"
    ran = subprocess.run(["node", "-e", program], capture_output=True, check=True, timeout=60)
    drawn = json.loads(ran.stdout)
    pairs = sorted((trial["photo"], *sorted((trial["left"], trial["right"]))) for trial in drawn)
    assert pairs == [(photo, 0, other) for photo in range(20) for other in (1, 2)]
    assert {trial["left"] == 0 for trial in drawn} == {False, True}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_a_whole_session_in_the_script_is_saved_as_it_is_read(matting_set, folders, tmp_path):
    """A page of few parts stands in for the browser's; the first button is pressed to the end."""
    html = made(matting_set, folders).decode()
    script = html.rsplit("<script>", 1)[1].split("</script>")[0]
    program = (
        """
const parts = {};
function part() {
  const own = { children: [], dataset: {}, hidden: true, value: "", textContent: "", focus() {}, click() {} };
  own.appendChild = (child) => { own.children.push(child); return child; };
  own.querySelectorAll = () => own.children;
  return own;
}
const get = (id) => parts[id] ||= part();
globalThis.document = {
  getElementById: get,
  createElement: part,
  querySelector: () => get("photo img"),
  querySelectorAll: (which) => which[0] === "#" ? get(which.slice(1).split(" ")[0]).children : [],
};
globalThis.window = { scrollTo() {} };
get("study").textContent = process.argv[1];
get("zoom").firstElementChild = part();
"""
        + script
        + """
get("name").value = "somebody";
get("begin").onclick();
for (let i = 0; i < 4; i++) get("answers").children[0].onclick();
console.log(get("votes").value);
"""
    )
    data = re.search(r'id="study">(.*?)</script>', html, re.DOTALL)[1]
    ran = subprocess.run(["node", "-e", program, data], capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()
    (tmp_path / "saved.json").write_bytes(ran.stdout)
    methods, ratings = read_ratings([tmp_path / "saved.json"])
    assert methods == ["ours", "none", "all"]
    assert sorted((rating.photo, rating.other) for rating in ratings) == [
        ("moon", "all"), ("moon", "none"), ("sun", "all"), ("sun", "none"),
    ]  # fmt: skip
    assert {abs(rating.level) for rating in ratings} == {2}


def file_of(path, participant, votes, methods=("ours", "MODNet", "FBA"), study="s"):
    """A file as the page saves it, of (left, right, choice)."""
    content = {"format": "wisp-ratings-1", "study": study, "participant": participant, "methods": methods}
    content["votes"] = [
        {"photo": f"p{index}", "left": left, "right": right, "choice": choice, "seconds": 1}
        for index, (left, right, choice) in enumerate(votes)
    ]
    path.write_text(json.dumps(content))
    return path


def test_ratings_are_turned_round_where_ours_was_on_the_right(tmp_path):
    files = [
        file_of(tmp_path / "a.json", "a", [("ours", "MODNet", "2"), ("MODNet", "ours", "2")]),
        file_of(tmp_path / "b.json", "b", [("MODNet", "ours", "-1"), ("ours", "FBA", "0")]),
    ]
    methods, ratings = read_ratings(files)
    assert ratings == [
        Rating("a", "p0", "MODNet", 2),
        Rating("a", "p1", "MODNet", -2),
        Rating("b", "p0", "MODNet", 1),
        Rating("b", "p1", "FBA", 0),
    ]
    out = tabulate(methods, ratings)
    content = json.loads(out["ratings.json"])
    assert (content["rated"], content["ratings"], content["people"], content["photos"]) == ("ours", 4, 2, 2)
    assert {name: share["won"] for name, share in content["than"]["MODNet"].items()} == {
        "much better": 1, "better": 1, "same": 0, "worse": 0, "much worse": 1,
    }  # fmt: skip
    text = out["ratings.md"].decode()
    assert "| than MODNet | 33% [6%, 79%] of 3 |" in text
    assert "| than MODNet, published | 41.55 % | 29.22 % | 19.15 % | 8.11 % | 1.94 % |" in text
    assert "| than FBA |" in text


def test_the_published_shares_are_of_everybody():
    for shares in PUBLISHED.values():
        assert len(shares) == len(LEVELS)
        assert sum(shares) == pytest.approx(100, abs=0.7)  # FBA's are 99.33 as printed


@pytest.mark.parametrize(
    "votes",
    [[("ours", "MODNet", "3")], [("MODNet", "FBA", "1")], [("ours", "ours", "1")], [("ours", "else", "1")]],
)
def test_files_that_are_no_ratings(votes, tmp_path):
    with pytest.raises(InputError, match=r"a\.json: holds no votes"):
        read_ratings([file_of(tmp_path / "a.json", "a", votes)])


def test_a_file_of_the_other_study_is_no_rating(tmp_path):
    file = file_of(tmp_path / "a.json", "a", [("ours", "FBA", "1")])
    file.write_text(file.read_text().replace("wisp-ratings-1", "wisp-study-1"))
    with pytest.raises(InputError, match=r"a\.json: holds no votes"):
        read_ratings([file])


def test_commands(matting_set, folders, tmp_path, capsys):
    out = tmp_path / "study.html"
    words = ["figure", "portrait-study", str(matting_set / "image"), "-o", str(out), "--quiet"]
    words += ["--ours", f"ours={folders['ours']}"]
    beside = ["--beside", f"none={folders['none']}", "--beside", f"all={folders['all']}"]
    assert main([*words, *beside]) == 0
    assert out.read_bytes() == made(matting_set, folders)
    assert main([*words, *beside]) == 2
    assert main([*words, "--beside", f"ours={folders['all']}", "--overwrite"]) == 2
    assert "--beside: names ours, as --ours does" in capsys.readouterr().err
    assert main([*words, *beside, "--overwrite", "--colour", "greenish"]) == 2
    capsys.readouterr()

    file = file_of(tmp_path / "a.json", "a", [("ours", "FBA", "1")])
    assert main(["figure", "portrait-ratings", str(file), "-o", str(tmp_path / "table")]) == 0
    assert "ours: 1 ratings of 1 people" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "table").iterdir()) == ["ratings.json", "ratings.md"]
