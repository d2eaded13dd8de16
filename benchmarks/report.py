"""`wisp benchmark` on the sets that are here, checked in a browser: what docs/benchmark.md shows.

    python benchmarks/report.py [--out DIR] [--quick] [--from-scratch]
    python benchmarks/report.py --table PORTRAIT-DEV        one set of the kept result as Markdown

Peers' files are those in the folder that the environment variable WISP_PEERS names (PEER.onnx) and in the
model store. What was measured in DIR before is not measured again. --quick leaves out the methods that
docs/benchmark.md does not compare. Each system has one core.

The page of pictures in the docs is made of composites of the shipped example: the sets' own photos are not
ours to show. Without Playwright or an installed Chromium, the browser's part is left out and named.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from _browser import check, chromium
from wisp.cli import main as wisp
from wisp.compositing.backgrounds import blur_background, fit_to_size
from wisp.compositing.over import over
from wisp.core.resample import resize
from wisp.io.images import read_photo, write_image
from wisp.lab.benchmark.reports import about, heading, table
from wisp.pipeline import cutout

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "report.json"
IMAGES = ROOT / "docs" / "images"
SETS = ("portrait-dev", "alphamatting-dev")
METHODS = ("auto", "portrait", "dim", "closed-form")
QUICK = [*(word for name in METHODS for word in ("--method", name)), "--pymatting", "closed-form"]
SIDE = 640
"""Height of the example's composites."""


def main() -> int:
    """Measure, keep the means, and look at the pages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "benchmark", help="folder of the reports")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "eval", help="folder of the sets"
    )
    parser.add_argument("--quick", action="store_true", help="four methods of wisp, one of pymatting")
    parser.add_argument("--from-scratch", action="store_true", help="measure everything again")
    parser.add_argument("--table", metavar="SET", help="print one set of the kept result")
    arguments = parser.parse_args()
    if arguments.table:
        print(tables(json.loads(RESULTS.read_text(encoding="utf-8"))[arguments.table.lower()]))
        return 0
    options = ["--cores", "1", *(QUICK if arguments.quick else []), *["--fresh"] * arguments.from_scratch]
    kept = {}
    for name in SETS:
        if not (arguments.data / name).is_dir():
            print(f"{name}: left out, {arguments.data / name} is not there", file=sys.stderr)
        elif run(arguments.data / name, arguments.out / name, options):
            kept[name] = means(arguments.out / name)
    if kept.keys() == set(SETS):
        RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    example = arguments.out / "example-photos"
    compose_example(example)
    run(example, arguments.out / "example", [*QUICK, *options[:2]])
    return look(arguments.out)


def run(folder: Path, out: Path, options: list[str]) -> bool:
    """Have `wisp benchmark` measure a folder; whether that worked."""
    print(f"== {folder.name}", flush=True)
    return wisp(["benchmark", str(folder), "-o", str(out), *options]) == 0


def means(out: Path) -> dict[str, Any]:
    """The result without the figures of single photos."""
    result: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    for row in result["systems"]:
        row.pop("images", None)
    return result


def tables(result: dict[str, Any]) -> str:
    """All regions of a kept result as Markdown."""
    parts = [about(result), ""]
    for region in result["regions"]:
        parts += [f"{heading(region)}, {result['photos']} photos:", "", table(result, region)]
    left_out = "; ".join(f"{name} ({why})" for name, why in result["left_out"].items())
    return "\n".join([*parts, f"Left out: {left_out}."])


def compose_example(folder: Path) -> None:
    """The shipped portrait over two backgrounds: the truth is the alpha that they were composited with."""
    image = read_photo(ROOT / "examples" / "portrait.jpg").image
    height, width = image.shape[:2]
    image = resize(image, SIDE, round(width * SIDE / height)).clip(0, 1)
    matte = cutout(image)
    street = read_photo(ROOT / "examples" / "background.jpg").image
    sharp = fit_to_size(street, matte.alpha.shape)
    soft = blur_background(sharp, np.zeros_like(matte.alpha), 12)
    for name, background in (("street", sharp), ("street-blurred", soft)):
        for kind, pixels in (
            ("image", over(matte.foreground, matte.alpha, background)),
            ("alpha", matte.alpha),
            ("foreground", matte.foreground),
        ):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            if not (folder / kind / f"{name}.png").exists():
                write_image(folder / kind / f"{name}.png", pixels, bits=8)


def look(out: Path) -> int:
    """Open every page in a browser, and take the docs' pictures; 1 where one complains."""
    executable = chromium()
    if executable is None or find_spec("playwright") is None:
        print("not looked at: Playwright and Chromium are not both installed", file=sys.stderr)
        return 0
    wrong = 0
    for name, pictures in (
        ("portrait-dev", {"top": IMAGES / "report.jpg"}),
        ("alphamatting-dev", {}),
        ("example", {"compare": IMAGES / "report-compare.jpg"}),
    ):
        page = out / name / "report.html"
        if page.is_file():
            problems = check(page, executable, **pictures)
            print(f"{name}: {'; '.join(problems) or 'no error, nothing asked from outside'}")
            wrong += bool(problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
