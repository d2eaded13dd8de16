"""One photo to one matte: photo → soft mask → trimap → alpha → foreground.

Each step can be replaced by the user's guidance: a mask, a trimap, or a finished alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from wisp.compositing.backgrounds import Anchor, Fit, colour
from wisp.compositing.backgrounds import fit as fit_background
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
    check_alpha,
    check_image,
    check_same_size,
    check_trimap,
)
from wisp.core.errors import InputError
from wisp.core.resample import resize
from wisp.engine.families.dim import dim
from wisp.engine.families.dlmn import dlmn
from wisp.engine.families.portrait import enlarge, portrait
from wisp.engine.families.segmenter import segment
from wisp.engine.models import DEFAULTS, FAMILIES
from wisp.engine.peers.chosen import chosen_peer, peer_alpha
from wisp.engine.sessions import Device, Precision
from wisp.io.images import read_grey, read_photo, read_trimap
from wisp.matting.classical import METHODS, Solution, guided_filter
from wisp.matting.classical.initial_alpha import prior
from wisp.matting.cleaning import clean
from wisp.matting.foreground import estimate_foreground
from wisp.matting.trimap import mask_from_trimap, trimap_from_mask, with_known

Method: TypeAlias = Literal["auto", "portrait", "dim", "dlmn", "closed-form", "knn", "random-walk"]
Refinement: TypeAlias = Literal["none", "guided-filter"]

TRIMAP_METHOD: Final = "dim"
"""What ``auto`` is where a trimap is given."""
MASK_METHOD: Final = "closed-form"
"""What ``auto`` is where a mask is given, whose trimap is only as right as the mask (docs/decisions/008)."""
SOLVED_PIXELS: Final = 2_000_000
"""Larger photos are matted at this size, then enlarged while the portrait network refines the border."""
LED: Final = "portrait-mobile-led"
"""The portrait network that closed-form matting leads, in ``auto`` without guidance."""
PORTRAIT_SHARE: Final = (np.float32(0.5), np.float32(0.8))
"""The portrait network's share of what ``auto`` makes without guidance: where it agrees with closed-form
matting, and where it does not; chosen in docs/decisions/024."""
DOUBT: Final = (np.float32(0.1), np.float32(0.5))
"""Differences between which it counts less and less as agreeing; likewise. Of what the mask's trimap calls
known it overrules as much."""
AGREED: Final = 0.97
"""The network's least mean alpha over a subject's known foreground; below, it takes it for no person. Of 202
people's, none was below 0.99 (docs/decisions/026)."""
NO_SUBJECT: Final = "no subject was found; the alpha is empty"


@dataclass(frozen=True)
class Result:
    """A matte and how it came about.

    Attributes:
        matte: alpha and foreground, of the photo's size.
        mask: the soft mask that was used, given or found; None when a trimap or an alpha was given.
        trimap: the trimap that was used, given or made; None when there was none.
        solution: what the solver did; None when a network found alpha or there was nothing to solve.
        notes: what the user should know, each a short sentence without a full stop.
    """

    matte: Matte
    mask: Mask | None = None
    trimap: Trimap | None = None
    solution: Solution | None = None
    notes: tuple[str, ...] = ()


def run(
    image: Image,
    *,
    method: Method = "auto",
    trimap: Trimap | None = None,
    mask: Mask | None = None,
    alpha: Alpha | None = None,
    refine: Refinement = "none",
    model: str | Path | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
    opacity: Alpha | None = None,
    plate: Background | None = None,
) -> Result:
    """Everything that `cutout` does, with what came of each step.

    Args and errors are those of `cutout`, but that `image` and the guidance are arrays here, and for
    `opacity`: the alpha channel that the photo's own file had, float32 (H, W). What is transparent there
    stays so, unless a finished alpha is given.
    """
    check_image(image)
    check_method(method, model)
    _check_one_guidance(trimap=trimap, mask=mask, alpha=alpha, plate=plate)
    if alpha is not None:
        check_same_size("alpha", check_alpha(alpha), "image", image)
        return Result(Matte(alpha, estimate_foreground(image, alpha)))
    if trimap is not None:
        check_same_size("trimap", check_trimap(trimap), "image", image)
    if mask is not None:
        check_same_size("mask", check_alpha(mask, "mask"), "image", image)
    found = estimate(
        image, method, trimap, mask, model=model, device=device, precision=precision, plate=plate
    )
    alpha, trimap = found.alpha, found.trimap
    if found.mask is not None and not alpha.any():
        return Result(Matte(alpha, image), found.mask, trimap, notes=(NO_SUBJECT,))
    if refine == "guided-filter":
        alpha = guided_filter(image, alpha)
        alpha = alpha if trimap is None else with_known(alpha, trimap)
    if opacity is not None:
        check_same_size("opacity", check_alpha(opacity, "opacity"), "image", image)
        alpha = np.minimum(alpha, opacity)
    matte = Matte(alpha, estimate_foreground(image, alpha))
    return Result(matte, found.mask, trimap, found.solution, _notes(found.solution))


