import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from tiny_networks import GAIN, write_segmenter
from wisp.core.errors import InputError, MissingExtraError
from wisp.core.machine import cores
from wisp.engine import sessions
from wisp.engine.sessions import Port, check_ports, load_openvino, open_session, openvino_core
from wisp.engine.sessions import openvino as on_openvino

openvino = load_openvino()
NATIVE_BF16 = "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
HAS_INTEL_GPU = "GPU" in openvino_core().available_devices


@pytest.fixture
def network(tmp_path):
    return write_segmenter(tmp_path / "tiny.onnx")


@pytest.fixture
def without(monkeypatch):
    """Make named packages fail to import."""

    def hide(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


def expected(batch):
    return 1 / (1 + np.exp(-GAIN * (batch.mean(1, keepdims=True) - 0.5)))


def batch_of(*shape):
    return np.random.default_rng(0).random(shape, np.float32) * 0.2 + 0.4


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 3, 32, 96), (2, 3, 64, 32)])
def test_openvino_computes_the_network_at_any_size(network, shape):
    batch = batch_of(*shape)
    result = open_session(network, precision="fp32").run({"image": batch})
    assert result.keys() == {"mask"}
    assert result["mask"].dtype == np.float32
    np.testing.assert_allclose(result["mask"], expected(batch), atol=1e-4)


def test_onnx_runtime_computes_the_same(network, without):
    without("openvino")
    batch = batch_of(1, 3, 32, 64)
    session = open_session(network)
    assert session.describe().runtime.startswith("ONNX Runtime")
    assert session.describe().precision == "fp32"
    assert session.describe().threads == cores()
    np.testing.assert_allclose(session.run({"image": batch})["mask"], expected(batch), atol=1e-4)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_either_runtime_can_be_asked_for_and_names_the_ports(network, runtime):
    session = open_session(network, runtime=runtime)
    assert session.describe().runtime.replace(" ", "").lower().startswith(runtime)
    assert session.inputs == (Port("image", (None, 3, None, None)),)
    assert session.outputs == (Port("mask", (None, 1, None, None)),)


def test_a_runtime_that_was_asked_for_is_not_replaced(network, without):
    with pytest.raises(InputError, match="runtime: is 'tensorrt'; auto, openvino, onnxruntime are accepted"):
        open_session(network, runtime="tensorrt")
    without("openvino")
    with pytest.raises(InputError, match="runtime: is openvino, which is not installed"):
        open_session(network, runtime="openvino")


@pytest.mark.skipif(HAS_INTEL_GPU, reason="OpenVINO finds a GPU here")
def test_openvino_does_not_hand_a_gpu_over_when_it_was_asked_for_by_name(network):
    with pytest.raises(InputError, match="device: gpu: OpenVINO finds none here"):
        open_session(network, device="gpu", runtime="openvino")


def test_the_description_is_read_back_from_the_runtime(network):
    description = open_session(network, precision="fp32", threads=1).describe()
    assert description.runtime == f"OpenVINO {openvino.__version__.split('-')[0]}"
    assert description.device.startswith("CPU (")
    assert (description.precision, description.threads) == ("fp32", 1)


def test_auto_takes_bf16_where_it_is_native(network):
    assert open_session(network).describe().precision == ("bf16" if NATIVE_BF16 else "fp32")


@pytest.mark.skipif(not NATIVE_BF16, reason="this CPU has no bfloat16")
def test_bf16_is_near_fp32(network):
    batch = batch_of(1, 3, 32, 32)
    session = open_session(network, precision="bf16")
    assert session.describe().precision == "bf16"
    np.testing.assert_allclose(session.run({"image": batch})["mask"], expected(batch), atol=0.05)


def test_bf16_is_refused_where_it_is_not_native(network, monkeypatch):
    class OlderCpu:
        available_devices = ("CPU",)

        def __init__(self):
            self._core = openvino_core()

        def get_property(self, device, name):
            if name == "OPTIMIZATION_CAPABILITIES":
                return ["FP32", "INT8"]
            return self._core.get_property(device, name)

        def compile_model(self, *args):
            return self._core.compile_model(*args)

    monkeypatch.setattr(on_openvino, "openvino_core", OlderCpu)
    assert open_session(network).describe().precision == "fp32"
    with pytest.raises(InputError, match="bf16: this CPU lacks it; auto and fp32"):
        open_session(network, precision="bf16")


