"""A copy of the package in which tests add rows and modules, and programs that run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import wisp

SOURCE = Path(wisp.__file__).parent


def copy_package(folder):
    """Copy the package to FOLDER/src; its networks are those of the original."""
    shutil.copytree(SOURCE, folder / "src/wisp", ignore=shutil.ignore_patterns("weights", "__pycache__"))
    shutil.copytree(SOURCE / "weights", folder / "src/wisp/weights", copy_function=os.link)
    return folder / "src/wisp"


def add_row(file, before, row):
    """Insert a row; the place where it goes must be there once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, row + before), encoding="utf-8")


def run(tree, *words):
    """Run Python with the copy; what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(tree.parent), "COLUMNS": "200"}
    command, folder = [sys.executable, *words], tree.parents[1]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def touched(tree):
    """Files of the original that differ in the copy, and files that are new in it, by their places in it."""
    ours = {path.relative_to(tree) for path in tree.rglob("*.py")}
    theirs = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")}
    changed = {path for path in ours & theirs if (tree / path).read_bytes() != (SOURCE / path).read_bytes()}
    assert not theirs - ours
    return [sorted(path.as_posix() for path in paths) for paths in (changed, ours - theirs)]
