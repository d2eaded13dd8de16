"""Old path of `wisp.matting.foreground.multilevel`; it goes in version 0.4."""

from wisp.matting.foreground.multilevel import estimate_multilevel

__all__ = ["estimate_multilevel"]
