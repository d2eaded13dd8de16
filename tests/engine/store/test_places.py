import json
import os

import pytest

from file_server import CONTENT
from wisp.core.errors import InputError
from wisp.engine.store import PUBLISHED, find, folders, row_of, rows_here
from wisp.engine.store.places import find_row, keep_row, offline
from wisp.engine.store.rows import own_row


def test_folders_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("WISP_MODELS", f"{tmp_path / 'a'}{os.pathsep}{os.pathsep}{tmp_path / 'b'}")
    assert folders() == (tmp_path / "a", tmp_path / "b")
    monkeypatch.delenv("WISP_MODELS")
    monkeypatch.setenv("WISP_CACHE", str(tmp_path))
    assert folders() == (tmp_path / "models",)
    for word in ("off", ""):  # which switches compiled networks off, not models
        monkeypatch.setenv("WISP_CACHE", word)
        (folder,) = folders()
        assert folder.parts[-2:] == ("wisp", "models")
        assert folder.is_absolute()


def test_offline_is_a_word_of_the_environment(monkeypatch):
    for word, expected in (("1", True), ("yes", True), ("0", False), ("off", False), ("", False)):
        monkeypatch.setenv("WISP_OFFLINE", word)
        assert offline() is expected


@pytest.mark.parametrize("row", PUBLISHED.values(), ids=lambda row: row.name)
class TestPublished:
    def test_rows_are_complete(self, row):
        from wisp.engine.peers import PEERS

        assert row.url.startswith("https://")
        assert row.size > 1_000_000
        assert row.licence
        assert row.training_data
        assert len(row.hash_from) > 20
        assert row.peer in PEERS or (row.peer == "" and row.file.endswith(".pth"))

    def test_torchvision_names_the_start_of_its_hash_in_the_file(self, row):
        if row.peer == "":
            assert row.url == f"https://download.pytorch.org/models/{row.file}"
            assert row.file.endswith(f"-{row.sha256[:8]}.pth")

    def test_its_licence_is_the_familys(self, row):
        from wisp.engine.peers import PEERS

        if row.peer:
            assert row.licence == PEERS[row.peer].licence


def test_files_have_names_of_their_own():
    assert len({row.file for row in PUBLISHED.values()}) == len(PUBLISHED)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"nosuch: is no published model .*; modnet, u2net, .* are accepted"):
        row_of("nosuch")


def test_rows_of_the_users_own_are_kept_beside_their_files(server, tmp_path):
    row = own_row("https://example.org/My%20Net.ONNX?x", "A" * 64, peer="modnet", licence="MIT")
    assert (row.name, row.file, row.sha256, row.size) == ("my-net", "my-net.onnx", "a" * 64, 0)
    (tmp_path / "models").mkdir()
    keep_row(row, tmp_path / "models")
    assert rows_here() == {"my-net": row}
    assert find_row("my-net") == row
    assert find_row("modnet") is PUBLISHED["modnet"]
    assert find_row("nosuch") is None
    assert find(row) is None
    assert find(server.row(), [tmp_path / "none"]) is None


def test_rows_that_cannot_be_read_are_passed_over(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    keep_row(own_row("https://example.org/a.onnx", "a" * 64), folder)
    good = json.loads((folder / "a.json").read_text())
    (folder / "b.json").write_text("{")
    (folder / "c.json").write_text(json.dumps(good))  # under another name
    (folder / "modnet.json").write_text(json.dumps(good | {"name": "modnet"}))  # not one's own
    (folder / "d.json").write_text(json.dumps(good | {"name": "d", "file": "../../escape.onnx"}))
    (folder / "e.json").write_text(json.dumps([good]))
    assert list(rows_here()) == ["a"]


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        ({"sha256": "abc"}, "sha256: is 'abc'; 64 hexadecimal digits are accepted"),
        ({"name": "../x"}, "is no name for a model"),
        ({"name": "A"}, "is no name for a model"),
        ({"name": ""}, "is no name for a model"),
        ({"name": "modnet"}, "modnet: is the name of another published model"),
        ({"name": "subject-mobile"}, "subject-mobile: is the name of a network of wisp's own"),
        ({"url": "https://example.org/a.on/nx.a b"}, "is no file name for a model"),
    ],
)
def test_rows_of_another_form_are_refused(about, problem):
    row = {"url": "https://example.org/a.onnx", "sha256": "a" * 64} | about
    with pytest.raises(InputError, match=problem):
        own_row(**row)


def test_the_size_is_looked_at_before_the_hash(server, tmp_path, monkeypatch):
    from wisp.engine.store import places

    (tmp_path / "toy.onnx").write_bytes(CONTENT + b"more")
    monkeypatch.setattr(places, "sha256_of", lambda path: pytest.fail("read"))
    assert find(server.row(), [tmp_path]) is None
