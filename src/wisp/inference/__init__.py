"""Old path of `wisp.engine`; it goes in version 0.4."""

import warnings

warnings.warn("wisp.inference has moved to wisp.engine", DeprecationWarning, stacklevel=2)
