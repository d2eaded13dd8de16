"""What each part of the photo path is worth: alpha with and without it, on the pictures of a half.

Run from the root of the repository::

    python benchmarks/chain.py                                    half a of people-dev and things-dev
    python benchmarks/chain.py --half b --only shipped            one way alone
    python benchmarks/chain.py --matting FILE --refinement FILE   a network that the mask leads
    python benchmarks/chain.py --keep NAME                        keep the result as results/chain-NAME.json
    python benchmarks/chain.py --table NAME                       a kept result as Markdown

All ways start from the same masks (`find_subject`). Error is over the whole image, alpha rounded to 8 bits;
every way is compared with the shipped one: mean difference and 95 % interval of a paired bootstrap that draws
whole subjects. Photos are small enough to be matted at their own size.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from _photo_sets import read_set
from _predictions import in_8_bits
from _systems import stay_on_one_core
from wisp.core.arrays import FOREGROUND, UNKNOWN, Alpha, Image, Mask
from wisp.core.resample import resize
from wisp.engine.engine import ENGINE
from wisp.engine.families import portrait
from wisp.engine.families.subject import find_subject
from wisp.engine.models import Model, find_model
from wisp.engine.sessions import Session, open_session
from wisp.evaluation.bootstrap import paired_bootstrap
from wisp.evaluation.metrics import conn, grad, mse, sad
from wisp.io.images import read_grey, read_photo
from wisp.matting import cleaning
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.matting.mixing import find_persons, mix_alphas
from wisp.matting.trimap import impose_known, subject_size, trimap_from_mask
from wisp.methods import solve
from wisp.pipeline import FROM_INITIAL_ALPHA

RESULTS: Final = Path(__file__).parent / "results"
SHARED: Final = Path(__file__).parent.parent.parent / "shared"
SETS: Final = ("people-dev", "things-dev")
METRICS: Final = {"sad": sad, "mse": mse, "grad": grad, "conn": conn}
SHIPPED: Final = "shipped"


class Parts:
    """The parts of one photo's path, each made when it is first asked for.

    Args:
        image: float32 (H, W, 3).
        mask: float32 (H, W).
    """

    def __init__(self, image: Image, mask: Mask) -> None:
        self.image, self.mask = image, mask
        self.trimap = trimap_from_mask(mask)

    @cached_property
    def closed_form(self) -> Alpha:
        """Closed-form matting at full size."""
        return solve("closed-form", self.image, self.trimap).alpha

    @cached_property
    def first(self) -> Alpha:
        """Closed-form matting at half size."""
        return estimate_initial_alpha(self.image, self.trimap)

    @cached_property
    def network(self) -> Alpha:
        """The portrait network that closed-form matting leads."""
        return self._portrait(self.first, FROM_INITIAL_ALPHA, refined=False)

    @cached_property
    def by_mask(self) -> Alpha:
        """The portrait network that the mask leads."""
        return self._portrait(self.mask, "portrait-mobile", refined=False)

    @cached_property
    def refined(self) -> Alpha:
        """`network` with its border refined at the photo's size."""
        return self._portrait(self.first, FROM_INITIAL_ALPHA, refined=True)

    @cached_property
    def mixture(self) -> Alpha:
        """What is shipped, before it is cleaned."""
        if not (self.trimap == UNKNOWN).any():
            known: Alpha = (self.trimap == FOREGROUND).astype(np.float32)
            return known
        return self.mixed(self.network)

    def mixed(self, network: Alpha) -> Alpha:
        """The shipped mixture of closed-form matting and a network's alpha."""
        trusted = find_persons(network, self.trimap)
        return mix_alphas(self.first, network, self.trimap, trusted) if trusted.any() else self.closed_form

    def _portrait(self, start: Mask, model: str, *, refined: bool) -> Alpha:
        return portrait.portrait(self.image, start, model=model, refined=refined)


