"""`wisp models`: what comes with wisp, and what is fetched from a server on this machine."""

import hashlib
import json

import numpy as np
import pytest

from file_server import CONTENT, SHA256, running
from tiny_peers import write_affine, write_network
from wisp.engine.models import MODELS
from wisp.engine.store import PUBLISHED, places
from wisp.io.images import read_photo, write_image


@pytest.fixture(autouse=True)
def store(monkeypatch, tmp_path):
    """The store's folder, a test's own."""
    for name in ("WISP_OFFLINE", "WISP_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WISP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "250")
    return tmp_path / "models"


@pytest.fixture
def server():
    with running() as server:
        server.content["/My%20Net.onnx"] = CONTENT
        yield server


@pytest.fixture
def modnet(server, monkeypatch):
    """The published row of MODNet, as if the test's server published it."""
    row = server.row("/whole.onnx", name="modnet", file="modnet.onnx", peer="modnet")
    monkeypatch.setattr(places, "PUBLISHED", {**PUBLISHED, "modnet": row})
    return row


def line_of(ran, name):
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith(f"{name} ")]
    return line


def test_the_list(wisp, store):
    for words in (["models"], ["models", "list"]):
        ran = wisp(*words)
        assert ran.code == 0
        for name in MODELS:
            assert "comes with wisp" in line_of(ran, name)
        assert line_of(ran, "matting-mobile").rstrip().endswith("Yaman et al. 2022")
        assert line_of(ran, "dim-mobile").rstrip().endswith("Xu et al. 2017")
        assert "Background Image Matting (report)" in line_of(ran, "segmenter-mobile")
        assert "not here" in line_of(ran, "u2net")
        assert "--model u2net" in line_of(ran, "u2net")
        assert "176.0 MB" in line_of(ran, "u2net")
        assert "training starts from it" in line_of(ran, "vgg16-imagenet")
    assert not store.exists()


def test_pull_fetches_verifies_and_prints_the_place(wisp, modnet, store, server):
    ran = wisp("models", "pull", "modnet")
    assert (ran.code, ran.stdout, ran.errors) == (0, f"{store / 'modnet.onnx'}\n", [])
    assert (store / "modnet.onnx").read_bytes() == CONTENT
    assert wisp("models", "pull", "modnet", "--offline").stdout == ran.stdout
    assert len(server.requests) == 1
    shown = wisp("models", "show", "modnet").stdout
    for part in (str(store / "modnet.onnx"), modnet.url, SHA256, f"{len(CONTENT)} bytes", "the test", "AAAI"):
        assert part in shown


def test_show_of_what_is_not_here(wisp, store):
    shown = wisp("models", "show", "u2net").stdout
    assert f"not here; wisp models pull u2net puts it into {store}" in shown
    assert "MD5 60024c5c889badc19c04ad937298a77b" in shown


def test_offline_says_where_the_file_would_be_taken_from(wisp, modnet, store, server):
    ran = wisp("models", "pull", "modnet", "--offline")
    assert ran.code == 1
    assert ran.errors == [
        "wisp: modnet: is not here whole, and nothing is to be fetched; "
        f"the file from {modnet.url} is accepted as {store / 'modnet.onnx'}"
    ]
    assert server.requests == []


def test_an_address_needs_a_hash(wisp, server):
    ran = wisp("models", "pull", server.url("/My%20Net.onnx"))
    assert ran.code == 2
    assert "has no known hash; --sha256 with the file's sha256 is accepted" in ran.errors[0]
    assert server.requests == []


def test_an_address_with_a_hash_has_a_name_from_then_on(wisp, server, store):
    words = ["--sha256", SHA256.upper(), "--peer", "modnet", "--licence", "my own"]
    ran = wisp("models", "pull", server.url("/My%20Net.onnx"), *words)
    assert (ran.code, ran.stdout) == (0, f"{store / 'my-net.onnx'}\n")
    assert json.loads((store / "my-net.json").read_text())["peer"] == "modnet"
    line = line_of(wisp("models"), "my-net")
    assert "--model my-net" in line
    assert "my own" in line
    assert line.rstrip().endswith("  here")
    assert "given by the user" in wisp("models", "show", "my-net").stdout
    (store / "my-net.onnx").unlink()
    assert wisp("models", "pull", "my-net").code == 0  # by its name
    assert (store / "my-net.onnx").read_bytes() == CONTENT


