"""Old path of `wisp.matting.foreground.blur_fusion`; it goes in version 0.4."""

from wisp.matting.foreground.blur_fusion import estimate_blur_fusion

__all__ = ["estimate_blur_fusion"]