Way = Callable[[Parts], Alpha]


def ways(matting: Callable[[Image, Mask, int, bool], Alpha] | None) -> dict[str, Way]:
    """Ways to an alpha by name, the shipped one first.

    Args:
        matting: image, mask, longer side and whether the border is refined → alpha, of the network to try.
    """
    clean = cleaning.clean
    found: dict[str, Way] = {
        SHIPPED: lambda p: clean(p.mixture),
        "the mask itself": lambda p: p.mask,
        "no cleaning": lambda p: p.mixture,
        "no haze removed": lambda p: _cleaned(p.mixture, haze=False),
        "no islands removed": lambda p: _cleaned(p.mixture, islands=False),
        "no pinholes filled": lambda p: _cleaned(p.mixture, pinholes=False),
        "closed-form alone": lambda p: clean(p.closed_form),
        "network alone": lambda p: clean(p.network),
        "network alone, in the band": lambda p: clean(impose_known(p.network, p.trimap)),
        "network alone, led by the mask": lambda p: clean(p.by_mask),
        "mixture, network led by the mask": lambda p: clean(p.mixed(p.by_mask)),
        "mixture, network refined": lambda p: clean(p.mixed(p.refined)),
        "mean of both": lambda p: clean((p.first + p.network) * np.float32(0.5)),
        "mean of both, in the band": lambda p: clean(
            impose_known((p.first + p.network) * np.float32(0.5), p.trimap)
        ),
        "every subject is a person": lambda p: clean(
            mix_alphas(p.first, p.network, p.trimap, np.ones(p.mask.shape, bool))
        ),
    }
    if matting is None:
        return found
    for side in (512, 704):
        for refined in (False, True):
            name = f"new network at {side}" + (", refined" if refined else "")
            found[name] = lambda p, side=side, refined=refined: matting(p.image, p.mask, side, refined)  # type: ignore[misc]
    found["new network at 704, cleaned"] = lambda p: clean(matting(p.image, p.mask, 704, False))
    found["new network at 704, in the band"] = lambda p: impose_known(
        matting(p.image, p.mask, 704, False), p.trimap
    )
    found["new network at 704, led by closed-form"] = lambda p: matting(p.image, p.first, 704, False)
    found["mean of closed-form and the new network"] = lambda p: (
        (p.first + matting(p.image, p.mask, 704, False)) * np.float32(0.5)
    )
    found["mean of shipped and the new network"] = lambda p: (
        (clean(p.mixture) + matting(p.image, p.mask, 704, False)) * np.float32(0.5)
    )
    found["mixture with the new network"] = lambda p: clean(p.mixed(matting(p.image, p.mask, 704, False)))
    return found


def _cleaned(alpha: Alpha, *, haze: bool = True, islands: bool = True, pinholes: bool = True) -> Alpha:
    """`clean` with parts of it left out."""
    size = subject_size(alpha)
    if size == 0:
        return alpha.copy()
    reach = max(3, round(cleaning.REACH * size))
    out = cleaning._without_haze(alpha, reach) if haze else alpha.copy()
    if islands:
        out[cleaning._stray(out, size)] = 0
    if pinholes:
        out[cleaning._pinholes(out, size)] = 1
    return out


def open_matting(generator: Path, refinement: Path | None) -> Callable[[Image, Mask, int, bool], Alpha]:
    """Load a network of the portrait family that is fed with the mask: image, mask, side, refined → alpha."""
    row: Model = find_model(generator, "portrait")
    session: Session = ENGINE.session_of(row)
    finer = open_session(refinement) if refinement else None

    def estimate(image: Image, mask: Mask, side: int, refined: bool) -> Alpha:
        box = portrait.crop_around(mask)
        out = np.zeros(mask.shape, np.float32)
        if box is None:
            return out
        seen = image[box.slices]
        alpha = portrait.generate(session, replace(row, input_size=side), seen, mask[box.slices])
        if refined and finer is not None:
            for size in portrait.refined_sizes(alpha.shape, seen.shape):
                alpha = portrait.refine(resize(seen, *size), resize(alpha, *size).clip(0, 1), finer)
        out[box.slices] = resize(alpha, *seen.shape[:2]).clip(0, 1)
        return out

    return estimate


