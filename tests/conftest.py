import pytest


@pytest.fixture(autouse=True, scope="session")
def no_cache_of_compiled_networks():
    """Tests leave the user's cache folder alone, and so do the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WISP_CACHE", "off")
        yield