def test_int8_needs_a_quantised_network(network, tmp_path):
    with pytest.raises(InputError, match="is not quantised for int8"):
        open_session(network, precision="int8")
    quantised = open_session(write_segmenter(tmp_path / "q.onnx", quantised=True), precision="int8")
    batch = batch_of(1, 3, 32, 32)
    assert quantised.describe().precision == "int8"
    np.testing.assert_allclose(quantised.run({"image": batch})["mask"], expected(batch), atol=0.05)


def test_threads_run_networks_side_by_side(network, monkeypatch):
    session = open_session(network, precision="fp32")
    together = threading.Barrier(4)

    class Watched:
        def infer(self, inputs, **options):
            together.wait(20)  # goes on when four threads are inside
            return {"mask": inputs["image"]}

    monkeypatch.setattr(session, "_network", SimpleNamespace(create_infer_request=Watched))
    batches = [batch_of(1, 1, 4, 4) * index for index in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: session.run({"image": batch})["mask"], batches))
    np.testing.assert_array_equal(found, batches)


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (
            RuntimeError("Exception from src/x.cpp:5:\nstd::bad_alloc"),
            MemoryError,
            "tiny.onnx: there is not enough",
        ),
        (
            RuntimeError("[ GENERAL_ERROR ]\nFailed to allocate 4096 bytes"),
            MemoryError,
            "there is not enough",
        ),
        (MemoryError(), MemoryError, "there is not enough memory for this network"),
        (
            RuntimeError("Exception from a.cpp:3:\nshapes differ"),
            InputError,
            r"fails when it is run \(shapes differ\)",
        ),
        (ZeroDivisionError("a bug"), ZeroDivisionError, "a bug"),
    ],
)
def test_failures_are_told_as_what_they_are(network, monkeypatch, error, kind, told):
    session = open_session(network, precision="fp32")

    class Failing:
        def infer(self, inputs, **options):
            raise error

    monkeypatch.setattr(session, "_network", SimpleNamespace(create_infer_request=Failing))
    with pytest.raises(kind, match=told):
        session.run({"image": batch_of(1, 3, 32, 32)})


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_runtime_is_not_begun_where_it_could_not_map_what_it_takes(network, monkeypatch, runtime):
    monkeypatch.setattr(sessions, "_opened", {})
    monkeypatch.setattr(sessions, "address_space_left", lambda: 2**30 - 1)
    with pytest.raises(MemoryError, match=r"tiny\.onnx: there is not enough memory for this network"):
        open_session(network, runtime=runtime)
    monkeypatch.setattr(sessions, "address_space_left", lambda: 2**30)
    open_session(network, precision="fp32")
    monkeypatch.setattr(sessions, "address_space_left", lambda: 0)
    open_session(network, precision="fp32")  # what the first took serves the next ones, too


def test_a_compiler_without_memory_says_so(network, monkeypatch):
    class Core:
        available_devices = ("CPU",)

        def get_property(self, device, name):
            return ["FP32"] if name == "OPTIMIZATION_CAPABILITIES" else "a CPU"

        def compile_model(self, *args):
            raise RuntimeError("Exception from core.cpp:1:\nstd::bad_alloc")

    monkeypatch.setattr(on_openvino, "openvino_core", Core)
    with pytest.raises(MemoryError, match=r"tiny\.onnx: there is not enough memory"):
        open_session(network)


@pytest.mark.parametrize(
    ("inputs", "outputs", "fits"),
    [
        ({"image": 3}, {"mask": 1}, True),
        ({"image": 4}, {"mask": 1}, False),
        ({"image": 3}, {"mask": 3}, False),
        ({"image": 3}, {"alpha": 1}, False),
        ({"photo": 3}, {"mask": 1}, False),
        ({"image": 3, "mask": 1}, {"mask": 1}, False),
        ({}, {"mask": 1}, False),
    ],
)
def test_ports(network, inputs, outputs, fits):
    wrong = InputError("tiny", "is another")
    session = open_session(network)
    if fits:
        check_ports(session, inputs, outputs, wrong)
    else:
        with pytest.raises(InputError, match="tiny: is another"):
            check_ports(session, inputs, outputs, wrong)


