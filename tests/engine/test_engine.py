"""One value for where networks run, and what it keeps."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tiny_networks import write_segmenter
from tiny_peers import write_affine
from wisp.core.errors import InputError
from wisp.engine.engine import ENGINE, Engine, shared_engine
from wisp.engine.models import find_model
from wisp.engine.peers import PEERS
from wisp.engine.peers.chosen import Chosen, loaded_peer


@pytest.fixture
def row(tmp_path):
    return find_model(write_segmenter(tmp_path / "tiny.onnx"))


def test_it_runs_networks_as_it_says(row):
    description = Engine("cpu", "fp32", threads=1).session_of(row).describe()
    assert description.device.startswith("CPU")
    assert (description.precision, description.threads) == ("fp32", 1)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"device": "banana"}, "device: is 'banana'; auto, cpu, gpu are accepted"),
        ({"precision": "fp7"}, "precision: is 'fp7'; auto, fp32, bf16, int8 are accepted"),
        ({"threads": 0}, "threads: is 0; 1 and above is accepted"),
    ],
)
def test_other_words_are_refused_at_once(words, problem):
    with pytest.raises(InputError, match=problem):
        Engine(**words)


def test_each_keeps_its_own_networks_until_it_lets_go_of_them(row):
    one, other = Engine(), Engine()
    assert one == other
    assert one.session_of(row) is one.session_of(row)
    assert one.session_of(row) is not other.session_of(row)
    kept, dropped = weakref.ref(other.session_of(row)), weakref.ref(one.session_of(row))
    one.release()
    gc.collect()
    assert dropped() is None
    assert kept() is not None


def test_what_networks_computed_in_is_given_back_and_they_stay_loaded(row):
    engine = Engine("cpu", "fp32", threads=1)
    image = np.random.default_rng(0).random((1, 3, 96, 96), np.float32)
    session = engine.session_of(row)
    first = session.run({"image": image})["mask"]
    engine.release_buffers()
    assert engine.session_of(row) is session
    np.testing.assert_array_equal(session.run({"image": image})["mask"], first)


def test_every_loaded_network_is_asked_and_one_that_is_busy_is_let_be(row, tmp_path, monkeypatch):
    engine, asked = Engine("cpu", "fp32", threads=1), []

    class Busy:
        def release_memory(self):
            asked.append(self)
            raise RuntimeError("Attempt to call release_memory() on a compiled model in a busy state")

    for model in (row, find_model(write_segmenter(tmp_path / "other.onnx", bias=1.0))):
        monkeypatch.setattr(engine.session_of(model), "_network", Busy())
    peer = loaded_peer(
        Chosen(PEERS["modnet"], write_affine(tmp_path / "modnet.onnx", gain=0.5, offset=0.5)), engine
    )
    monkeypatch.setattr(peer.network.session, "_network", Busy())
    engine.release_buffers()
    assert len(asked) == 3


def test_buffers_are_given_back_whatever_other_threads_do(row):
    engine = Engine("cpu", "fp32", threads=1)
    session = engine.session_of(row)
    images = np.random.default_rng(0).random((4, 1, 3, 96, 96), np.float32)
    wanted = [session.run({"image": image})["mask"] for image in images]
    running = threading.Event()

    def run(image):
        found = []
        for _ in range(60):
            found.append(session.run({"image": image})["mask"])
            running.set()
        return found

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(run, image) for image in images]
        assert running.wait(30)
        while not all(result.done() for result in results):
            engine.release_buffers()
    for result, expected in zip(results, wanted, strict=True):
        for found in result.result():
            np.testing.assert_array_equal(found, expected)


def test_calls_with_the_same_words_share_one():
    assert shared_engine() is ENGINE
    assert shared_engine("cpu", "fp32") is shared_engine("cpu", "fp32")
    assert shared_engine("cpu", "fp32") is not shared_engine("cpu")


def test_compiled_networks_are_kept_on_disk_unless_it_says_otherwise(row, tmp_path, monkeypatch):
    monkeypatch.setenv("WISP_CACHE", str(tmp_path / "cache"))
    Engine(cache=False).session_of(row)
    assert not list((tmp_path / "cache").glob("*.compiled"))
    Engine().session_of(row)
    assert list((tmp_path / "cache").glob("*.compiled"))
