"""One photo to one matte: photo → soft mask → trimap → alpha → foreground.

Each step can be replaced by the user's guidance: a mask, a trimap, or a finished alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, get_args

import numpy as np

from wisp.compositing.backgrounds import Anchor, Fit, parse_colour_or_path
from wisp.compositing.backgrounds import fit_to_size as fit_background
from wisp.compositing.over import over
from wisp.core.arrays import (
    FOREGROUND,
    UNKNOWN,
    Alpha,
    Background,
    Image,
    Mask,
    Matte,
    Trimap,
    as_alpha,
    as_image,
    as_mask,
    as_trimap,
    check_same_size,
    hide_transparent,
)
from wisp.core.errors import InputError
from wisp.core.progress import Progress, silent, within
from wisp.core.resample import resize
from wisp.core.settings import AUTO
from wisp.engine.devices import Device, Precision
from wisp.engine.engine import ENGINE, Engine, shared_engine
from wisp.engine.families import Wanted
from wisp.engine.families.portrait import enlarge, portrait
from wisp.engine.families.subject import Finding, find_subject
from wisp.engine.peers.chosen import chosen_peer, peer_alpha
from wisp.io.given import (
    Given,
    given_alpha,
    given_image,
    given_mask,
    given_photo,
    given_trimap,
)
from wisp.matting.classical.guided_filter import guided_filter
from wisp.matting.classical.initial_alpha import estimate_initial_alpha
from wisp.matting.classical.system import Solution
from wisp.matting.cleaning import clean
from wisp.matting.foreground import estimate_foreground
from wisp.matting.mixing import mix_alphas
from wisp.matting.trimap import impose_known, mask_from_trimap, trimap_from_mask
from wisp.methods import METHODS, Refinement, check_options, default_method, documented, solve

SOLVED_PIXELS: Final = AUTO.solved_pixels
"""Larger photos are matted at this size, then enlarged while the portrait network refines the border."""
MATTED: Final = 0.8
"""Share of the work that alpha is, before its foreground colours, for `Progress`."""
NO_SUBJECT: Final = "no subject was found; the alpha is empty"


@dataclass(frozen=True, eq=False)
class Result:
    """A matte and how it came about.

    Attributes:
        matte: alpha and foreground, of the photo's size.
        mask: the soft mask that was used, given or found; None when a trimap or an alpha was given.
        trimap: the trimap that was used, given or made; None when there was none.
        solution: what the solver did; None when a network found alpha or there was nothing to solve.
        notes: what the user should know, each a short sentence without a full stop.
        finding: what was found in the photo; None where guidance was given or another's network looked.
    """

    matte: Matte
    mask: Mask | None = None
    trimap: Trimap | None = None
    solution: Solution | None = None
    notes: tuple[str, ...] = ()
    finding: Finding | None = None


def run(
    image: Image,
    *,
    method: str = "auto",
    trimap: Trimap | None = None,
    mask: Mask | None = None,
    alpha: Alpha | None = None,
    width: float | None = None,
    refine: Refinement = "none",
    smooth: bool | None = None,
    ssrn: bool | None = None,
    subject: Wanted = "auto",
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    opacity: Alpha | None = None,
    plate: Background | None = None,
    progress: Progress = silent,
) -> Result:
    """Cut the subject out of a photo as `cutout` does, and tell what came of each step.

    Args and errors are those of `cutout`, but that `image` and the guidance are arrays here, that `engine`
    runs the network, and for `opacity`: the alpha channel that the photo's own file had, float32 (H, W). What
    is transparent there stays so, unless a finished alpha is given. `progress` is told nothing of the end.
    """
    image = as_image(image)
    check_options(
        method,
        trimap=trimap is not None,
        mask=mask is not None,
        width=width is not None,
        alpha=alpha is not None,
        plate=plate is not None,
        refine=refine,
        smooth=smooth,
        ssrn=ssrn,
        subject=subject,
        model=model,
        device=engine.device,
        precision=engine.precision,
    )
    original = image
    if opacity is not None:
        opacity = as_alpha(opacity, "opacity")
        check_same_size("opacity", opacity, "image", image)
        image = hide_transparent(image, opacity)
    if plate is not None:
        plate = as_image(plate, "plate")
    if alpha is not None:
        alpha = as_alpha(alpha)
        check_same_size("alpha", alpha, "image", image)
        return Result(Matte(alpha, estimate_foreground(original, alpha)))
    if trimap is not None:
        trimap = as_trimap(trimap)
        check_same_size("trimap", trimap, "image", image)
    if mask is not None:
        mask = as_mask(mask)
        check_same_size("mask", mask, "image", image)
    if mask is not None and width is not None:
        trimap = trimap_from_mask(mask, width=width)
    found = estimate(
        image,
        method,
        trimap,
        mask if trimap is None else None,
        model=model,
        engine=engine,
        plate=plate,
        smooth=smooth,
        ssrn=ssrn,
        subject=subject,
        progress=within(progress, 0, MATTED),
    )
    alpha, finding = found.alpha, found.finding
    mask = found.mask if mask is None else mask
    if mask is not None and not alpha.any():
        return Result(Matte(alpha, original), mask, found.trimap, notes=(NO_SUBJECT,), finding=finding)
    if refine == "guided-filter":
        alpha = guided_filter(image, alpha)
        if found.trimap is not None and not found.overruled:
            alpha = impose_known(alpha, found.trimap)
    if opacity is not None:
        alpha = np.minimum(alpha, opacity)
    matte = Matte(alpha, estimate_foreground(image, alpha))
    notes = _notes(found.solution)
    if finding is not None and finding.doubtful:
        notes = (finding.describe(), *notes)
    return Result(matte, mask, found.trimap, found.solution, notes, finding)


class Estimate(NamedTuple):
    """Alpha and what it was estimated from; `overruled` where it need not keep what the trimap knows."""

    alpha: Alpha
    mask: Mask | None = None
    trimap: Trimap | None = None
    solution: Solution | None = None
    overruled: bool = False
    finding: Finding | None = None


def estimate(
    image: Image,
    method: str,
    trimap: Trimap | None,
    mask: Mask | None,
    *,
    model: str | Path | None,
    engine: Engine,
    plate: Background | None = None,
    smooth: bool | None = None,
    ssrn: bool | None = None,
    subject: Wanted = "auto",
    progress: Progress = silent,
) -> Estimate:
    """Alpha by the method asked for; what it needs and was not given is found first.

    Args and errors are those of `run`, which checks and converts them; foreground colours are left out.
    """
    peer = chosen_peer(model)
    if peer is not None:
        alpha = peer_alpha(peer, image, trimap=trimap, mask=mask, plate=plate, engine=engine)
        return Estimate(alpha, alpha if trimap is None else None, trimap)
    if method == "auto":
        if trimap is None:
            if mask is not None:
                return _from_mask(image, mask, engine, model=model)
            seen = _find_subject(image, subject, model, engine)
            found = _from_mask(image, seen.mask, engine)
            engine.release_buffers()  # the next photo's networks, and this one's colours, need the memory
            return found._replace(finding=seen)
        method = default_method("trimap")
    row = METHODS[method]
    if row.family and row.needs == "nothing":
        alpha = row.load()(image, model=model, engine=engine)
        return Estimate(alpha, alpha)
    if row.needs == "mask":
        network = row.load() if ssrn is None else partial(row.load(), ssrn=ssrn)
        if trimap is not None:
            guess = mask_from_trimap(trimap)
            alpha = network(image, guess, model=model, engine=engine)
            return Estimate(impose_known(alpha, trimap), trimap=trimap)
        finding = None
        if mask is None:
            finding = _find_subject(image, subject, None, engine)
            mask = finding.mask
        alpha = network(image, mask, model=model, engine=engine)
        return Estimate(clean(alpha), mask, finding=finding)
    finding = None
    if trimap is None:
        if mask is None:
            finding = _find_subject(image, subject, None if row.family else model, engine)
            mask = finding.mask
        trimap = trimap_from_mask(mask)
    if row.family:
        alpha = row.load()(image, trimap, model=model, engine=engine)
        return Estimate(alpha, mask, trimap, finding=finding)
    solution = solve(method, image, trimap, smooth=smooth, progress=progress)
    return Estimate(solution.alpha, mask, trimap, solution, finding=finding)


def _find_subject(image: Image, wanted: Wanted, model: str | Path | None, engine: Engine) -> Finding:
    """Find the subject, while no network holds what another needs: neither the last photo's nor these."""
    engine.release_buffers()
    finding = find_subject(image, wanted=wanted, model=model, engine=engine)
    engine.release_buffers()
    return finding