def test_threads_that_all_begin_with_their_first_inference(network):
    code = (
        "import sys, threading, numpy as np\n"
        "from pathlib import Path\n"
        "from wisp.engine.sessions import open_session\n"
        "session = open_session(Path(sys.argv[1]))\n"
        "start = threading.Barrier(4)\n"
        "def go():\n"
        "    start.wait()\n"
        "    session.run({'image': np.zeros((1, 3, 32, 32), np.float32)})\n"
        "threads = [threading.Thread(target=go) for _ in range(4)]\n"
        "[t.start() for t in threads]\n"
        "[t.join() for t in threads]\n"
    )
    subprocess.run([sys.executable, "-c", code, network], check=True, timeout=120)


def test_openvino_reports_to_nobody(network, tmp_path):
    """Left alone it sends an event to a web analytics service when it is imported."""
    code = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from wisp.engine.sessions import open_session\n"
        "print(open_session(Path(sys.argv[1])).describe().runtime)\n"
        "print(*[t.name for t in threading.enumerate()])\n"
        "print(*[m for m in sys.modules if m.startswith('openvino_telemetry')])\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    command = [sys.executable, "-c", code, network]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    runtime, threads, modules = run.stdout.splitlines()
    assert runtime.startswith("OpenVINO")
    assert (threads, modules) == ("MainThread", "")
    assert list(home.iterdir()) == []


def test_other_threads_find_openvino_s_telemetry_while_openvino_is_imported(tmp_path):
    (tmp_path / "openvino_telemetry.py").write_text("here = True")
    code = (
        "import sys, threading\n"
        "from importlib.util import find_spec\n"
        "from wisp.engine import sessions\n"
        "done, seen = threading.Event(), set()\n"
        "def look():\n"
        "    while not done.is_set():\n"
        "        if 'openvino_telemetry' in sys.modules:\n"
        "            seen.add('a hole')\n"
        "        seen.add(find_spec('openvino_telemetry') is not None)\n"
        "thread = threading.Thread(target=look)\n"
        "thread.start()\n"
        "sessions.load_openvino()\n"
        "done.set()\n"
        "thread.join()\n"
        "print(seen, sys.meta_path[0].__class__.__name__ == '_NoTelemetry')\n"
        "import openvino_telemetry\n"
        "print(openvino_telemetry.here)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.split() == ["{True}", "False", "True"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_signals_are_handled_after_networks_were_let_go_of_in_another_thread(network):
    """OpenVINO takes back the stack that it gave a thread for its signal handlers; see `openvino_core`."""
    code = (
        "import gc, os, signal, sys, threading\n"
        "from pathlib import Path\n"
        "from wisp.engine.sessions import cpu_name, open_session\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('handled'))\n"
        "cpu_name()\n"
        "held = [open_session(Path(sys.argv[1]))]\n"
        "def let_go():\n"
        "    held.clear()\n"
        "    gc.collect()\n"
        "thread = threading.Thread(target=let_go)\n"
        "thread.start()\n"
        "thread.join()\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "print('alive')\n"
    )
    run = subprocess.run([sys.executable, "-c", code, network], check=False, capture_output=True, timeout=120)
    assert (run.returncode, run.stdout.split()) == (0, [b"handled", b"alive"])


def test_one_session_serves_several_threads(network):
    session = open_session(network, precision="fp32")
    batches = [batch_of(1, 3, 32, 32 * (1 + index % 3)) * (0.8 + 0.02 * index) for index in range(12)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda batch: session.run({"image": batch})["mask"], batches))
    for batch, result in zip(batches, results, strict=True):
        np.testing.assert_allclose(result, expected(batch), atol=1e-4)


