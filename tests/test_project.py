"""What the files around the code say of each other: bounds, extras, versions, links, workflows."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import wisp

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_lower_bounds_are_the_versions_that_are_run():
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", read("constraints-minimum.txt"), re.MULTILINE))
    listed = [line for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines]
    bounds = dict(re.match(r"([\w.-]+)>=([\w.]+)$", line).groups() for line in listed if "[" not in line)
    assert bounds.keys() == pinned.keys()
    for name, bound in bounds.items():
        assert f"{pinned[name]}.".startswith(f"{bound}."), name


def test_no_dependency_of_the_core_is_a_flavour_of_opencv():
    assert not [line for line in PROJECT["dependencies"] if "opencv" in line]
    assert [
        line for line in EXTRAS["video"] if "opencv-" in line
    ] == []  # through an extra that can be left out


def test_every_extra_is_in_the_page_on_installing():
    table = read("docs/guide/installing.md").split("<!-- extras -->")[1].split("<!-- end of extras -->")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == EXTRAS.keys()


def test_the_version_is_the_same_everywhere():
    assert PROJECT["version"] == wisp.__version__
    assert f"\nversion: {wisp.__version__}\n" in read("CITATION.cff")


def test_the_changelog_has_unreleased_changes_first_and_then_dated_releases():
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    releases = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    assert all(releases), headings
    versions = [tuple(map(int, release.groups()[:3])) for release in releases]
    days = [release[4] for release in releases]
    assert versions == sorted(versions, reverse=True)
    assert days == sorted(days, reverse=True)
    here = tuple(map(int, PROJECT["version"].split(".")))
    assert not versions or here >= versions[0]


def test_links_of_the_readme_are_absolute_on_a_package_index():
    text = read("README.md")
    for rule in PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        assert rule["replacement"].startswith(rf"\1({PROJECT['urls']['Source']}/")
        text = re.sub(rule["pattern"], rule["replacement"], text)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(targets) > 5
    assert all(target.startswith("https://") for target in targets)


def test_where_the_project_lives_is_said_in_one_place():
    host = PROJECT["urls"]["Source"].split("/")[2]
    skipped = {"pyproject.toml", "test_project.py"}
    for suffix in ("md", "toml", "yml", "yaml", "cff"):
        for path in ROOT.rglob(f"*.{suffix}"):
            inside = path.relative_to(ROOT).parts
            if inside[0] in ("docs", "src", ".github") or len(inside) == 1:
                assert path.name in skipped or f"{host}/wisp" not in path.read_text(encoding="utf-8"), path


def test_every_python_of_the_metadata_is_in_the_matrix():
    stated = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    matrix = re.search(r"python: \[(.*)\]", read(".github/workflows/test.yml"))[1]
    assert re.findall(r"3\.\d+", matrix) == stated
    assert PROJECT["requires-python"] == f">={stated[0]}"


def test_workflows_ask_for_targets_that_exist():
    makefile = read("Makefile")
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        for target in re.findall(r"run: make ([\w-]+)", path.read_text(encoding="utf-8")):
            assert f"\n{target}:" in makefile, f"{path.name}: make {target}"


def test_the_licences_that_are_named_are_there():
    assert PROJECT["license"] == "MIT AND Apache-2.0"
    for pattern in PROJECT["license-files"]:
        assert list(ROOT.glob(pattern)), pattern
    assert "Apache License" in read("LICENSES/Apache-2.0.txt")
    notice = read("NOTICE")
    for card in (ROOT / "src/wisp/weights").glob("*.md"):
        text = card.read_text(encoding="utf-8")
        if "MODNet's published ONNX file" in text:  # its encoder began there
            assert re.search(rf"\b{card.stem}\b", notice), card.name


def test_the_shell_completes_a_command():
    code = "import sys; sys.argv = ['wisp']; import wisp.cli; wisp.cli.main()"
    asked = {"COMP_WORDS": "wisp cut", "COMP_CWORD": "1", "_WISP_COMPLETE": "complete_bash"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["cutout"]
