"""What networks run on and compute in: the words, without any runtime."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Device: TypeAlias = Literal["auto", "cpu", "gpu"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "int8"]

DEVICES: Final[tuple[str, ...]] = get_args(Device)
PRECISIONS: Final[tuple[str, ...]] = get_args(Precision)