@pytest.mark.parametrize("hidden", [(), ("openvino",)])
@pytest.mark.parametrize("contents", [b"", b"\xff\xd8 a photo", b"text", b"\x08\x07 and then nonsense"])
def test_a_file_that_is_no_network_is_refused(tmp_path, without, hidden, contents, capfd):
    file = tmp_path / "photo.onnx"
    file.write_bytes(contents)
    without(*hidden)
    with pytest.raises(InputError, match=r"photo\.onnx: is no network .* can read; an ONNX"):
        open_session(file)
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(HAS_INTEL_GPU, reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(network, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(InputError, match="device: gpu: this machine has none that works; auto and cpu"):
        open_session(network, device="gpu")


@pytest.mark.skipif(HAS_INTEL_GPU, reason="this machine has a GPU")
def test_a_missing_runtime_is_named_with_its_extra(network, without):
    without("onnxruntime")
    with pytest.raises(MissingExtraError, match=r"pip install 'wisp-matting\[onnxruntime\]'"):
        open_session(network, device="gpu")
    without("openvino", "onnxruntime")
    with pytest.raises(MissingExtraError, match="without OpenVINO needs the 'onnxruntime' extra"):
        open_session(network)


def test_unknown_words_are_refused(network):
    with pytest.raises(InputError, match="device: is 'tpu'; auto, cpu, gpu are accepted"):
        open_session(network, device="tpu")
    with pytest.raises(InputError, match="precision: is 'fp8'; auto, fp32, bf16, int8 are accepted"):
        open_session(network, precision="fp8")


def test_onnx_runtime_has_no_other_precision(network, without):
    without("openvino")
    with pytest.raises(InputError, match="precision: bf16 is not available here; auto and fp32 are accepted"):
        open_session(network, precision="bf16")


class TestKeptOnDisk:
    @pytest.fixture
    def cache(self, tmp_path, monkeypatch):
        where = tmp_path / "cache"
        monkeypatch.setenv("WISP_CACHE", str(where))
        return where

    @pytest.fixture
    def compilations(self, monkeypatch):
        """How often a network was read from its ONNX file."""
        calls = []
        read_onnx = on_openvino._read_onnx
        monkeypatch.setattr(on_openvino, "_read_onnx", lambda file: calls.append(file) or read_onnx(file))
        return calls

    def test_the_second_session_is_not_compiled_and_computes_the_same(self, network, cache, compilations):
        batch = batch_of(1, 3, 32, 64)
        first = open_session(network, threads=1)
        second = open_session(network, threads=1)
        assert len(compilations) == 1
        assert len(list(cache.iterdir())) == 1
        assert second.describe() == first.describe()
        assert (second.inputs, second.outputs) == (first.inputs, first.outputs)
        np.testing.assert_array_equal(
            second.run({"image": batch})["mask"], first.run({"image": batch})["mask"]
        )

    def test_it_remembers_which_networks_are_quantised(self, tmp_path, network, cache, compilations):
        quantised = write_segmenter(tmp_path / "q.onnx", quantised=True)
        for _ in range(2):
            assert open_session(quantised, precision="int8").describe().precision == "int8"
            with pytest.raises(InputError, match="is not quantised for int8"):
                open_session(network, precision="int8")
        assert len(compilations) == 2

    def test_precision_threads_and_contents_are_kept_apart(self, tmp_path, network, cache, compilations):
        open_session(network, precision="fp32", threads=1)
        open_session(network, precision="fp32", threads=2)
        open_session(write_segmenter(tmp_path / "tiny2.onnx", bias=1.0), precision="fp32", threads=1)
        expected_count = 3
        if NATIVE_BF16:
            open_session(network, precision="bf16", threads=1)
            expected_count += 1
        assert len(compilations) == len(list(cache.iterdir())) == expected_count

    def test_a_damaged_file_is_made_again(self, network, cache, compilations):
        open_session(network, precision="fp32")
        (file,) = cache.iterdir()
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        file.write_bytes(damaged)
        assert on_openvino.compiled.read(file.stem) is None
        batch = batch_of(1, 3, 32, 32)
        result = open_session(network, precision="fp32").run({"image": batch})["mask"]
        np.testing.assert_allclose(result, expected(batch), atol=1e-4)
        assert len(compilations) == 2
        assert on_openvino.compiled.read(file.stem) is not None  # its digest is that of what it holds
        open_session(network, precision="fp32")
        assert len(compilations) == 2

    def test_a_file_that_this_openvino_does_not_take_is_made_again(self, network, cache, compilations):
        open_session(network, precision="fp32")
        (file,) = cache.iterdir()
        on_openvino.compiled.write(file.stem, on_openvino.compiled.Kept(False, b"of another version"))
        batch = batch_of(1, 3, 32, 32)
        result = open_session(network, precision="fp32").run({"image": batch})["mask"]
        np.testing.assert_allclose(result, expected(batch), atol=1e-4)
        open_session(network, precision="fp32")
        assert len(compilations) == 2

    def test_switched_off_nothing_is_exported(self, network, cache, monkeypatch):
        monkeypatch.setenv("WISP_CACHE", "off")
        open_session(network)
        assert not cache.exists()
