"""Reading parameter files without executing anything in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wisp.core.errors import InputError


def read_checkpoint(path: Path, accepted: str) -> Mapping[str, Any]:
    """The content of a file that `torch.save` wrote: tensors, numbers, texts and containers of these only.

    Args:
        path: the file.
        accepted: what would be accepted, for the error.

    Raises:
        InputError: no such file, or one that holds anything else.
    """
    try:
        state: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", accepted) from error
    except Exception as error:  # torch raises whatever the bytes lead it to
        raise InputError(path, "is no checkpoint", accepted) from error
    if not isinstance(state, Mapping):
        raise InputError(path, "is no checkpoint", accepted)
    return state
