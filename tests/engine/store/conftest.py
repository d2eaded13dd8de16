import pytest

import file_server


@pytest.fixture(autouse=True)
def no_setting_of_the_users(monkeypatch, tmp_path):
    for name in ("WISP_OFFLINE", "WISP_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WISP_MODELS", str(tmp_path / "models"))


@pytest.fixture
def server():
    with file_server.running() as server:
        yield server
