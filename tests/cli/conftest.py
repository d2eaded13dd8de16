import numpy as np
import pytest

from tiny_corpus import corpus_folder  # noqa: F401
from tiny_networks import bright_disc
from wisp.cli import main
from wisp.io.images import write_image
from wisp.matting.trimap import trimap_from_alpha


class Ran:
    """What a command did: exit code, stdout, and stderr as lines."""

    def __init__(self, code, stdout, stderr):
        self.code = code
        self.stdout = stdout
        self.errors = stderr.splitlines()

    def __repr__(self):
        return f"exit code {self.code}, stderr {self.errors}, stdout {self.stdout[-300:]!r}"


@pytest.fixture
def wisp(capfd):
    """Run the command line in this process."""

    def run(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def figure_refused(wisp, files, monkeypatch, untouched):
    """Run `wisp figure` among `files`: it must end with one line that has a complaint, and write nothing."""

    def run(words, complaint):
        untouched(files)
        monkeypatch.chdir(files)
        before = sorted(files.iterdir())
        ran = wisp("figure", *words)
        assert ran.code == 2
        assert len(ran.errors) == 1
        assert complaint in ran.errors[0]
        assert sorted(files.iterdir()) == before

    return run


@pytest.fixture(scope="session")
def subject():
    """A photo, its true alpha, and a trimap, as arrays."""
    image, alpha = bright_disc(60, 81, softness=4)
    return image, alpha, trimap_from_alpha(alpha, width=0.05)


@pytest.fixture
def files(tmp_path, subject):
    """The same as files, and a plain background: photo.png, photo16.png, trimap.png, alpha.png …"""
    image, alpha, trimap = subject
    folder = tmp_path / "in"
    folder.mkdir()
    write_image(folder / "photo.png", image, bits=8)
    write_image(folder / "photo16.png", image, bits=16)
    write_image(folder / "photo.jpg", image)
    write_image(folder / "trimap.png", trimap.astype(np.float32) / np.float32(255), bits=8)
    write_image(folder / "alpha.png", alpha, bits=16)
    write_image(folder / "wall.png", np.full((40, 90, 3), [0.2, 0.6, 0.4], np.float32))
    return folder


def everything_in(folder):
    """Relative path → bytes of every file below a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def untouched(tmp_path):
    """Fails the test unless, at its end, every file it began with is as it was."""
    watched = {}

    def watch(folder):
        watched[folder] = everything_in(folder)

    yield watch
    for folder, before in watched.items():
        after = everything_in(folder)
        assert {name: after.get(name) for name in before} == before