def test_another_file_than_the_hash_tells_is_refused(wisp, server, store):
    ran = wisp("models", "pull", server.url("/My%20Net.onnx"), "--sha256", "0" * 64)
    assert ran.code == 1
    assert "gives a file with the sha256" in ran.errors[0]
    assert [path.suffix for path in store.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nosuch"], "nosuch: is no published model that wisp knows; modnet, u2net"),
        (["modnet", "--sha256", "0" * 64], "--sha256: is for an address"),
        (["file:///etc/passwd", "--sha256", "0" * 64], "begins with file:"),
        (["http://example.org/a.onnx", "--sha256", "0" * 64], "begins with http:"),
        (["https://example.org/a.onnx", "--sha256", "0"], "64 hexadecimal digits are accepted"),
        (["https://example.org/a.onnx", "--sha256", "0" * 64, "--peer", "x"], "x: is no known peer"),
        (["https://e.org/a.onnx", "https://e.org/b.onnx", "--sha256", "0" * 64], "is of one file"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_one_line(wisp, words, problem, store):
    ran = wisp("models", "pull", *words)
    assert ran.code == 2
    assert len(ran.errors) == 1
    assert problem in ran.errors[0]
    assert not store.exists()


def test_a_private_address_is_refused(wisp, store):
    ran = wisp("models", "pull", "https://127.0.0.1/a.onnx", "--sha256", "0" * 64)
    assert ran.code == 1
    assert "of this machine or of a private network" in ran.errors[0]


class TestCutout:
    @pytest.fixture
    def red(self, tmp_path_factory):
        """A MODNet whose alpha is the photo's red."""
        return write_affine(tmp_path_factory.mktemp("peers") / "red.onnx", gain=0.5, offset=0.5)

    def test_a_peer_from_a_file_and_from_the_store(self, wisp, files, tmp_path, red, server, store):
        ran = wisp("cutout", files / "photo.png", "-o", tmp_path / "a.png", "--model", f"modnet={red}")
        assert (ran.code, ran.errors) == (0, [])
        server.content["/red.onnx"] = red.read_bytes()
        sha256 = hashlib.sha256(red.read_bytes()).hexdigest()
        assert (
            wisp("models", "pull", server.url("/red.onnx"), "--sha256", sha256, "--peer", "modnet").code == 0
        )
        ran = wisp("cutout", files / "photo.png", "-o", tmp_path / "b.png", "--model", "red")
        assert (ran.code, ran.errors) == (0, [])
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    @pytest.mark.parametrize(
        ("model", "problem"),
        [
            ("u2net", "u2net: is not here; wisp models pull u2net fetches it (176 MB, Apache-2.0)"),
            ("modnet=gone.onnx", "gone.onnx: does not exist"),
            ("isnet", "isnet=FILE.onnx is accepted"),
        ],
    )
    def test_a_peer_that_is_not_here_is_told_before_any_work(self, wisp, files, tmp_path, model, problem):
        ran = wisp("cutout", files, "-o", tmp_path / "out", "--model", model)
        assert ran.code == 2
        assert len(ran.errors) == 1
        assert problem in ran.errors[0]
        assert not (tmp_path / "out").exists()

    def test_a_file_that_is_another_network(self, wisp, files, tmp_path, red):
        ran = wisp("cutout", files, "-o", tmp_path / "out", "--model", f"rvm={red}")
        assert ran.code == 2
        assert "is no RVM network" in ran.errors[0]

    def test_a_plate_is_guidance_like_any_other(self, wisp, files, tmp_path):
        bgmv2 = write_network(
            tmp_path / "bgmv2.onnx",
            {"src": (1, 3, None, None), "bgr": (1, 3, None, None)},
            {"pha": (1, 1, None, None)},
            [("Sub", ["src", "bgr"], ["gap"], {}), ("Conv", ["gap", "weights"], ["pha"], {})],
            weights=np.array([1.0, 0, 0]).reshape(1, 3, 1, 1),
        )
        write_image(tmp_path / "dark.png", np.full((60, 81, 3), 0.02, np.float32))
        words = ["cutout", files / "photo.png", "--model", f"bgmv2={bgmv2}", "--plate"]
        ran = wisp(*words, tmp_path / "dark.png", "-o", tmp_path / "o.png")
        assert (ran.code, ran.errors) == (0, [])
        assert read_photo(tmp_path / "o.png").alpha.max() > 0.7
        ran = wisp(*words, files / "wall.png", "-o", tmp_path / "p.png")
        assert ran.code == 1
        assert "wall.png: is 90×40; the size of the upright photo, 81×60, is accepted" in ran.errors[0]
        ran = wisp(*words, tmp_path / "dark.png", "--mask", files / "alpha.png", "-o", tmp_path / "p.png")
        assert ran.code == 2
        assert "--mask and --plate: are both given" in ran.errors[0]


def test_a_network_says_which_document_it_is_from(wisp):
    assert "document       Yaman et al. 2022\n" in wisp("models", "show", "matting-mobile").stdout
    assert "document       Xu et al. 2017\n" in wisp("models", "show", "dim-mobile").stdout


def test_a_network_that_left_is_shown_as_the_one_in_its_place(wisp):
    shown = wisp("models", "show", "portrait-mobile").stdout
    assert shown == wisp("models", "show", "matting-mobile").stdout
    assert shown.startswith("name           matting-mobile\n")
