"""What each part of the photo path is worth: alpha with and without it, on the pictures of a half.

Run from the root of the repository::

    python benchmarks/chain.py                                    half a of people-dev and things-dev
    python benchmarks/chain.py --half b --only shipped            one way alone
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
from _systems import stay_on_one_core
from wisp.core.arrays import FOREGROUND, UNKNOWN, Alpha, Image, Mask
from wisp.core.resample import resize
from wisp.engine.engine import ENGINE
from wisp.engine.families import portrait
from wisp.engine.families.subject import find_subject
from wisp.engine.models import Model, find_model
from wisp.evaluation.bootstrap import paired_bootstrap
from wisp.evaluation.metrics import conn, grad, mse, sad
from wisp.evaluation.protocols import as_stored
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo
from wisp.matting import cleaning
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.matting.mixing import mix_alphas
from wisp.matting.trimap import impose_known, trimap_from_mask
from wisp.methods import solve

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
        self._networks: dict[tuple[str, str, int, bool], Alpha] = {}

    @cached_property
    def closed_form(self) -> Alpha:
        """Closed-form matting at full size."""
        return solve("closed-form", self.image, self.trimap).alpha

    @cached_property
    def first(self) -> Alpha:
        """Closed-form matting at half size."""
        return estimate_initial_alpha(self.image, self.trimap)

    def network(self, *, lead: str = "mean", model: str = "", side: int = 0, refined: bool = False) -> Alpha:
        """A network's alpha.

        Args:
            lead: its second input: ``mask``, ``closed-form`` or the ``mean`` of both.
            model: a network of the portrait family; the default one when empty.
            side: longer side of what it sees, pixels; 0 for its row's.
            refined: whether its border is refined at the photo's size.
        """
        key = (lead, model, side, refined)
        if key not in self._networks:
            leads = {"mask": 1.0, "mean": 0.5, "closed-form": 0.0}
            start = self.first + np.float32(leads[lead]) * (self.mask - self.first)
            row = find_model(model or None, "portrait")
            row = replace(row, input_size=side or row.input_size)
            self._networks[key] = _led(self.image, start, row, refined)
        return self._networks[key]

    @cached_property
    def mixture(self) -> Alpha:
        """The shipped alpha, before it is cleaned."""
        if not (self.trimap == UNKNOWN).any():
            known: Alpha = (self.trimap == FOREGROUND).astype(np.float32)
            return known
        return mix_alphas(self.first, self.network(), self.trimap)


def _led(image: Image, mask: Mask, row: Model, refined: bool) -> Alpha:
    """Alpha of a network that a mask or another alpha leads, seen at the row's size."""
    out = np.zeros(mask.shape, np.float32)
    box = portrait.crop_around(mask)
    if box is None:
        return out
    seen = image[box.slices]
    alpha = portrait.generate(ENGINE.session_of(row), row, seen, mask[box.slices])
    if refined:
        alpha = portrait.enlarge(alpha, seen, model=row.name)
    out[box.slices] = resize(alpha, *seen.shape[:2]).clip(0, 1)
    return out


Way = Callable[[Parts], Alpha]


def ways() -> dict[str, Way]:
    """Ways to an alpha by name, the shipped one first."""

    def half(p: Parts, network: Alpha) -> Alpha:
        mean: Alpha = (p.first + network) * np.float32(0.5)
        return mean

    clean = cleaning.clean
    return {
        SHIPPED: lambda p: clean(p.mixture),
        "the mask itself": lambda p: p.mask,
        "no cleaning": lambda p: p.mixture,
        "closed-form alone": lambda p: clean(p.closed_form),
        "network alone": lambda p: clean(p.network()),
        "network alone, refined": lambda p: clean(p.network(refined=True)),
        "network alone, in the band": lambda p: clean(impose_known(p.network(), p.trimap)),
        "mean of both": lambda p: clean(half(p, p.network())),
        "mean of both, in the band": lambda p: clean(impose_known(half(p, p.network()), p.trimap)),
        "network led by the mask": lambda p: clean(mix_alphas(p.first, p.network(lead="mask"), p.trimap)),
        "network led by closed-form": lambda p: clean(
            mix_alphas(p.first, p.network(lead="closed-form"), p.trimap)
        ),
        "network at 512": lambda p: clean(mix_alphas(p.first, p.network(side=512), p.trimap)),
        "network at 832": lambda p: clean(mix_alphas(p.first, p.network(side=832), p.trimap)),
        "network refined": lambda p: clean(mix_alphas(p.first, p.network(refined=True), p.trimap)),
    }


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
            alpha = as_stored(way(parts))
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
    parser.add_argument("--keep")
    parser.add_argument("--table")
    given = parser.parse_args(arguments)
    if given.table:
        print(table(json.loads((RESULTS / f"chain-{given.table}.json").read_text())))
        return
    stay_on_one_core()
    only = {SHIPPED, *filter(None, map(str.strip, given.only.split(",")))}
    chosen = {name: way for name, way in ways().items() if not given.only or name in only}
    sets = {name: compare(given.eval / name, given.half, chosen) for name in SETS}
    kept = {"half": given.half, "sets": sets}
    print(table(kept))
    if given.keep:
        (RESULTS / f"chain-{given.keep}.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