def _from_mask(image: Image, mask: Mask, engine: Engine, *, model: str | Path | None = None) -> Estimate:
    """Alpha by a mask, given or found: closed-form matting at half size and a network, averaged.

    Closed-form matting follows colours exactly but spreads where subject and background are alike; the
    network knows what subjects look like and is softer. Their mean is better than either, and what each other
    part is worth is measured (docs/decisions/036).
    """
    trimap = trimap_from_mask(mask)
    if not (trimap == UNKNOWN).any():  # nobody, or nothing else
        return Estimate((trimap == FOREGROUND).astype(np.float32), mask, trimap)
    seen, seen_mask, seen_trimap = image, mask, trimap
    shrunk = min(1.0, (SOLVED_PIXELS / mask.size) ** 0.5)
    if shrunk < 1:
        size = max(1, round(mask.shape[0] * shrunk)), max(1, round(mask.shape[1] * shrunk))
        seen, seen_mask = resize(image, *size), resize(mask, *size).clip(0, 1)
        seen_trimap = trimap_from_mask(seen_mask)
    first = estimate_initial_alpha(seen, seen_trimap)
    initial_alpha = (seen_mask + first) * np.float32(0.5)
    network = portrait(seen, initial_alpha, model=model, engine=engine, refined=False)
    alpha = mix_alphas(first, network, seen_trimap)
    if shrunk < 1:
        alpha = enlarge(alpha, image, engine=engine)
    return Estimate(clean(alpha), mask, trimap, overruled=True)


