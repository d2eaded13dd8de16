"""The methods that matte one frame of a clip, by the names of ``--method``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from wisp.clips.alpha import (
    PortraitMethod,
    WarpedPrevious,
    matte_by_dlmn,
    matte_by_segmenter,
    working_picture,
)
from wisp.clips.motion import WithMotion
from wisp.clips.selection import Selection
from wisp.clips.steady import AlphaMethod
from wisp.core.arrays import Alpha, Image
from wisp.core.errors import InputError
from wisp.core.opencv import opencv
from wisp.core.settings import CLIPS
from wisp.engine.engine import ENGINE, Engine
from wisp.engine.families import Wanted
from wisp.engine.families.portrait import portrait
from wisp.engine.families.subject import find_subject
from wisp.engine.models import find_model, ssrn_of
from wisp.methods import check_method, family_of
from wisp.pipeline import estimate


def alpha_method(
    name: str = "auto",
    *,
    model: str | Path | None = None,
    engine: Engine = ENGINE,
    ssrn: bool | None = None,
    subject: Wanted = "auto",
    things: float = CLIPS.thing,
    selected: Selection | None = None,
) -> AlphaMethod:
    """The function that mattes a frame; its network is loaded now, so that its faults show at once.

    Args:
        name: ``auto`` is `PortraitMethod`, the portrait network on a small picture; ``segmenter`` is
            `matte_by_segmenter`, coarser; ``portrait`` refines the border as for photos, which takes twice
            the time; ``dlmn`` is `matte_by_dlmn` and sees the neighbouring frames, too; the rest are those
            of `wisp.pipeline.estimate` and take seconds a frame.
        model: a network other than the default: its name or an ONNX file.
        engine: what runs the network.
        ssrn: whether ``dlmn``'s second network refines what its first has found; None: where there is one.
        subject: what to look for, see `wisp.clips.alpha.PortraitMethod`; for ``auto`` alone.
        things: how soon ``auto`` takes a thing for the subject while nobody is there, see there.
        selected: whom to follow from the first frame on; for ``auto`` alone.

    Raises:
        InputError: no such method or network, a device or precision that is not here, or a subject where the
            method looks for none.
        MissingExtraError: OpenCV is not installed.
    """
    opencv()
    if name != "auto" and (subject != "auto" or selected is not None):
        option = "subject" if selected is None else "selected"
        problem = f"changes nothing: method {name} looks for what it knows in each frame"
        raise InputError(option, problem, "method auto is accepted with it")
    if name not in ("auto", "segmenter"):
        check_method(name, model)
    if ssrn is not None and name != "dlmn":
        raise InputError("--ssrn", f"changes nothing beside --method {name}", "dlmn has one")
    family = "portrait" if name == "auto" else family_of(name)
    row = find_model(model, family)
    engine.session_of(row)
    if name == "dlmn":
        refiner = ssrn_of(row, ssrn)
        if refiner is not None:
            engine.session_of(refiner)
        return WithMotion(partial(matte_by_dlmn, model=model, engine=engine, ssrn=ssrn))
    if name == "auto":
        return PortraitMethod(model, engine, subject, things, selected)
    quick = {"segmenter": matte_by_segmenter, "portrait": _portrait_alpha}.get(name)
    if quick is not None:
        return partial(quick, model=model, engine=engine)

    def alpha_of(image: Image, past: WarpedPrevious | None = None, /) -> Alpha:
        found = estimate(image, name, None, None, model=model, engine=engine)
        return found.alpha

    return alpha_of


def _portrait_alpha(
    image: Image,
    past: WarpedPrevious | None = None,
    /,
    *,
    model: str | Path | None,
    engine: Engine,
) -> Alpha:
    """The portrait network's alpha, from a mask that is found on a small picture."""
    cv2 = opencv()
    height, width = image.shape[:2]
    mask = find_subject(working_picture(image, CLIPS.alpha_side), engine=engine).mask
    large = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    return portrait(image, large, model=model, engine=engine)
