"""Foreground colours by Bayesian matting, with alpha given.

Chuang, Curless, Salesin and Szeliski 2001, "A Bayesian Approach to Digital Matting": the likeliest F and B
given clusters of colour around each pixel, as `wisp.matting.classical.bayesian` finds them along with alpha.
Here alpha is given, so that F and B are the solution of one small linear system a pair of clusters.

Known are the pixels where α is 0 or 1. Where a photo lacks one of the two there are no clusters, and F and B
are those of `wisp.matting.foreground.multilevel`; off the soft band they are its coarse model.
"""

from __future__ import annotations

import numpy as np

from wisp.core.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Alpha, Image
from wisp.core.threads import one_blas_thread
from wisp.matting.classical.bayesian import estimate_layers
from wisp.matting.foreground.multilevel import Layers, estimate_multilevel
from wisp.matting.foreground.smooth_layers import fit_smooth_layers


def estimate_bayesian(image: Image, alpha: Alpha) -> Layers:
    """F and B by clusters of colour.

    Args:
        image: float32 (H, W, 3), [0, 1].
        alpha: float32 (H, W), [0, 1].
    """
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[alpha <= 0], trimap[alpha >= 1] = BACKGROUND, FOREGROUND
    rows, columns = np.nonzero(trimap == UNKNOWN)
    if not (rows.size and (trimap == BACKGROUND).any() and (trimap == FOREGROUND).any()):
        return estimate_multilevel(image, alpha)
    with one_blas_thread:
        found = estimate_layers(image, trimap, alpha)
    band = np.concatenate([found.foreground, found.background]).T
    smooth = fit_smooth_layers(image, alpha, trimap == UNKNOWN)
    return Layers(image, alpha, smooth, rows.astype(np.int32), columns.astype(np.int32), band)