@documented
def cutout(
    image: Given,
    *,
    method: str = "auto",
    trimap: Given | None = None,
    mask: Given | None = None,
    alpha: Given | None = None,
    width: float | None = None,
    refine: Refinement = "none",
    smooth: bool | None = None,
    ssrn: bool | None = None,
    subject: Wanted = "auto",
    model: str | Path | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
    plate: Given | None = None,
    progress: Progress | None = None,
) -> Matte:
    """Cut the subject out of a photo.

    Without guidance a network finds what to cut out (`subject`). At most one of `trimap`, `mask` and `alpha`
    replaces the steps before it; all have the size of the upright photo. Nothing is stretched to fill [0, 1]:
    a photo without a subject gives an empty alpha.

    Every picture may be a path, the bytes of a file, a file opened with ``"rb"``, a picture of Pillow's, or
    an array: uint8 counts from 0 to 255, uint16 from 0 to 65535, floats from 0 to 1.

    Args:
        image: the photo; as an array (H, W, 3) of sRGB-encoded colours, RGBA (H, W, 4) or grey (H, W). What
            is transparent in it stays so, unless a finished alpha is given.
        method: how alpha is estimated. {methods}, and without either the average that is told above.
        trimap: 0 background, 128 (one half) unknown, 255 (one) foreground, (H, W). Up to a tenth counts as
            background, from nine tenths on as foreground, all between as unknown.
        mask: soft or hard segmentation, (H, W); bool as well.
        alpha: finished alpha, (H, W): only the foreground is estimated.
        width: how rough the mask is: alpha is looked for in a band of this width along its edge, half of it
            on either side, as a fraction of the subject's size (the square root of its area), by the method
            for trimaps. None is for masks that are right to 1 % of that size.
        refine: ``guided-filter`` smooths alpha along the photo's edges; known pixels of a trimap keep their
            value.
        smooth: whether the matting Laplacian smooths the alpha of a sampling method; as its paper does when
            None.
        ssrn: whether the second network of ``dlmn`` refines what the first has found; where there is one when
            None.
        subject: what to look for where no guidance is given: ``auto`` is what a person would cut out, which
            is people, where there are any, with what they hold and wear; ``people`` alone; or ``anything``.
        model: a network other than the default, its name or an ONNX file: the method's, or the segmentation
            network of methods that have none of their own. Or somebody else's network in the method's place:
            a name of the model store, or ``modnet=FILE.onnx`` (`wisp.engine.peers.PEERS`).
        device: what the network runs on: ``auto``, ``cpu`` or ``gpu``.
        precision: what the network computes in: ``auto``, ``fp32``, ``bf16`` or ``int8``.
        plate: a photo of the same place without the subject, for a model that compares with it (``bgmv2``).
        progress: called with the share of the work that is done, from 0 to 1: while a method without a
            network estimates alpha, and at the end.

    Returns:
        Alpha and the subject's own colours, both of the photo's size.

    Raises:
        InputError: an array of the wrong kind or size, values out of [0, 1] or NaN, a file that cannot be
            read, an unknown word, or an option that the others leave nothing to do for.
        MissingExtraError: a file or device whose package is not installed.
    """
    tell = progress or silent
    photo, opacity = given_photo(image)
    result = run(
        photo,
        method=method,
        trimap=None if trimap is None else given_trimap(trimap),
        mask=None if mask is None else given_mask(mask),
        alpha=None if alpha is None else given_alpha(alpha),
        width=width,
        refine=refine,
        smooth=smooth,
        ssrn=ssrn,
        subject=subject,
        model=model,
        engine=shared_engine(device, precision),
        opacity=opacity,
        plate=None if plate is None else given_image(plate, "plate"),
        progress=tell,
    )
    tell(1.0)
    return result.matte


