"""Weights that a training starts from come from the model store, whose own tests fetch from a server."""

import pytest

from file_server import CONTENT, running
from wisp.core.errors import InputError
from wisp.engine.store import PUBLISHED
from wisp.training import pretrained
from wisp.training.pretrained import PRETRAINED, resolve


def test_names_are_fetched_into_the_store_and_files_taken_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("WISP_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("WISP_OFFLINE", raising=False)
    with running() as server:
        monkeypatch.setattr(pretrained, "row_of", {"mobilenetv2-imagenet": server.row()}.__getitem__)
        assert resolve("imagenet") == tmp_path / "models" / "toy.onnx"
        assert resolve("imagenet").read_bytes() == CONTENT
        assert len(server.requests) == 1
    (tmp_path / "mine.pth").write_bytes(b"x")
    assert resolve(tmp_path / "mine.pth") == tmp_path / "mine.pth"
    with pytest.raises(InputError, match=r"nosuch: does not exist; .* imagenet, vgg16 is accepted"):
        resolve("nosuch")


def test_offline_they_are_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("WISP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("WISP_OFFLINE", "1")
    with pytest.raises(InputError, match="mobilenetv2-imagenet: is not here whole"):
        resolve("imagenet")


def test_every_name_is_of_a_row():
    for name in PRETRAINED.values():
        assert PUBLISHED[name].peer == ""
