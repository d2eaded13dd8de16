import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer

import wisp as package
from wisp import cli
from wisp.cli import options
from wisp.core.errors import InputError

VERBS = ["cutout", "replace", "trimap", "evaluate", "train", "export", "benchmark", "models", "doctor"]
SCRIPT = Path(sys.executable).parent / "wisp"
HEAVY = ("torch", "openvino", "onnxruntime", "scipy", "pyvips", "numpy")


def test_help_names_every_verb(wisp):
    ran = wisp("--help")
    assert ran.code == 0
    assert ran.errors == []
    for verb in VERBS:
        assert f" {verb} " in ran.stdout


def test_no_verb_shows_help_and_has_done_nothing(wisp):
    ran = wisp()
    assert ran.code == 2
    assert "Usage: wisp" in ran.stdout


@pytest.mark.parametrize("verb", [*VERBS, "train segmenter", "models list", "models pull", "models show"])
def test_every_verb_has_help(wisp, verb):
    ran = wisp(*verb.split(), "--help")
    assert ran.code == 0
    assert f"Usage: wisp {verb}" in ran.stdout


def test_the_version(wisp):
    assert wisp("--version").stdout == f"wisp {package.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["cutuot", "a.png"], "No such command 'cutuot'. Did you mean 'cutout'?"),
        (["cutout", "a.png"], "Missing option '--out'"),
        (["cutout", "-o", "b.png"], "Missing argument 'INPUT'"),
        (["cutout", "a.png", "-o", "b.png", "--nosuch"], "No such option"),
        (["cutout", "a.png", "-o", "b.png", "--method", "magic"], "'magic' is not one of 'auto', 'portrait'"),
        (["cutout", "a.png", "-o", "b.png", "--bits", "12"], "'12' is not one of '8', '16'"),
        (["cutout", "a.png", "-o", "b.png", "--jobs", "two"], "Invalid value for '--jobs'"),
        (["cutout", "a.png", "-o", "b.png", "--max-pixels", "0"], "Invalid value for '--max-pixels'"),
        (["replace", "a.png", "-o", "b.png"], "Missing option '--background'"),
        (["train", "nosuch"], "No such command 'nosuch'"),
        (
            ["models", "show", "nosuch"],
            "nosuch: is no known network and no file; subject-mobile, segmenter-mobile",
        ),
    ],
)
def test_wrong_usage_is_one_line(wisp, words, expected):
    ran = wisp(*words)
    assert ran.code == 2, ran
    assert len(ran.errors) == 1, ran
    assert ran.errors[0].startswith("wisp: ")
    assert expected in ran.errors[0]
    assert ran.stdout == ""


def raising(monkeypatch, error):
    def command():
        raise error

    app = typer.Typer()
    app.callback()(lambda: None)
    app.command("run")(command)
    monkeypatch.setattr(cli, "app", app)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("a.png", "is\nempty", "more\tis accepted"), 1, "wisp: a.png: is empty; more is accepted"),
        (InputError("--size", "is 3", "8 is accepted"), 2, "wisp: --size: is 3; 8 is accepted"),
        (KeyboardInterrupt(), 130, "wisp: interrupted"),
        (typer.Abort(), 130, "wisp: interrupted"),
    ],
)
def test_expected_errors_are_one_line_and_an_exit_code(wisp, monkeypatch, error, code, line):
    raising(monkeypatch, error)
    ran = wisp("run")
    assert (ran.code, ran.errors) == (code, [line])


@pytest.mark.parametrize("verb", ["cutout", "replace", "video", "camera"])
def test_help_lists_the_methods(wisp, verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = wisp(verb, "--help").stdout
    assert "|portrait|dim|dlmn|unet|closed-form|" in text
    assert "with --model FILE also" not in text


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "wisp: there is not enough memory"),
        (RuntimeError("core.cpp:1:\nstd::bad_alloc"), "wisp: there is not enough memory (core.cpp:1:)"),
        (
            MemoryError("a: there is not enough memory to read it"),
            "wisp: a: there is not enough memory to read it",
        ),
    ],
)
def test_a_machine_out_of_memory_is_told_in_these_words(wisp, monkeypatch, error, line):
    raising(monkeypatch, error)
    ran = wisp("run")
    assert (ran.code, ran.errors) == (1, [line])


def test_a_bug_is_one_line_too(wisp, monkeypatch):
    monkeypatch.delenv("WISP_DEBUG", raising=False)
    raising(monkeypatch, ZeroDivisionError("by nought"))
    ran = wisp("run")
    assert ran.code == 1
    assert ran.errors == [
        "wisp: unexpected ZeroDivisionError: by nought; WISP_DEBUG=1 shows where it comes from"
    ]


