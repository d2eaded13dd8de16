"""Bounds of what is read, which the command line names without importing what reads."""

from __future__ import annotations

from typing import Final

MAX_PIXELS: Final = 200_000_000
"""Photos and frames of more pixels, unless more are allowed, are taken for decompression bombs."""
