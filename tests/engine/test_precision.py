"""Which variant of a network is taken, and why; the CPU is made up."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tiny_networks import write_segmenter
from wisp.core.errors import InputError
from wisp.engine import models, precision
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.models import MODELS, Model, Variant, find_model
from wisp.engine.precision import choose
from wisp.engine.sessions import (
    cpu_capabilities,
    cpu_name,
    load_openvino,
    open_session,
    openvino_core,
    runtime_version,
)

WITH_BF16, WITHOUT_BF16 = frozenset({"FP32", "INT8", "BF16"}), frozenset({"FP32", "INT8"})


def variant(path):
    data = path.read_bytes()
    return path.name, len(data), hashlib.sha256(data).hexdigest()


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A network that comes with wisp in two variants."""
    monkeypatch.setattr(models.resources, "files", lambda package: tmp_path)
    file, size, sha256 = variant(write_segmenter(tmp_path / "tiny.onnx"))
    int8 = Variant(*variant(write_segmenter(tmp_path / "tiny-int8.onnx", quantised=True)))
    return Model("tiny", "segmenter", file, size, sha256, "MIT", "none", 64, 32, int8)


@pytest.fixture
def cpu(monkeypatch):
    """Make up what the CPU computes in; no clock may be read."""

    def make(capabilities, dot_products=True):
        monkeypatch.setattr(precision, "cpu_capabilities", lambda: capabilities)
        monkeypatch.setattr(precision, "has_dot_products", lambda: dot_products)
        monkeypatch.setattr(precision, "time", None)

    return make


@pytest.mark.parametrize("cache", ["off", "cache", "tiny.onnx/below a file"])
@pytest.mark.parametrize(
    ("capabilities", "dot_products", "file", "reason"),
    [
        (WITH_BF16, True, "tiny-int8.onnx", "this CPU has dot products of 8-bit integers"),
        (WITHOUT_BF16, True, "tiny-int8.onnx", "this CPU has dot products of 8-bit integers"),
        (
            WITH_BF16,
            False,
            "tiny.onnx",
            "this CPU computes in bf16 and has no dot products",
        ),
        (
            WITHOUT_BF16,
            False,
            "tiny.onnx",
            "this CPU computes in fp32 and has no dot products",
        ),
        (frozenset({"FP32"}), True, "tiny.onnx", "this CPU computes in fp32 and has no dot products"),
    ],
)
def test_the_processor_decides_whatever_the_cache(
    model, cpu, monkeypatch, tmp_path, cache, capabilities, dot_products, file, reason
):
    monkeypatch.setenv("WISP_CACHE", cache if cache == "off" else str(tmp_path / cache))
    cpu(capabilities, dot_products)
    for _ in range(2):
        choice = choose(model)
        assert (choice.file.name, choice.precision) == (file, "int8" if "int8" in file else "auto")
        assert choice.reason.startswith(reason)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_measuring_tells_and_changes_nothing(model, monkeypatch, factor):
    monkeypatch.setattr(precision, "_speed_up", lambda *a: factor)
    before = choose(model)
    other, share = precision.time_int8(model)
    assert other == ("bf16" if "BF16" in cpu_capabilities() else "fp32")
    assert share == 1 / factor
    assert choose(model) == before


def test_there_is_nothing_to_measure_without_an_int8_variant(model):
    assert precision.time_int8(replace(model, int8=None)) is None


def test_without_an_int8_variant_it_is_fp32(model, cpu):
    cpu(WITHOUT_BF16)
    choice = choose(replace(model, int8=None))
    assert (choice.precision, choice.reason) == (
        "auto",
        "this CPU computes in fp32, the network has no int8 variant",
    )
    with pytest.raises(InputError, match="precision: int8: tiny has no int8 variant; auto, fp32 and bf16"):
        choose(replace(model, int8=None), precision="int8")


@pytest.mark.parametrize(
    ("asked", "file"), [("fp32", "tiny.onnx"), ("bf16", "tiny.onnx"), ("int8", "tiny-int8.onnx")]
)
@pytest.mark.parametrize("capabilities", [WITH_BF16, WITHOUT_BF16])
def test_what_is_asked_for_is_taken(model, cpu, asked, file, capabilities):
    cpu(capabilities)
    choice = choose(model, precision=asked)
    assert (choice.file.name, choice.precision, choice.reason) == (file, asked, "as asked")


def test_gpus_and_other_runtimes_choose_for_themselves(model, cpu):
    cpu(WITHOUT_BF16)
    assert choose(model, device="gpu").reason == "left to the GPU's driver"
    cpu(frozenset())
    assert choose(model).reason == "ONNX Runtime computes as the file is stored"


def test_a_damaged_variant_is_refused(model, cpu, tmp_path):
    cpu(WITHOUT_BF16)
    (tmp_path / "tiny-int8.onnx").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"tiny-int8\.onnx: is damaged"):
        choose(model)


def test_a_network_of_the_users_is_taken_as_it_is(tmp_path, cpu):
    cpu(WITHOUT_BF16)
    own = find_model(write_segmenter(tmp_path / "own.onnx", quantised=True))
    assert choose(own).file == tmp_path / "own.onnx"
    assert choose(own, precision="int8").file == tmp_path / "own.onnx"


def test_the_session_is_of_the_variant_that_was_chosen(model, cpu):
    cpu(WITHOUT_BF16)
    assert ENGINE.session_of(model).describe().precision == "int8"
    assert Engine(precision="fp32").session_of(model).describe().precision == "fp32"


def test_the_measurement_runs_both_on_what_they_usually_see(model, monkeypatch):
    seen = []

    def session(seconds):
        port = SimpleNamespace(name="image", shape=(None, 3, None, None))

        def run(inputs):
            seen.append(inputs["image"].shape)
            clock[0] += seconds.pop(0)

        return SimpleNamespace(inputs=(port,), run=run)

    clock = [0.0]
    monkeypatch.setattr(precision.time, "process_time", lambda: clock[0])
    floats, quantised = session([9.0, 3.0, 2.0, 4.0, 3.0]), session([9.0, 1.0, 1.5, 1.0, 2.0])
    assert precision._speed_up(model, floats, quantised) == pytest.approx(2.0)
    assert set(seen) == {(1, 3, 64, 64)}


def test_what_the_runtime_says_of_this_cpu():
    core = openvino_core()
    assert cpu_capabilities() == frozenset(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    assert cpu_name() == core.get_property("CPU", "FULL_DEVICE_NAME").strip()
    assert runtime_version() == load_openvino().__version__


@pytest.mark.parametrize("row", [row for row in MODELS.values() if row.int8], ids=lambda row: row.name)
def test_shipped_int8_variants_are_what_their_rows_say_and_near_their_floats(row):
    path = models.verified_variant(row.int8)
    assert path.stat().st_size == row.int8.size
    rng = np.random.default_rng(0)
    sessions = [open_session(file, precision=p) for file, p in ((row.path, "fp32"), (path, "int8"))]
    inputs = {
        port.name: rng.random([n or m for n, m in zip(port.shape, (1, 1, 64, 64), strict=True)], np.float32)
        for port in sessions[0].inputs
    }
    one, other = (next(iter(session.run(inputs).values())) for session in sessions)
    assert one.shape == other.shape
    assert np.abs(one - other).mean() < 0.1
