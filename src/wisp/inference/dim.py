"""Old path of `wisp.engine.families.dim`; it goes in version 0.4."""

from wisp.engine.families.dim import dim

__all__ = ["dim"]
