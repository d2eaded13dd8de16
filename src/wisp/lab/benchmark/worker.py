"""One system over the photos of a benchmark, in this process: ``python -m wisp.lab.benchmark.worker FOLDER``.

FOLDER holds ``task.json``. Each photo's alpha becomes a file in ``alpha/``, then a line of ``log.jsonl`` with
what it took: a process that is killed loses the photo it was at, no more. The first line tells what opening
took and a first picture of 96×96, in which some systems compile; that counts as no photo's time.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from wisp.core.arrays import Image
from wisp.core.errors import WispError
from wisp.lab.benchmark.cases import kind_of
from wisp.lab.benchmark.machine import peak_megabytes, stay_on
from wisp.lab.benchmark.systems import Guidance, Opened, System, open_system

TASK, LOG = "task.json", "log.jsonl"
WARM_UP: Final = 96


@dataclass(frozen=True)
class Item:
    """A photo that is left to do.

    Attributes:
        name: of the photo.
        image: its file.
        guide: the file of its guidance; "" for none.
        colours: whether its foreground is wanted too.
    """

    name: str
    image: str
    guide: str = ""
    colours: bool = False


def write_task(folder: Path, system: System, items: list[Item], cores: int) -> None:
    """Write down what a process is to do."""
    task = {"system": asdict(system), "items": [asdict(item) for item in items], "cores": cores}
    (folder / TASK).write_text(json.dumps(task), encoding="utf-8")


def work(folder: Path) -> None:
    """Do what the folder's task says."""
    task = json.loads((folder / TASK).read_text(encoding="utf-8"))
    system = System(**task["system"])
    if task["cores"]:
        stay_on(task["cores"])
    with (folder / LOG).open("a", encoding="utf-8") as log:

        def tell(line: dict[str, Any]) -> None:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
            log.flush()
            os.fsync(log.fileno())

        try:
            _run(system, [Item(**item) for item in task["items"]], folder, tell)
        except (WispError, MemoryError, RuntimeError, ValueError, OSError) as error:
            tell({"error": " ".join(str(error).split()) or type(error).__name__})


def _run(system: System, items: list[Item], folder: Path, tell: Callable[[dict[str, Any]], None]) -> None:
    from wisp.io.images import read_photo

    kind = kind_of(system.guide) if system.guide else None
    wall, cpu = time.perf_counter(), time.process_time()
    opened = open_system(system, kind)
    image, guidance = _first_picture(kind)
    opened.estimate(image, guidance)
    tell(
        {
            "start_cpu_s": time.process_time() - cpu,
            "start_wall_s": time.perf_counter() - wall,
            "runs_in": opened.runtime,
            "colours_by": opened.colours_by,
            "files": _files_in_use(system),
        }
    )
    parent = os.getppid()
    for item in items:
        if os.getppid() != parent:  # whoever waited for this process is no more
            return
        image = read_photo(item.image).image
        guidance = _read_guidance(kind, item.guide)
        wall, cpu = time.perf_counter(), time.process_time()
        alpha = opened.estimate(image, guidance)
        used: dict[str, Any] = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
        _write(folder / "alpha" / f"{item.name}.png", alpha, bits=8)
        used |= {"megapixels": alpha.size / 1e6, "peak_mb": peak_megabytes()}
        if item.colours:
            _write_colours(opened, image, alpha, folder / "foreground" / f"{item.name}.png")
        tell({"image": item.name, **used})


def _first_picture(kind: str | None) -> tuple[Image, Guidance | None]:
    """A bright disc, and guidance that goes with it."""
    y, x = np.mgrid[:WARM_UP, :WARM_UP].astype(np.float32) / WARM_UP - 0.5
    away = np.hypot(y, x)
    noise = np.random.default_rng(0).uniform(0, 0.05, (WARM_UP, WARM_UP, 3)).astype(np.float32)
    image = np.where((away < 0.3)[..., None], np.float32(0.85), np.float32(0.2)) + noise
    if kind is None:
        return image, None
    if kind == "plate":
        return image, np.full_like(image, 0.2)
    if kind == "mask":
        return image, (away < 0.3).astype(np.float32)
    return image, np.where(away < 0.25, 255, np.where(away < 0.35, 128, 0)).astype(np.uint8)


def _read_guidance(kind: str | None, file: str) -> Guidance | None:
    from wisp.io.guidance import read_grey, read_trimap
    from wisp.io.images import read_photo

    if kind is None:
        return None
    if kind == "plate":
        return read_photo(file).image
    return read_trimap(file, exact=True) if kind == "trimap" else read_grey(file)


def _write(path: Path, pixels: Any, bits: Any) -> None:
    from wisp.io.images import write_image

    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, pixels, bits=bits, overwrite=True)


def _write_colours(opened: Opened, image: Image, alpha: Any, path: Path) -> None:
    _write(path, opened.colours(image, alpha), bits=16)


def _files_in_use(system: System) -> list[dict[str, Any]]:
    """The networks that were loaded: name, bytes and, of those that come with wisp, licence."""
    from wisp.engine.models import MODELS
    from wisp.engine.sessions import opened_files

    licences: dict[Path, str] = {}
    for model in MODELS.values():
        variants = [model.path, *([model.int8.path] if model.int8 is not None else [])]
        licences |= dict.fromkeys(variants, model.licence)
    return [
        {"file": path.name, "bytes": path.stat().st_size, "licence": licences.get(path, "")}
        for path in opened_files()
        if path.is_file()  # temporary ones may be gone
    ]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what a library thinks of its own arithmetic is not the user's concern
    work(Path(sys.argv[1]))
