"""How far estimated foreground colours are from the true ones, where that shows: at soft edges."""

from __future__ import annotations

from typing import Final

import numpy as np

from wisp.core.arrays import Alpha, Foreground, check_alpha, check_image, check_same_size

SOFT: Final = (0.05, 0.95)
"""Between these alphas a pixel shows both sides, and its own colour does not tell the subject's."""


def colour_error(prediction: Foreground, truth: Foreground, alpha: Alpha) -> float | None:
    """Mean absolute difference of colours in 255ths, where the true alpha is soft.

    Args:
        prediction: float32 (H, W, 3), [0, 1].
        truth: the true foreground, of the same form.
        alpha: the true alpha, float32 (H, W), [0, 1].

    Returns:
        0 to 255; None where no pixel is soft.

    Raises:
        InputError: arrays of another form, or of different sizes.
    """
    check_same_size("prediction", check_image(prediction), "truth", check_image(truth, "truth"))
    check_same_size("alpha", check_alpha(alpha), "truth", truth)
    soft = (alpha > SOFT[0]) & (alpha < SOFT[1])
    if not soft.any():
        return None
    return float(255 * np.abs(prediction[soft] - truth[soft]).mean())
