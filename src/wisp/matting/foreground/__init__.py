"""Foreground colours: the subject's own colours F (and the background's B) behind I = αF + (1 − α)B.

A cut-out that keeps the photo's colours carries a rim of the old background wherever alpha is soft. Every
result that shows the subject on something else uses F from here instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias, get_args

from wisp.core.arrays import Alpha, Background, Foreground, Image, as_alpha, as_image, check_same_size
from wisp.core.errors import InputError
from wisp.matting.foreground.bayesian import estimate_bayesian
from wisp.matting.foreground.blur_fusion import estimate_blur_fusion
from wisp.matting.foreground.closed_form import estimate_closed_form
from wisp.matting.foreground.multilevel import Layers, estimate_multilevel

__all__ = ["DEFAULT", "ForegroundMethod", "estimate_foreground", "estimate_foreground_background"]

ForegroundMethod: TypeAlias = Literal[
    "multilevel", "closed-form", "bayesian", "blur-fusion", "blur-fusion-1x"
]

DEFAULT: Final[ForegroundMethod] = "multilevel"
"""What measures best for its time in ``benchmarks/foreground.py``."""

_PASSES: Final = {"blur-fusion": 2, "blur-fusion-1x": 1}
_LAYERS: Final[Mapping[str, Callable[[Image, Alpha], Layers]]] = {
    "multilevel": estimate_multilevel,
    "closed-form": estimate_closed_form,
    "bayesian": estimate_bayesian,
}


def estimate_foreground(image: Image, alpha: Alpha, *, method: ForegroundMethod = DEFAULT) -> Foreground:
    """The subject's own colours at every pixel.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1]; or what `wisp.core.arrays.as_image` converts:
            uint8, uint16, other floats, grey.
        alpha: float32 (H, W), [0, 1]; or what `wisp.core.arrays.as_alpha` converts.
        method: ``"multilevel"`` (Germer et al. 2020, see `wisp.matting.foreground.multilevel`),
            ``"closed-form"`` (Levin et al. 2008, see `wisp.matting.foreground.closed_form`), ``"bayesian"``
            (Chuang et al. 2001, see `wisp.matting.foreground.bayesian`), ``"blur-fusion"`` or
            ``"blur-fusion-1x"`` (Forte 2021, two passes or one, see `wisp.matting.foreground.blur_fusion`).

    Returns:
        float32 (H, W, 3), [0, 1]: the image itself where α = 1; a continuation of the subject's colours where
        α = 0, so that scaling a cut-out pulls no other colour into its edge.

    Raises:
        InputError: an array of another kind or size, values out of [0, 1] or NaN, or an unknown method.
    """
    image, alpha = _checked(image, alpha, method)
    if method in _LAYERS:
        return _LAYERS[method](image, alpha).foreground()
    return estimate_blur_fusion(image, alpha, passes=_PASSES[method])[0]


def estimate_foreground_background(
    image: Image, alpha: Alpha, *, method: ForegroundMethod = DEFAULT
) -> tuple[Foreground, Background]:
    """The subject's and the background's own colours at every pixel.

    Args:
        image: float32 (H, W, 3), sRGB-encoded, [0, 1]; or what `wisp.core.arrays.as_image` converts:
            uint8, uint16, other floats, grey.
        alpha: float32 (H, W), [0, 1]; or what `wisp.core.arrays.as_alpha` converts.
        method: as for `estimate_foreground`.

    Returns:
        foreground: float32 (H, W, 3), [0, 1], as `estimate_foreground` gives it.
        background: float32 (H, W, 3), [0, 1]: the image itself where α = 0; a smooth continuation of its
            surroundings where α = 1.

    Raises:
        InputError: an array of another kind or size, values out of [0, 1] or NaN, or an unknown method.
    """
    image, alpha = _checked(image, alpha, method)
    if method in _LAYERS:
        layers = _LAYERS[method](image, alpha)
        return layers.foreground(), layers.background()
    return estimate_blur_fusion(image, alpha, passes=_PASSES[method])


def _checked(image: Image, alpha: Alpha, method: str) -> tuple[Image, Alpha]:
    image, alpha = as_image(image), as_alpha(alpha)
    check_same_size("alpha", alpha, "image", image)
    methods = get_args(ForegroundMethod)
    if method not in methods:
        raise InputError("method", f"is {method!r}", f"{', '.join(methods)} are accepted")
    return image, alpha
