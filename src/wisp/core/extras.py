"""The optional extras: the modules that each brings, and what is said when one of them is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from wisp.core.errors import MissingExtraError, WispError

EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "codecs": ("imagecodecs",),
    "ffmpeg": ("av",),
    "figures": ("matplotlib",),
    "heic": ("pi_heif",),
    "onnxruntime": ("onnxruntime",),
    "opencv": ("cv2",),
    "search": ("optuna",),
    "train": ("accelerate", "matplotlib", "onnx", "torch"),
}
"""Modules by the extra that brings them. Whatever distribution they come from will do: of OpenCV and ONNX
Runtime there are several that bring the same module, and only one of them may be installed."""


@contextmanager
def importing(feature: str, *extras: str) -> Iterator[None]:
    """Import in the block what extras bring, and say which one is missing.

    A module that fails for a reason of its own, or that no extra brings, raises its own error.

    Args:
        feature: what needs them, e.g. ``"training"``.
        extras: keys of `EXTRAS`, the likeliest first.

    Raises:
        MissingExtraError: a module that one of the extras brings is not installed.
        WispError: it is installed, but cannot be loaded.
    """
    try:
        yield
    except ImportError as error:
        brings = {module: extra for extra in reversed(extras) for module in EXTRAS[extra]}
        if error.name not in brings:
            raise
        if isinstance(error, ModuleNotFoundError):
            raise MissingExtraError(feature, brings[error.name]) from error
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        hint = "; opencv-python-headless needs no display" if error.name == "cv2" else ""
        raise WispError(f"{feature} needs {error.name}, which cannot be loaded ({first}){hint}") from error
