"""The documentation site: the pages of docs/ and of the tree around it, at the places where they lie.

The root of the tree is Sphinx's source folder, so that a relative link leads to the same page here and where
the repository is read. `make docs` builds it; docs/toc.yml is the table of contents.
"""

import tomllib
from pathlib import Path

_metadata = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]

project = "wisp"
author = _metadata["authors"][0]["name"]
copyright = f"2026 {author}"
release = _metadata["version"]

extensions = ["myst_parser", "sphinx_external_toc"]
root_doc = "docs/index"
include_patterns = ["docs/**", "src/wisp/weights/*.md", "*.md"]
exclude_patterns = [".*", "build", "demo", "runs", "tests", "benchmarks", "README.md"]
external_toc_path = "docs/toc.yml"
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a card may begin with a table
linkcheck_ignore = [r"https://example\.org/"]  # placeholders, see [project.urls]

html_theme = "furo"
html_title = f"wisp {release}"
html_extra_path = ["_root"]
html_show_sourcelink = False
html_theme_options = {"source_edit_link": _metadata["urls"]["Source"] + "/blob/main/{filename}"}