def compare(folder: Path, half: str, chosen: Mapping[str, Way]) -> dict[str, dict[str, Any]]:
    """Means of each way, its differences to the first one, and CPU seconds of what only it needed."""
    pictures = [picture for picture in read_set(folder, half) if picture.truth]  # type: ignore[arg-type]
    scores: dict[str, dict[str, list[float]]] = {name: {m: [] for m in METRICS} for name in chosen}
    spent = dict.fromkeys(chosen, 0.0)
    for picture in pictures:
        image = read_photo(picture.photo).image
        truth = read_grey(picture.truth)  # type: ignore[arg-type]
        parts = Parts(image, find_subject(image).mask)
        for name, way in chosen.items():
            begun = time.process_time()
            alpha = in_8_bits(way(parts))
            spent[name] += time.process_time() - begun
            for metric, function in METRICS.items():
                scores[name][metric].append(function(alpha, truth))
    groups = [picture.group for picture in pictures]
    first = next(iter(scores.values()))
    rows: dict[str, dict[str, Any]] = {}
    for name, by_metric in scores.items():
        row: dict[str, Any] = {metric: float(np.mean(values)) for metric, values in by_metric.items()}
        row["cpu"] = spent[name] / len(pictures)
        for metric in ("sad", "mse", "grad"):
            found = paired_bootstrap(by_metric[metric], first[metric], groups, seed=0)
            row[f"{metric}_difference"] = [found.mean, found.low, found.high]
        rows[name] = row
    return rows


def table(kept: Mapping[str, Any]) -> str:
    """A kept result as Markdown: means, and the differences of SAD and MSE to the shipped way."""
    lines = []
    for name, rows in kept["sets"].items():
        lines += [
            f"\n{name}, half {kept['half']}:\n",
            "| way | SAD | difference | MSE ×10³ | difference | Grad | Conn |",
            "|---|---|---|---|---|---|---|",
        ]
        for way, row in rows.items():
            sad_change, mse_change = (
                f"{scale * mean:+.{digits}f} ({scale * low:+.{digits}f} … {scale * high:+.{digits}f})"
                for (mean, low, high), scale, digits in (
                    (row["sad_difference"], 1, 2),
                    (row["mse_difference"], 1000, 1),
                )
            )
            lines.append(
                f"| {way} | {row['sad']:.2f} | {sad_change} | {1000 * row['mse']:.1f} | {mse_change} | "
                f"{row['grad']:.2f} | {row['conn']:.2f} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and, where asked, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--half", choices=("a", "b"), default="a")
    parser.add_argument("--eval", type=Path, default=SHARED / "eval")
    parser.add_argument(
        "--only", default="", help="ways, comma-separated; the shipped one comes first anyway"
    )
    parser.add_argument("--matting", type=Path)
    parser.add_argument("--refinement", type=Path)
    parser.add_argument("--keep")
    parser.add_argument("--table")
    given = parser.parse_args(arguments)
    if given.table:
        print(table(json.loads((RESULTS / f"chain-{given.table}.json").read_text())))
        return
    stay_on_one_core()
    matting = open_matting(given.matting, given.refinement) if given.matting else None
    only = {SHIPPED, *filter(None, map(str.strip, given.only.split(",")))}
    chosen = {name: way for name, way in ways(matting).items() if not given.only or name in only}
    sets = {name: compare(given.eval / name, given.half, chosen) for name in SETS}
    kept = {"half": given.half, "sets": sets}
    print(table(kept))
    if given.keep:
        (RESULTS / f"chain-{given.keep}.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
