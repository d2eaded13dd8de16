"""Deliberate faults, each of which a test must find: how far the tests hold what they are there for.

    python benchmarks/mutations.py --list
    python benchmarks/mutations.py --check              # every fault still finds its place in today's files
    python benchmarks/mutations.py [NAME...]            # those faults (parts of names will do); all without
    python benchmarks/mutations.py --part 2/5           # every fifth fault, from the second on
    python benchmarks/mutations.py --together           # what survived, all in one tree, against every test
    python benchmarks/mutations.py --out FILE           # kept there, beside what other parts have put there

Each fault is a row of `FAULTS`: a file, what stands in it, what stands there instead, and the tests that must
fail. It is applied to a copy of the package in a temporary folder, which comes first on the path; nothing
here is touched. Every test that found one is then run without it, and has to pass. A fault that no test finds
is listed as a survivor, and the exit code is 1. Most are those of a reading of commit da5e9e3, of which 33
survived then (marked); the last twenty-two came with the answers. The last result is
`results/mutations.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "wisp"


class Fault(NamedTuple):
    """What is broken where, and who must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    survived: bool = False


def _number(table: str, name: str, old: str, new: str, survived: bool = False, tests: str = "") -> Fault:
    """A tuned number that is another; its kind (int, float, pair) stays.

    The tests are those that see what it does (not the one that compares the tables, which finds any).
    """
    tests = tests or f"tests/core/test_settings.py -k Test{table.title()}"
    kind = "tuple[float, float]" if old.startswith("(0.") else "tuple[int, int]" if old[0] == "(" else None
    kind = kind or ("int" if old.replace("_", "").isdigit() else "float")
    where = "core/settings.py"
    line = f"    {name}: {kind} = "
    return Fault(f"{table}: {name} {new}", where, f"{line}{old}\n", f"{line}{new}\n", tests, survived)


def _figures(case: str) -> str:
    return f"tests/test_quality.py -k '{case}'"


