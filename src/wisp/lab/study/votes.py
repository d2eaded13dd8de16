"""What came of the study of `wisp.lab.study.dim`: how often each method was preferred to each other.

Xu, Price, Cohen, Huang 2017, "Deep Image Matting" (CVPR), table 2. Shares come with Wilson's score interval
at 95 % (Wilson 1927, "Probable inference, the law of succession, and statistical inference"), which takes
votes as independent; votes of one person are less so than that, and the true intervals somewhat wider.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wisp.core.errors import InputError
from wisp.evaluation.tables import markdown

FORMAT: Final = "wisp-study-1"
NORMAL: Final = 1.959964
"""The normal distribution's 97.5th percentile."""


@dataclass(frozen=True)
class Vote:
    """One choice between two results."""

    participant: str
    photo: str
    preferred: str
    other: str


@dataclass(frozen=True)
class Share:
    """How often something was preferred.

    Attributes:
        won: votes for it.
        count: votes in all.
    """

    won: int
    count: int

    @property
    def value(self) -> float:
        """The share, nan without votes."""
        return self.won / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 %; 0 … 1 without votes."""
        if not self.count:
            return 0.0, 1.0
        z2 = NORMAL**2 / self.count
        middle = (self.value + z2 / 2) / (1 + z2)
        reach = math.sqrt(z2 * (self.value * (1 - self.value) + z2 / 4)) / (1 + z2)
        return max(0.0, middle - reach), min(1.0, middle + reach)

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        low, high = self.interval
        return {"won": self.won, "votes": self.count, "share": self.value, "low": low, "high": high}

    def __str__(self) -> str:
        if not self.count:
            return ""
        low, high = self.interval
        return f"{self.value:.0%} [{low:.0%}, {high:.0%}] of {self.count}"


def read_votes(paths: Sequence[Path | str]) -> tuple[list[str], list[Vote]]:
    """The methods of a study, and everybody's votes.

    Args:
        paths: files that the page saved.

    Raises:
        InputError: a file that cannot be read, is something else or belongs to another study, or a person
            who is there twice.
    """
    methods: list[str] = []
    votes: list[Vote] = []
    for content in read_files(paths, FORMAT, ("left", "right")):
        methods = content["methods"]
        for vote in content["votes"]:
            sides = (vote["left"], vote["right"])
            preferred, other = sides if vote["choice"] == "left" else sides[::-1]
            votes.append(Vote(content["participant"], vote["photo"], preferred, other))
    return methods, votes


def read_files(
    paths: Sequence[Path | str], format_: str, choices: Collection[str], *, first_is_rated: bool = False
) -> list[dict[str, Any]]:
    """Everybody's file of one study, as the page saved it: study, participant, methods, votes.

    Args:
        paths: the files.
        format_: what they must say that they are.
        choices: the answers that there are.
        first_is_rated: whether each pair must be of the first method with another.

    Raises:
        InputError: a file that cannot be read, is something else or belongs to another study, or a person
            who is there twice.
    """
    found: list[dict[str, Any]] = []
    seen = dict[str, Path | str]()
    for path in paths:
        content = _read(path, format_, choices, first_is_rated)
        if found and content["study"] != found[0]["study"]:
            study = found[0]["study"]
            raise InputError(path, "belongs to another study", f"votes of the study {study} are accepted")
        person = content["participant"]
        if person in seen:
            problem = f"has votes of {person}, as {seen[person]} has"
            raise InputError(path, problem, "one file a person is accepted")
        seen[person] = path
        found.append(content)
    return found


def tabulate(methods: Sequence[str], votes: Sequence[Vote]) -> dict[str, bytes]:
    """``votes.json`` and ``votes.md``, by file name.

    Args:
        methods: of the study, in their order.
        votes: everybody's.
    """
    pairs = {a: {b: pair(votes, a, b) for b in methods if b != a} for a in methods}
    overall = {a: Share(*map(sum, zip(*_counts(pairs[a]), strict=True))) for a in methods}
    people, photos = {vote.participant for vote in votes}, {vote.photo for vote in votes}
    content: dict[str, Any] = {
        "votes": len(votes),
        "people": len(people),
        "photos": len(photos),
        "preferred": {a: share.to_dict() if share.count else None for a, share in overall.items()},
        "preferred_to": {
            a: {b: share.to_dict() if share.count else None for b, share in row.items()}
            for a, row in pairs.items()
        },
    }
    columns = [
        [f"to {b}", *("" if a == b else str(pairs[a][b]) for a in methods)] for b in methods
    ]  # as the paper has it: a column shows one method's preference over the others
    columns.append(["to all others", *(str(overall[a]) for a in methods)])
    head = f"{len(votes)} votes of {len(people)} people on {len(photos)} photos; 95 % intervals (Wilson)."
    text = f"{head}\n\n{markdown(['preferred', *methods], columns)}"
    return {
        "votes.json": json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n",
        "votes.md": text.encode(),
    }


def pair(votes: Sequence[Vote], a: str, b: str) -> Share:
    """How often `a` was preferred to `b`."""
    won = sum((vote.preferred, vote.other) == (a, b) for vote in votes)
    lost = sum((vote.preferred, vote.other) == (b, a) for vote in votes)
    return Share(won, won + lost)


def _counts(row: Mapping[str, Share]) -> list[tuple[int, int]]:
    return [(share.won, share.count) for share in row.values()]


def _read(path: Path | str, format_: str, choices: Collection[str], first_is_rated: bool) -> dict[str, Any]:
    """A file's content, of which everything that `read_files` promises is there."""
    wrong = InputError(path, "holds no votes", "a file that the study's page saved is accepted")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["format"] != format_ or not isinstance(content["participant"], str):
            raise wrong
        for vote in content["votes"]:
            sides = {vote["left"], vote["right"]}
            known = sides <= set(content["methods"]) and len(sides) == 2
            if first_is_rated and content["methods"][0] not in sides:
                raise wrong
            if not known or vote["choice"] not in choices or not isinstance(vote["photo"], str):
                raise wrong
        return {key: content[key] for key in ("study", "participant", "methods", "votes")}
    except OSError as error:
        raise InputError(path, "cannot be read", "a file that the study's page saved is accepted") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise wrong from error