class Estimate(NamedTuple):
    """Alpha and what it was estimated from."""

    alpha: Alpha
    mask: Mask | None = None
    trimap: Trimap | None = None
    solution: Solution | None = None


def estimate(
    image: Image,
    method: Method,
    trimap: Trimap | None,
    mask: Mask | None,
    *,
    model: str | Path | None,
    device: Device,
    precision: Precision,
    plate: Background | None = None,
) -> Estimate:
    """Alpha by the method asked for; what it needs and was not given is found first.

    Args and errors are those of `run`, which checks them; foreground colours are left out.
    """
    peer = chosen_peer(model)
    if peer is not None:
        alpha = peer_alpha(
            peer, image, trimap=trimap, mask=mask, plate=plate, device=device, precision=precision
        )
        return Estimate(alpha, alpha if trimap is None else None, trimap)
    if plate is not None:
        raise InputError("plate", "is for a network that compares with it", "the model bgmv2 is accepted")
    if method == "auto":
        if trimap is None and mask is None:
            return _unguided(image, model=model, device=device, precision=precision)
        method = MASK_METHOD if trimap is None else TRIMAP_METHOD
    if method in ("portrait", "dlmn"):
        network = portrait if method == "portrait" else dlmn
        if trimap is not None:
            guess = mask_from_trimap(trimap)
            alpha = network(image, guess, model=model, device=device, precision=precision)
            return Estimate(with_known(alpha, trimap), trimap=trimap)
        if mask is None:
            mask = segment(image, device=device, precision=precision)
        alpha = network(image, mask, model=model, device=device, precision=precision)
        return Estimate(clean(alpha), mask)
    if trimap is None:
        if mask is None:
            segmenter = model if family_of(method) == "segmenter" else None
            mask = segment(image, model=segmenter, device=device, precision=precision)
        trimap = trimap_from_mask(mask)
    if method == "dim":
        alpha = dim(image, trimap, model=model, device=device, precision=precision)
        return Estimate(alpha, mask, trimap)
    solution = METHODS[method](image, trimap)
    return Estimate(solution.alpha, mask, trimap, solution)


def _unguided(image: Image, *, model: str | Path | None, device: Device, precision: Precision) -> Estimate:
    """Alpha of people: closed-form matting at half size leads the portrait network, and both are averaged.

    Closed-form matting follows colours exactly but spreads where subject and background are alike; the
    portrait network knows what people look like, the better the nearer to the truth what leads it, and is
    softer. Their average is better than either; the network's border refinement would take a third of the
    time for little (docs/decisions/024).
    """
    mask = segment(image, model=model, device=device, precision=precision)
    trimap = trimap_from_mask(mask)
    if not (trimap == UNKNOWN).any():  # nobody, or nothing else
        return Estimate((trimap == FOREGROUND).astype(np.float32), mask, trimap)
    seen, seen_trimap = image, trimap
    shrunk = min(1.0, (SOLVED_PIXELS / mask.size) ** 0.5)
    if shrunk < 1:
        size = max(1, round(mask.shape[0] * shrunk)), max(1, round(mask.shape[1] * shrunk))
        seen, seen_trimap = resize(image, *size), trimap_from_mask(resize(mask, *size).clip(0, 1))
    first = prior(seen, seen_trimap)
    network = portrait(seen, first, model=LED, device=device, precision=precision, refined=False)
    trusted = recognised(network, seen_trimap)
    if trusted.any():
        alpha = joined(first, network, seen_trimap, trusted)
    else:  # no person is there: closed-form matting has to do it alone, at full size
        alpha = METHODS["closed-form"](seen, seen_trimap).alpha
    if shrunk < 1:
        alpha = enlarge(alpha, image, device=device, precision=precision)
    return Estimate(clean(alpha), mask, trimap)


