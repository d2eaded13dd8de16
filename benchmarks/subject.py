"""Any subject: wisp beside MODNet, RVM, U²-Net and IS-Net on people, on things, and where there is nothing.

Run from the root of the repository, with the ``bench`` dependency group installed::

    python benchmarks/subject.py --modnet FILE --rvm FILE --u2net FILE --isnet FILE
    python benchmarks/subject.py --half b --model subject.onnx      the other half; a network's mask alone
    python benchmarks/subject.py SET... --cases                     these sets, or the cases, and nothing else
    python benchmarks/subject.py --sheets OUT [FOLDER...]           look at it: contact sheets on green
    python benchmarks/subject.py --table [--half b]                 the kept result as Markdown

A SET is a folder of ``--eval`` or a path: ``image/``, ``alpha/`` and ``manifest.csv`` (see `_photo_sets`).
Choose on half ``a``, report half ``b``; sets without halves count whole. The networks' ONNX files are their
owners' and do not come with wisp; without an option, PEER.onnx in the folder that the environment variable
WISP_PEERS names is taken. What is missing is left out and named; without MODNet and RVM nothing is kept.
Subject networks are ONNX files as `_subject_network` describes them.

- Error: alpha rounded to 8 bits, over the whole image. IoU: both alphas cut at one half.
- Where nothing is to be found: how many pictures have more than 0.2 % of their area cut out.
- Differences: ours − peer, mean and 95 % interval of a paired bootstrap that draws whole subjects.
- CPU seconds: process time on one core from image to alpha, mean over the pictures, the first one run once
  before. Peers run in ONNX Runtime. Their predictions, times and scores are kept (``--predictions``) and not
  made twice; ours are made anew each time.
- Cases: mean alpha, in per cent, where the must mask says that the photo must be kept and where it must go.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from _photo_sets import Picture, judge, photos_of, read_cases, read_must, read_set
from _predictions import Predictor, place_of
from _sheets import write_sheets
from _subject_network import MAPS, SIDE, open_subject_network
from _subject_report import NOTHING, report
from _systems import add_peers, open_system, peer_files, stay_on_one_core
from wisp.core.arrays import Alpha, Image
from wisp.core.errors import WispError
from wisp.engine.peers import PEERS
from wisp.evaluation.bootstrap import paired_bootstrap
from wisp.evaluation.metrics import Metric, iou
from wisp.evaluation.protocols import PROTOCOLS, as_stored
from wisp.io.guidance import read_grey
from wisp.lab.benchmark.machine import about_machine, versions
from wisp.lab.benchmark.systems import System

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benchmarks" / "results"
SHARED: Final = ROOT.parent / "shared"
SETS: Final = ("people-dev", "things-dev", "things-none")
CASES: Final = SHARED / "cases" / "photos"
SHOWN: Final = (SHARED / "eval" / "wild", CASES)
ON_SHEETS: Final = ("MODNet", "IS-Net")
"""Peers beside ours on the sheets."""
METRICS: Final[Mapping[str, Metric]] = PROTOCOLS["default"] | {"iou": iou}
NEEDED: Final = ("modnet", "rvm")
"""Peers without which a result is not kept."""


@dataclass(frozen=True)
class Contender:
    """A system and what predicts by it.

    Attributes:
        name: what the tables call it.
        system: of which kind it is, and its file.
        predictor: photo → alpha.
    """

    name: str
    system: System
    predictor: Predictor


def main() -> int:
    """Do what the command line asks for."""
    arguments = _parser().parse_args()
    kept = RESULTS / f"subject-{arguments.half}.json"
    if arguments.table:
        print(report(json.loads(kept.read_text())))
        return 0
    stay_on_one_core()
    contenders, left_out = chosen(arguments)
    if arguments.sheets is not None:
        return sheets(arguments, contenders)
    results: dict[str, Any] = {
        "half": arguments.half,
        "machine": about_machine(),
        "versions": versions(("wisp-matting", "openvino", "onnxruntime", "numpy", "scipy")),
        "systems": {one.name: one.system.about() for one in contenders},
        "sets": {
            Path(name).name: compare(read_set(arguments.eval / name, arguments.half), contenders, left_out)
            for name in arguments.sets or (() if arguments.cases else SETS)
        },
        "cases": {},
        "left_out": left_out,
    }
    everything = not arguments.sets and arguments.cases is None
    if everything or arguments.cases is not None:
        results["cases"] = weigh(arguments.cases or CASES, contenders, left_out)
    print(report(results))
    taking_part = {one.system.key for one in contenders if one.name not in left_out}
    if arguments.out is not None:
        kept = arguments.out
    elif not everything or not taking_part.issuperset(NEEDED):
        print("not kept: that is for all sets and cases with MODNet and RVM, or --out FILE", file=sys.stderr)
        return 0
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return 0


def chosen(arguments: argparse.Namespace) -> tuple[list[Contender], dict[str, str]]:
    """The systems that were asked for, ours first, and why peers are left out."""
    contenders = []
    alone = [f"alone={file}" for file in arguments.model]
    ours = arguments.ours or (["auto"] if alone else ["auto", "segmenter"])
    for word in [*ours, *alone]:
        method, _, file = word.partition("=")
        system = System("ours", method, file)
        name = "wisp, mask alone" if method in ("alone", "segmenter") else system.name
        load: Callable[[], Callable[[Image], Alpha]] = partial(_load, system)
        if method == "alone":
            load = partial(
                open_subject_network,
                Path(file),
                channel=arguments.map,
                presence=arguments.presence_below,
                side=arguments.side,
            )
        contenders.append(Contender(f"{name} ({Path(file).name})" if file else name, system, Predictor(load)))
    files, left_out = peer_files(arguments)
    for key, file in files.items():
        system = System("peer", key, str(file))
        predictor = Predictor(partial(_load, system), place_of(system, arguments.predictions))
        contenders.append(Contender(PEERS[key].family, system, predictor))
    return contenders, left_out


def compare(
    pictures: Sequence[Picture], contenders: Sequence[Contender], left_out: dict[str, str]
) -> dict[str, Any]:
    """Score every system on the pictures of a set, and compare ours with each peer.

    Args:
        pictures: of one set.
        contenders: the systems.
        left_out: takes the name of a system that fails, and why.
    """
    empty = any(picture.truth is None for picture in pictures)
    systems: dict[str, dict[str, Any]] = {}
    for one in contenders:
        try:
            found = [one.predictor.score(picture.photo, picture.truth, scored) for picture in pictures]
        except WispError as error:
            left_out[one.name] = _told(error, one)
            print(f"{one.name}: left out, {error}", file=sys.stderr)
            continue
        scores = {picture.name: row for picture, (row, _) in zip(pictures, found, strict=True)}
        mean = {
            name: float(np.mean([row[name] for row in scores.values()]))
            for name in (("share",) if empty else METRICS)
        }
        cpu_s = round(float(np.mean([seconds for _, seconds in found])), 4)
        systems[one.name] = {"mean": mean, "cpu_s": cpu_s, "images": scores}
        if empty:
            systems[one.name]["cut_out"] = sum(row["share"] > NOTHING for row in scores.values())
        print(f"{one.name}: {', '.join(f'{name} {value:.4g}' for name, value in mean.items())}", flush=True)
    groups = {picture.name: picture.group for picture in pictures}
    result: dict[str, Any] = {
        "pictures": len(pictures),
        "subjects": len(set(groups.values())),
        "labels": {picture.name: picture.labels for picture in pictures},
        "systems": systems,
    }
    if not empty:
        ours = [one.name for one in contenders if one.system.kind == "ours" and one.name in systems]
        peers = [one.name for one in contenders if one.system.kind == "peer" and one.name in systems]
        result["differences"] = {
            mine: {
                theirs: differences(systems[mine]["images"], systems[theirs]["images"], groups)
                for theirs in peers
            }
            for mine in ours
        }
    return result


def scored(alpha: Alpha, truth: Path | None) -> dict[str, float]:
    """Metric → value of an alpha; where there is no truth, the share of the area that is cut out."""
    if truth is None:
        return {"share": round(float((alpha > 0.5).mean()), 7)}
    true = as_stored(read_grey(truth))
    return {name: round(metric(alpha, true, None), 7) for name, metric in METRICS.items()}


def differences(
    ours: Mapping[str, Mapping[str, float]],
    theirs: Mapping[str, Mapping[str, float]],
    groups: Mapping[str, int],
) -> dict[str, dict[str, float]]:
    """Metric → ours − theirs and its interval, whole groups drawn; {} where there are fewer than two."""
    if len(set(groups.values())) < 2:
        return {}
    return {
        metric: asdict(
            paired_bootstrap(
                [ours[name][metric] for name in groups],
                [theirs[name][metric] for name in groups],
                list(groups.values()),
                seed=0,
            )
        )
        for metric in METRICS
    }


def weigh(folder: Path, contenders: Sequence[Contender], left_out: dict[str, str]) -> dict[str, Any]:
    """What every system keeps and wrongly keeps of each photo of a folder of cases."""
    cases = read_cases(folder)
    found: dict[str, Any] = {
        case.photo.stem: {"area": float((read_must(case.must) == 255).mean()), "systems": {}}
        for case in cases
    }
    for one in contenders:
        try:
            verdicts = {
                case.photo.stem: judge(one.predictor.predict(case.photo).alpha, case.must) for case in cases
            }
        except WispError as error:
            left_out[one.name] = _told(error, one)
            print(f"{one.name}: left out, {error}", file=sys.stderr)
            continue
        for name, verdict in verdicts.items():
            found[name]["systems"][one.name] = asdict(verdict)
    return found


def sheets(arguments: argparse.Namespace, contenders: Sequence[Contender]) -> int:
    """Write contact sheets of folders of photos: photo, ours, MODNet and IS-Net."""
    columns: dict[str, Callable[[Path], Alpha]] = {}
    for one in contenders:
        if one.system.kind == "ours" or one.name in ON_SHEETS:
            columns[one.name] = lambda photo, predictor=one.predictor: predictor.predict(photo).alpha  # type: ignore[misc]
    print(f"columns: photo; {'; '.join(columns)}")
    photos = [path for folder in map(Path, arguments.sets or SHOWN) for path in photos_of(folder)]
    for file, names in write_sheets(
        photos, columns, arguments.sheets, rows=arguments.rows, cell=arguments.cell
    ):
        print(f"{file}: {', '.join(names)}", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add(
        "sets",
        nargs="*",
        metavar="SET",
        help=f"{', '.join(SETS)} unless named; folders of photos for --sheets",
    )
    add("--half", choices=("a", "b"), default="a", help="of sets that have halves")
    add("--eval", type=Path, default=SHARED / "eval", metavar="DIR", help="where the sets lie")
    add("--cases", nargs="?", type=Path, const=CASES, metavar="DIR", help="photos with must masks")
    add("--ours", action="append", metavar="METHOD[=MODEL]", help="a method of wisp, any number of times")
    add(
        "--model",
        action="append",
        default=[],
        metavar="FILE",
        help="a subject network, judged by its mask alone",
    )
    add("--map", choices=MAPS, default="subject", help="which of a subject network's masks")
    add("--presence-below", type=float, default=0.5, metavar="P", help="masks of less presence are emptied")
    add("--side", type=int, default=SIDE, help="pixels of the longer side that a subject network sees")
    add_peers(parser)
    add(
        "--predictions",
        type=Path,
        default=platformdirs.user_cache_path("wisp", appauthor=False) / "predictions",
        metavar="DIR",
        help="where predictions of peers are kept",
    )
    add("--out", type=Path, metavar="FILE", help="write the result there instead")
    add("--sheets", type=Path, metavar="DIR", help="write contact sheets and measure nothing")
    add("--rows", type=int, default=4, help="photos a sheet")
    add("--cell", type=int, default=480, help="pixels of a picture's longer side on a sheet")
    add("--table", action="store_true", help="print the kept result")
    return parser


def _load(system: System) -> Callable[[Image], Alpha]:
    return open_system(system).estimate


def _told(error: WispError, one: Contender) -> str:
    """The error without the folder that the network lies in: the kept result names no folders."""
    return str(error).replace(one.system.file, Path(one.system.file).name) if one.system.file else str(error)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WispError as error:
        sys.exit(f"{Path(__file__).name}: {error}")
