"""The errors for pictures that cannot be decoded: damaged, or sound and coded in a way that is not read."""

from __future__ import annotations

from typing import Final

from wisp.core.errors import InputError, is_out_of_memory
from wisp.io.formats import READABLE

_UNSUPPORTED: Final = (
    "not configured",
    "not implemented",
    "not supported",
    "nsupported",
    "not been built in",
)
"""What decoders' words for a coding that they lack have in common."""


class DamageError(Exception):
    """Fewer bytes than the header of a picture promises, or a header that makes no sense."""


def damaged(name: str, error: Exception) -> Exception:
    """The error for a file that a decoder gave up on, with the last thing that the decoder said."""
    if is_out_of_memory(error):
        return MemoryError(f"{name}: there is not enough memory to read it")
    line = _last_line(error)
    return InputError(name, "is damaged or cut short" + (f" ({line})" if line else ""), f"whole {READABLE}")


def not_decoded(name: str, error: Exception) -> Exception:
    """The error for a file that a decoder refused: a coding that it lacks, or else damage."""
    line = _last_line(error)
    if any(words in line for words in _UNSUPPORTED):
        accepted = "saved anew with ordinary settings it would be accepted"
        return InputError(name, f"is coded in a way that is not read here ({line})", accepted)
    return damaged(name, error)


def _last_line(error: Exception) -> str:
    lines = str(getattr(error, "detail", error)).strip().splitlines()
    return lines[-1].strip() if lines else ""