def recognised(network: Alpha, trimap: Trimap) -> npt.NDArray[np.bool_]:
    """Where the portrait network has a say: in and around the subjects that it takes for people.

    It knows people alone. A connected subject of whose known foreground it denies more than `AGREED` allows,
    such as a plush that a segmenter of the user's own has found, is none of its business.

    Args:
        network: the portrait network's alpha, float32 (H, W), [0, 1].
        trimap: uint8 (H, W), 0, 128 and 255.

    Returns:
        bool (H, W); the background counts wherever there is one such subject.
    """
    subjects, count = ndimage.label(trimap, np.ones((3, 3)))
    known = np.flatnonzero(trimap == FOREGROUND)
    number = subjects.ravel()[known]
    area = np.bincount(number, minlength=count + 1)
    agreed = np.bincount(number, network.ravel()[known], minlength=count + 1) >= AGREED * area
    agreed[0] = bool(agreed[1:].any())
    trusted: npt.NDArray[np.bool_] = agreed[subjects]
    return trusted


def joined(first: Alpha, network: Alpha, trimap: Trimap, trusted: npt.NDArray[np.bool_]) -> Alpha:
    """A mean of two alphas where a mask's trimap is unknown; elsewhere the mask, unless it is overruled.

    A mask is wrong in places that its trimap calls known. Where the network is far from what is known there,
    it has seen more than the segmenter did.

    Args:
        first: closed-form matting's, float32 (H, W), [0, 1]; 0 and 1 where the trimap is known.
        network: the portrait network's, likewise.
        trimap: uint8 (H, W), 0, 128 and 255.
        trusted: where the network has a say (`recognised`); elsewhere the first alpha stays.

    Returns:
        float32 (H, W), [0, 1].
    """
    (least, most), (agreeing, differing) = DOUBT, PORTRAIT_SHARE
    doubt = ((np.abs(network - first) - least) / (most - least)).clip(0, 1)
    share = np.where(trimap == UNKNOWN, agreeing + (differing - agreeing) * doubt, doubt)
    alpha: Alpha = first + np.where(trusted, share, np.float32(0)) * (network - first)
    return alpha


def cutout(
    image: Image | str | Path,
    *,
    method: Method = "auto",
    trimap: Trimap | str | Path | None = None,
    mask: Mask | str | Path | None = None,
    alpha: Alpha | str | Path | None = None,
    refine: Refinement = "none",
    model: str | Path | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
    plate: Background | str | Path | None = None,
) -> Matte:
    """Cut the subject out of a photo.

    Without guidance a network finds where people are. At most one of `trimap`, `mask` and `alpha` replaces
    the steps before it; all have the size of the upright photo. Nothing is stretched to fill [0, 1]: a photo
    without a subject gives an empty alpha.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1]; or the path of a photo.
        method: how alpha is estimated: ``portrait`` or ``dlmn`` (for people) or ``dim``, all networks,
            ``closed-form``, ``knn`` or ``random-walk`` (where the trimap is unknown). ``auto`` is dim with a
            trimap, closed-form with a mask, and without either the average of portrait and of the closed-form
            matting that leads it.
        trimap: uint8 (H, W), 0 background, 128 unknown, 255 foreground; or the path of one.
        mask: soft or hard segmentation, float32 (H, W), [0, 1]; or the path of one.
        alpha: finished alpha, float32 (H, W), [0, 1], or the path of one: only the foreground is estimated.
        refine: ``guided-filter`` smooths alpha along the photo's edges; known pixels of a trimap keep their
            value.
        model: a network other than the default, its name or an ONNX file: the method's, or the segmentation
            network of methods that have none of their own. Or somebody else's network in the method's place:
            a name of the model store, or ``modnet=FILE.onnx`` (`wisp.engine.peers.PEERS`).
        device: what the network runs on: ``auto``, ``cpu`` or ``gpu``.
        precision: what the network computes in: ``auto``, ``fp32``, ``bf16`` or ``int8``.
        plate: the same place without the subject, float32 (H, W, 3), or the path of a photo of it, for a
            model that compares with it (``bgmv2``).

    Returns:
        Alpha and the subject's own colours, both of the photo's size.

    Raises:
        InputError: an array of the wrong kind or size, a file that cannot be read, an unknown word.
        MissingExtraError: a file or device whose package is not installed.
    """
    opacity = None
    if isinstance(image, str | Path):
        photo = read_photo(image)
        image, opacity = photo.image, photo.alpha
    return run(
        image,
        method=method,
        trimap=read_trimap(trimap) if isinstance(trimap, str | Path) else trimap,
        mask=read_grey(mask) if isinstance(mask, str | Path) else mask,
        alpha=read_grey(alpha) if isinstance(alpha, str | Path) else alpha,
        refine=refine,
        model=model,
        device=device,
        precision=precision,
        opacity=opacity,
        plate=read_photo(plate).image if isinstance(plate, str | Path) else plate,
    ).matte


