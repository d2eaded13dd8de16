"""Options of clips and of the camera that go together: whom to follow, times and rates."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from wisp.cli import options as o
from wisp.cli.console import UsageError, usage_errors

if TYPE_CHECKING:
    from wisp.clips.selection import Selection


@dataclass(frozen=True)
class FollowOptions:
    """The subject of a clip: of which kind it is, or who is followed from a frame on."""

    subject: o.SubjectOption = "auto"
    point: o.PointOption = None
    point_out: o.PointOutOption = None
    box: o.BoxOption = None

    def selection(self, method: str, at: str | None = None) -> Selection | None:
        """Whom the options say to follow; None where they say nothing.

        Args:
            method: what mattes the frames; ``auto`` alone follows somebody.
            at: time of the frame that they are of, as ``--at`` gives it; the first one's when None.

        Raises:
            UsageError: no such numbers, or options that would change nothing.
        """
        from wisp.clips.selection import Selection

        given = "--point" if self.point else "--box"
        if not self.point and self.box is None:
            for name, there in (("--point-out", bool(self.point_out)), ("--at", at is not None)):
                if there:
                    problem = "changes nothing without --point or --box; one of them is accepted"
                    raise UsageError(f"{name}: {problem}")
            return None
        if self.subject != "auto":
            problem = f"changes nothing: {given} says what the subject is; one of the two is accepted"
            raise UsageError(f"--subject: {problem}")
        if method != "auto":
            problem = f"changes nothing: method {method} follows nobody; method auto is accepted"
            raise UsageError(f"{given}: {problem}")
        inside, outside = (
            [o.numbers(name, text, 2, "column and row, such as 320,180,") for text in texts or []]
            for name, texts in (("--point", self.point), ("--point-out", self.point_out))
        )
        place = (
            None
            if self.box is None
            else o.numbers("--box", self.box, 4, "left, top, width and height, such as 10,20,64,48,")
        )
        with usage_errors():
            return Selection(
                tuple((x, y) for x, y in inside),
                tuple((x, y) for x, y in outside),
                None if place is None else (place[0], place[1], place[2], place[3]),
                None if at is None else seconds("--at", at),
            )


def frame_rate(name: str, text: str) -> Fraction:
    """Frames a second from ``24``, ``12.5``, ``30000/1001`` or, for that, ``29.97``.

    Raises:
        UsageError: anything else.
    """
    try:
        if not set(text) <= set("0123456789./"):
            raise ValueError
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise UsageError(f"{name}: is {text!r}; frames a second (24, 29.97, 30000/1001) are accepted")
    ntsc = Fraction(1000 * round(rate * 1001 / 1000), 1001)
    return ntsc if rate.denominator > 1 and abs(ntsc - rate) < Fraction(1, 200) else rate


def seconds(name: str, text: str) -> Fraction:
    """A time from ``12.5``, ``1:02.5`` or ``1:00:00``.

    Raises:
        UsageError: anything else.
    """
    try:
        total = Fraction(0)
        parts = text.split(":")
        for part in parts:
            if not part or part[0] in "+-" or not set(part) <= set("0123456789."):
                raise ValueError
            total = 60 * total + Fraction(part)
        if len(parts) > 3:
            raise ValueError
    except ValueError:
        accepted = "seconds (12.5), M:S (1:02.5) or H:M:S is accepted"
        raise UsageError(f"{name}: is {text!r}; {accepted}") from None
    return total
