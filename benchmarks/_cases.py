"""Small inputs on which wisp was once wrong, tried again: what comes of each, and whether that is right.

    python benchmarks/_cases.py FOLDER        # a folder `files/` of such inputs, named as in `ROWS`

`d` is the mean difference from the true picture in steps of 255, after the result's own profile: below 1 for
what is lossless, below 3 for JPEG and AVIF. Results are written to ``results/cases.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wisp
from wisp.cli import main as run_wisp
from wisp.core.arrays import Alpha
from wisp.core.errors import WispError
from wisp.core.resample import resize
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image

RESULTS = Path(__file__).parent / "results" / "cases.json"


class Cases:
    """The inputs, a folder for results, and what came of each row."""

    def __init__(self, files: Path, out: Path) -> None:
        self.files, self.out = files, out
        self.rows: list[dict[str, object]] = []

    def wisp(self, *words: object) -> tuple[int, str]:
        """Run a command: its exit code and its last line on stderr, without folders."""
        told = io.StringIO()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            code = run_wisp([str(word) for word in words])
        lines = [line for line in told.getvalue().splitlines() if line.strip()]
        line = lines[-1] if lines else ""
        return code, line.replace(f"{self.files}/", "").replace(f"{self.out}/", "")

    def keep(self, row: str, right: bool, came: str) -> None:
        """Note what came of a row, and print it."""
        self.rows.append({"case": row, "right": bool(right), "came": came})
        print(f"{'right' if right else 'WRONG'}  {row}: {came}", flush=True)

    def picture(
        self,
        name: str,
        *,
        alpha: str = "white.png",
        truth: str = "reference.png",
        limit: float = 1.0,
        to: str = "png",
    ) -> None:
        """A file that must come out as the true picture."""
        out = self.out / f"{name}.{to}"
        code, line = self.wisp(
            "cutout", self.files / name, "--alpha", self.files / alpha, "-o", out, "--overwrite"
        )
        if code:
            self.keep(f"{name} → {to}", False, line)
            return
        found, true = read_photo(out).image, read_photo(self.files / truth).image
        d = 255 * float(np.abs(found - true).mean()) if found.shape == true.shape else float("inf")
        self.keep(f"{name} → {to}", d < limit, f"d {d:.2f}" + (f"; {line}" if line else ""))

    def halved(self) -> tuple[str, str, str]:
        """Files of half the size: alpha 1, the true picture's means of 2 × 2 pixels, every other pixel."""
        true = read_photo(self.files / "reference.png").image
        height, width = true.shape[0] // 2, true.shape[1] // 2
        means = true.reshape(height, 2, width, 2, 3).mean((1, 3), dtype=np.float32)
        parts = {
            "white": np.ones((height, width), np.float32),
            "means": means,
            "others": true[::2, ::2].copy(),
        }
        names = []
        for name, picture in parts.items():
            names.append(str(self.out / f"half-{name}.png"))
            write_image(names[-1], picture, bits=16)
        return names[0], names[1], names[2]

    def alphas(self, *names: str) -> Path:
        """A folder of alphas of 1 throughout, under these names."""
        folder = self.out / "alphas"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.files / "white.png", folder / name)
        return folder

    def guided(self, name: str, option: str, *more: str, like: str, limit: float) -> None:
        """Guidance with which alpha must come out as with the right one."""
        photo, alphas, told = self.files / "guided-photo.jpg", [], ""
        for number, one in enumerate((name, like)):
            words = [
                "cutout",
                photo,
                option,
                self.files / one,
                "-o",
                self.out / f"g{number}.png",
                "--overwrite",
            ]
            code, line = self.wisp(*words, *(more if number == 0 else ()))
            if code:
                self.keep(f"{name} as {option}", False, line)
                return
            told = line if number == 0 else told
            alpha = read_photo(self.out / f"g{number}.png").alpha
            alphas.append(np.ones((1, 1), np.float32) if alpha is None else alpha)
        d = 255 * float(np.abs(alphas[0] - alphas[1]).mean())
        came = f"alpha differs by {d:.2f} of 255 from {like}'s" + (f"; {told}" if told else "")
        self.keep(" ".join([name, "as", option, *more]), d < limit, came)

    def refused(self, row: str, words: list[object], code: int, part: str) -> None:
        """A command that must end with a code and a line that holds some words."""
        got, line = self.wisp(*words)
        self.keep(row, got == code and part in line, f"exit code {got}; {line}")

    def python(self, row: str, call: Callable[[], object], *, fails: bool) -> None:
        """A call that must be taken, or refused as wisp's own error."""
        try:
            call()
        except WispError as error:
            self.keep(row, fails, f"{type(error).__name__}: {error}")
        except Exception as error:  # what is looked for
            self.keep(row, False, f"{type(error).__name__}: {error}")
        else:
            self.keep(row, not fails, "taken")