FAULTS: tuple[Fault, ...] = (
    # --- survived at da5e9e3 ---
    Fault(
        "auto: cleaning left out",
        "pipeline.py",
        "return Estimate(clean(alpha), mask, trimap, overruled=True)",
        "return Estimate(alpha, mask, trimap, overruled=True)",
        "tests/test_pipeline.py -k Cleaning",
        True,
    ),
    Fault(
        "portrait: cleaning left out",
        "pipeline.py",
        "return Estimate(clean(alpha), mask, finding=finding)",
        "return Estimate(alpha, mask, finding=finding)",
        "tests/test_pipeline.py -k Cleaning",
        True,
    ),
    Fault(
        "auto: the network is led by closed-form matting",
        "pipeline.py",
        "initial_alpha = (seen_mask + first) * np.float32(0.5)",
        "initial_alpha = first",
        "tests/test_pipeline.py -k lead_it",
        True,
    ),
    Fault(
        "auto: border refinement of large photos left out",
        "pipeline.py",
        "alpha = enlarge(alpha, image, engine=engine)",
        "alpha = resize(alpha, *image.shape[:2]).clip(0, 1)",
        _figures("large"),
        True,
    ),
    _number("photos", "solved_pixels", "2_000_000", "200_000", True),
    Fault(
        "auto with a mask: the mask itself",
        "pipeline.py",
        "return _from_mask(image, mask, engine, model=model)",
        "return Estimate(mask, mask)",
        _figures("mask"),
        True,
    ),
    Fault(
        "small gaps of the mask not doubted",
        "engine/families/segmenter.py",
        "return resize(without_doubtful_gaps(mask), height, width)",
        "return resize(mask, height, width)",
        "tests/engine/families/test_segmenter.py",
        True,
    ),
    Fault(
        "segmenter sees 256 pixels",
        "engine/models.py",
        'input_size=416,\n            int8=Variant(\n                "segmenter',
        'input_size=256,\n            int8=Variant(\n                "segmenter',
        "tests/core/test_settings.py -k Photos",
        True,
    ),
    _number("photos", "band_width", "0.02", "0.06", True, tests="tests/matting/test_trimap.py -k fiftieth"),
    _number("photos", "stray", "0.035", "0.12", True, tests="tests/matting/test_cleaning.py -k hand"),
    _number("photos", "stray", "0.035", "0.06", True, tests="tests/matting/test_cleaning.py -k speck"),
    _number("photos", "colour_sweeps", "4", "1", True),
    _number("photos", "layer_bending", "3e-3", "3e-2", True),
    Fault(
        "photos: blur 0.1",
        "compositing/backgrounds.py",
        "SIGMA: Final = 0.025",
        "SIGMA: Final = 0.1",
        "tests/compositing/test_backgrounds.py -k fortieth",
        True,
    ),
    Fault(
        "blur: the second weight left out",
        "compositing/backgrounds.py",
        "pixels = np.concatenate([shown * show, show * show], axis=2)",
        "pixels = np.concatenate([shown, show], axis=2)",
        "tests/compositing/test_backgrounds.py -k hardly",
        True,
    ),
    Fault(
        "ICC: perceptual",
        "io/profiles.py",
        '{"intent": "relative",',
        '{"intent": "perceptual",',
        "tests/io/test_profiles.py",
        True,
    ),
    Fault(
        "clips: first frames believed as old ones",
        "clips/steady.py",
        "trust *= min(steadiness.hold, counted)",
        "trust *= steadiness.hold",
        "tests/clips/test_steady.py -k count_alike",
        True,
    ),
    _number("clips", "small_side", "384", "192", True),
    _number("clips", "slack", "0.3", "1.0", True),
    Fault(
        "clips: old alpha resampled linearly",
        "clips/steady.py",
        "    moved = warp(old, flow, cubic=True)\n    window",
        "    moved = warp(old, flow, cubic=False)\n    window",
        _figures("clip"),
        True,
    ),
    Fault(
        "clips: hair not drawn by colour",
        "clips/alpha.py",
        "seen_alpha = refine_hair(shrink(view, *seen_alpha.shape), seen_alpha)",
        "seen_alpha = seen_alpha + 0 * shrink(view, *seen_alpha.shape)[..., 0]",
        _figures("clip"),
        True,
    ),
    _number("clips", "look_every", "4", "40", True),
    Fault(
        "clips: view not on a grid",
        "clips/alpha.py",
        "box = found.on_grid(CLIPS.grid, size)",
        "box = found",
        _figures("clip"),
        True,
    ),
    Fault(
        "clips: guided enlargement bilinear",
        "clips/alpha.py",
        "drawn = guided_enlargement(small, alpha, image, radius=CLIPS.alpha_radius)",
        "drawn = opencv().resize(alpha, (image.shape[1], image.shape[0])) + 0 * small.mean()",
        _figures("edges"),
        True,
    ),
    Fault(
        "clips: faint alpha not cut off",
        "clips/alpha.py",
        "cv2.threshold(drawn, CLIPS.faint, 0, cv2.THRESH_TOZERO, dst=drawn)",
        "cv2.threshold(drawn, 0.0, 0, cv2.THRESH_TOZERO, dst=drawn)",
        "tests/clips/test_alpha.py -k eight_bits",
        True,
    ),
    _number("clips", "doubtful", "0.85", "0.5", True),
    _number("clips", "warm_up", "24", "1", True),
    Fault(
        "untagged SD as BT.709",
        "clips/io/colour.py",
        "usual = BT709 if hd else 6",
        "usual = BT709 if hd else BT709",
        "tests/clips/io/test_colour.py -k says_nothing",
        True,
    ),
    Fault(
        "camera: nothing held steady",
        "clips/live.py",
        "held, self.state = filter_alpha(part, self.state, self.alpha_of",
        "held, _ = filter_alpha(part, self.state, self.alpha_of",
        "tests/clips/test_camera.py -k held",
        True,
    ),
    # --- killed at da5e9e3 already ---
    _number("photos", "network_share", "0.6", "0.5", tests="tests/test_pipeline.py -k differ"),
    _number("photos", "known", "0.05", "0.2", tests="tests/matting/test_trimap.py -k halo"),
    Fault(
        "photos: epsilon of closed-form matting 1e-5",
        "matting/classical/closed_form.py",
        "EPSILON: Final = 1e-7\n",
        "EPSILON: Final = 1e-5\n",
        "tests/core/test_settings.py -k papers_epsilon",
    ),
    _number("photos", "settled", "0.02", "0.2"),
    _number("clips", "hold", "0.8", "0.6"),
    _number("clips", "cut", "0.5", "0.8", tests="tests/clips/test_steady.py -k half_of_the_colours"),
    _number("clips", "colour_windows", "(21, 3)", "(5, 1)"),
    _number("clips", "change", "0.04", "0.12"),
    Fault(
        "auto: the network sees less",
        "engine/models.py",
        "input_size=704",
        "input_size=512",
        _figures("auto"),
    ),
    Fault(
        "auto: closed-form matting left out",
        "pipeline.py",
        "alpha = mix_alphas(first, network, seen_trimap)",
        "alpha = network",
        _figures("two"),
    ),
    Fault(
        "unsure regions kept",
        "engine/families/segmenter.py",
        "mask, _ = keep_regions(mask, mask >= sure, FLOOR)",
        "",
        "tests/engine/families/test_segmenter.py tests/test_pipeline.py",
    ),
    Fault(
        "portrait: refinement skipped",
        "engine/families/portrait.py",
        "    if refined:\n",
        "    if not refined:\n",
        "tests/engine/families/test_portrait.py",
    ),
    Fault(
        "resizing: no antialiasing",
        "core/resample.py",
        "reach = max(1.0, step)",
        "reach = 1.0",
        "tests/core/test_resample.py",
    ),
    Fault(
        "linear light: exponent 2.2",
        "core/arrays.py",
        "linear = ((encoded + 0.055) / 1.055) ** 2.4",
        "linear = ((encoded + 0.055) / 1.055) ** 2.2",
        "tests/core/test_arrays.py",
    ),
    Fault(
        "to eight bits: cut off, not rounded",
        "core/arrays.py",
        "scaled += 0.5",
        "scaled += 0.0",
        "tests/core/test_arrays.py",
    ),
    Fault(
        "ICC: no black point compensation",
        "io/profiles.py",
        '"black_point_compensation": True',
        '"black_point_compensation": False',
        "tests/io/test_profiles.py",
    ),
    Fault(
        "transparency ignored",
        "pipeline.py",
        "alpha = np.minimum(alpha, opacity)",
        "alpha = np.maximum(alpha, opacity * 0)",
        "tests/test_pipeline.py tests/cli/test_cutout.py -k 'opacity or transparen or opaque'",
    ),
    Fault(
        "the photo's profile dropped",
        "io/images.py",
        "profile = None if like is None else like.icc_profile",
        "profile = None",
        "tests/io/test_images.py -k profile",
    ),
    Fault(
        "portrait: its view is a row short",
        "core/regions.py",
        "min(height, self.bottom + margin),",
        "min(height, self.bottom + margin - 1),",
        "tests/engine/families/test_portrait.py -k surroundings",
    ),
    Fault(
        "dim: the last row of tiles dropped",
        "engine/families/dim.py",
        "        found.append(Span(start, end, left, None if end == stop else end - margin))\n"
        "        if end == stop:\n            return found\n",
        "        if end == stop:\n            return found\n"
        "        found.append(Span(start, end, left, None if end == stop else end - margin))\n",
        "tests/engine/families/test_dim.py",
    ),
    Fault(
        "resolution dropped",
        "io/images.py",
        "picture = picture.copy(xres=like.resolution[0], yres=like.resolution[1])",
        "picture = picture.copy(xres=1.0, yres=1.0)",
        "tests/io/test_images.py -k resolution",
    ),
    Fault(
        "dim without its initial alpha",
        "engine/families/dim.py",
        "        estimate_initial_alpha(image, trimap) if any(",
        "        0.5 + 0 * estimate_initial_alpha(image, trimap) if any(",
        _figures("dim"),
    ),
    Fault(
        "matting network sees 512 pixels",
        "engine/models.py",
        "            input_size=704,\n",
        "",
        "tests/core/test_settings.py -k Photos",
    ),
    Fault(
        "DLMN-G sees 256 pixels",
        "engine/models.py",
        "input_size: int = 512",
        "input_size: int = 256",
        "tests/test_quality.py",
    ),
    Fault(
        "int8 without dot products",
        "engine/precision.py",
        'if "INT8" not in capabilities or not has_dot_products():',
        "if False:",
        "tests/engine/test_precision.py",
    ),
    Fault(
        "motion cues: red and blue swapped",
        "core/arrays.py",
        "image @ np.array(LUMA",
        "image[..., ::-1] @ np.array(LUMA",
        "tests/clips/test_motion.py",
    ),
    Fault(
        "networks' hashes unchecked",
        "engine/models.py",
        "        if found != sha256:\n",
        "        if False:\n",
        "tests/engine/test_models.py",
    ),
    Fault(
        "padding cut at the wrong end",
        "engine/families/portrait.py",
        "alpha[0, 0, : small[0], : small[1]]",
        "alpha[0, 0, -small[0] :, -small[1] :]",
        "tests/engine/families/test_portrait.py",
    ),
    Fault(
        "dim: a tile's context of 32 pixels",
        "engine/families/dim.py",
        "MARGIN: Final = 240",
        "MARGIN: Final = 32",
        "tests/engine/families/test_dim.py",
    ),
    Fault(
        "AVIF at quality 40",
        "io/images.py",
        '"avif": {"compression": "av1", "Q": 95',
        '"avif": {"compression": "av1", "Q": 40',
        "tests/io/test_images.py -k 'avif or lossy or close'",
    ),
    Fault(
        "JPEG at quality 50",
        "io/images.py",
        '"jpeg": {"Q": 95',
        '"jpeg": {"Q": 50',
        "tests/io/test_images.py -k 'jpeg or jpg or lossy or close'",
    ),
    Fault(
        "--save-foreground writes the photo",
        "cli/photos.py",
        "pictures[job.foreground_out] = result.matte.foreground",
        "pictures[job.foreground_out] = photo.image",
        "tests/cli/test_cutout.py -k companions",
    ),
    _number("clips", "hair_window", "13", "9"),
    # --- our own ---
    Fault(
        "guided filter overwrites what the trimap knows",
        "pipeline.py",
        "alpha = impose_known(alpha, found.trimap)",
        "alpha = alpha + 0 * impose_known(alpha, found.trimap)",
        "tests/test_pipeline.py tests/test_quality.py -k 'refine or filter or known'",
    ),
    Fault(
        "auto: the network overrules nothing that is known",
        "matting/mixing.py",
        "share = np.maximum(far, NETWORK_SHARE * (trimap == UNKNOWN))",
        "share = np.maximum(far, NETWORK_SHARE) * (trimap == UNKNOWN)",
        "tests/test_pipeline.py tests/test_quality.py -k 'joined or overrule or auto'",
    ),
    Fault(
        "cleaning: solid islands go",
        "matting/cleaning.py",
        "kept = (areas >= STRAY**2 * areas.max()) & (solid >= CORE * areas)",
        "kept = (areas >= 0.5 * areas.max()) & (solid >= CORE * areas)",
        "tests/matting/test_cleaning.py",
    ),
    Fault(
        "trimap: the band only inside",
        "matting/trimap.py",
        "inside[_dilate(possible[near], dilation)] = UNKNOWN",
        "inside[possible[near]] = UNKNOWN",
        "tests/matting/test_trimap.py",
    ),
    Fault(
        "initial alpha: nearest instead of between",
        "matting/classical/halving.py",
        "doubled[::2] = 0.75 * padded[1:-1] + 0.25 * padded[:-2]",
        "doubled[::2] = padded[1:-1]",
        "tests/matting/classical/test_halving.py",
    ),
    Fault(
        "portrait: its view has no margin",
        "engine/families/portrait.py",
        "math.ceil(MARGIN * longer + 8)",
        "math.ceil(0 * longer)",
        "tests/engine/families/test_portrait.py tests/test_quality.py -k 'surround or margin or portrait'",
    ),
    Fault(
        "portrait: patches count as a box, not a bell",
        "engine/families/portrait.py",
        "/ PATCH) ** 2\n",
        "/ PATCH) ** 0\n",
        "tests/engine/families/test_portrait.py",
    ),
    Fault(
        "dim: tiles meet without a ramp",
        "engine/families/dim.py",
        "(places - self.first) / RAMP + 0.5)",
        "(places - self.first) * RAMP + 0.5)",
        "tests/engine/families/test_dim.py",
    ),
    Fault(
        "clips: cuts are not seen",
        "clips/steady.py",
        " or is_cut(state.small, small, steadiness.cut):\n",
        ":\n",
        "tests/clips/test_steady.py",
    ),
    Fault(
        "clips: the subject's own motion left out",
        "clips/edge_motion.py",
        "    flow = _subjects_own(flow, opacity)\n",
        "",
        "tests/clips/test_steady.py",
    ),
    Fault(
        "clips: alphas not laid on each other",
        "clips/steady.py",
        "    own = align(own, past.last, opacity, trust)\n",
        "",
        "tests/clips/test_steady.py tests/test_quality.py -k 'lag or shift or lie or clip'",
    ),
    Fault(
        "subject: the segmenter sees a small photo enlarged",
        "engine/families/subject.py",
        "side = min(settings.people_side, max(settings.side, *image.shape[:2]))",
        "side = settings.people_side",
        "tests/engine/families/test_subject.py -k no_more_pixels",
    ),
    Fault(
        "clips: the last alpha leads far from what is believed",
        "clips/alpha.py",
        "slack * reach_of(subject, 2 * AUTO.band_width)",
        "slack",
        "tests/clips/test_alpha.py",
    ),
    Fault(
        "networks: nine products without the corners",
        "networks/depthwise.py",
        "(row != 1 and step >= height) or (column != 1 and step >= width)",
        "row != 1 and column != 1",
        "tests/networks/test_depthwise.py",
    ),
    Fault(
        "clips: doubtful holes stay open",
        "clips/alpha.py",
        "    closed[around.slices][holes] = CLIPS.doubtful\n",
        "",
        "tests/clips/test_alpha.py",
    ),
    Fault(
        "clips: what was left out comes back when it touches somebody",
        "clips/belief.py",
        "    foreign |= before & (area > CLIPS.mixed * people_area[home])\n",
        "",
        "tests/clips/test_belief.py",
    ),
    Fault(
        "clips: the last alpha leads whatever is believed",
        "clips/alpha.py",
        "    if not looked:\n        return _without_holes(last)\n",
        "    return _without_holes(last)\n",
        "tests/clips/test_alpha.py",
    ),
    Fault(
        "clips: an arm that is seen apart is nobody's",
        "clips/kinds.py",
        "                judged = float(kinds[beside].mean())\n",
        "                pass\n",
        "tests/clips/test_belief.py",
    ),
    Fault(
        "clips: who stands apart is not looked at alone",
        "clips/kinds.py",
        "only = maybe.sum() <= maybe[number]\n",
        "only = True\n",
        "tests/clips/test_belief.py",
    ),
    Fault(
        "clips: what is believed stays where the picture has changed",
        "clips/steady.py",
        "    return moved.faded(trust)._replace(is_person=is_person)\n",
        "    return moved._replace(is_person=is_person)\n",
        "tests/clips/test_steady.py -k given_up",
    ),
    Fault(
        "clips: what is believed moves with the picture, not with the subject",
        "clips/steady.py",
        "_moved_belief(state.belief, state.small, small, own)",
        "_moved_belief(state.belief, state.small, small, flow)",
        "tests/clips/test_steady.py -k pass_it",
    ),
    Fault(
        "clips: what stands still wavers with the network",
        "clips/steady.py",
        "np.maximum(trust, past.still * np.float32(min(steadiness.stay, counted)))",
        "1.0 * trust",
        "tests/clips/test_steady.py -k stands_still",
    ),
    Fault(
        "clips: the method rests while somebody comes in",
        "clips/steady.py",
        "            return float(1 - self.trust.min())\n",
        "            return 0.0\n",
        "tests/clips/test_steady.py -k lets_no_method_rest",
    ),
    Fault(
        "clips: a small subject is shown as small as it is",
        "clips/alpha.py",
        "            view = _view(image, small, box)\n",
        "            view = part\n",
        "tests/clips/test_alpha.py -k shown_larger",
    ),
    Fault(
        "clips: a glance takes away",
        "clips/belief.py",
        "        look = SubjectMaps(*map(np.maximum, look, belief))\n",
        "",
        "tests/clips/test_belief.py",
    ),
    Fault(
        "clips: what nobody covered may come out from behind them",
        "clips/uncovered.py",
        "    covered[hidden & ~fits & (known == OFTEN)] = 1\n",
        "    covered[known == OFTEN] = 1\n",
        "tests/clips/test_uncovered.py",
    ),
    Fault(
        "clips: what is of the subject's colours was not covered",
        "clips/uncovered.py",
        "    covered |= closed & hidden.view(np.uint8)\n",
        "",
        "tests/clips/test_uncovered.py",
    ),
    Fault(
        "clips: what is remembered of the background is never learnt anew",
        "clips/uncovered.py",
        "    seen[beside & ~fits & (known > 0)] -= 1\n",
        "",
        "tests/clips/test_uncovered.py",
    ),
    Fault(
        "clips: colours not corrected by what is left over",
        "clips/colours.py",
        "    nearer += opacity * residual\n",
        "",
        "tests/clips/test_colours.py",
    ),
    Fault(
        "a missing module of one's own told as an extra",
        "core/extras.py",
        "        if error.name not in brings:\n            raise\n",
        "",
        "tests/core/test_extras.py",
    ),
    Fault(
        "of a large subject one mask decides",
        "engine/families/subject_masks.py",
        "median = np.clip(people, np.minimum(one, other), np.maximum(one, other))",
        "median = np.maximum(one, other)",
        "tests/engine/families/test_subject_masks.py -k large",
    ),
    Fault(
        "background blurred with the photo's own subject in it",
        "compositing/backgrounds.py",
        "shown = np.clip(image - alpha[..., None] * foreground, 0, show)",
        "shown = image * show",
        "tests/compositing/test_backgrounds.py tests/test_quality.py -k 'blur or background'",
    ),
)


