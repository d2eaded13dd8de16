"""Old path of `wisp.matting.foreground`; it goes in version 0.4."""

import warnings

from wisp.matting.foreground import (
    DEFAULT,
    ForegroundMethod,
    estimate_foreground,
    estimate_foreground_background,
)

__all__ = ["DEFAULT", "ForegroundMethod", "estimate_foreground", "estimate_foreground_background"]

warnings.warn("wisp.foreground has moved to wisp.matting.foreground", DeprecationWarning, stacklevel=2)