@documented
def estimate_alpha(
    image: Given,
    trimap: Given,
    *,
    method: str = "auto",
    smooth: bool | None = None,
    progress: Progress | None = None,
) -> Alpha:
    """Alpha from an image and a trimap.

    Args:
        image: (H, W, 3) of sRGB-encoded colours, or what else `cutout` takes for a photo.
        trimap: (H, W), 0 background, 128 unknown, 255 foreground, or what else `cutout` takes for one.
        method: {trimap methods}.
        smooth: whether the matting Laplacian smooths the alpha of a sampling method; as its paper does when
            None.
        progress: called with the share of the work that is done, from 0 to 1, by a method without a network.

    Returns:
        float32 (H, W), [0, 1]; exactly 0 and 1 where the trimap is known.

    Raises:
        InputError: arrays of the wrong kind or of different sizes, values out of [0, 1] or NaN, a file that
            cannot be read, a method that does not exist, or `smooth` with one that does not sample.
    """
    photo, known = given_image(image), given_trimap(trimap)
    check_same_size("trimap", known, "image", photo)
    check_options(method, trimap=True, smooth=smooth)
    found = estimate(
        photo,
        method,
        known,
        None,
        model=None,
        engine=ENGINE,
        smooth=smooth,
        progress=progress or silent,
    )
    return found.alpha


def composite(
    matte: Matte,
    background: Given | tuple[float, float, float],
    *,
    fit: Fit = "cover",
    anchor: Anchor = "centre",
) -> Image:
    """Set a matte on another background, with the subject's own colours.

    Args:
        matte: alpha (H, W) and foreground (H, W, 3), as `cutout` gives them.
        background: a picture of any size, as `cutout` takes photos; or a colour: a CSS name, ``#rrggbb``, or
            three numbers in [0, 1], sRGB-encoded. The name of a colour is that colour even where a file is
            called so; ``./red`` is the file.
        fit: how a background of another size is made to fit: ``cover``, ``contain`` or ``stretch``.
        anchor: which part of it stays when it is cropped: ``centre``, ``top``, ``bottom-left`` ….

    Returns:
        float32 (H, W, 3), [0, 1].

    Raises:
        InputError: no matte, an array of the wrong kind or with values out of [0, 1] or NaN, a file that
            cannot be read, an unknown word.
    """
    if not isinstance(matte, Matte):
        raise InputError(
            "matte", f"is a {type(matte).__name__}", "a wisp.Matte is accepted, as cutout gives it"
        )
    for name, word, kind, usual in (("fit", fit, Fit, "cover"), ("anchor", anchor, Anchor, "centre")):
        if word not in get_args(kind):
            raise InputError(name, f"is {word!r}", f"{', '.join(get_args(kind))} are accepted")
        if word != usual and _plain_colour(background) is not None:
            raise InputError(name, "changes nothing: the background is a colour", f"leave out {name}")
    plain = _plain_colour(background)
    if plain is not None:
        return over(matte.foreground, matte.alpha, plain)
    picture = given_image(background, "background")
    return over(matte.foreground, matte.alpha, fit_background(picture, matte.alpha.shape, fit, anchor))


def _plain_colour(background: object) -> Image | None:
    """The one colour, float32 (3,), that text or three numbers name; None for a picture."""
    if isinstance(background, str):
        accepted = "an array, a colour (a CSS name or #rrggbb) or the path of a picture is accepted"
        found = parse_colour_or_path(background, accepted)
        return None if isinstance(found, Path) else np.array(found, np.float32)
    if isinstance(background, tuple | list) or (isinstance(background, np.ndarray) and background.ndim == 1):
        try:
            channels = np.asarray(background, np.float32)
        except (TypeError, ValueError):
            channels = np.empty(0, np.float32)
        if channels.shape != (3,) or not ((channels >= 0) & (channels <= 1)).all():
            accepted = "three numbers in [0, 1], or an array (H, W, 3), are accepted"
            raise InputError("background", f"is {background!r}"[:80], accepted)
        return channels
    return None


def _notes(solution: Solution | None) -> tuple[str, ...]:
    if solution is None or solution.converged:
        return ()
    return (f"{solution.method} did not converge (residual {solution.residual:.1g}); its best alpha is kept",)