def main() -> int:
    """Read the command line, run, and say what survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of faults' names")
    parser.add_argument("--list", action="store_true", help="name every fault")
    parser.add_argument("--check", action="store_true", help="only see that every fault finds its place")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every Nth fault from the Kth on")
    parser.add_argument("--together", action="store_true", help="all of them in one tree, against all tests")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep what came, as JSON")
    asked = parser.parse_args()
    part, parts = map(int, asked.part.split("/"))
    chosen = [f for f in FAULTS if not asked.names or any(name in f.name for name in asked.names)]
    chosen = chosen[part - 1 :: parts]
    if asked.list:
        print("\n".join(f"{fault.name}  [{fault.file}]  {fault.tests}" for fault in chosen))
        return 0
    lost = [fault.name for fault in chosen if count_of(fault) != 1]
    if lost or asked.check:
        print("\n".join(f"finds no single place: {name}" for name in lost))
        return int(bool(lost))
    if asked.together:
        return int(run(chosen, ["tests"]).code == 0)
    runs = {fault.name: _tried(fault) for fault in chosen}
    finders = sorted({test for ran in runs.values() for test in ran.failed})
    sound = not finders or run([], finders).code == 0
    if not sound:
        print("some of the tests that found a fault fail without it, too")
    survivors = [name for name, ran in runs.items() if ran.code != 1]
    print(f"{len(runs) - len(survivors)} of {len(runs)} found; survivors: {', '.join(survivors) or 'none'}")
    if asked.out and sound:
        keep(asked.out, runs)
    return int(bool(survivors) or not sound)


class Run(NamedTuple):
    """Pytest's exit code, the names of the tests that failed, and the processors' seconds."""

    code: int
    failed: tuple[str, ...]
    seconds: float


def _tried(fault: Fault) -> Run:
    """Run a fault's tests and print a line on what came."""
    ran = run([fault], shlex.split(fault.tests))
    word = {0: "SURVIVED", 1: "found"}.get(ran.code, f"ran no test (pytest's exit code {ran.code})")
    print(f"{word}: {fault.name} ({ran.seconds:.0f} s) {' '.join(ran.failed)}", flush=True)
    return ran


