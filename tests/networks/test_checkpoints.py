"""Parameter files are data: nothing in them runs."""

import pickle

import pytest
import torch

from wisp.core.errors import InputError
from wisp.networks.checkpoints import read_checkpoint


class Trap:
    """Whoever unpickles this touches a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_tensors_come_back(tmp_path):
    torch.save({"a": torch.arange(3), "step": 7}, tmp_path / "x.pt")
    state = read_checkpoint(tmp_path / "x.pt", "")
    assert state["step"] == 7
    torch.testing.assert_close(state["a"], torch.arange(3))


def test_code_in_a_file_is_refused_and_does_not_run(tmp_path):
    trapped = tmp_path / "trapped"
    torch.save({"a": Trap(trapped)}, tmp_path / "x.pt")
    (tmp_path / "y.pt").write_bytes(pickle.dumps(Trap(trapped)))
    trapped.unlink(missing_ok=True)
    for name in ("x.pt", "y.pt"):
        with pytest.raises(InputError, match=rf"{name}: is no checkpoint; mine is accepted"):
            read_checkpoint(tmp_path / name, "mine is accepted")
    assert not trapped.exists()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut off"])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(InputError, match="is no checkpoint"):
        read_checkpoint(tmp_path / "x.pt", "")


def test_a_lone_tensor_and_a_missing_file_are_refused(tmp_path):
    torch.save(torch.zeros(2), tmp_path / "x.pt")
    with pytest.raises(InputError, match="is no checkpoint"):
        read_checkpoint(tmp_path / "x.pt", "")
    with pytest.raises(InputError, match="does not exist"):
        read_checkpoint(tmp_path / "y.pt", "")
