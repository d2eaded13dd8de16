"""The errors wisp raises on purpose; the command line prints them as one line without a traceback."""

from __future__ import annotations


class WispError(Exception):
    """Base of every error that wisp raises on purpose.

    Its text is one line fit to show to a user; a list of differences may follow, one a line.
    """


class InputError(WispError, ValueError):
    """Input that wisp cannot use.

    Args:
        name: the file or argument at fault, as the user wrote it.
        problem: what is wrong with it, with the value received.
        accepted: what would be accepted instead; empty when there is no alternative.
    """

    def __init__(self, name: object, problem: str, accepted: str = "") -> None:
        self.name = str(name)
        self.problem = problem
        self.accepted = accepted
        super().__init__(f"{self.name}: {problem}" + (f"; {accepted}" if accepted else ""))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        return type(self), (self.name, self.problem, self.accepted)  # between processes


_NO_MEMORY = (
    "bad_alloc",
    "bad allocation",
    "out of memory",
    "not enough memory",
    "cannot allocate memory",
    "can't alloc",
    "failed to allocate",
    "unable to allocate",
    "failed to map segment",
    "error creating thread",
    "can't start new thread",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of a library perhaps, says that the machine has no memory or threads left."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        not isinstance(error, WispError) and any(words in text for words in _NO_MEMORY)
    )


class MissingInputError(InputError):
    """An input that is not there: it failed, while the command line itself may be right."""


class SeveralPicturesError(InputError):
    """A file of several pictures, an animation perhaps, of which none was chosen."""


class MissingExtraError(WispError, ImportError):
    """A feature whose packages are an optional extra was asked for without them.

    Args:
        feature: what was asked for, e.g. ``"reading HEIC"``.
        extra: the extra that brings it, e.g. ``"heic"``.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the '{extra}' extra; pip install 'wisp-matting[{extra}]'")
