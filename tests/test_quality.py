"""The quality of the default paths, held: SAD and Grad of small photos and clips with true mattes.

A score that moves by more than two per cent fails, upwards or downwards. What is meant to change pixels comes
with ``python benchmarks/quality.py``, whose diff then shows by how much.
"""

import json
import re

import pytest

import quality_cases as cases
from wisp.core import settings

KEPT = json.loads(cases.FIGURES.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", cases.CASES)
def test_scores_are_the_kept_ones(name):
    assert cases.off(cases.CASES[name](), KEPT["figures"][name]) == {}


def test_every_figure_has_a_case():
    assert KEPT["figures"].keys() == cases.CASES.keys()


def test_the_figures_are_of_the_numbers_that_are_in_force():
    """A tuned number changes with its figures and its evidence, or not at all."""
    assert cases.settings() == KEPT["settings"]


@pytest.mark.parametrize("table", [settings.SubjectSettings, settings.AutoSettings, settings.ClipSettings])
def test_every_number_says_what_it_was_chosen_by(table):
    told = re.findall(r"^        (\w+): (.*?)(?=^        \w+: |\Z)", table.__doc__, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in told] == list(table.__dataclass_fields__)
    for name, text in told:
        evidence = r"no evidence yet|decisions? \d{3}|results/\w+\.json|the paper's"
        assert re.search(evidence, text, re.IGNORECASE), name


def test_the_pictures_are_small():
    assert sum(path.stat().st_size for path in cases.FOLDER.rglob("*") if path.is_file()) <= 2_000_000
