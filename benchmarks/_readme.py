"""Write the figures of README.md and docs/ from the kept results, and the pages that are made of the code.

python benchmarks/_readme.py
"""

import json
import re
from pathlib import Path
from typing import Any

import _subject_report
import classical_methods
import commits
import portrait
import report
import video
from _docs import api_reference, method_table, model_tables
from wisp.evaluation.tables import markdown

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MARKS = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)


CLIPS = {
    "clips-b": "Eighteen made clips of 48 frames at 640×360 on which nothing was chosen: people of people-dev"
    " among animals and things (`benchmarks/clips.py` says how they are made, and what `found` and"
    " `flicker` are).",
    "clips-real": "Real clips, which have no true alpha: `common` is flicker at the same pixels for both.",
}
"""What is told of the kept results of `clips.py`."""


def main() -> None:
    """Rewrite the pages between their marks."""
    for page, figures in PAGES.items():
        path = ROOT / page
        path.write_text(with_figures(path.read_text(encoding="utf-8"), figures()), encoding="utf-8")


def with_figures(page: str, figures: str) -> str:
    """A page with the figures of today's results."""
    return MARKS.sub(lambda marks: marks[1] + figures + marks[2], page)


def portrait_figures() -> str:
    """Everything that was measured of portraits, in Markdown."""
    return str(portrait.table(load("portrait"))) + "\n"


def subject_figures() -> str:
    """Everything that was measured of people and things on the half that nothing was chosen on."""
    return _subject_report.report(load("subject-b")) + "\n"


def dlmn_figures() -> str:
    """Everything that was measured of DLMN-G and SSRN, in Markdown."""
    import dlmn  # it needs the extras for training and video

    return dlmn.tables(load("dlmn"))


def video_figures() -> str:
    """Everything that was measured of clips, in Markdown."""
    if not (RESULTS / "video.json").is_file():
        return "`benchmarks/video.py` has not been run on this version.\n"
    import clips  # it needs the extra for video

    parts = [video.table(load("video"))]
    for name, told in CLIPS.items():
        if (RESULTS / f"{name}.json").is_file():
            parts += ["", told, "", clips.table(load(name))]
    return "\n".join(parts) + "\n"


def readme_figures() -> str:
    """The tables of the first page in Markdown."""
    cutout = load("cutout")
    each = cutout["folder"]["cpu_s_each_after_start"]
    lines = [
        "Photos whose true alpha is known, of subjects that no network has seen and on which nothing was"
        " chosen, whole image (`benchmarks/subject.py`; [all of it](docs/subject.md)):",
        "",
        _subject_report.summary(load("subject-b")),
        "",
        f"On {cutout['machine']['cores']} cores of an {cutout['machine']['cpu']}, user and system seconds"
        " of all threads, everything from process start to exit (`benchmarks/cutout.py`):",
        "",
        "| | CPU seconds | peak MB |",
        "|---|---|---|",
        *(
            f"| `{name}` | {cutout[name]['cpu_s']:.2f} | {cutout[name]['peak_mb']:.0f} |"
            for name in ("import wisp", "wisp --help")
        ),
        *(
            f"| `wisp cutout`, {size} | {cutout[f'cutout, {size}']['cpu_s']:.1f}"
            f" | {cutout[f'cutout, {size}']['peak_mb']:.0f} |"
            for size in ("1 Mpx", "12 Mpx")
        ),
        f"| each further portrait of 832×832 | {each:.2f} | |",
        "",
        portrait_figures().split("\n\nDifference")[0],
        "",
        "`auto` is what `wisp cutout` does without guidance; differences with their confidence intervals"
        " are in [docs/portrait.md](docs/portrait.md).",
        "",
        "Classical matting beside pymatting, ten photos of alphamatting.com, each method in a process of its"
        " own (`benchmarks/classical.py`):",
        "",
        "| method, trimap | SAD | of pymatting | CPU s | of pymatting | MB | of pymatting |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in load("classical")["rows"]:
        ours, theirs = row["wisp"], row["pymatting"]
        cells = [
            cell
            for key, form in (("sad", ".2f"), ("cpu_s", ".2f"), ("peak_mb", ".0f"))
            for cell in (format(ours[key], form), f"{ours[key] / theirs[key]:.2f} ×")
        ]
        lines.append(f"| {row['method']}, {row['trimap']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def speed_figures() -> str:
    """Speed and memory beside those of an older commit, in Markdown."""
    return str(commits.table(load("commits")))


def benchmark_figures() -> str:
    """Every set that `wisp benchmark` measured, in Markdown."""
    return (
        "\n\n".join(f"### {name}\n\n{report.tables(result)}" for name, result in load("report").items())
        + "\n"
    )


def classical_figures() -> str:
    """Every method without a network, in Markdown."""
    if not (RESULTS / "classical_methods.json").is_file():
        return "`benchmarks/classical_methods.py` has not been run on this version.\n"
    return classical_methods.tables(load("classical_methods")) + "\n"


def foreground_figures() -> str:
    """Errors of foreground colours on composites whose true colours are known, in Markdown."""
    result = load("foreground")
    tiers = ("cutouts", "rough cutouts")
    rows = [
        [
            name,
            *(
                f"{row[tier][key]:.2f}" if tier in row else "–"
                for tier in tiers
                for key in ("colour", "worst_hundredth")
            ),
            f"{row[tiers[0]]['cpu_s'] / len(row[tiers[0]]['cases']):.2f}",
        ]
        for name, row in result.items()
        if tiers[0] in row
    ]
    if not rows:
        return "`benchmarks/foreground.py` has not been run on these composites.\n"
    header = ["method", "F, exact alpha", "worst 1 %", "F, rough alpha", "worst 1 %", "CPU s each"]
    return markdown(header, sorted(rows, key=lambda row: float(row[1]))) + "\n"


def load(name: str) -> Any:
    """The kept result of a benchmark."""
    return json.loads((RESULTS / f"{name}.json").read_text())


PAGES = {
    "README.md": readme_figures,
    "docs/subject.md": subject_figures,
    "docs/portrait.md": portrait_figures,
    "docs/benchmark.md": benchmark_figures,
    "docs/models.md": model_tables,
    "docs/guide/compositing.md": method_table,
    "docs/api.md": api_reference,
    "docs/dlmn.md": dlmn_figures,
    "docs/classical.md": classical_figures,
    "docs/guide/foreground.md": foreground_figures,
    "docs/video.md": video_figures,
    "docs/speed.md": speed_figures,
}


if __name__ == "__main__":
    main()