def keep(path: Path, runs: Mapping[str, Run]) -> None:
    """Put what came into a JSON file beside what lies there, in the order of the list."""
    kept = (
        {row["fault"]: row for row in json.loads(path.read_text(encoding="utf-8"))["faults"]}
        if path.exists()
        else {}
    )
    for name, ran in runs.items():
        kept[name] = {
            "fault": name,
            "found": ran.code == 1,
            "by": list(ran.failed),
            "seconds": round(ran.seconds, 1),
        }
    marks = {fault.name: fault.survived for fault in FAULTS}
    rows = [{**kept[name], "survived_at_da5e9e3": marks[name]} for name in marks if name in kept]
    result = {
        "faults": rows,
        "listed": len(FAULTS),
        "found": sum(row["found"] for row in rows),
        "survivors": [row["fault"] for row in rows if not row["found"]],
        "processor_seconds": round(sum(row["seconds"] for row in rows)),
    }
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def count_of(fault: Fault) -> int:
    """How often what a fault replaces stands in its file."""
    return (PACKAGE / fault.file).read_text(encoding="utf-8").count(fault.old)


def run(faults: Sequence[Fault], tests: Sequence[str]) -> Run:
    """Run tests with the faults in a copy of the package, up to the first that fails."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "wisp"
        shutil.copytree(PACKAGE, source, copy_function=_link_or_copy)
        for fault in faults:
            path = source / fault.file
            text = path.read_text(encoding="utf-8").replace(fault.old, fault.new)
            path.unlink()  # it may be a link to the file here
            path.write_text(text, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", *tests]
        began = _seconds()
        ran = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=False,
        )
    failed = re.findall(
        r"^(?:FAILED|ERROR) (tests/\S+?\.py(?:::[^\[\s]+(?:\[.*?\])?)?)(?: - |$)", ran.stdout, re.MULTILINE
    )
    return Run(ran.returncode, tuple(failed), _seconds() - began)


def _seconds() -> float:
    """Seconds that processors spent on finished child processes (0 on Windows, which does not count them)."""
    used = os.times()
    return used.children_user + used.children_system


def _link_or_copy(source: str, target: str) -> str:
    """Link large files, copy the others; byte code stays behind."""
    if source.endswith(".onnx"):
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
    elif not source.endswith(".pyc"):
        shutil.copy2(source, target)
    return target


if __name__ == "__main__":
    sys.exit(main())
