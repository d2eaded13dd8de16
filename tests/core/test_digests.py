import pytest

from wisp.core.digests import sha256_of


def test_a_files_sha256_is_the_standards(tmp_path):
    """FIPS 180-2, appendix B.1."""
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "abc") == known
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "missing")