def estimate_alpha(image: Image, trimap: Trimap, *, method: Method = "auto") -> Alpha:
    """Alpha from an image and a trimap.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1].
        trimap: uint8 (H, W), 0 background, 128 unknown, 255 foreground.
        method: ``dim`` (after Xu et al. 2017; ``auto`` is this one), ``closed-form`` (Levin, Lischinski,
            Weiss 2008), ``knn`` (Chen, Li, Tang 2013) or ``random-walk`` (Grady et al. 2005).

    Returns:
        float32 (H, W), [0, 1]; exactly 0 and 1 where the trimap is known.

    Raises:
        InputError: arrays of the wrong kind or of different sizes, or a method that does not exist.
    """
    check_same_size("trimap", check_trimap(trimap), "image", check_image(image))
    check_method(method)
    found = estimate(image, method, trimap, None, model=None, device="auto", precision="auto")
    return found.alpha


def composite(
    matte: Matte, background: Background | str | Path, *, fit: Fit = "cover", anchor: Anchor = "centre"
) -> Image:
    """Set a matte on another background, with the subject's own colours.

    Args:
        matte: alpha (H, W) and foreground (H, W, 3), as `cutout` gives them.
        background: float32 (h, w, 3), sRGB-encoded, [0, 1], of any size; a colour, by CSS name or as
            ``#rrggbb``; or the path of a picture.
        fit: how a background of another size is made to fit: ``cover``, ``contain`` or ``stretch``.
        anchor: which part of it stays when it is cropped: ``centre``, ``top``, ``bottom-left`` ….

    Returns:
        float32 (H, W, 3), [0, 1].

    Raises:
        InputError: an array of the wrong kind, a file that cannot be read, an unknown word.
    """
    size = matte.alpha.shape
    if isinstance(background, str):
        try:
            return over(matte.foreground, matte.alpha, np.array(colour(background), np.float32))
        except InputError:
            if not Path(background).exists():
                accepted = "an array, a colour (a CSS name or #rrggbb) or the path of a picture is accepted"
                raise InputError(background, "is no file and no colour", accepted) from None
    picture = read_photo(background).image if isinstance(background, str | Path) else background
    return over(matte.foreground, matte.alpha, fit_background(picture, size, fit, anchor))


def family_of(method: str) -> str:
    """The family of the network that `model` replaces: that of the method, else the segmenter."""
    return method if method in FAMILIES else "segmenter"


def check_method(method: str, model: str | Path | None = None) -> None:
    """Raise `InputError` unless `method` is one that this version has, or `model` is the network it lacks."""
    peer = chosen_peer(model)
    if peer is not None and method != "auto":
        problem = f"is {method!r} while {peer.peer.family} finds alpha by itself"
        raise InputError("method", problem, "auto is accepted with it")
    networks = [name for name in ("portrait", "dim", "dlmn") if name in DEFAULTS or model is not None]
    available = ("auto", *networks, *METHODS)
    if method not in available:
        known = method in get_args(Method)
        problem = f"{method} is not available in this version" if known else f"is {method!r}"
        raise InputError("method", problem, f"{', '.join(available)} are accepted")


def _check_one_guidance(**guidance: object) -> None:
    given = [name for name, array in guidance.items() if array is not None]
    if len(given) > 1:
        raise InputError(" and ".join(given), "are both given", "at most one guidance is accepted")


def _notes(solution: Solution | None) -> tuple[str, ...]:
    if solution is None or solution.converged:
        return ()
    return (f"{solution.method} did not converge (residual {solution.residual:.1g}); its best alpha is kept",)