def colours_and_files(cases: Cases) -> None:
    """The tables on colours and on whole files."""
    for to in ("webp", "avif"):
        cases.picture("grey-profile.jpg", truth="grey-profile.reference.png", limit=3, to=to)
    cases.picture(
        "display-p3-saturated.png", alpha="display-p3-saturated.white.png", truth="display-p3-saturated.png"
    )
    lossless = (
        "cicp-display-p3.png",
        "cicp-pq-16bit.png",
        "cicp-wins-over-iccp.png",
        "gama-linear-16bit.png",
    )
    for name in (*lossless, "chrm-adobe.png"):
        cases.picture(name)
    for name in ("nclx-display-p3.avif", "nclx-pq-10bit.avif"):
        cases.picture(name, limit=3)
    cases.picture("profile-without-curves.jpg", limit=3)
    cases.picture("grid-tiles-listed.avif", alpha="grid.white.png", truth="grid.reference.png", limit=3)
    heic = cases.files / "two-pictures-second-is-primary.heic"
    second = np.array_equal(read_photo(heic).image, read_photo(heic, page=2).image)
    cases.keep(
        "which of two pictures is read",
        second,
        "the second, which is the primary one" if second else "the first",
    )
    halved = cases.halved()
    cases.picture("float64.tif", alpha=halved[0], truth=halved[2])
    for name in ("picture.bmp", "picture.ppm"):
        cases.picture(name, alpha=halved[0], truth=halved[1], limit=2)
    linear = ["cutout", cases.files / "float16-linear.tif", "--alpha", cases.files / "white.png"]
    code, line = cases.wisp(*linear, "-o", cases.out / "linear.png")
    cases.keep("linear floats without a profile", code == 0 and "are taken as sRGB" in line, line)
    tiffs = (
        "thumbnail-as-page-2",
        "mask-as-page-2",
        "pyramid",
        "cielab-8bit",
        "zstd",
        "lerc",
        "planar-tiled",
    )
    for name in (*tiffs, "float32-encoded", "int16", "saved-selection-unspecified-extra"):
        cases.picture(f"{name}.tif")
    for name, limit in (("jpeg2000.tif", 3), ("jpeg-12bit.jpg", 3), ("no-end-marker.jpg", 3)):
        cases.picture(name, limit=limit)
    cases.picture("grey12bit.tif", truth="grey-profile.reference.png", limit=1)
    cases.picture("picture.gif", limit=8)
    folder = cases.out / "kinds"
    folder.mkdir()
    for name in ("picture.gif", "plain.jpg"):
        shutil.copy(cases.files / name, folder)
    (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    code, line = cases.wisp(
        "cutout", folder, "-o", cases.out / "kinds-out", "--alpha", cases.alphas("picture.png", "plain.png")
    )
    cases.keep(
        "a folder with a kind that is not read",
        code == 0 and "1 .svg" in line and len([*(cases.out / "kinds-out").iterdir()]) == 2,
        f"exit code {code}; {line}",
    )


def guidance(cases: Cases) -> None:
    """The table on guidance from other programs."""
    for name in ("jpeg.jpg", "antialiased.png", "16bit.tif", "transparent-background.png", "grey-102.png"):
        cases.guided(f"trimap-{name}", "--trimap", like="trimap-exact.png", limit=2.0)
    refused = {
        "trimap-labels-0-1-2.png": "its largest value is 2 of 255",
        "mask-labels-0-1.png": "value is 1 of 255",
    }
    refused |= {"mask-0-127.png": "its largest value is 127 of 255", "mask-palette-label.png": "has colours"}
    for name, told in refused.items():
        option = "--trimap" if "trimap" in name else "--mask"
        words = [
            "cutout",
            cases.files / "guided-photo.jpg",
            option,
            cases.files / name,
            "-o",
            cases.out / "refused.png",
        ]
        cases.refused(f"{name} as {option}", words, 1, told)
    cases.guided("mask-rough-12px-too-wide.png", "--mask", "--width", "0.2", like="mask-right.png", limit=8.0)


def folders(cases: Cases) -> None:
    """The table on folders, names and options."""
    plain, white, out = cases.files / "plain.jpg", cases.files / "white.png", cases.out
    given = ["--alpha", white]
    (out / "there").mkdir()
    code, line = cases.wisp("cutout", plain, "-o", f"{out}/there/", *given)
    cases.keep(
        "one photo into a folder",
        code == 0 and (out / "there/plain.png").exists(),
        f"exit code {code}; {line}",
    )
    if hasattr(os, "mkfifo"):
        (out / "pipe").mkdir()
        shutil.copy(plain, out / "pipe/a.jpg")
        os.mkfifo(out / "pipe/b.jpg")
        code, line = cases.wisp(
            "cutout", out / "pipe", "-o", out / "pipe-out", "--alpha", cases.alphas("a.png")
        )
        cases.keep(
            "a pipe in a folder", code == 0 and (out / "pipe-out/a.png").exists(), f"exit code {code}; {line}"
        )
    (out / "many").mkdir()
    for number in range(3):
        shutil.copy(plain, out / f"many/{number}.jpg")
    (out / "many-out").mkdir()
    alphas = cases.alphas("0.png", "1.png", "2.png")
    cases.wisp("cutout", out / "many/0.jpg", "-o", out / "many-out/0.png", *given)
    code, line = cases.wisp(
        "cutout", out / "many", "-o", out / "many-out", "--skip-existing", "--alpha", alphas
    )
    cases.keep(
        "a stopped batch goes on",
        code == 0 and len([*(out / "many-out").iterdir()]) == 3,
        f"exit code {code}; {line}",
    )
    if Path("/dev/stdout").exists():
        words = ["cutout", plain, *given, "-o", "/dev/stdout", "--format", "png"]
        ran = subprocess.run(
            [sys.executable, "-m", "wisp", *map(str, words)], capture_output=True, check=False
        )
        cases.keep(
            "/dev/stdout",
            ran.stdout.startswith(b"\x89PNG"),
            f"exit code {ran.returncode}; {len(ran.stdout)} bytes",
        )
    cases.refused(
        "EXIF into TIFF",
        ["cutout", cases.files / "exif.jpg", "-o", out / "o.tif", "--keep-metadata", *given],
        2,
        "EXIF",
    )
    cases.refused(
        "two photos into k.png", ["cutout", plain, cases.files / "exif.jpg", "-o", out / "k.png"], 2, "k.png"
    )
    for name in ("d1", "d2"):
        (out / name).mkdir()
        shutil.copy(plain, out / name / "x.jpg")
    code, line = cases.wisp(
        "cutout", out / "d1", out / "d2", "-o", out / "both", "--alpha", cases.alphas("d1/x.png", "d2/x.png")
    )
    came = sorted(str(path.relative_to(out / "both")) for path in (out / "both").rglob("*.png"))
    cases.keep(
        "two folders with the same name in them",
        came == ["d1/x.png", "d2/x.png"],
        f"exit code {code}; {line} {came}",
    )
    cases.refused(
        "--max-pixels", ["cutout", plain, "--max-pixels", "50", "-o", out / "m.png"], 1, "19 200 pixels"
    )
    if sys.platform == "linux":
        command = f"ulimit -v 700000; exec {sys.executable} -m wisp cutout {plain} -o {out}/u.png"
        limited = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        line = (limited.stderr.strip().splitlines() or [""])[-1].replace(f"{cases.files}/", "")
        right = limited.returncode == 1 and "there is not enough memory" in line
        cases.keep("too little memory", right, f"exit code {limited.returncode}; {line}")
    cases.refused("an address", ["cutout", "https://example.org/a.jpg", "-o", out / "a.png"], 2, "address")
    code, line = cases.wisp("cutout", plain, "--method", "dlmn", "-o", out / "dlmn.png")
    cases.keep("a method that needs a network", code == 0, f"exit code {code}; {line}")


def memory(cases: Cases) -> None:
    """The row on a photo of 12 megapixels that knn matting is to find room for, as the other methods do."""
    if sys.platform == "win32":
        return
    photo, trimap = cases.out / "large.jpg", cases.out / "large-trimap.png"
    write_image(photo, resize(read_photo(cases.files / "plain.jpg").image, 4000, 3000).clip(0, 1))
    cases.wisp("trimap", photo, "-o", trimap)
    words = ["cutout", photo, "--trimap", trimap, "--method", "knn", "-o", cases.out / "large.png"]
    program = (
        "import resource, sys\nfrom wisp.cli import main\ncode = main(sys.argv[1:])\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(code, used.ru_maxrss, used.ru_utime + used.ru_stime)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, check=False
    ).stdout.split()
    code, peak, seconds = int(told[0]), int(told[1]) / 1e6, float(told[2])
    cases.keep(
        "knn matting of 12 megapixels",
        code == 0 and peak < 1.6,
        f"exit code {code}; {peak:.1f} GB at the peak, {seconds:.0f} processor seconds",
    )


def in_python(cases: Cases) -> None:
    """The table on Python."""
    photo = read_photo(cases.files / "plain.jpg").image
    alpha = read_grey(cases.files / "white.png")
    stored = np.rint(photo * 255).astype(np.uint8)
    data = (cases.files / "plain.jpg").read_bytes()
    holed = photo.copy()
    holed[5, 5] = np.nan
    taken: dict[str, object] = {
        "bytes": data,
        "a file object": io.BytesIO(data),
        "a path": cases.files / "plain.jpg",
        "uint8": stored,
        "float64": photo.astype(float),
        "grey": stored[..., 0],
        "RGBA": np.dstack([stored, np.full(stored.shape[:2], 255, np.uint8)]),
    }
    refused: dict[str, object] = {"a list": [1, 2], "None": None, "values to 255": photo * 255}
    refused |= {"NaN in the photo": holed}
    for name, given in (taken | refused).items():
        cases.python(name, partial(_cut, given, alpha), fails=name in refused)
    cases.python("alpha to 2", partial(_cut, photo, alpha * 2), fails=True)
    matte = wisp.cutout(photo, alpha=alpha)
    cases.python("a tuple as background", lambda: wisp.composite(matte, (1, 0, 0)), fails=False)


def _cut(image: Any, alpha: Alpha) -> object:
    return wisp.cutout(image, alpha=alpha)


def main() -> int:
    """Try every row, and keep what came."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="holds files/")
    files = parser.parse_args().folder.resolve() / "files"
    with tempfile.TemporaryDirectory() as out:
        cases = Cases(files, Path(out))
        for table in (colours_and_files, guidance, folders, memory, in_python):
            table(cases)
    wrong = [row["case"] for row in cases.rows if not row["right"]]
    print(f"{len(cases.rows) - len(wrong)} of {len(cases.rows)} right; wrong: {wrong or 'none'}")
    RESULTS.write_text(
        json.dumps({"rows": cases.rows, "wrong": wrong}, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
