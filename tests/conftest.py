"""What every test keeps to, and `--without-extras` for a core install."""

import re
import signal

import pytest

from wisp.core.extras import EXTRAS

ALWAYS = ("test_api", "test_pipeline", "test_cutout", "test_replace", "test_trimap", "test_readme")
"""Files that a core install has to pass whole: what `pip install wisp-matting` promises."""


def pytest_addoption(parser):
    parser.addoption(
        "--without-extras",
        action="store_true",
        help="skip tests that need a module of an extra that is not installed; without it they fail",
    )


def pytest_configure():
    """Let what tests start hear an interrupt: a shell's background jobs ignore it, and so do theirs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


OPTIONAL = {module for modules in EXTRAS.values() for module in modules}


def _as_skipped(report, path, config):
    """The report of a failure, or of a skip if all that failed is an import that an extra would have met."""
    told = set(re.findall(r"ModuleNotFoundError: No module named '(\w+)'", str(report.longrepr or "")))
    forgiven = config.getoption("--without-extras") and path.stem not in ALWAYS
    if report.failed and forgiven and told and told <= OPTIONAL:
        report.outcome = "skipped"
        report.longrepr = (str(path), 0, f"Skipped: {', '.join(sorted(told))} not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    return _as_skipped(report, collector.path, collector.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    return _as_skipped(report, item.path, item.config)


@pytest.fixture(autouse=True, scope="session")
def no_cache_of_compiled_networks():
    """Tests leave the user's cache folder alone, and so do the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WISP_CACHE", "off")
        yield


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """A segmentation network for which what is bright is the subject."""
    from tiny_networks import write_segmenter

    return write_segmenter(tmp_path_factory.mktemp("networks") / "tiny.onnx")