def test_a_bug_shows_its_traceback_on_request(monkeypatch, capsys):
    monkeypatch.setenv("WISP_DEBUG", "1")
    raising(monkeypatch, ZeroDivisionError("by nought"))
    assert cli.main(["run"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_words_of_the_options_are_those_of_the_library():
    """The command line spells them out so that --help need not load what implements them."""
    from wisp.cli import video
    from wisp.clips.io import codecs
    from wisp.io.formats import FORMATS

    assert get_args(options.FormatName) == tuple(FORMATS)
    assert get_args(video.CodecOption) == ("auto", *get_args(codecs.CodecName))


def test_the_words_of_replace_are_those_of_the_library():
    from wisp.cli import replace
    from wisp.compositing import backgrounds

    assert set(get_args(replace.Fit)) == set(get_args(backgrounds.Fit))
    assert set(get_args(replace.Anchor)) == set(get_args(backgrounds.Anchor))


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom wisp.cli import main\ncode = main(['--help'])\nprint('LOADED', code, *sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, code, *modules = run.stdout[run.stdout.index("LOADED") :].split()
    assert code == "0"
    assert set(modules) & set(HEAVY) == set()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count the seconds of child processes")
def test_help_costs_next_to_nothing():
    best = float("inf")
    for _ in range(3):
        before = os.times()
        subprocess.run([SCRIPT, "--help"], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, used)
    assert best <= 0.5


def test_a_reader_that_goes_away_is_no_error_of_ours():
    """As in `wisp doctor --json - | head -0`."""
    process = subprocess.Popen([SCRIPT, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in errors


class TestModels:
    def test_show(self, wisp):
        from wisp.engine.models import MODELS

        model = MODELS["segmenter-mobile"]
        ran = wisp("models", "show", "segmenter-mobile")
        assert ran.code == 0
        assert model.sha256 in ran.stdout
        assert model.card.read_text(encoding="utf-8").strip() in ran.stdout

    def test_show_of_a_file_of_the_user(self, wisp, network):
        ran = wisp("models", "show", network)
        assert ran.code == 2
        assert len(ran.errors) == 1
        assert "does not come with wisp; " in ran.errors[0]
        assert "modnet" in ran.errors[0]


class TestDoctor:
    def test_json_says_what_each_network_really_gets(self, wisp):
        ran = wisp("doctor", "--precision", "fp32", "--json", "-")
        assert ran.code == 0
        report = json.loads(ran.stdout)
        assert report["versions"]["wisp"] == package.__version__
        assert report["machine"]["cores"] >= 1
        (network,) = [n for n in report["networks"] if n["name"] == "segmenter-mobile"]
        assert network["runtime"].startswith(("OpenVINO 2", "ONNX Runtime 1"))
        assert network["precision"] == "fp32"
        assert network["device"].startswith("CPU")
        assert network["threads"] >= 1

    def test_text(self, wisp):
        ran = wisp("doctor")
        assert ran.code == 0
        for word in ("libvips", "openvino", "segmenter-mobile"):
            assert word in ran.stdout

    def test_a_file(self, wisp, tmp_path):
        ran = wisp("doctor", "--json", tmp_path / "report.json")
        assert (ran.code, ran.stdout) == (0, "")
        assert "versions" in json.loads((tmp_path / "report.json").read_text())
        assert wisp("doctor", "--json", tmp_path / "missing" / "report.json").code == 2

    def test_a_report_that_exists_is_replaced_only_when_asked(self, wisp, tmp_path):
        report = tmp_path / "report.json"
        report.write_text("mine")
        ran = wisp("doctor", "--json", report)
        assert (ran.code, ran.stdout, len(ran.errors)) == (2, "", 1)
        assert "report.json: exists already; --overwrite replaces it" in ran.errors[0]
        assert report.read_text() == "mine"
        assert wisp("doctor", "--json", report, "--overwrite").code == 0
        assert "versions" in json.loads(report.read_text())

    def test_measuring_tells_what_int8_takes(self, wisp, monkeypatch):
        from wisp.engine import precision
        from wisp.engine.models import MODELS

        monkeypatch.setattr(precision, "_speed_up", lambda *a: 4.0)
        for network in json.loads(wisp("doctor", "--measure", "--json", "-").stdout)["networks"]:
            told = re.fullmatch(r"int8 takes 0\.25 of (bf16|fp32)'s time here", network.get("measured", ""))
            assert bool(told) == (MODELS[network["name"]].int8 is not None)
        assert "; int8 takes 0.25 of" in wisp("doctor", "--measure").stdout
        assert "takes 0.25" not in wisp("doctor").stdout

    def test_the_cache_of_compiled_networks(self, wisp, tmp_path, monkeypatch):
        assert "switched off (WISP_CACHE)" in wisp("doctor").stdout
        cache = tmp_path / "cache"
        cache.mkdir()
        (cache / "a.compiled").write_bytes(bytes(3_000_000))
        monkeypatch.setenv("WISP_CACHE", str(cache))
        assert re.search(rf"in use: {cache}, [1-9]\d* in \d+ MB of at most 250", wisp("doctor").stdout)
        monkeypatch.setenv("WISP_CACHE", str(cache / "a.compiled"))
        report = json.loads(wisp("doctor", "--json", "-").stdout)
        assert report["cache"]["state"] == "cannot be written to"

    def test_a_network_that_cannot_run_is_told(self, wisp, monkeypatch):
        from wisp.engine.engine import Engine

        def broken(*args, **kwargs):
            raise InputError("net.onnx", "is damaged")

        monkeypatch.setattr(Engine, "session_of", broken)
        ran = wisp("doctor")
        assert ran.code == 1
        assert "segmenter-mobile: net.onnx: is damaged" in ran.stdout
